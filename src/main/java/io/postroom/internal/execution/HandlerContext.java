package io.postroom.internal.execution;

import io.postroom.api.SettingsEntry;
import io.postroom.handler.MessageContext;
import io.postroom.internal.storage.ClaimedMessage;
import java.sql.Connection;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** What a handler sees of its message. Thread-safe: a handler's own threads may ask, too. */
final class HandlerContext implements MessageContext {
    private final ClaimedMessage message;
    private final String queue;
    private final int maxAttempts;
    private final Attempt attempt;
    private final BooleanSupplier stillOurs;
    private final @Nullable Connection connection;
    private final @Nullable AttemptSettings settings;
    private final Replies replies;
    private @Nullable Map<String, String> headers;

    /**
     * @param maxAttempts of the retry policy that holds for this call
     * @param stillOurs whether the leases of this process can be trusted
     * @param connection of the ATOMIC handler's transaction; null for a LEASED one and for HandlingErrorSend
     * @param settings null: the handler names no entry
     * @param replies takes the reply to the message
     */
    HandlerContext(
            ClaimedMessage message,
            String queue,
            int maxAttempts,
            Attempt attempt,
            BooleanSupplier stillOurs,
            @Nullable Connection connection,
            @Nullable AttemptSettings settings,
            Replies replies) {
        this.message = message;
        this.queue = queue;
        this.maxAttempts = maxAttempts;
        this.attempt = attempt;
        this.stillOurs = stillOurs;
        this.connection = connection;
        this.settings = settings;
        this.replies = replies;
    }

    /** Takes what a handler replies. */
    @FunctionalInterface
    interface Replies {
        /** @param queue for the reply, as the request names it */
        void add(String queue, @Nullable Object payload);
    }

    @Override
    public UUID id() {
        return message.id();
    }

    @Override
    public String queue() {
        return queue;
    }

    @Override
    public String type() {
        return message.content().type() == null ? "" : message.content().type();
    }

    @Override
    public int version() {
        return message.content().version();
    }

    @Override
    public int failures() {
        return message.counters().failures();
    }

    @Override
    public int deliveries() {
        return message.number();
    }

    @Override
    public int attemptsLeft() {
        return Math.max(0, maxAttempts - message.counters().failures() - 1);
    }

    @Override
    public Instant createdAt() {
        return message.createdAt() == null ? Instant.EPOCH : message.createdAt();
    }

    @Override
    public synchronized Map<String, String> headers() {
        if (headers == null) { // parsed on demand: most handlers never look
            headers = Headers.read(message.content().headers());
        }
        return headers;
    }

    @Override
    public Optional<String> correlationId() {
        return Optional.ofNullable(message.content().correlationId());
    }

    @Override
    public Optional<String> exchange() {
        return Optional.ofNullable(message.content().exchange());
    }

    @Override
    public String routingKey() {
        return Objects.requireNonNullElse(message.content().routingKey(), "");
    }

    @Override
    public void reply(@Nullable Object payload) {
        replyTo().ifPresent(queue -> replies.add(queue, payload));
    }

    @Override
    public Optional<String> group() {
        return Optional.ofNullable(message.content().group());
    }

    @Override
    public SettingsEntry settings() {
        return required().entry();
    }

    @Override
    public Optional<String> secret() {
        return required().secret();
    }

    private AttemptSettings required() {
        if (settings == null) {
            throw new IllegalStateException("the handler of queue \"" + queue
                    + "\" names no settings: set settings = \"…\" on its annotation, or Handler.settings(\"…\")");
        }
        return settings;
    }

    @Override
    public Instant deadline() {
        return attempt.deadline();
    }

    @Override
    public boolean isStillOurs() {
        return attempt.state() == Attempt.State.RUNNING && stillOurs.getAsBoolean();
    }

    @Override
    public Connection connection() {
        if (connection == null) {
            throw new IllegalStateException(
                    "only an ATOMIC handler has a connection: set mode = HandlerMode.ATOMIC on the handler of queue \""
                            + queue + "\", or open a connection of your own");
        }
        return connection;
    }
}
