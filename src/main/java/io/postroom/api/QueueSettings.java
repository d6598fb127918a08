package io.postroom.api;

import java.time.Duration;
import java.util.Optional;

/**
 * Settings of a queue, as declared by code. An operator's value holds until it is reset, else the value of the last declaration. Immutable:
 * every method returns a changed copy. What is left empty keeps what the queue has.
 *
 * @param queue name of the queue
 * @param maxAttempts see {@link #attempts}
 * @param retryAfter see {@link #retryAfter(String)}
 * @param timeToLive see {@link #timeToLive(Duration)}
 * @param retention see {@link #retention(Duration)}
 * @param crashLimit see {@link #crashLimit(int)}
 * @param kind see {@link #kind(QueueKind)}
 * @param deadLetterExchange see {@link #deadLetterExchange(String)}; an empty name: none
 * @param deadLetterRoutingKey see {@link #deadLetterExchange(String, String)}
 * @param ordered see {@link #ordered(boolean)}
 * @param onDeadLetter see {@link #onDeadLetter(OnDeadLetter)}
 */
public record QueueSettings(
        String queue,
        Optional<Integer> maxAttempts,
        Optional<String> retryAfter,
        Optional<Duration> timeToLive,
        Optional<Duration> retention,
        Optional<Integer> crashLimit,
        Optional<QueueKind> kind,
        Optional<String> deadLetterExchange,
        Optional<String> deadLetterRoutingKey,
        Optional<Boolean> ordered,
        Optional<OnDeadLetter> onDeadLetter) {

    /** How long finished messages stay unless the queue says otherwise: 7 days. */
    public static final Duration DEFAULT_RETENTION = Duration.ofDays(7);
    /** A retention without end: finished messages of the queue are never removed. In SQL: {@code interval '365000 days'}. */
    public static final Duration FOR_EVER = Duration.ofDays(365_000);
    /** After how many deaths of its worker a message becomes a dead letter unless the queue says otherwise: 3. */
    public static final int DEFAULT_CRASH_LIMIT = 3;

    /** What becomes of the group of a message that becomes a dead letter in an ordered queue. */
    public enum OnDeadLetter {
        /** The next message of the group runs. A redriven dead letter goes in front of those that wait. */
        RELEASE,
        /** The group waits until the dead letter is redriven. */
        BLOCK
    }

    public QueueSettings {
        Limits.requireName("queue", queue);
        maxAttempts.ifPresent(attempts -> Limits.requireRange("attempts", attempts, 1, 1000));
        crashLimit.ifPresent(limit -> Limits.requireRange("crashLimit", limit, 1, 1000));
        timeToLive.ifPresent(duration -> Limits.requireDuration("timeToLive", duration, Duration.ofMillis(1)));
        retention.ifPresent(Limits::requireRetention);
        retryAfter = retryAfter.map(RetryPolicies::normalized);
        deadLetterExchange
                .filter(name -> !name.isEmpty())
                .ifPresent(name -> Limits.requireName("deadLetterExchange", name));
        deadLetterRoutingKey.ifPresent(Limits::requireRoutingKey);
    }

    /** Settings that name nothing but the queue. */
    public static QueueSettings of(String queue) {
        return new QueueSettings(
                queue,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    /**
     * Sets the most attempts of a message, the first included; 1 to 1000, default 20. Shown to people; the handler's own count decides
     * unless an operator sets the queue's.
     */
    public QueueSettings attempts(int attempts) {
        return new QueueSettings(
                queue,
                Optional.of(attempts),
                retryAfter,
                timeToLive,
                retention,
                crashLimit,
                kind,
                deadLetterExchange,
                deadLetterRoutingKey,
                ordered,
                onDeadLetter);
    }

    /**
     * Sets the waits between attempts as text, as in {@link RetryPolicy#parse}: {@code 10s}, {@code 10s, 1m, 5m} or {@code 1s..1h}, each at
     * most 400 days; {@code custom}: those of the handler. Shown to people; the handler's own retry policy decides unless an operator sets
     * the queue's.
     *
     * @throws InvalidMessageException the text is none of these
     */
    public QueueSettings retryAfter(String delays) {
        return new QueueSettings(
                queue,
                maxAttempts,
                Optional.of(delays),
                timeToLive,
                retention,
                crashLimit,
                kind,
                deadLetterExchange,
                deadLetterRoutingKey,
                ordered,
                onDeadLetter);
    }

    /** Sets after how long messages without a time to live of their own expire; 1 ms to 400 days. Without one they never expire. */
    public QueueSettings timeToLive(Duration duration) {
        return new QueueSettings(
                queue,
                maxAttempts,
                retryAfter,
                Optional.of(duration),
                retention,
                crashLimit,
                kind,
                deadLetterExchange,
                deadLetterRoutingKey,
                ordered,
                onDeadLetter);
    }

    /** Sets how long finished messages are kept; 0 to 400 days, or {@link #FOR_EVER}. Default 7 days. */
    public QueueSettings retention(Duration duration) {
        return new QueueSettings(
                queue,
                maxAttempts,
                retryAfter,
                timeToLive,
                Optional.of(duration),
                crashLimit,
                kind,
                deadLetterExchange,
                deadLetterRoutingKey,
                ordered,
                onDeadLetter);
    }

    /**
     * Sets after how many deaths of its worker a message becomes a dead letter; 1 to 1000, default 3. Until then it is a suspect. With
     * one crash left it runs beside no other suspect of its process.
     */
    public QueueSettings crashLimit(int crashes) {
        return new QueueSettings(
                queue,
                maxAttempts,
                retryAfter,
                timeToLive,
                retention,
                Optional.of(crashes),
                kind,
                deadLetterExchange,
                deadLetterRoutingKey,
                ordered,
                onDeadLetter);
    }

    /**
     * Sets how long the queue lives; default {@link QueueKind#DURABLE}. A queue keeps its kind: declared again with another one, it is
     * refused with {@link InvalidMessageException}. A queue that was only used so far and that nobody has declared may still become {@link
     * QueueKind#AUTO_DELETE}.
     */
    public QueueSettings kind(QueueKind kind) {
        return new QueueSettings(
                queue,
                maxAttempts,
                retryAfter,
                timeToLive,
                retention,
                crashLimit,
                Optional.of(kind),
                deadLetterExchange,
                deadLetterRoutingKey,
                ordered,
                onDeadLetter);
    }

    /**
     * Sets the exchange through which dead letters of the queue go on, and messages that expire in it, with the routing key of the message.
     * The message that arrives there is a new one: its headers say how it died, and its correlation id is that of the old one, or the old
     * one's id. What reaches no queue stays dead.
     *
     * @param exchange its name; it need not exist yet
     */
    public QueueSettings deadLetterExchange(String exchange) {
        return deadLetterExchange(exchange, Optional.empty());
    }

    /** Does the same with this routing key instead of the message's own. */
    public QueueSettings deadLetterExchange(String exchange, String routingKey) {
        return deadLetterExchange(exchange, Optional.of(routingKey));
    }

    /** Lets dead letters stay with the queue until they are redriven, as without a dead letter exchange: the default. */
    public QueueSettings noDeadLetterExchange() {
        return deadLetterExchange("", Optional.empty());
    }

    /**
     * Sets whether at most one message of each group ({@link CreateMessage#group}) is in progress at a time, over all processes, in the
     * order in which they were sent. A retry, a snooze and the rest of a delay keep the group waiting. Messages without a group are not
     * ordered. Default: false. It can be changed only while the queue holds no message; a declaration that would is refused.
     */
    public QueueSettings ordered(boolean isOrdered) {
        return new QueueSettings(
                queue,
                maxAttempts,
                retryAfter,
                timeToLive,
                retention,
                crashLimit,
                kind,
                deadLetterExchange,
                deadLetterRoutingKey,
                Optional.of(isOrdered),
                onDeadLetter);
    }

    /** Sets what becomes of the group of a dead letter in an ordered queue; default {@link OnDeadLetter#RELEASE}. */
    public QueueSettings onDeadLetter(OnDeadLetter groups) {
        return new QueueSettings(
                queue,
                maxAttempts,
                retryAfter,
                timeToLive,
                retention,
                crashLimit,
                kind,
                deadLetterExchange,
                deadLetterRoutingKey,
                ordered,
                Optional.of(groups));
    }

    private QueueSettings deadLetterExchange(String exchange, Optional<String> routingKey) {
        return new QueueSettings(
                queue,
                maxAttempts,
                retryAfter,
                timeToLive,
                retention,
                crashLimit,
                kind,
                Optional.of(exchange),
                routingKey,
                ordered,
                onDeadLetter);
    }
}
