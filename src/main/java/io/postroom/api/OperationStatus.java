package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A redrive or discard of many dead letters, or the purge of a queue, at one moment.
 *
 * @param verb redrive, discard or purge
 * @param state running, finished, stopped (by a person) or stopped_by_canary
 * @param filter as a JSON object
 * @param planned dead letters that matched when it began; of a purge, messages that waited, of 1,000,000 at most; later ones are not
 *     touched
 * @param processed dead letters that it redrove or discarded, or messages that it purged
 * @param failed dead letters that stay, since their queue was deleted or had no room
 * @param waitsForCanary whether the first ones are redriven and not all have ended yet
 * @param note why it ended so, or the last reason of a failed one
 */
public record OperationStatus(
        UUID id,
        String verb,
        String state,
        String filter,
        String actor,
        String reason,
        long planned,
        long processed,
        long failed,
        int perSecond,
        int canary,
        int canaryThreshold,
        boolean waitsForCanary,
        Optional<String> note,
        Instant createdAt,
        Optional<Instant> finishedAt) {}
