package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * W6: a load by bulk of 100 while somebody else's REPEATABLE READ transaction stays open and idle for three minutes, so that no row that is
 * deleted can be removed. Measures whether a message costs more the longer that transaction lasts, and what is left afterwards; beside it
 * the same load in peace, for two minutes.
 */
final class SnapshotWorkload implements Workload {
    /**
     * What is kept of the messages fills the server's shared buffers in 50 s; from then on a page has to be written out for each new one,
     * with a pin or without, and that takes an eighth of the server's CPU. So all that is measured lies behind that.
     */
    private static final double WARM_UP_SECONDS = 60;

    /** What all others are compared with: autovacuum comes once a minute, so a longer window is more like the average. */
    private static final double FIRST_WINDOW_SECONDS = 40;

    private static final double WINDOW_SECONDS = 20;
    private static final int PINNED_WINDOWS = 9;
    private static final double REST_SECONDS = 60;
    private static final int CONTROL_WINDOWS = 6;

    /** The warm-up of raw-tx, which keeps nothing and shows in less time what happens. */
    private static final double SHOWN_WARM_UP_SECONDS = 5;

    private static final int SHOWN_WINDOWS = 2;

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
        boolean isShown = contender.name().equals("raw-tx");
        bench.trial(contender, opened -> {
            Row before;
            try (Load load = started(opened)) {
                Watch watch = new Watch(bench, result, opened, load);
                before = watch.before(isShown ? SHOWN_WARM_UP_SECONDS : WARM_UP_SECONDS, "before");
                try (Connection snapshot = openSnapshot(opened.database())) {
                    watch.windows(isShown ? SHOWN_WINDOWS : PINNED_WINDOWS, "pinned, first 20 s", "pinned, last 20 s");
                    snapshot.rollback();
                }
                watch.windows(2, "released, 0 to 20 s", "released, 20 to 40 s");
            }
            sleep(options.nanos(REST_SECONDS - 2 * WINDOW_SECONDS));
            result.note(contender.name() + ", 60 s after the release: " + String.join("; ", sizes(opened)));
            return before;
        });
    }

    private void control(Bench bench, WorkloadResult result, Contender contender) throws Exception {
        bench.trial(contender, opened -> {
            try (Load load = started(opened)) {
                Watch watch = new Watch(bench, result, opened, load);
                Row first = watch.before(WARM_UP_SECONDS, "control, first 40 s");
                watch.windows(CONTROL_WINDOWS, null, "control, last 20 s");
                return first;
            }
        });
    }

    /** Measures one load, window after window. */
    private final class Watch {
        private final Bench bench;
        private final WorkloadResult result;
        private final Bench.Opened opened;
        private final Load load;
        private @Nullable Row before;

        Watch(Bench bench, WorkloadResult result, Bench.Opened opened, Load load) {
            this.bench = bench;
            this.result = result;
            this.opened = opened;
            this.load = load;
        }

        /** Measures the first window, after a warm-up. */
        Row before(double warmUpSeconds, String name) throws Exception {
            sleep(bench.options().nanos(warmUpSeconds));
            Row row = row(name, measure(FIRST_WINDOW_SECONDS));
            before = row;
            return row;
        }

        /**
         * The first (if it has a name) and the last become rows; what all of them took is noted, so that a trend can be told from a bad
         * moment.
         */
        void windows(int count, @Nullable String first, String last) throws Exception {
            List<String> cpu = new ArrayList<>();
            for (int i = 1; i <= count; i++) {
                Sample sample = measure(WINDOW_SECONDS);
                cpu.add(Figures.number(sample.cpu()));
                if (i == count) {
                    row(last, sample);
                } else if (i == 1 && first != null) {
                    row(first, sample);
                }
            }
            if (count > 2) {
                result.note(opened.contender().name() + ", up to \"" + last + "\", CPU ms per 1,000 in each 20 s: "
                        + String.join(", ", cpu));
            }
        }

        private Sample measure(double seconds) throws Exception {
            return load.measure(opened.meter(), bench.options().nanos(seconds));
        }

        private Row row(String phase, Sample sample) {
            Row row = result.row(
                    opened.contender().name() + ", " + phase, opened.contender().settings(), null);
            row.samples().add(sample);
            if (before != null) {
                row.extra(
                        "CPU x before",
                        Figures.number(row.ratio(before, Sample::cpu).median()));
            }
            bench.say(Report.line(id(), 1, row.name(), sample));
            return row;
        }
    }

    private static Load started(Bench.Opened opened) throws Exception {
        Load load = new Load(Load.Way.BULK_OF_100);
        opened.settle();
        opened.line().prepare(load.handler());
        opened.line().begin();
        load.start(opened.line());
        return load;
    }

    /** Opens a transaction with an id of its own, which holds back more than its snapshot would. */
    static Connection openSnapshot(BenchDatabase database) throws SQLException {
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

    /** Returns the sizes of the tables that take in and give away; history only grows. */
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
