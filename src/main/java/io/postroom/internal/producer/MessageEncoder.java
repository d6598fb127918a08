package io.postroom.internal.producer;

import io.postroom.api.Batch;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageTypes;
import io.postroom.api.Reply;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.internal.storage.Content;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.ReplyMessage;
import io.postroom.internal.storage.Targets;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** Turns a caller's message into the form that is stored, or refuses it before anything is written. Thread-safe. */
public final class MessageEncoder {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final int MOST_BYTES_PER_CHARACTER = 3;

    private final PayloadCodec codec;
    private final List<MessageInterceptor> interceptors;
    private final Function<String, QueueRow> queues;
    private final Function<CreateMessage, Targets> router;
    private final boolean killSignals;

    /**
     * @param queues finds or declares the queue of a name
     * @param router chooses the queues of a message that is created through an exchange
     * @param killSignals whether messages may be created that stop consumers
     */
    public MessageEncoder(
            PayloadCodec codec,
            List<MessageInterceptor> interceptors,
            Function<String, QueueRow> queues,
            Function<CreateMessage, Targets> router,
            boolean killSignals) {
        this.codec = codec;
        this.interceptors = List.copyOf(interceptors);
        this.queues = queues;
        this.router = router;
        this.killSignals = killSignals;
    }

    NewMessage encode(CreateMessage given) {
        return encodeIntercepted(intercepted(given));
    }

    /** Encodes a message that has been at the interceptors. */
    NewMessage encodeIntercepted(CreateMessage message) {
        Content content = content(message);
        // Last, so that a refused message declares no queue.
        return message.exchange().isPresent()
                ? newMessage(message, content, 0, "", null).withTargets(router.apply(message))
                : newMessage(message, content, queues.apply(message.queue()));
    }

    /**
     * Encodes a handler's reply. Its queue is looked up when it is written, in the handler's transaction: it must not come back by its use.
     * Of what interceptors set, due times and deduplication keys do not count.
     *
     * @param queue as the request names it
     * @param payload null: JSON null
     */
    public ReplyMessage encodeReply(
            String queue, UUID request, @Nullable String correlationId, @Nullable Object payload) {
        if (!Limits.isName(queue)) {
            return ReplyMessage.withoutQueue(request, queue);
        }
        CreateMessage reply = CreateMessage.to(queue).header(Reply.IN_REPLY_TO, request.toString());
        if (correlationId != null) {
            reply = reply.correlationId(correlationId);
        }
        if (payload != null) {
            reply = reply.payload(payload);
        }
        CreateMessage message = intercepted(reply);
        return ReplyMessage.of(request, newMessage(message, content(message), 0, message.queue(), null));
    }

    CreateMessage intercepted(CreateMessage given) {
        CreateMessage message = given;
        for (MessageInterceptor interceptor : interceptors) {
            message = interceptor.beforeCreate(message);
        }
        return message;
    }

    /** Brings one of the messages of a bulk to the interceptors. */
    CreateMessage interceptedInBulk(CreateMessage given) {
        CreateMessage message = given;
        for (MessageInterceptor interceptor : interceptors) {
            message = interceptor.beforeCreateInBulk(message);
        }
        return message;
    }

    /** Stores the messages of a bulk inside the interceptors, the first one outermost. */
    List<Created> aroundBulk(List<CreateMessage> messages, Supplier<List<Created>> store) {
        Supplier<List<Created>> next = store;
        for (int i = interceptors.size() - 1; i >= 0; i--) {
            MessageInterceptor interceptor = interceptors.get(i);
            Supplier<List<Created>> inner = next;
            next = () -> interceptor.aroundBulk(messages, inner);
        }
        return next.get();
    }

