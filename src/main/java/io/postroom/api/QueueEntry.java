package io.postroom.api;

import java.time.Instant;
import java.util.Optional;

/**
 * A message in one queue.
 *
 * @param failures attempts that failed: the handler threw, or answered Retry or Reject
 * @param crashes workers that died after it had started; with one or more it is a suspect
 * @param deliveries times it was claimed, releases and snoozes included
 * @param dueAt when a DELAYED message becomes READY; empty in other states
 * @param expiresAt the end of its time to live in this queue; empty when it never expires there
 * @param error the last recorded error; empty when there was none
 */
public record QueueEntry(
        String queue,
        MessageState state,
        int failures,
        int crashes,
        int deliveries,
        Optional<Instant> dueAt,
        Optional<Instant> expiresAt,
        Optional<String> error) {}
