package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the README states can be checked. */
class ReadmeTest {
    private static final Pattern LINK = Pattern.compile("\\]\\((?!https?:)([^)#]+)");

    private final String readme = Files.readString(Path.of("README.md"));

    ReadmeTest() throws IOException {}

    @Test
    void table_of_moves_is_the_one_in_the_code() {
        for (MessageState state : MessageState.values()) {
            Set<MessageState> shown = state.isFinished() ? EnumSet.noneOf(MessageState.class) : shownMoves(state);
            assertThat(shown).as("moves from %s", state).isEqualTo(state.next());
        }
        assertThat(readme).contains("| DONE, CANCELLED, EXPIRED | nowhere");
    }

    private Set<MessageState> shownMoves(MessageState state) {
        String row = readme.lines()
                .filter(line -> line.startsWith("| " + state + " |"))
                .findFirst()
                .orElseThrow();
        return Arrays.stream(row.split("\\|")[2].split(","))
                .map(name -> MessageState.valueOf(name.strip()))
                .collect(Collectors.toSet());
    }

    @Test
    void linked_files_are_there() {
        Matcher link = LINK.matcher(readme);
        while (link.find()) {
            assertThat(Path.of(link.group(1))).exists();
        }
    }

    @Test
    void every_property_of_the_starter_is_in_the_table() throws IOException {
        JsonNode metadata = JsonMapper.shared()
                .readTree(Files.readString(Path.of("target/classes/META-INF/spring-configuration-metadata.json")));
        for (JsonNode property : metadata.get("properties")) {
            String name = property.get("name").stringValue();
            assertThat(readme).contains("`" + (name.equals("postroom.handlers") ? name + ".<id>.*" : name) + "`");
        }
    }

    @Test
    void no_placeholder_is_left() {
        assertThat(readme)
                .doesNotContain(
                        "<!-- first-run -->",
                        "<!-- mail -->",
                        "<!-- settings -->",
                        "<!-- speed -->",
                        "<!-- mission -->");
    }
}
