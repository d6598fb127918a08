package io.postroom.internal.postgres;

import io.postroom.api.QueueStats;
import io.postroom.api.Reason;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.OperatorStore;
import io.postroom.internal.storage.QueueStore;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Carries out what people do to messages and queues. Statements: {@link OperateSql}. */
final class PostgresOperatorStore implements OperatorStore {
    /** Passes of {@link #removeAll} while others go on creating messages. */
    private static final int MOST_PASSES = 10;

    private final StoreTransactions transactions;
    private final QueueStore queues;
    private final QueueDeletion deletion;

    PostgresOperatorStore(StoreTransactions transactions, QueueStore queues) {
        this.transactions = transactions;
        this.queues = queues;
        this.deletion = new QueueDeletion(transactions);
    }

    @Override
    public int cancel(UUID id, @Nullable Reason reason) {
        return transactions.change("cancel message " + id, connection -> {
            try (Sql.Call call = OperateSql.CANCEL.on(connection)) {
                return Reasons.because(reason, call.set("id", id)).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int cancelRunning(UUID id, @Nullable Reason reason) {
        return transactions.change("cancel message " + id + " while it is in progress", connection -> {
            try (Sql.Call call = OperateSql.CANCEL_RUNNING.on(connection)) {
                return Reasons.because(reason, call.set("id", id)).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int reschedule(UUID id, Instant dueAt, @Nullable Reason reason) {
        return transactions.change("reschedule message " + id, connection -> {
            try (Sql.Call call = OperateSql.RESCHEDULE.on(connection)) {
                return Reasons.because(reason, call.set("id", id).set("dueAt", dueAt))
                        .one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int redrive(UUID id, @Nullable Reason reason) {
        return transactions.change("redrive message " + id, connection -> {
            try (Sql.Call call = OperateSql.REDRIVE.on(connection)) {
                return Reasons.because(reason, call.set("id", id)).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public List<QueueStats> stats(@Nullable String queue) {
        return transactions.read("count messages", connection -> {
            try (Sql.Call call = QueueStatsSql.STATS.on(connection)) {
                return call.set("queue", queue).list(PostgresOperatorStore::queueStats);
            }
        });
    }

    @Override
    public Optional<List<QueueStats>> publishedStats(int worker, int mostQueues, int most) {
        List<Optional<QueueStats>> rows = transactions.single("count messages for metrics", connection -> {
            try (Sql.Call call = QueueStatsSql.PUBLISHED_STATS.on(connection)) {
                return call.set("worker", worker)
                        .set("mostQueues", mostQueues)
                        .set("most", most)
                        .list(row -> row.getString(1) == null ? Optional.empty() : Optional.of(queueStats(row)));
            }
        });
        return rows.isEmpty()
                ? Optional.empty()
                : Optional.of(rows.stream().flatMap(Optional::stream).toList());
    }

    private static QueueStats queueStats(ResultSet row) throws SQLException {
        return new QueueStats(
                row.getString(1),
                row.getLong(2),
                row.getLong(3),
                row.getLong(4),
                row.getLong(5),
                row.getBoolean(6),
                Optional.ofNullable(Rows.instant(row, 7)),
                row.getInt(8),
                row.getBoolean(9),
                row.getBoolean(10),
                row.getBoolean(11),
                Optional.ofNullable(row.getString(12)),
                row.getBoolean(13),
                Optional.ofNullable(Rows.instant(row, 14)));
    }

    @Override
    public void pause(String queue, boolean paused, @Nullable Reason reason) {
        boolean known = transactions.change((paused ? "pause" : "resume") + " queue " + queue, connection -> {
            try (Sql.Call call = OperateSql.PAUSE.on(connection)) {
                return Reasons.because(reason, call.set("queue", queue).set("paused", paused))
                        .one(row -> {
                            row.getBoolean(1);
                            return !row.wasNull();
                        });
            }
        });
        if (!known) {
            throw QueueStore.unknown(queue);
        }
    }

    /** Takes many transactions: the messages cancelled before a failure stay cancelled. */
    @Override
    public long purge(String queue, @Nullable Reason reason) {
        return deletion.purge(queue, queues.require(queue).id(), reason);
    }

    @Override
    public boolean delete(
            String queue, boolean ifEmpty, boolean ifUnused, @Nullable UUID self, @Nullable Reason reason) {
        return deletion.delete(queue, ifEmpty, ifUnused, self, reason);
    }

    /** Repeats itself, since a job may move a message to a table that was emptied just before. */
    @Override
    public void removeAll() {
        int passes = 0;
        while (transactions.several("remove all messages", PostgresOperatorStore::removeOnce) > 0
                && passes < MOST_PASSES) {
            passes++;
        }
    }

    private static int removeOnce(Connection connection) throws SQLException {
        int removed = 0;
        for (Sql statement : OperateSql.REMOVE_ALL) {
            try (Sql.Call call = statement.on(connection)) {
                removed += call.update();
            }
        }
        return removed;
    }

    @Override
    public void advance(Duration time) {
        transactions.several("advance the time", connection -> {
            try (Sql.Call call = OperateSql.ADVANCE_DUE.on(connection)) {
                call.set("time", Rows.micros(time)).update();
            }
            try (Sql.Call call = ScheduleSql.ADVANCE.on(connection)) {
                call.set("time", Rows.micros(time)).update();
            }
            try (Sql.Call call = OperateSql.ADVANCE_LIMITERS.on(connection)) {
                call.set("time", Rows.micros(time)).update();
            }
            try (Sql.Call call = OperateSql.ADVANCE_UNDECODABLE.on(connection)) {
                call.set("time", Rows.micros(time)).update();
            }
            try (Sql.Call call = OperateSql.ADVANCE_EXPIRY.on(connection)) {
                return call.set("time", Rows.micros(time)).update();
            }
        });
    }
}
