package io.postroom.spring;

import io.postroom.DefaultPostroom;
import io.postroom.handler.Handler;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.context.SmartLifecycle;

/**
 * Workers start last, when the whole context is ready and its port open, and stop first, while everything a handler may need is still there (the web
 * server's graceful stop is the next phase). Handlers are collected before, so that a mistake in one stops the start before a port is open.
 */
final class PostroomLifecycle implements SmartLifecycle, SmartInitializingSingleton {
    static final Duration DEFAULT_PHASE_TIMEOUT = Duration.ofSeconds(30);
    /** After the drain: an interrupt, its grace, and the last results. */
    private static final Duration RESERVE = Duration.ofSeconds(6);

    private final DefaultPostroom postroom;
    private final Supplier<List<Handler>> finder;
    private final Duration drain;
    private List<Handler> handlers = List.of();
    private volatile boolean running;
    private boolean started;

    PostroomLifecycle(DefaultPostroom postroom, Supplier<List<Handler>> finder, Duration drain) {
        this.postroom = postroom;
        this.finder = finder;
        this.drain = drain;
    }

    /** What is left for handlers of the time Spring gives a phase, after which it destroys beans whatever still runs. */
    static Duration drainWithin(Duration phaseTimeout, Duration drain) {
        Duration half = phaseTimeout.dividedBy(2);
        Duration most = phaseTimeout.minus(RESERVE.compareTo(half) < 0 ? RESERVE : half);
        return drain.compareTo(most) < 0 ? drain : most;
    }

    @Override
    public void afterSingletonsInstantiated() {
        handlers = finder.get();
    }

    /** Those found, which the workers run unless they are off. */
    List<Handler> handlers() {
        return handlers;
    }

    /** Again after a stop: a context that is stopped and started, or a test's that is paused while another one is used. */
    @Override
    public synchronized void start() {
        if (!running) {
            startWorkers();
            running = true;
        }
    }

    private void startWorkers() {
        try {
            postroom.startWorkers(started ? List.of() : handlers);
            started = true;
        } catch (IllegalArgumentException clash) {
            throw new StartProblem(
                    "The handlers do not go together: " + clash.getMessage(),
                    "Each message must have one handler, and each handler an id of its own",
                    clash);
        }
    }

    @Override
    public synchronized void stop() {
        if (running) {
            postroom.stopWorkers(drain);
            running = false;
        }
    }

    /** On a thread of its own: other beans of the phase stop meanwhile. */
    @Override
    public void stop(Runnable callback) {
        Thread thread = new Thread(
                () -> {
                    try {
                        stop();
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
