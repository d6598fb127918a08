package io.postroom.internal.postgres.purge;

import io.postroom.internal.loop.DutyCycle;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * Spreads a long read over time, so that it does not take a core from those who send and handle messages. After each part it rests sixteen
 * times as long as the part took. After five minutes of rest it rests only twice as long, because others may wait for the end. For one
 * thread.
 */
final class PurgeThrottle {
    /**
     * With a factor of eight the load took 1.20 times its CPU; with sixteen 1.17 and, in another run, 0.96 (workload W9). Without a purge
     * the CPU differs by as much from run to run.
     */
    private static final DutyCycle LONG_RESTS = new DutyCycle(16, Duration.ZERO, Duration.ofSeconds(2));

    /** The time of rest after which the rests become shorter. A day of 3 million messages is read through by then. */
    private static final Duration LONG_RESTS_FOR = Duration.ofMinutes(5);

    private static final DutyCycle SHORT_RESTS = new DutyCycle(2, Duration.ZERO, Duration.ofSeconds(2));

    private long partBeganNanos = System.nanoTime();
    private long restedNanos;

    /**
     * Rests after a part.
     *
     * @throws IllegalStateException the thread was interrupted
     */
    void rest() {
        long took = System.nanoTime() - partBeganNanos;
        DutyCycle dutyCycle = restedNanos < LONG_RESTS_FOR.toNanos() ? LONG_RESTS : SHORT_RESTS;
        long rest = dutyCycle.restNanosAfter(took);
        LockSupport.parkNanos(this, rest);
        if (Thread.currentThread().isInterrupted()) {
            throw new IllegalStateException("stopped while looking through a past day; nothing was changed");
        }
        restedNanos += rest;
        partBeganNanos = System.nanoTime();
    }
}
