package io.postroom.internal.storage;

import io.postroom.api.QueueSettings;
import io.postroom.api.StoreException;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Declares queues and looks them up. Thread-safe. Each call but {@link #declareAll} is one short transaction of its own. Failures are
 * {@link StoreException}s and may be repeated.
 */
public interface QueueStore {
    /**
     * Makes the queue if it does not exist, and sets what the settings name. What an operator set stays. It has a transaction of its own,
     * so that callers which use a new queue in long transactions do not wait for one another.
     */
    default QueueRow declare(QueueSettings settings) {
        return declareAll(List.of(settings)).get(0);
    }

    /**
     * Declares many queues as {@link #declare} does, all of them in one round. Further rounds take those that another process made or
     * changed meanwhile. Each statement has a transaction of its own, so two processes that declare the same queues wait, but never in a
     * deadlock. Queues that stay as they are cost no row lock and no number.
     *
     * @param settings each queue once
     * @return the rows in the same order
     */
    List<QueueRow> declareAll(List<QueueSettings> settings);

    /** Looks up those of these queues that exist. */
    List<QueueRow> queues(Collection<String> names);

    /**
     * Returns the queues whose rows were changed, deleted ones included.
     *
     * @param horizon the {@link PollSummary#horizon} up to which changes are known; null: all queues are returned
     */
    List<QueueName> changedSince(@Nullable String horizon);

    /** Looks a queue up; empty when no such queue exists. */
    Optional<QueueRow> queue(String name);
}
