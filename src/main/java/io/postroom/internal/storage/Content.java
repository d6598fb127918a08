package io.postroom.internal.storage;

import io.postroom.api.Direction;
import org.jspecify.annotations.Nullable;

/**
 * What a message holds, as it is stored.
 *
 * @param type null: without a type
 * @param payload JSON text; null when {@code body} is given
 * @param contentType null for JSON
 * @param headers JSON object, or null
 */
public record Content(
        Direction direction,
        @Nullable String type,
        int version,
        @Nullable String payload,
        byte @Nullable [] body,
        @Nullable String contentType,
        @Nullable String headers,
        @Nullable String correlationId) {
    /** Of a message whose payload was not visible. */
    public static final Content NONE = new Content(Direction.OUTGOING, null, 0, null, null, null, null, null);

    /** Approximate size of payload and body. */
    public long bytes() {
        return (payload == null ? 0 : payload.length()) + (body == null ? 0L : body.length);
    }
}
