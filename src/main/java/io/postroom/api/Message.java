package io.postroom.api;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * A stored message and where it stands.
 *
 * @param type stable type name; empty text when it has none
 * @param version type version, 0 without a type
 * @param payload the JSON text, or Base64 when the content is bytes
 * @param contentType {@code application/json} for JSON
 * @param priority 0 (last) to 9 (first)
 * @param createdAt database time
 * @param expiresAt end of its time to live
 * @param entries one per queue it was put in
 */
public record Message(
        UUID id,
        String type,
        int version,
        Direction direction,
        String payload,
        String contentType,
        Map<String, String> headers,
        int priority,
        Optional<String> correlationId,
        Instant createdAt,
        Optional<Instant> expiresAt,
        List<QueueEntry> entries) {

    /** The state in its only queue. */
    public MessageState state() {
        return entries.get(0).state();
    }
}
