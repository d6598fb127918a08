package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.Set;

/** Which messages are meant. Immutable: every method returns a narrowed copy. Conditions are joined by AND. */
public record MessageFilter(
        Optional<String> queue,
        Set<MessageState> states,
        Optional<String> type,
        Optional<String> correlationId,
        Optional<String> fingerprint,
        Optional<Instant> createdFrom,
        Optional<Instant> createdTo,
        int limit) {
    public static final int DEFAULT_LIMIT = 100;
    public static final int LARGEST_LIMIT = 10_000;

    public MessageFilter {
        states = Set.copyOf(states);
        if (limit < 1 || limit > LARGEST_LIMIT) {
            throw new InvalidMessageException("limit", "1 to " + LARGEST_LIMIT, String.valueOf(limit));
        }
    }

    /** Every message. Not the same as no filter: bulk actions ask for this word. */
    public static MessageFilter all() {
        return new MessageFilter(
                Optional.empty(),
                Set.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                DEFAULT_LIMIT);
    }

    public static MessageFilter queue(String name) {
        return new MessageFilter(
                Optional.of(Limits.requireName("queue", name)),
                Set.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                DEFAULT_LIMIT);
    }

    public MessageFilter state(MessageState... states) {
        return new MessageFilter(
                queue, Set.of(states), type, correlationId, fingerprint, createdFrom, createdTo, limit);
    }

    public MessageFilter type(String type) {
        return new MessageFilter(
                queue, states, Optional.of(type), correlationId, fingerprint, createdFrom, createdTo, limit);
    }

    public MessageFilter correlationId(String id) {
        return new MessageFilter(queue, states, type, Optional.of(id), fingerprint, createdFrom, createdTo, limit);
    }

    /** Dead letters whose error has this fingerprint ({@code dead_letters.fingerprint}). */
    public MessageFilter fingerprint(String errorFingerprint) {
        return new MessageFilter(
                queue, states, type, correlationId, Optional.of(errorFingerprint), createdFrom, createdTo, limit);
    }

    /** Created at {@code from} or later and before {@code to}, by the database clock. */
    public MessageFilter created(Instant from, Instant to) {
        return new MessageFilter(
                queue, states, type, correlationId, fingerprint, Optional.of(from), Optional.of(to), limit);
    }

    /** How many rows an answer holds at most; default 100, at most 10,000. Bulk actions are not cut by it. */
    public MessageFilter limit(int rows) {
        return new MessageFilter(queue, states, type, correlationId, fingerprint, createdFrom, createdTo, rows);
    }
}
