package io.postroom.api;

import java.time.Instant;
import java.util.List;

/**
 * A live consumer at one moment: what one process consumes of one queue.
 *
 * @param queue name of the queue
 * @param worker name of the process
 * @param handlers ids of its handlers for the queue
 * @param state whether it takes messages
 * @param inFlight messages of the queue that its process holds
 * @param startedAt when it began
 * @param lastSeen the last heartbeat of its process
 */
public record ConsumerInfo(
        String queue,
        String worker,
        List<String> handlers,
        ConsumerState state,
        int inFlight,
        Instant startedAt,
        Instant lastSeen) {
    public ConsumerInfo {
        handlers = List.copyOf(handlers);
    }
}
