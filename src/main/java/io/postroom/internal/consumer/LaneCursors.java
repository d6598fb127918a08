package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the next messages of a queue are: a cursor and a low watermark for each lane (priority). Thread-safe: arrivals and polls come
 * from other threads than claims.
 *
 * <p>The cursor is where the next claim starts, so that no claim walks over what was taken before. Dead index entries at the head of a
 * queue cannot be cleaned while any old snapshot is open. Five rounds of 100k messages under one snapshot fell from 43k/s to 2k/s without
 * a cursor, and stayed at 31-36k/s with one.
 *
 * <p>A message can appear below the cursor: a slow transaction drew its number early, or a claim rolled back. It is found in two ways. An
 * arrival says its number, and the poll looks from the low watermark on, below which nothing can appear any more. Both only ever lower
 * the cursor; claims raise it.
 */
public final class LaneCursors {
    public static final int PRIORITIES = 10;
    private static final long NOTHING_LOWERED = Long.MAX_VALUE;
    /** One claim in so many takes the lanes from low to high, so that lower lanes are claimed, too, while a high lane is busy. */
    static final int LOW_FIRST_EVERY = 16;

    private final int queueId;
    private final String queue;
    private final long[] cursors = new long[PRIORITIES];
    private final long[] lowWatermarks = new long[PRIORITIES];
    /** The lowest number that arrived in each lane since the last request. */
    private final long[] loweredSince = new long[PRIORITIES];
    /** One bit for each lane that may hold something to claim. */
    private int maybeFilled;

    /**
     * Whether the queue is ordered. Its claims look at all lanes from the low watermarks on: from a cursor on, a claim would take a message
     * before an older one of its group that was committed late.
     */
    private boolean ordered;

    /** Whether the queue is fair. Its claims look from the low watermarks on, because the next message of a group may be an old one. */
    private boolean fair;
    /** Where the claims are on their way through the groups of each lane, in a fair queue. */
    private final @Nullable String[] turns = new String[PRIORITIES];

    private boolean claimUnderWay;
    /** Whether the last claim took all it asked for, so that there is more. */
    private boolean isDeep;

    private long claims;

    LaneCursors(int queueId, String queue) {
        this.queueId = queueId;
        this.queue = queue;
        Arrays.fill(loweredSince, NOTHING_LOWERED);
    }

    /** Returns a request that takes all lanes from their beginning and leaves the cursors alone. All of its messages start at once. */
    public static ClaimRequest requestOfAllLanes(
            int workerId, ConsumedQueue queue, int limit, int leaseSize, ClaimKind kind) {
        short[] highestFirst = new short[PRIORITIES];
        for (int i = 0; i < PRIORITIES; i++) {
            highestFirst[i] = (short) (PRIORITIES - 1 - i);
        }
        return new ClaimRequest(
                workerId,
                queue.id(),
                queue.name(),
                queue.isOrdered(),
                highestFirst,
                new long[PRIORITIES],
                limit,
                leaseSize,
                limit,
                kind,
                queue.hasLimiter(),
                queue.isFair() && kind == ClaimKind.ORDINARY ? new String[PRIORITIES] : null);
    }

    /** Notes that messages became READY in the lane, the lowest of them with this number. */
    public synchronized void arrived(int priority, long lowestSeq) {
        cursors[priority] = Math.min(cursors[priority], lowestSeq);
        loweredSince[priority] = Math.min(loweredSince[priority], lowestSeq);
        maybeFilled |= 1 << priority;
    }

    /** Whether a lane may hold something to claim. */
    synchronized boolean mayHaveWork() {
        return maybeFilled != 0;
    }

    /** Whether messages wait that should go before one that comes now. While a claim is under way that will empty the lanes, none do. */
    synchronized boolean hasWaiting() {
        return maybeFilled != 0 || claimUnderWay && isDeep;
    }

    /**
     * Returns the next request. Its lanes count as empty from here on unless {@link #claimed}, {@link #failed} or {@link #arrived} says
     * otherwise.
     */
    synchronized ClaimRequest request(int workerId, int limit, int leaseSize, int started) {
        return request(workerId, limit, leaseSize, started, PRIORITIES);
    }

    /** Returns the next request for one lane, the first of those that {@link #request} would take. The other lanes stay as they are. */
    synchronized ClaimRequest requestOfOneLane(int workerId, int limit, int leaseSize, int started) {
        return request(workerId, limit, leaseSize, started, 1);
    }

    private ClaimRequest request(int workerId, int limit, int leaseSize, int started, int mostLanes) {
        if (ordered) {
            return requestOfOrdered(workerId, limit, leaseSize, started);
        }
        int lanes = Math.min(mostLanes, Integer.bitCount(maybeFilled));
        short[] priorities = new short[lanes];
        long[] from = new long[lanes];
        boolean lowFirst = ++claims % LOW_FIRST_EVERY == 0;
        int lane = 0;
        for (int i = 0; i < PRIORITIES && lane < lanes; i++) {
            int priority = lowFirst ? i : PRIORITIES - 1 - i;
            if ((maybeFilled & 1 << priority) != 0) {
                priorities[lane] = (short) priority;
                from[lane++] = fair ? lowWatermarks[priority] : cursors[priority];
                loweredSince[priority] = NOTHING_LOWERED;
                maybeFilled &= ~(1 << priority);
            }
        }
        claimUnderWay = true;
        ClaimRequest request = new ClaimRequest(
                workerId, queueId, queue, false, priorities, from, limit, leaseSize, started, ClaimKind.ORDINARY);
        return fair ? request.withTurns(turnsOf(priorities)) : request;
    }

