package io.postroom.api;

import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads and writes durations as people write them in annotations, properties and {@code queue.retry_after}: {@code 500ms 10s 5m 2h 7d}, or
 * ISO-8601.
 */
public final class Durations {
    private static final Pattern SIMPLE = Pattern.compile("(\\d{1,9})\\s*(ms|s|m|h|d)");

    private Durations() {}

    /**
     * Reads a duration: a whole number of up to 9 digits with one of the units ms, s, m, h, d, or ISO-8601 as in {@code PT1H30M}.
     *
     * @param field what the duration is for, to be named in an error
     * @throws InvalidMessageException the text is neither
     */
    public static Duration parse(String field, String text) {
        String trimmed = text.trim();
        Matcher simple = SIMPLE.matcher(trimmed.toLowerCase(Locale.ROOT));
        if (simple.matches()) {
            long count = Long.parseLong(simple.group(1));
            return switch (simple.group(2)) {
                case "ms" -> Duration.ofMillis(count);
                case "s" -> Duration.ofSeconds(count);
                case "m" -> Duration.ofMinutes(count);
                case "h" -> Duration.ofHours(count);
                default -> Duration.ofDays(count);
            };
        }
        try {
            return Duration.parse(trimmed);
        } catch (DateTimeParseException notIso) {
            throw new InvalidMessageException(field, "a duration such as 500ms, 10s, 5m, 2h or 7d", text);
        }
    }

    /** Writes a duration in the shortest of these forms that is exact to the millisecond. */
    public static String format(Duration duration) {
        long millis = duration.toMillis();
        if (millis % 1000 != 0 || millis == 0) {
            return millis + "ms";
        } else if (millis % 86_400_000 == 0) {
            return millis / 86_400_000 + "d";
        } else if (millis % 3_600_000 == 0) {
            return millis / 3_600_000 + "h";
        } else if (millis % 60_000 == 0) {
            return millis / 60_000 + "m";
        }
        return millis / 1000 + "s";
    }
}
