package io.postroom.bench;

import io.postroom.bench.ConsumerProcess.Work;
import io.postroom.bench.WorkloadResult.Row;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * W11: 1, 4 and 16 processes with small heaps share one queue, into which this JVM writes bulks. Measures whether they disturb each other:
 * CPU per message, and statements while there is nothing to do. All 16 live from the beginning and drain the same number of messages first,
 * each alone.
 */
final class ManyProcessesWorkload implements Workload {
    private static final int MESSAGES = 100_000;
    /** Messages that each JVM runs alone first, so that its compiler has done most before 16 JVMs share the cores. */
    private static final int WARM_UP_MESSAGES = 300_000;
    /** Messages before the measured ones. With them the connections to a new database plan their statements. */
    private static final int PLANNING_MESSAGES = 30_000;

    private static final int BULK = 500;
    private static final int[] PROCESSES = {1, 4, 16};
    private static final int MOST = 16;
    /** Small, for 16 of them share the server's connections. */
    private static final int POOL = 4;

    private static final int ROUNDS = 3;
    private static final Duration LIMIT = Duration.ofSeconds(120);
    private static final double SETTLE_SECONDS = 20;
    private static final double IDLE_SECONDS = 60;
    private static final Work WORK = new Work(1, PostroomContender.THREADS, POOL, false, true);

    @Override
    public String id() {
        return "W11";
    }

    @Override
    public String title() {
        return "1, 4 and 16 worker processes with 128 MB on one queue";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(WARM_UP_MESSAGES + PLANNING_MESSAGES) * 1_000L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        List<ConsumerProcess> consumers = new ArrayList<>();
        try {
            for (int i = 0; i < MOST; i++) {
                consumers.add(ConsumerProcess.start("-Xmx128m", "-XX:+ExitOnOutOfMemoryError"));
            }
            for (ConsumerProcess consumer : consumers) {
                drain(bench, List.of(consumer), bench.options().messages(WARM_UP_MESSAGES));
            }
            measure(bench, result, consumers);
            idle(bench, result, consumers);
        } finally {
            for (ConsumerProcess consumer : consumers) {
                consumer.close();
            }
        }
        return result;
    }

    private void measure(Bench bench, WorkloadResult result, List<ConsumerProcess> consumers) throws Exception {
        Rounds rounds = new Rounds(bench, result);
        Row base = null;
        List<Row> rows = new ArrayList<>();
        for (int processes : PROCESSES) {
            Row row = result.row(
                    "postroom, " + processes + (processes == 1 ? " process" : " processes"),
                    "-Xmx128m, a handler with " + PostroomContender.THREADS + " threads and a pool of " + POOL
                            + " each, bulks of " + BULK,
                    base);
            base = base == null ? row : base;
            rows.add(row);
            rounds.add(
                    row,
                    ROUNDS,
                    anyRound -> drain(
                            bench,
                            consumers.subList(0, processes),
                            bench.options().messages(MESSAGES)));
        }
        rounds.run(ROUNDS);
        result.atMost(
                "CPU per message with 16 processes <= 1.5 x with 1",
                rows.get(rows.size() - 1).ratio(Sample::cpu).median(),
                1.5,
                bench.options());
    }

    private static Sample drain(Bench bench, List<ConsumerProcess> consumers, int messages) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                QueueFiller filler = new QueueFiller(database)) {
            for (ConsumerProcess consumer : consumers) {
                consumer.consume(database, WORK, LIMIT);
            }
            int planning = bench.options().messages(PLANNING_MESSAGES);
            filler.spread(planning, 0, 1, BULK);
            awaitDone(consumers, planning);
            Meter meter = new Meter(connection, bench.server().isLocal());
            double before = ManyQueuesWorkload.cpuMillis(consumers);
            Sample sample = meter.measure(() -> {
                filler.spread(messages, 0, 1, BULK);
                awaitDone(consumers, planning + messages);
                return messages;
            });
            double cpu = ManyQueuesWorkload.cpuMillis(consumers) - before;
            for (ConsumerProcess consumer : consumers) {
                consumer.rest();
            }
            return sample.plusClient(cpu);
        } finally {
            bench.server().drop(database);
        }
    }

    private static void awaitDone(List<ConsumerProcess> consumers, int messages) throws Exception {
        long until = System.nanoTime() + LIMIT.toNanos();
        for (long done = done(consumers); done < messages; done = done(consumers)) {
            if (System.nanoTime() > until) {
                throw new BenchException(done + " of " + messages + " were done after " + LIMIT.toSeconds() + " s");
            }
            Thread.sleep(10);
        }
    }

    private static long done(List<ConsumerProcess> consumers) throws IOException {
        long sum = 0;
        for (ConsumerProcess consumer : consumers) {
            sum += consumer.done();
        }
        return sum;
    }

    private void idle(Bench bench, WorkloadResult result, List<ConsumerProcess> consumers) throws Exception {
        String name = "postroom, " + MOST + " processes, nothing to do";
        if (!bench.options().measures(name)) {
            return;
        }
        Row row = result.row(name, "as above", null);
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection =
                DriverManager.getConnection(database.url(), database.user(), database.password())) {
            new QueueFiller(database).close();
            for (ConsumerProcess consumer : consumers) {
                consumer.consume(database, WORK, LIMIT);
            }
            var figures = ManyQueuesWorkload.idle(bench, connection, consumers, SETTLE_SECONDS, IDLE_SECONDS);
            row.samples().add(figures.sample());
            figures.show(row);
            bench.say("  W11  " + name + "  " + row.extra());
            result.atMost("16 processes, nothing to do: <= 35 statements/s", figures.statements(), 35, bench.options());
            for (ConsumerProcess consumer : consumers) {
                consumer.rest();
            }
        } finally {
            bench.server().drop(database);
        }
    }
}
