package io.postroom.internal.storage;

import io.postroom.api.Batch;
import io.postroom.api.Reason;
import io.postroom.api.StoreException;
import java.sql.Connection;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Batches of messages. Thread-safe. A method with a connection joins its transaction; each other one is a transaction of its own. Failures
 * are {@link StoreException}s.
 */
public interface BatchStore {
    /**
     * Creates a batch.
     *
     * @param completion the completion message as JSON, with the members of {@code postroom.create_messages}; null: none
     * @throws io.postroom.api.InvalidMessageException the completion message breaks a limit, or the parent takes no children
     */
    UUID create(String name, @Nullable UUID parent, @Nullable String completion, Connection connection);

    /**
     * Answers whether that was a change.
     *
     * @throws io.postroom.api.BatchNotFoundException there is no such batch
     */
    boolean seal(UUID batch, Connection connection);

    /**
     * Answers whether that was a change.
     *
     * @throws io.postroom.api.BatchNotFoundException there is no such batch
     */
    boolean cancel(UUID batch, @Nullable Reason reason, Connection connection);

    /**
     * Locks these batches until the transaction ends, so that none is completed before, and answers the states of those that take no
     * members: sealed, cancelled, completed, unknown. Stops nobody who adds members or seals.
     */
    Map<UUID, String> notOpen(Collection<UUID> batches, Connection connection);

    /**
     * Makes new messages members of a batch that {@link #notOpen} has locked in this transaction.
     *
     * @param entries how many queues each of them was put in
     */
    void add(UUID batch, int entries, List<UUID> messages, Connection connection);

    Optional<Batch> find(UUID batch);

    /** Lists batches, the newest first. */
    List<Batch> list(boolean withCompleted, @Nullable UUID before, int limit);

    /** Lists batches that are not completed, those first that were not counted for the longest time. */
    List<Uncompleted> uncompleted(int limit);

    /** Counts the members of a batch that have ended, and completes it when all have. Two processes may call it at once. */
    Settled settle(UUID batch);

    /** @param isDue whether it is time to count again */
    record Uncompleted(UUID batch, boolean isDue) {}

    /** What {@link #settle} did, in the order of its codes in SQL. */
    enum Settled {
        /** Another process is at it, or it was completed before. */
        LEFT_ALONE(0),
        /** Its members were counted. */
        COUNTED(1),
        /** Its members were counted, and there is more to count now. */
        MORE(2),
        /** It is completed now. */
        COMPLETED(3);

        private final int code;

        Settled(int code) {
            this.code = code;
        }

        public static Settled ofCode(int code) {
            for (Settled settled : values()) {
                if (settled.code == code) {
                    return settled;
                }
            }
            throw new IllegalArgumentException("no such code: " + code);
        }
    }
}
