package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.JobStore.Shortening;
import java.time.Duration;

/**
 * Keeps queues with a maximum length at it, where messages come in without a producer: by a promotion, a release, a dead letter exchange.
 * Producers shorten queues themselves. Runs on every node; a queue that another one is counting is left out. A queue far above its limit is
 * shortened in parts, one after the other. Where no queue has a limit, it looks rarely.
 */
public final class ShortenQueues implements Job {
    private static final Duration INTERVAL = Duration.ofSeconds(1);
    private static final Duration WITHOUT_LIMITS = Duration.ofSeconds(10);

    private final JobStore store;

    public ShortenQueues(JobStore store) {
        this.store = store;
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
        return done.queues() > 0 ? INTERVAL : WITHOUT_LIMITS;
    }
}
