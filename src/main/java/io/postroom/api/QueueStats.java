package io.postroom.api;

import java.time.Instant;
import java.util.Optional;

/**
 * A queue at one moment, from the view {@code queue_stats}. Counts stop at 100,000; with more than 10 queues at 1,000,000 divided by their
 * number, and never below 1,000. So a look costs the same however many messages wait.
 *
 * @param queue name of the queue
 * @param ready messages that wait for a worker, suspects included
 * @param delayed messages that wait for their due time
 * @param inProgress messages that workers hold
 * @param dead dead letters
 * @param paused whether no message of the queue is claimed
 * @param oldestReadyAt when the message at the head of READY was created; empty when none waits
 * @param consumers live consumers in all processes
 * @param readyMore whether {@code ready} is at least that many: the count stopped
 * @param delayedMore whether {@code delayed} is at least that many: of all queues together the 100,000 that are due first were counted
 * @param deadMore whether {@code dead} is at least that many: the count stopped
 * @param destination the external system that its messages go to: see {@link Limiters#setDestination}
 * @param limited whether the queue or its destination has a limit: see {@link Limiters#list}
 * @param parkedUntil until when its destination takes nothing, as a handler said; empty: it is not parked
 */
public record QueueStats(
        String queue,
        long ready,
        long delayed,
        long inProgress,
        long dead,
        boolean paused,
        Optional<Instant> oldestReadyAt,
        int consumers,
        boolean readyMore,
        boolean delayedMore,
        boolean deadMore,
        Optional<String> destination,
        boolean limited,
        Optional<Instant> parkedUntil) {}
