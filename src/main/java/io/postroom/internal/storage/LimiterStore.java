package io.postroom.internal.storage;

import io.postroom.api.Limiter;
import io.postroom.api.LimiterState;
import io.postroom.api.Reason;
import io.postroom.api.StoreException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Limits of queues and destinations. Thread-safe. Each call is a transaction of its own. Failures are {@link StoreException}s. A queue that
 * does not exist is refused with {@link io.postroom.api.QueueNotFoundException}. A reason is for the ledger; null: none is given.
 */
public interface LimiterStore {
    /**
     * Sets a limiter as a whole. Answers whether that was a change.
     *
     * @param declared by code: then an operator's stays
     */
    boolean set(Limiter limiter, boolean declared, @Nullable Reason reason);

    /** Removes the limiter of a queue, or of a destination; one of them is null. Answers whether there was one. */
    boolean remove(@Nullable String queue, @Nullable String destination, @Nullable Reason reason);

    /**
     * Names the destination of a queue; null: none. Answers whether that was a change.
     *
     * @param declared by code: then a queue whose settings or destination an operator has set keeps its own
     */
    boolean setDestination(String queue, @Nullable String destination, boolean declared, @Nullable Reason reason);

    /** Lets messages of a parked destination start again. Answers whether it was parked. */
    boolean unpark(String destination, @Nullable Reason reason);

    /** Lists all limiters, those of queues first, by name. */
    List<LimiterState> list();
}
