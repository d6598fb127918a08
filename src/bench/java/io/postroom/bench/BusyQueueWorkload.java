package io.postroom.bench;

import io.postroom.bench.ConsumerProcess.Started;
import io.postroom.bench.ConsumerProcess.Work;
import io.postroom.bench.WorkloadResult.Row;
import java.time.Duration;
import java.util.Locale;

/**
 * W10f: one queue with a million waiting beside 999 with one message each, in one process. Measures how long the 999 wait: those that are
 * there when the engine starts, counted from the return of its start, and 999 more that come while the million is worked on, counted from
 * the commit of their last bulk.
 */
final class BusyQueueWorkload implements Workload {
    private static final int WAITING = 1_000_000;
    private static final int OTHERS = 999;
    private static final Duration LIMIT = Duration.ofSeconds(60);
    /** Until the engine works at full speed. */
    private static final double BUSY_SECONDS = 2;

    @Override
    public String id() {
        return "W10f";
    }

    @Override
    public String title() {
        return String.format(Locale.ROOT, "%,d waiting in one queue beside %d queues with one each", WAITING, OTHERS);
    }

    @Override
    public long diskBytes(Options options) {
        return waiting(options) * 1_000L;
    }

    private static int waiting(Options options) {
        return options.messages(options.quick() ? WAITING / 5 : WAITING);
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Row row = result.row("postroom", "default settings, a handler each, one process", null);
        BenchDatabase database = bench.server().createDatabase();
        try (ConsumerProcess consumer = ConsumerProcess.start("-Xmx1g");
                QueueFiller filler = new QueueFiller(database)) {
            consumer.warmUp(bench);
            filler.declare(0, OTHERS + 1);
            int waiting = waiting(bench.options());
            filler.spread(waiting, 0, 1, 5_000);
            filler.spread(OTHERS, 1, OTHERS + 1);
            Started started = consumer.consume(database, Work.of(OTHERS + 1), LIMIT);
            double first = seconds(started.atNanos(), consumer.awaitOthers(OTHERS, LIMIT));
            Thread.sleep(bench.options().nanos(BUSY_SECONDS) / 1_000_000);
            long done = consumer.done();
            consumer.begin();
            filler.spread(OTHERS, 1, OTHERS + 1);
            double later = seconds(System.nanoTime(), consumer.awaitOthers(OTHERS, LIMIT));
            done += consumer.done(); // the backlog must not be through before
            row.samples().add(Sample.NONE);
            row.extra("waiting", String.format(Locale.ROOT, "%,d", waiting))
                    .extra("start s", Figures.number(started.millis() / 1e3))
                    .extra("the 999 that waited were started after s", shown(first))
                    .extra("999 more s", shown(later))
                    .extra("waiting at the end", String.format(Locale.ROOT, "%,d", waiting + 2 * OTHERS - done))
                    .extra("warnings", String.valueOf(consumer.counts().warnings()));
            bench.say("  W10f  " + row.extra());
            result.atMost("the 999 that waited are started within 1 s", first, 1, bench.options());
            result.atMost("999 more are started within 1 s", later, 1, bench.options());
            consumer.rest();
        } finally {
            bench.server().drop(database);
        }
        return result;
    }

    /** Returns infinity if they were not started in time: a goal that is missed. */
    private static double seconds(long from, long to) {
        return to == 0 ? Double.POSITIVE_INFINITY : Math.max(0, to - from) / 1e9;
    }

    private static String shown(double seconds) {
        return Double.isInfinite(seconds) ? "> " + LIMIT.toSeconds() : Figures.number(seconds);
    }
}
