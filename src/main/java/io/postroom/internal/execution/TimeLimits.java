package io.postroom.internal.execution;

import io.postroom.handler.Handler;
import io.postroom.internal.loop.Loop;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Interrupts handlers that run too long, and gives up those that ignore it. One thread looks at all running calls ten times a second: a
 * timer per message would cost each message more than a no-op handler does. A limit is therefore kept to 100 ms. Thread-safe.
 */
public final class TimeLimits {
    private static final Logger log = LoggerFactory.getLogger(TimeLimits.class);
    private static final Duration LOOK_EVERY = Duration.ofMillis(100);
    /** While no call runs: the next one ends this pause. A process with nothing to do need not wake ten times a second. */
    private static final Duration PAUSE_WHEN_IDLE = Duration.ofMinutes(1);
    /** A handler that ignores its interrupt for this long after its time limit is given up. */
    private static final Duration GRACE = Duration.ofSeconds(5);

    private final BooleanSupplier leasesAreTrusted;
    private final Duration grace;
    private final Map<Attempt, Runnable> running = new ConcurrentHashMap<>();
    private final Loop loop = new Loop("postroom-time-limits", true, this::look);
    private volatile boolean idle;

    /** @param leasesAreTrusted handlers are interrupted while this is false: here, because this thread never waits for the database */
    public TimeLimits(BooleanSupplier leasesAreTrusted) {
        this(leasesAreTrusted, GRACE);
    }

    /** @param grace how long after its time limit a call that ignores its interrupt is given up */
    TimeLimits(BooleanSupplier leasesAreTrusted, Duration grace) {
        this.leasesAreTrusted = leasesAreTrusted;
        this.grace = grace;
    }

    public void start() {
        loop.start();
    }

    public void stop() {
        loop.stop();
    }

    /**
     * Watches a call until {@link #unwatch}.
     *
     * @param onAbandon run once, by the watching thread, if the call is given up; what it throws is logged
     */
    void watch(Attempt attempt, Runnable onAbandon) {
        running.put(attempt, onAbandon);
        if (idle) {
            loop.signal();
        }
    }

    void unwatch(Attempt attempt) {
        running.remove(attempt);
    }

    /** Interrupts all running calls: the leases cannot be trusted any more, or the time that a stop leaves to handlers is over. */
    public void callOffAll() {
        running.keySet().forEach(Attempt::callOff);
    }

    /** Interrupts calls that run one of these messages alone. A batch goes on: its other messages would run again. */
    public void callOff(Collection<UUID> messages) {
        for (Attempt attempt : running.keySet()) {
            if (attempt.runsOnly(messages)) {
                attempt.callOff();
            }
        }
    }

    /** Says for people which calls run, at most so many, the longest first. */
    public List<String> describeRunning(int most) {
        long now = System.nanoTime();
        return running.keySet().stream()
                .sorted(Comparator.comparingLong(attempt -> attempt.startedNanos() - now))
                .limit(most)
                .map(Attempt::describe)
                .toList();
    }

    /** Whether a call of one of these handlers has run for longer than that and goes on. */
    boolean runsLongerThan(Duration time, List<Handler> handlers) {
        long now = System.nanoTime();
        for (Attempt attempt : running.keySet()) {
            if (now - attempt.startedNanos() > time.toNanos() && handlers.contains(attempt.handler())) {
                return true;
            }
        }
        return false;
    }

    /** How many calls run. */
    public int countRunning() {
        return running.size();
    }

    private void look() {
        if (!leasesAreTrusted.getAsBoolean() && !running.isEmpty()) {
            log.warn(
                    "no heartbeat was confirmed for too long: interrupting {} handlers, whose messages others may take",
                    running.size());
            callOffAll();
        }
        long now = System.nanoTime();
        running.forEach((attempt, onAbandon) -> {
            if (attempt.interruptIfOvertime(now)) {
                log.debug(
                        "{} runs longer than its time limit and is interrupted ({})",
                        attempt.describe(),
                        attempt.thread().getName());
            } else if (attempt.abandonIfStuck(now, grace)) {
                running.remove(attempt);
                log.warn(
                        "{} ignores its interrupt; its message goes on without it ({})",
                        attempt.describe(),
                        attempt.thread().getName());
                giveUp(onAbandon);
            }
        });
        pause();
    }

    /**
     * {@code idle} is set before the running calls are looked at, and {@link #watch} does both the other way round: so one of the two
     * threads sees the other. The second pause comes in any case, or a stream of short calls would wake this thread for each of them.
     */
    private void pause() {
        idle = true;
        if (running.isEmpty()) {
            loop.pause(PAUSE_WHEN_IDLE);
        }
        idle = false;
        loop.pause(LOOK_EVERY);
    }

    private static void giveUp(Runnable onAbandon) {
        try {
            onAbandon.run();
        } catch (Throwable unexpected) {
            log.error("giving up a handler's call failed", unexpected);
        }
    }
}
