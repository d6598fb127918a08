package io.postroom.internal.storage;

import io.postroom.api.Direction;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message under a lease, with what its handler needs.
 *
 * @param leaseId fencing number
 * @param leaseCount messages under that lease
 * @param ordinal its place among them, from 0
 * @param laneSeq highest seq this claim took from the lane
 * @param failures before this delivery, likewise crashes and deliveries
 * @param stored false: the payload was not visible in the claim's snapshot; the rest is empty then
 * @param expired its time to live has ended
 */
public record ClaimedMessage(
        long leaseId,
        int leaseCount,
        int ordinal,
        int queueId,
        int priority,
        long laneSeq,
        UUID id,
        int failures,
        int crashes,
        int deliveries,
        boolean stored,
        boolean expired,
        @Nullable Instant createdAt,
        @Nullable String type,
        int version,
        Direction direction,
        @Nullable String correlationId,
        @Nullable String contentType,
        @Nullable String headers,
        @Nullable String payload,
        byte @Nullable [] body) {

    /** The delivery in hand, from 1. */
    public int number() {
        return Math.min(deliveries + 1, Short.MAX_VALUE);
    }

    /** Size of the content, about. */
    public long bytes() {
        return (payload == null ? 0 : payload.length()) + (body == null ? 0L : body.length);
    }
}
