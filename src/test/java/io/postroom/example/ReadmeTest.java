package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageState;
import io.postroom.api.QueueSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the README and the pages in docs state can be checked, without a database. */
class ReadmeTest {
    private static final Pattern LINK = Pattern.compile("\\]\\((?!https?:)([^)#]*)(?:#([^)]+))?\\)");
    private static final int LONGEST_LINE = 120;

    private final String readme = Snippet.read(Path.of("README.md"));
    private final String states = Snippet.read(Path.of("docs/state-machine.md"));

    @Test
    void table_of_moves_is_the_one_in_the_code() {
        for (MessageState state : MessageState.values()) {
            assertThat(shownMoves(state)).as("moves from %s", state).isEqualTo(state.next());
        }
    }

    private Set<MessageState> shownMoves(MessageState state) {
        String row = states.lines()
                .filter(line -> line.startsWith("| " + state + " |"))
                .findFirst()
                .orElseThrow();
        String moves = row.split("\\|")[2].strip();
        return moves.equals("nowhere")
                ? EnumSet.noneOf(MessageState.class)
                : Arrays.stream(moves.split(","))
                        .map(name -> MessageState.valueOf(name.strip()))
                        .collect(Collectors.toSet());
    }

    @Test
    void every_legal_move_has_somebody_who_makes_it_or_is_said_to_have_none() {
        String movers = states.substring(states.indexOf("## Who moves"));
        for (MessageState state : MessageState.values()) {
            for (MessageState next : state.next()) {
                assertThat(movers.lines().filter(line -> line.startsWith("| ")))
                        .as("%s to %s", state, next)
                        .anySatisfy(line -> assertThat(line.split("\\|")[1])
                                .matches(".*\\b" + state + "\\b[A-Z, ]*→ " + next + "\\b.*"));
            }
        }
    }

    @Test
    void linked_files_and_headings_are_there() {
        for (Path page : Snippet.pages()) {
            Matcher link = LINK.matcher(Snippet.read(page));
            while (link.find()) {
                Path target = link.group(1).isEmpty()
                        ? page
                        : Path.of("")
                                .resolve(page)
                                .resolveSibling(link.group(1))
                                .normalize();
                assertThat(target).as("linked in %s", page).exists();
                if (link.group(2) != null) {
                    assertThat(anchors(target)).as("linked in %s", page).contains(link.group(2));
                }
            }
        }
    }

    private static List<String> anchors(Path page) {
        return Snippet.read(page)
                .lines()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceFirst("^#+ ", "")
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^a-z0-9 -]", "")
                        .replace(' ', '-'))
                .toList();
    }

    /** What only jobs see is left out: they catch it, or log it. */
    @Test
    void states_that_functions_raise_for_users_are_in_the_table_of_operations() throws IOException {
        Set<String> named = table("docs/operations.md", "| SQLSTATE |")
                .flatMap(row ->
                        Pattern.compile("\\w+").matcher(row.split("\\|")[1]).results())
                .map(MatchResult::group)
                .collect(Collectors.toSet());
        Pattern raised = Pattern.compile("ERRCODE = '(\\w+)'");
        try (Stream<Path> files =
                Stream.concat(Files.list(Path.of("db/function")), Stream.of(Path.of("db/citus/door.sql")))) {
            Set<String> states = files.filter(file -> !file.toString().matches(".*/(partitions|purge)\\.sql"))
                    .flatMap(file -> raised.matcher(Snippet.read(file)).results())
                    .map(state -> state.group(1))
                    .collect(Collectors.toSet());
            assertThat(states)
                    .contains("22023", "PR404")
                    .allSatisfy(state -> assertThat(named).containsAnyOf(state, state.substring(0, 2) + "xxx"));
        }
    }

    @Test
    void settings_of_a_queue_are_in_the_table_of_configuration() {
        assertThat(table("docs/configuration.md", "| setting |").skip(2).map(row -> row.split("\\|")[1].strip()))
                .containsExactlyInAnyOrderElementsOf(Arrays.stream(QueueSettings.class.getRecordComponents())
                        .map(setting -> setting.getName().replace("maxAttempts", "attempts"))
                        .filter(setting -> !setting.equals("queue"))
                        .toList());
    }

    /** The rows of a table, its head included. */
    private static Stream<String> table(String page, String head) {
        String text = Snippet.read(Path.of(page));
        return text.substring(text.indexOf(head)).lines().takeWhile(line -> !line.isEmpty());
    }

    @Test
    void every_page_is_named_in_the_readme() {
        assertThat(Snippet.pages())
                .allSatisfy(page -> assertThat(readme.contains("(" + page + ")") || page.endsWith("README.md"))
                        .as("%s", page)
                        .isTrue());
    }

    /** Tables cannot be wrapped. */
    @Test
    void lines_are_short() {
        for (Path page : Snippet.pages()) {
            assertThat(Snippet.read(page).lines().filter(line -> !line.startsWith("|") && line.length() > LONGEST_LINE))
                    .as("%s", page)
                    .isEmpty();
        }
    }

    @Test
    void no_placeholder_is_left() {
        for (Path page : Snippet.pages()) {
            assertThat(Snippet.read(page))
                    .as("%s", page)
                    .doesNotContain(
                            "<!-- first-run -->",
                            "<!-- mail -->",
                            "<!-- settings -->",
                            "<!-- speed -->",
                            "<!-- mission -->",
                            "CRASH_RESULT",
                            "GUARDS of",
                            "TODO");
        }
    }
}
