package io.postroom.api;

import java.util.UUID;

/**
 * Ends dead letters that nobody will handle. {@link QueueMessages#redrive(UUID)} puts one back into its queue. Thread-safe.
 *
 * <p>Each method runs in a transaction of its own, with or without one on this thread, and throws {@link StoreException} when the database
 * fails. Each change is on record with its reason and its actor: view {@code operator_log}.
 */
public interface DeadLetters {
    /**
     * Discards a dead letter: it becomes CANCELLED, with {@code discarded} in its history. In an ordered queue its group goes on, and a
     * batch counts it as cancelled. Its retention begins now.
     *
     * @return in how many queues; 0: it is not dead
     */
    int discard(UUID id, Reason reason);

    /**
     * Discards a dead letter in one of its queues alone.
     *
     * @return 1; 0: it is not dead there
     * @throws QueueNotFoundException there is no such queue, and was none
     */
    int discard(UUID id, String queue, Reason reason);
}
