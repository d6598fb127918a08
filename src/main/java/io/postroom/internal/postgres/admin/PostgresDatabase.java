package io.postroom.internal.postgres.admin;

import io.postroom.api.Database;
import io.postroom.api.DatabaseHealth;
import io.postroom.api.DatabaseHealth.Days;
import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.DatabaseHealth.HolderKind;
import io.postroom.api.DatabaseHealth.Table;
import io.postroom.api.DatabaseHealth.Worker;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.PostroomException;
import io.postroom.api.StoreException;
import io.postroom.internal.postgres.PostgresInspection;
import io.postroom.internal.postgres.connection.Migrations;
import io.postroom.internal.postgres.connection.StartCheck;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.DatabaseInspection;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import javax.sql.DataSource;

/**
 * Looks at the database, one question after the other. Thread-safe. Statements: {@link HealthSql}; what they mean: {@link HealthFindings}.
 */
public final class PostgresDatabase implements Database {
    private static final Duration LARGEST_AGE = Duration.ofDays(1);

    private final DataSource source;
    private final StoreTransactions transactions;
    private final InstantSource clock;

    /** @param source the engine's connections */
    public PostgresDatabase(DataSource source) {
        this(source, InstantSource.system());
    }

    /** @param clock of this process */
    PostgresDatabase(DataSource source, InstantSource clock) {
        this.source = source;
        this.transactions = new StoreTransactions(source);
        this.clock = clock;
    }

    @Override
    public DatabaseHealth health(Duration olderThan) {
        if (olderThan.isNegative() || olderThan.compareTo(LARGEST_AGE) > 0) {
            throw new InvalidMessageException("olderThan", "0 to 1 day", olderThan.toString());
        }
        Server server = bounded("look at the server", PostgresDatabase::server);
        Clocks clocks = bounded("compare the clocks", this::clocks);
        HealthFindings findings = new HealthFindings(olderThan);
        findings.server(server);
        findings.clocks(clocks);
        startCheck(findings);
        List<Holder> horizon = look(findings, "look at the horizon", List.of(), PostgresDatabase::horizon);
        findings.horizon(horizon);
        List<Table> tables = List.of();
        List<Days> days = List.of();
        List<Worker> workers = List.of();
        if (server.hasSchema()) {
            tables = look(findings, "look at the sizes of tables", tables, connection -> tables(connection, findings));
            days = look(findings, "look at the days", days, connection -> days(connection, findings));
            workers = look(findings, "look at the workers", workers, connection -> workers(connection, findings));
            lookAtWork(findings);
        }
        return new DatabaseHealth(
                clocks.database(),
                server.version(),
                server.role(),
                clocks.skew(),
                horizon,
                tables,
                days,
                workers,
                findings.all());
    }

    /**
     * Looks who holds the horizon, the one that holds most first.
     *
     * @throws StoreException the look took too long, or the database cannot be reached
     */
    public List<Holder> horizon() {
        return bounded("look at the horizon", PostgresDatabase::horizon);
    }

    /** The same in a transaction of the caller, under its limits. */
    public static List<Holder> horizon(Connection connection) throws SQLException {
        return list(HealthSql.HORIZON, connection, PostgresDatabase::holder);
    }

    private void lookAtWork(HealthFindings findings) {
        look(findings, "look for a late purge", 0, connection -> {
            try (Sql.Call call = HealthSql.LATE_PURGE.on(connection)) {
                return call.one(row -> findings.latePurge(row.getInt(1), Rows.instant(row, 2)));
            }
        });
        look(
                findings,
                "look at operations",
                List.of(),
                connection -> list(
                        HealthSql.OPERATIONS,
                        connection,
                        row -> findings.operation(
                                row.getString(1),
                                row.getString(2) + ", " + row.getLong(3) + " of " + row.getLong(4),
                                row.getBoolean(5) ? row.getInt(6) : 0,
                                Duration.ofSeconds(row.getLong(7)),
                                Duration.ofSeconds(row.getLong(8)))));
        look(
                findings,
                "look at dead letter exchanges",
                List.of(),
                connection -> list(
                        HealthSql.DEAD_LETTER_EXCHANGES,
                        connection,
                        row -> findings.deadLetterExchange(row.getString(1), row.getString(2))));
        look(
                findings,
                "look at the functions",
                List.of(),
                connection -> findings.publicFunctions(list(
                        HealthSql.PUBLIC_FUNCTIONS,
                        connection,
                        row -> new PublicFunction(row.getString(1), row.getString(2), row.getBoolean(3)))));
        asked(findings, "look at rights and settings", () -> {
            DatabaseInspection.Findings found = new PostgresInspection(source).inspect();
            findings.inspected(found);
            return found;
        });
    }

    /** The checks of a start. Flyway is asked only where the quick look does not find all migrations. */
    private void startCheck(HealthFindings findings) {
        asked(findings, "check the server as a start does", () -> {
            StartCheck checked = StartCheck.of(source);
            findings.startWarnings(checked.warnings());
            return checked;
        });
        asked(findings, "check the migrations", () -> {
            if (!Migrations.haveRun(source)) {
                Migrations.validate(source);
            }
            return true;
        });
    }

