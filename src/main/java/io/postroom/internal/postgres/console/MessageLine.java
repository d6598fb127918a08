package io.postroom.internal.postgres.console;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A message in one queue, without its content.
 *
 * @param state as in {@code MessageState}; of a message that an ordered queue keeps behind its group: {@code READY}
 * @param at when it becomes READY, was claimed, died or ended, by its state; empty while READY
 * @param note the reason or the first line of its error, at most 200 characters
 */
public record MessageLine(
        UUID id,
        String queue,
        String state,
        Optional<String> type,
        int version,
        int priority,
        int deliveries,
        Optional<String> correlationId,
        Optional<Instant> createdAt,
        Optional<Instant> at,
        Optional<String> note) {}
