package io.postroom.internal.postgres;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * Keeps a long look from taking a core from those who send and handle messages: after each part it rests for sixteen times as long as that took, but not
 * for ever, because others may wait for the end. For one thread.
 */
final class PurgeThrottle {
    /** With eight the load took 1.20 times its CPU, with sixteen 1.17 and, in another run, 0.96 (workload W9): it differs by as much without a purge. */
    private static final int REST_FACTOR = 16;

    private static final Duration LONGEST_REST = Duration.ofSeconds(2);
    /** Then it comes to an end: a day of 3 million messages has it behind it by then. */
    private static final Duration PATIENT_FOR = Duration.ofMinutes(5);

    private static final int LATER_FACTOR = 2;

    private long partBeganNanos = System.nanoTime();
    private long restedNanos;

    /** A part is done. */
    void rest() {
        long took = System.nanoTime() - partBeganNanos;
        int factor = restedNanos < PATIENT_FOR.toNanos() ? REST_FACTOR : LATER_FACTOR;
        long rest = Math.min(took * factor, LONGEST_REST.toNanos());
        LockSupport.parkNanos(this, rest);
        if (Thread.currentThread().isInterrupted()) {
            throw new IllegalStateException("stopped while looking through a past day; nothing was changed");
        }
        restedNanos += rest;
        partBeganNanos = System.nanoTime();
    }
}
