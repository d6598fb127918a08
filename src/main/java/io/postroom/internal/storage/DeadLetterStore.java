package io.postroom.internal.storage;

import io.postroom.api.BulkSettings;
import io.postroom.api.DeadLetterFilter;
import io.postroom.api.DeadLetterPreview;
import io.postroom.api.OperationStatus;
import io.postroom.api.PurgePreview;
import io.postroom.api.Reason;
import io.postroom.api.StoreException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What people do to dead letters. Each call is a transaction of its own. Failures are {@link StoreException}s. Thread-safe. */
public interface DeadLetterStore {
    /**
     * Discards a dead letter.
     *
     * @param queue null: in all queues
     * @return in how many queues
     */
    int discard(UUID id, @Nullable String queue, Reason reason);

    /** Says what a filter matches. */
    DeadLetterPreview preview(DeadLetterFilter filter);

    /** Puts a redrive of many on record. {@link JobStore#stepOperations} carries it out. Answers its id. */
    UUID redrive(DeadLetterFilter filter, BulkSettings settings);

    /** Puts a discard of many on record. */
    UUID discard(DeadLetterFilter filter, BulkSettings settings);

    /** Puts the purge of a queue on record, as an operation like the others. */
    UUID purge(String queue, Reason reason, int perSecond);

    /** Says what a purge of a queue would cancel. */
    PurgePreview previewPurge(String queue);

    /** Finds an operation. */
    Optional<OperationStatus> operation(UUID id);

    /** Lists operations, the newest first. */
    List<OperationStatus> operations(int limit);

    /** Stops an operation. Waits for the step that runs. Answers whether it was running. */
    boolean stop(UUID operation, Reason reason);
}
