package io.postroom.internal.jobs;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.JobStore;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rescues messages of workers that died. Those that had started go back to READY with one crash more or, at their queue's crash limit,
 * become dead letters. The others go back untouched. Runs on every node. A process rescues other workers only after one full lease time of
 * own heartbeats, so a process without queues rescues none.
 */
public final class RescueLeases implements Job {
    private static final Logger log = LoggerFactory.getLogger(RescueLeases.class);
    private static final int LEASES_AT_ONCE = 20;

    private final JobStore store;
    private final Duration leaseTime;
    private final Duration interval;
    private final Predicate<Duration> hasBeatenFor;
    private final Consumer<Collection<Arrival>> wake;
    /** Messages rescued since the last log line. A run that finds none writes it, so a worker with many queues has one line. */
    private long notLogged;

    /**
     * @param interval how often to look; a death is noticed after leaseTime plus this, or half a leaseTime after the only process has
     *     started again
     * @param hasBeatenFor whether this process's heartbeats were confirmed for that long without a gap
     * @param wake told which messages are READY again
     */
    public RescueLeases(
            JobStore store,
            Duration leaseTime,
            Duration interval,
            Predicate<Duration> hasBeatenFor,
            Consumer<Collection<Arrival>> wake) {
        this.store = store;
        this.leaseTime = leaseTime;
        this.interval = interval;
        this.hasBeatenFor = hasBeatenFor;
        this.wake = wake;
    }

    @Override
    public String name() {
        return "RescueLeases";
    }

    @Override
    public Duration run() {
        if (!hasBeatenFor.test(leaseTime)) {
            return interval;
        }
        List<Arrival> rescued;
        try {
            rescued = store.rescue(leaseTime, LEASES_AT_ONCE);
        } catch (RuntimeException error) {
            logRescued(); // a lease that cannot be rescued may fail each run from here on
            throw error;
        }
        if (rescued.isEmpty()) {
            logRescued();
            return interval;
        }
        notLogged += rescued.stream().mapToInt(Arrival::count).sum();
        wake.accept(rescued.stream().filter(arrival -> arrival.count() > 0).toList());
        return Duration.ZERO;
    }

    private void logRescued() {
        if (notLogged > 0) {
            log.warn("rescued {} messages of workers that sent no heartbeat: they are READY again", notLogged);
            notLogged = 0;
        }
    }
}
