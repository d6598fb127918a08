package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.MessageState;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
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
                            "TODO");
        }
    }
}
