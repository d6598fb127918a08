package io.postroom.internal.storage;

import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A message under a lease, with what its handler needs.
 *
 * @param laneSeq the highest number that this claim took from the lane
 * @param counters the counts before this delivery
 * @param stored false: the payload was not visible to the claim's snapshot, and {@code content} is {@link Content#NONE}
 * @param expired whether its time to live had ended by then
 * @param createdAt the database's time; null when the payload was not visible
 * @param turn of a fair queue: where the next claim of the lane goes on, for {@link ClaimRequest#turns}; the same for all of a claim's
 *     messages of the lane
 */
public record ClaimedMessage(
        UUID id,
        int queueId,
        int priority,
        long laneSeq,
        Lease lease,
        Counters counters,
        boolean stored,
        boolean expired,
        @Nullable Instant createdAt,
        Content content,
        @Nullable String turn) {

    /** A message of a queue that is not fair. */
    public ClaimedMessage(
            UUID id,
            int queueId,
            int priority,
            long laneSeq,
            Lease lease,
            Counters counters,
            boolean stored,
            boolean expired,
            @Nullable Instant createdAt,
            Content content) {
        this(id, queueId, priority, laneSeq, lease, counters, stored, expired, createdAt, content, null);
    }

    /** The number of this delivery, from 1; at most {@link Short#MAX_VALUE}, the largest that can be stored. */
    public int number() {
        return Math.min(counters.deliveries() + 1, Short.MAX_VALUE);
    }

    /** Whether it is a suspect: it had started when a worker died. */
    public boolean isSuspect() {
        return counters.crashes() > 0;
    }

    /** Answers the same message with the content that a later snapshot showed. */
    public ClaimedMessage withContent(Content found, boolean hasExpired, @Nullable Instant created) {
        return new ClaimedMessage(
                id, queueId, priority, laneSeq, lease, counters, true, hasExpired, created, found, turn);
    }

    /**
     * Answers the same message under a lease of a queue with a limiter.
     *
     * @param from {@code System.nanoTime()} from which on it may start; null: at once
     * @param by {@code System.nanoTime()} until which it has to start; null: any time
     * @param booking gets to know when it starts; null: nobody wants to know
     */
    public ClaimedMessage startingBetween(@Nullable Long from, @Nullable Long by, @Nullable StartBooking booking) {
        Lease limited = new Lease(lease.id, lease.count, lease.ordinal, lease.holdsGroup, from, by, booking, true);
        return new ClaimedMessage(
                id, queueId, priority, laneSeq, limited, counters, stored, expired, createdAt, content, turn);
    }

    /**
     * The place of a message under a lease: the right to work on it for as long as its worker sends heartbeats.
     *
     * @param id fencing number: a completion counts only while this lease still holds the message
     * @param count messages that were put under this lease
     * @param ordinal the place of this one among them, from 0
     * @param holdsGroup whether others of its group wait for it, in an ordered queue
     * @param startFrom {@code System.nanoTime()} from which on it may start, in a queue that limits starts; null: at once
     * @param startBy {@code System.nanoTime()} until which it has to start, in a queue that limits starts; null: any time
     * @param booking gets to know when it starts, where that matters
     * @param isLimited whether its queue had a limiter, which may let another one start when this one has ended
     */
    public record Lease(
            long id,
            int count,
            int ordinal,
            boolean holdsGroup,
            @Nullable Long startFrom,
            @Nullable Long startBy,
            @Nullable StartBooking booking,
            boolean isLimited) {
        /** A lease in a queue without a limiter. */
        public Lease(long id, int count, int ordinal, boolean holdsGroup) {
            this(id, count, ordinal, holdsGroup, null, null, null, false);
        }

        /** A lease of a message that holds back no others. */
        public Lease(long id, int count, int ordinal) {
            this(id, count, ordinal, false);
        }

        /**
         * Waits until the message may start, some milliseconds at most. An interrupt does not end the wait: the start would be too early
         * for the limit. The thread stays interrupted.
         *
         * @return how many nanoseconds that took
         */
        public long awaitStart() {
            if (startFrom == null) {
                return 0;
            }
            long began = System.nanoTime();
            boolean interrupted = false;
            for (long left = startFrom - System.nanoTime(); left > 0; left = startFrom - System.nanoTime()) {
                LockSupport.parkNanos(left);
                interrupted |= Thread.interrupted();
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            return System.nanoTime() - began;
        }

        /** Whether it is too late now to start the message: its start was counted for a time that is over. */
        public boolean isLate() {
            return startBy != null && System.nanoTime() - startBy > 0;
        }
    }

    /**
     * What has been counted about a message in its queue.
     *
     * @param failures attempts that threw or asked for a retry
     * @param crashes workers that died after it had started; with one or more it is a suspect
     * @param deliveries claims, releases and snoozes included
     */
    public record Counters(int failures, int crashes, int deliveries) {
        public static final Counters ZERO = new Counters(0, 0, 0);
    }
}
