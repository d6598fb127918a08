package io.postroom.internal.storage;

import io.postroom.api.QueueSettings;
import io.postroom.api.StoreException;
import java.util.Optional;

/**
 * Queues as rows. Thread-safe. Each call is a short transaction of its own; failures are {@link StoreException}s.
 */
public interface QueueStore {
    /** Makes the queue if need be and sets what is named; what an operator set stays. Commits on its own so that hosts do not wait for one another. */
    QueueRow declare(QueueSettings settings);

    Optional<QueueRow> queue(String name);
}
