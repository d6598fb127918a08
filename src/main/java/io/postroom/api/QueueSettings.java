package io.postroom.api;

import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

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
 * @param maxLength see {@link #maxLength(long, Overflow)}; 0: none
 * @param overflow see {@link #maxLength(long, Overflow)}
 * @param singleActiveConsumer see {@link #singleActiveConsumer(boolean)}
 * @param expiresAfter see {@link #expiresAfter(Duration)}; 0: never
 * @param fair see {@link #fair(boolean)}
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
        Optional<OnDeadLetter> onDeadLetter,
        Optional<Long> maxLength,
        Optional<Overflow> overflow,
        Optional<Boolean> singleActiveConsumer,
        Optional<Duration> expiresAfter,
        Optional<Boolean> fair) {

    /** How long finished messages stay unless the queue says otherwise: 7 days. */
    public static final Duration DEFAULT_RETENTION = Duration.ofDays(7);
    /** A retention without end: finished messages of the queue are never removed. In SQL: {@code interval '365000 days'}. */
    public static final Duration FOR_EVER = Duration.ofDays(365_000);
    /** After how many deaths of its worker a message becomes a dead letter unless the queue says otherwise: 3. */
    public static final int DEFAULT_CRASH_LIMIT = 3;

    /** What becomes of the group of a message that becomes a dead letter in an ordered queue. */
    public enum OnDeadLetter {
        /** The next message of the group runs. A redriven dead letter goes in front of those that wait. */
        RELEASE("release"),
        /** The group waits until the dead letter is redriven. */
        BLOCK("block");

        private final String code;

        OnDeadLetter(String code) {
            this.code = code;
        }

        /** The text in {@code queue.on_dead_letter}. It never changes. */
        public String code() {
            return code;
        }

        /** Finds the one with this {@link #code}. */
        public static OnDeadLetter ofCode(String code) {
            return Limits.requireWord("onDeadLetter", values(), OnDeadLetter::code, code, "release or block");
        }
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
        deadLetterRoutingKey.ifPresent(key -> Limits.requireRoutingKey("deadLetterRoutingKey", key));
        if (deadLetterRoutingKey.isPresent() && deadLetterExchange.orElse("").isEmpty()) {
            throw new InvalidMessageException(
                    "deadLetterRoutingKey", "given only with a dead letter exchange", deadLetterRoutingKey.get());
        }
        maxLength.ifPresent(Limits::requireQueueLength);
        expiresAfter
                .filter(duration -> !duration.isZero())
                .ifPresent(duration -> Limits.requireDuration("expiresAfter", duration, Duration.ofMillis(1)));
        if (ordered.orElse(false) && maxLength.orElse(0L) > 0) {
            throw new InvalidMessageException(
                    "maxLength", "left out for an ordered queue", String.valueOf(maxLength.get()));
        }
        if (ordered.orElse(false) && fair.orElse(false)) {
            throw new InvalidMessageException("fair", "false for an ordered queue", "true");
        }
    }

    /** Settings that name nothing but the queue. */
    public static QueueSettings of(String queue) {
        return new Draft(queue).settings();
    }

    /**
     * Sets the most attempts of a message, the first included; 1 to 1000, default 20. Shown to people; the handler's own count decides
     * unless an operator sets the queue's.
     */
    public QueueSettings attempts(int attempts) {
        return copy(draft -> draft.maxAttempts = Optional.of(attempts));
    }

    /**
     * Sets the waits between attempts as text, as in {@link RetryPolicy#parse}: {@code 10s}, {@code 10s, 1m, 5m} or {@code 1s..1h}, each at
     * most 400 days; {@code custom}: those of the handler. Shown to people; the handler's own retry policy decides unless an operator sets
     * the queue's.
     *
     * @throws InvalidMessageException the text is none of these
     */
    public QueueSettings retryAfter(String delays) {
        return copy(draft -> draft.retryAfter = Optional.of(delays));
    }

    /** Sets after how long messages without a time to live of their own expire; 1 ms to 400 days. Without one they never expire. */
    public QueueSettings timeToLive(Duration duration) {
        return copy(draft -> draft.timeToLive = Optional.of(duration));
    }

    /** Sets how long finished messages are kept; 0 to 400 days, or {@link #FOR_EVER}. Default 7 days. */
    public QueueSettings retention(Duration duration) {
        return copy(draft -> draft.retention = Optional.of(duration));
    }

    /**
     * Sets after how many deaths of its worker a message becomes a dead letter; 1 to 1000, default 3. Until then it is a suspect. With
     * one crash left it runs beside no other suspect of its process.
     */
    public QueueSettings crashLimit(int crashes) {
        return copy(draft -> draft.crashLimit = Optional.of(crashes));
    }

    /**
     * Sets how long the queue lives; default {@link QueueKind#DURABLE}. A queue keeps its kind: declared again with another one, it is
     * refused with {@link InvalidMessageException}. A queue that was only used so far and that nobody has declared may still become {@link
     * QueueKind#AUTO_DELETE}.
     */
    public QueueSettings kind(QueueKind kind) {
        return copy(draft -> draft.kind = Optional.of(kind));
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
     * It fails with a {@link StoreException} (55P03) while other transactions that use queues stay open.
     */
    public QueueSettings ordered(boolean isOrdered) {
        return copy(draft -> draft.ordered = Optional.of(isOrdered));
    }

    /** Sets what becomes of the group of a dead letter in an ordered queue; default {@link OnDeadLetter#RELEASE}. */
    public QueueSettings onDeadLetter(OnDeadLetter groups) {
        return copy(draft -> draft.onDeadLetter = Optional.of(groups));
    }

    /**
     * Limits how many messages may wait; 1 to 1,000,000,000. Without a limit as many wait as come. Only READY messages count, not those
     * that are DELAYED, in progress or dead. A message whose delay ends, that comes back to READY, or that comes as a dead letter of
     * another queue is never refused: the queue may be longer for a second.
     *
     * <p>{@code DROP_HEAD} lets a queue get one hundredth longer than its limit before it is shortened to it; below 100 it is exact. A
     * rejecting queue that was found full may refuse for a second for each 100,000 of its limit, although it has room again.
     *
     * <p>Transactions that create messages in a limited queue wait for one another until they end: keep them short. Two of them that create
     * messages in several such queues in opposite orders may fail with SQLSTATE 40P01.
     *
     * <p>A reply of a handler does not wait for such transactions: the queue may then be longer by what both write.
     *
     * <p>An ordered queue has no maximum length: most of what waits in it is not READY but behind others of its group.
     *
     * @throws InvalidMessageException the limit is out of its range, or these are settings of an ordered queue
     */
    public QueueSettings maxLength(long messages, Overflow overflow) {
        if (messages < 1) {
            throw new InvalidMessageException(
                    "maxLength",
                    "1 to " + Limits.QUEUE_LENGTH,
                    String.valueOf(messages),
                    "Use unlimited() to take a limit away");
        }
        return copy(draft -> {
            draft.maxLength = Optional.of(messages);
            draft.overflow = Optional.of(overflow);
        });
    }

    /** Takes the limit of {@link #maxLength(long, Overflow)} away. In SQL, over HTTP and in properties a length of 0 does so. */
    public QueueSettings unlimited() {
        return copy(draft -> draft.maxLength = Optional.of(0L));
    }

    /**
     * Sets whether only one process consumes the queue at a time; default false. It is the first one that claims. Another one takes over
     * when that process stops, consumes the queue no more, was told to stop, or has sent no heartbeat for the lease time: a few seconds
     * after its last message of the queue is finished or rescued. Its own handler threads still run messages side by side: for one message
     * at a time set their concurrency to 1. Direct dispatch is left out, and {@code sendMessageSync} stores the message only.
     *
     * <p>When a queue that is consumed already gets this setting, nobody claims from it for a few seconds, until what all processes had in
     * progress is finished or rescued.
     */
    public QueueSettings singleActiveConsumer(boolean isSingle) {
        return copy(draft -> draft.singleActiveConsumer = Optional.of(isSingle));
    }

    /**
     * Sets whether the groups of messages ({@link CreateMessage#group}) take turns; default false. In each process a message then waits
     * for one turn of each other group of its priority at most, even where one of them has a million messages waiting. Each process goes
     * round on its own, so others may take such turns, too. Within a group the oldest goes first. Messages without a group are a group of
     * their own. A higher priority still goes before all groups of a lower one. A turn is one message, or as many as {@code
     * postroom.set_group_weight} says.
     *
     * <p>It can be changed at any time. What waits already is a group of its own then. Weights stay.
     * Each process holds no more than its handlers run in 20 ms, or as many as they take at once. Direct dispatch is left out, and {@code
     * sendMessageSync} stores the message only.
     *
     * @throws InvalidMessageException these are settings of an ordered queue
     */
    public QueueSettings fair(boolean isFair) {
        return copy(draft -> draft.fair = Optional.of(isFair));
    }

    /**
     * Deletes the queue when no process has consumed it and nobody has declared it for so long; 1 ms to 400 days. Creating messages is no
     * use in this sense. It is deleted a tenth of the time later, at most a minute, or when a job looks next. What waits in it ends
     * CANCELLED, reason {@code queue_deleted}. Where all processes stop for longer than that, the queue is gone soon after the next start.
     */
    public QueueSettings expiresAfter(Duration unused) {
        Limits.requireDuration("expiresAfter", unused, Duration.ofMillis(1));
        return copy(draft -> draft.expiresAfter = Optional.of(unused));
    }

    /** Takes the time of {@link #expiresAfter(Duration)} away. */
    public QueueSettings neverExpires() {
        return copy(draft -> draft.expiresAfter = Optional.of(Duration.ZERO));
    }

    /** The same settings for another queue. */
    public QueueSettings withQueue(String name) {
        return copy(name, same -> {});
    }

    private QueueSettings deadLetterExchange(String exchange, Optional<String> routingKey) {
        return copy(draft -> {
            draft.deadLetterExchange = Optional.of(exchange);
            draft.deadLetterRoutingKey = routingKey;
        });
    }

    private QueueSettings copy(Consumer<Draft> change) {
        return copy(queue, change);
    }

    private QueueSettings copy(String name, Consumer<Draft> change) {
        Draft draft = new Draft(name);
        draft.maxAttempts = maxAttempts;
        draft.retryAfter = retryAfter;
        draft.timeToLive = timeToLive;
        draft.retention = retention;
        draft.crashLimit = crashLimit;
        draft.kind = kind;
        draft.deadLetterExchange = deadLetterExchange;
        draft.deadLetterRoutingKey = deadLetterRoutingKey;
        draft.ordered = ordered;
        draft.onDeadLetter = onDeadLetter;
        draft.maxLength = maxLength;
        draft.overflow = overflow;
        draft.singleActiveConsumer = singleActiveConsumer;
        draft.expiresAfter = expiresAfter;
        draft.fair = fair;
        change.accept(draft);
        return draft.settings();
    }

    /** Settings that are being changed. */
    private static final class Draft {
        private final String queue;
        private Optional<Integer> maxAttempts = Optional.empty();
        private Optional<String> retryAfter = Optional.empty();
        private Optional<Duration> timeToLive = Optional.empty();
        private Optional<Duration> retention = Optional.empty();
        private Optional<Integer> crashLimit = Optional.empty();
        private Optional<QueueKind> kind = Optional.empty();
        private Optional<String> deadLetterExchange = Optional.empty();
        private Optional<String> deadLetterRoutingKey = Optional.empty();
        private Optional<Boolean> ordered = Optional.empty();
        private Optional<OnDeadLetter> onDeadLetter = Optional.empty();
        private Optional<Long> maxLength = Optional.empty();
        private Optional<Overflow> overflow = Optional.empty();
        private Optional<Boolean> singleActiveConsumer = Optional.empty();
        private Optional<Duration> expiresAfter = Optional.empty();
        private Optional<Boolean> fair = Optional.empty();

        Draft(String queue) {
            this.queue = queue;
        }

        QueueSettings settings() {
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
                    onDeadLetter,
                    maxLength,
                    overflow,
                    singleActiveConsumer,
                    expiresAfter,
                    fair);
        }
    }
}
