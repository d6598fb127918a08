package io.postroom.api;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The rules of a {@link CreateMessage} that are about more than one plain limit. What breaks one is refused. */
final class MessageRules {
    private MessageRules() {}

    /** Refuses a message that names both a queue and an exchange or neither, and a routing key without an exchange. */
    static void requireOneAddress(String queue, Optional<String> exchange, String routingKey) {
        if (exchange.isEmpty()) {
            Limits.requireName("queue", queue);
            if (!routingKey.isEmpty()) {
                throw new InvalidMessageException("routingKey", "given only with exchange", routingKey);
            }
            return;
        }
        if (!queue.isEmpty()) {
            throw new InvalidMessageException("queue", "left out with exchange", queue);
        }
        if (!exchange.get().isEmpty()) {
            Limits.requireName("exchange", exchange.get());
        }
    }

    /** Refuses an id that is not of version 7, or whose time is far from now. */
    static void requireUsableId(UUID id) {
        Instant now = Instant.now();
        if (!MessageIds.isVersion7(id)
                || MessageIds.instantOf(id).isBefore(now.minus(MessageIds.OLDEST))
                || MessageIds.instantOf(id).isAfter(now.plus(MessageIds.NEWEST))) {
            throw new InvalidMessageException(
                    "id",
                    "a UUID of version 7 made between 24 hours ago and 5 minutes ahead",
                    id.toString(),
                    "Use MessageIds.next(); a foreign id belongs into correlationId or the deduplication key");
        }
    }

    /** Refuses a due time before 1970, or more than 400 days ahead. */
    static void requireWithinHorizon(Instant dueAt) {
        if (dueAt.isAfter(Instant.now().plus(Limits.HORIZON)) || dueAt.isBefore(Instant.EPOCH)) {
            throw new InvalidMessageException("at", "after 1970 and at most 400 days ahead", dueAt.toString());
        }
    }

    /** Refuses a time to live that ends before the delay does. */
    static void requireAliveWhenDue(Optional<Duration> delay, Optional<Instant> dueAt, Optional<Duration> timeToLive) {
        if (timeToLive.isEmpty()) {
            return;
        }
        Duration wait = delay.or(() -> dueAt.map(at -> Duration.between(Instant.now(), at)))
                .orElse(Duration.ZERO);
        if (timeToLive.get().compareTo(wait) <= 0) {
            throw new InvalidMessageException(
                    "timeToLive",
                    "longer than the delay of " + wait,
                    timeToLive.get().toString());
        }
    }

    /** Refuses too many or too long headers, and bad names. Returns an unmodifiable copy in the given order. */
    static Map<String, String> requireHeaders(Map<String, String> headers) {
        if (headers.isEmpty()) {
            return Map.of();
        }
        if (headers.size() > Limits.HEADERS) {
            throw new InvalidMessageException("headers", "at most " + Limits.HEADERS, headers.size() + " headers");
        }
        int bytes = 0;
        for (Map.Entry<String, String> header : headers.entrySet()) {
            Limits.requireHeaderName(header.getKey());
            Limits.requireStorable("headers", header.getValue());
            bytes += header.getKey().length() + header.getValue().getBytes(StandardCharsets.UTF_8).length;
        }
        if (bytes > Limits.HEADER_BYTES) {
            throw new InvalidMessageException(
                    "headers", "at most " + Limits.HEADER_BYTES + " bytes in all", bytes + " bytes");
        }
        return Collections.unmodifiableMap(new LinkedHashMap<>(headers));
    }
}
