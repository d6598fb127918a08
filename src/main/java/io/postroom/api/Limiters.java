package io.postroom.api;

import java.util.List;
import java.util.Optional;

/**
 * Limits how many messages start in a period, and how many are in progress, over all processes. Thread-safe. Each call runs in a
 * transaction of its own, whatever transaction the caller has open. Failures of the database are {@link StoreException}s.
 *
 * <p>A start counts when the handler is called, whatever it answers. No span of time that the limiter means holds more starts than it
 * allows, and never are more messages in progress, also when processes are killed. A message that cannot start goes on waiting in READY and
 * costs nothing. A process holds what its handlers start within 20 ms, and {@code sendMessageSync} leaves messages to the consumers. A
 * start that was claimed and not used, because its process was overloaded, is given back. That of a process that died counts.
 *
 * <p>A change of a limiter holds for all that is claimed after it. A limiter that is new to its queue reaches other processes at their next
 * poll, within a second or so. Messages that they held ahead count as in progress, and their starts until then are not counted.
 */
public interface Limiters {
    /**
     * Sets a limiter as a whole: a limit that is left out does not apply any more. Replaces what was declared or set before. Starts of the
     * past count on.
     *
     * @return whether that was a change
     * @throws InvalidMessageException no limit is set, or groups are limited of a queue that is not fair
     * @throws QueueNotFoundException the queue does not exist
     */
    boolean set(Limiter limiter);

    /** Does what {@link #set(Limiter)} does, with a reason and a person for the ledger. */
    boolean set(Limiter limiter, Reason reason);

    /**
     * Removes the limiter of a queue. One that is declared comes back at the next start of a process that declares it.
     *
     * @return false when there was none
     * @throws QueueNotFoundException the queue does not exist
     */
    boolean remove(String queue);

    /** Does what {@link #remove(String)} does, with a reason and a person for the ledger. */
    boolean remove(String queue, Reason reason);

    /**
     * Removes the limiter of a destination.
     *
     * @return false when there was none
     */
    boolean removeFromDestination(String destination);

    /** Does what {@link #removeFromDestination(String)} does, with a reason and a person for the ledger. */
    boolean removeFromDestination(String destination, Reason reason);

    /**
     * Names the external system that the messages of a queue go to. The queue is limited by the limiter of that destination, if it has one,
     * beside its own. {@link Outcome.NotNow} about that destination parks it for all queues that name it. Direct dispatch and
     * {@code sendMessageSync} leave the messages of such a queue to the consumers.
     *
     * @param destination empty: the queue names none any more; that is the default
     * @return whether that was a change
     * @throws QueueNotFoundException the queue does not exist
     */
    boolean setDestination(String queue, Optional<String> destination);

    /** Does what {@link #setDestination(String, Optional)} does, with a reason and a person for the ledger. */
    boolean setDestination(String queue, Optional<String> destination, Reason reason);

    /**
     * Lets messages of a parked destination start again at once, all of them.
     *
     * @return false when it was not parked
     */
    boolean unpark(String destination);

    /** Does what {@link #unpark(String)} does, with a reason and a person for the ledger. */
    boolean unpark(String destination, Reason reason);

    /** Lists all limiters as they stand, those of queues first, by name. A destination that was parked has one, too. */
    List<LimiterState> list();
}
