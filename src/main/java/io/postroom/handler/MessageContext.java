package io.postroom.handler;

import java.sql.Connection;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** What a handler may know about the message in hand. Valid during the call; usable by the handler's own threads. */
public interface MessageContext {
    UUID id();

    String queue();

    /** Stable type name; empty text when the message has none. */
    String type();

    /** Type version; 0 without a type. */
    int version();

    /** Failures before this attempt. */
    int failures();

    /** Claims so far, this one included. */
    int deliveries();

    /** Attempts left after this one. */
    int attemptsLeft();

    Instant createdAt();

    Map<String, String> headers();

    Optional<String> correlationId();

    /** When this attempt will be interrupted. */
    Instant deadline();

    /** Whether this process still holds the message: false once its heartbeat failed for too long. Costs nothing to ask. */
    boolean isStillOurs();

    /**
     * The connection whose commit completes the message. Do not commit or close it.
     *
     * @throws IllegalStateException unless the handler is {@link HandlerMode#ATOMIC}
     */
    Connection connection();
}