    private @Nullable String[] turnsOf(short[] priorities) {
        @Nullable String[] own = new String[priorities.length];
        for (int lane = 0; lane < own.length; lane++) {
            own[lane] = turns[priorities[lane]];
        }
        return own;
    }

    private ClaimRequest requestOfOrdered(int workerId, int limit, int leaseSize, int started) {
        short[] priorities = new short[PRIORITIES];
        long[] from = new long[PRIORITIES];
        for (int lane = 0; lane < PRIORITIES; lane++) {
            priorities[lane] = (short) (PRIORITIES - 1 - lane);
            from[lane] = lowWatermarks[priorities[lane]];
        }
        Arrays.fill(loweredSince, NOTHING_LOWERED);
        maybeFilled = 0;
        claimUnderWay = true;
        return new ClaimRequest(
                workerId, queueId, queue, true, priorities, from, limit, leaseSize, started, ClaimKind.ORDINARY);
    }

    /** Notes whether the queue is ordered; default false. It holds from the next request on. */
    public synchronized void setOrdered(boolean ordered) {
        this.ordered = ordered;
    }

    synchronized boolean isOrdered() {
        return ordered;
    }

    /** Notes whether the queue is fair; default false. It holds from the next request on. */
    public synchronized void setFair(boolean fair) {
        this.fair = fair;
    }

    synchronized boolean isFair() {
        return fair;
    }

    /** Moves the cursors behind what the request brought, and the turns to where it says that the next one goes on. */
    synchronized void claimed(ClaimRequest request, List<ClaimedMessage> messages) {
        for (ClaimedMessage message : messages) {
            int priority = message.priority();
            // What arrived below while the claim was under way may not be in it: the cursor goes no further than that.
            cursors[priority] = Math.max(cursors[priority], Math.min(message.laneSeq() + 1, loweredSince[priority]));
            turns[priority] = message.turn() == null ? turns[priority] : message.turn();
        }
        claimUnderWay = false;
        isDeep = messages.size() >= request.limit();
        if (isDeep) {
            markFilled(request);
        }
    }

    /** Notes that a limiter kept the request from all it asked for, after {@link #claimed}: the rest is still there. */
    synchronized void heldBack(ClaimRequest request) {
        markFilled(request);
    }

    /** Notes that the request failed: what it asked for may still be there. */
    synchronized void failed(ClaimRequest request) {
        claimUnderWay = false;
        markFilled(request);
    }

    private void markFilled(ClaimRequest request) {
        for (short priority : request.priorities()) {
            maybeFilled |= 1 << priority;
        }
    }

    /**
     * Takes over what a poll saw from the low watermarks on.
     *
     * @param lowest the lowest number per priority, -1 for none
     * @return whether there may be something to claim
     */
    public synchronized boolean polled(long[] lowest) {
        for (int priority = 0; priority < PRIORITIES; priority++) {
            if (lowest[priority] >= 0) {
                arrived(priority, lowest[priority]);
            }
        }
        return maybeFilled != 0;
    }

    /**
     * Raises the low watermarks to a settled number, or to the lowest row that still waits.
     *
     * @param settledSeq nothing can appear up to this number that {@code lowest} does not show
     * @param lowest the lowest number per priority, -1 for none
     */
    public synchronized void raiseLowWatermarks(long settledSeq, long[] lowest) {
        for (int priority = 0; priority < PRIORITIES; priority++) {
            long settled = lowest[priority] < 0 ? settledSeq : Math.min(settledSeq, lowest[priority]);
            lowWatermarks[priority] = Math.max(lowWatermarks[priority], settled);
        }
    }

    public synchronized long lowWatermark(int priority) {
        return lowWatermarks[priority];
    }

    /** The low watermark of all lanes where they have the same; -1: they differ. */
    public synchronized long commonLowWatermark() {
        for (long lowWatermark : lowWatermarks) {
            if (lowWatermark != lowWatermarks[0]) {
                return -1;
            }
        }
        return lowWatermarks[0];
    }

    /** Whether claims went past the number to which the low watermarks were last raised, so that raising them again is worth a look. */
    public synchronized boolean isAheadOf(long settledSeq) {
        return Arrays.stream(cursors).anyMatch(cursor -> cursor > settledSeq + 1);
    }

    /**
     * Sets all back to zero: after a reconnect, a failover or a restore, where numbers may be lower. Also done rarely without a cause,
     * because liveness must not depend on the low watermark.
     */
    public synchronized void reset() {
        Arrays.fill(cursors, 0);
        Arrays.fill(lowWatermarks, 0);
        Arrays.fill(loweredSince, 0);
    }
}
