package io.postroom.internal.jobs;

import io.postroom.internal.storage.JobStore;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * Lets another process take over a queue with a single active consumer, when the active one has left and its messages are finished or
 * rescued. Runs on every node. A process finds others dead only after one full lease time of own heartbeats, as {@link RescueLeases} does.
 * Where no queue has an active consumer, it looks rarely; polls say when one has.
 */
public final class ReleaseActiveConsumers implements Job {
    /** The wait while a queue has an active consumer. */
    public static final Duration INTERVAL = Duration.ofSeconds(1);

    private static final Duration WITHOUT_QUEUES = Duration.ofSeconds(5);

    private final JobStore store;
    private final Duration leaseTime;
    private final Predicate<Duration> hasBeatenFor;
    private final BooleanSupplier isToldByPolls;

    /**
     * @param hasBeatenFor whether this process's heartbeats were confirmed for that long without a gap
     * @param isToldByPolls see {@link Job#idle}
     */
    public ReleaseActiveConsumers(
            JobStore store, Duration leaseTime, Predicate<Duration> hasBeatenFor, BooleanSupplier isToldByPolls) {
        this.store = store;
        this.leaseTime = leaseTime;
        this.hasBeatenFor = hasBeatenFor;
        this.isToldByPolls = isToldByPolls;
    }

    @Override
    public String name() {
        return "ReleaseActiveConsumers";
    }

    @Override
    public Duration run() {
        return store.releaseActive(hasBeatenFor.test(leaseTime) ? leaseTime : null) > 0
                ? INTERVAL
                : Job.idle(isToldByPolls, WITHOUT_QUEUES);
    }
}
