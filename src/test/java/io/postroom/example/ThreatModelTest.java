package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The page that says who may reach what: each of its lines has a test that exists. */
class ThreatModelTest {
    private static final Pattern NAMED = Pattern.compile("`(\\w+Test)#(\\w+)`");

    private final String page = Snippet.read(Path.of("docs/threat-model.md"));

    @Test
    void each_line_names_a_test() {
        List<String> rows = page.substring(0, page.indexOf("## Libraries"))
                .lines()
                .filter(line -> line.startsWith("|") && !line.startsWith("|---") && !line.startsWith("| may |"))
                .toList();
        assertThat(rows)
                .hasSizeGreaterThan(20)
                .allMatch(row -> NAMED.matcher(row).find());
    }

    @Test
    void each_named_test_exists() throws IOException {
        Map<String, String> sources;
        try (Stream<Path> files = Files.walk(Path.of("src/test/java"))) {
            sources = files.filter(file -> file.toString().endsWith("Test.java"))
                    .collect(Collectors.toMap(
                            file -> file.getFileName().toString().replace(".java", ""), Snippet::read, String::concat));
        }
        for (MatchResult named : NAMED.matcher(page).results().toList()) {
            assertThat(sources.getOrDefault(named.group(1), ""))
                    .as(named.group())
                    .contains("void " + named.group(2) + "(");
        }
    }
}
