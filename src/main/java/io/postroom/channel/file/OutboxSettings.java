package io.postroom.channel.file;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.SettingsEntry;
import io.postroom.channel.file.NameTemplate.Place;
import java.net.URI;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.ZoneId;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What an entry of the channel "file" says. Immutable.
 *
 * @param append null: a file for each message
 * @param columns empty: a whole payload
 */
record OutboxSettings(
        Path folder,
        NameTemplate name,
        Format format,
        @Nullable Append append,
        ZoneId zone,
        List<Column> columns,
        char separator) {
    private static final Set<String> PROPERTIES = Set.of("name", "format", "append", "zone", "columns", "separator");

    enum Format {
        JSON,
        BYTES,
        NDJSON,
        CSV;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Whose messages share a file. */
    enum Append {
        HOUR(Place.HOUR),
        DAY(Place.DATE),
        MONTH(Place.MONTH);

        private final Place place;

        Append(Place place) {
            this.place = place;
        }
    }

    /** @throws InvalidMessageException naming the property and what it must be */
    static OutboxSettings of(SettingsEntry entry) {
        for (String property : entry.properties().keySet()) {
            if (!PROPERTIES.contains(property)) {
                throw new InvalidMessageException(
                        "properties", "name, format, append, zone, columns or separator", property);
            }
        }
        Append append = append(entry.properties().getOrDefault("append", "none"));
        Format format = format(entry.properties().getOrDefault("format", append == null ? "json" : "ndjson"));
        List<Column> columns = Column.list(entry.properties().getOrDefault("columns", ""));
        String separator = entry.properties().getOrDefault("separator", ",").replace("tab", "\t");
        require(
                append == null || format == Format.NDJSON || format == Format.CSV,
                "properties.format",
                "ndjson or csv, where lines are appended",
                format.word());
        require(format != Format.CSV || !columns.isEmpty(), "properties.columns", "given for csv", "");
        require(
                format == Format.CSV || format == Format.NDJSON || columns.isEmpty(),
                "properties.columns",
                "left out for json and bytes",
                String.valueOf(columns));
        require(
                separator.matches("[,;|\\t]"),
                "properties.separator",
                "a comma, a semicolon, a vertical bar or the word tab",
                separator);
        return new OutboxSettings(
                folder(entry), name(entry, append, format), format, append, zone(entry), columns, separator.charAt(0));
    }

    private static Path folder(SettingsEntry entry) {
        String endpoint = entry.endpoint().orElse("");
        try {
            Path folder = endpoint.startsWith("file:") ? Path.of(URI.create(endpoint)) : Path.of(endpoint);
            require(!endpoint.isEmpty() && folder.isAbsolute(), "endpoint", "the absolute path of a folder", endpoint);
            return folder;
        } catch (IllegalArgumentException noPath) { // InvalidPathException is one
            throw new InvalidMessageException("endpoint", "the absolute path of a folder", endpoint);
        }
    }

    private static NameTemplate name(SettingsEntry entry, @Nullable Append append, Format format) {
        String ending = "." + (format == Format.BYTES ? "bin" : format.word());
        String usual = append == null ? "{id}" : "{queue}-{" + (append == Append.DAY ? "date" : word(append)) + "}";
        String given = entry.properties().getOrDefault("name", usual + ending);
        NameTemplate name = NameTemplate.parse(given);
        if (append == null) {
            require(name.has(Place.ID), "properties.name", "with {id}, or a message would replace another", given);
        } else {
            require(
                    name.has(append.place) && !name.has(Place.ID),
                    "properties.name",
                    "with the period of append ({hour}, {date} or {month}) and without {id}",
                    given);
        }
        return name;
    }

    private static String word(Append append) {
        return append.name().toLowerCase(Locale.ROOT);
    }

    private static @Nullable Append append(String word) {
        if (word.equals("none")) {
            return null;
        }
        return Stream.of(Append.values())
                .filter(one -> word(one).equals(word))
                .findFirst()
                .orElseThrow(() -> new InvalidMessageException("properties.append", "none, hour, day or month", word));
    }

    private static Format format(String word) {
        return Stream.of(Format.values())
                .filter(one -> one.word().equals(word))
                .findFirst()
                .orElseThrow(
                        () -> new InvalidMessageException("properties.format", "json, bytes, ndjson or csv", word));
    }

    private static ZoneId zone(SettingsEntry entry) {
        String zone = entry.properties().getOrDefault("zone", "UTC");
        try {
            return ZoneId.of(zone);
        } catch (DateTimeException unknown) {
            throw new InvalidMessageException("properties.zone", "a time zone, as in Europe/Berlin", zone);
        }
    }

    private static void require(boolean holds, String field, String limit, String value) {
        if (!holds) {
            throw new InvalidMessageException(field, limit, value);
        }
    }
}
