package io.postroom.internal.worker;

import io.postroom.api.EngineSettings;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.WorkerStore;
import java.time.Duration;
import java.util.UUID;
import java.util.function.IntConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps this process's leases: one row beats for all of them, on a connection nobody else uses, so that a host that leaks its connections does not
 * lose its messages. Registers at the first need, under a fresh id: an id that came back would make orphans look owned.
 *
 * <p>Trust is counted from the start of the last good beat, not from its answer, and ends two beats before the others may take over.
 */
final class Heartbeat implements LeaseHolder {
    private static final Logger log = LoggerFactory.getLogger(Heartbeat.class);
    /** The longest back-off of those who come back after a database was away; two beats later they have beaten. */
    private static final Duration OTHERS_COME_BACK = Duration.ofSeconds(5);

    private final WorkerStore store;
    private final EngineSettings settings;
    private final String version;
    private final IntConsumer onRegistered;
    private final Loop loop = new Loop("postroom-heartbeat", true, this::beat);
    private UUID instance = UUID.randomUUID();
    private volatile int workerId;
    private volatile long lastBeatNanos;
    /** Since when each beat came before the others would have given this process up. */
    private volatile long unbrokenSinceNanos;

    private boolean started;
    private boolean failing;

    Heartbeat(WorkerStore store, EngineSettings settings, String version, IntConsumer onRegistered) {
        this.store = store;
        this.settings = settings;
        this.version = version;
        this.onRegistered = onRegistered;
    }

    /** Registers and starts to beat, once. */
    synchronized void ensureStarted() {
        if (!started) {
            register();
            loop.start();
            started = true;
        }
    }

    /** Zero before the first need. */
    @Override
    public int workerId() {
        return workerId;
    }

    @Override
    public boolean isTrusted() {
        return workerId != 0
                && System.nanoTime() - lastBeatNanos < settings.trustTime().toNanos();
    }

    /**
     * Whether beats have been possible all that time. After a silence of the database, or of this process, everybody's last beat is old, and who has only just
     * beaten again cannot tell who died from who is about to. True as well before there was a need to beat.
     */
    boolean isUnbrokenFor(Duration time) {
        long now = System.nanoTime();
        return workerId == 0
                || now - lastBeatNanos < settings.leaseTime().toNanos() && now - unbrokenSinceNanos >= time.toNanos();
    }

    /** True as well before there was anything to trust. */
    boolean isLeaseSafe() {
        return workerId == 0 || isTrusted();
    }

    /** The last thing to stop: nobody may take what still runs here. */
    synchronized void stop(boolean nothingLeft) {
        loop.stop();
        loop.join(settings.beatInterval());
        if (started && nothingLeft) {
            try {
                store.deregister(workerId);
            } catch (RuntimeException unreachable) {
                log.info("could not say goodbye; the others will notice in {}", settings.leaseTime());
            }
        }
    }

    private void register() {
        long before = System.nanoTime();
        instance = UUID.randomUUID();
        workerId = store.register(instance, settings.name(), version);
        // A process that dies soon after each of its starts must come to judge, too: it has seen no gap, and only waits
        // for those who have.
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
        failing = true; // until this beat is confirmed: the next try comes after the loop's short back-off, not a whole
        // interval later
        long before = System.nanoTime();
        if (store.beat(workerId, instance)) {
            if (!isTrusted()) { // so long did it take since the last one began
                log.info("worker {} beats again", workerId);
            }
            if (System.nanoTime() - lastBeatNanos >= settings.leaseTime().toNanos()) {
                unbrokenSinceNanos = System.nanoTime();
            }
            lastBeatNanos = before;
        } else {
            int gone = workerId;
            register();
            log.warn("worker {} was declared dead; going on as worker {}. What was in hand runs again", gone, workerId);
        }
        failing = false;
    }

    /** How long the last confirmed beat is ago. */
    Duration sinceBeat() {
        return Duration.ofNanos(System.nanoTime() - lastBeatNanos);
    }
}
