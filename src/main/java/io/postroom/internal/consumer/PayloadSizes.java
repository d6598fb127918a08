package io.postroom.internal.consumer;

/**
 * The moving average of payload sizes. It rises at once and falls slowly: the next claim may bring more of the large ones. Thread-safe, and
 * approximate on purpose: of two updates at the same time one may be lost.
 */
final class PayloadSizes {
    private volatile double average;

    /** Learns the size of messages that came, at least one. */
    void received(int messages, long bytes) {
        double sample = (double) bytes / messages;
        average = Math.max(sample, average + PrefetchPolicy.WEIGHT * (sample - average));
    }

    /** Returns the bytes to expect of the next message; zero: none came yet. */
    double average() {
        return average;
    }
}
