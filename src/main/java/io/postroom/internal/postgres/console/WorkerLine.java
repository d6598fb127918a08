package io.postroom.internal.postgres.console;

import java.time.Instant;
import java.util.Optional;

/**
 * A process that works, or worked lately.
 *
 * @param live whether it sent a heartbeat in the last minute and has not ended
 * @param consumers queues and handlers that it consumes
 * @param holds messages that it holds
 */
public record WorkerLine(
        String name,
        String version,
        Optional<String> address,
        Instant startedAt,
        Instant beatAt,
        Optional<Instant> stoppedAt,
        boolean live,
        int consumers,
        long holds) {}
