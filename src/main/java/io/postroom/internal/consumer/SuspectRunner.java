package io.postroom.internal.consumer;

import io.postroom.internal.consumer.ClaimRules.Way;
import io.postroom.internal.execution.LeaseHolder;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.LeaseStore;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the suspects of one queue. A suspect is a message whose worker died while holding it. Used by the claimer's thread only.
 *
 * <p>A suspect runs with nothing else of its queue beside it in this process. A poison message, which kills its worker, must not take its
 * neighbours to the crash limit. A turn goes like this:
 *
 * <ol>
 *   <li>Claims and direct dispatch stop.
 *   <li>The turn waits until the handler threads of the queue are idle, for {@link #PATIENCE} at most. If they are still busy then, the
 *       turn ends without a claim.
 *   <li>Suspects are claimed one at a time. Each runs to its end before the next is claimed, for {@link #TURN} in all.
 *   <li>All other messages get at least as long before the next turn begins.
 * </ol>
 *
 * <p>After {@link #MOST_VAIN_TURNS} turns without a claim some handler probably never ends. Then a suspect gets the next free thread, with
 * others running beside it.
 */
final class SuspectRunner {
    private static final Logger log = LoggerFactory.getLogger(SuspectRunner.class);
    /** How long claims stand still so that a suspect may run alone. */
    static final Duration PATIENCE = Duration.ofSeconds(3);

    static final Duration TURN = Duration.ofSeconds(1);
    static final int MOST_VAIN_TURNS = 3;

    private static final Duration LOOK_EVERY = Duration.ofMillis(100);
    private static final short[] ALL_PRIORITIES = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};

    private final ConsumedQueue queue;
    private final LeaseStore store;
    private final LeaseHolder leaseHolder;
    private final ClaimRules rules;
    private final HeldMessages held;
    private final LongSupplier nanoTime;
    private long restEndsNanos;
    private int vainTurns;

    /** @param nanoTime as {@link System#nanoTime} */
    SuspectRunner(
            ConsumedQueue queue,
            LeaseStore store,
            LeaseHolder leaseHolder,
            ClaimRules rules,
            HeldMessages held,
            LongSupplier nanoTime) {
        this.queue = queue;
        this.store = store;
        this.leaseHolder = leaseHolder;
        this.rules = rules;
        this.held = held;
        this.nanoTime = nanoTime;
        this.restEndsNanos = nanoTime.getAsLong();
    }

    /** Whether suspects wait and the rest after their last turn is over. */
    boolean isTheirTurn() {
        if (!queue.hasSuspects()) {
            vainTurns = 0;
            return false;
        }
        return nanoTime.getAsLong() - restEndsNanos >= 0;
    }

    /**
     * Runs one turn, until it is over or the rules stop it.
     *
     * @param pause waits for as long, or until something of the queue ended
     */
    void runTurn(Consumer<Duration> pause) {
        rules.suspectsTurn(true); // before the count of held messages is read: direct dispatch looks in the other order
        try {
            runSuspects(pause);
        } finally {
            rules.suspectsTurn(false);
        }
        restEndsNanos = nanoTime.getAsLong() + TURN.toNanos();
    }

    private void runSuspects(Consumer<Duration> pause) {
        long patienceEnds = nanoTime.getAsLong() + PATIENCE.toNanos();
        long turnEnds = 0;
        boolean begun = false; // the turn counts from the first suspect on
        while (rules.allow(Way.CLAIM_SUSPECT)) {
            if (mustWait()) {
                if (!isTiredOfWaiting() && nanoTime.getAsLong() - patienceEnds > 0) {
                    vainTurns++;
                    return; // a long handler runs: the others must not stand still for it
                }
                pause.accept(LOOK_EVERY);
                continue;
            }
            if (begun && nanoTime.getAsLong() - turnEnds > 0) {
                return;
            }
            turnEnds = begun ? turnEnds : nanoTime.getAsLong() + TURN.toNanos();
            begun = true;
            if (!runNext()) {
                return;
            }
            patienceEnds = nanoTime.getAsLong() + PATIENCE.toNanos();
        }
    }

    private boolean mustWait() {
        return held.count() > 0 && !(isTiredOfWaiting() && held.hasFreeThread());
    }

    private boolean isTiredOfWaiting() {
        return vainTurns >= MOST_VAIN_TURNS;
    }

    /** Claims a suspect for the handler threads. Returns false when none is left. */
    private boolean runNext() {
        List<ClaimedMessage> suspect = store.claim(new ClaimRequest(
                leaseHolder.workerId(),
                queue.id(),
                queue.name(),
                ALL_PRIORITIES,
                new long[LaneCursors.PRIORITIES],
                1,
                1,
                true));
        vainTurns = 0;
        if (suspect.isEmpty()) {
            queue.noSuspects();
            return false;
        }
        log.debug(
                "message {} runs alone: its worker died while holding it {} times",
                suspect.get(0).id(),
                suspect.get(0).counters().crashes());
        held.claimEnds(suspect.size());
        held.accept(suspect);
        return true;
    }
}
