package io.postroom.api;

import java.util.List;
import java.util.Optional;

/**
 * The queues: declare, count, pause, empty, delete. Thread-safe. Each call runs in transactions of its own, whatever transaction the caller
 * has open. Failures of the database are {@link StoreException}s.
 */
public interface Queues {
    /**
     * Makes the queue if it does not exist, and sets what the settings name. An operator's values stay. An exclusive queue belongs to this
     * process from then on; a repeat here changes nothing.
     *
     * <p>Where a process that died has owned the queue, this waits until its death is certain: at most one lease time.
     *
     * @throws InvalidMessageException the queue has another kind; the text names both
     * @throws ExclusiveQueueException the queue belongs to another process, or is to become exclusive while others consume it
     */
    void declare(QueueSettings settings);

    /** As {@link #declare(QueueSettings)}, with a reason for the record of what changes. */
    void declare(QueueSettings settings, Reason reason);

    /**
     * Makes an exclusive queue with a name that nobody else has, such as {@code tmp.5f0c…}, and returns the name. For one-off replies:
     * give the name to whoever answers. It goes with this process; delete it when it is not needed any more.
     */
    String declareTemporary();

    /** Counts the messages of a queue, up to a bound: see {@link QueueStats}; empty when the queue does not exist. */
    Optional<QueueStats> stats(String queue);

    /** Counts the messages of all queues, up to a bound: see {@link QueueStats}. */
    List<QueueStats> stats();

    /**
     * Pauses the queue: no process claims a further message of it, and what is in progress goes on. Holds at once in this process but for a
     * claim under way, and in the others from their next poll on ({@code postroom.poll-interval}). A repeat changes nothing.
     *
     * @throws QueueNotFoundException the queue does not exist
     * @throws ExclusiveQueueException the queue belongs to another process
     */
    void pause(String queue);

    /** As {@link #pause(String)}, with a reason for the record. */
    void pause(String queue, Reason reason);

    /**
     * Ends a pause. A repeat changes nothing.
     *
     * @throws QueueNotFoundException the queue does not exist
     * @throws ExclusiveQueueException the queue belongs to another process
     */
    void resume(String queue);

    /** As {@link #resume(String)}, with a reason for the record. */
    void resume(String queue, Reason reason);

    /**
     * Cancels all waiting messages (READY and DELAYED), in many transactions: what was cancelled before a failure stays so. Answers how
     * many.
     *
     * @throws QueueNotFoundException the queue does not exist
     * @throws ExclusiveQueueException the queue belongs to another process
     */
    long purge(String queue);

    /** As {@link #purge(String)}, with a reason for the record. */
    long purge(String queue, Reason reason);

    /**
     * Begins to cancel all messages that wait now, at a rate, with the reason {@code queue_purged}. It goes on in any process with workers,
     * also after this one has ended: see {@link DeadLetters#operations} and {@link DeadLetters#stop}. It begins at once if this process has
     * workers, else within 15 seconds. Messages in progress go on, and later ones stay. For a queue that is long, or that others use.
     *
     * @param perSecond most messages a second, 1 to 1,000,000; a step takes 5,000 at most, each second
     * @throws InvalidMessageException the rate is outside these limits
     * @throws QueueNotFoundException the queue does not exist
     * @throws ExclusiveQueueException the queue belongs to another process
     */
    Operation purge(String queue, Reason reason, int perSecond);

    /**
     * Says what a purge would cancel, without changing anything.
     *
     * @throws QueueNotFoundException the queue does not exist
     */
    PurgePreview previewPurge(String queue);

    /**
     * Deletes the queue and its bindings. What waits in it is cancelled with the reason {@code queue_deleted}; what is in progress ends as
     * it would have; what is finished stays until its retention is over. Does nothing where there is no such queue.
     *
     * <p>The first use makes a queue of that name anew. A message whose transaction was still open during the deletion is cancelled after
     * its commit.
     *
     * @param ifEmpty refuse while anything waits, is in progress or dead
     * @param ifUnused refuse while it has a live consumer
     * @return whether there was such a queue
     * @throws IllegalStateException a condition does not hold, and nothing was changed
     * @throws ExclusiveQueueException the queue belongs to another process
     */
    boolean delete(String queue, boolean ifEmpty, boolean ifUnused);

    /** As {@link #delete(String, boolean, boolean)}, with a reason for the record. */
    boolean delete(String queue, boolean ifEmpty, boolean ifUnused, Reason reason);
}
