package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import io.postroom.internal.jobs.RemoveQueueMessages;
import io.postroom.internal.postgres.purge.PostgresMaintenance;
import io.postroom.internal.storage.MaintenanceStore;
import io.postroom.testing.Days;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * W9: 2,000,000 messages that finished nine and ten days ago leave while W4's load of single transactions goes on. Measures what the purge
 * takes from the load: rate, CPU of everything, the longest an enqueuer had to wait, and whether the space comes back. The purge lasts
 * minutes, in which the load costs more or less CPU by itself. Its CPU is therefore compared with the mean of a window before and one
 * after; its ratio to the window before stands beside it.
 */
final class PurgeWorkload implements Workload {
    private static final int MESSAGES = 2_000_000;
    private static final double WINDOW_SECONDS = 40;

    private static final double WARM_UP_SECONDS = 25;
    /** The wait until what the purge leaves to be done is done. */
    private static final double AFTER_SECONDS = 20;

    private static final double LONGEST_WAIT_MILLIS = 100;

    @Override
    public String id() {
        return "W9";
    }

    @Override
    public String title() {
        return "purge of 2,000,000 finished messages of past days under load";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(MESSAGES) * 1_000L + 1_000_000_000L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        BenchDatabase database = bench.server().createDatabase();
        try {
            fill(database, bench.options().messages(MESSAGES));
            bench.trialIn(database, Contenders.postroom(), opened -> {
                purge(bench, opened, result);
                return null;
            });
        } finally {
            bench.server().drop(database);
        }
        return result;
    }

