package io.postroom.channel.http;

import io.postroom.api.SettingsEntry;
import io.postroom.handler.MessageContext;
import java.sql.Connection;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a handler knows of its message, without a database. */
record CallContext(UUID id, SettingsEntry settings, Optional<String> secret, Instant deadline, int deliveries)
        implements MessageContext {
    static CallContext of(SettingsEntry entry) {
        return new CallContext(
                UUID.randomUUID(), entry, Optional.empty(), Instant.now().plusSeconds(600), 1);
    }

    CallContext with(String secret) {
        return new CallContext(id, settings, Optional.of(secret), deadline, deliveries);
    }

    CallContext until(Instant end) {
        return new CallContext(id, settings, secret, end, deliveries);
    }

    CallContext delivery(int number) {
        return new CallContext(id, settings, secret, deadline, number);
    }

    @Override
    public String queue() {
        return "invoices";
    }

    @Override
    public String type() {
        return "";
    }

    @Override
    public int version() {
        return 0;
    }

    @Override
    public int failures() {
        return 0;
    }

    @Override
    public int attemptsLeft() {
        return 1;
    }

    @Override
    public Instant createdAt() {
        return Instant.EPOCH;
    }

    @Override
    public Map<String, String> headers() {
        return Map.of();
    }

    @Override
    public Optional<String> correlationId() {
        return Optional.empty();
    }

    @Override
    public Optional<String> exchange() {
        return Optional.empty();
    }

    @Override
    public String routingKey() {
        return "";
    }

    @Override
    public Optional<String> group() {
        return Optional.empty();
    }

    @Override
    public void reply(@Nullable Object payload) {}

    @Override
    public boolean isStillOurs() {
        return true;
    }

    @Override
    public Connection connection() {
        throw new IllegalStateException("no ATOMIC handler");
    }
}
