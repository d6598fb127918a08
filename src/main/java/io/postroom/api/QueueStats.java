package io.postroom.api;

import java.time.Instant;
import java.util.Optional;

/**
 * A queue at one moment, from the view {@code queue_stats}.
 *
 * @param oldestReadyAt when the message at the head of READY was created
 * @param consumers live consumers in all processes
 */
public record QueueStats(
        String queue,
        long ready,
        long delayed,
        long inProgress,
        long dead,
        boolean paused,
        Optional<Instant> oldestReadyAt,
        int consumers) {}
