package io.postroom.postgres;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * Keeps a long look from taking a core from those who send and handle messages: after each part it rests for sixteen times as long as that took, but not
 * for ever, because others may wait for the end. For one thread.
 */
final class Pacing {
    private static final int REST_FACTOR = 16;
    private static final Duration LONGEST_REST = Duration.ofSeconds(2);
    private static final Duration LONGEST_IN_ALL = Duration.ofMinutes(5);

    private long partBeganNanos = System.nanoTime();
    private long restedNanos;

    /** A part is done. */
    void rest() {
        long took = System.nanoTime() - partBeganNanos;
        long rest = Math.min(took * REST_FACTOR, LONGEST_REST.toNanos());
        if (restedNanos + rest <= LONGEST_IN_ALL.toNanos()) {
            LockSupport.parkNanos(this, rest);
            if (Thread.currentThread().isInterrupted()) {
                throw new IllegalStateException("stopped while looking through a past day; nothing was changed");
            }
            restedNanos += rest;
        }
        partBeganNanos = System.nanoTime();
    }
}