    /** Runs a check that says what is wrong by its exception. */
    private static void asked(HealthFindings findings, String doing, Supplier<?> check) {
        try {
            check.get();
        } catch (StoreException failed) {
            findings.notSeen(doing, failed);
        } catch (PostroomException refused) {
            findings.refused(refused);
        }
    }

    private <T> T look(HealthFindings findings, String doing, T otherwise, StoreTransactions.Work<T> work) {
        try {
            return bounded(doing, work);
        } catch (StoreException failed) {
            findings.notSeen(doing, failed);
            return otherwise;
        }
    }

    private <T> T bounded(String doing, StoreTransactions.Work<T> work) {
        return transactions.several(doing, connection -> {
            try (Sql.Call call = HealthSql.LIMITS.on(connection)) {
                call.one(row -> true);
            }
            return work.run(connection);
        });
    }

    private static <T> List<T> list(Sql sql, Connection connection, Sql.Row<T> row) throws SQLException {
        try (Sql.Call call = sql.on(connection)) {
            return call.list(row);
        }
    }

    private static Server server(Connection connection) throws SQLException {
        try (Sql.Call call = HealthSql.SERVER.on(connection)) {
            return call.one(row -> new Server(
                    row.getString(1),
                    row.getString(2),
                    row.getString(3),
                    row.getBoolean(4),
                    row.getInt(5),
                    row.getInt(6),
                    row.getBoolean(7),
                    row.getBoolean(8)));
        }
    }

    /** The answer was true at some moment between question and arrival: the middle is wrong by half of that time at most. */
    private Clocks clocks(Connection connection) throws SQLException {
        try (Sql.Call call = HealthSql.CLOCK.on(connection)) {
            Instant asked = clock.instant();
            Instant database = call.one(row -> Objects.requireNonNull(Rows.instant(row, 1)));
            Duration half = Duration.between(asked, clock.instant()).dividedBy(2);
            return new Clocks(database, Duration.between(database, asked.plus(half)), half);
        }
    }

    private static Holder holder(ResultSet row) throws SQLException {
        return new Holder(
                HolderKind.valueOf(row.getString(1)),
                row.getString(2),
                number(row, 3).map(Long::intValue),
                Optional.ofNullable(row.getString(4)),
                Optional.ofNullable(row.getString(5)),
                Optional.ofNullable(row.getString(6)),
                number(row, 7),
                number(row, 8),
                number(row, 9));
    }

    private static Optional<Long> number(ResultSet row, int column) throws SQLException {
        long value = row.getLong(column);
        return row.wasNull() ? Optional.empty() : Optional.of(value);
    }

    private static List<Table> tables(Connection connection, HealthFindings findings) throws SQLException {
        return list(HealthSql.TABLES, connection, row -> {
            Table table = new Table(
                    row.getString(1),
                    row.getInt(2),
                    row.getLong(3),
                    row.getLong(4),
                    row.getLong(5),
                    Optional.ofNullable(Rows.instant(row, 6)));
            findings.table(table, row.getBoolean(7));
            return table;
        });
    }

    private static List<Days> days(Connection connection, HealthFindings findings) throws SQLException {
        return list(HealthSql.DAYS, connection, row -> {
            findings.daysAhead(row.getString(1), Duration.ofSeconds(row.getLong(6)));
            return new Days(
                    row.getString(1),
                    row.getInt(2),
                    Optional.ofNullable(Rows.instant(row, 3)),
                    Optional.ofNullable(Rows.instant(row, 4)),
                    row.getLong(5));
        });
    }

    private static List<Worker> workers(Connection connection, HealthFindings findings) throws SQLException {
        List<Worker> workers = list(
                HealthSql.WORKERS,
                connection,
                row -> new Worker(
                        row.getString(1),
                        row.getString(2),
                        Objects.requireNonNull(Rows.instant(row, 3)),
                        Rows.ofMicros(Math.max(0, row.getLong(4))),
                        row.getLong(5)));
        boolean waits =
                list(HealthSql.WAITING, connection, row -> row.getBoolean(1)).contains(true);
        findings.workers(workers, waits);
        if (HealthFindings.isAnyAlive(workers)) {
            findings.notConsumed(list(HealthSql.NOT_CONSUMED, connection, row -> row.getString(1)));
        }
        return workers;
    }

    /**
     * The server.
     *
     * @param autovacuum whether autovacuum runs, and has the counts that it needs
     * @param seesAll whether the role sees the sessions of others
     */
    record Server(
            String version,
            String role,
            String quotedRole,
            boolean autovacuum,
            int mostConnections,
            int connections,
            boolean seesAll,
            boolean hasSchema) {}

    /**
     * A function that everybody may call.
     *
     * @param isDoor whether it runs with the rights of its owner
     */
    record PublicFunction(String name, String owner, boolean isDoor) {}

    /**
     * Two clocks at one moment.
     *
     * @param skew how far this process is ahead
     * @param exactTo how wrong that may be, in either direction
     */
    record Clocks(Instant database, Duration skew, Duration exactTo) {}
}
