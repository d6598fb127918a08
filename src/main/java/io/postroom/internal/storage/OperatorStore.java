package io.postroom.internal.storage;

import io.postroom.api.QueueStats;
import io.postroom.api.Reason;
import io.postroom.api.StoreException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What people do to messages and queues. Each act is on record in {@code operator_action}. Thread-safe.
 *
 * <p>Each call is a transaction of its own, unless it says otherwise. Failures are {@link StoreException}s. A queue that does not exist is
 * refused with {@link io.postroom.api.QueueNotFoundException}, except by {@code delete}.
 */
public interface OperatorStore {
    /**
     * Cancels a message where it waits. Answers in how many queues it is CANCELLED now; 0: it is held, dead, finished or unknown.
     *
     * @param reason here and below, why and by whom, for the record; null: nobody said
     */
    int cancel(UUID id, @Nullable Reason reason);

    default int cancel(UUID id) {
        return cancel(id, null);
    }

    /**
     * Cancels a message that workers hold. Their results are refused, and they are told by {@link PollSummary#cancelled}. Answers in how
     * many queues it is CANCELLED now. Waits for the transaction of an ATOMIC handler.
     */
    int cancelRunning(UUID id, @Nullable Reason reason);

    default int cancelRunning(UUID id) {
        return cancelRunning(id, null);
    }

    /** Moves a waiting message to another due time; one in the past means now. Answers in how many queues. */
    int reschedule(UUID id, Instant dueAt, @Nullable Reason reason);

    default int reschedule(UUID id, Instant dueAt) {
        return reschedule(id, dueAt, null);
    }

    /** Moves a dead letter to READY and sets its failures and crashes to 0. Answers in how many queues. */
    int redrive(UUID id, @Nullable Reason reason);

    default int redrive(UUID id) {
        return redrive(id, null);
    }

    /**
     * Counts the messages of queues, each up to a bound: see {@link QueueStats}.
     *
     * @param queue null: of all queues
     * @return one a queue, empty when the queue does not exist. Nothing is put on record
     */
    List<QueueStats> stats(@Nullable String queue);

    /**
     * Counts the messages of all queues for metrics, at a cost that does not grow with the backlog.
     *
     * @param worker number of the worker that asks, which is noted
     * @param mostQueues most queues, by name
     * @param most a count stops there; with more than 10 queues at 10 times that divided by their number, and never below 1,000. Of
     *     DELAYED, no more than that many of all queues are looked at, those due first
     * @return empty: a worker that started earlier is alive and asks, too; an empty list: there is no queue
     */
    Optional<List<QueueStats>> publishedStats(int worker, int mostQueues, int most);

    /** Pauses or resumes a queue. A repeat changes nothing. */
    void pause(String queue, boolean paused, @Nullable Reason reason);

    default void pause(String queue, boolean paused) {
        pause(queue, paused, null);
    }

    /** Cancels what waits in a queue, in many transactions: what was cancelled before a failure stays so. Answers how many messages. */
    long purge(String queue, @Nullable Reason reason);

    default long purge(String queue) {
        return purge(queue, null);
    }

    /**
     * Deletes a queue in one transaction, then cancels what waits in it in many.
     *
     * @param ifEmpty refuse with {@link IllegalStateException} while anything waits, is held or dead
     * @param ifUnused refuse likewise while it has a live consumer
     * @param self the process that asks: only its own exclusive queues are deleted; null: none
     * @return whether there was such a queue
     * @throws io.postroom.api.ExclusiveQueueException the queue belongs to another process
     */
    boolean delete(String queue, boolean ifEmpty, boolean ifUnused, @Nullable UUID self, @Nullable Reason reason);

    /** Deletes a queue that is not exclusive, as above. */
    default boolean delete(String queue, boolean ifEmpty, boolean ifUnused) {
        return delete(queue, ifEmpty, ifUnused, null, null);
    }

    /** Sets every stored instant of waiting messages back by this much, as if that time had passed. For tests. */
    void advance(Duration time);

    /**
     * Removes all messages with their history, keys and records, in several transactions, resumes all queues and lets their consumers go
     * on. Puts nothing on record, and what is on record in {@code operator_action} stays. For tests.
     */
    void removeAll();
}
