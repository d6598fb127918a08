package io.postroom.internal.postgres;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;
import io.postroom.api.LimiterState;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.LimiterStore;
import io.postroom.internal.storage.QueueStore;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Limits of queues and destinations. Statements: {@link LimiterSql}. */
final class PostgresLimiterStore implements LimiterStore {
    private final StoreTransactions transactions;
    private final QueueStore queues;

    PostgresLimiterStore(StoreTransactions transactions, QueueStore queues) {
        this.transactions = transactions;
        this.queues = queues;
    }

    @Override
    public boolean set(Limiter limiter, boolean declared) {
        if (limiter.queue().isPresent()
                && !queues.require(limiter.queue().get()).fair()
                && (limiter.maxStartsPerGroup().isPresent()
                        || limiter.maxInProgressPerGroup().isPresent())) {
            throw new InvalidMessageException(
                    "queue",
                    "the name of a fair queue, where groups are limited",
                    limiter.queue().get());
        }
        return transactions.single("set the limiter of " + name(limiter), connection -> {
            try (Sql.Call call = LimiterSql.SET.on(connection)) {
                return call.set("queue", limiter.queue().orElse(null))
                        .set("destination", limiter.destination().orElse(null))
                        .set("maxStarts", limiter.maxStarts().orElse(null))
                        .set("period", limiter.period().map(Rows::micros).orElse(null))
                        .set("window", limiter.window().word())
                        .set("maxInProgress", limiter.maxInProgress().orElse(null))
                        .set("maxStartsPerGroup", limiter.maxStartsPerGroup().orElse(null))
                        .set(
                                "periodPerGroup",
                                limiter.periodPerGroup().map(Rows::micros).orElse(null))
                        .set(
                                "maxInProgressPerGroup",
                                limiter.maxInProgressPerGroup().orElse(null))
                        .set("setBy", declared ? "declaration" : "operator")
                        .one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public boolean remove(@Nullable String queue, @Nullable String destination) {
        if (queue != null) {
            queues.require(queue);
        }
        String doing = "remove the limiter of " + (queue == null ? "destination " + destination : "queue " + queue);
        return transactions.single(doing, connection -> {
            try (Sql.Call call = LimiterSql.REMOVE.on(connection)) {
                return call.set("queue", queue).set("destination", destination).one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public boolean setDestination(String queue, @Nullable String destination) {
        queues.require(queue);
        return transactions.single("name the destination of queue " + queue, connection -> {
            try (Sql.Call call = LimiterSql.SET_DESTINATION.on(connection)) {
                return call.set("queue", queue).set("destination", destination).one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public boolean unpark(String destination) {
        return transactions.single("let messages of destination " + destination + " start", connection -> {
            try (Sql.Call call = LimiterSql.UNPARK.on(connection)) {
                return call.set("destination", destination).one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public List<LimiterState> list() {
        return transactions.read("list limiters", connection -> {
            try (Sql.Call call = LimiterSql.LIST.on(connection)) {
                return call.list(PostgresLimiterStore::state);
            }
        });
    }

    private static LimiterState state(ResultSet row) throws SQLException {
        Limiter limiter = new Limiter(
                Optional.ofNullable(row.getString(1)),
                Optional.ofNullable(row.getString(2)),
                Optional.ofNullable(row.getObject(3, Integer.class)),
                Optional.ofNullable(Rows.duration(row, 4)),
                Limiter.Window.ofWord(row.getString(5)),
                Optional.ofNullable(row.getObject(6, Integer.class)),
                Optional.ofNullable(row.getObject(13, Integer.class)),
                Optional.ofNullable(Rows.duration(row, 14)),
                Optional.ofNullable(row.getObject(15, Integer.class)));
        return new LimiterState(
                limiter,
                row.getInt(7),
                row.getLong(8),
                Objects.requireNonNullElse(Rows.duration(row, 9), Duration.ZERO),
                row.getBoolean(10),
                Objects.requireNonNull(Rows.instant(row, 11)),
                Optional.ofNullable(Rows.instant(row, 12)),
                row.getLong(16));
    }

    private static String name(Limiter limiter) {
        return limiter.queue()
                .map(queue -> "queue " + queue)
                .orElseGet(() -> "destination " + limiter.destination().orElse(""));
    }
}
