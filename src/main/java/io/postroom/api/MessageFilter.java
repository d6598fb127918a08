package io.postroom.api;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * Says which messages are meant. Immutable: every method returns a changed copy. Conditions are joined by AND; a condition that is not set
 * is no condition.
 *
 * @param queue name of the queue
 * @param states any of these; empty: whatever state
 * @param type name of the type, whatever version
 * @param correlationId compared exactly
 * @param headers all of these, names and values compared exactly; empty: whatever headers
 * @param fingerprint of a dead letter's error
 * @param createdFrom the first instant of creation
 * @param createdTo the first instant after it
 * @param before id of a message: only those that are listed behind it, where the newest come first. The last one of a page gives the next
 *     page. Lists in another order ignore it
 * @param limit most rows of an answer
 */
public record MessageFilter(
        Optional<String> queue,
        Set<MessageState> states,
        Optional<String> type,
        Optional<String> correlationId,
        Map<String, String> headers,
        Optional<String> fingerprint,
        Optional<Instant> createdFrom,
        Optional<Instant> createdTo,
        Optional<UUID> before,
        int limit) {
    /** Rows of an answer unless the filter says otherwise: 100. */
    public static final int DEFAULT_LIMIT = 100;
    /** Most rows that an answer may hold: 10,000. */
    public static final int LARGEST_LIMIT = 10_000;
    /** Messages that a list with a header looks at: 500,000. */
    public static final int LOOKED_FOR_HEADERS = 500_000;

    public MessageFilter {
        states = Set.copyOf(states);
        headers = MessageRules.requireHeaders(headers);
        Limits.requireRange("limit", limit, 1, LARGEST_LIMIT);
    }

    /** Means every message. Bulk actions want this word: there is no such thing as a missing filter. */
    public static MessageFilter all() {
        return new MessageFilter(
                Optional.empty(),
                Set.of(),
                Optional.empty(),
                Optional.empty(),
                Map.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                DEFAULT_LIMIT);
    }

    /** Means the messages of a queue. */
    public static MessageFilter queue(String name) {
        return new MessageFilter(
                Optional.of(Limits.requireName("queue", name)),
                Set.of(),
                Optional.empty(),
                Optional.empty(),
                Map.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                DEFAULT_LIMIT);
    }

    /** The same conditions for this queue. */
    public MessageFilter withQueue(String name) {
        return new MessageFilter(
                Optional.of(Limits.requireName("queue", name)),
                states,
                type,
                correlationId,
                headers,
                fingerprint,
                createdFrom,
                createdTo,
                before,
                limit);
    }

    /** Narrows to messages in any of these states. */
    public MessageFilter state(MessageState... states) {
        return new MessageFilter(
                queue,
                Set.of(states),
                type,
                correlationId,
                headers,
                fingerprint,
                createdFrom,
                createdTo,
                before,
                limit);
    }

    /** Narrows to messages of this type, whatever version. */
    public MessageFilter type(String type) {
        return new MessageFilter(
                queue,
                states,
                Optional.of(type),
                correlationId,
                headers,
                fingerprint,
                createdFrom,
                createdTo,
                before,
                limit);
    }

    /** Narrows to messages of a business process. */
    public MessageFilter correlationId(String id) {
        return new MessageFilter(
                queue, states, type, Optional.of(id), headers, fingerprint, createdFrom, createdTo, before, limit);
    }

    /**
     * Narrows to messages that have this header with this value, compared exactly. With several calls they must have all of them.
     *
     * <p>No index has headers. So {@link QueueMessages#find(MessageFilter)} looks at the newest {@value #LOOKED_FOR_HEADERS} messages that
     * the time, the states, {@link #before} and the correlation id leave. It refuses the filter when these do not fill the answer and there
     * are others.
     *
     * @param name 1 to 100 of {@code A-Z a-z 0-9 . _ -}, first a letter or digit
     * @param value without control characters; with all headers of the filter 8 KB at most
     * @throws InvalidMessageException one of the two breaks its limit, or the filter has 64 headers already
     */
    public MessageFilter header(String name, String value) {
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(name, value);
        return new MessageFilter(
                queue, states, type, correlationId, more, fingerprint, createdFrom, createdTo, before, limit);
    }

    /** Narrows to dead letters whose error has this fingerprint ({@code dead_letters.fingerprint}). */
    public MessageFilter fingerprint(String errorFingerprint) {
        return new MessageFilter(
                queue,
                states,
                type,
                correlationId,
                headers,
                Optional.of(errorFingerprint),
                createdFrom,
                createdTo,
                before,
                limit);
    }

    /** Narrows to messages created at {@code from} or later and before {@code to}, by the database's clock. */
    public MessageFilter created(Instant from, Instant to) {
        return new MessageFilter(
                queue,
                states,
                type,
                correlationId,
                headers,
                fingerprint,
                Optional.of(from),
                Optional.of(to),
                before,
                limit);
    }

    /** Narrows to messages that are listed behind this one. Bulk actions ignore it. */
    public MessageFilter before(UUID id) {
        return new MessageFilter(
                queue,
                states,
                type,
                correlationId,
                headers,
                fingerprint,
                createdFrom,
                createdTo,
                Optional.of(id),
                limit);
    }

    /** Sets how many rows an answer may hold; 1 to 10,000, default 100. Bulk actions ignore it. */
    public MessageFilter limit(int rows) {
        return new MessageFilter(
                queue, states, type, correlationId, headers, fingerprint, createdFrom, createdTo, before, rows);
    }
}
