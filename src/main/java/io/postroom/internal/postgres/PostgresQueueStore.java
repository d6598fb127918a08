package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.ArrayValues.flags;
import static io.postroom.internal.postgres.ArrayValues.nullableLongs;
import static io.postroom.internal.postgres.ArrayValues.texts;

import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import io.postroom.api.Reason;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.Declarer;
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
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Declares queues and finds them by name. Statements: {@link QueueSql}. */
final class PostgresQueueStore implements QueueStore {
    /** Each round but the first waits for others that write the same queues. */
    private static final int MOST_ROUNDS = 10;

    private static final String TRY_AGAIN = "40001";

    private final StoreTransactions transactions;

    PostgresQueueStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public List<QueueRow> declareAll(List<QueueSettings> settings, Declarer declarer) {
        return FunctionRefusals.translated(() -> declare(settings, declarer));
    }

    private List<QueueRow> declare(List<QueueSettings> settings, Declarer declarer) {
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
                rows(doing, QueueSql.DECLARE, open, declarer, PostgresQueueStore::queue)
                        .forEach(row -> found.put(row.name(), row));
                open = without(found, open);
            }
            for (Declared one : rows(doing, QueueSql.DECLARED_ALREADY, open, declarer, Declared::of)) {
                if (one.isRefused) {
                    refuse(doing, one.queue.name(), settings, declarer);
                } else {
                    found.put(one.queue.name(), one.queue);
                }
            }
            open = without(found, open);
        }
        return settings.stream()
                .map(one -> inOrder(found.get(one.queue()), one, declarer.reason()))
                .toList();
    }

    private QueueRow inOrder(QueueRow queue, QueueSettings settings, @Nullable Reason reason) {
        boolean isChange =
                settings.ordered().filter(asked -> asked != queue.ordered()).isPresent();
        return isChange ? setOrdered(queue, settings.ordered().get(), reason) : queue;
    }

    /** A statement of its own, because it needs a lock that lets no other process use queues for a moment. */
    private QueueRow setOrdered(QueueRow queue, boolean isOrdered, @Nullable Reason reason) {
        String doing = "declare queue " + queue.name() + " with ordered(" + isOrdered + ")";
        return FunctionRefusals.translated(() -> BusyRetry.untilFree(() -> transactions.single(doing, connection -> {
            try (Sql.Call call = QueueSql.SET_ORDERED.on(connection)) {
                Reasons.because(reason, call)
                        .set("queue", queue.name())
                        .set("ordered", isOrdered)
                        .one(row -> row.getBoolean(1));
            }
            return find(queue.name(), connection).orElse(queue);
        })));
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
    private <T> List<T> rows(String doing, Sql sql, List<QueueSettings> settings, Declarer declarer, Sql.Row<T> row) {
        if (settings.isEmpty()) {
            return List.of();
        }
        return FunctionRefusals.translated(() -> transactions.single(doing, connection -> {
            try (Sql.Call call = sql.on(connection)) {
                if (sql == QueueSql.DECLARE) {
                    Reasons.because(declarer.reason(), call);
                }
                return call.set("names", texts(settings, QueueSettings::queue))
                        .set("maxAttempts", nullableLongs(settings, one -> whole(one.maxAttempts())))
                        .set(
                                "retryAfter",
                                texts(settings, one -> one.retryAfter().orElse(null)))
                        .set("crashLimit", nullableLongs(settings, one -> whole(one.crashLimit())))
                        .set("timeToLive", nullableLongs(settings, one -> micros(one.timeToLive())))
                        .set("retention", nullableLongs(settings, one -> micros(one.retention())))
                        .set(
                                "kinds",
                                texts(
                                        settings,
                                        one -> one.kind().map(QueueKind::code).orElse(null)))
                        .set(
                                "deadLetterExchanges",
                                texts(settings, one -> one.deadLetterExchange().orElse(null)))
                        .set(
                                "deadLetterRoutingKeys",
                                texts(
                                        settings,
                                        one -> one.deadLetterRoutingKey().orElse(null)))
                        .set("ordered", flags(settings, one -> one.ordered().orElse(null)))
                        .set(
                                "onDeadLetter",
                                texts(
                                        settings,
                                        one -> one.onDeadLetter()
                                                .map(OnDeadLetter::code)
                                                .orElse(null)))
                        .set(
                                "maxLengths",
                                nullableLongs(settings, one -> one.maxLength().orElse(null)))
                        .set(
                                "overflows",
                                texts(
                                        settings,
                                        one -> one.overflow()
                                                .map(Overflow::code)
                                                .orElse(null)))
                        .set(
                                "singleActiveConsumers",
                                flags(
                                        settings,
                                        one -> one.singleActiveConsumer().orElse(null)))
                        .set("expiresAfter", nullableLongs(settings, one -> micros(one.expiresAfter())))
                        .set("fair", flags(settings, one -> one.fair().orElse(null)))
                        .set("strict", declarer.strict())
                        .set("owner", text(declarer.owner()))
                        .list(row);
            }
        }));
    }

    private static @Nullable String text(@Nullable UUID id) {
        return id == null ? null : id.toString();
    }

    /** Throws what refuses the declaration of this queue. Does nothing when it is not refused any more. */
    private void refuse(String doing, String queue, List<QueueSettings> settings, Declarer declarer) {
        List<QueueSettings> refused =
                settings.stream().filter(one -> one.queue().equals(queue)).toList();
        List<Conflict> conflicts = rows(doing, QueueSql.CONFLICTS, refused, declarer, Conflict::of);
        for (Conflict conflict : conflicts) {
            if (conflict.given == null) {
                throw new ExclusiveQueueException(queue, conflict.declared, conflict.field.equals("owner"));
            }
        }
        if (!conflicts.isEmpty()) {
            throw new InvalidMessageException(
                    joined(conflicts, Conflict::field),
                    joined(conflicts, Conflict::declared) + ", as queue \"" + queue + "\" was declared",
                    joined(conflicts, conflict -> String.valueOf(conflict.given)),
                    conflicts.get(0).field.equals("kind")
                            ? "Delete the queue first, or declare one with another name"
                            : "Declare the same, delete the queue first, or switch strict declarations off for one start");
        }
    }

    private static String joined(List<Conflict> conflicts, Function<Conflict, String> part) {
        return conflicts.stream().map(part).collect(Collectors.joining(", "));
    }

    /** A queue that was compared with its declaration. */
    private record Declared(QueueRow queue, boolean isRefused) {
        static Declared of(ResultSet row) throws SQLException {
            return new Declared(PostgresQueueStore.queue(row), row.getBoolean(9));
        }
    }

    /** @param given null: a process is in the way, which {@code declared} names */
    private record Conflict(
            String field, String declared, @Nullable String given) {
        static Conflict of(ResultSet row) throws SQLException {
            return new Conflict(row.getString(1), row.getString(2), row.getString(3));
        }
    }

    @Override
    public QueueRow use(String name) {
        return transactions.single("make queue " + name, connection -> {
            try (Sql.Call call = QueueSql.USE.on(connection)) {
                return call.set("name", name).one(PostgresQueueStore::queue);
            }
        });
    }

    @Override
    public Optional<String> otherOwner(String queue, @Nullable UUID self) {
        return transactions.single("look for the owner of queue " + queue, connection -> {
            try (Sql.Call call = QueueSql.OTHER_OWNER.on(connection)) {
                return call.set("names", new String[] {queue})
                        .set("self", text(self))
                        .first(row -> row.getString(2));
            }
        });
    }

    @Override
    public boolean isAbandoned(String queue, Duration leaseTime) {
        return transactions.single("look for the owner of queue " + queue, connection -> {
            try (Sql.Call call = QueueSql.IS_ABANDONED.on(connection)) {
                return call.set("name", queue)
                        .set("leaseTime", Rows.micros(leaseTime))
                        .first(row -> row.getBoolean(1))
                        .orElse(false);
            }
        });
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
    public List<QueueName> changedSince(@Nullable String horizon, @Nullable UUID self) {
        return transactions.single("look for changed queues", connection -> {
            try (Sql.Call call = QueueSql.CHANGED_SINCE.on(connection)) {
                return call.set("since", Horizons.xid(horizon))
                        .set("self", text(self))
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
                row.getInt(1),
                row.getString(2),
                Rows.duration(row, 3),
                row.getBoolean(4),
                row.getBoolean(5),
                row.getBoolean(6),
                row.getBoolean(7),
                row.getBoolean(8));
    }
}
