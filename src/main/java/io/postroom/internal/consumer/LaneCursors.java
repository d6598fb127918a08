package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import java.util.Arrays;
import java.util.List;

/**
 * Where a queue's next messages are: a cursor and a floor per lane (priority). Thread-safe: arrivals and polls come from other threads.
 *
 * <p>The cursor is where the next claim starts, so that no claim walks over what was taken before: dead index entries at the head of a queue cannot
 * be cleaned while any old snapshot is open (five rounds of 100k under one fell from 43k/s to 2k/s without a cursor, 31-36k/s with one). What can
 * appear below it, a slow transaction that drew its number early or a claim that rolled back, is found in two ways: an arrival says its number, and
 * the poll looks from the floor on, below which nothing can appear any more. Both only ever lower the cursor; claims raise it.
 */
public final class LaneCursors {
    public static final int PRIORITIES = 10;
    private static final long NOTHING_LOWERED = Long.MAX_VALUE;
    /** Every so many claims the lanes are taken from low to high, so that a busy high lane starves nobody. */
    private static final int LOW_FIRST_EVERY = 16;

    private final int queueId;
    private final long[] cursors = new long[PRIORITIES];
    private final long[] floors = new long[PRIORITIES];
    private final long[] loweredSince = new long[PRIORITIES];
    private int maybeFilled;
    private boolean asking;
    /** The last claim took all it asked for: there is more. */
    private boolean isDeep;

    private long claims;

    LaneCursors(int queueId) {
        this.queueId = queueId;
        Arrays.fill(loweredSince, NOTHING_LOWERED);
    }

    /** Something from this number on became READY in the lane. */
    public synchronized void arrived(int priority, long lowestSeq) {
        cursors[priority] = Math.min(cursors[priority], lowestSeq);
        loweredSince[priority] = Math.min(loweredSince[priority], lowestSeq);
        maybeFilled |= 1 << priority;
    }

    /** Whether a lane may hold something to claim. */
    synchronized boolean mayHaveWork() {
        return maybeFilled != 0;
    }

    /** Whether others wait that should go before a message that comes now. While a claim that will empty the lanes is under way, none do. */
    synchronized boolean hasWaiting() {
        return maybeFilled != 0 || asking && isDeep;
    }

    /** The next request; its lanes count as empty from here on unless {@link #claimed} or {@link #arrived} says otherwise. */
    synchronized ClaimRequest request(int workerId, int limit, int leaseSize) {
        int lanes = Integer.bitCount(maybeFilled);
        short[] priorities = new short[lanes];
        long[] from = new long[lanes];
        boolean lowFirst = ++claims % LOW_FIRST_EVERY == 0;
        int lane = 0;
        for (int i = 0; i < PRIORITIES; i++) {
            int priority = lowFirst ? i : PRIORITIES - 1 - i;
            if ((maybeFilled & 1 << priority) != 0) {
                priorities[lane] = (short) priority;
                from[lane++] = cursors[priority];
                loweredSince[priority] = NOTHING_LOWERED;
            }
        }
        maybeFilled = 0;
        asking = true;
        return new ClaimRequest(workerId, queueId, priorities, from, limit, leaseSize, false);
    }

    /** The answer to a request: moves the cursors behind what was taken. */
    synchronized void claimed(ClaimRequest request, List<ClaimedMessage> messages) {
        for (ClaimedMessage message : messages) {
            int priority = message.priority();
            // What arrived below while the claim was under way may not be in it: the cursor goes no further than that.
            cursors[priority] = Math.max(cursors[priority], Math.min(message.laneSeq() + 1, loweredSince[priority]));
        }
        asking = false;
        isDeep = messages.size() >= request.limit();
        if (isDeep) {
            for (short priority : request.priorities()) {
                maybeFilled |= 1 << priority;
            }
        }
    }

    /** The request failed: what it asked for may still be there. */
    synchronized void failed(ClaimRequest request) {
        asking = false;
        for (short priority : request.priorities()) {
            maybeFilled |= 1 << priority;
        }
    }

    /** What a poll saw from the floors on: the lowest number per priority, -1 for none. Returns whether there is something to claim. */
    public synchronized boolean polled(long[] lowest) {
        for (int priority = 0; priority < PRIORITIES; priority++) {
            if (lowest[priority] >= 0) {
                arrived(priority, lowest[priority]);
            }
        }
        return maybeFilled != 0;
    }

    /** All up to {@code safeSeq} is decided: the floors rise to it, or to the lowest row that still waits. */
    public synchronized void raiseFloors(long safeSeq, long[] lowest) {
        for (int priority = 0; priority < PRIORITIES; priority++) {
            long floor = lowest[priority] < 0 ? safeSeq : Math.min(safeSeq, lowest[priority]);
            floors[priority] = Math.max(floors[priority], floor);
        }
    }

    public synchronized long floor(int priority) {
        return floors[priority];
    }

    /** Whether claims went past the floors since they were last raised, so that raising them is worth a look. */
    public synchronized boolean isAheadOf(long floorSeq) {
        return Arrays.stream(cursors).anyMatch(cursor -> cursor > floorSeq + 1);
    }

    /** Forgets everything: after a reconnect, a failover, a restore, and rarely for no reason, because liveness must not hang on the floor. */
    public synchronized void reset() {
        Arrays.fill(cursors, 0);
        Arrays.fill(floors, 0);
        Arrays.fill(loweredSince, 0);
    }
}
