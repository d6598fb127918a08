package io.postroom.api;

import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The reply to a request of {@link QueueMessages#sendAndReceive}. Thread-safe.
 *
 * <p>A request has a header {@link #REPLY_TO}, the name of the queue for the reply. The reply has a header {@link #IN_REPLY_TO}, the id of
 * the request, and the request's correlation id. Handlers in Java set neither. Another program that replies creates a message with that
 * header in that queue, by SQL or REST.
 */
public interface Reply {
    /** The header of a request that names the queue for its reply: {@code reply-to}. */
    String REPLY_TO = "reply-to";
    /** The header of a reply that names the request by its id: {@code in-reply-to}. */
    String IN_REPLY_TO = "in-reply-to";

    /** The id of the reply itself. */
    UUID id();

    /** The stable type name; empty text when the reply has none. */
    String type();

    /** The type's version; 0 without a type. */
    int version();

    /** The headers in the stored order, unmodifiable. */
    Map<String, String> headers();

    /** The correlation id, which is that of the request. */
    Optional<String> correlationId();

    /**
     * Reads the content, as a handler's payload is read: {@code String} and {@code byte[]} are the stored content as it is, any other class
     * comes from the {@code PayloadCodec}.
     *
     * @return null for JSON null, which a handler replies that returns null
     * @throws PostroomException the content cannot be read as this class; says why
     */
    <T> @Nullable T as(Class<T> payload);
}
