package io.postroom.internal.loop;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Waits between tries of something that fails: doubling to a longest wait, half of it jitter. Used by one thread. */
final class Backoff {
    private static final long FIRST_MILLIS = 50;

    private final long longestMillis;
    private long millis;

    Backoff(Duration longest) {
        this.longestMillis = longest.toMillis();
    }

    /** The next wait. */
    Duration next() {
        millis = millis == 0 ? FIRST_MILLIS : Math.min(longestMillis, millis * 2);
        return Duration.ofMillis(millis / 2 + ThreadLocalRandom.current().nextLong(millis / 2 + 1));
    }

    void reset() {
        millis = 0;
    }

    boolean isFirst() {
        return millis <= FIRST_MILLIS;
    }
}
