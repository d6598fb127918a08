package io.postroom.internal.loop;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The waits between tries of something that fails: each twice as long as the one before, up to a longest wait; half of each is jitter.
 * For one thread.
 */
public final class Backoff {
    private static final Duration FIRST = Duration.ofMillis(50);
    static final Duration LONGEST = Duration.ofSeconds(5);

    private final long firstMillis;
    private final long longestMillis;
    private long millis;

    /** Creates waits from 50 ms to 5 s. The first tries find a service that has restarted soon; the later ones put no load on it. */
    public Backoff() {
        this(FIRST, LONGEST);
    }

    public Backoff(Duration first, Duration longest) {
        this.firstMillis = first.toMillis();
        this.longestMillis = longest.toMillis();
    }

    /** Returns the next wait: between half of its full length and all of it. */
    public Duration next() {
        millis = millis == 0 ? firstMillis : Math.min(longestMillis, millis * 2);
        return Duration.ofMillis(millis / 2 + ThreadLocalRandom.current().nextLong(millis / 2 + 1));
    }

    /** Begins again at the first wait: a try went well. */
    public void reset() {
        millis = 0;
    }

    /** Whether at most one wait was asked for since the last success. */
    public boolean isFirst() {
        return millis <= firstMillis;
    }
}
