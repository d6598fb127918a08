package io.postroom.channel.http;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.apache.hc.client5.http.utils.DateUtils;
import org.jspecify.annotations.Nullable;

/** The header Retry-After: seconds, or a date of HTTP as in RFC 1123 or RFC 1036. */
final class RetryAfter {
    static final Duration SHORTEST = Duration.ofSeconds(1);
    static final Duration LONGEST = Duration.ofHours(24);

    private RetryAfter() {}

    /**
     * Reads it, as 1 second to 24 hours. A date in the past and a number below 1 mean 1 second.
     *
     * @param value null: there is no such header
     * @param now by the clock of this machine
     * @return empty: there is none, or it cannot be read
     */
    static Optional<Duration> parse(@Nullable String value, Instant now) {
        String text = value == null ? "" : value.strip();
        if (text.matches("-?\\d{1,18}")) {
            return Optional.of(bounded(Duration.ofSeconds(Long.parseLong(text))));
        } else if (text.matches("\\d{19,}")) {
            return Optional.of(LONGEST);
        }
        Instant at = text.isEmpty() || text.length() > 100 ? null : DateUtils.parseStandardDate(text);
        return Optional.ofNullable(at).map(date -> bounded(Duration.between(now, date)));
    }

    private static Duration bounded(Duration wait) {
        return wait.compareTo(SHORTEST) < 0 ? SHORTEST : wait.compareTo(LONGEST) > 0 ? LONGEST : wait;
    }
}
