package io.postroom.api;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How often a message is tried and how long it waits in between. Attempts count the first run: {@code fixed(3, ofSeconds(10))} is "3 tries,
 * 10 s apart". Implementations are pure functions, called by any thread.
 */
public interface RetryPolicy {
    /** What holds where nobody says otherwise: 10 tries, 10 seconds apart. */
    RetryPolicy DEFAULT = fixed(10, Duration.ofSeconds(10));

    /** Most attempts, the first included; at least 1. */
    int attempts();

    /**
     * The wait before the next attempt.
     *
     * @param failures failures so far, at least 1
     */
    Duration delayAfter(int failures);

    /** Whether this error can never be mended by trying again: the message is dead-lettered at once. */
    default boolean rejects(Throwable error) {
        return false;
    }

    /** For people, as in {@code queue.retry_after}: {@code 10s}, {@code 10s, 1m} or {@code 1s..1h}; a policy of one's own may say what it likes. */
    default String describe() {
        return "custom";
    }

    /** The same policy, giving up at once on errors of this type (or with one among their causes). */
    default RetryPolicy rejectOn(Class<? extends Throwable> type) {
        return new RetryPolicies.Rejecting(this, type);
    }

    /** The same wait each time. */
    static RetryPolicy fixed(int attempts, Duration apart) {
        return new RetryPolicies.Listed(attempts, List.of(apart));
    }

    /** One wait after each failure in this order; as many attempts as waits plus the first. */
    static RetryPolicy delays(Duration... delays) {
        return new RetryPolicies.Listed(delays.length + 1, List.of(delays));
    }

    /** These waits in order, the last repeated until {@code attempts} are spent. */
    static RetryPolicy delays(int attempts, List<Duration> delays) {
        return new RetryPolicies.Listed(attempts, delays);
    }

    /**
     * From text: {@code 10s} (always the same), {@code 10s, 1m, 5m} (a list, the last repeats) or {@code 1s..1h} (exponential with full jitter).
     * Units: ms, s, m, h, d.
     */
    static RetryPolicy parse(int attempts, String delays) {
        return RetryPolicies.parse(attempts, delays);
    }

    /** Doubling from {@code first} up to {@code longest}, with full jitter: the wait is drawn evenly from 0 to the doubled value. */
    static RetryPolicy exponential(int attempts, Duration first, Duration longest) {
        return new RetryPolicies.Exponential(
                attempts, first, longest, () -> ThreadLocalRandom.current().nextDouble());
    }
}
