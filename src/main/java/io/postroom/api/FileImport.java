package io.postroom.api;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A folder whose files become messages of a queue: a message for each file, or for each line of NDJSON or CSV. Immutable: every method
 * returns a changed copy. Worker processes that see the folder share the work.
 *
 * <pre>{@code
 * FileImport.of("orders", Path.of("/srv/inbox"), "orders").format(FileImport.Format.CSV).type("order", 1)
 * }</pre>
 *
 * <p>A file is taken once its size and time have not changed for {@code stableFor}. It moves to {@code processing} below the folder, and
 * from there to {@code done} or {@code failed}. Messages and the position in the file are committed together: a process may be killed at
 * any line, and no message is lost or created twice. Each message has the headers {@value #FILE_NAME} and, of a line, {@value #FILE_LINE},
 * and the direction {@link Direction#INCOMING}.
 *
 * @param name of the import, limited like a queue's name and at most 40 characters
 * @param folder absolute; empty: the endpoint of {@code settings}
 * @param settings the name of an entry of {@link SettingsRegistry}, whose endpoint is the folder. While it is missing, disabled or out of
 *     its validity, no file is taken
 * @param queue where the messages go
 * @param type of the messages; empty text: none
 * @param version of the type, from 1
 * @param format default {@link Format#NDJSON}
 * @param separator of CSV: a comma, semicolon, tab or vertical bar; default a comma
 * @param key the column or member whose value is the deduplication key of its message; empty (default): none. A line whose key is taken by
 *     a message with the same content creates none; with other content it is a bad line
 * @param stableFor default 2 s, 0 to 1 day
 * @param largestLine in bytes, 16 to 1 MiB (default). A longer line is a bad line
 * @param largestFile in bytes, default 10 GiB. A larger file fails. A file that is one message has 1 MiB at most
 * @param done what becomes of an imported file; default {@link Done#MOVE}
 * @param again whether a file with the name, size and content of an imported one is imported again; default false: it fails
 */
public record FileImport(
        String name,
        Optional<Path> folder,
        Optional<String> settings,
        String queue,
        String type,
        int version,
        Format format,
        char separator,
        Optional<String> key,
        Duration stableFor,
        int largestLine,
        long largestFile,
        Done done,
        boolean again) {
    /** Header of each message: the file's name. A control character in it is shown as an underscore. */
    public static final String FILE_NAME = "file-name";
    /** Header of each message of a line: the number of the line where it begins, from 1. */
    public static final String FILE_LINE = "file-line";

    private static final int MOST_OF_A_NAME = 40;
    private static final long LARGEST_FILE = 10L * 1024 * 1024 * 1024;

    /** What a file holds. */
    public enum Format {
        /** One JSON value: one message. */
        JSON,
        /** One message whose body is the file. */
        BYTES,
        /** A JSON value in each line; empty lines are left out. */
        NDJSON,
        /**
         * RFC 4180 in UTF-8 with names in the first line. A line becomes a JSON object of texts. Nothing between two separators is null,
         * and {@code ""} is the empty text.
         */
        CSV;

        /** The word in properties and answers. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** Whether each line is a message. */
        public boolean hasLines() {
            return this == NDJSON || this == CSV;
        }
    }

    /** What becomes of an imported file. */
    public enum Done {
        /** It moves to {@code done}, and is never deleted. */
        MOVE,
        /** It is deleted. One that had bad lines is kept in {@code done}. */
        DELETE
    }

    /** @throws InvalidMessageException a value breaks a limit */
    public FileImport {
        Limits.requireName("name", name);
        require(name.length() <= MOST_OF_A_NAME, "name", "at most " + MOST_OF_A_NAME + " characters", name);
        require(
                folder.isPresent() != settings.isPresent(),
                "folder",
                "given, unless settings names an entry with it",
                String.valueOf(folder));
        folder.ifPresent(path -> require(path.isAbsolute(), "folder", "an absolute path", String.valueOf(path)));
        settings.ifPresent(entry -> Limits.requireName("settings", entry));
        Limits.requireName("queue", queue);
        if (!type.isEmpty()) {
            Limits.requireName("type", type);
        }
        Limits.requireRange("version", version, 1, Short.MAX_VALUE);
        require(
                ",;\t|".indexOf(separator) >= 0,
                "separator",
                "a comma, semicolon, tab or vertical bar",
                "" + separator);
        require(key.isEmpty() || format.hasLines(), "key", "left out unless each line is a message", key.orElse(""));
        key.ifPresent(column -> Limits.requireText("key", column, Limits.KEY_LENGTH));
        Limits.requireDuration("stableFor", stableFor, Duration.ZERO);
        require(stableFor.compareTo(Duration.ofDays(1)) <= 0, "stableFor", "0 to 1 day", stableFor.toString());
        Limits.requireRange("largestLine", largestLine, 16, Limits.PAYLOAD_BYTES);
        require(largestFile >= 1, "largestFile", "1 or more", String.valueOf(largestFile));
    }

    /** Begins an import from a folder, with defaults. */
    public static FileImport of(String name, Path folder, String queue) {
        return of(name, Optional.of(folder), Optional.empty(), queue);
    }

    /** Begins an import from the folder that is the endpoint of an entry of external systems. */
    public static FileImport ofSettings(String name, String settings, String queue) {
        return of(name, Optional.empty(), Optional.of(settings), queue);
    }

    private static FileImport of(String name, Optional<Path> folder, Optional<String> settings, String queue) {
        return new FileImport(
                name,
                folder,
                settings,
                queue,
                "",
                1,
                Format.NDJSON,
                ',',
                Optional.empty(),
                Duration.ofSeconds(2),
                Limits.PAYLOAD_BYTES,
                LARGEST_FILE,
                Done.MOVE,
                false);
    }

    public FileImport type(String type, int version) {
        return changed(draft -> {
            draft.type = type;
            draft.version = version;
        });
    }

    public FileImport format(Format format) {
        return changed(draft -> draft.format = format);
    }

    public FileImport separator(char separator) {
        return changed(draft -> draft.separator = separator);
    }

    /** @param column the column of CSV, or the member of a JSON object */
    public FileImport key(String column) {
        return changed(draft -> draft.key = Optional.of(column));
    }

    public FileImport stableFor(Duration time) {
        return changed(draft -> draft.stableFor = time);
    }

    /** @param largestLine in bytes */
    public FileImport largestLine(int largestLine) {
        return changed(draft -> draft.largestLine = largestLine);
    }

    /** @param largestFile in bytes */
    public FileImport largestFile(long largestFile) {
        return changed(draft -> draft.largestFile = largestFile);
    }

    public FileImport done(Done done) {
        return changed(draft -> draft.done = done);
    }

    public FileImport again(boolean again) {
        return changed(draft -> draft.again = again);
    }

    private static void require(boolean holds, String field, String limit, String value) {
        if (!holds) {
            throw new InvalidMessageException(field, limit, value);
        }
    }

    private FileImport changed(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return new FileImport(
                name,
                folder,
                settings,
                queue,
                draft.type,
                draft.version,
                draft.format,
                draft.separator,
                draft.key,
                draft.stableFor,
                draft.largestLine,
                draft.largestFile,
                draft.done,
                draft.again);
    }

    /** What can be changed, for the time of a change. */
    private static final class Draft {
        private String type;
        private int version;
        private Format format;
        private char separator;
        private Optional<String> key;
        private Duration stableFor;
        private int largestLine;
        private long largestFile;
        private Done done;
        private boolean again;

        Draft(FileImport given) {
            type = given.type;
            version = given.version;
            format = given.format;
            separator = given.separator;
            key = given.key;
            stableFor = given.stableFor;
            largestLine = given.largestLine;
            largestFile = given.largestFile;
            done = given.done;
            again = given.again;
        }
    }
}
