package io.postroom.channel.file;

import io.postroom.api.SettingsEntry;
import io.postroom.handler.MessageContext;
import java.sql.Connection;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The context of a message that a handler writes as a file. */
record Delivered(
        UUID id, String queue, String type, Instant createdAt, int deliveries, String correlation, SettingsEntry entry)
        implements MessageContext {
    @Override
    public SettingsEntry settings() {
        return entry;
    }

    @Override
    public int version() {
        return 1;
    }

    @Override
    public int failures() {
        return 0;
    }

    @Override
    public int attemptsLeft() {
        return 5;
    }

    @Override
    public Map<String, String> headers() {
        return Map.of();
    }

    @Override
    public Optional<String> correlationId() {
        return correlation.isEmpty() ? Optional.empty() : Optional.of(correlation);
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
    public void reply(@Nullable Object payload) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Instant deadline() {
        return Instant.MAX;
    }

    @Override
    public boolean isStillOurs() {
        return true;
    }

    @Override
    public Connection connection() {
        throw new IllegalStateException();
    }
}
