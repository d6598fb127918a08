package io.postroom.api;

import java.util.List;
import java.util.Optional;

/**
 * The queues: declare, count, pause, empty, delete. Thread-safe. Each call runs in transactions of its own, whatever transaction the caller
 * has open. Failures of the database are {@link StoreException}s.
 */
public interface Queues {
    /** Makes the queue if it does not exist, and sets what the settings name. An operator's values stay. */
    void declare(QueueSettings settings);

    /** Counts the messages of a queue; empty when the queue does not exist. */
    Optional<QueueStats> stats(String queue);

    /** Counts the messages of all queues. */
    List<QueueStats> stats();

    /**
     * Pauses the queue: no process claims a further message of it, and what is in progress goes on. A repeat changes nothing.
     *
     * @throws QueueNotFoundException the queue does not exist
     */
    void pause(String queue);

    /**
     * Ends a pause. A repeat changes nothing.
     *
     * @throws QueueNotFoundException the queue does not exist
     */
    void resume(String queue);

    /**
     * Cancels all waiting messages (READY and DELAYED), in many transactions: what was cancelled before a failure stays so. Answers how
     * many.
     *
     * @throws QueueNotFoundException the queue does not exist
     */
    long purge(String queue);

    /**
     * Deletes the queue. What waits in it is cancelled; what is finished stays until its retention is over.
     *
     * @param ifEmpty refuse while anything waits, is in progress or dead
     * @param ifUnused refuse while it has a live consumer
     * @throws IllegalStateException a condition does not hold, and nothing was changed
     * @throws QueueNotFoundException the queue does not exist
     */
    void delete(String queue, boolean ifEmpty, boolean ifUnused);
}
