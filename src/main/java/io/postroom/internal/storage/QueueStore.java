package io.postroom.internal.storage;

import io.postroom.api.QueueSettings;
import io.postroom.api.StoreException;
import java.util.Optional;

/**
 * Declares queues and looks them up. Thread-safe. Each call is a short transaction of its own; failures are {@link StoreException}s and may
 * be repeated.
 */
public interface QueueStore {
    /**
     * Makes the queue if it does not exist, and sets what the settings name. What an operator set stays. It has a transaction of its own,
     * so that callers which use a new queue in long transactions do not wait for one another.
     */
    QueueRow declare(QueueSettings settings);

    /** Looks a queue up; empty when no such queue exists. */
    Optional<QueueRow> queue(String name);
}
