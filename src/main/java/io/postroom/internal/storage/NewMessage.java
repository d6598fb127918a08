package io.postroom.internal.storage;

import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A checked message on its way into the store.
 *
 * @param queueId the number under which the queue is known here; the store checks that it still belongs to the queue of that name
 * @param queue the queue's name
 * @param givenId whether the caller chose the id, so that it may be there already
 * @param delay how long it waits in DELAYED; null: not at all, or see {@code dueAt}
 * @param dueAt until when it waits; null: not at all, or see {@code delay}
 * @param timeToLive null: the queue's, if it has one
 * @param deduplicationKey null: without one
 */
public record NewMessage(
        UUID id,
        boolean givenId,
        int queueId,
        String queue,
        int priority,
        Content content,
        @Nullable Duration delay,
        @Nullable Instant dueAt,
        @Nullable Duration timeToLive,
        @Nullable String deduplicationKey) {

    /** Whether it goes straight into READY, and no message with its id or key can be there. */
    public boolean isPlain() {
        return !givenId && deduplicationKey == null && delay == null && dueAt == null;
    }

    /** Answers the same message for a repeat after a commit whose answer got lost: it may be there already. */
    public NewMessage withGivenId() {
        return new NewMessage(id, true, queueId, queue, priority, content, delay, dueAt, timeToLive, deduplicationKey);
    }

    /** Answers the same message for the queue under another number. */
    public NewMessage withQueueId(int newQueueId) {
        return new NewMessage(
                id, givenId, newQueueId, queue, priority, content, delay, dueAt, timeToLive, deduplicationKey);
    }
}