    /** The content of a message as it is stored. Calls no interceptor and looks for no queue. */
    Content content(CreateMessage message) {
        Stored stored = stored(message.content());
        if (!killSignals && CreateMessage.KILL_SIGNAL.equals(stored.type)) {
            throw new InvalidMessageException(
                    "type",
                    "another one while this process sends no kill signals",
                    CreateMessage.KILL_SIGNAL,
                    "Set postroom.kill-signals=true, or killSignals(true) of the builder");
        }
        return new Content(
                message.direction(),
                stored.type,
                stored.version,
                stored.json,
                stored.bytes,
                stored.contentType,
                headers(message),
                message.correlationId().orElse(null),
                message.exchange().orElse(null),
                message.exchange().isPresent() ? message.routingKey() : null,
                message.group().orElse(null));
    }

    private static @Nullable String headers(CreateMessage message) {
        if (message.batch().isEmpty()) {
            return message.headers().isEmpty() ? null : JSON.writeValueAsString(message.headers());
        }
        Map<String, String> headers = new LinkedHashMap<>(message.headers());
        headers.put(Batch.HEADER, message.batch().get().toString());
        return JSON.writeValueAsString(headers);
    }

    private static NewMessage newMessage(CreateMessage message, Content content, QueueRow queue) {
        return newMessage(message, content, queue.id(), queue.name(), queue.timeToLive());
    }

    private static NewMessage newMessage(
            CreateMessage message, Content content, int queueId, String queue, @Nullable Duration timeToLive) {
        return new NewMessage(
                message.id().orElseGet(MessageIds::next),
                message.id().isPresent(),
                queueId,
                queue,
                message.priority(),
                content,
                message.delay().orElse(null),
                message.dueAt().orElse(null),
                message.timeToLive().or(() -> Optional.ofNullable(timeToLive)).orElse(null),
                message.deduplicationKey().orElse(null),
                message.deduplication(),
                null,
                message.batch().orElse(null));
    }

    private Stored stored(CreateMessage.Content content) {
        if (content instanceof CreateMessage.Content.Value value) {
            return storedValue(value.payload());
        } else if (content instanceof CreateMessage.Content.Json json) {
            requireSize(json.json().length()); // two cheap checks before the exact one
            if (json.json().length() > Limits.PAYLOAD_BYTES / MOST_BYTES_PER_CHARACTER) {
                requireSize(json.json().getBytes(StandardCharsets.UTF_8).length);
            }
            JsonbValidator.requireStorable(json.json());
            return new Stored(typeOrNull(json.type()), json.version(), json.json(), null, null);
        } else if (content instanceof CreateMessage.Content.Body body) {
            requireSize(body.bytes().length);
            return new Stored(typeOrNull(body.type()), body.version(), null, body.bytes(), body.contentType());
        }
        return new Stored(null, 0, "null", null, null);
    }

    private static @Nullable String typeOrNull(String type) {
        return type.isEmpty() ? null : type;
    }

    private Stored storedValue(Object payload) {
        if (payload instanceof byte[] bytes) {
            requireSize(bytes.length);
            return new Stored(null, 0, null, bytes.clone(), "application/octet-stream");
        }
        Proxies.refuse(payload);
        byte[] written;
        try {
            written = codec.write(payload);
        } catch (RuntimeException | StackOverflowError error) {
            throw new InvalidMessageException(
                    "payload", "writable as JSON", payload.getClass().getName(), String.valueOf(error.getMessage()));
        }
        requireSize(written.length);
        String json = utf8(written);
        JsonbValidator.requireStorable(json);
        return MessageTypes.of(payload.getClass())
                .map(type -> new Stored(type.value(), type.version(), json, null, null))
                .orElseGet(() -> new Stored(null, 0, json, null, null));
    }

    private static void requireSize(int bytes) {
        if (bytes > Limits.PAYLOAD_BYTES) {
            throw new InvalidMessageException(
                    "payload", "at most " + Limits.PAYLOAD_BYTES + " bytes", bytes + " bytes");
        }
    }

    private static String utf8(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException malformed) {
            throw new InvalidMessageException("payload", "UTF-8", bytes.length + " bytes that are not");
        }
    }

    private record Stored(
            @Nullable String type,
            int version,
            @Nullable String json,
            byte @Nullable [] bytes,
            @Nullable String contentType) {}
}
