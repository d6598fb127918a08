package io.postroom.internal.loop;

import java.time.Duration;
import java.util.function.LongSupplier;
import org.slf4j.Logger;

/**
 * Decides when a failure that goes on is logged again: at once, after 1, 2, 4 and more minutes, up to once an hour. The log shows that the
 * failure lasts, and is not flooded. Used by one thread.
 */
public final class RepeatedWarning {
    private static final long FIRST_NANOS = Duration.ofMinutes(1).toNanos();
    private static final long LONGEST_NANOS = Duration.ofHours(1).toNanos();

    private final LongSupplier nanos;
    private int times;
    private long waitNanos;
    private long dueNanos;

    public RepeatedWarning() {
        this(System::nanoTime);
    }

    /** @param nanos the clock, in nanoseconds from any start */
    public RepeatedWarning(LongSupplier nanos) {
        this.nanos = nanos;
    }

    /** Counts the failure once more. Returns whether to log it now. */
    public boolean isDue() {
        long now = nanos.getAsLong();
        if (times++ > 0 && now - dueNanos < 0) {
            return false;
        }
        waitNanos = waitNanos == 0 ? FIRST_NANOS : Math.min(LONGEST_NANOS, waitNanos * 2);
        dueNanos = now + waitNanos;
        return true;
    }

    /**
     * Counts the failure once more and logs it: the first one at WARN with its stack trace, later ones at WARN with their number when that
     * is due, and all others at DEBUG.
     *
     * @param what what failed and is tried again, as the subject of a sentence
     */
    public void log(Logger log, String what, Throwable error) {
        if (!isDue()) {
            log.debug("{} failed again", what, error);
        } else if (times == 1) {
            log.warn("{} failed and is tried again: {}", what, error.toString(), error);
        } else {
            log.warn("{} still fails, {} times in a row, and is tried again: {}", what, times, error.toString());
        }
    }

    /** How often the trouble was counted since it began. */
    public int times() {
        return times;
    }

    /** Begins anew: the trouble is over. */
    public void reset() {
        times = 0;
        waitNanos = 0;
    }
}
