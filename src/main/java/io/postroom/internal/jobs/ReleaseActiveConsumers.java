package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import java.time.Duration;
import java.util.function.Predicate;

/**
 * Lets another process take over a queue with a single active consumer, when the active one has left and its messages are finished or
 * rescued. Runs on every node. A process finds others dead only after one full lease time of own heartbeats, as {@link RescueLeases} does.
 * Where no queue has an active consumer, it looks rarely.
 */
public final class ReleaseActiveConsumers implements Job {
    private static final Duration INTERVAL = Duration.ofSeconds(1);
    private static final Duration WITHOUT_QUEUES = Duration.ofSeconds(5);

    private final JobStore store;
    private final Duration leaseTime;
    private final Predicate<Duration> hasBeatenFor;

    /** @param hasBeatenFor whether this process's heartbeats were confirmed for that long without a gap */
    public ReleaseActiveConsumers(JobStore store, Duration leaseTime, Predicate<Duration> hasBeatenFor) {
        this.store = store;
        this.leaseTime = leaseTime;
        this.hasBeatenFor = hasBeatenFor;
    }

    @Override
    public String name() {
        return "ReleaseActiveConsumers";
    }

    @Override
    public Duration run() {
        return store.releaseActive(hasBeatenFor.test(leaseTime) ? leaseTime : null) > 0 ? INTERVAL : WITHOUT_QUEUES;
    }
}
