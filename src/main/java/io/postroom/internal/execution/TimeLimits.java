package io.postroom.internal.execution;

import io.postroom.internal.loop.Loop;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Interrupts handlers that run too long. One thread looks at all running calls ten times a second: a timer per message would cost each message more
 * than a no-op handler does.
 */
public final class TimeLimits {
    private static final Logger log = LoggerFactory.getLogger(TimeLimits.class);
    private static final Duration LOOK_EVERY = Duration.ofMillis(100);
    /** When no call came since the last look: the next one wakes this thread. */
    private static final Duration DOZE = Duration.ofMinutes(1);
    /** A handler that ignores its interrupt for this long is given up. */
    static final Duration GRACE = Duration.ofSeconds(5);

    private final BooleanSupplier leasesAreTrusted;
    private final Map<Attempt, Runnable> running = new ConcurrentHashMap<>();
    private final Loop loop = new Loop("postroom-time-limits", true, this::look);
    private volatile boolean callsCame;
    private volatile boolean dozing;

    /** @param leasesAreTrusted while false, handlers are interrupted: this thread is the one that never waits for the database */
    public TimeLimits(BooleanSupplier leasesAreTrusted) {
        this.leasesAreTrusted = leasesAreTrusted;
    }

    public void start() {
        loop.start();
    }

    public void stop() {
        loop.stop();
    }

    /** @param onAbandon called once, by the watching thread, if the call is given up */
    void watch(Attempt attempt, Runnable onAbandon) {
        running.put(attempt, onAbandon);
        if (!callsCame) {
            callsCame = true;
            if (dozing) {
                loop.signal();
            }
        }
    }

    void unwatch(Attempt attempt) {
        running.remove(attempt);
    }

    /** Interrupts all calls: the leases cannot be trusted any more, or the grace of a stop is over. */
    public void callOffAll() {
        running.keySet().forEach(Attempt::callOff);
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
                        "{} runs longer than its time limit and is interrupted",
                        attempt.thread().getName());
            } else if (attempt.abandonIfStuck(now, GRACE)) {
                running.remove(attempt);
                log.warn(
                        "{} ignores its interrupt; its message goes on without it",
                        attempt.thread().getName());
                giveUp(onAbandon);
            }
        });
        pause();
    }

    /** Dozing is said before it is asked whether calls came, and the other way round in {@link #watch}: one of the two threads sees the other. */
    private void pause() {
        dozing = true;
        boolean idle = !callsCame && running.isEmpty();
        if (idle) {
            loop.pause(DOZE);
        }
        dozing = false;
        callsCame = false;
        if (!idle) {
            loop.pause(LOOK_EVERY);
        }
    }

    private static void giveUp(Runnable onAbandon) {
        try {
            onAbandon.run();
        } catch (Throwable unexpected) {
            log.error("giving up a handler's call failed", unexpected);
        }
    }
}
