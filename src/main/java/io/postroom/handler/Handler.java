package io.postroom.handler;

import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.MessageType;
import io.postroom.api.MessageTypes;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * One user's handler and its settings: what {@link SendMessage} and {@link ProcessingMessage} are for bean methods. Immutable: every setter
 * returns a changed copy, and refuses a value outside its limits with {@link InvalidMessageException}.
 *
 * <pre>{@code
 * Handler.send("notifications", TicketCheckedOut.class, (event, context) -> mail.send(...))
 *         .retry(RetryPolicy.fixed(3, Duration.ofSeconds(10)))
 * }</pre>
 *
 * <p>A payload class with {@link MessageType}, its own or inherited, takes that type's versions up to its own. Versions that a handler of a
 * lower version in the same queue takes are left to that handler. {@code String} and {@code byte[]} take the stored content as it is,
 * {@code Map} and {@code JsonNode} its JSON, of any type that no other handler of the queue takes. Any other class takes messages without a
 * type. A queue's only handler takes its messages without a type, whatever its class.
 *
 * <p>Instead of a queue's name, a handler may have a pattern for names, as in {@code tenant.*.mail}. Names and patterns are words with dots
 * between them; {@code *} stands for exactly one word, {@code #} for any number of words, also for none. The handler serves all queues that
 * match, those that appear later within a second. It declares no queue, and leaves the settings of queues as they are: its own retry policy
 * decides unless an operator sets the queue's. Its concurrency holds for all those queues together that have the same handlers. All
 * handlers whose name or pattern matches serve a queue; for the same type, a handler with the exact name comes before one with a pattern.
 * Two patterns that take the same type and version and could match one name are refused at the start.
 */
public final class Handler {
    /** Messages that one process handles at a time: 4. */
    public static final int DEFAULT_CONCURRENCY = 4;
    /** How long an attempt may run: 5 minutes. */
    public static final Duration DEFAULT_TIME_LIMIT = Duration.ofMinutes(5);

    private static final Duration SHORTEST_TIME_LIMIT = Duration.ofMillis(1);
    private static final Duration LONGEST_TIME_LIMIT = Duration.ofHours(24);

    private final String queue;
    private final Direction direction;
    private final Class<?> payload;
    private final BatchHandler<Object> code;
    private final Settings settings;

    private Handler(String queue, Direction direction, Class<?> payload, BatchHandler<Object> code, Settings settings) {
        this.queue = Limits.requireQueueOrPattern("queue", queue);
        this.direction = direction;
        this.payload = payload;
        MessageTypes.of(payload); // refuses a type that could not be stored, where the class is named
        this.code = code;
        this.settings = settings;
    }

    /**
     * A handler of outgoing messages.
     *
     * @throws InvalidMessageException the queue's name, the type or the version is outside its limits, or two types are equally near
     */
    public static <T> Handler send(String queue, Class<T> payload, SendMessageHandler<T> handler) {
        return single(queue, Direction.OUTGOING, payload, handler::send);
    }

    /**
     * A handler of incoming messages.
     *
     * @throws InvalidMessageException the queue's name, the type or the version is outside its limits, or two types are equally near
     */
    public static <T> Handler process(String queue, Class<T> payload, ProcessingMessageHandler<T> handler) {
        return single(queue, Direction.INCOMING, payload, handler::process);
    }

    /**
     * A handler that takes several messages in one call.
     *
     * @param most messages a call; 1 to 1000
     * @throws InvalidMessageException {@code most}, the queue's name, the type or the version is outside its limits, or two types
     *     are equally near
     */
    public static <T> Handler batch(
            String queue, Direction direction, Class<T> payload, int most, BatchHandler<T> handler) {
        if (most < 1 || most > 1000) {
            throw new InvalidMessageException("batch", "1 to 1000", String.valueOf(most));
        }
        @SuppressWarnings("unchecked") // the caller reads the payloads as this class
        BatchHandler<Object> code = (BatchHandler<Object>) handler;
        return new Handler(queue, direction, payload, code, Settings.defaults().batch(most));
    }

    private static <T> Handler single(
            String queue, Direction direction, Class<T> payload, SendMessageHandler<T> handler) {
        BatchHandler<Object> code = (payloads, contexts) -> {
            @SuppressWarnings("unchecked") // not cast(): a null payload is the handler's business
            T one = (T) payloads.get(0);
            return java.util.Collections.singletonList(handler.send(one, contexts.get(0)));
        };
        return new Handler(queue, direction, payload, code, Settings.defaults());
    }

    /**
     * The same handler for another queue or pattern. The default id follows it; one that was set stays.
     *
     * @throws InvalidMessageException the name is outside its limits
     */
    public Handler withQueue(String queue) {
        return new Handler(queue, direction, payload, code, settings);
    }

    /**
     * Sets the name for properties, logs and {@code consumer.handler}; unique in the process, limited like a queue's name. Default: queue
     * and payload class; in a pattern, {@code any} stands for {@code *} and {@code all} for {@code #}, as in {@code tenant.any.mail.Order}.
     */
    public Handler id(String id) {
        return with(settings.id(Limits.requireName("id", id)));
    }

    /**
     * Sets how many messages this process handles at a time; 1 to 1000, default 4. With a pattern: of all queues with the same handlers
     * together. More needs more connections if the handler uses the database. Needs no thread until a message runs; see
     * {@link io.postroom.api.EngineSettings#handlerThreads}.
     */
    public Handler concurrency(int messages) {
        if (messages < 1 || messages > 1000) {
            throw new InvalidMessageException("concurrency", "1 to 1000", String.valueOf(messages));
        }
        return with(settings.concurrency(messages));
    }

    /**
     * Sets how often a message is tried and how long it waits in between; default {@link RetryPolicy#DEFAULT}. An operator's settings win
     * over it.
     */
    public Handler retry(RetryPolicy policy) {
        return with(settings.retry(policy));
    }

    /**
     * Sets how long an attempt may run; 1 ms to 24 h, default 5 minutes. One that runs longer is interrupted, and counts as failed unless
     * it still answers an outcome. One that ignores its interrupt for 5 s is given up: its message goes on without it.
     */
    public Handler timeLimit(Duration limit) {
        if (limit.compareTo(SHORTEST_TIME_LIMIT) < 0 || limit.compareTo(LONGEST_TIME_LIMIT) > 0) {
            throw new InvalidMessageException("timeLimit", "1 ms to 24 h", limit.toString());
        }
        return with(settings.timeLimit(limit));
    }

    /** Sets what holds a message while its handler runs; default {@link HandlerMode#LEASED}. */
    public Handler mode(HandlerMode mode) {
        return with(settings.mode(mode));
    }

    /** Sets what is asked first about an error; default the process's common {@link HandlingErrorSend}, if there is one. */
    public Handler onError(HandlingErrorSend handling) {
        return with(settings.onError(handling));
    }

    /**
     * Names the entry of the external system that this handler talks to; default none. {@link MessageContext#settings()} gives it at each
     * attempt, and its attempts and waits come before those of {@link #retry}: see {@link io.postroom.api.SettingsEntry}. While the entry
     * is missing, disabled or out of its validity, or its secret is not found, messages wait and spend nothing.
     */
    public Handler settings(String name) {
        return with(settings.entry(Limits.requireName("settings", name)));
    }

    /** The name of the queue, or the pattern for names of queues. */
    public String queue() {
        return queue;
    }

    public String id() {
        return settings.id.isEmpty() ? queueInId() + "." + payload.getSimpleName() : settings.id;
    }

    /** The name or the pattern in a form that properties can have in their names. */
    private String queueInId() {
        return queue.replace("*", "any").replace("#", "all");
    }

    public Direction direction() {
        return direction;
    }

    public Class<?> payload() {
        return payload;
    }

    public int concurrency() {
        return settings.concurrency;
    }

    public RetryPolicy retry() {
        return settings.retry;
    }

    public Duration timeLimit() {
        return settings.timeLimit;
    }

    public HandlerMode mode() {
        return settings.mode;
    }

    public Optional<HandlingErrorSend> onError() {
        return settings.onError;
    }

    public int batch() {
        return settings.batch;
    }

    /** The name of the entry of an external system; empty: none. */
    public Optional<String> settings() {
        return settings.entry;
    }

    /**
     * The type and version that this handler takes, from its payload class or what that extends; empty: it takes messages without a type,
     * or of any type (see {@link #takesAnyType()}).
     */
    public Optional<MessageType> type() {
        return MessageTypes.of(payload);
    }

    /** Whether this handler takes messages of any type that no other handler of the queue takes. */
    public boolean takesAnyType() {
        return payload == String.class
                || payload == byte[].class
                || payload == Map.class
                || JsonNode.class.isAssignableFrom(payload);
    }

    /**
     * What this handler takes, as in {@code consumer.types}: {@code name/version}, {@code *} for any type, empty text for messages without
     * a type.
     */
    public String takes() {
        return type().map(type -> type.value() + "/" + type.version()).orElse(takesAnyType() ? "*" : "");
    }

    /**
     * Calls the user's code once, on this thread. For the engine, and for tests of a handler without one: no interceptor, no time limit, no
     * transaction and no retry is around the call.
     *
     * @param payloads one a message, as the handler's payload class; at least one, at most {@link #batch()}. Null stands for JSON null
     * @param contexts one a message, in the same order
     * @return one outcome a message, in the same order; a batch handler's single outcome is repeated for each of them
     * @throws Exception what the user's code threw, unchanged
     * @throws IllegalStateException the user's code answered null, or a number of outcomes that is neither 1 nor that of the messages
     */
    public List<Outcome> call(List<Object> payloads, List<MessageContext> contexts) throws Exception {
        List<Outcome> outcomes = code.handle(payloads, contexts);
        if (outcomes == null || outcomes.stream().anyMatch(outcome -> outcome == null)) {
            throw new IllegalStateException("handler " + id() + " answered null instead of an Outcome");
        }
        if (outcomes.size() == 1 && payloads.size() > 1) {
            return java.util.Collections.nCopies(payloads.size(), outcomes.get(0));
        }
        if (outcomes.size() != payloads.size()) {
            throw new IllegalStateException("handler " + id() + " answered " + outcomes.size() + " outcomes for "
                    + payloads.size() + " messages");
        }
        return outcomes;
    }

    @Override
    public String toString() {
        return id() + " (queue " + queue + ", takes " + takes() + ")";
    }

    private Handler with(Settings changed) {
        return new Handler(queue, direction, payload, code, changed);
    }

    private record Settings(
            String id,
            int concurrency,
            RetryPolicy retry,
            Duration timeLimit,
            HandlerMode mode,
            Optional<HandlingErrorSend> onError,
            int batch,
            Optional<String> entry) {
        static Settings defaults() {
            return new Settings(
                    "",
                    DEFAULT_CONCURRENCY,
                    RetryPolicy.DEFAULT,
                    DEFAULT_TIME_LIMIT,
                    HandlerMode.LEASED,
                    Optional.empty(),
                    1,
                    Optional.empty());
        }

        Settings id(String value) {
            return new Settings(value, concurrency, retry, timeLimit, mode, onError, batch, entry);
        }

        Settings concurrency(int value) {
            return new Settings(id, value, retry, timeLimit, mode, onError, batch, entry);
        }

        Settings retry(RetryPolicy value) {
            return new Settings(id, concurrency, value, timeLimit, mode, onError, batch, entry);
        }

        Settings timeLimit(Duration value) {
            return new Settings(id, concurrency, retry, value, mode, onError, batch, entry);
        }

        Settings mode(HandlerMode value) {
            return new Settings(id, concurrency, retry, timeLimit, value, onError, batch, entry);
        }

        Settings onError(HandlingErrorSend value) {
            return new Settings(id, concurrency, retry, timeLimit, mode, Optional.of(value), batch, entry);
        }

        Settings batch(int value) {
            return new Settings(id, concurrency, retry, timeLimit, mode, onError, value, entry);
        }

        Settings entry(String value) {
            return new Settings(id, concurrency, retry, timeLimit, mode, onError, batch, Optional.of(value));
        }
    }
}
