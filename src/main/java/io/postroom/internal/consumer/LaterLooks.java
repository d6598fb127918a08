package io.postroom.internal.consumer;

import java.time.Duration;
import java.util.PriorityQueue;
import java.util.function.Consumer;

/** The queues that the {@link Claimer} looks at again at a time, and why. For its thread alone. */
final class LaterLooks {
    private final PriorityQueue<Look> looks = new PriorityQueue<>();

    private enum Why {
        RESTS,
        LOOKS_AGAIN,
        LEAVES_TO_OTHERS,
        AWAITS_LIMITER
    }

    private record Look(QueueClaims queue, long atNanos, Why why) implements Comparable<Look> {
        @Override
        public int compareTo(Look other) {
            return Long.compare(atNanos - other.atNanos, 0);
        }
    }

    /** Keeps the queue out of the line until then. It is marked as signalled: what comes meanwhile need not wake the thread. */
    void rest(QueueClaims queue, long untilNanos) {
        if (queue.signal()) {
            looks.add(new Look(queue, untilNanos, Why.RESTS));
        }
    }

    /** Looks at the queue after this time, and before if it is signalled. */
    void lookAgain(QueueClaims queue, Duration after) {
        if (!queue.looksAgain) {
            queue.looksAgain = true;
            looks.add(new Look(queue, System.nanoTime() + after.toNanos(), Why.LOOKS_AGAIN));
        }
    }

    /** Leaves new messages to other processes until then. Does not mark the queue: what this process makes READY ends the wait. */
    void leaveToOthers(QueueClaims queue, long untilNanos) {
        if (!queue.leavesToOthers) {
            queue.leavesToOthers = true;
            looks.add(new Look(queue, untilNanos, Why.LEAVES_TO_OTHERS));
        }
    }

    /** Looks at the queue again when its limiters may let messages start. Does not mark the queue: the end of a message ends the wait. */
    void awaitLimiter(QueueClaims queue, long untilNanos) {
        if (!queue.awaitsLimiter
                || untilNanos - queue.limiterLookNanos < 0) { // a later look stays, and finds nothing new
            queue.awaitsLimiter = true;
            queue.limiterLookNanos = untilNanos;
            looks.add(new Look(queue, untilNanos, Why.AWAITS_LIMITER));
        }
    }

    /**
     * Takes out the queues whose time has come.
     *
     * @param rested takes a queue that is marked as signalled
     * @param signal signals any other
     */
    void due(long now, Consumer<QueueClaims> rested, Consumer<QueueClaims> signal) {
        for (Look next = looks.peek(); next != null && next.atNanos - now <= 0; next = looks.peek()) {
            looks.remove();
            QueueClaims queue = next.queue;
            switch (next.why) {
                case RESTS -> rested.accept(queue);
                case LOOKS_AGAIN -> {
                    queue.looksAgain = false;
                    signal.accept(queue);
                }
                case AWAITS_LIMITER -> {
                    queue.awaitsLimiter = false;
                    signal.accept(queue);
                }
                case LEAVES_TO_OTHERS -> {
                    queue.leavesToOthers = false;
                    signal.accept(queue);
                }
            }
        }
    }

    /** Returns the nanoseconds until the next of them is due, and at most {@code longest}. */
    long nanosToNext(long longest) {
        Look next = looks.peek();
        return next == null ? longest : Math.max(0, Math.min(longest, next.atNanos - System.nanoTime()));
    }
}
