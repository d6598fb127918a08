package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A batch at one moment. Counts are of its own members; children have counts of their own.
 *
 * @param parent the batch that is completed after this one; empty: none
 * @param waiting members that had not ended and are not in progress
 * @param inProgress members that workers hold
 * @param done members whose handlers finished them
 * @param dead members that were given up: dead letters, and those that went on through a dead letter exchange
 * @param cancelled members that were taken back
 * @param expired members whose time to live ended
 * @param purged members that were removed after their retention before they were counted: they have ended, and how is unknown
 * @param children batches whose parent this one is
 * @param childrenCompleted how many of them are completed
 * @param createdAt by the database's clock, as all times here
 * @param sealedAt empty: it takes members
 * @param cancelledAt empty: nobody cancelled it
 * @param completedAt empty: it goes on
 * @param completionMessage the id of the completion message; empty: it is not created yet, there is none, or it reached no queue
 * @param countedAt when the members that have ended were counted: while the batch goes on, each second or two. Of a batch of many
 *     thousands the members that end out of order may be counted later; all are counted at the completion
 * @param problem why the completion message could not be created; it is tried again
 */
public record Batch(
        UUID id,
        String name,
        Optional<UUID> parent,
        BatchState state,
        long waiting,
        long inProgress,
        long done,
        long dead,
        long cancelled,
        long expired,
        long purged,
        long children,
        long childrenCompleted,
        Instant createdAt,
        Optional<Instant> sealedAt,
        Optional<Instant> cancelledAt,
        Optional<Instant> completedAt,
        Optional<UUID> completionMessage,
        Instant countedAt,
        Optional<String> problem) {
    /** The header of members and of completion messages that has the id of their batch. */
    public static final String HEADER = "postroom-batch";

    /** All its members. */
    public long total() {
        return waiting + inProgress + done + dead + cancelled + expired + purged;
    }
}
