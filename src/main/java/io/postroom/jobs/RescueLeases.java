package io.postroom.jobs;

import io.postroom.storage.Arrival;
import io.postroom.storage.MessageStore;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What workers held that died goes back to READY, with one crash more; at its queue's crash limit to the dead letters. Runs on every node. */
public final class RescueLeases implements Job {
    private static final Logger log = LoggerFactory.getLogger(RescueLeases.class);
    private static final int LEASES_AT_ONCE = 20;

    private final MessageStore store;
    private final Duration leaseTime;
    private final Duration interval;
    private final Consumer<Collection<Arrival>> doorbell;

    /** @param interval how often to look; a death is noticed after leaseTime plus this at the latest */
    public RescueLeases(
            MessageStore store, Duration leaseTime, Duration interval, Consumer<Collection<Arrival>> doorbell) {
        this.store = store;
        this.leaseTime = leaseTime;
        this.interval = interval;
        this.doorbell = doorbell;
    }

    @Override
    public String name() {
        return "RescueLeases";
    }

    @Override
    public Duration run() {
        List<Arrival> rescued = store.rescue(leaseTime, LEASES_AT_ONCE);
        if (rescued.isEmpty()) {
            return interval;
        }
        log.warn(
                "took back what silent workers held: {} messages are ready again",
                rescued.stream().mapToInt(Arrival::count).sum());
        doorbell.accept(rescued.stream().filter(arrival -> arrival.count() > 0).toList());
        return Duration.ZERO;
    }
}
