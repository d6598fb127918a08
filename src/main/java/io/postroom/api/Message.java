package io.postroom.api;

import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * A stored message and where it stands, as of one moment.
 *
 * @param id the message's id, a UUIDv7
 * @param type stable type name; empty text when it has none
 * @param version type version, 0 without a type
 * @param payload the JSON text, or Base64 when the content is bytes; an empty text where it was not read
 * @param contentType {@code application/json} for JSON
 * @param headers in the stored order; empty when it has none
 * @param priority 0 (last) to 9 (first)
 * @param correlationId the business process it belongs to
 * @param exchange through which it was created; empty: it named its queue
 * @param routingKey with which it was created; empty text without an exchange
 * @param group the messages it runs in order with, if its queue is ordered; else a label
 * @param createdAt the database's time
 * @param entries one a queue it was put in, at least one
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
        Optional<String> exchange,
        String routingKey,
        Optional<String> group,
        Instant createdAt,
        List<QueueEntry> entries) {

    /** The state in its queue; in the first one, if it was put in several. */
    public MessageState state() {
        return entries.get(0).state();
    }

    /**
     * The end of its time to live in its queue; of several queues, each of which may have a time to live of its own, the first such end.
     * Empty when it never expires.
     */
    public Optional<Instant> expiresAt() {
        return entries.stream().flatMap(entry -> entry.expiresAt().stream()).min(Comparator.naturalOrder());
    }
}
