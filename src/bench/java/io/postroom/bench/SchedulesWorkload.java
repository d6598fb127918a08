package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.EngineSettings;
import io.postroom.bench.WorkloadResult.Row;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * W14: one worker process and 100,000 schedules. Measures what they cost while none is due, beside a process without schedules, and how
 * long 10,000 that are due at the same instant take until all messages are committed: in a process that fires for the first time, and
 * later. Rows of other libraries follow: see {@link SchedulePeersTable}.
 */
final class SchedulesWorkload implements Workload {
    private static final int SCHEDULES = 100_000;
    private static final int DUE = 10_000;
    private static final int FIRINGS = 4;
    /** Idle backends tell the statistics what they did up to ten seconds later. */
    private static final double SETTLE_SECONDS = 20;

    private static final double SECONDS = 60;
    private static final long LONGEST_NANOS = 120_000_000_000L;

    @Override
    public String id() {
        return "W14";
    }

    @Override
    public String title() {
        return "schedules: 100,000 at rest, 10,000 due at once";
    }

    @Override
    public long diskBytes(Options options) {
        return 500_000_000;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        int schedules = bench.options().messages(SCHEDULES);
        AtRest.Cost without = atRest(bench, result, 0);
        AtRest.Cost with = atRest(bench, result, schedules);
        result.atMost(
                "at rest: statements/s more than without schedules",
                with.statementsPerSecond() - without.statementsPerSecond(),
                1,
                bench.options());
        result.atMost(
                "at rest: % of a core more than without schedules", with.load() - without.load(), 1, bench.options());
        fire(bench, result, schedules);
        new SchedulePeersTable(bench, result).measure();
        return result;
    }

    private AtRest.Cost atRest(Bench bench, WorkloadResult result, int schedules) throws Exception {
        String name = "postroom, " + String.format("%,d", schedules) + " schedules at rest";
        BenchDatabase database = bench.server().createDatabase();
        Row row = result.row(name, "default settings, a handler with 1 thread", null);
        try (Connection connection = connect(database)) {
            try (AutoCloseable running = worker(CountingDriver.counted(database))) {
                PostroomSchedules.fill(connection, schedules);
                AtRest.Cost cost =
                        AtRest.settled(bench, connection, SETTLE_SECONDS).measure(SECONDS, row);
                cost.addLoadTo(row);
                bench.say("  W14  " + name + "  " + row.extra());
                return cost;
            }
        } finally {
            bench.server().drop(database);
        }
    }

    private void fire(Bench bench, WorkloadResult result, int schedules) throws Exception {
        int due = bench.options().messages(DUE);
        String name = "postroom, " + String.format("%,d", due) + " due at once";
        Row row = result.row(name, "default settings, a handler with 1 thread", null);
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = connect(database);
                Statement statement = connection.createStatement();
                AutoCloseable running = worker(database)) {
            PostroomSchedules.fill(connection, schedules);
            double seconds = 0;
            Meter meter = new Meter(connection, bench.server().isLocal());
            for (int firing = 1; firing <= FIRINGS; firing++) {
                Meter.Mark from = meter.mark();
                seconds = fire(statement, due);
                if (firing > 1) {
                    row.samples().add(Meter.between(from, meter.mark(), due));
                }
                row.extra(firing == 1 ? "seconds, first" : "seconds, " + firing, Figures.number(seconds));
            }
            bench.say("  W14  " + name + "  " + row.extra());
            result.atMost(
                    name + ": all fired, in seconds, in a process that has fired before", seconds, 2, bench.options());
        } finally {
            bench.server().drop(database);
        }
    }

    /** The time from the planned instant until all is committed, by the database's clock. */
    private static double fire(Statement statement, int due) throws Exception {
        statement.execute("UPDATE postroom.schedule SET (due_at, planned_at) ="
                + " (SELECT x, x FROM (SELECT clock_timestamp() + interval '4 seconds') y (x)) WHERE id <= " + due);
        String planned = "(SELECT max(planned_at) FROM postroom.schedule WHERE id <= " + due + ")";
        double began = number(statement, "SELECT extract(epoch FROM clock_timestamp() - " + planned + ")"); // negative
        long start = System.nanoTime();
        String instant = BenchServer.text(statement.getConnection(), "SELECT " + planned + "::text");
        while (number(statement, "SELECT count(*) FROM postroom.schedule WHERE due_at <= '" + instant + "'") > 0) {
            if (System.nanoTime() - start > LONGEST_NANOS) {
                throw new BenchException("Not fired in two minutes");
            }
            Thread.sleep(10);
        }
        return (System.nanoTime() - start) / 1e9 + began;
    }

    private static double number(Statement statement, String sql) throws SQLException {
        try (ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getDouble(1);
        }
    }

    private static Connection connect(BenchDatabase database) throws SQLException {
        return DriverManager.getConnection(database.url(), database.user(), database.password());
    }

    private static AutoCloseable worker(BenchDatabase database) {
        HikariDataSource pool = database.pool(PostroomContender.POOL);
        Postroom postroom = Postroom.on(pool)
                .settings(EngineSettings.defaults("schedules"))
                .handler(PostroomContender.handler("scheduled", 1, any -> {}))
                .start();
        return () -> {
            postroom.close();
            pool.close();
        };
    }
}
