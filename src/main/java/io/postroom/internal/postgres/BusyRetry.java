package io.postroom.internal.postgres;

import io.postroom.api.StoreException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/**
 * Repeats transactions that need a lock behind which everybody waits. Such a transaction tries for the lock a short time only and fails
 * while others are under way, so that a long transaction of a user stops nobody.
 */
final class BusyRetry {
    private static final int MOST_TRIES = 10;

    /** Lets those that waited behind the lock go on before the next try. */
    private static final long PAUSE_NANOS = 100_000_000;

    private BusyRetry() {}

    /**
     * Runs a transaction again, up to ten times, while it fails with {@link StoreException.Kind#TRY_AGAIN}.
     *
     * @param transaction writes nothing when it fails
     * @throws StoreException that of the last try
     */
    static <T> T untilFree(Supplier<T> transaction) {
        for (int tries = 1; ; tries++) {
            try {
                return transaction.get();
            } catch (StoreException busy) {
                if (busy.kind() != StoreException.Kind.TRY_AGAIN || tries == MOST_TRIES) {
                    throw busy;
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }
}
