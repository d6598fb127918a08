package io.postroom.spring;

import io.postroom.DefaultPostroom;
import io.postroom.handler.Handler;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.context.SmartLifecycle;

/**
 * Starts the workers last, when the whole context is ready and its port open. Stops them first, while everything that a handler may need
 * is still there: the web server's graceful stop is the next phase. Collects and checks the handlers earlier, so that a mistake in one, or
 * a clash of two, stops the start before a port is open. Thread-safe.
 */
final class PostroomLifecycle implements SmartLifecycle, SmartInitializingSingleton {
    static final Duration DEFAULT_PHASE_TIMEOUT = Duration.ofSeconds(30);
    /** Time that a stop needs after the drain: for an interrupt, its grace, and the last results. */
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

    /**
     * Cuts the drain to what Spring's time for a phase leaves to handlers. After that time, Spring destroys beans even if handlers still
     * run.
     *
     * @return the drain, or less
     */
    static Duration drainWithin(Duration phaseTimeout, Duration drain) {
        Duration half = phaseTimeout.dividedBy(2);
        Duration most = phaseTimeout.minus(RESERVE.compareTo(half) < 0 ? RESERVE : half);
        return drain.compareTo(most) < 0 ? drain : most;
    }

    @Override
    public void afterSingletonsInstantiated() {
        handlers = finder.get();
        try {
            postroom.checkHandlers(handlers);
        } catch (IllegalArgumentException clash) {
            throw new StartProblem(
                    "The handlers do not go together: " + clash.getMessage(),
                    "Each message must have one handler, and each handler an id of its own",
                    clash);
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
            postroom.startWorkers(started ? List.of() : handlers);
            started = true;
            running = true;
        }
    }

    @Override
    public synchronized void stop() {
        if (running) {
            postroom.stopWorkers(drain);
            running = false;
        }
    }

    /** Stops on a thread of its own, so that other beans of the phase stop at the same time. */
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
