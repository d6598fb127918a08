package io.postroom.api;

import java.time.Duration;
import java.util.List;

/**
 * The consumers of queues in all processes: list, stop, start. A consumer is what one process consumes of one queue, with all its handlers
 * for it. Thread-safe. Each call runs in transactions of its own, whatever transaction the caller has open. Failures of the database are
 * {@link StoreException}s.
 *
 * <p>A consumer that is told to stop claims no more, and gives back untouched what no handler has begun. Handlers that run go on. Its
 * process notices within {@code postroom.poll-interval} and answers with a receipt. A stop and a pause are independent: a consumer takes
 * messages when it is not told to stop and its queue is not paused. {@code sendMessageSync} is no consumer and goes on.
 */
public interface Consumers {
    /**
     * Lists the live consumers of a queue: those whose process sent a heartbeat in the last minute, by the process's name.
     *
     * @throws QueueNotFoundException the queue does not exist
     */
    List<ConsumerInfo> list(String queue);

    /**
     * Tells so many live consumers to stop that are not told yet, or all of them if there are fewer. Two calls never choose the same
     * consumer. Each stays stopped for the life of its process, or until {@link #start(String)}. Waits for their receipts.
     *
     * @param howMany 1 or more
     * @param deadline how long to wait for receipts and running messages, 0 to 400 days; at 0 the answer says how things stand at once. The
     *     consumers stop after the deadline, too
     * @return when all have stopped and nothing is in flight, else at the deadline or at an interrupt, which stays set
     * @throws InvalidMessageException {@code howMany} or {@code deadline} is out of bounds
     * @throws QueueNotFoundException the queue does not exist
     */
    Receipts stop(String queue, int howMany, Duration deadline);

    /** As {@link #stop(String, int, Duration)}, with a reason for the record. */
    Receipts stop(String queue, int howMany, Duration deadline, Reason reason);

    /**
     * Tells all consumers to stop, also those of processes that start later, until {@link #start(String)}. The answer counts all that are
     * live, those that stopped before included.
     *
     * @param deadline as in {@link #stop(String, int, Duration)}
     * @return as {@link #stop(String, int, Duration)}
     * @throws InvalidMessageException {@code deadline} is out of bounds
     * @throws QueueNotFoundException the queue does not exist
     */
    Receipts stopAll(String queue, Duration deadline);

    /** As {@link #stopAll(String, Duration)}, with a reason for the record. */
    Receipts stopAll(String queue, Duration deadline, Reason reason);

    /**
     * Lets all consumers of the queue go on that were told to stop, by whomever. They notice within {@code postroom.poll-interval}.
     *
     * @return how many live ones were told to stop
     * @throws QueueNotFoundException the queue does not exist
     */
    int start(String queue);

    /** As {@link #start(String)}, with a reason for the record. */
    int start(String queue, Reason reason);
}
