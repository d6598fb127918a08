package io.postroom.internal.consumer;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/** Whether the cores of this machine are busy, with this process and all others. Used by one thread. */
final class Cores {
    private static final double BUSY = 0.85;
    /** The system counts in hundredths of a second. */
    private static final Duration LOOK_EVERY = Duration.ofMillis(50);

    private long lookedAtNanos = System.nanoTime() - LOOK_EVERY.toNanos();
    private boolean busy;

    /** False as well where the system does not tell. */
    boolean areBusy(long now) {
        if (now - lookedAtNanos >= LOOK_EVERY.toNanos()) {
            lookedAtNanos = now;
            busy = ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                    && system.getCpuLoad() > BUSY;
        }
        return busy;
    }
}
