package io.postroom.internal.storage;

import io.postroom.api.Deduplication;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A checked message on its way into the store.
 *
 * @param queueId the number under which the queue is known here; the store checks that it still belongs to the queue of that name. 0:
 *     the message has several queues, or its queues are not known yet
 * @param queue the queue's name; empty where {@code queueId} is 0
 * @param givenId whether the caller chose the id, so that it may be there already
 * @param delay how long it waits in DELAYED; null: not at all, or see {@code dueAt}
 * @param dueAt until when it waits; null: not at all, or see {@code delay}
 * @param timeToLive its own, else that of its only queue; null: none
 * @param deduplicationKey null: without one
 * @param deduplication until when another message holds the key, and what this one does then
 * @param targets of a message that is created through an exchange; null: it names its queue
 * @param batch whose member it becomes; null: none
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
        @Nullable String deduplicationKey,
        Deduplication deduplication,
        @Nullable Targets targets,
        @Nullable UUID batch) {

    /** A message that names its queue. */
    public NewMessage(
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
        this(
                id,
                givenId,
                queueId,
                queue,
                priority,
                content,
                delay,
                dueAt,
                timeToLive,
                deduplicationKey,
                Deduplication.DEFAULT,
                null,
                null);
    }

    /** Whether it goes straight into READY of one queue, and no message with its id or key can be there. */
    public boolean isPlain() {
        return !givenId
                && deduplicationKey == null
                && delay == null
                && dueAt == null
                && (targets == null || targets.isSingle());
    }

    /** Whether somebody may have to look at the message that holds its key. */
    public boolean looksAtHolder() {
        return !deduplication.equals(Deduplication.DEFAULT);
    }

    /** Whether a message with this id or key may be stored already. Storing it may wait for a transaction that writes the same one. */
    public boolean mayBeThere() {
        return givenId || deduplicationKey != null;
    }

    /** The names of its queues; empty when they are not known yet. */
    public List<String> queues() {
        return targets == null ? List.of(queue) : targets.names();
    }

    /** Answers the same message for a repeat after a commit whose answer got lost: it may be there already. */
    public NewMessage withGivenId() {
        return copy(true, queueId, deduplicationKey, deduplication);
    }

    /** Answers the same message for a store that has taken its deduplication key already. */
    public NewMessage withoutKey() {
        return copy(givenId, queueId, null, Deduplication.DEFAULT);
    }

    /** Answers the same message for the queue under another number. */
    public NewMessage withQueueId(int newQueueId) {
        return copy(givenId, newQueueId, deduplicationKey, deduplication);
    }

    private NewMessage copy(boolean given, int queueNumber, @Nullable String key, Deduplication rule) {
        return new NewMessage(
                id, given, queueNumber, queue, priority, content, delay, dueAt, timeToLive, key, rule, targets, batch);
    }

    /** Answers the same message for these queues. The time to live of a single queue counts for a message without one of its own. */
    public NewMessage withTargets(Targets chosen) {
        Targets.Target only = chosen.isSingle() ? chosen.queues().get(0) : null;
        return new NewMessage(
                id,
                givenId,
                only == null ? 0 : only.queueId(),
                only == null ? "" : only.queue(),
                priority,
                content,
                delay,
                dueAt,
                chosen.timeToLive() == null && only != null ? only.timeToLive() : chosen.timeToLive(),
                deduplicationKey,
                deduplication,
                chosen,
                batch);
    }
}
