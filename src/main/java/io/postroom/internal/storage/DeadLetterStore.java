package io.postroom.internal.storage;

import io.postroom.api.Reason;
import io.postroom.api.StoreException;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What people do to dead letters. Each call is a transaction of its own. Failures are {@link StoreException}s. Thread-safe. */
public interface DeadLetterStore {
    /**
     * Discards a dead letter.
     *
     * @param queue null: in all queues
     * @return in how many queues
     */
    int discard(UUID id, @Nullable String queue, Reason reason);
}
