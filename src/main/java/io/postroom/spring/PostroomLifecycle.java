package io.postroom.spring;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Schedule;
import io.postroom.handler.Handler;
import java.util.List;
import java.util.function.Supplier;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.context.SmartLifecycle;

/**
 * Starts the workers last, when the whole context is ready and its port open. Ends their claims first, before anything else stops: from
 * then on no handler begins. {@link PostroomDrain} waits for those that run, in the next phase. Collects and checks the handlers earlier,
 * so that a mistake in one, or a clash of two, stops the start before a port is open. Thread-safe.
 */
final class PostroomLifecycle implements SmartLifecycle, SmartInitializingSingleton {
    private final Workers workers;
    private final Supplier<BeanHandlers> finder;
    private List<Handler> handlers = List.of();
    private volatile boolean running;
    private boolean started;

    PostroomLifecycle(Workers workers, Supplier<BeanHandlers> finder) {
        this.workers = workers;
        this.finder = finder;
    }

    @Override
    public void afterSingletonsInstantiated() {
        BeanHandlers found = finder.get();
        handlers = found.find();
        try {
            workers.check(handlers);
        } catch (IllegalArgumentException clash) {
            throw new StartProblem(
                    "The handlers do not go together: " + clash.getMessage(),
                    "Each message must have one handler, and each handler an id of its own",
                    clash);
        }
        found.schedules().forEach(this::declare);
    }

    private void declare(Schedule schedule) {
        try {
            workers.declare(schedule);
        } catch (InvalidMessageException refused) {
            throw new StartProblem(
                    "Schedule \"" + schedule.name() + "\" of a handler is refused: " + refused.getMessage(),
                    "Correct its @OnSchedule",
                    refused);
        }
    }

    /** The handlers that were found. The workers run them unless workers are switched off. */
    List<Handler> handlers() {
        return handlers;
    }

    /**
     * Starts the workers, also again after a stop: a context may be stopped and started, or be a test's that is paused while another one
     * is used.
     */
    @Override
    public synchronized void start() {
        if (!running) {
            workers.start(started ? List.of() : handlers);
            started = true;
            running = true;
        }
    }

    @Override
    public synchronized void stop() {
        if (running) {
            workers.stopClaiming();
            running = false;
        }
    }

    @Override
    public void stop(Runnable callback) {
        stopAside(this::stop, callback);
    }

    /** Stops on a thread of its own, so that other beans of the phase stop at the same time. */
    static void stopAside(Runnable stop, Runnable callback) {
        Thread thread = new Thread(
                () -> {
                    try {
                        stop.run();
                    } finally {
                        callback.run();
                    }
                },
                "postroom-stop");
        thread.start();
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return DEFAULT_PHASE;
    }
}
