package io.postroom.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Lines of code fit a screen. The formatter wraps neither comments nor texts nor SQL, so this test looks at them. */
class LineLengthTest {
    private static final int LONGEST_LINE = 140;
    private static final List<Path> ROOTS =
            List.of(Path.of("src/main"), Path.of("src/test"), Path.of("src/bench"), Path.of("db"));
    /** Written by the database, which puts a comment into one line. */
    private static final Path GENERATED = Path.of("db/schema.sql");
    /** An import, and an address that has a line of a comment to itself. */
    private static final Pattern CANNOT_BE_WRAPPED = Pattern.compile("import .*;|\\s*(\\*|//|--)\\s*\\S*https?://\\S+");

    @Test
    void lines_are_short() throws IOException {
        List<String> tooLong = new ArrayList<>();
        for (Path file : files()) {
            List<String> lines = Files.readAllLines(file);
            for (int i = 0; i < lines.size(); i++) {
                if (isTooLong(lines.get(i))) {
                    tooLong.add(file + ":" + (i + 1));
                }
            }
        }
        assertThat(tooLong).as("lines above %d columns", LONGEST_LINE).isEmpty();
    }

    private static boolean isTooLong(String line) {
        return line.length() > LONGEST_LINE && !CANNOT_BE_WRAPPED.matcher(line).matches();
    }

    private static List<Path> files() throws IOException {
        List<Path> files = new ArrayList<>();
        for (Path root : ROOTS) {
            try (Stream<Path> below = Files.walk(root)) {
                below.filter(file -> file.toString().matches(".*\\.(java|sql)") && !file.equals(GENERATED))
                        .forEach(files::add);
            }
        }
        assertThat(files).as("files below %s", ROOTS).isNotEmpty();
        return files;
    }
}
