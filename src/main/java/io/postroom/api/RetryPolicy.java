package io.postroom.api;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Says how often a message is tried and how long it waits in between. Attempts count the first run: {@code fixed(3, ofSeconds(10))} means 3
 * tries, 10 s apart.
 *
 * <p>Implementations are pure functions, called by any thread. Where one throws, or answers null or a negative delay, {@link #DEFAULT}
 * answers instead. The factories throw {@link IllegalArgumentException} unless attempts are 1 to 1000 and delays 0 to 400 days.
 */
public interface RetryPolicy {
    /**
     * The policy of a handler that names none: 20 tries, {@code 10s..6h}. The waits add up to at least 26 hours and 41 minutes, about 40
     * hours on average, so that an outage of a day makes no dead letter.
     */
    RetryPolicy DEFAULT = exponential(20, Duration.ofSeconds(10), Duration.ofHours(6));

    /** The most attempts, the first included; at least 1. */
    int attempts();

    /**
     * Answers the wait before the next attempt. It counts as 400 days at most.
     *
     * @param failures failures so far, at least 1
     */
    Duration delayAfter(int failures);

    /** Whether no retry can help after this error: then the message becomes a dead letter at once. Default false. */
    default boolean rejects(Throwable error) {
        return false;
    }

    /**
     * Describes the waits to people, as in {@code queue.retry_after}: {@code 10s}, {@code 10s, 1m} or {@code 1s..1h}. A user's policy may
     * answer any text.
     */
    default String describe() {
        return "custom";
    }

    /** Answers the same policy, which also rejects errors of this type, and errors with one among their causes. */
    default RetryPolicy rejectOn(Class<? extends Throwable> type) {
        return new RetryPolicies.Rejecting(this, type);
    }

    /** Waits the same time before each attempt. */
    static RetryPolicy fixed(int attempts, Duration apart) {
        return new RetryPolicies.Listed(attempts, List.of(apart));
    }

    /** Waits these times in this order. The attempts are one more than the waits. */
    static RetryPolicy delays(Duration... delays) {
        return new RetryPolicies.Listed(delays.length + 1, List.of(delays));
    }

    /** Waits these times in order, and repeats the last one until the attempts are spent. */
    static RetryPolicy delays(int attempts, List<Duration> delays) {
        return new RetryPolicies.Listed(attempts, delays);
    }

    /**
     * Reads a policy from text: {@code 10s} (always the same), {@code 10s, 1m, 5m} (a list, the last repeats) or {@code 1s..1h}
     * (doubling, see {@link #exponential}). Units: ms, s, m, h, d.
     *
     * @throws InvalidMessageException the text is none of these
     */
    static RetryPolicy parse(int attempts, String delays) {
        return RetryPolicies.parse(attempts, delays);
    }

    /**
     * Doubles the wait from {@code first} up to {@code longest}, with jitter: each wait is drawn evenly between half of that value and all
     * of it. Messages that failed together come back apart, and the waits add up to at least half of the series.
     */
    static RetryPolicy exponential(int attempts, Duration first, Duration longest) {
        return new RetryPolicies.Exponential(
                attempts, first, longest, () -> ThreadLocalRandom.current().nextDouble());
    }
}
