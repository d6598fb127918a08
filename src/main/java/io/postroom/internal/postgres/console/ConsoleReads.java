package io.postroom.internal.postgres.console;

import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.LedgerCheck;
import io.postroom.api.LedgerFilter;
import io.postroom.api.LedgerLine;
import io.postroom.api.StoreException;
import io.postroom.internal.postgres.admin.PostgresDatabase;
import io.postroom.internal.postgres.admin.PostgresLedger;
import io.postroom.internal.postgres.connection.ReadingPool;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Reads what pages show. Thread-safe. Each method runs in a read-only transaction of its own, and throws {@link StoreException} when the
 * database is away or takes longer than two seconds for a statement.
 */
public final class ConsoleReads implements AutoCloseable {
    /** Messages that are looked at in each tenth of a minute. */
    private static final int LOOKED_IN_A_TENTH = 50;
    /** Messages of the queue among these whose ends are looked up. */
    private static final int FOLLOWED_IN_A_TENTH = 10;

    private static final Duration STATEMENT = Duration.ofSeconds(2);

    private final ReadingPool pool;
    private final StoreTransactions transactions;

    private ConsoleReads(ReadingPool pool) {
        this.pool = pool;
        this.transactions = new StoreTransactions(pool.dataSource());
    }

    /** Opens a small pool to the database of a host's data source, or uses that one where it cannot be copied. */
    public static ConsoleReads on(DataSource host) {
        return new ConsoleReads(ReadingPool.of(host));
    }

    /**
     * Lists queues by name.
     *
     * @param part that names have; empty: all
     * @param after the last name of the part before; empty: from the first
     */
    public Slice<QueueLine> queues(String part, String after, int limit) {
        return read("list queues", connection -> {
            try (Sql.Call call = QueueReadsSql.LIST.on(connection)) {
                List<QueueLine> rows = call.set("part", part)
                        .set("after", after)
                        .set("limit", limit)
                        .list(ConsoleReads::queueLine);
                return Slice.of(rows, limit, row -> row.name());
            }
        });
    }

    /** Finds a queue. */
    public Optional<QueueLine> queue(String name) {
        return read("find queue " + name, connection -> {
            try (Sql.Call call = QueueReadsSql.ONE.on(connection)) {
                return call.set("name", name).first(ConsoleReads::queueLine);
            }
        });
    }

    /** The settings of a queue, in one row; no row without the queue. */
    public Grid queueSettings(String name) {
        return grid("read the settings of queue " + name, QueueReadsSql.SETTINGS, call -> call.set("name", name));
    }

    /** The bindings that lead to a queue, 200 at most. */
    public Grid bindingsTo(String queue) {
        return grid("read the bindings of queue " + queue, QueueReadsSql.BINDINGS, call -> call.set("name", queue));
    }

    /** How many messages are READY by priority, from 9 to 0; each count stops at {@code most}. */
    public List<Long> readyByPriority(String queue, int most) {
        return read("count queue " + queue, connection -> {
            try (Sql.Call call = QueueReadsSql.PRIORITIES.on(connection)) {
                return call.set("name", queue).set("most", most).list(row -> row.getLong(2));
            }
        });
    }

    /** What came into a queue in each of the last 30 minutes, the oldest first; the last one is not over yet. */
    public List<MinuteLine> minutes(String queue) {
        return read("look at the last minutes of queue " + queue, connection -> {
            try (Sql.Call call = QueueReadsSql.MINUTES.on(connection)) {
                return call.set("name", queue)
                        .set("look", LOOKED_IN_A_TENTH)
                        .set("follow", FOLLOWED_IN_A_TENTH)
                        .list(row -> new MinuteLine(
                                Objects.requireNonNull(Rows.instant(row, 1)),
                                row.getLong(2),
                                row.getLong(3),
                                row.getBoolean(4)));
            }
        });
    }

    /**
     * Lists messages.
     *
     * @param after {@link Slice#next} of the part before; null: from the start
     */
    public Slice<MessageLine> messages(MessageQuery query, @Nullable String after, int limit) {
        return read("list messages", connection -> MessageReads.list(query, after, limit, connection));
    }

