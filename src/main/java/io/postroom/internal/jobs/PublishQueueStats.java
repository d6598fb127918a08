package io.postroom.internal.jobs;

import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.QueueStats;
import io.postroom.internal.storage.OperatorStore;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.IntSupplier;
import java.util.function.Supplier;

/**
 * Counts the messages of all queues, looks who holds the horizon, and gives both to whoever publishes them. Of the live workers that run
 * this job the one that started first counts. The others give empty lists, so that a count is published once. A worker whose look fails
 * gives an empty list, too, because another one takes over when its heartbeats stay away for a minute.
 */
public final class PublishQueueStats implements Job {
    public static final Duration INTERVAL = Duration.ofSeconds(15);
    /** Where a count stops: see {@link OperatorStore#publishedStats}. */
    public static final int MOST = 100_000;
    /** Queues that are counted. */
    public static final int MOST_QUEUES = 1_000;

    private final OperatorStore store;
    private final IntSupplier worker;
    private final Supplier<List<Holder>> horizon;
    private final Taker taker;

    /** Takes what is published. Empty lists: nothing by this process. */
    public interface Taker {
        /** @param counted whether this process has counted; with an empty list: there is no queue */
        void counts(List<QueueStats> queues, boolean counted);

        void horizon(List<Holder> holders);
    }

    /**
     * @param worker the number of this worker
     * @param horizon looks who holds it, and gives up soon
     */
    public PublishQueueStats(OperatorStore store, IntSupplier worker, Supplier<List<Holder>> horizon, Taker taker) {
        this.store = store;
        this.worker = worker;
        this.horizon = horizon;
        this.taker = taker;
    }

    @Override
    public String name() {
        return "PublishQueueStats";
    }

    @Override
    public Duration run() {
        Optional<List<QueueStats>> counts = Optional.empty();
        List<Holder> holders = List.of();
        try {
            counts = store.publishedStats(worker.getAsInt(), MOST_QUEUES, MOST);
            if (counts.isPresent()) {
                holders = horizon.get();
            }
        } finally {
            taker.counts(counts.orElse(List.of()), counts.isPresent());
            taker.horizon(holders);
        }
        return INTERVAL;
    }
}
