package io.postroom.internal.postgres;

import io.postroom.api.QueueSettings;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;

/** Declares queues and finds them by name. Statements: {@link QueueSql}. */
final class PostgresQueueStore implements QueueStore {
    private final StoreTransactions transactions;

    PostgresQueueStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public QueueRow declare(QueueSettings settings) {
        return transactions.several("declare queue " + settings.queue(), connection -> {
            Optional<QueueRow> written = write(settings, connection);
            return written.isPresent()
                    ? written.get()
                    : find(settings.queue(), connection).orElseThrow();
        });
    }

    /** Returns empty when the row is there and is the same. */
    private static Optional<QueueRow> write(QueueSettings settings, Connection connection) throws SQLException {
        try (Sql.Call call = QueueSql.DECLARE.on(connection)) {
            return call.set("name", settings.queue())
                    .set("named", !settings.equals(QueueSettings.of(settings.queue())))
                    .set("maxAttempts", settings.maxAttempts().orElse(null))
                    .set("retryAfter", settings.retryAfter().orElse(null))
                    .set("crashLimit", settings.crashLimit().orElse(null))
                    .set("timeToLive", settings.timeToLive().map(Rows::micros).orElse(null))
                    .set("retention", settings.retention().map(Rows::micros).orElse(null))
                    .first(PostgresQueueStore::queue);
        }
    }

    @Override
    public Optional<QueueRow> queue(String name) {
        return transactions.single("look up queue " + name, connection -> find(name, connection));
    }

    private static Optional<QueueRow> find(String name, Connection connection) throws SQLException {
        try (Sql.Call call = QueueSql.FIND.on(connection)) {
            return call.set("name", name).first(PostgresQueueStore::queue);
        }
    }

    private static QueueRow queue(ResultSet row) throws SQLException {
        return new QueueRow(row.getInt(1), row.getString(2), Rows.duration(row, 3), row.getBoolean(4));
    }
}
