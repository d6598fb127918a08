package io.postroom.handler;

import io.postroom.api.MessageState;
import java.time.Duration;
import java.util.UUID;

/**
 * A message reached a state, seen by the process that moved it.
 *
 * @param outcome as in {@link io.postroom.api.Attempt#outcome()}; empty text for a release
 * @param took how long the handler ran; zero when it did not
 */
public record MessageEvent(UUID id, String queue, MessageState state, String outcome, Duration took) {}
