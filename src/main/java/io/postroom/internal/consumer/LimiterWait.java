package io.postroom.internal.consumer;

import io.postroom.internal.storage.LimitedClaim;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * How long a queue need not claim, because its limiters let nothing start. Thread-safe: one thread claims, and others say that messages
 * have ended.
 *
 * <p>A claim says when the next start is free, where that depends on the time. The claim then waits for that time, and at most for {@link
 * #LONGEST}, because somebody may raise the limit. Where messages have to end first, or another claim has the lock, the waits double from
 * {@link #FIRST} to {@link #LONGEST_UNKNOWN}: the messages may end in another process. The end of one in this process ends the wait.
 *
 * <p>Where limits of groups alone keep messages back, one that comes may be of another group. So it ends the wait, but {@link #ARRIVALS}
 * after the claim at the earliest: a group at its limit may get very many.
 */
final class LimiterWait {
    static final Duration LONGEST = Duration.ofSeconds(1);
    static final Duration FIRST = Duration.ofMillis(2);
    static final Duration LONGEST_UNKNOWN = Duration.ofMillis(100);

    static final Duration ARRIVALS = Duration.ofMillis(20);

    private final LongSupplier nanoTime;
    private boolean waits;
    private boolean isUnknown;
    private boolean byGroup;
    private long arrivalsFromNanos;
    private long untilNanos;
    private long nextUnknownNanos = FIRST.toNanos();
    /** Ends of messages; one that comes while a claim is under way must not be forgotten. */
    private long ends;

    private long endsSeen;
    /** Arrivals of messages; likewise. */
    private long arrivals;

    private long arrivalsSeen;

    /** @param nanoTime as {@link System#nanoTime} */
    LimiterWait(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /** Notes that a claim begins. */
    synchronized void claimBegins() {
        endsSeen = ends;
        arrivalsSeen = arrivals;
    }

    /**
     * Takes over what a claim said.
     *
     * @param reportWithin when the next claim should report starts at the latest; null: there is nothing to report
     */
    synchronized void claimed(LimitedClaim claim, @Nullable Duration reportWithin) {
        if (!claim.messages().isEmpty()) {
            nextUnknownNanos = FIRST.toNanos();
        }
        waits = claim.heldBack();
        if (!waits) {
            return;
        }
        Duration nextStart = claim.nextStart();
        isUnknown = nextStart == null || claim.byEnd();
        byGroup = claim.byGroup();
        long now = nanoTime.getAsLong();
        arrivalsFromNanos = now + ARRIVALS.toNanos();
        Duration longest = reportWithin == null ? LONGEST : reportWithin;
        untilNanos = now + Math.min(nextStart == null ? Long.MAX_VALUE : nextStart.toNanos(), longest.toNanos());
        if (isUnknown && ends != endsSeen) {
            waits = false; // the claim may have been too early to see it
        } else if (isUnknown) {
            untilNanos = Math.min(untilNanos, now + nextUnknownNanos);
            nextUnknownNanos = Math.min(2 * nextUnknownNanos, LONGEST_UNKNOWN.toNanos());
        }
        if (arrivals != arrivalsSeen) {
            endOnArrival(); // likewise
        }
    }

    /** Notes that messages of the queue became READY. */
    synchronized void messagesArrived() {
        arrivals++;
        endOnArrival();
    }

    private void endOnArrival() {
        if (byGroup && untilNanos - arrivalsFromNanos > 0) {
            untilNanos = arrivalsFromNanos;
        }
    }

    /** Notes that a message of the queue has ended and its lease is gone. */
    synchronized void messageEnded() {
        ends++;
        if (isUnknown) {
            waits = false;
            nextUnknownNanos = FIRST.toNanos();
        }
    }

    /** Returns the nanoseconds to wait; zero or less: none. */
    synchronized long nanos(long now) {
        return waits ? untilNanos - now : 0;
    }
}
