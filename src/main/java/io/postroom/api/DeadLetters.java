package io.postroom.api;

import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Discards dead letters, and redrives or discards all that match a filter. {@link QueueMessages#redrive(UUID)} puts a single one back into
 * its queue. Thread-safe.
 *
 * <p>Each method runs in a transaction of its own, with or without one on this thread, and throws {@link StoreException} when the database
 * fails. Each change is on record with its reason and its actor: view {@code operator_log}.
 *
 * <p>A redrive or discard of many is an operation: any process with workers carries it on, also after this one has ended. It begins at once
 * if this process has workers, else within 15 seconds. It touches only what was dead when it began, and each letter once. Where two
 * operations match the same letters, each letter is of the one that comes first; the other says in its note how many had left.
 *
 * <p>A filter that names a queue that does not exist is refused with {@link QueueNotFoundException}; any other unfit filter with {@link
 * InvalidMessageException}.
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

    /** Says what a filter matches, without changing anything. */
    DeadLetterPreview preview(DeadLetterFilter filter);

    /**
     * Redrives the dead letters that match. The first ones are the canary: it waits until these have ended, and stops by itself when too
     * many of them died again. A letter whose queue is deleted or full stays, and counts as failed.
     */
    Operation redrive(DeadLetterFilter filter, BulkSettings settings);

    /** Discards the dead letters that match. */
    Operation discard(DeadLetterFilter filter, BulkSettings settings);

    /** Finds an operation. */
    Optional<OperationStatus> operation(UUID id);

    /**
     * Lists operations, the newest first.
     *
     * @param limit 1 to 1000
     */
    List<OperationStatus> operations(int limit);

    /**
     * Stops an operation. What it moved stays moved; after this call it moves nothing more.
     *
     * @return whether it was running
     * @throws InvalidMessageException there is no such operation
     */
    boolean stop(UUID operation, Reason reason);
}
