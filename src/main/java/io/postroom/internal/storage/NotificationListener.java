package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import java.time.Duration;
import java.util.List;

/** Word from other processes that messages became READY. A hint only: polling is the truth. Used by one thread. */
public interface NotificationListener extends AutoCloseable {
    /**
     * Waits for word. Connects at the first call and again after a failure.
     *
     * @return what came; empty after {@code timeout}
     * @throws StoreException the line is down; the next call tries again
     */
    List<Arrival> await(Duration timeout);

    @Override
    void close();
}
