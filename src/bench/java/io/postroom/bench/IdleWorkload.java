package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.EngineSettings;
import io.postroom.bench.WorkloadResult.Row;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/**
 * W7: one worker process with nothing to do, on 64 queues and on one. Measures what waiting costs: statements a second, as this process
 * sends them, and CPU of both sides. A JVM that polls once a second takes hours until it has compiled what it does then, so there are two
 * rows: of a process that has just started, and of one that has been waiting for long, for which another engine in this JVM polls as often
 * as it may for a while before.
 */
final class IdleWorkload implements Workload {
    private static final int QUEUES = 64;
    private static final String COMPILED = ", once compiled";
    private static final double WARM_UP_SECONDS = 20;
    /** Settings with the shortest heartbeat and poll intervals that are allowed, or near them. */
    static final EngineSettings LIVELY = new EngineSettings(
            "warm-up", Duration.ofSeconds(1), Duration.ofMillis(50), Duration.ofMillis(10), true, true);

    /**
     * Idle backends tell the statistics what they did up to ten seconds later, and a process that starts takes its first looks at
     * everything.
     */
    private static final double SETTLE_SECONDS = 30;

    /** Some jobs come once a minute, so that each of them is in it once, wherever it begins. */
    private static final double SECONDS = 60;

    /** Both for raw-tx, which does the same all the time. */
    private static final double SHOWN_SECONDS = 15;

    @Override
    public String id() {
        return "W7";
    }

    @Override
    public String title() {
        return "a worker process with nothing to do for a minute";
    }

    @Override
    public long diskBytes(Options options) {
        return 100_000_000;
    }

    private interface Worker {
        AutoCloseable start(BenchDatabase database) throws Exception;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        measure(
                bench,
                result,
                Contenders.rawTx(),
                "raw-tx, 1 queue",
                Contenders.rawTx().settings(),
                database -> {
                    Contender.Line line = Contenders.rawTx().open(database);
                    line.prepare(any -> {});
                    line.begin();
                    return line;
                });
        waiting(bench, result, QUEUES, ", just started");
        warmUp(bench);
        AtRest.Cost compiled = waiting(bench, result, QUEUES, COMPILED);
        waiting(bench, result, 1, COMPILED);
        String what = QUEUES + " queues" + COMPILED + ": ";
        result.atMost(what + "<= 2 statements/s in all", compiled.statementsPerSecond(), 2, bench.options());
        result.atMost(what + "< 1 % of a core, client + server", compiled.load(), 1, bench.options());
        return result;
    }

    private AtRest.Cost waiting(Bench bench, WorkloadResult result, int queues, String since) throws Exception {
        int threads = queues == 1 ? 16 : 1;
        return measure(
                bench,
                result,
                Contenders.postroom(),
                "postroom, " + queues + (queues == 1 ? " queue" : " queues") + since,
                "default settings, a handler with " + threads + (threads == 1 ? " thread" : " threads") + " for each",
                database -> worker(database, queues, threads, EngineSettings.defaults("idle")));
    }

    private static void warmUp(Bench bench) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (AutoCloseable running = worker(CountingDriver.counted(database), QUEUES, 1, LIVELY)) {
            Thread.sleep(bench.options().nanos(WARM_UP_SECONDS) / 1_000_000);
        } finally {
            bench.server().drop(database);
        }
    }

    private static AutoCloseable worker(BenchDatabase database, int queues, int threads, EngineSettings engine) {
        HikariDataSource pool = database.pool(PostroomContender.POOL);
        Postroom.Builder builder = Postroom.on(pool).settings(engine);
        for (int i = 0; i < queues; i++) {
            builder.handler(PostroomContender.handler("idle-" + i, threads, any -> {}));
        }
        Postroom postroom = builder.start();
        return () -> {
            postroom.close();
            pool.close();
        };
    }

    private AtRest.Cost measure(
            Bench bench, WorkloadResult result, Contender contender, String name, String settings, Worker worker)
            throws Exception {
        boolean isShown = contender.name().equals("raw-tx");
        BenchDatabase database = bench.server().createDatabase();
        Row row = result.row(name, settings, null);
        try (var connection =
                        java.sql.DriverManager.getConnection(database.url(), database.user(), database.password());
                AutoCloseable running = worker.start(CountingDriver.counted(database))) {
            AtRest rest = AtRest.settled(bench, connection, isShown ? SHOWN_SECONDS : SETTLE_SECONDS);
            long transactions = transactions(connection.createStatement());
            AtRest.Cost cost = rest.measure(isShown ? SHOWN_SECONDS : SECONDS, row);
            row.extra(
                    "transactions/s on the server",
                    Figures.number((transactions(connection.createStatement()) - transactions)
                            / cost.sample().seconds()));
            cost.addLoadTo(row);
            bench.say("  W7  " + name + "  " + row.extra());
            return cost;
        } finally {
            bench.server().drop(database);
        }
    }

    private static long transactions(Statement statement) throws SQLException {
        try (statement;
                ResultSet row = statement.executeQuery(
                        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")) {
            row.next();
            return row.getLong(1);
        }
    }
}
