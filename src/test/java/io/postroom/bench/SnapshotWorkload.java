package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * W6: a load by bulk of 100 while somebody else's REPEATABLE READ transaction stays open and idle for three minutes, so that no row that is deleted can be
 * removed. Measures whether the queue becomes dearer the longer it lasts, and what is left afterwards; beside it the same load in peace.
 */
final class SnapshotWorkload implements Workload {
    /**
     * What is kept of the messages fills the server's shared buffers in 50 s; from then on a page has to be written out for each new one, with a pin or
     * without, and that takes an eighth of the server's CPU. So both measured windows lie behind that.
     */
    private static final double BEFORE_SECONDS = 90;

    private static final double PINNED_SECONDS = 180;
    private static final double RELEASED_SECONDS = 40;
    private static final double REST_SECONDS = 60;
    private static final double CONTROL_SECONDS = 160;
    private static final double WINDOW_SECONDS = 20;

    /** For raw-tx, which keeps nothing and shows what happens in less. */
    private static final double SHOWN_BEFORE_SECONDS = 25;

    private static final double SHOWN_SECONDS = 50;

    @Override
    public String id() {
        return "W6";
    }

    @Override
    public String title() {
        return "bulk of 100 enqueued and processed while another transaction keeps a snapshot for 3 minutes";
    }

    @Override
    public long diskBytes(Options options) {
        return (long) (10e9 * Math.min(1, options.scale() * 2));
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        for (Contender contender : bench.chosen(Contenders.rawTx(), Contenders.postroom())) {
            pinned(bench, result, contender);
        }
        control(bench, result, Contenders.postroom());
        Row before = result.find("postroom, before").orElseThrow();
        Row last = result.find("postroom, pinned, last 20 s").orElseThrow();
        result.atMost(
                "CPU in the last 20 s <= 1.1 x before the pin",
                last.ratio(before, Sample::cpu).median(),
                1.1,
                bench.options());
        return result;
    }

    private void pinned(Bench bench, WorkloadResult result, Contender contender) throws Exception {
        Options options = bench.options();
        long window = options.nanos(WINDOW_SECONDS);
        boolean isShown = contender.name().equals("raw-tx");
        bench.trial(contender, opened -> {
            Row before;
            try (Load load = started(opened)) {
                sleep(options.nanos(isShown ? SHOWN_BEFORE_SECONDS : BEFORE_SECONDS) - window);
                before = take(bench, result, opened, load, "before", window, null);
                try (Connection snapshot = openSnapshot(opened.database())) {
                    long pinned = System.nanoTime();
                    take(bench, result, opened, load, "pinned, first 20 s", window, before);
                    double pinnedSeconds = isShown ? SHOWN_SECONDS : PINNED_SECONDS;
                    sleep(options.nanos(pinnedSeconds) - window - (System.nanoTime() - pinned));
                    take(bench, result, opened, load, "pinned, last 20 s", window, before);
                    snapshot.rollback();
                }
                take(bench, result, opened, load, "released, 0 to 20 s", window, before);
                take(bench, result, opened, load, "released, 20 to 40 s", window, before);
            }
            sleep(options.nanos(REST_SECONDS) - options.nanos(RELEASED_SECONDS));
            result.note(contender.name() + ", 60 s after the release: " + String.join("; ", sizes(opened)));
            return before;
        });
    }

    private void control(Bench bench, WorkloadResult result, Contender contender) throws Exception {
        Options options = bench.options();
        long window = options.nanos(WINDOW_SECONDS);
        bench.trial(contender, opened -> {
            try (Load load = started(opened)) {
                sleep(options.nanos(BEFORE_SECONDS) - window);
                Row first = take(bench, result, opened, load, "control, first 20 s", window, null);
                sleep(options.nanos(CONTROL_SECONDS) - 2 * window);
                return take(bench, result, opened, load, "control, last 20 s", window, first);
            }
        });
    }

    private static Load started(Bench.Opened opened) throws Exception {
        Load load = new Load(Load.Way.BULK_OF_100);
        opened.settle();
        opened.line().prepare(load.handler());
        opened.line().begin();
        load.start(opened.line());
        return load;
    }

    private Row take(
            Bench bench,
            WorkloadResult result,
            Bench.Opened opened,
            Load load,
            String phase,
            long window,
            @org.jspecify.annotations.Nullable Row before)
            throws Exception {
        Sample sample = load.measure(opened.meter(), window);
        Row row = result.row(
                opened.contender().name() + ", " + phase, opened.contender().settings(), null);
        row.samples().add(sample);
        if (before != null) {
            row.extra(
                    "CPU x before",
                    Figures.number(sample.cpu() / before.samples().get(0).cpu()));
        }
        bench.say(Report.line(id(), 1, row.name(), sample));
        return row;
    }

    /** With a transaction id of its own, so that it holds back more than its snapshot would. */
    private static Connection openSnapshot(BenchDatabase database) throws SQLException {
        Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
        connection.setAutoCommit(false);
        connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        try (Statement statement = connection.createStatement()) {
            statement.execute("SELECT count(*), pg_current_xact_id() FROM pg_class");
        }
        return connection;
    }

    private static void sleep(long nanos) throws InterruptedException {
        Thread.sleep(Math.max(0, nanos / 1_000_000));
    }

    /** Of the tables that take in and give away; history only grows. */
    static List<String> sizes(Bench.Opened opened) throws SQLException {
        List<String> sizes = new ArrayList<>();
        try (Statement statement = opened.connection().createStatement();
                ResultSet rows = statement.executeQuery("""
                        SELECT relname || ': ' || n_live_tup || ' live and ' || n_dead_tup || ' dead rows, table '
                            || pg_size_pretty(pg_table_size(relid)) || ', indexes ' || pg_size_pretty(pg_indexes_size(relid))
                        FROM pg_stat_user_tables
                        WHERE relname IN ('raw_queue', 'ready', 'lease', 'delayed')
                        ORDER BY relname
                        """)) {
            while (rows.next()) {
                sizes.add(rows.getString(1));
            }
        }
        return sizes;
    }
}
