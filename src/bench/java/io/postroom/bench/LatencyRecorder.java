package io.postroom.bench;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** A handler that notes how long ago its message was sent. Thread-safe. */
final class LatencyRecorder implements Consumer<String> {
    private final long[] nanos = new long[200_000];
    private final AtomicInteger count = new AtomicInteger();
    private volatile long from = Long.MAX_VALUE;

    /** Messages sent before this instant of {@link System#nanoTime} are not counted. */
    void begin(long from) {
        this.from = from;
    }

    @Override
    public void accept(String payload) {
        long now = System.nanoTime();
        long sent = Payloads.stamp(payload);
        if (sent >= from) {
            nanos[Math.min(count.getAndIncrement(), nanos.length - 1)] = now - sent;
        }
    }

    /** Waits until so many were counted, ten seconds at the longest. */
    long[] await(int messages) throws InterruptedException {
        for (int i = 0; i < 1000 && count.get() < messages; i++) {
            Thread.sleep(10);
        }
        return Arrays.copyOf(nanos, Math.min(count.get(), nanos.length));
    }
}
