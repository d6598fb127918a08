package io.postroom.internal.consumer;

import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.LeaseStore;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Claims the suspects of one queue, one by one, for the next free handler thread. A suspect is a message that had started when its worker
 * died. Used by the claimer's thread only.
 *
 * <p>Other messages go on meanwhile. Suspects keep away from one another instead, because one of them may be poison, a message that kills
 * its worker:
 *
 * <ul>
 *   <li>One suspect runs in the process at a time. When some of its queue have waited for {@link #ONE_BY_ONE}, two may run, then four, and
 *       so on with each {@link #DOUBLING}. At least one permit of the queue stays free of suspects, if its handlers have several.
 *   <li>A suspect that one more crash would make a dead letter runs while no other suspect runs in the process, however long that takes.
 * </ul>
 *
 * <p>The package comment says what this protects from.
 */
final class SuspectRunner {
    private static final Logger log = LoggerFactory.getLogger(SuspectRunner.class);

    static final Duration ONE_BY_ONE = Duration.ofMillis(500);
    static final Duration DOUBLING = Duration.ofMillis(250);
    private static final int MOST_DOUBLINGS = 16;

    private final ConsumedQueue queue;
    private final LeaseStore store;
    private final LeaseHolder leaseHolder;
    private final HeldMessages held;
    private final SuspectPlaces places;
    private final Runnable onEnd;
    private final LongSupplier nanoTime;
    /** Suspects of this queue that run here. */
    private final AtomicInteger running = new AtomicInteger();

    private boolean someWaited;
    private long waitBeganNanos;

    /**
     * @param places shared by all queues of the process
     * @param onEnd called when a suspect of this queue ended: another may run now
     * @param nanoTime as {@link System#nanoTime}
     */
    SuspectRunner(
            ConsumedQueue queue,
            LeaseStore store,
            LeaseHolder leaseHolder,
            HeldMessages held,
            SuspectPlaces places,
            Runnable onEnd,
            LongSupplier nanoTime) {
        this.queue = queue;
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.held = held;
        this.places = places;
        this.onEnd = onEnd;
        this.nanoTime = nanoTime;
    }

    /** Claims a suspect, if one waits and may run now. Returns whether it did. */
    boolean claimNext() {
        boolean someWait = queue.hasSuspects();
        if (someWait && !someWaited) {
            waitBeganNanos = nanoTime.getAsLong();
        }
        someWaited = someWait;
        if (!someWait || running.get() >= mostOfThisQueue() || !held.hasRoomForSuspect()) {
            return false;
        }
        if (places.enter(mostOfTheProcess())) {
            if (claim(ClaimKind.SUSPECT)) {
                return true;
            }
            // What is left has no credit to spare, or others took it.
            if (!places.enterAlone()) {
                noneForNow(); // what runs here has to end first
                return false;
            }
            if (claim(ClaimKind.LAST_CREDIT)) {
                return true;
            }
            noneForNow();
        }
        return false;
    }

    /** Looks for no suspect until the next poll reports one. */
    private void noneForNow() {
        queue.noSuspects();
        someWaited = false;
    }

    private int mostOfThisQueue() {
        return Math.max(1, queue.handled().concurrency() - 1);
    }

    private int mostOfTheProcess() {
        long over = nanoTime.getAsLong() - waitBeganNanos - ONE_BY_ONE.toNanos();
        return over < 0 ? 1 : 1 << Math.min(MOST_DOUBLINGS, 1 + over / DOUBLING.toNanos());
    }

    /** Claims a suspect on the place taken for it, and gives the place back if none is found. */
    private boolean claim(ClaimKind kind) {
        boolean found = false;
        try {
            List<ClaimedMessage> suspect =
                    store.claim(LaneCursors.requestOfAllLanes(leaseHolder.workerId(), queue, 1, 1, kind));
            found = !suspect.isEmpty();
            if (found) {
                begin(suspect.get(0));
            }
            return found;
        } catch (RuntimeException failed) {
            noneForNow(); // a suspect that cannot be claimed must not hold up the others
            throw failed;
        } finally {
            if (!found) {
                places.leave();
            }
        }
    }

    private void begin(ClaimedMessage suspect) {
        log.debug(
                "message {} runs as a suspect: its worker died {} times after it had started",
                suspect.id(),
                suspect.counters().crashes());
        running.incrementAndGet();
        places.begin(suspect.lease().id(), () -> {
            running.decrementAndGet();
            onEnd.run();
        });
        held.acceptSuspect(suspect);
    }
}
