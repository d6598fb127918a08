package io.postroom.internal.jobs;

import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.OperationSteps;
import java.time.Duration;
import java.util.Collection;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Carries on redrives and discards of many dead letters, each at its rate. Any process takes any step, so an operation goes on when the
 * process that was asked for it ends. That one begins at once if it has workers, and others when a poll tells them.
 */
public final class CarryOnOperations implements Job {
    /** The wait while an operation is under way. */
    public static final Duration BUSY = Duration.ofSeconds(1);

    private static final Duration IDLE = Duration.ofSeconds(15);

    private final JobStore store;
    private final Consumer<Collection<Arrival>> wake;
    private final BooleanSupplier isToldByPolls;

    /**
     * @param wake told which messages are READY again
     * @param isToldByPolls see {@link Job#idle}
     */
    public CarryOnOperations(JobStore store, Consumer<Collection<Arrival>> wake, BooleanSupplier isToldByPolls) {
        this.store = store;
        this.wake = wake;
        this.isToldByPolls = isToldByPolls;
    }

    @Override
    public String name() {
        return "CarryOnOperations";
    }

    @Override
    public Duration run() {
        OperationSteps steps = store.stepOperations(BUSY);
        wake.accept(steps.arrivals());
        return steps.underWay() ? BUSY : Job.idle(isToldByPolls, IDLE);
    }
}
