package io.postroom.internal.storage;

import org.jspecify.annotations.Nullable;

/**
 * What a consumer asks for with one claim.
 *
 * @param queue the queue's name: nothing is claimed when its number belongs to another queue by now
 * @param ordered whether the queue is an ordered one
 * @param priorities the lanes to take from, in this order; all of them for an ordered queue
 * @param cursors the number to begin at in each lane, in the same order; low watermarks for an ordered queue and for a fair one
 * @param limit most messages
 * @param leaseSize most messages under one lease
 * @param started how many of them, in the order of the answer, count as started from the claim on. The others have to be announced by
 *     {@link LeaseStore#announceStarts} before they start
 * @param hasLimiter whether the queue has a limiter or a destination: see {@link LeaseStore#claimLimited}
 * @param turns of a fair queue: where the process is on its way through the groups of each lane, in the order of the lanes: the last
 *     {@link ClaimedMessage#turn}; null for none. Without it the queue is no fair one, or a suspect is asked for
 */
public record ClaimRequest(
        int workerId,
        int queueId,
        String queue,
        boolean ordered,
        short[] priorities,
        long[] cursors,
        int limit,
        int leaseSize,
        int started,
        ClaimKind kind,
        boolean hasLimiter,
        @Nullable String @Nullable [] turns) {

    /** A request for a queue without a limiter. */
    public ClaimRequest(
            int workerId,
            int queueId,
            String queue,
            boolean ordered,
            short[] priorities,
            long[] cursors,
            int limit,
            int leaseSize,
            int started,
            ClaimKind kind) {
        this(workerId, queueId, queue, ordered, priorities, cursors, limit, leaseSize, started, kind, false);
    }

    /** A request for a queue that is not fair. */
    public ClaimRequest(
            int workerId,
            int queueId,
            String queue,
            boolean ordered,
            short[] priorities,
            long[] cursors,
            int limit,
            int leaseSize,
            int started,
            ClaimKind kind,
            boolean hasLimiter) {
        this(workerId, queueId, queue, ordered, priorities, cursors, limit, leaseSize, started, kind, hasLimiter, null);
    }

    /** Answers the same request for a queue that has a limiter, or has none. */
    public ClaimRequest withLimiter(boolean given) {
        return given == hasLimiter
                ? this
                : new ClaimRequest(
                        workerId,
                        queueId,
                        queue,
                        ordered,
                        priorities,
                        cursors,
                        limit,
                        leaseSize,
                        started,
                        kind,
                        given,
                        turns);
    }

    /** Answers the same request for a fair queue; null: for one that is not. */
    public ClaimRequest withTurns(@Nullable String @Nullable [] groups) {
        return new ClaimRequest(
                workerId,
                queueId,
                queue,
                ordered,
                priorities,
                cursors,
                limit,
                leaseSize,
                started,
                kind,
                hasLimiter,
                groups);
    }
}
