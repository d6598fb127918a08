package io.postroom.api;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What a purge of a queue would cancel.
 *
 * @param count messages that wait, of 10,000 at most
 * @param more whether there are others
 * @param first ten of them, READY ones first
 */
public record PurgePreview(long count, boolean more, List<Waiting> first) {
    /**
     * A message that waits.
     *
     * @param state READY or DELAYED
     * @param type empty: it has none
     * @param createdAt empty: the message itself was purged
     */
    public record Waiting(UUID id, MessageState state, Optional<String> type, Optional<Instant> createdAt) {}
}
