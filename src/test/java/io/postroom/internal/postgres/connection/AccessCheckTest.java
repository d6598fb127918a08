package io.postroom.internal.postgres.connection;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The lists of what a worker needs, against the SQL that a worker sends. How missing rights are said: {@code RightsTest}. */
class AccessCheckTest {
    private static final Pattern NAME = Pattern.compile("postroom\\.([a-z_]+)(\\(?)");
    private static final Pattern FUNCTION = Pattern.compile(
            "CREATE OR REPLACE FUNCTION postroom\\.([a-z_]+)\\(.*?AS \\$\\$(.*?)\\n\\$\\$", Pattern.DOTALL);

    @Test
    void lists_name_what_the_statements_of_a_worker_use() throws IOException {
        Map<String, String> bodies = new HashMap<>();
        for (String file : read(Path.of("db/function"))) {
            Matcher function = FUNCTION.matcher(file);
            while (function.find()) {
                bodies.merge(function.group(1), function.group(2), String::concat);
            }
        }
        Set<String> functions = new TreeSet<>();
        Set<String> relations = new TreeSet<>();
        for (String file : read(Path.of("src/main/java/io/postroom/internal/postgres"))) {
            file.lines()
                    .filter(line -> !line.startsWith("import ")
                            && !line.startsWith("package ")
                            && !line.strip().startsWith("*"))
                    .forEach(line -> collect(line, bodies, functions, relations));
        }
        relations.removeAll(List.of(
                // a history that a worker must not change, a type of messages, names of queues, settings
                "settings_change",
                "ready_seq",
                "shedlock",
                "kill",
                "reply",
                "change",
                "change_of_transaction",
                "declare_exchange",
                "recount",
                "routing_changed_in",
                "settings_actor",
                "wait_for_room",
                // read by require_not_moved with the rights of its owner
                "home",
                "home_rules",
                "home_past_rules"));

        assertThat(functions).isEqualTo(new TreeSet<>(Set.of(NeededRights.FUNCTIONS)));
        Set<String> listed = new TreeSet<>(Set.of(NeededRights.TABLES));
        listed.addAll(List.of(NeededRights.VIEWS));
        assertThat(listed).containsAll(relations);
    }

    private static void collect(String text, Map<String, String> bodies, Set<String> functions, Set<String> relations) {
        Matcher name = NAME.matcher(text);
        while (name.find()) {
            String found = name.group(1);
            if (name.group(2).isEmpty()) {
                relations.add(found);
            } else if (bodies.containsKey(found) && functions.add(found)) {
                collect(bodies.get(found), bodies, functions, relations);
            }
        }
    }

    /** The files of a folder, without those below it: days and connections are the affair of others. */
    private static List<String> read(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> {
                        try {
                            return Files.readString(file);
                        } catch (IOException e) {
                            throw new java.io.UncheckedIOException(e);
                        }
                    })
                    .toList();
        }
    }
}
