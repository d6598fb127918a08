package io.postroom.internal.postgres;

import io.postroom.api.Binding;
import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import io.postroom.api.Reason;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.Topology;
import io.postroom.internal.storage.TopologyStore;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Reads and declares whole topologies. Statements: {@link TopologySql}, and {@link RoutingSql} for exchanges and bindings. */
final class PostgresTopologyStore implements TopologyStore {
    private static final Duration LONGEST = Duration.ofDays(400);

    private final StoreTransactions transactions;

    PostgresTopologyStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public Topology read() {
        return transactions.snapshot("read the topology", PostgresTopologyStore::read);
    }

    @Override
    public void declareMissing(Topology wanted, Optional<Reason> reason) {
        declare(wanted, reason, TopologySql.ADD_QUEUES, connection -> true);
    }

    @Override
    public Topology declare(Topology wanted, Optional<Reason> reason, boolean dryRun) {
        return BusyRetry.untilFree(() -> declare(wanted, reason, TopologySql.SET_QUEUES, connection -> {
            Topology there = read(connection);
            if (dryRun) {
                connection.rollback(); // the commit that follows finds nothing to write
            }
            return there;
        }));
    }

    private <T> T declare(Topology wanted, Optional<Reason> reason, Sql declareQueues, StoreTransactions.Work<T> last) {
        String doing = "declare " + wanted.queues().size() + " queues, "
                + wanted.exchanges().size() + " exchanges and "
                + wanted.bindings().size() + " bindings";
        return FunctionRefusals.translated(() -> transactions.several(doing, connection -> {
            try (Sql.Call call = TopologySql.CHANGE_ROUTING.on(connection)) {
                call.set("actor", reason.flatMap(Reason::actor).orElse(null))
                        .set("reason", reason.map(Reason::text).orElse(null))
                        .one(row -> true);
            }
            lockLimiters(wanted, connection);
            List<QueueSettings> inOrder = wanted.queues().stream()
                    .sorted(Comparator.comparing(QueueSettings::queue))
                    .toList(); // two imports that make the same queues wait for one another and never in a circle
            try (Sql.Call call = TopologySql.LOCK_FIRST_USES.on(connection)) {
                call.set("queues", inOrder.stream().map(QueueSettings::queue).toArray(String[]::new))
                        .one(row -> true);
            }
            TopologyParts.each(inOrder, part -> declare(declareQueues, part, connection));
            TopologyParts.each(
                    wanted.exchanges(),
                    TopologySql.DECLARE_EXCHANGES,
                    "exchanges",
                    TopologyParts::exchange,
                    connection);
            requireNoneExclusive(wanted.bindings(), connection);
            TopologyParts.each(wanted.bindings(), TopologySql.BIND_ALL, "bindings", TopologyParts::binding, connection);
            TopologyLimits.declare(wanted, connection);
            return last.run(connection);
        }));
    }

    private static void lockLimiters(Topology wanted, Connection connection) throws SQLException {
        Stream<String> limited = wanted.limiters().stream().flatMap(limiter -> limiter.queue().stream());
        Stream<String> destinations = Stream.concat(
                wanted.limiters().stream().flatMap(limiter -> limiter.destination().stream()),
                wanted.destinations().values().stream());
        try (Sql.Call call = TopologySql.LOCK_LIMITERS.on(connection)) {
            call.set(
                            "queues",
                            Stream.concat(limited, wanted.queues().stream().map(QueueSettings::queue))
                                    .toArray(String[]::new))
                    .set("destinations", destinations.toArray(String[]::new))
                    .list(row -> row.getInt(1));
        }
    }

    /** A process binds its exclusive queue itself; a topology is everybody's. */
    private static void requireNoneExclusive(List<Binding> bindings, Connection connection) throws SQLException {
        String[] queues = bindings.stream()
                .flatMap(binding -> binding.queue().stream())
                .distinct()
                .toArray(String[]::new);
        try (Sql.Call call = QueueSql.OTHER_OWNER.on(connection)) {
            Optional<ExclusiveQueueException> refused = call.set("names", queues)
                    .set("self", (String) null)
                    .first(row -> new ExclusiveQueueException(row.getString(1), row.getString(2), true));
            if (refused.isPresent()) {
                throw refused.get();
            }
        }
    }

    private static void declare(Sql declareQueues, List<QueueSettings> queues, Connection connection)
            throws SQLException {
        String rows = TopologyParts.json(queues, TopologyParts::queue);
        try (Sql.Call call = TopologySql.FORGET_DELETED.on(connection)) {
            call.setUntyped("queues", rows).update();
        }
        try (Sql.Call call = declareQueues.on(connection)) {
            call.setUntyped("queues", rows).one(row -> true);
        }
    }

    private static Topology read(Connection connection) throws SQLException {
        return new Topology(
                list(TopologySql.QUEUES, connection, PostgresTopologyStore::settings),
                list(RoutingSql.EXCHANGES, connection, PostgresRoutingStore::exchange),
                list(TopologySql.BINDINGS, connection, PostgresRoutingStore::binding),
                list(TopologySql.LIMITERS, connection, PostgresLimiterStore::limiter),
                TopologyLimits.destinations(connection),
                TopologyLimits.weights(connection));
    }

    static <T> List<T> list(Sql sql, Connection connection, Sql.Row<T> row) throws SQLException {
        try (Sql.Call call = sql.on(connection)) {
            return call.list(row);
        }
    }

    private static QueueSettings settings(ResultSet row) throws SQLException {
        long maxLength = row.getLong(12);
        boolean isLimited = !row.wasNull();
        return new QueueSettings(
                row.getString(1),
                Optional.of(row.getInt(2)),
                Optional.ofNullable(row.getString(3)),
                Optional.ofNullable(Rows.duration(row, 4)).map(PostgresTopologyStore::limited),
                Optional.ofNullable(Rows.duration(row, 5)).map(PostgresTopologyStore::retention),
                Optional.of(row.getInt(6)),
                Optional.of(QueueKind.ofCode(row.getString(7))),
                Optional.ofNullable(row.getString(8)),
                Optional.ofNullable(row.getString(9)),
                Optional.of(row.getBoolean(10)),
                Optional.of(OnDeadLetter.ofCode(row.getString(11))),
                isLimited ? Optional.of(maxLength) : Optional.empty(),
                Optional.of(Overflow.ofCode(row.getString(13))),
                Optional.of(row.getBoolean(14)),
                Optional.ofNullable(Rows.duration(row, 15)).map(PostgresTopologyStore::limited),
                Optional.of(row.getBoolean(16)));
    }

    /** In SQL a time may be set in years: of 360 days where it is compared with its limit, of 365.25 where it becomes seconds. */
    private static Duration limited(Duration time) {
        return time.compareTo(LONGEST) > 0 ? LONGEST : time;
    }

    private static Duration retention(Duration time) {
        return time.compareTo(LONGEST.multipliedBy(2)) > 0 ? QueueSettings.FOR_EVER : limited(time);
    }
}
