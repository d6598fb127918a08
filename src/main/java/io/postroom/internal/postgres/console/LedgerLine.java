package io.postroom.internal.postgres.console;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** What a person did. */
public record LedgerLine(
        Instant at,
        String actor,
        String action,
        Optional<String> queue,
        Optional<UUID> message,
        Optional<UUID> operation,
        Optional<String> filter,
        long done,
        Optional<String> reason,
        Optional<String> note,
        String databaseUser) {}
