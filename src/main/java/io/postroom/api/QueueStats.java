package io.postroom.api;

import java.time.Instant;
import java.util.Optional;

/**
 * A queue at one moment, from the view {@code queue_stats}.
 *
 * @param queue name of the queue
 * @param ready messages that wait for a worker, suspects included
 * @param delayed messages that wait for their due time
 * @param inProgress messages that workers hold
 * @param dead dead letters
 * @param paused whether no message of the queue is claimed
 * @param oldestReadyAt when the message at the head of READY was created; empty when none waits
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