    private void fill(BenchDatabase database, int messages) throws Exception {
        Contenders.postroom().open(database).close(); // migrates
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                var pool = database.pool(2);
                Statement statement = connection.createStatement()) {
            Days.installedAgo(JdbcClient.create(pool), Duration.ofDays(12));
            MaintenanceStore maintenance = new PostgresMaintenance(pool);
            for (MaintenanceStore.Kind kind : MaintenanceStore.Kind.values()) {
                maintenance.makeDaysAhead(kind);
            }
            statement.execute("INSERT INTO postroom.queue (name) VALUES ('" + PostroomContender.QUEUE + "')");
            for (int day : new int[] {10, 9}) {
                statement.execute(past(day, messages / 2));
            }
            // The process under load would purge at its start; so long another node seems to do it.
            statement.execute(
                    "INSERT INTO postroom.shedlock VALUES ('postroom.RemoveQueueMessages', now() + interval '50 minutes', now(), 'bench')");
        }
    }

    /** Spread over one day, in the order of their ids, each finished 10 ms after it came. */
    private static String past(int daysAgo, int messages) {
        return """
                WITH made AS (
                    SELECT g, at, extract(epoch FROM at) * 1000 AS millis
                    FROM generate_series(1, %2$d) g,
                         LATERAL (SELECT ((now() AT TIME ZONE 'UTC')::date - %1$d)::timestamp AT TIME ZONE 'UTC'
                                         + g * (interval '23 hours' / %2$d) AS at) a
                ), stored AS (
                    INSERT INTO postroom.message (id, seq, created_at, queue_id, priority, direction, type, type_version, payload)
                    SELECT (lpad(to_hex(millis::bigint), 12, '0') || '7' || lpad(to_hex(g %% 4096), 3, '0')
                               || '8' || lpad(to_hex(g), 15, '0'))::uuid,
                           nextval('postroom.ready_seq'), at, q.id, 4, 0, 'bench', 1, '%3$s'
                    FROM made, postroom.queue q
                    WHERE q.name = '%4$s'
                    RETURNING id, created_at, queue_id
                )
                INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome)
                SELECT id, created_at, created_at + interval '10 ms', 1, queue_id, 1, 1, 0
                FROM stored
                """.formatted(daysAgo, messages, Payloads.usual(), PostroomContender.QUEUE);
    }

    private void purge(Bench bench, Bench.Opened opened, WorkloadResult result) throws Exception {
        Options options = bench.options();
        long window = options.nanos(WINDOW_SECONDS);
        opened.settle();
        String sizesBefore = sizes(opened.connection());
        double toBeforeAndAfter;
        double took;
        double worst;
        try (Load load = new Load(Load.Way.SINGLE);
                var pool = opened.database().pool(2)) {
            opened.line().prepare(load.handler());
            opened.line().begin();
            load.start(opened.line());
            Thread.sleep(options.nanos(WARM_UP_SECONDS) / 1_000_000);
            load.worstWaitMillis();
            Row before = result.row("postroom, before", opened.contender().settings(), null);
            phase(bench, before, load, load.measure(opened.meter(), window));
            Meter.Mark from = opened.meter().mark();
            long handled = load.handled();
            took = run(new RemoveQueueMessages(new PostgresMaintenance(pool)));
            Row during = result.row("postroom, during", opened.contender().settings(), null);
            worst = phase(
                    bench, during, load, Meter.between(from, opened.meter().mark(), load.handled() - handled));
            during.extra(
                    "CPU x before",
                    Figures.number(during.ratio(before, Sample::cpu).median()));
            Thread.sleep(options.nanos(AFTER_SECONDS) / 1_000_000);
            Row after = result.row("postroom, after", opened.contender().settings(), null);
            phase(bench, after, load, load.measure(opened.meter(), window));
            after.extra(
                    "CPU x before",
                    Figures.number(after.ratio(before, Sample::cpu).median()));
            toBeforeAndAfter = during.samples().get(0).cpu()
                    / ((before.samples().get(0).cpu() + after.samples().get(0).cpu()) / 2);
        }
        result.note("The purge took " + Figures.number(took) + " s.");
        result.note("Before: " + sizesBefore + ". After: " + sizes(opened.connection()) + ".");
        result.atMost("CPU during <= 1.1 x the mean of before and after", toBeforeAndAfter, 1.1, options);
        result.atMost("no enqueue waits > 100 ms", worst, LONGEST_WAIT_MILLIS, options);
        result.atMost("finished messages left of those days", left(opened.connection()), 0, options);
    }

    private static final String WAIT = "longest enqueue, ms";

    /** Returns the longest enqueue of this phase, in ms. */
    private double phase(Bench bench, Row row, Load load, Sample sample) {
        double wait = load.worstWaitMillis();
        row.samples().add(sample);
        row.extra(WAIT, Figures.number(wait));
        bench.say(Report.line(id(), 1, row.name(), sample) + "  " + row.extra());
        return wait;
    }

    /** Turn after turn, as its timer would, until it has nothing more to do. Returns the seconds. */
    private static double run(RemoveQueueMessages job) {
        long began = System.nanoTime();
        try {
            for (Duration wait = job.run(); wait.toSeconds() < 60; wait = job.run()) {
                Thread.sleep(wait.toMillis());
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        return (System.nanoTime() - began) / 1e9;
    }

    /** Returns the sizes of the days before yesterday, which the load does not touch. */
    private static String sizes(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("""
                        SELECT 'tables ' || pg_size_pretty(sum(pg_table_size(c.oid)))
                            || ', indexes ' || pg_size_pretty(sum(pg_indexes_size(c.oid)))
                        FROM pg_class c
                        WHERE c.relnamespace = 'postroom'::regnamespace
                          AND c.relkind = 'r'
                          AND c.relname ~ '^(message|attempt)_2'
                          AND right(c.relname, 8) < to_char((now() AT TIME ZONE 'UTC')::date - 1, 'YYYYMMDD')
                        """)) {
            row.next();
            return row.getString(1);
        }
    }

    private static long left(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "SELECT count(*) FROM postroom.message WHERE id < postroom.lowest_id(now() - interval '2 days')")) {
            row.next();
            return row.getLong(1);
        }
    }
}
