package io.postroom.internal.worker;

import io.postroom.api.Durations;
import io.postroom.api.Limits;
import io.postroom.api.RecentFailures;
import io.postroom.api.ReplyCounts;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The life cycle of a worker. Starts its parts in an order in which each finds what it needs, and stops them so that nothing is lost. A
 * stop ends the claims, finishes what runs, gives back the rest, writes the results, and only then ends the heartbeat. Thread-safe.
 */
public final class Engine {
    private static final Logger log = LoggerFactory.getLogger(Engine.class);
    private static final Duration INTERRUPT_GRACE = Duration.ofSeconds(5);
    private static final Duration RESET_DRAIN = Duration.ofSeconds(30);
    private static final long LOOK_EVERY_NANOS = Duration.ofMillis(5).toNanos();
    /** A stop that takes longer than this says what it waits for, and says it again after each {@link #SAY_EVERY_NANOS}. */
    private static final long SAY_FIRST_NANOS = Duration.ofSeconds(1).toNanos();

    private static final long SAY_EVERY_NANOS = Duration.ofSeconds(5).toNanos();
    /** Calls that one such line names. */
    private static final int NAMED = 5;

    private final EngineParts parts;
    private State state = State.NEW;
    private boolean stopped;
    /** Whether a start has begun its threads. A start that fails later, because the database is away, may be repeated. */
    private boolean hasThreads;

    public Engine(EngineParts parts) {
        this.parts = parts;
    }

    /** Whether this process handles messages, now or when queues appear. Known from the start on. */
    public boolean hasWork() {
        return parts.consumers.hasWork();
    }

    /** How many ATOMIC handlers may run at a time. */
    public int mostAtomic() {
        return parts.mostAtomic();
    }

    /**
     * Declares the handlers' queues, then starts. Fails fast: a wrong setting stops the application, not the first message. May be
     * repeated after a failure.
     */
    public synchronized void start() {
        if (stopped) {
            throw new IllegalStateException("Postroom was stopped; build another one");
        }
        boolean first = state == State.NEW;
        if (first) {
            parts.declarations.declareAll();
            if (!hasThreads) {
                hasThreads = true;
                parts.timeLimits.start();
                parts.completer.start();
            }
        }
        if (parts.consumers.hasWork()) {
            if (!parts.heartbeat.ensureStarted()) {
                parts.announce(); // it was registered before its queues were declared
            }
            parts.startConsumers();
        }
        if (first) {
            parts.poller.start();
            parts.notifier.start(parts.consumers.isConsuming());
        } else {
            parts.poller.pollNow();
        }
        state = State.RUNNING;
        log.info("Postroom started: worker {}, {}", parts.heartbeat.workerId(), parts.consumers.describe());
    }

    /**
     * Begins to stop handling: no more claims, messages in the buffers go back at no cost. Running handlers go on. {@link #stopConsumers}
     * waits for them.
     */
    public synchronized void stopClaiming() {
        if (state == State.RUNNING) {
            parts.stopClaiming();
        }
    }

    /**
     * Stops handling: no more claims, messages in the buffers go back at no cost. Running handlers get so long to finish, then an
     * interrupt and five seconds. Messages can still be created and waited for; {@link #start} begins to handle again.
     */
    public synchronized void stopConsumers(Duration given) {
        if (state != State.RUNNING) {
            return;
        }
        Duration drain = bounded(given);
        state = State.PAUSED;
        parts.stopClaiming();
        if (!awaitIdle(drain)) {
            log.warn(
                    "the drain of {} is over: interrupting {} handlers, whose messages go back untouched: {}",
                    Durations.format(drain),
                    parts.timeLimits.countRunning(),
                    parts.timeLimits.describeRunning(NAMED));
            parts.timeLimits.callOffAll();
            awaitIdle(INTERRUPT_GRACE);
        }
        parts.completer.drain(INTERRUPT_GRACE);
    }

    /**
     * Stops the consumers as {@link #stopConsumers} does, and then all other parts. Handlers that still run keep their leases until other
     * processes rescue them. Repeating it does nothing.
     */
    public synchronized void stop(Duration drain) {
        if (stopped) {
            return;
        }
        stopped = true;
        parts.syncSender.stop();
        stopConsumers(drain);
        parts.poller.stop();
        boolean finished = !parts.isBusy();
        boolean written = parts.completer.drain(INTERRUPT_GRACE);
        written &= parts.replies.stop();
        parts.completer.stop();
        parts.notifier.stop();
        parts.timeLimits.stop();
        parts.heartbeat.stop(finished && written);
        parts.failures.close();
        parts.ownSends.giveUp();
        parts.futures.giveUp();
        parts.callbacks.shutdown();
        log.info(
                "Postroom stopped{}",
                finished && written ? "" : "; handlers that did not stop keep their leases until others rescue them");
    }

    /** Nanoseconds end after 292 years. A failure in the middle would leave the engine half stopped, with heartbeats that go on. */
    private static Duration bounded(Duration drain) {
        return drain.isNegative() ? Duration.ZERO : drain.compareTo(Limits.HORIZON) > 0 ? Limits.HORIZON : drain;
    }

    private boolean awaitIdle(Duration longest) {
        long now = System.nanoTime();
        long end = now + longest.toNanos();
        long sayNext = now + SAY_FIRST_NANOS;
        while (parts.isBusy()) {
            now = System.nanoTime();
            if (now - end > 0) {
                return false;
            }
            if (now - sayNext > 0) {
                sayNext = now + SAY_EVERY_NANOS;
                log.info(
                        "stopping: {} handlers run, for at most {} s more: {}",
                        parts.timeLimits.countRunning(),
                        Duration.ofNanos(end - now).toSeconds(),
                        parts.timeLimits.describeRunning(NAMED));
            }
            LockSupport.parkNanos(LOOK_EVERY_NANOS);
        }
        return true;
    }

    /** The number of this process among the workers of the database, once it has started. */
    public int workerId() {
        return parts.heartbeat.workerId();
    }

    /** What keeps this process from its work, as sentences; empty: nothing. */
    public List<String> problems() {
        return parts.health.problems();
    }

    /** What failed in this process within that time, up to an hour. */
    public RecentFailures recentFailures(Duration within) {
        return parts.failures.recent(within);
    }

    /** Requests and replies of this process. */
    public ReplyCounts replyCounts() {
        return new ReplyCounts(
                parts.replies.waiting(),
                parts.replies.received(),
                parts.replies.late(),
                parts.sentReplies.undeliverable());
    }

    /**
     * Runs on this thread what is due and READY in these queues (empty: all with a handler here). Returns how many messages were run. For
     * tests.
     */
    public int drain(Collection<String> names) {
        return parts.inlineRunner.drain(names);
    }

    /**
     * Stops the consumers where they run, does the work, and starts them again. Open futures fail. For tests.
     *
     * @param removeMessages removes all messages from the store
     */
    public synchronized void reset(Runnable removeMessages) {
        boolean consuming = state == State.RUNNING && parts.consumers.isConsuming();
        if (consuming) {
            stopConsumers(RESET_DRAIN);
        }
        try {
            removeMessages.run();
            parts.futures.removed();
            parts.replies.removed();
        } finally {
            if (consuming) {
                start();
            }
        }
    }

    /** Whether heartbeats were confirmed for so long without a gap. False before this process needed a heartbeat. */
    public boolean hasBeatenFor(Duration time) {
        return parts.heartbeat.isUnbrokenFor(time);
    }

    private enum State {
        NEW,
        RUNNING,
        PAUSED
    }
}
