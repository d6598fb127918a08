package io.postroom.handler;

import io.postroom.api.MessageState;
import java.time.Duration;
import java.util.UUID;

/**
 * A message reached a state, as seen by the process that moved it.
 *
 * @param id the message
 * @param queue name of the queue
 * @param state the state it reached
 * @param outcome as in {@link io.postroom.api.Attempt#outcome()}; empty text when no line of history was written
 * @param took how long the handler ran; zero when it did not run
 */
public record MessageEvent(UUID id, String queue, MessageState state, String outcome, Duration took) {}
