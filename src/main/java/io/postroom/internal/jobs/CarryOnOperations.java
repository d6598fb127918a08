package io.postroom.internal.jobs;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.OperationSteps;
import java.time.Duration;
import java.util.Collection;
import java.util.function.Consumer;

/**
 * Carries on redrives and discards of many dead letters, each at its rate. Any process takes any step, so an operation goes on when the
 * process that was asked for it ends. That one begins at once if it has workers.
 */
public final class CarryOnOperations implements Job {
    private static final Duration IDLE = Duration.ofSeconds(15);
    private static final Duration BUSY = Duration.ofSeconds(1);

    private final JobStore store;
    private final Consumer<Collection<Arrival>> wake;

    public CarryOnOperations(JobStore store, Consumer<Collection<Arrival>> wake) {
        this.store = store;
        this.wake = wake;
    }

    @Override
    public String name() {
        return "CarryOnOperations";
    }

    @Override
    public Duration run() {
        OperationSteps steps = store.stepOperations(BUSY);
        wake.accept(steps.arrivals());
        return steps.underWay() ? BUSY : IDLE;
    }
}
