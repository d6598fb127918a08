package io.postroom.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** A file under {@code db/} as psql would send it: {@code :'name'} stands for a quoted value. */
public record SqlFile(Path path, String text) {
    public static SqlFile read(Path path) {
        try {
            return new SqlFile(path, Files.readString(path));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The one statement, with the values of {@code psql -v name=value}. */
    public String statement(Map<String, String> values) {
        String statement = text;
        for (Map.Entry<String, String> value : values.entrySet()) {
            statement = statement.replace(
                    ":'" + value.getKey() + "'", "'" + value.getValue().replace("'", "''") + "'");
        }
        String stripped = statement.strip();
        return stripped.substring(0, stripped.length() - 1);
    }
}
