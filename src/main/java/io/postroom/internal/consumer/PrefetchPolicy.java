package io.postroom.internal.consumer;

import java.time.Duration;

/**
 * How many messages a consumer should hold. Slow handlers: as many as it has threads, so that others can take the rest. Fast ones: what they will
 * have done in {@link #AHEAD}, so that claims are large and threads never wait for one. Approximate on purpose: racing updates lose a sample.
 */
public final class PrefetchPolicy {
    /** Long against a claim (1-2 ms), short against a lease (30 s). */
    static final Duration AHEAD = Duration.ofMillis(50);

    /** Two claims of the largest size: one runs while the next is fetched. */
    static final int MOST = 2000;
    /** Payloads held by one consumer, about. */
    static final long MOST_BYTES = 32L * 1024 * 1024;

    private static final int HANDED_OVER_AT_ONCE = 16;
    private static final double WEIGHT = 0.1;

    private final int concurrency;
    private final int atLeast;
    private volatile double nanosPerMessage = Double.NaN;
    private volatile double bytesPerMessage;

    PrefetchPolicy(int concurrency, int batch) {
        this.concurrency = concurrency;
        this.atLeast = concurrency * batch;
    }

    void took(int messages, long nanos) {
        double sample = (double) nanos / messages;
        double average = nanosPerMessage;
        nanosPerMessage = Double.isNaN(average) ? sample : average + WEIGHT * (sample - average);
    }

    /** So large were messages that came. */
    void weighed(int messages, long bytes) {
        double sample = (double) bytes / messages;
        // Up at once, down slowly: the next claim may bring more of the large ones.
        bytesPerMessage = Math.max(sample, bytesPerMessage + WEIGHT * (sample - bytesPerMessage));
    }

    /** What the threads themselves take. */
    int atLeast() {
        return atLeast;
    }

    /** Most messages to hold. */
    int target() {
        double average = nanosPerMessage;
        if (Double.isNaN(average)) {
            return atLeast;
        }
        double ahead = AHEAD.toNanos() * concurrency / Math.max(average, 1);
        double fits = MOST_BYTES / Math.max(bytesPerMessage, 1);
        return (int) Math.max(atLeast, Math.min(MOST, Math.min(ahead, fits)));
    }

    /** Whether enough room is free: at least half of what is held beyond the threads themselves, or a free thread when nothing is. */
    boolean isWorthAClaim(int held) {
        int target = target();
        return target - held >= Math.max(1, (target - atLeast) / 2);
    }

    /** How many messages a thread takes from the buffer at once: several when a message takes less than the hand-over costs. */
    int handOver(int batch) {
        double average = nanosPerMessage;
        return average < 50_000 ? Math.max(batch, HANDED_OVER_AT_ONCE) : batch;
    }
}
