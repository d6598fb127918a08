package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A redrive or discard of many dead letters at one moment.
 *
 * @param verb redrive or discard
 * @param state running, finished, stopped (by a person) or stopped_by_canary
 * @param filter as a JSON object
 * @param planned dead letters that matched when it began; later ones are not touched
 * @param processed dead letters that it redrove or discarded
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
