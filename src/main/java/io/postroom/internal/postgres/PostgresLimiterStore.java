package io.postroom.internal.postgres;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;
import io.postroom.api.LimiterState;
import io.postroom.api.Reason;
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
    public boolean set(Limiter limiter, boolean declared, @Nullable Reason reason) {
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
                return Reasons.because(reason, given(call, limiter))
                        .set("setBy", declared ? "declaration" : "operator")
                        .one(row -> row.getBoolean(1));
            }
        });
    }

    /** Sets all but who sets it. */
    private static Sql.Call given(Sql.Call call, Limiter limiter) throws SQLException {
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
                .set("maxInProgressPerGroup", limiter.maxInProgressPerGroup().orElse(null));
    }

    @Override
    public boolean remove(@Nullable String queue, @Nullable String destination, @Nullable Reason reason) {
        if (queue != null) {
            queues.require(queue);
        }
        String doing = "remove the limiter of " + (queue == null ? "destination " + destination : "queue " + queue);
        return transactions.single(doing, connection -> {
            try (Sql.Call call = LimiterSql.REMOVE.on(connection)) {
                return Reasons.because(reason, call)
                        .set("queue", queue)
                        .set("destination", destination)
                        .one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public boolean setDestination(
            String queue, @Nullable String destination, boolean declared, @Nullable Reason reason) {
        queues.require(queue);
        return transactions.single("name the destination of queue " + queue, connection -> {
            try (Sql.Call call = LimiterSql.SET_DESTINATION.on(connection)) {
                return Reasons.because(reason, call)
                        .set("queue", queue)
                        .set("destination", destination)
                        .set("setBy", declared ? "declaration" : "operator")
                        .one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public boolean unpark(String destination, @Nullable Reason reason) {
        return transactions.single("let messages of destination " + destination + " start", connection -> {
            try (Sql.Call call = LimiterSql.UNPARK.on(connection)) {
                return Reasons.because(reason, call)
                        .set("destination", destination)
                        .one(row -> row.getBoolean(1));
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
        return new LimiterState(
                limiter(row),
                row.getInt(10),
                row.getLong(11),
                Objects.requireNonNullElse(Rows.duration(row, 12), Duration.ZERO),
                row.getBoolean(13),
                Objects.requireNonNull(Rows.instant(row, 14)),
                Optional.ofNullable(Rows.instant(row, 15)),
                row.getLong(16));
    }

    /** The limiter in the first nine columns. */
    static Limiter limiter(ResultSet row) throws SQLException {
        return new Limiter(
                Optional.ofNullable(row.getString(1)),
                Optional.ofNullable(row.getString(2)),
                Optional.ofNullable(row.getObject(3, Integer.class)),
                Optional.ofNullable(Rows.duration(row, 4)),
                Limiter.Window.ofWord(row.getString(5)),
                Optional.ofNullable(row.getObject(6, Integer.class)),
                Optional.ofNullable(row.getObject(7, Integer.class)),
                Optional.ofNullable(Rows.duration(row, 8)),
                Optional.ofNullable(row.getObject(9, Integer.class)));
    }

    private static String name(Limiter limiter) {
        return limiter.queue()
                .map(queue -> "queue " + queue)
                .orElseGet(() -> "destination " + limiter.destination().orElse(""));
    }
}
