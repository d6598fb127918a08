package io.postroom.api;

import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * A message to be created. Immutable, so it may be kept and shared. There is no {@code build()}: every method returns a changed copy, and
 * refuses a value outside its limits with {@link InvalidMessageException} at once.
 *
 * <pre>{@code
 * CreateMessage.to("notifications").payload(new TicketCheckedOut(...)).delay(Duration.ofMinutes(5)).correlationId(trackingId)
 * }</pre>
 *
 * @param queue name of the queue; empty when {@code exchange} is given
 * @param exchange through which it is routed; an empty name is the default exchange, where the routing key names the queue
 * @param routingKey what the exchange's bindings compare; empty without an exchange
 * @param mandatory whether a message that reaches no queue is refused; false: it is dropped
 * @param content what is sent; {@link Content.None} until one of payload, json, body was called
 * @param id the caller's own id; empty: a new one is made
 * @param delay how long the message waits; empty: not at all, unless {@code dueAt} is given
 * @param dueAt until when the message waits; never given together with {@code delay}
 * @param timeToLive how long it may wait; empty: the queue's, if it has one
 * @param priority 0 (last) to 9 (first), default 4
 * @param deduplicationKey makes a second message of the queue with this key a repeat
 * @param deduplication until when another message holds the key, and what this one does then
 * @param correlationId the business process it belongs to
 * @param group the messages it runs in order with, in an ordered queue; those it shares its turns with, in a fair one
 * @param headers in the order they were given
 * @param direction a label, default OUTGOING
 * @param batch the batch whose member it becomes; empty: none
 */
