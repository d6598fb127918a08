package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** One answer of what several homes gave. */
class MergedAnswersTest {
    private static ObjectNode preview(int count, boolean more) {
        ObjectNode preview =
                CliJson.MAPPER.createObjectNode().put("count", count).put("more", more);
        preview.putArray("first");
        preview.putArray("fingerprints");
        return preview;
    }

    private static void error(ObjectNode preview, String fingerprint, int count, String newestAt) {
        ((ArrayNode) preview.path("fingerprints"))
                .addObject()
                .put("fingerprint", fingerprint)
                .put("count", count)
                .put("newestAt", newestAt)
                .put("error", "of " + newestAt);
    }

    private static JsonNode merged(ObjectNode... previews) {
        return MergedPreview.of(List.of(previews), CliJson.MAPPER.createObjectNode());
    }

    @Test
    void counts_are_added_up_and_a_bound_of_one_home_is_a_bound_of_all() {
        JsonNode merged = merged(preview(2, false), preview(1_000, true));
        assertThat(merged.path("count").asInt()).isEqualTo(1_002);
        assertThat(merged.path("more").asBoolean()).isTrue();
    }

    @Test
    void the_ten_oldest_letters_of_all_homes_stay() {
        ObjectNode one = preview(8, false);
        ObjectNode other = preview(8, false);
        IntStream.range(0, 16)
                .forEach(number -> ((ArrayNode) (number % 2 == 0 ? one : other).path("first"))
                        .addObject()
                        .put("id", "%02d".formatted(number))
                        .put("queue", "mail"));
        JsonNode first = merged(one, other).path("first");
        assertThat(first)
                .extracting(letter -> letter.path("id").asString())
                .isEqualTo(IntStream.range(0, 10).mapToObj("%02d"::formatted).toList());
    }

    @Test
    void the_same_error_is_one_row_with_the_newer_text_and_twenty_rows_stay() {
        ObjectNode one = preview(8, false);
        ObjectNode other = preview(8, false);
        error(one, "same", 2, "2027-01-31T08:00:00Z");
        error(other, "same", 3, "2027-01-31T08:00:00.5Z");
        IntStream.range(0, 30).forEach(number -> error(one, "rare-%02d".formatted(number), 1, "2027-01-31T08:00:00Z"));
        JsonNode errors = merged(one, other).path("fingerprints");
        assertThat(errors).hasSize(20);
        assertThat(errors.get(0).path("count").asInt()).isEqualTo(5);
        assertThat(errors.get(0).path("error").asString()).isEqualTo("of 2027-01-31T08:00:00.5Z");
        assertThat(errors.get(1).path("fingerprint").asString()).isEqualTo("rare-00");
    }

    @Test
    void problems_of_any_home_stand_before_notes_and_a_home_that_refuses_is_not_called_down() {
        ObjectNode health = CliJson.MAPPER
                .createObjectNode()
                .put("home", "main")
                .put("healthy", true)
                .put("version", "18");
        ArrayNode findings = health.putArray("findings");
        findings.addObject().put("level", "NOTE").put("code", "clock").put("what", "a");
        findings.addObject().put("level", "PROBLEM").put("code", "rights").put("what", "b");
        health.putArray("tables").addObject().put("table", "ready");
        JsonNode merged = MergedHealth.of(new AskedHomes.Given<>(
                List.of(health), Map.of("second", CliException.refused("home \"second\": no right"))));
        assertThat(merged.path("healthy").asBoolean()).isFalse();
        assertThat(merged.path("findings"))
                .extracting(finding -> finding.path("code").asString())
                .containsExactly("home", "rights", "clock");
        assertThat(merged.path("findings").get(0).path("todo").asString()).isEqualTo("Look at it alone, with --home");
        assertThat(merged.path("findings").get(1).path("what").asString()).isEqualTo("home \"main\": b");
        assertThat(merged.path("homes").get(0).path("version").asString()).isEqualTo("18");
        assertThat(merged.path("tables").get(0).path("home").asString()).isEqualTo("main");
    }
}
