package io.postroom.internal.consumer;

import io.postroom.internal.loop.Backoff;
import java.time.Duration;

/**
 * Decides whether a process leaves what came to the other processes that consume the queue. A notification wakes all of them, the first
 * takes everything, and the claims of the others walk over the rows that it has locked. So each claim that finds nothing makes the next
 * one wait longer; one that finds something ends the waits. What this process itself made READY is claimed at once.
 *
 * <p>For the claimer's thread, apart from {@link #wokenHere}.
 */
final class ClaimRaces {
    private static final Duration FIRST_WAIT = Duration.ofMillis(2);
    /** Messages wait as long for the threads of a process that holds them. */
    private static final Duration LONGEST_WAIT = PrefetchPolicy.AHEAD;

    private final Backoff backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT);
    private boolean lost;
    private boolean waiting;
    private long waitsUntilNanos;
    private volatile boolean wokenHere;

    /** Notes that this process made a message READY. Thread-safe; to be called before the claimer is signalled. */
    void wokenHere() {
        wokenHere = true;
    }

    /** Returns the nanoseconds until the queue may claim; zero or less: now. The first call after a claim begins the wait. */
    long nanosToWait(long now) {
        if (!lost || wokenHere) {
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
        wokenHere = false;
        waiting = false;
    }

    void claimEnds(boolean foundSome) {
        lost = !foundSome;
        if (foundSome) {
            backoff.reset();
        }
    }
}
