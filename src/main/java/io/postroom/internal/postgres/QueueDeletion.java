package io.postroom.internal.postgres;

import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.Reason;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.DeletedQueue;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Marks queues deleted, then empties them. The mark is one transaction with its conditions, so that nothing new can be claimed in between;
 * what waits is cancelled in many. Statements: {@link OperateSql}.
 */
final class QueueDeletion {
    /** The reason in the history of a message that waited in a queue which was deleted. */
    static final String REASON = "queue_deleted";

    /** A process that stops does not empty queues for longer than this. A job cancels the rest. */
    private static final long LONGEST_EMPTYING_NANOS = Duration.ofSeconds(5).toNanos();

    private final StoreTransactions transactions;

    QueueDeletion(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    /**
     * Deletes the queue for all processes when the conditions hold.
     *
     * @param self the process that asks, where it is registered
     * @return whether there was such a queue
     * @throws IllegalStateException a condition does not hold
     * @throws ExclusiveQueueException the queue belongs to another process
     */
    boolean delete(String queue, boolean ifEmpty, boolean ifUnused, @Nullable UUID self, @Nullable Reason reason) {
        Optional<Marked> found = transactions.several("delete queue " + queue, connection -> {
            try (Sql.Call call = OperateSql.MARK_DELETED.on(connection)) {
                return call.set("queue", queue)
                        .set("ifEmpty", ifEmpty)
                        .set("ifUnused", ifUnused)
                        .set("self", self == null ? null : self.toString())
                        .first(Marked::of);
            }
        });
        if (found.isEmpty()) {
            return false;
        }
        Marked marked = found.get();
        marked.require(queue);
        long cancelled = empty(queue, QueuePurge.ofDeleted(marked.id, marked.upTo), Long.MAX_VALUE);
        record("delete", queue, marked.id, cancelled, null, reason);
        return true;
    }

    /**
     * Deletes queues that have lost their owner or their last consumer, in the transaction of the caller.
     *
     * @param leaseTime how long without a heartbeat a process counts as gone; null: as long as it has not stopped, it does not
     * @param left ids of the queues whose consumers this transaction has removed
     */
    static List<Abandoned> markAbandoned(@Nullable Duration leaseTime, int[] left, Connection connection)
            throws SQLException {
        try (Sql.Call call = OperateSql.DELETE_ABANDONED.on(connection)) {
            return call.set("leaseTime", Rows.nullableMicros(leaseTime))
                    .set("left", left)
                    .list(row -> new Abandoned(row.getInt(1), row.getString(2), row.getString(3), row.getLong(4)));
        }
    }

    /** Cancels what waits in these queues, for a few seconds at most. */
    List<DeletedQueue> empty(List<Abandoned> queues) {
        long now = System.nanoTime();
        List<DeletedQueue> deleted = new ArrayList<>();
        for (Abandoned queue : queues) {
            long cancelled =
                    empty(queue.name, QueuePurge.ofDeleted(queue.id, queue.upTo), now + LONGEST_EMPTYING_NANOS);
            record("delete", queue.name, queue.id, cancelled, queue.because, null);
            deleted.add(new DeletedQueue(queue.name, queue.because, cancelled));
        }
        return deleted;
    }

    /** Cancels what waits in a queue that stays. Answers how many messages. */
    long purge(String queue, int id, @Nullable Reason reason) {
        long cancelled = empty(queue, QueuePurge.of(id), Long.MAX_VALUE);
        record("purge", queue, id, cancelled, null, reason);
        return cancelled;
    }

    /** @param until by {@code System.nanoTime()}; the largest number: without an end */
    private long empty(String queue, QueuePurge purge, long until) {
        while (transactions.several("purge queue " + queue, purge::step)
                && (until == Long.MAX_VALUE || System.nanoTime() - until < 0)) {
            // the next batch
        }
        return purge.cancelled();
    }

    private void record(
            String action, String queue, int id, long done, @Nullable String note, @Nullable Reason reason) {
        transactions.single("record that queue " + queue + " was emptied", connection -> {
            try (Sql.Call call = OperateSql.LOG.on(connection)) {
                call.set("action", action).set("queue", id).set("done", done).set("note", note);
                return Reasons.because(reason, call).update();
            }
        });
    }

    /** A queue that was marked deleted, and is not empty yet. */
    record Abandoned(int id, String name, String because, long upTo) {}

    /** @param obstacle what is in the way; null: the queue is deleted */
    private record Marked(
            int id, @Nullable String obstacle, @Nullable String because, long upTo) {
        static Marked of(ResultSet row) throws SQLException {
            return new Marked(row.getInt(1), row.getString(2), row.getString(3), row.getLong(4));
        }

        void require(String queue) {
            if ("exclusive".equals(obstacle)) {
                throw new ExclusiveQueueException(queue, String.valueOf(because), true);
            } else if (obstacle != null) {
                throw new IllegalStateException("queue \"" + queue + "\" " + because + "; nothing was deleted");
            }
        }
    }
}
