package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * The answer to {@code sendMessageSync} and {@code sendMessageAsync}.
 *
 * @param id the message
 * @param state where it stands now; READY after {@code sendMessageSync} means "not sent now" (a paused queue)
 * @param outcome how the attempt ended; empty when this process made none
 * @param nextAttemptAt when it will be tried again; empty when it will not, or will as soon as a worker is free
 */
public record SendResult(UUID id, MessageState state, Optional<Outcome> outcome, Optional<Instant> nextAttemptAt) {}
