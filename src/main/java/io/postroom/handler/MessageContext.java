package io.postroom.handler;

import java.sql.Connection;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

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
