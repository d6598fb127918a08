package io.postroom.internal.storage;

import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.StoreException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
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

    /** Makes the queue if it does not exist or was deleted, and leaves its settings alone. A queue that comes back keeps its kind. */
    QueueRow use(String name);

    /**
     * Declares many queues as {@link #declare} does, all of them in one round. Further rounds take those that another process made or
     * changed meanwhile. Each statement has a transaction of its own, so two processes that declare the same queues wait, but never in a
     * deadlock. Queues that stay as they are cost no row lock and no number.
     *
     * @param settings each queue once
     * @return the rows in the same order
     * @throws InvalidMessageException a queue has another kind or, with a strict declarer, other settings; its own stay as they are
     * @throws ExclusiveQueueException a queue belongs to another process, or is to become exclusive while others consume it
     */
    List<QueueRow> declareAll(List<QueueSettings> settings, Declarer declarer);

    /** Does the same for a declarer who owns no queue and whose declarations win. */
    default List<QueueRow> declareAll(List<QueueSettings> settings) {
        return declareAll(settings, Declarer.ANYBODY);
    }

    /** Names the process, for people, that owns the queue; empty when it is not exclusive, or when it belongs to {@code self}. */
    Optional<String> otherOwner(String queue, @Nullable UUID self);

    /** Whether the owner or the last consumer of the queue has sent no heartbeat for that long. */
    boolean isAbandoned(String queue, Duration leaseTime);

    /** Looks up those of these queues that exist. */
    List<QueueRow> queues(Collection<String> names);

    /**
     * Returns the queues whose rows were changed, deleted ones included.
     *
     * @param horizon the {@link PollSummary#horizon} up to which changes are known; null: all queues are returned
     * @param self the process that asks: exclusive queues of others are as good as deleted for it
     */
    List<QueueName> changedSince(@Nullable String horizon, @Nullable UUID self);

    /** Looks a queue up; empty when no such queue exists. */
    Optional<QueueRow> queue(String name);

    /**
     * Looks a queue up that an operator names.
     *
     * @throws QueueNotFoundException no such queue exists
     */
    default QueueRow require(String name) {
        return queue(name).orElseThrow(() -> unknown(name));
    }

    /** Makes the refusal of a queue that an operator names and that does not exist. */
    static QueueNotFoundException unknown(String name) {
        return new QueueNotFoundException(
                name, "Queues are made by their first message, their first handler, or Queues.declare");
    }
}
