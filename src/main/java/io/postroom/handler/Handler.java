package io.postroom.handler;

import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * One user's handler and its settings, as {@link SendMessage} and {@link ProcessingMessage} say them for bean methods. Immutable: every setter
 * returns a changed copy.
 *
 * <pre>{@code
 * Handler.send("notifications", TicketCheckedOut.class, (event, context) -> mail.send(...)).retry(RetryPolicy.fixed(3, Duration.ofSeconds(10)))
 * }</pre>
 *
 * <p>A payload class with {@link MessageType} takes that type's versions up to its own. {@code String} and {@code byte[]} take the stored content
 * as it is, {@code Map} and {@code JsonNode} its JSON, of any type that no other handler of the queue takes. Any other class takes messages without a
 * type.
 */
public final class Handler {
    public static final int DEFAULT_CONCURRENCY = 4;
    public static final Duration DEFAULT_TIME_LIMIT = Duration.ofMinutes(5);
    private static final Duration LONGEST_TIME_LIMIT = Duration.ofHours(24);

    private final String queue;
    private final Direction direction;
    private final Class<?> payload;
    private final BatchHandler<Object> code;
    private final Settings settings;

    private Handler(String queue, Direction direction, Class<?> payload, BatchHandler<Object> code, Settings settings) {
        this.queue = Limits.requireName("queue", queue);
        this.direction = direction;
        this.payload = payload;
        this.code = code;
        this.settings = settings;
    }

    public static <T> Handler send(String queue, Class<T> payload, SendMessageHandler<T> handler) {
        return single(queue, Direction.OUTGOING, payload, handler::send);
    }

    public static <T> Handler process(String queue, Class<T> payload, ProcessingMessageHandler<T> handler) {
        return single(queue, Direction.INCOMING, payload, handler::process);
    }

    /** Up to {@code most} messages in one call. */
    public static <T> Handler batch(
            String queue, Direction direction, Class<T> payload, int most, BatchHandler<T> handler) {
        if (most < 1 || most > 1000) {
            throw new InvalidMessageException("batch", "1 to 1000", String.valueOf(most));
        }
        @SuppressWarnings("unchecked") // the payloads are read as this class by the one who calls it
        BatchHandler<Object> code = (BatchHandler<Object>) handler;
        return new Handler(queue, direction, payload, code, Settings.defaults().batch(most));
    }

    private static <T> Handler single(
            String queue, Direction direction, Class<T> payload, SendMessageHandler<T> handler) {
        BatchHandler<Object> code = (payloads, contexts) -> {
            @SuppressWarnings("unchecked") // not cast(): a null payload is the handler's to judge
            T one = (T) payloads.get(0);
            return java.util.Collections.singletonList(handler.send(one, contexts.get(0)));
        };
        return new Handler(queue, direction, payload, code, Settings.defaults());
    }

    /** Name for properties, logs and {@code consumer.handler}. Default: queue and payload class. */
    public Handler id(String id) {
        return with(settings.id(Limits.requireName("id", id)));
    }

    /** Messages handled at a time by this process; 1 to 1000, default 4. */
    public Handler concurrency(int threads) {
        if (threads < 1 || threads > 1000) {
            throw new InvalidMessageException("concurrency", "1 to 1000", String.valueOf(threads));
        }
        return with(settings.concurrency(threads));
    }

    /** Default {@link RetryPolicy#DEFAULT}. */
    public Handler retry(RetryPolicy policy) {
        return with(settings.retry(policy));
    }

    /** An attempt running longer is interrupted and counts as failed; 1 ms to 24 h, default 5 minutes. */
    public Handler timeLimit(Duration limit) {
        if (limit.toMillis() < 1 || limit.compareTo(LONGEST_TIME_LIMIT) > 0) {
            throw new InvalidMessageException("timeLimit", "1 ms to 24 h", limit.toString());
        }
        return with(settings.timeLimit(limit));
    }

    public Handler mode(HandlerMode mode) {
        return with(settings.mode(mode));
    }

    public Handler onError(HandlingErrorSend handling) {
        return with(settings.onError(handling));
    }

    public String queue() {
        return queue;
    }

    public String id() {
        return settings.id.isEmpty() ? queue + "." + payload.getSimpleName() : settings.id;
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

    /** Type and version this handler takes; empty: messages without a type, or any (see {@link #takesAnyType()}). */
    public Optional<MessageType> type() {
        return Optional.ofNullable(payload.getAnnotation(MessageType.class));
    }

    public boolean takesAnyType() {
        return payload == String.class
                || payload == byte[].class
                || payload == Map.class
                || JsonNode.class.isAssignableFrom(payload);
    }

    /** As stored in {@code consumer.types}: {@code name/version}, {@code *} for any, empty text for messages without a type. */
    public String takes() {
        return type().map(type -> type.value() + "/" + type.version()).orElse(takesAnyType() ? "*" : "");
    }

    /** Calls the user's code. The answer has one outcome for each message, in order. */
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
            int batch) {
        static Settings defaults() {
            return new Settings(
                    "",
                    DEFAULT_CONCURRENCY,
                    RetryPolicy.DEFAULT,
                    DEFAULT_TIME_LIMIT,
                    HandlerMode.LEASED,
                    Optional.empty(),
                    1);
        }

        Settings id(String value) {
            return new Settings(value, concurrency, retry, timeLimit, mode, onError, batch);
        }

        Settings concurrency(int value) {
            return new Settings(id, value, retry, timeLimit, mode, onError, batch);
        }

        Settings retry(RetryPolicy value) {
            return new Settings(id, concurrency, value, timeLimit, mode, onError, batch);
        }

        Settings timeLimit(Duration value) {
            return new Settings(id, concurrency, retry, value, mode, onError, batch);
        }

        Settings mode(HandlerMode value) {
            return new Settings(id, concurrency, retry, timeLimit, value, onError, batch);
        }

        Settings onError(HandlingErrorSend value) {
            return new Settings(id, concurrency, retry, timeLimit, mode, Optional.of(value), batch);
        }

        Settings batch(int value) {
            return new Settings(id, concurrency, retry, timeLimit, mode, onError, value);
        }
    }
}
