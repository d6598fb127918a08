package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The rows of W14 that other libraries have, too: what schedules cost while none is due, and how long those that are due at the same
 * instant take until the job of each has run. A library that would take too long has fewer of them, which the row says.
 */
final class SchedulePeersTable {
    private static final int FIRINGS = 3;
    private static final double SETTLE_SECONDS = 20;
    private static final double SECONDS = 60;
    private static final long LONGEST_NANOS = 180_000_000_000L;

    private final Bench bench;
    private final WorkloadResult result;

    SchedulePeersTable(Bench bench, WorkloadResult result) {
        this.bench = bench;
        this.result = result;
    }

    void measure() throws Exception {
        for (SchedulingPeer peer : SchedulingPeer.all()) {
            if (!peer.name().equals("postroom")) { // has rows of its own
                row(peer, bench.options().messages(peer.atRest()), "schedules at rest", this::atRest);
            }
        }
        for (SchedulingPeer peer : SchedulingPeer.all()) {
            row(peer, bench.options().messages(peer.due()), "due at once, until all jobs have run", this::fire);
        }
        SchedulingPeer least = SchedulingPeer.all().stream()
                .min(Comparator.comparingInt(SchedulingPeer::due))
                .orElseThrow();
        row(
                new PostroomSchedules(),
                bench.options().messages(least.due()),
                "due at once, until all jobs have run",
                this::fire);
    }

    private interface Measurement {
        void take(SchedulingPeer peer, int schedules, Row row) throws Exception;
    }

    /** One that fails must not spoil the others. */
    private void row(SchedulingPeer peer, int schedules, String what, Measurement measurement) throws Exception {
        String name = peer.name() + ", " + String.format(Locale.ROOT, "%,d", schedules) + " " + what;
        if (!bench.options().measures(name)) {
            return;
        }
        Row row = result.row(name, peer.settings(), null);
        try {
            measurement.take(peer, schedules, row);
        } catch (InterruptedException stopped) {
            throw stopped;
        } catch (Exception e) {
            bench.server().refuseIfClosed();
            result.note(name + " FAILED: " + e);
            e.printStackTrace();
        }
        bench.say("  W14  " + name + "  " + row.extra());
    }

    private void atRest(SchedulingPeer peer, int schedules, Row row) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = connect(database);
                SchedulingPeer.Line line = peer.open(CountingDriver.counted(database), () -> {
                    throw new IllegalStateException("not due");
                })) {
            line.add(schedules);
            line.begin();
            AtRest.settled(bench, connection, SETTLE_SECONDS)
                    .measure(SECONDS, row)
                    .addLoadTo(row);
        } finally {
            bench.server().drop(database);
        }
    }

    /** The sample is that of the firings after the first, with what was left to wait until they were due. */
    private void fire(SchedulingPeer peer, int schedules, Row row) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        AtomicLong done = new AtomicLong();
        try (Connection connection = connect(database);
                SchedulingPeer.Line line = peer.open(database, done::incrementAndGet)) {
            line.addForFiring(schedules);
            line.begin();
            Meter meter = new Meter(connection, bench.server().isLocal());
            for (int firing = 1; firing <= FIRINGS; firing++) {
                long until = done.get() + schedules;
                Instant due = line.makeDue(schedules);
                Meter.Mark from = meter.mark();
                double seconds = seconds(done, until, due);
                if (firing > 1) {
                    row.samples().add(Meter.between(from, meter.mark(), schedules));
                }
                row.extra(firing == 1 ? "seconds, first" : "seconds, " + firing, Figures.number(seconds));
            }
            long more = done.get() - (long) FIRINGS * schedules;
            if (more > 0) {
                result.note(row.name() + ": " + more + " jobs ran that were not due");
            }
        } finally {
            bench.server().drop(database);
        }
    }

    private static double seconds(AtomicLong done, long until, Instant due) throws InterruptedException {
        long start = System.nanoTime();
        while (done.get() < until) {
            if (System.nanoTime() - start > LONGEST_NANOS) {
                throw new BenchException((until - done.get()) + " jobs had not run after three minutes");
            }
            Thread.sleep(2);
        }
        return Duration.between(due, Instant.now()).toNanos() / 1e9;
    }

    private static Connection connect(BenchDatabase database) throws Exception {
        return DriverManager.getConnection(database.url(), database.user(), database.password());
    }
}
