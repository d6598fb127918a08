package io.postroom.internal.worker;

import io.postroom.api.EngineSettings;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.WorkerStore;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps this process's leases: one heartbeat renews all of them, on a connection that nothing else uses. So a host that leaks its
 * connections does not lose its messages. Registers at the first need, under a fresh id: with an id that was used before, messages of a
 * dead worker would look owned. Thread-safe.
 *
 * <p>Leases are trusted from the start of the last confirmed heartbeat, not from its answer. The trust ends two heartbeats before other
 * processes may take over.
 */
final class Heartbeat implements LeaseHolder {
    private static final Logger log = LoggerFactory.getLogger(Heartbeat.class);
    /** The longest back-off of other processes after the database was away; two beats later their heartbeats are renewed. */
    private static final Duration OTHERS_COME_BACK = Duration.ofSeconds(5);

    private static final long LOOK_EVERY_NANOS = Duration.ofMillis(20).toNanos();

    private final WorkerStore store;
    private final EngineSettings settings;
    private final String version;
    private final IntConsumer onRegistered;
    private final Loop loop = new Loop("postroom-heartbeat", true, this::beat);
    private volatile UUID instance = UUID.randomUUID();
    private volatile int workerId;
    private volatile long lastBeatNanos;
    /** The time since which each heartbeat was confirmed before other processes could have rescued this one's messages. */
    private volatile long unbrokenSinceNanos;

    private boolean started;
    private boolean failing;

    Heartbeat(WorkerStore store, EngineSettings settings, String version, IntConsumer onRegistered) {
        this.store = store;
        this.settings = settings;
        this.version = version;
        this.onRegistered = onRegistered;
    }

    /** Registers and starts to send heartbeats. Repeating it does nothing. Returns whether this call did it. */
    synchronized boolean ensureStarted() {
        if (started) {
            return false;
        }
        register();
        loop.start();
        started = true;
        return true;
    }

    /** The id of this worker; zero before the first need. */
    @Override
    public int workerId() {
        return workerId;
    }

    /** The token of this worker. It changes together with the id, though not at the same instant. */
    UUID instance() {
        return instance;
    }

    /** The token of this process, to which its exclusive queues belong. Registers the process if it is not registered yet. */
    UUID owner() {
        ensureStarted();
        return instance;
    }

    /** Does what {@link #owner} does for a process that is registered; null: it is not, and owns no queue. */
    @Nullable
    UUID ownerIfRegistered() {
        return workerId == 0 ? null : instance;
    }

    /** How long a process may send no heartbeat before others take its messages. */
    Duration leaseTime() {
        return settings.leaseTime();
    }

    /** Waits until the silence of other processes says that they are dead: a lease time at most. False: this one stops meanwhile. */
    boolean awaitUnbroken() {
        ensureStarted();
        while (!isUnbrokenFor(settings.leaseTime())) {
            if (Thread.currentThread().isInterrupted() || loop.isStopped()) {
                return false;
            }
            LockSupport.parkNanos(LOOK_EVERY_NANOS);
        }
        return true;
    }

    @Override
    public boolean isTrusted() {
        return workerId != 0
                && System.nanoTime() - lastBeatNanos < settings.trustTime().toNanos();
    }

    /**
     * Whether heartbeats have been confirmed all that time. After a gap, of the database or of this process, the last heartbeat of every
     * process is old. A process that has just resumed cannot tell dead workers from those that are about to resume. False before a
     * heartbeat was needed: such a process would not notice the gap. It handles nothing, so it has no use for what it rescues.
     */
    boolean isUnbrokenFor(Duration time) {
        long now = System.nanoTime();
        return workerId != 0
                && now - lastBeatNanos < settings.leaseTime().toNanos()
                && now - unbrokenSinceNanos >= time.toNanos();
    }

    /** Whether no lease of this process can have been taken over. True as well before it was registered. */
    boolean isLeaseSafe() {
        return workerId == 0 || isTrusted();
    }

    /**
     * Ends the heartbeat, as the last part of all: no other process may take what still runs here.
     *
     * @param nothingLeft whether no lease is left, so that the worker can be deregistered
     */
    synchronized void stop(boolean nothingLeft) {
        loop.stop();
        loop.join(settings.beatInterval());
        if (started && nothingLeft) {
            try {
                store.deregister(workerId, instance, isUnbrokenFor(settings.leaseTime()) ? settings.leaseTime() : null);
            } catch (RuntimeException unreachable) {
                log.info(
                        "the worker could not be deregistered; other processes rescue its leases after {}",
                        settings.leaseTime());
            }
        }
    }

    /** Sends the next heartbeat now: the database may have lost this worker's row. */
    void beatSoon() {
        loop.signal();
    }

    private void register() {
        long before = System.nanoTime();
        UUID token = UUID.randomUUID();
        int registered = store.register(token, settings.name(), version);
        instance = token; // not earlier: a queue whose owner nobody knows would be deleted
        workerId = registered;
        // A process that dies soon after each of its starts must rescue others, too. It has seen no gap itself. It
        // waits only for processes that have.
        Duration wait = settings.beatInterval().multipliedBy(2).plus(OTHERS_COME_BACK);
        long ahead = Math.max(0, settings.leaseTime().minus(wait).toNanos());
        unbrokenSinceNanos = before - ahead;
        lastBeatNanos = before;
        onRegistered.accept(workerId);
    }

    private void beat() {
        if (!failing) {
            loop.pause(settings.beatInterval());
        }
        if (loop.isStopped()) {
            return;
        }
        // Until this heartbeat is confirmed. The next try then comes after the loop's short back-off, not a whole
        // interval later.
        failing = true;
        long before = System.nanoTime();
        if (store.beat(workerId, instance)) {
            if (!isTrusted()) { // the last confirmed heartbeat began too long ago
                log.info("heartbeats of worker {} are confirmed again", workerId);
            }
            if (System.nanoTime() - lastBeatNanos >= settings.leaseTime().toNanos()) {
                unbrokenSinceNanos = System.nanoTime();
            }
            lastBeatNanos = before;
        } else {
            int gone = workerId;
            register();
            log.warn(
                    "worker {} was declared dead; going on as worker {}. What it held runs again, and its exclusive queues are deleted",
                    gone,
                    workerId);
        }
        failing = false;
    }

    /** The time since the last confirmed heartbeat began. */
    Duration sinceBeat() {
        return Duration.ofNanos(System.nanoTime() - lastBeatNanos);
    }
}
