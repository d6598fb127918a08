package io.postroom.internal.storage;

import io.postroom.api.Direction;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A checked message on its way in.
 *
 * @param givenId whether the caller chose the id, so that it may be there already
 * @param headers JSON object, or null
 * @param payload JSON text, or null when {@code body} is given
 * @param contentType null for JSON
 */
public record NewMessage(
        UUID id,
        boolean givenId,
        int queueId,
        int priority,
        Direction direction,
        @Nullable String type,
        int version,
        @Nullable String payload,
        byte @Nullable [] body,
        @Nullable String contentType,
        @Nullable String headers,
        @Nullable String correlationId,
        @Nullable Duration delay,
        @Nullable Instant dueAt,
        @Nullable Duration timeToLive,
        @Nullable String deduplicationKey) {

    public boolean isPlain() {
        return !givenId && deduplicationKey == null && delay == null && dueAt == null;
    }

    /** The same, so that finding it there already is no error: a repeat after a commit whose answer got lost. */
    public NewMessage withGivenId() {
        return new NewMessage(
                id,
                true,
                queueId,
                priority,
                direction,
                type,
                version,
                payload,
                body,
                contentType,
                headers,
                correlationId,
                delay,
                dueAt,
                timeToLive,
                deduplicationKey);
    }
}
