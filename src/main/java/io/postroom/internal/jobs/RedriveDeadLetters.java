package io.postroom.internal.jobs;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.RedriveResult;
import java.time.Duration;
import java.util.Collection;
import java.util.function.Consumer;

/**
 * Carries out the recorded bulk redrives, each at its rate. Any node takes any turn, so an operation goes on when the node that was asked
 * for it ends. That node begins at once if it has workers.
 */
public final class RedriveDeadLetters implements Job {
    private static final Duration IDLE = Duration.ofSeconds(15);
    private static final Duration BUSY = Duration.ofSeconds(1);

    private final JobStore store;
    private final Consumer<Collection<Arrival>> wake;

    public RedriveDeadLetters(JobStore store, Consumer<Collection<Arrival>> wake) {
        this.store = store;
        this.wake = wake;
    }

    @Override
    public String name() {
        return "RedriveDeadLetters";
    }

    @Override
    public Duration run() {
        RedriveResult redriven = store.redriveSome(BUSY);
        wake.accept(redriven.arrivals());
        return redriven.underWay() ? BUSY : IDLE;
    }
}
