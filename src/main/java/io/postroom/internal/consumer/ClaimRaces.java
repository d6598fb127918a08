package io.postroom.internal.consumer;

import io.postroom.internal.loop.Backoff;
import java.time.Duration;

/**
 * Decides whether this process leaves new messages to the other processes that consume the queue. A notification wakes all of these
 * processes. The first one takes everything, and the claims of the others walk over locked rows. So each claim that finds nothing makes
 * the next one wait longer, and a claim that finds something ends the waits. Messages that this process itself made READY are claimed at
 * once.
 *
 * <p>Used by the claimer's thread, apart from {@link #becameReadyHere}.
 */
final class ClaimRaces {
    private static final Duration FIRST_WAIT = Duration.ofMillis(2);
    /** A message that a process holds ahead may wait as long for a thread of that process. */
    private static final Duration LONGEST_WAIT = PrefetchPolicy.AHEAD;

    private final Backoff backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT);
    private boolean lost;
    private boolean waiting;
    private long waitsUntilNanos;
    private volatile boolean mustNotWait;

    /** Notes that this process made a message READY. Thread-safe; to be called before the claimer is signalled. */
    void becameReadyHere() {
        mustNotWait = true;
    }

    /** Returns the nanoseconds until the queue may claim; zero or less: now. The first call after a claim begins the wait. */
    long nanosToWait(long now) {
        if (!lost || mustNotWait) {
            return 0;
        }
        if (!waiting) {
            waiting = true;
            waitsUntilNanos = now + backoff.next().toNanos();
        }
        return waitsUntilNanos - now;
    }

    /** Notes that a claim begins, before it looks at what waits. */
    void claimBegins() {
        mustNotWait = false;
        waiting = false;
    }

    /** Notes that lanes with messages stay which the claim does not ask for: nothing is known of them, so the next claim does not wait. */
    void leavesLanes() {
        mustNotWait = true;
    }

    /** Notes the end of a claim: one that found nothing lost the race. A claim that failed is not noted. */
    void claimEnds(boolean foundSome) {
        lost = !foundSome;
        if (foundSome) {
            backoff.reset();
        }
    }
}
