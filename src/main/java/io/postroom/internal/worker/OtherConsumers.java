package io.postroom.internal.worker;

import io.postroom.internal.consumer.ConsumedQueue;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.WorkerStore;
import io.postroom.internal.worker.Consumers.RunningQueues;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Knows which queues other processes consume, too: these are told of messages that this process cannot take. Used by the poll's thread.
 *
 * <p>Asks when a process appeared or ended, at the next poll once more, since a new process announces its consumers a moment after itself,
 * and then every {@link #ASK_EVERY}. A consumer that another process added later is told of messages after that time; until then its polls
 * find them.
 */
final class OtherConsumers {
    private static final Duration ASK_EVERY = Duration.ofSeconds(10);

    private final WorkerStore store;
    private final LeaseHolder leaseHolder;
    private @Nullable Long others;
    private boolean isNew = true;
    private long askedAtNanos;

    OtherConsumers(WorkerStore store, LeaseHolder leaseHolder) {
        this.store = store;
        this.leaseHolder = leaseHolder;
    }

    /** @param others a digest over the other live processes; null: there is none */
    void refresh(@Nullable Long others, RunningQueues queues) {
        boolean changed = !Objects.equals(others, this.others);
        boolean isOld = others != null && System.nanoTime() - askedAtNanos > ASK_EVERY.toNanos();
        if (!changed && !isNew && !isOld) {
            return;
        }
        Set<Integer> consumed = others == null ? Set.of() : store.consumedElsewhere(leaseHolder.workerId());
        for (ConsumedQueue queue : queues.queues()) {
            queue.consumedElsewhere(consumed.contains(queue.id()));
        }
        askedAtNanos = System.nanoTime();
        isNew = changed;
        this.others = others;
    }
}
