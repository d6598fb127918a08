package io.postroom.internal.loop;

import java.time.Duration;

/**
 * The rest a repeated step takes, so that it uses no more than its share of the time: a multiple of what the step took. With a factor of
 * 3 the step runs for at most a quarter of the time, with 20 for a twenty-first.
 *
 * @param restFactor how many times as long as the step took the rest is
 * @param shortest no rest is shorter; wins over {@code longest}
 * @param longest the multiple counts up to here: a step that was slow once, because a server stalled, must not delay the next one for long
 */
public record DutyCycle(int restFactor, Duration shortest, Duration longest) {
    public DutyCycle {
        if (restFactor < 0 || shortest.isNegative() || longest.isNegative()) {
            throw new IllegalArgumentException(
                    "a rest cannot be negative: factor " + restFactor + ", from " + shortest + " to " + longest);
        }
    }

    /** A rest without an upper bound. */
    public static DutyCycle of(int restFactor, Duration shortest) {
        return new DutyCycle(restFactor, shortest, Duration.ofNanos(Long.MAX_VALUE));
    }

    /** Returns how long to rest after a step that took so many nanoseconds, in nanoseconds. */
    public long restNanosAfter(long tookNanos) {
        return Math.max(shortest.toNanos(), Math.min(tookNanos * restFactor, longest.toNanos()));
    }
}
