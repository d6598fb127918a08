package io.postroom.api;

import java.time.Instant;
import java.util.Optional;

/**
 * A message in one queue.
 *
 * @param failures attempts that failed: the handler threw or answered Retry
 * @param crashes times its worker died while holding it
 * @param deliveries times it was claimed, releases and snoozes included
 * @param dueAt when a DELAYED one becomes READY
 * @param error the last recorded error
 */
public record QueueEntry(
        String queue,
        MessageState state,
        int failures,
        int crashes,
        int deliveries,
        Optional<Instant> dueAt,
        Optional<String> error) {}
