package io.postroom.internal.storage;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message under a lease, with what its handler needs.
 *
 * @param laneSeq highest seq this claim took from the lane
 * @param counters as they were before this delivery
 * @param stored false: the payload was not visible in the claim's snapshot; {@code content} is {@link Content#NONE} then
 * @param expired its time to live has ended
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
        Content content) {

    /** The delivery in hand, from 1. */
    public int number() {
        return Math.min(counters.deliveries() + 1, Short.MAX_VALUE);
    }

    /** The same message with the content that a later snapshot showed. */
    public ClaimedMessage withContent(Content found, boolean hasExpired, @Nullable Instant created) {
        return new ClaimedMessage(id, queueId, priority, laneSeq, lease, counters, true, hasExpired, created, found);
    }

    /**
     * Where the message is held.
     *
     * @param id fencing number
     * @param count messages that were put under that lease
     * @param ordinal the place of this one among them, from 0
     */
    public record Lease(long id, int count, int ordinal) {}

    /**
     * What has happened to a message in its queue.
     *
     * @param failures attempts that threw or asked for a retry
     * @param crashes workers that died while they held it
     * @param deliveries claims
     */
    public record Counters(int failures, int crashes, int deliveries) {
        public static final Counters ZERO = new Counters(0, 0, 0);
    }
}
