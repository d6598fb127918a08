package io.postroom.channel.http;

import io.postroom.api.SettingsEntry;
import io.postroom.testing.PlainContext;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** What a handler knows of its message, without a database. */
record CallContext(UUID id, SettingsEntry settings, Optional<String> secret, Instant deadline, int deliveries)
        implements PlainContext {
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
    public Instant createdAt() {
        return Instant.EPOCH;
    }
}
