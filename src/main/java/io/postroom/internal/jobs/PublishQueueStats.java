package io.postroom.internal.jobs;

import io.postroom.api.QueueStats;
import io.postroom.internal.storage.OperatorStore;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntSupplier;

/**
 * Counts the messages of all queues and gives the counts to whoever publishes them. Of the live workers that run this job the one that
 * started first counts. The others give empty lists, so that a count is published once. A worker whose look fails gives an empty list, too,
 * because another one takes over when its heartbeats stay away for a minute.
 */
public final class PublishQueueStats implements Job {
    public static final Duration INTERVAL = Duration.ofSeconds(15);
    /** Where a count stops: see {@link OperatorStore#publishedStats}. */
    public static final int MOST = 100_000;
    /** Queues that are counted. */
    public static final int MOST_QUEUES = 1_000;

    private final OperatorStore store;
    private final IntSupplier worker;
    private final Consumer<List<QueueStats>> taker;

    /** @param worker the number of this worker */
    public PublishQueueStats(OperatorStore store, IntSupplier worker, Consumer<List<QueueStats>> taker) {
        this.store = store;
        this.worker = worker;
        this.taker = taker;
    }

    @Override
    public String name() {
        return "PublishQueueStats";
    }

    @Override
    public Duration run() {
        List<QueueStats> counts = List.of();
        try {
            counts = store.publishedStats(worker.getAsInt(), MOST_QUEUES, MOST);
        } finally {
            taker.accept(counts);
        }
        return INTERVAL;
    }
}
