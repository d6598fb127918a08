package io.postroom.channel.file;

import io.postroom.api.InvalidMessageException;
import io.postroom.handler.MessageContext;
import java.nio.charset.StandardCharsets;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Makes the name of a file from a template such as <code>{queue}-{date}.csv</code>. A value keeps its letters, digits, hyphens, underscores
 * and dots; each other character becomes an underscore. So a name has no folder, no line end and nothing that a shell reads. Immutable.
 */
final class NameTemplate {
    /** Leaves room for the longer temporary name below the 255 bytes of file systems. */
    private static final int MOST_BYTES = 200;

    private static final int MOST_OF_A_VALUE = 100;
    private static final Pattern PART = Pattern.compile("\\{([A-Za-z]*)}|([A-Za-z0-9._-]+)");
    private static final Pattern UNSAFE = Pattern.compile("[^A-Za-z0-9._-]");
    /** Names that Windows keeps for devices, whatever follows after a dot. */
    private static final Pattern RESERVED = Pattern.compile("(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\\..*)?");

    private static final DateTimeFormatter MONTH = DateTimeFormatter.ofPattern("uuuu-MM", Locale.ROOT);
    private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern("uuuu-MM-dd", Locale.ROOT);
    private static final DateTimeFormatter HOUR = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH", Locale.ROOT);

    private final List<Part> parts;

    private NameTemplate(List<Part> parts) {
        this.parts = parts;
    }

    /** @throws InvalidMessageException it has an unknown place for a value, or a character that no name may have */
    static NameTemplate parse(String template) {
        List<Part> parts = new ArrayList<>();
        Matcher matcher = PART.matcher(template);
        int at = 0;
        while (at < template.length()) {
            if (!matcher.find(at) || matcher.start() != at) {
                throw refused(template);
            }
            String place = matcher.group(1);
            if (place == null) {
                parts.add(new Part(null, matcher.group(2)));
            } else {
                parts.add(new Part(placeOf(place, template), ""));
            }
            at = matcher.end();
        }
        if (parts.isEmpty()) {
            throw refused(template);
        }
        return new NameTemplate(parts);
    }

    private static Place placeOf(String word, String template) {
        for (Place place : Place.values()) {
            if (place.word.equals(word)) {
                return place;
            }
        }
        throw refused(template);
    }

    private static InvalidMessageException refused(String template) {
        return new InvalidMessageException(
                "properties.name",
                "made of A-Z a-z 0-9 . _ - and {id} {queue} {type} {correlationId} {month} {date} {hour}",
                template,
                "A name has no folder: the endpoint is the folder");
    }

    boolean has(Place place) {
        return parts.stream().anyMatch(part -> part.place == place);
    }

    /** @throws InvalidMessageException the name would be longer than 200 bytes */
    String nameOf(MessageContext message, ZoneId zone) {
        StringBuilder name = new StringBuilder();
        for (Part part : parts) {
            name.append(part.place == null ? part.literal : safe(part.place.valueOf(message, zone)));
        }
        if (name.charAt(0) == '.') {
            name.setCharAt(0, '_'); // hidden files are those that are being written
        }
        if (name.charAt(name.length() - 1) == '.') {
            name.setCharAt(name.length() - 1, '_'); // Windows takes "a." for "a"
        }
        String whole = RESERVED.matcher(name).matches() ? "_" + name : name.toString();
        if (whole.getBytes(StandardCharsets.UTF_8).length > MOST_BYTES) {
            throw new InvalidMessageException("name of the file", "at most " + MOST_BYTES + " bytes", whole);
        }
        return whole;
    }

    private static String safe(String value) {
        String safe = UNSAFE.matcher(value).replaceAll("_");
        if (safe.isEmpty()) {
            return "none";
        }
        return safe.length() > MOST_OF_A_VALUE ? safe.substring(0, MOST_OF_A_VALUE) : safe;
    }

    /** A place for a value. */
    enum Place {
        ID("id"),
        QUEUE("queue"),
        TYPE("type"),
        CORRELATION_ID("correlationId"),
        MONTH("month"),
        DATE("date"),
        HOUR("hour");

        private final String word;

        Place(String word) {
            this.word = word;
        }

        private String valueOf(MessageContext message, ZoneId zone) {
            ZonedDateTime created = message.createdAt().atZone(zone);
            return switch (this) {
                case ID -> message.id().toString();
                case QUEUE -> message.queue();
                case TYPE -> message.type();
                case CORRELATION_ID -> message.correlationId().orElse("");
                case MONTH -> NameTemplate.MONTH.format(created);
                case DATE -> NameTemplate.DATE.format(created);
                case HOUR -> NameTemplate.HOUR.format(created);
            };
        }
    }

    private record Part(@Nullable Place place, String literal) {}
}
