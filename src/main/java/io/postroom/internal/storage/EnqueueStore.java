package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.sql.Connection;
import java.util.List;
import java.util.Optional;

/**
 * Writes new messages, in a transaction that is given unless the method says otherwise. Thread-safe.
 *
 * <p>Failures are {@link StoreException}s. Times are the store's own.
 */
public interface EnqueueStore {
    /** Writes one message. Joins the connection's transaction. Takes its transaction id before it draws a seq (see the safe floor). */
    EnqueueResult enqueue(NewMessage message, Connection connection);

    /** Writes many in one statement; answers in the order given. One refused message refuses all. */
    List<EnqueueResult> enqueue(List<NewMessage> messages, Connection connection);

    /** Writes one message already held by this worker, so that nobody else starts it; empty when its id or key was there. */
    Optional<ClaimedMessage> enqueueLeased(NewMessage message, int workerId);

    /**
     * Writes new messages that this worker holds from the beginning, in the transaction of the connection. All plain, of one queue and one priority.
     *
     * @return one per message, in the order given
     */
    List<ClaimedMessage> enqueueDirect(List<NewMessage> messages, int workerId, int leaseSize, Connection connection);
}
