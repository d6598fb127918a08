package io.postroom.internal.storage;

import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A checked message on its way in.
 *
 * @param givenId whether the caller chose the id, so that it may be there already
 */
public record NewMessage(
        UUID id,
        boolean givenId,
        int queueId,
        int priority,
        Content content,
        @Nullable Duration delay,
        @Nullable Instant dueAt,
        @Nullable Duration timeToLive,
        @Nullable String deduplicationKey) {

    /** Whether it goes straight into READY and cannot meet another message with its id or key. */
    public boolean isPlain() {
        return !givenId && deduplicationKey == null && delay == null && dueAt == null;
    }

    /** The same message, for a repeat after a commit whose answer got lost: finding it there already is no error. */
    public NewMessage withGivenId() {
        return new NewMessage(id, true, queueId, priority, content, delay, dueAt, timeToLive, deduplicationKey);
    }
}
