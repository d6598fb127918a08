package io.postroom.internal.consumer;

/** What the process may still hold, and the threads it may still start, shared out among the queues of one claim. */
final class ClaimBudget {
    /** Answer for a queue whose next message would have no thread. */
    static final int NO_THREAD = -1;

    private final HeldBounds bounds;
    private final boolean fastHaveThreads;
    private int threads;
    private int messages;
    private double bytes;

    ClaimBudget(HandlerPool pool, HeldBounds bounds) {
        this.bounds = bounds;
        this.fastHaveThreads = bounds.hasThreadSoon(true);
        this.threads = pool.spare();
        this.messages = bounds.room();
        this.bytes = bounds.roomBytes();
    }

    /**
     * Returns how many messages the queue may claim; zero: none, and a signal or a timer puts it into the line again; {@link #NO_THREAD}:
     * none, and nothing does.
     *
     * @param share its part of the claim
     */
    int take(QueueClaims queue, int share) {
        boolean fast = queue.handlersAreFast();
        if (fast ? !fastHaveThreads : threads <= 0) {
            return NO_THREAD;
        }
        double size = bounds.expectedBytes(queue.prefetch());
        int most = Math.min(Math.min(share, queue.wanted()), messages);
        if (size > 0) {
            most = (int) Math.min(most, bytes / size);
        }
        if (!fast) {
            most = (int) Math.min(most, (long) threads * queue.largestBatch());
        }
        if (most <= 0) {
            if (!queue.holdsNone()) {
                return 0; // the end of one of its messages signals it
            }
            most = 1;
        }
        messages -= most;
        bytes -= most * size;
        if (!fast) {
            threads -= (most + queue.largestBatch() - 1) / queue.largestBatch();
        }
        return most;
    }
}