    /**
     * Lists dead letters by their errors, those with the most letters first, among the next fingerprints behind one. Those without an error
     * stand on the first part.
     *
     * @param after {@link Slice#next} of the part before; empty: from the start
     */
    public Slice<FingerprintLine> fingerprints(String after, int limit) {
        return read(
                "list dead letters by their errors",
                connection -> DeadLetterReads.fingerprints(after, limit, connection));
    }

    /**
     * Lists the errors of dead letters that match. Looks at 10,000 letters: of a queue those that died last, else the newest, with the
     * fingerprint if there is one.
     *
     * @param queue its name, also that of a deleted one; unknown: none is listed
     * @param fingerprint those with this one
     * @param reason those that died of it, as the registry has it
     */
    public LettersByError errors(
            Optional<String> queue, Optional<String> fingerprint, Optional<String> reason, int limit) {
        return read(
                "list the errors of dead letters",
                connection -> DeadLetterReads.errors(queue, fingerprint, reason, limit, connection));
    }

    /**
     * Lists exchanges by name.
     *
     * @param after the last name of the part before; empty: from the first
     */
    public Slice<ExchangeLine> exchanges(String after, int limit) {
        return read("list exchanges", connection -> {
            try (Sql.Call call = TopologyReadsSql.EXCHANGES.on(connection)) {
                List<ExchangeLine> rows =
                        call.set("after", after).set("limit", limit).list(ConsoleReads::exchange);
                return Slice.of(rows, limit, row -> row.name());
            }
        });
    }

    /** Finds an exchange. */
    public Optional<ExchangeLine> exchange(String name) {
        return read("find exchange " + name, connection -> {
            try (Sql.Call call = TopologyReadsSql.EXCHANGE.on(connection)) {
                return call.set("name", name).first(ConsoleReads::exchange);
            }
        });
    }

    private static ExchangeLine exchange(ResultSet row) throws SQLException {
        return new ExchangeLine(row.getString(1), row.getString(2), Optional.ofNullable(row.getString(3)));
    }

    /**
     * Lists the bindings that begin at an exchange, the oldest first.
     *
     * @param after {@link Slice#next} of the part before; null: from the first
     */
    public Slice<BindingLine> bindingsFrom(String exchange, @Nullable String after, int limit) {
        return read("list the bindings of exchange " + exchange, connection -> {
            long[] last = new long[1];
            try (Sql.Call call = TopologyReadsSql.BINDINGS_FROM.on(connection)) {
                List<BindingLine> rows = call.set("exchange", exchange)
                        .set("after", new MessageReads.Key(after).number(0))
                        .set("limit", limit)
                        .list(row -> {
                            last[0] = row.getLong(5);
                            return new BindingLine(
                                    Optional.ofNullable(row.getString(1)),
                                    Optional.ofNullable(row.getString(2)),
                                    row.getString(3),
                                    Optional.ofNullable(row.getString(4)));
                        });
                return new Slice<>(rows, rows.size() < limit ? Optional.empty() : Optional.of(last[0] + ""));
            }
        });
    }

    /**
     * Lists limiters of destinations, then those of queues, by name.
     *
     * @param after {@link Slice#next} of the part before; null: from the first
     */
    public Slice<LimiterLine> limiters(@Nullable String after, int limit) {
        return read("list limiters", connection -> {
            String[] last = new String[1];
            try (Sql.Call call = TopologyReadsSql.LIMITERS.on(connection)) {
                List<LimiterLine> rows = call.set("after", after == null ? "" : after)
                        .set("limit", limit)
                        .list(row -> {
                            last[0] = row.getString(12);
                            return limiter(row);
                        });
                return new Slice<>(rows, rows.size() < limit ? Optional.empty() : Optional.of(last[0]));
            }
        });
    }

    private static LimiterLine limiter(ResultSet row) throws SQLException {
        return new LimiterLine(
                Optional.ofNullable(row.getString(1)),
                Optional.ofNullable(row.getString(2)),
                Optional.ofNullable(row.getObject(3, Integer.class)),
                Optional.ofNullable(row.getString(4)),
                Optional.ofNullable(row.getObject(5, Integer.class)),
                row.getInt(6),
                row.getLong(7),
                row.getLong(8),
                Optional.ofNullable(Rows.instant(row, 9)),
                row.getBoolean(10),
                instant(row, 11));
    }

