package io.postroom.internal.consumer;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts what this process holds over all its queues, and says how much more it may hold. These bounds stand beside those of queues with
 * the same handlers, so that a thousand queues do not fill the heap. Thread-safe.
 */
final class HeldBounds {
    /** Messages held beyond those that run. Twice the most of one queue. */
    static final int MOST_AHEAD = 2 * PrefetchPolicy.MOST;

    private final HandlerPool pool;
    private final long mostBytes;
    private final AtomicInteger messages = new AtomicInteger();
    private final AtomicLong bytes = new AtomicLong();
    /** The sizes over all queues. Their average is expected from a queue of which no message has come yet. */
    private final PayloadSizes sizes = new PayloadSizes();

    HeldBounds(HandlerPool pool, long mostBytes) {
        this.pool = pool;
        this.mostBytes = mostBytes;
    }

    void add(int more) {
        messages.addAndGet(more);
    }

    /** Notes the payloads of messages that were counted before. */
    void received(int count, long more) {
        bytes.addAndGet(more);
        sizes.received(count, more);
    }

    void remove(int less, long lessBytes) {
        messages.addAndGet(-less);
        bytes.addAndGet(-lessBytes);
    }

    int messages() {
        return messages.get();
    }

    long bytes() {
        return bytes.get();
    }

    /** Returns how many more messages the process may hold; zero or less: none. */
    int room() {
        return MOST_AHEAD + pool.demand().slices() - messages.get();
    }

    /** Whether a message that comes now will soon have a thread: one is free, or fast handlers will be done with theirs. */
    boolean hasThreadSoon(boolean handlersAreFast) {
        return pool.spare() > 0 || handlersAreFast && pool.hasTakenWithin(PrefetchPolicy.AHEAD);
    }

    /** Returns how many more bytes the process may hold; zero or less: none. */
    long roomBytes() {
        return mostBytes - bytes.get();
    }

    /** Returns the size to expect of a queue's next message. */
    double expectedBytes(PrefetchPolicy queue) {
        return queue.bytesPerMessage() > 0 ? queue.bytesPerMessage() : sizes.average();
    }
}
