package io.postroom.api;

import java.util.List;
import java.util.Optional;

/** The queues. Thread-safe; each call is a transaction of its own. Names unknown here throw {@link QueueNotFoundException}. */
public interface Queues {
    /** Makes the queue if it is not there and sets what the settings name; an operator's values stay. */
    void declare(QueueSettings settings);

    Optional<QueueStats> stats(String queue);

    List<QueueStats> stats();

    /** No further message of the queue is claimed by any process; what is in progress goes on. Repeating it changes nothing. */
    void pause(String queue);

    void resume(String queue);

    /** Cancels all waiting messages (READY and DELAYED). Returns how many. */
    long purge(String queue);

    /**
     * Removes the queue. What waits in it is cancelled; what is finished stays until its retention is over.
     *
     * @param ifEmpty refuse ({@link IllegalStateException}) while anything waits, is in progress or dead
     * @param ifUnused refuse while it has a live consumer
     */
    void delete(String queue, boolean ifEmpty, boolean ifUnused);
}