    /** Processes, those that run first, 200 at most. */
    public List<WorkerLine> workers() {
        return read("list workers", connection -> {
            try (Sql.Call call = OverviewReadsSql.WORKERS.on(connection)) {
                return call.list(row -> new WorkerLine(
                        row.getString(1),
                        row.getString(2),
                        Optional.ofNullable(row.getString(3)),
                        instant(row, 4),
                        instant(row, 5),
                        Optional.ofNullable(Rows.instant(row, 6)),
                        row.getBoolean(7),
                        row.getInt(8),
                        row.getLong(9)));
            }
        });
    }

    /** Consumers of all queues, the live ones first, 500 at most. */
    public Grid consumers() {
        return grid("list consumers", OverviewReadsSql.CONSUMERS, call -> call);
    }

    /**
     * Lists what people did, the last first.
     *
     * @param after {@link Slice#next} of the part before; null: from the last
     */
    public Slice<LedgerLine> ledger(@Nullable String after, int limit) {
        LedgerFilter part = LedgerFilter.all().limit(limit);
        LedgerFilter filter = after == null ? part : part.before(MessageReads.Key.uuid(after));
        return read("read the ledger", connection -> {
            List<LedgerLine> rows = PostgresLedger.lines(filter, connection);
            return Slice.of(rows, limit, row -> row.id().toString());
        });
    }

    /** Whether the ledger's chain is whole. Reads all of it. */
    public LedgerCheck ledgerCheck() {
        return read("check the ledger", connection -> PostgresLedger.check(null, null, connection));
    }

    /** What the database says about itself, in one row. */
    public Grid database() {
        return grid("ask the database", OverviewReadsSql.SERVER, call -> call);
    }

    /** The largest tables. */
    public Grid tables() {
        return grid("measure tables", OverviewReadsSql.TABLES, call -> call);
    }

    /** Who keeps VACUUM from removing old rows, the one that holds most first. */
    public List<Holder> horizon() {
        return read("look at the horizon", PostgresDatabase::horizon);
    }

    /** The last purges. */
    public Grid purges() {
        return grid("list purges", OverviewReadsSql.PURGES, call -> call);
    }

    @Override
    public void close() {
        pool.close();
    }

    @FunctionalInterface
    private interface Parameters {
        Sql.Call on(Sql.Call call) throws SQLException;
    }

    private Grid grid(String doing, Sql sql, Parameters parameters) {
        return read(doing, connection -> {
            try (Sql.Call call = sql.on(connection)) {
                List<String> columns = new ArrayList<>();
                List<List<String>> rows = parameters.on(call).list(row -> {
                    ResultSetMetaData names = row.getMetaData();
                    List<String> cells = new ArrayList<>();
                    for (int i = 1; i <= names.getColumnCount(); i++) {
                        if (columns.size() < i) {
                            columns.add(names.getColumnLabel(i));
                        }
                        cells.add(Objects.requireNonNullElse(row.getString(i), ""));
                    }
                    return cells;
                });
                return new Grid(columns, rows);
            }
        });
    }

    private <T> T read(String doing, StoreTransactions.Work<T> work) {
        return transactions.several(doing, connection -> {
            limit(connection);
            return work.run(connection);
        });
    }

    private static void limit(Connection connection) throws SQLException {
        try (Sql.Call call = OverviewReadsSql.LIMITS.on(connection)) {
            call.set("millis", String.valueOf(STATEMENT.toMillis())).one(row -> row.getString(1));
        }
    }

    private static QueueLine queueLine(ResultSet row) throws SQLException {
        return new QueueLine(
                row.getString(1),
                row.getString(2),
                row.getBoolean(3),
                row.getLong(4),
                row.getLong(5),
                row.getLong(6),
                row.getLong(7),
                row.getInt(8),
                Optional.ofNullable(Rows.instant(row, 9)),
                row.getLong(10),
                row.getBoolean(11));
    }

    private static Instant instant(ResultSet row, int column) throws SQLException {
        return Objects.requireNonNull(Rows.instant(row, column));
    }
}
