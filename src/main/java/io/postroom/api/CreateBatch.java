package io.postroom.api;

import java.util.Optional;
import java.util.UUID;

/**
 * A batch to be created. Immutable. Every method returns a changed copy, and refuses a value outside its limits at once.
 *
 * @param name for people; 1 to 200 characters without control characters. Several batches may have the same
 * @param parent the batch that is completed after this one; empty: none
 * @param completion the message that is created when the batch is completed; empty: none
 */
public record CreateBatch(String name, Optional<UUID> parent, Optional<CreateMessage> completion) {
    public CreateBatch {
        Limits.requireText("name", name, Limits.KEY_LENGTH);
        completion.ifPresent(CreateBatch::requireTemplate);
    }

    /** Begins a batch of this name. */
    public static CreateBatch named(String name) {
        return new CreateBatch(name, Optional.empty(), Optional.empty());
    }

    /** Makes it a child of an open batch that has no parent itself: batches are nested once. */
    public CreateBatch parent(UUID batch) {
        return new CreateBatch(name, Optional.of(batch), completion);
    }

    /**
     * Sets the message that is created in the transaction that completes the batch. Interceptors see it now, on this thread. Its headers
     * tell how the members ended, and so does its payload, unless it has one of its own: see {@link BatchCompleted}. A delay and a time to
     * live count from the completion.
     *
     * @throws InvalidMessageException it has an id, a due time ({@code at}), a deduplication key or a batch
     */
    public CreateBatch onCompletion(CreateMessage message) {
        return new CreateBatch(name, parent, Optional.of(message));
    }

    private static void requireTemplate(CreateMessage message) {
        message.id().ifPresent(id -> refuse("id", id.toString()));
        message.dueAt().ifPresent(at -> refuse("at", at.toString()));
        message.deduplicationKey().ifPresent(key -> refuse("deduplicationKey", key));
        message.batch().ifPresent(batch -> refuse("batch", batch.toString()));
    }

    private static void refuse(String field, String value) {
        throw new InvalidMessageException(field, "left out in the completion message of a batch", value);
    }
}
