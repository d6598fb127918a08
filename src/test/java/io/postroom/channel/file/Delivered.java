package io.postroom.channel.file;

import io.postroom.api.SettingsEntry;
import io.postroom.testing.PlainContext;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** The context of a message that a handler writes as a file. */
record Delivered(
        UUID id, String queue, String type, Instant createdAt, int deliveries, String correlation, SettingsEntry entry)
        implements PlainContext {
    @Override
    public SettingsEntry settings() {
        return entry;
    }

    @Override
    public int version() {
        return 1;
    }

    @Override
    public int attemptsLeft() {
        return 5;
    }

    @Override
    public Optional<String> correlationId() {
        return correlation.isEmpty() ? Optional.empty() : Optional.of(correlation);
    }

    @Override
    public Instant deadline() {
        return Instant.MAX;
    }
}
