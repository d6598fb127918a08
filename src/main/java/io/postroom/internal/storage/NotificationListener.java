package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.time.Duration;
import java.util.List;

/**
 * Receives notifications of other processes that messages became READY. They are hints: one that is sent while nobody listens is lost, and
 * polling finds its messages. One thread receives; any thread may close.
 */
public interface NotificationListener extends AutoCloseable {
    /**
     * Waits for notifications. Connects at the first call, and again after a failure.
     *
     * @return what came; empty after {@code timeout}, and once this is closed
     * @throws StoreException the connection was lost or cannot be had; the next call tries again
     */
    List<Arrival> await(Duration timeout);

    /** Closes the connection and ends a wait. */
    @Override
    void close();
}
