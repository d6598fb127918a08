package io.postroom.internal.storage;

import io.postroom.api.Direction;
import org.jspecify.annotations.Nullable;

/**
 * What a message holds, as it is stored. Either payload or body is given; with neither, the content is JSON null.
 *
 * @param type null: without a type
 * @param version of the type; 0 without one
 * @param payload JSON text; null when {@code body} is given
 * @param body bytes, not copied; null when {@code payload} is given
 * @param contentType of the bytes; null for JSON
 * @param headers a JSON object of texts, or null
 * @param exchange through which it was created; null: it named its queue
 * @param routingKey null without an exchange
 * @param group the group it belongs to; null: none
 */
public record Content(
        Direction direction,
        @Nullable String type,
        int version,
        @Nullable String payload,
        byte @Nullable [] body,
        @Nullable String contentType,
        @Nullable String headers,
        @Nullable String correlationId,
        @Nullable String exchange,
        @Nullable String routingKey,
        @Nullable String group) {
    /** The content of a message whose payload was not visible. */
    public static final Content NONE = new Content(Direction.OUTGOING, null, 0, null, null, null, null, null);

    /** The content of a message that names its queue. */
    public Content(
            Direction direction,
            @Nullable String type,
            int version,
            @Nullable String payload,
            byte @Nullable [] body,
            @Nullable String contentType,
            @Nullable String headers,
            @Nullable String correlationId) {
        this(direction, type, version, payload, body, contentType, headers, correlationId, null, null, null);
    }

    /** The size of payload and body; that of JSON in characters, which is near enough for a limit on memory. */
    public long bytes() {
        return (payload == null ? 0 : payload.length()) + (body == null ? 0L : body.length);
    }
}
