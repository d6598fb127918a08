package io.postroom.api;

import java.time.Duration;
import java.util.Optional;

/**
 * Settings of a queue, as declared by code. An operator's value holds until it is reset, else the last declaration started. Immutable: every
 * method returns a changed copy; what is left empty keeps what the queue has.
 */
public record QueueSettings(
        String queue,
        Optional<Integer> maxAttempts,
        Optional<String> retryAfter,
        Optional<Duration> timeToLive,
        Optional<Duration> retention,
        Optional<Integer> crashLimit) {

    /** Finished messages stay this long unless the queue says otherwise. */
    public static final Duration DEFAULT_RETENTION = Duration.ofDays(7);
    /** A message whose worker died this often is dead-lettered unless the queue says otherwise. */
    public static final int DEFAULT_CRASH_LIMIT = 3;

    public QueueSettings {
        Limits.requireName("queue", queue);
        maxAttempts.ifPresent(attempts -> Limits.requireRange("attempts", attempts, 1, 1000));
        crashLimit.ifPresent(limit -> Limits.requireRange("crashLimit", limit, 1, 1000));
        timeToLive.ifPresent(duration -> Limits.requireDuration("timeToLive", duration, Duration.ofMillis(1)));
        retention.ifPresent(duration -> Limits.requireDuration("retention", duration, Duration.ZERO));
    }

    public static QueueSettings of(String queue) {
        return new QueueSettings(
                queue, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    /** Most attempts of a message, the first included; 1 to 1000. Default 10. */
    public QueueSettings attempts(int attempts) {
        return new QueueSettings(queue, Optional.of(attempts), retryAfter, timeToLive, retention, crashLimit);
    }

    /** The waits between attempts as text, for people: {@code 10s} or {@code 10s, 1m, 5m}. */
    public QueueSettings retryAfter(String delays) {
        return new QueueSettings(queue, maxAttempts, Optional.of(delays), timeToLive, retention, crashLimit);
    }

    /** Messages created without a time to live of their own expire after this; at most 400 days. Default: never. */
    public QueueSettings timeToLive(Duration duration) {
        return new QueueSettings(queue, maxAttempts, retryAfter, Optional.of(duration), retention, crashLimit);
    }

    /** How long finished messages are kept; up to 400 days. Default 7 days. */
    public QueueSettings retention(Duration duration) {
        return new QueueSettings(queue, maxAttempts, retryAfter, timeToLive, Optional.of(duration), crashLimit);
    }

    /** After how many deaths of its worker a message is dead-lettered; 1 to 1000. Default 3. */
    public QueueSettings crashLimit(int crashes) {
        return new QueueSettings(queue, maxAttempts, retryAfter, timeToLive, retention, Optional.of(crashes));
    }
}
