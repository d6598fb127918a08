package io.postroom.channel.http;

import io.postroom.api.Outcome;
import io.postroom.internal.loop.LogText;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Turns the answer of a server into an outcome. The one place that does.
 *
 * <pre>
 * 2xx                        done     with a note for the history by properties.keepAnswer
 * 408, 425, 429, 503         notNow   by Retry-After (1 s to 24 h), else 10 s, doubling to 10 min
 * 3xx, other 4xx             reject   a redirect is not followed; properties.retry names those that are retried
 * 5xx                        retry
 * no answer                  retry    connection, deadline, TLS, an address that may not be called
 * </pre>
 */
final class AnswerOutcomes {
    private static final Duration FIRST_WAIT = Duration.ofSeconds(10);
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

    private AnswerOutcomes() {}

    /**
     * @param headers of the answer, names in lower case
     * @param deliveries times the message was claimed, this one included
     */
    static Outcome of(
            HttpEntry entry, int status, Map<String, String> headers, String body, int deliveries, Instant now) {
        if (status >= 200 && status < 300) {
            return Outcome.done(note(entry, status, headers, body));
        } else if (isNotNow(status)) {
            return Outcome.notNow(
                    entry.destination(),
                    RetryAfter.parse(headers.get("retry-after"), now).orElseGet(() -> waitAt(deliveries)));
        }
        String text = LogText.oneLine(body, entry.kept());
        String said = answered(entry, status, headers) + (text.isEmpty() ? "" : ": " + text);
        if (status >= 300 && status < 500 && !entry.retried().contains(status)) {
            return Outcome.reject(status < 400 ? said + " (a redirect, which is not followed)" : said);
        }
        return Outcome.retry(said);
    }

    static boolean isNotNow(int status) {
        return status == 408 || status == 425 || status == 429 || status == 503;
    }

    /** What the history keeps of a success; empty: nothing. Its lines stay; the engine cuts it as all notes. */
    private static String note(HttpEntry entry, int status, Map<String, String> headers, String body) {
        return switch (entry.keptAnswer()) {
            case NONE -> "";
            case STATUS -> answered(entry, status, headers);
            case BODY -> answered(entry, status, headers) + (body.isEmpty() ? "" : ": " + body);
        };
    }

    private static String answered(HttpEntry entry, int status, Map<String, String> headers) {
        String listed = entry.keptHeaders().stream()
                .filter(headers::containsKey)
                .map(name -> name + "=" + headers.get(name))
                .collect(Collectors.joining(", "));
        return entry.endpoint().host() + " answered " + status
                + (listed.isEmpty() ? "" : " [" + LogText.oneLine(listed, HttpEntry.MOST_KEPT) + "]");
    }

    private static Duration waitAt(int deliveries) {
        Duration wait = FIRST_WAIT.multipliedBy(1L << Math.min(Math.max(deliveries - 1, 0), 10));
        return wait.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : wait;
    }
}
