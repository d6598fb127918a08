package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The settings of docker-compose.yml and their sample. */
class ComposeFileTest {
    private static final Pattern ASKED = Pattern.compile("\\$\\{(POSTROOM_[A-Z_]+):([-?])([^}]*)}");
    private static final Pattern SAMPLE = Pattern.compile("(?m)^#(POSTROOM_[A-Z_]+)=(.*)$");

    private static List<MatchResult> found(Pattern pattern, String file) throws Exception {
        return pattern.matcher(Files.readString(Path.of(file))).results().toList();
    }

    @Test
    void sample_has_each_setting_of_the_compose_file_with_its_default() throws Exception {
        assertThat(found(SAMPLE, ".env.example").stream().map(set -> set.group(1) + "=" + set.group(2)))
                .containsExactlyInAnyOrderElementsOf(found(ASKED, "docker-compose.yml").stream()
                        .map(asked -> asked.group(1) + "=" + (asked.group(2).equals("-") ? asked.group(3) : ""))
                        .distinct()
                        .toList());
    }

    @Test
    void token_is_needed_and_a_previous_one_is_passed_on() throws Exception {
        assertThat(Files.readString(Path.of("docker-compose.yml")))
                .contains("POSTROOM_TOKEN: ${POSTROOM_TOKEN:?")
                .contains("POSTROOM_PREVIOUS_TOKEN: ${POSTROOM_PREVIOUS_TOKEN:-}");
    }
}
