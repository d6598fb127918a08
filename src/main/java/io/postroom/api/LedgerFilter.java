package io.postroom.api;

import java.util.Optional;
import java.util.UUID;

/**
 * Says which lines of the ledger are meant. Immutable: every method returns a changed copy. Conditions are joined by AND.
 *
 * @param actor compared exactly
 * @param action such as {@code pause}, {@code redrive} or {@code end_operation}
 * @param queue name of the queue
 * @param message id of the message
 * @param operation id of the operation that the line began, stopped or ended
 * @param before id of a line: only older lines. The last line of a page gives the next page
 * @param limit most lines of an answer; 1 to 1000
 */
public record LedgerFilter(
        Optional<String> actor,
        Optional<String> action,
        Optional<String> queue,
        Optional<UUID> message,
        Optional<UUID> operation,
        Optional<UUID> before,
        int limit) {
    /** Lines of an answer unless the filter says otherwise: 100. */
    public static final int DEFAULT_LIMIT = 100;
    /** Most lines that an answer may hold: 1000. */
    public static final int LARGEST_LIMIT = 1000;

    public LedgerFilter {
        actor.ifPresent(name -> Limits.requireText("actor", name, Limits.KEY_LENGTH));
        action.ifPresent(name -> Limits.requireName("action", name));
        queue.ifPresent(name -> Limits.requireName("queue", name));
        Limits.requireRange("limit", limit, 1, LARGEST_LIMIT);
    }

    /** Means every line. */
    public static LedgerFilter all() {
        return new LedgerFilter(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                DEFAULT_LIMIT);
    }

    /** Narrows to what one person did. */
    public LedgerFilter actor(String name) {
        return new LedgerFilter(Optional.of(name), action, queue, message, operation, before, limit);
    }

    /** Narrows to one action. */
    public LedgerFilter action(String name) {
        return new LedgerFilter(actor, Optional.of(name), queue, message, operation, before, limit);
    }

    /** Narrows to a queue. */
    public LedgerFilter queue(String name) {
        return new LedgerFilter(actor, action, Optional.of(name), message, operation, before, limit);
    }

    /** Narrows to a message. */
    public LedgerFilter message(UUID id) {
        return new LedgerFilter(actor, action, queue, Optional.of(id), operation, before, limit);
    }

    /** Narrows to an operation. */
    public LedgerFilter operation(UUID id) {
        return new LedgerFilter(actor, action, queue, message, Optional.of(id), before, limit);
    }

    /** Narrows to lines that are older than this one. */
    public LedgerFilter before(UUID line) {
        return new LedgerFilter(actor, action, queue, message, operation, Optional.of(line), limit);
    }

    /** Sets how many lines an answer may hold; 1 to 1000, default 100. */
    public LedgerFilter limit(int lines) {
        return new LedgerFilter(actor, action, queue, message, operation, before, lines);
    }
}
