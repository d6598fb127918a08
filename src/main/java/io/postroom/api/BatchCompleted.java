package io.postroom.api;

import java.util.UUID;

/**
 * The payload of a completion message that has none of its own: how the members of a batch ended, as of its completion. The JSON has these
 * names. Each completion message has the same as headers, too, besides {@link Batch#HEADER}: {@code postroom-batch-name}, {@code
 * postroom-batch-total} and so on, and {@code postroom-batch-cancel-requested}.
 *
 * @param cancelRequested whether the batch was cancelled; members in progress may have finished all the same
 */
@MessageType(BatchCompleted.TYPE)
public record BatchCompleted(
        UUID batch,
        String name,
        boolean cancelRequested,
        long total,
        long done,
        long dead,
        long cancelled,
        long expired,
        long purged) {
    /** The type of such messages. */
    public static final String TYPE = "postroom.batch-completed";
}
