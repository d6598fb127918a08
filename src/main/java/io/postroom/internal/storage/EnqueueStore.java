package io.postroom.internal.storage;

import io.postroom.api.QueueFullException;
import io.postroom.api.StoreException;
import java.sql.Connection;
import java.util.List;
import java.util.Optional;

/**
 * Writes new messages. Thread-safe.
 *
 * <p>A method with a connection joins its transaction, neither commits nor rolls back, and may be called again in it only after a rollback
 * when it failed. Failures are {@link StoreException}s; in a transaction that belongs to a caller nothing is retried. Times are the
 * database's.
 */
public interface EnqueueStore {
    /**
     * Writes one message, READY or DELAYED. Waits for an open transaction that writes the same id or deduplication key. The transaction
     * gets its id before a number is drawn: {@link WorkerStore#sampleWatermark} relies on that.
     *
     * @throws QueueChangedException the queue's number is not the queue's any more; nothing was written, and the transaction goes on
     */
    EnqueueResult enqueue(NewMessage message, Connection connection);

    /**
     * Does the same for a message whose arrival the caller tells nobody. Does not ask for the message's seq: the answer has 0 instead.
     *
     * @throws QueueChangedException as above
     */
    EnqueueResult enqueueUnnumbered(NewMessage message, Connection connection);

    /**
     * Writes many in one statement. Answers one result a message, in the order given. One refused message refuses all.
     *
     * @throws QueueChangedException as for one message
     */
    List<EnqueueResult> enqueue(List<NewMessage> messages, Connection connection);

    /**
     * Does the same for messages of which some are for queues with a maximum length; the other ways write nothing into these. Waits for
     * other transactions that create messages in them.
     *
     * @throws QueueFullException a queue has no room and refuses; nothing was written, and the transaction goes on
     * @throws QueueChangedException as for one message
     */
    List<EnqueueResult> enqueueLimited(List<NewMessage> messages, Connection connection);

    /**
     * Does the same without checking the queues' numbers, for messages whose queues were looked up just now in another transaction. A
     * caller's transaction under REPEATABLE READ may have a snapshot that is older than the queue, and would not find it.
     */
    List<EnqueueResult> enqueueLookedUp(List<NewMessage> messages, Connection connection);

    /**
     * Looks for the message of which one that reaches no queue is a repeat, by its id or deduplication key: it may have been stored while
     * there was a way. Empty when there is none.
     */
    Optional<EnqueueResult> repeated(NewMessage message, Connection connection);

    /**
     * Writes one message under a lease of this worker, in a transaction of its own, so that no other worker starts it. Empty when its id or
     * deduplication key was there already, or its queue has another number now: then nothing is written.
     */
    Optional<ClaimedMessage> enqueueLeased(NewMessage message, int workerId);

    /**
     * Writes new messages under leases of this worker from the beginning (direct dispatch): they never pass through READY. Once committed
     * they must be run or released.
     *
     * @param messages plain ones, all of one queue and one priority
     * @param leaseSize most messages under one lease
     * @return one a message, in the order given
     * @throws QueueChangedException as for one message
     */
    List<ClaimedMessage> enqueueDirect(List<NewMessage> messages, int workerId, int leaseSize, Connection connection);
}