public record CreateMessage(
        String queue,
        Optional<String> exchange,
        String routingKey,
        boolean mandatory,
        Content content,
        Optional<UUID> id,
        Optional<Duration> delay,
        Optional<Instant> dueAt,
        Optional<Duration> timeToLive,
        int priority,
        Optional<String> deduplicationKey,
        Deduplication deduplication,
        Optional<String> correlationId,
        Optional<String> group,
        Map<String, String> headers,
        Direction direction,
        Optional<UUID> batch) {
    /** The priority of a message for which none is set: 4. */
    public static final int DEFAULT_PRIORITY = 4;

    /** What is sent. */
    public sealed interface Content {
        /** No content was set; stored as JSON {@code null} without a type. */
        record None() implements Content {}

        /** An object that the {@code PayloadCodec} writes; its type is its class's {@link MessageType}. */
        record Value(Object payload) implements Content {}

        /** JSON as given; an empty type and version 0: without a type. */
        record Json(String type, int version, String json) implements Content {}

        /** Bytes as given; an empty type and version 0: without a type. */
        record Body(String type, int version, byte[] bytes, String contentType) implements Content {}
    }

    public CreateMessage {
        MessageRules.requireOneAddress(queue, exchange, routingKey);
        Limits.requireRoutingKey(routingKey);
        id.ifPresent(MessageRules::requireUsableId);
        delay.ifPresent(duration -> Limits.requireDuration("delay", duration, Duration.ZERO));
        dueAt.ifPresent(MessageRules::requireWithinHorizon);
        timeToLive.ifPresent(duration -> Limits.requireDuration("timeToLive", duration, Duration.ofMillis(1)));
        if (delay.isPresent() && dueAt.isPresent()) {
            throw new InvalidMessageException(
                    "at", "given only without delay", dueAt.get().toString());
        }
        MessageRules.requireAliveWhenDue(delay, dueAt, timeToLive);
        Limits.requireRange("priority", priority, 0, 9);
        deduplicationKey.ifPresent(key -> Limits.requireText("deduplicationKey", key, Limits.KEY_LENGTH));
        if (deduplicationKey.isEmpty() && !deduplication.equals(Deduplication.DEFAULT)) {
            throw new InvalidMessageException("deduplicationKey", "given with deduplicateUntil or onDuplicate", "null");
        }
        correlationId.ifPresent(key -> Limits.requireText("correlationId", key, Limits.KEY_LENGTH));
        group.ifPresent(key -> Limits.requireText("group", key, Limits.KEY_LENGTH));
        headers = MessageRules.requireHeaders(headers);
    }

    /**
     * Begins a message for this queue. The queue is made at its first use, unless that is switched off.
     *
     * @param queue 1 to 127 of {@code A-Z a-z 0-9 . _ : -}, first a letter or digit
     */
    public static CreateMessage to(String queue) {
        return to(queue, Optional.empty(), "");
    }

    /**
     * Begins a message that an exchange routes: one entry in each queue that its bindings choose, however many of them match. The message
     * is stored once. A message that reaches no queue is refused with {@link UnroutableMessageException}, unless {@link #mandatory} is
     * false.
     *
     * <p>The queues are those of the bindings at the moment of the INSERT, in all processes alike. Deduplication keys belong to the
     * exchange; with the default exchange, to the queue. A repeat must have the same routing key, too.
     *
     * @param exchange its name; empty: the default exchange, where the key names the queue, which must exist
     * @param routingKey 0 to 255 bytes of UTF-8 without control characters
     */
    public static CreateMessage via(String exchange, String routingKey) {
        return to("", Optional.of(exchange), routingKey);
    }

    private static CreateMessage to(String queue, Optional<String> exchange, String routingKey) {
        return new CreateMessage(
                queue,
                exchange,
                routingKey,
                true,
                new Content.None(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                DEFAULT_PRIORITY,
                Optional.empty(),
                Deduplication.DEFAULT,
                Optional.empty(),
                Optional.empty(),
                Map.of(),
                Direction.OUTGOING,
                Optional.empty());
    }

    /**
     * The same message for another queue, such as a part of a queue. For a message that names its queue, not for one through an exchange.
     *
     * @param queue as in {@link #to}
     */
    public CreateMessage withQueue(String queue) {
        return new CreateMessage(
                queue,
                exchange,
                routingKey,
                mandatory,
                content,
                id,
                delay,
                dueAt,
                timeToLive,
                priority,
                deduplicationKey,
                deduplication,
                correlationId,
                group,
                headers,
                direction,
                batch);
    }

    /** Type of kill signals. Handlers never get such a message. */
    public static final String KILL_SIGNAL = "postroom.kill";

    /**
     * Begins a message that stops consumers of the queue: the process that claims it does what {@link Consumers#stop} does, and the message
     * is DONE. All that is READY in the queue before it goes first, whatever its priority. Two kill signals stop twice as many.
     *
     * <p>It is refused when it is created unless the sending process has {@code postroom.kill-signals=true} ({@code
     * Postroom.Builder.killSignals}).
     *
     * @param howMany consumers to stop, 1 to 999,999,999
     * @throws InvalidMessageException a value is out of bounds
     */
    public static CreateMessage killSignal(String queue, int howMany) {
        Limits.requireRange("howMany", howMany, 1, 999_999_999);
        return to(queue).json(KILL_SIGNAL, 1, "{\"howMany\": " + howMany + "}");
    }

    /**
     * Sets an object as the content. Type name and version are those of its class's {@link MessageType}, own or inherited; a class
     * without one makes a message without a type. It is written as JSON when the message is created: at most 1 MiB, 64 levels deep. A proxy
     * is refused.
     */
    public CreateMessage payload(Object record) {
        return content(new Content.Value(record));
    }

    /**
     * Sets JSON text as the content. At most 1 MiB and 64 levels deep.
     *
     * @param type name of the type, limited like a queue's name
     * @param version 1 to 32767
     */
    public CreateMessage json(String type, int version, String json) {
        return content(new Content.Json(requireType(type), requireVersion(version), json));
    }

    /** Sets JSON text without a type. The queue's only handler takes it, or the one for messages without a type. */
    public CreateMessage json(String json) {
        return content(new Content.Json("", 0, json));
    }

    /**
     * Sets bytes as the content; they are copied. At most 1 MiB.
     *
     * @param type name of the type, limited like a queue's name
     * @param version 1 to 32767
     * @param contentType 1 to 200 characters
     */
    public CreateMessage body(String type, int version, byte[] bytes, String contentType) {
        Limits.requireText("contentType", contentType, Limits.KEY_LENGTH);
        return content(new Content.Body(requireType(type), requireVersion(version), bytes.clone(), contentType));
    }

    /** Sets bytes without a type. The queue's only handler takes them, or the one for messages without a type. */
    public CreateMessage body(byte[] bytes, String contentType) {
        Limits.requireText("contentType", contentType, Limits.KEY_LENGTH);
        return content(new Content.Body("", 0, bytes.clone(), contentType));
    }

    /**
     * Sets the message's id, which makes a repeat of the create call safe: it answers {@code isNew = false} instead of writing a second
     * message.
     *
     * @param version7 from {@link MessageIds#next()}: a UUIDv7 made between 24 hours ago and 5 minutes ahead
     */
    public CreateMessage id(UUID version7) {
        return changed(draft -> draft.id = Optional.of(version7));
    }

    /** Delays the message by this time from its creation, by the database's clock; 0 to 400 days. It is never early. */
    public CreateMessage delay(Duration delay) {
        return changed(draft -> draft.delay = Optional.of(delay));
    }

    /** Delays the message until this instant, by the database's clock; at most 400 days ahead. One in the past means now. */
    public CreateMessage at(Instant dueAt) {
        return changed(draft -> draft.dueAt = Optional.of(dueAt));
    }

    /**
     * Limits how long the message may wait, from its creation; 1 ms to 400 days, and longer than its delay. A message that still waits then
     * becomes EXPIRED and is not handled; one in progress is left alone. Default: the queue's time to live, else none.
     */
    public CreateMessage timeToLive(Duration timeToLive) {
        return changed(draft -> draft.timeToLive = Optional.of(timeToLive));
    }

    /** Sets the priority: 9 goes first, 0 last, default 4. Lower priorities get a small share, so that none waits for ever. */
    public CreateMessage priority(int zeroToNine) {
        return changed(draft -> draft.priority = zeroToNine);
    }

    /**
     * Sets a deduplication key: 1 to 200 characters, compared exactly. A second message of the queue with this key and the same content
     * answers {@code isNew = false}; with other content it is refused with {@link DuplicateMessageException}. The key is remembered until
     * the first message is purged.
     */
    public CreateMessage deduplicate(String key) {
        return deduplicate(key, Deduplication.untilPurged());
    }

    /**
     * Sets a deduplication key, until when another message holds it, and what this one does then: {@code deduplicate("customer-42",
     * Deduplication.untilStart().keepFirst())}. {@link Created#state} says where the message stands that was there.
     *
     * @param key 1 to 200 characters, compared exactly
     */
    public CreateMessage deduplicate(String key, Deduplication deduplication) {
        return changed(draft -> {
            draft.deduplicationKey = Optional.of(key);
            draft.deduplication = deduplication;
        });
    }

    /** Names the business process that the message belongs to, so that its whole way can be looked up; 1 to 200 characters. */
    public CreateMessage correlationId(String id) {
        return changed(draft -> draft.correlationId = Optional.of(id));
    }

    /**
     * Puts the message into a group; 1 to 200 characters, compared exactly. In an ordered queue ({@link QueueSettings#ordered}) the
     * messages of a group are handled one after the other, in the order in which they were sent. In a fair queue
     * ({@link QueueSettings#fair}) the groups take turns. In other queues the group is a label.
     */
    public CreateMessage group(String key) {
        return changed(draft -> draft.group = Optional.of(key));
    }

    /** Adds or replaces a header. At most 64 headers, and 8 KB in all; names are 1 to 100 of {@code A-Z a-z 0-9 . _ -}. */
    public CreateMessage header(String name, String value) {
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(name, value);
        return changed(draft -> draft.headers = more);
    }

    /**
     * Sets whether a message that reaches no queue is refused with {@link UnroutableMessageException}; default true. With false it is
     * dropped, and the view {@code postroom.dropped_messages} has a row. Needs {@link #via}.
     */
    public CreateMessage mandatory(boolean mandatory) {
        return changed(draft -> draft.mandatory = mandatory);
    }

    /** Sets which way the message goes, as a label for people and filters. Default OUTGOING. */
    public CreateMessage direction(Direction direction) {
        return changed(draft -> draft.direction = direction);
    }

    /**
     * Makes the message a member of an open batch, in the transaction that creates it; a header {@link Batch#HEADER} tells its handler the
     * batch. A message that is there already, by its id or deduplication key, does not become a member. Not for {@code sendMessageSync} and
     * messages of schedules.
     *
     * @param id of a batch that is not sealed, cancelled or completed; others are refused with {@link InvalidMessageException} when the
     *     message is created
     */
    public CreateMessage batch(UUID id) {
        return changed(draft -> draft.batch = Optional.of(id));
    }

    /** Makes the changed copy. It is checked as a whole, because some limits are about two fields. */
    private CreateMessage changed(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return new CreateMessage(
                draft.queue,
                draft.exchange,
                draft.routingKey,
                draft.mandatory,
                draft.content,
                draft.id,
                draft.delay,
                draft.dueAt,
                draft.timeToLive,
                draft.priority,
                draft.deduplicationKey,
                draft.deduplication,
                draft.correlationId,
                draft.group,
                draft.headers,
                draft.direction,
                draft.batch);
    }

    /** All fields, for the time of a change. */
    private static final class Draft {
        private final String queue;
        private final Optional<String> exchange;
        private final String routingKey;
        private boolean mandatory;
        private Content content;
        private Optional<UUID> id;
        private Optional<Duration> delay;
        private Optional<Instant> dueAt;
        private Optional<Duration> timeToLive;
        private int priority;
        private Optional<String> deduplicationKey;
        private Deduplication deduplication;
        private Optional<String> correlationId;
        private Optional<String> group;
        private Map<String, String> headers;
        private Direction direction;
        private Optional<UUID> batch;

        Draft(CreateMessage message) {
            queue = message.queue;
            exchange = message.exchange;
            routingKey = message.routingKey;
            mandatory = message.mandatory;
            content = message.content;
            id = message.id;
            delay = message.delay;
            dueAt = message.dueAt;
            timeToLive = message.timeToLive;
            priority = message.priority;
            deduplicationKey = message.deduplicationKey;
            deduplication = message.deduplication;
            correlationId = message.correlationId;
            group = message.group;
            headers = message.headers;
            direction = message.direction;
            batch = message.batch;
        }
    }

    private CreateMessage content(Content content) {
        return changed(draft -> draft.content = content);
    }

    private static String requireType(String type) {
        return Limits.requireName("type", type);
    }

    private static int requireVersion(int version) {
        return Limits.requireRange("version", version, 1, Short.MAX_VALUE);
    }
}
