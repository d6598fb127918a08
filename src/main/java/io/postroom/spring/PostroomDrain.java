package io.postroom.spring;

import io.postroom.api.Durations;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.context.LifecycleProperties;
import org.springframework.context.SmartLifecycle;
import org.springframework.core.env.Environment;

/**
 * Waits at a stop for the handlers that run, in the phase in which the web server takes no new requests and waits for those that run. Both
 * wait at the same time, so that the two times do not add up. Thread-safe.
 */
final class PostroomDrain implements SmartLifecycle {
    static final String PROPERTY = "postroom.shutdown.drain";
    /** {@code WebServerApplicationContext.GRACEFUL_SHUTDOWN_PHASE}, of a class that a host without a web server need not have. */
    static final int PHASE = DEFAULT_PHASE - 1024;

    static final Duration DEFAULT_PHASE_TIMEOUT = Duration.ofSeconds(30);
    private static final Logger log = LoggerFactory.getLogger(PostroomDrain.class);
    /** Time that a stop needs after the drain: for an interrupt, its grace, and the last results. */
    private static final Duration RESERVE = Duration.ofSeconds(6);

    private final Workers workers;
    private final Duration drain;
    private volatile boolean running;

    PostroomDrain(Workers workers, Duration drain) {
        this.workers = workers;
        this.drain = drain;
    }

    /** The drain that the host has set, cut to its time for a phase. */
    static PostroomDrain of(
            Workers workers,
            Environment environment,
            PostroomProperties properties,
            ObjectProvider<LifecycleProperties> lifecycle) {
        Duration phase = lifecycle.stream()
                .map(LifecycleProperties::getTimeoutPerShutdownPhase)
                .findFirst()
                .orElse(DEFAULT_PHASE_TIMEOUT);
        Duration drain = properties.shutdown().drain();
        if (environment.containsProperty(PROPERTY)) {
            warnOfCut(phase, drain);
        }
        return new PostroomDrain(workers, within(phase, drain));
    }

    /**
     * Cuts the drain to what Spring's time for a phase leaves to handlers. After that time, Spring destroys beans even if handlers still
     * run.
     *
     * @return the drain, or less
     */
    static Duration within(Duration phaseTimeout, Duration drain) {
        Duration half = phaseTimeout.dividedBy(2);
        Duration most = phaseTimeout.minus(RESERVE.compareTo(half) < 0 ? RESERVE : half);
        return drain.compareTo(most) < 0 ? drain : most;
    }

    /** Warns of a drain that the host has set and that does not fit. */
    static void warnOfCut(Duration phaseTimeout, Duration drain) {
        Duration cut = within(phaseTimeout, drain);
        if (cut.compareTo(drain) < 0) {
            log.warn(
                    "{}={} does not end within spring.lifecycle.timeout-per-shutdown-phase={} and is cut to {}. "
                            + "Set the timeout of the phase to {} or more, or the drain to {} or less",
                    PROPERTY,
                    Durations.format(drain),
                    Durations.format(phaseTimeout),
                    Durations.format(cut),
                    Durations.format(drain.plus(RESERVE)),
                    Durations.format(cut));
        }
    }

    @Override
    public void start() {
        running = true;
    }

    @Override
    public void stop() {
        workers.stop(drain);
        running = false;
    }

    @Override
    public void stop(Runnable callback) {
        PostroomLifecycle.stopAside(this::stop, callback);
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
