package io.postroom.cli;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The dead letters of several homes as one answer. */
final class MergedPreview {
    private static final int FIRST_LETTERS = 10;
    private static final int ERRORS = 20;
    private static final Comparator<JsonNode> MOST_FREQUENT =
            Comparator.comparingLong(error -> -error.path("count").asLong(0));

    private MergedPreview() {}

    /**
     * Adds up what the homes answered: the counts, the oldest letters of all, and the most frequent errors. A home names 20 errors, so the
     * count of one that is rare there and frequent elsewhere may be too low.
     *
     * @param answer what it is written to
     */
    static ObjectNode of(List<JsonNode> previews, ObjectNode answer) {
        long count = 0;
        boolean more = false;
        List<JsonNode> letters = new ArrayList<>();
        Map<String, ObjectNode> errors = new LinkedHashMap<>();
        for (JsonNode preview : previews) {
            count += preview.path("count").asLong(0);
            more |= preview.path("more").asBoolean(false);
            preview.path("first").forEach(letters::add);
            for (JsonNode error : preview.path("fingerprints")) {
                errors.merge(BackendCommand.text(error, "fingerprint"), (ObjectNode) error, MergedPreview::sum);
            }
        }
        answer.put("count", count).put("more", more);
        ArrayNode first = answer.putArray("first");
        letters.stream()
                .sorted(HomesBackend.by("id").thenComparing(HomesBackend.by("queue")))
                .limit(FIRST_LETTERS)
                .forEach(first::add);
        ArrayNode fingerprints = answer.putArray("fingerprints");
        errors.values().stream()
                .sorted(MOST_FREQUENT.thenComparing(HomesBackend.by("fingerprint")))
                .limit(ERRORS)
                .forEach(fingerprints::add);
        return answer;
    }

    /** The same error on two homes, as on the one with the newer letter. */
    private static ObjectNode sum(ObjectNode one, ObjectNode other) {
        long count = one.path("count").asLong(0) + other.path("count").asLong(0);
        return (newest(one).isBefore(newest(other)) ? other : one).put("count", count);
    }

    private static Instant newest(JsonNode error) {
        return Instant.parse(BackendCommand.text(error, "newestAt"));
    }
}
