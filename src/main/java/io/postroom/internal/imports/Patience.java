package io.postroom.internal.imports;

import io.postroom.internal.loop.Backoff;
import io.postroom.internal.loop.RepeatedWarning;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.slf4j.Logger;

/**
 * Counts the failures of one file at one position, and says when it is tried again. The other files of its folder go on meanwhile. A few
 * failures are tried again, since what an interceptor asks, or the file system, may be away. One thread may use it.
 */
final class Patience {
    /** Two to four minutes: the waits between the tries grow from a second to a minute. */
    static final int MOST_FAILURES = 10;

    private final LongSupplier nanoTime;
    private final Backoff backoff = new Backoff(Duration.ofSeconds(1), Duration.ofMinutes(1));
    private final RepeatedWarning warning;
    private int failures;
    private long dueNanos;

    /** @param nanoTime the clock, in nanoseconds from any start */
    Patience(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        this.warning = new RepeatedWarning(nanoTime);
    }

    /** Whether the next try is to come later. */
    boolean isResting() {
        return failures > 0 && nanoTime.getAsLong() - dueNanos < 0;
    }

    /** Whether this try is the last one: what fails now is given up. */
    boolean isLastTry() {
        return failures + 1 >= MOST_FAILURES;
    }

    /** @param what what failed and is tried again, as the subject of a sentence */
    void failed(Logger log, String what, Throwable error) {
        failures++;
        dueNanos = nanoTime.getAsLong() + backoff.next().toNanos();
        warning.log(log, what, error);
    }

    /** Begins anew: the file got further. */
    void gotFurther() {
        failures = 0;
        backoff.reset();
        warning.reset();
    }
}
