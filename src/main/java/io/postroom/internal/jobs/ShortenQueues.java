package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.JobStore.Shortening;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * Keeps queues with a maximum length at it, where messages come in without a producer: by a promotion, a release, a dead letter exchange.
 * Producers shorten queues themselves. Runs on every node; a queue that another one is counting is left out. A queue far above its limit is
 * shortened in parts, one after the other. Where no queue has a limit, it looks rarely; polls say when one has.
 */
public final class ShortenQueues implements Job {
    /** The wait while a queue has a limit. */
    public static final Duration INTERVAL = Duration.ofSeconds(1);

    private static final Duration WITHOUT_LIMITS = Duration.ofSeconds(10);

    private final JobStore store;
    private final BooleanSupplier isToldByPolls;

    /** @param isToldByPolls see {@link Job#idle} */
    public ShortenQueues(JobStore store, BooleanSupplier isToldByPolls) {
        this.store = store;
        this.isToldByPolls = isToldByPolls;
    }

    @Override
    public String name() {
        return "ShortenQueues";
    }

    @Override
    public Duration run() {
        Shortening done = store.shortenQueues();
        if (done.isMore()) {
            return Duration.ZERO;
        }
        return done.queues() > 0 ? INTERVAL : Job.idle(isToldByPolls, WITHOUT_LIMITS);
    }
}
