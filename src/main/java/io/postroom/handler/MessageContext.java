package io.postroom.handler;

import io.postroom.api.Reply;
import io.postroom.api.SettingsEntry;
import java.sql.Connection;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a handler may ask about its message. Valid during the call, also on threads that the handler starts. */
public interface MessageContext {
    /** The message's id. */
    UUID id();

    /** The name of the queue. */
    String queue();

    /** The stable type name; empty text when the message has none. */
    String type();

    /** The type's version; 0 without a type. */
    int version();

    /** Failures before this attempt: attempts that threw or answered Retry. */
    int failures();

    /** Times the message was claimed, this one included; releases and snoozes count, too. */
    int deliveries();

    /** Attempts that are left after this one; 0: a failure makes the message a dead letter. */
    int attemptsLeft();

    /** When the message was created, by the database's clock. */
    Instant createdAt();

    /** The headers in the stored order, unmodifiable; empty when there are none. */
    Map<String, String> headers();

    /** The business process that the message belongs to. */
    Optional<String> correlationId();

    /** The exchange through which the message was created; empty: it named its queue. */
    Optional<String> exchange();

    /** The routing key with which the message was created; empty text without an exchange. */
    String routingKey();

    /** The group of the message: see {@code CreateMessage.group}. */
    Optional<String> group();

    /** The queue for the reply, by the header {@code reply-to}; empty: nobody asked for a reply. */
    default Optional<String> replyTo() {
        return Optional.ofNullable(headers().get(Reply.REPLY_TO));
    }

    /**
     * Sets the reply to this message. It is created if this attempt ends Done, in the transaction that completes the message, so a retry
     * does not reply twice. Does nothing when nobody asked for a reply. A reply whose queue is gone is counted, and the message is Done all
     * the same.
     *
     * @param payload as in {@code CreateMessage.payload}; null: JSON null. It is written as JSON at once
     * @throws io.postroom.api.InvalidMessageException the payload cannot be stored
     * @throws IllegalStateException this attempt has set a reply before: a request has one
     */
    void reply(@Nullable Object payload);

    /**
     * The entry of the external system that the handler names, as of the start of this attempt.
     *
     * @throws IllegalStateException the handler names none: see {@link Handler#settings(String)}
     */
    default SettingsEntry settings() {
        throw new IllegalStateException("this context has no settings");
    }

    /**
     * The secret that {@link #settings()} points at, as of the start of this attempt; empty: the entry names none. Do not log it.
     *
     * @throws IllegalStateException the handler names no settings
     */
    default Optional<String> secret() {
        throw new IllegalStateException("this context has no settings");
    }

    /** When this attempt will be interrupted, by this machine's clock. */
    Instant deadline();

    /**
     * Whether this process still holds the message. False once its heartbeats failed for too long, or the attempt was interrupted. Asks no
     * database.
     */
    boolean isStillOurs();

    /**
     * The connection whose commit completes the message. The handler must not commit or close it.
     *
     * @throws IllegalStateException unless the handler is {@link HandlerMode#ATOMIC}
     */
    Connection connection();
}
