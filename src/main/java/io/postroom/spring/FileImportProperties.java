package io.postroom.spring;

import io.postroom.api.FileImport;
import io.postroom.api.InvalidMessageException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.core.env.Environment;

/**
 * A folder whose files become messages, under {@code postroom.file-imports.<name>}.
 *
 * @param folder The folder, as an absolute path.
 * @param settings The entry of an external system whose endpoint is the folder, instead of folder.
 * @param queue Where the messages go.
 * @param type Type of the messages.
 * @param version Version of the type, from 1.
 * @param format json, bytes, ndjson or csv.
 * @param separator Of csv: a comma, semicolon, tab or vertical bar.
 * @param key Column or member that is the deduplication key.
 * @param stableFor How long a file must not have changed, 0 to 1 day.
 * @param largestLine Largest line in bytes, 16 to 1048576.
 * @param largestFile Largest file in bytes.
 * @param done What becomes of imported files: move or delete.
 * @param again Whether the same file is imported again.
 */
record FileImportProperties(
        @Nullable String folder,
        @Nullable String settings,
        @Nullable String queue,
        @Nullable String type,
        @Nullable Integer version,
        FileImport.@Nullable Format format,
        @Nullable String separator,
        @Nullable String key,
        @Nullable Duration stableFor,
        @Nullable Integer largestLine,
        @Nullable Long largestFile,
        FileImport.@Nullable Done done,
        @Nullable Boolean again) {
    /** The settings as in a file. */
    static final List<String> KEYS = List.of(
            "folder",
            "settings",
            "queue",
            "type",
            "version",
            "format",
            "separator",
            "key",
            "stable-for",
            "largest-line",
            "largest-file",
            "done",
            "again");

    private static final NamedProperties PROPERTIES =
            NamedProperties.of("postroom.file-imports", "an import of files", KEYS, Set.of(), "docs/files.md");

    /**
     * Reads all imports.
     *
     * @throws StartProblem a property has no such setting, or a value that breaks a limit; the text names the property
     */
    static List<FileImport> declared(Environment environment) {
        List<FileImport> declared = new ArrayList<>();
        PROPERTIES.bind(
                environment,
                FileImportProperties.class,
                (one, name, bound) -> declared.add(bound.fileImport(one, name)));
        return declared;
    }

    private FileImport fileImport(String one, ConfigurationPropertyName name) {
        try {
            FileImport begun = settings == null
                    ? FileImport.of(one, Path.of(given("folder", folder)), given("queue", queue))
                    : FileImport.ofSettings(one, settings, given("queue", queue));
            if (settings != null && folder != null) {
                throw new InvalidMessageException("folder", "left out where settings is given", folder);
            }
            return new FileImport(
                    one,
                    begun.folder(),
                    begun.settings(),
                    begun.queue(),
                    type == null ? "" : type,
                    version == null ? 1 : version,
                    format == null ? begun.format() : format,
                    separator == null ? begun.separator() : oneCharacter(separator),
                    Optional.ofNullable(key),
                    stableFor == null ? begun.stableFor() : stableFor,
                    largestLine == null ? begun.largestLine() : largestLine,
                    largestFile == null ? begun.largestFile() : largestFile,
                    done == null ? begun.done() : done,
                    again == null ? begun.again() : again);
        } catch (InvalidMessageException refused) {
            String property = refused.field().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
            throw new StartProblem(
                    name + "." + property + " cannot be used: " + refused.getMessage(),
                    "Correct that property",
                    refused);
        }
    }

    private static String given(String field, @Nullable String value) {
        if (value == null || value.isBlank()) {
            throw new InvalidMessageException(field, "given", "");
        }
        return value;
    }

    private static char oneCharacter(String separator) {
        if (separator.equals("tab")) { // a properties file takes blanks away
            return '\t';
        } else if (separator.length() != 1) {
            throw new InvalidMessageException("separator", "one character, or the word tab", separator);
        }
        return separator.charAt(0);
    }
}
