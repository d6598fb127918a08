package io.postroom.internal.consumer;

import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Decides how many messages this process should hold for the queues with the same handlers. With slow handlers: as many as its handler
 * threads take, so that other processes get the rest. With fast ones: what the threads will run within {@link #AHEAD}, so that claims are
 * large and no thread waits for a claim. Thread-safe, and approximate on purpose: of two updates at the same time one may be lost.
 */
final class PrefetchPolicy {
    /** Long against a claim (1-2 ms), short against a lease (30 s). */
    static final Duration AHEAD = Duration.ofMillis(50);

    /** The same for a queue with a limiter, which holds starts as well: others could use those, and they are spent if it takes longer. */
    static final Duration AHEAD_OF_LIMITED = Duration.ofMillis(20);

    /** Two claims of the largest size: the messages of one run while the other is fetched. */
    static final int MOST = 2 * Claimer.LARGEST_CLAIM;
    /** Bytes of payload to hold, about: 32 MiB or an eighth of the heap, if that is less. For one handler set, and for the process. */
    static final long MOST_BYTES =
            Math.min(32L * 1024 * 1024, Runtime.getRuntime().maxMemory() / 8);

    /** Below this, taking a message from the buffer costs a thread more than running it. */
    static final Duration FAST = Duration.ofNanos(50_000);

    static final int TAKEN_AT_ONCE_WHEN_FAST = 16;
    /** The part of a new sample in the moving average. */
    static final double WEIGHT = 0.1;

    /** Handlers for which so many are held run 20,000 a second. */
    static final int VERY_FAST = MOST / 2;

    /** Time without a call longer than {@link #AHEAD}, after which handlers count as steady. */
    static final Duration NO_LONG_CALL_FOR = Duration.ofSeconds(10);

    private final int concurrency;
    private final int largestBatch;
    private final LongSupplier nanoTime;
    private final BooleanSupplier longCallRuns;
    private volatile long lastLongCallNanos;
    private volatile double nanosPerMessage = Double.NaN;
    private final PayloadSizes sizes = new PayloadSizes();

    /**
     * @param largestBatch most messages in one call of a handler
     * @param nanoTime as {@link System#nanoTime}
     * @param longCallRuns whether a call of a handler has run for longer than {@link #AHEAD} and goes on
     */
    PrefetchPolicy(int concurrency, int largestBatch, LongSupplier nanoTime, BooleanSupplier longCallRuns) {
        this.concurrency = concurrency;
        this.largestBatch = largestBatch;
        this.nanoTime = nanoTime;
        this.longCallRuns = longCallRuns;
        this.lastLongCallNanos = nanoTime.getAsLong() - NO_LONG_CALL_FOR.toNanos();
    }

    /** Learns that one thread ran so many messages in so many nanoseconds. */
    void ran(int messages, long nanos) {
        if (messages == 0) {
            return;
        }
        if (nanos > AHEAD.toNanos()) {
            lastLongCallNanos = nanoTime.getAsLong();
        }
        double sample = (double) nanos / messages;
        double average = nanosPerMessage;
        nanosPerMessage = Double.isNaN(average) ? sample : average + WEIGHT * (sample - average);
    }

    /** Learns the size of messages that came. */
    void received(int messages, long bytes) {
        sizes.received(messages, bytes);
    }

    /**
     * Whether handlers are very fast, and no call was or is long: all that is held starts within about {@link #AHEAD}. The average alone
     * says little about the next message. Where each 25th call takes seconds, most of what is held waits behind those.
     */
    boolean startsAllSoon() {
        return target() >= VERY_FAST && isSteady();
    }

    private boolean isSteady() {
        return nanoTime.getAsLong() - lastLongCallNanos >= NO_LONG_CALL_FOR.toNanos() && !longCallRuns.getAsBoolean();
    }

    /** Returns the size to expect of the next message; zero: none came yet. */
    double bytesPerMessage() {
        return sizes.average();
    }

    /** Whether messages are held ahead of the threads, because one that waits here starts soon. */
    boolean handlersAreFast() {
        return target() > threadCapacity();
    }

    /** Returns how many messages the handler threads themselves take. */
    int threadCapacity() {
        return concurrency * largestBatch;
    }

    /** Returns how many messages to hold at most; never fewer than the threads themselves take. */
    int target() {
        return target(AHEAD);
    }

    /** Returns the same for queues with limiters: their messages have to start soon. */
    int targetOfLimited() {
        return isSteady() ? target(AHEAD_OF_LIMITED) : threadCapacity();
    }

    private int target(Duration time) {
        double average = nanosPerMessage;
        if (Double.isNaN(average)) {
            return threadCapacity();
        }
        double ahead = (double) time.toNanos() * concurrency / Math.max(average, 1);
        double fits = MOST_BYTES / Math.max(sizes.average(), 1);
        return (int) Math.max(threadCapacity(), Math.min(MOST, Math.min(ahead, fits)));
    }

    /**
     * Whether so many messages may be claimed that the claim is worth its commit: half of what is held beyond the threads' own. Where
     * nothing is held beyond those, one free thread is enough.
     */
    boolean isWorthAClaim(int held) {
        return isWorthAClaim(held, target());
    }

    /** Says the same for so many messages to hold. */
    boolean isWorthAClaim(int held, int target) {
        return target - held >= Math.max(1, (target - threadCapacity()) / 2);
    }

    /**
     * Returns how many messages a thread takes from the buffer at once: a batch, or several when running one is faster than {@link
     * #FAST}.
     */
    int messagesPerTake() {
        return nanosPerMessage < FAST.toNanos() ? Math.max(largestBatch, TAKEN_AT_ONCE_WHEN_FAST) : largestBatch;
    }
}
