package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.ArrayValues.nullableLongs;
import static io.postroom.internal.postgres.ArrayValues.texts;

import io.postroom.api.QueueSettings;
import io.postroom.api.StoreException;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.QueueName;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Declares queues and finds them by name. Statements: {@link QueueSql}. */
final class PostgresQueueStore implements QueueStore {
    /** Each round but the first waits for others that write the same queues. */
    private static final int MOST_ROUNDS = 10;

    /** Between two tries for a lock behind which all others wait. */
    private static final long PAUSE_NANOS = 100_000_000;

    private static final String TRY_AGAIN = "40001";

    private final StoreTransactions transactions;

    PostgresQueueStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public List<QueueRow> declareAll(List<QueueSettings> settings) {
        String doing = settings.size() == 1
                ? "declare queue " + settings.get(0).queue()
                : "declare " + settings.size() + " queues";
        Map<String, QueueRow> found = new HashMap<>();
        List<QueueSettings> open = settings;
        for (int round = 0; !open.isEmpty(); round++) {
            if (round == MOST_ROUNDS) {
                throw StoreErrors.translate(doing, othersChange(open));
            }
            if (round > 0) {
                declareRows(doing, QueueSql.DECLARE, open).forEach(row -> found.put(row.name(), row));
                open = without(found, open);
            }
            declareRows(doing, QueueSql.DECLARED_ALREADY, open).forEach(row -> found.put(row.name(), row));
            open = without(found, open);
        }
        settings.forEach(this::setOrdered);
        return settings.stream().map(one -> found.get(one.queue())).toList();
    }

    /** A statement of its own, because it needs a lock that lets no other process use queues for a moment. */
    private void setOrdered(QueueSettings settings) {
        if (settings.ordered().isEmpty()) {
            return;
        }
        String doing = "declare queue " + settings.queue() + " with ordered("
                + settings.ordered().get() + ")";
        for (int tries = 1; ; tries++) {
            try {
                transactions.single(doing, connection -> {
                    try (Sql.Call call = QueueSql.SET_ORDERED.on(connection)) {
                        return call.set("queue", settings.queue())
                                .set("ordered", settings.ordered().get())
                                .one(row -> row.getBoolean(1));
                    }
                });
                return;
            } catch (StoreException busy) {
                if (busy.kind() != StoreException.Kind.TRY_AGAIN || tries == MOST_ROUNDS) {
                    throw busy;
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    private static SQLException othersChange(List<QueueSettings> open) {
        return new SQLException(
                "other processes changed the queues in each of " + MOST_ROUNDS + " rounds, \""
                        + open.get(0).queue() + "\" among " + open.size() + "; try again when they have started",
                TRY_AGAIN);
    }

    private static List<QueueSettings> without(Map<String, QueueRow> found, List<QueueSettings> settings) {
        return settings.stream().filter(one -> !found.containsKey(one.queue())).toList();
    }

    /**
     * Runs one statement in a transaction of its own, so no row stays locked until the next one. Otherwise a process that locks the rows in
     * another order could cause a deadlock.
     */
    private List<QueueRow> declareRows(String doing, Sql sql, List<QueueSettings> settings) {
        if (settings.isEmpty()) {
            return List.of();
        }
        return transactions.single(doing, connection -> {
            try (Sql.Call call = sql.on(connection)) {
                return call.set("names", texts(settings, QueueSettings::queue))
                        .set("maxAttempts", nullableLongs(settings, one -> whole(one.maxAttempts())))
                        .set(
                                "retryAfter",
                                texts(settings, one -> one.retryAfter().orElse(null)))
                        .set("crashLimit", nullableLongs(settings, one -> whole(one.crashLimit())))
                        .set("timeToLive", nullableLongs(settings, one -> micros(one.timeToLive())))
                        .set("retention", nullableLongs(settings, one -> micros(one.retention())))
                        .set(
                                "ordered",
                                texts(
                                        settings,
                                        one -> one.ordered()
                                                .map(String::valueOf)
                                                .orElse(null)))
                        .set("onDeadLetter", texts(settings, PostgresQueueStore::onDeadLetter))
                        .list(PostgresQueueStore::queue);
            }
        });
    }

    private static @Nullable String onDeadLetter(QueueSettings settings) {
        return settings.onDeadLetter()
                .map(groups -> groups.name().toLowerCase(Locale.ROOT))
                .orElse(null);
    }

    private static @Nullable Long whole(Optional<Integer> value) {
        return value.map(Integer::longValue).orElse(null);
    }

    private static @Nullable Long micros(Optional<Duration> value) {
        return value.map(Rows::micros).orElse(null);
    }

    @Override
    public List<QueueRow> queues(Collection<String> names) {
        return transactions.single("look up " + names.size() + " queues", connection -> {
            try (Sql.Call call = QueueSql.FIND_ALL.on(connection)) {
                return call.set("names", names.toArray(new String[0])).list(PostgresQueueStore::queue);
            }
        });
    }

    @Override
    public List<QueueName> changedSince(@Nullable String horizon) {
        return transactions.single("look for changed queues", connection -> {
            try (Sql.Call call = QueueSql.CHANGED_SINCE.on(connection)) {
                return call.set("since", Horizons.xid(horizon))
                        .list(row -> new QueueName(row.getInt(1), row.getString(2), row.getBoolean(3)));
            }
        });
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
        return new QueueRow(
                row.getInt(1), row.getString(2), Rows.duration(row, 3), row.getBoolean(4), row.getBoolean(5));
    }
}
