package io.postroom.bench;

import io.postroom.bench.ConsumerProcess.Counts;
import io.postroom.bench.ConsumerProcess.Work;
import io.postroom.bench.WorkloadResult.Row;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * W10: one process consumes 10, 1,000 or 10,000 queues, each by a handler of its own that does nothing. Another creates messages spread
 * over them in bulks; the clock stops when the last is DONE. Each size has a consuming JVM of its own, which drains the same number of
 * messages over 10 queues first, so that the JVM's compiler does not decide. Then the one with 1,000 queues waits for a minute, as in W7.
 */
final class ManyQueuesWorkload implements Workload {
    static final int MESSAGES = 20_000;
    private static final int[] SIZES = {10, 1_000, 10_000};
    private static final int IDLE_QUEUES = 1_000;
    static final int MOST_ROUNDS = 3;
    private static final int SPARE_THREADS = 40;

    /** Longer than any goal; an engine that is not up by then counts as failed. */
    private static final Duration START_LIMIT = Duration.ofSeconds(60);

    private static final Duration DRAIN_LIMIT = Duration.ofSeconds(120);

    private static final double LIVELY_SECONDS = 20;
    private static final double SETTLE_SECONDS = 30;
    private static final double IDLE_SECONDS = 60;

    @Override
    public String id() {
        return "W10";
    }

    @Override
    public String title() {
        return String.format("%,d messages over many queues, one handler each, one process", MESSAGES);
    }

    @Override
    public long diskBytes(Options options) {
        return 500_000_000;
    }

    /** What one size found, beside its row. */
    private static final class Size implements AutoCloseable {
        final int queues;
        final Row row;
        final List<Double> warmStarts = new ArrayList<>();
        double coldStart = Double.NaN;
        int threads;
        int handlers;
        int spareThreads;
        long warnings;
        private ConsumerProcess consumer;

        Size(int queues, Row row) {
            this.queues = queues;
            this.row = row;
        }

        /** Starts the JVM at its first use. */
        ConsumerProcess consumer(Bench bench) throws Exception {
            if (consumer == null) {
                consumer = ConsumerProcess.start("-Xmx1g");
                coldStart = coldStart(bench);
                consumer.warmUp(bench);
            }
            return consumer;
        }

        private double coldStart(Bench bench) throws Exception {
            BenchDatabase database = bench.server().createDatabase();
            try (QueueFiller schema = new QueueFiller(database)) {
                double millis =
                        consumer.consume(database, Work.of(queues), START_LIMIT).millis();
                consumer.rest();
                return millis;
            } finally {
                bench.server().drop(database);
            }
        }

        void add(Counts counts) {
            threads = Math.max(threads, counts.threads());
            handlers = Math.max(handlers, counts.handlers());
            spareThreads = Math.max(spareThreads, counts.threads() - counts.handlers());
            warnings += counts.warnings();
        }

        boolean isMeasured() {
            return row.figures(Sample::rate).count() > 0;
        }

        /** A size that was tried and failed misses its goals; one that was not asked for is not compared. */
        double orMissed(double value) {
            return isMeasured() || row.samples().isEmpty() ? value : Double.POSITIVE_INFINITY;
        }

        void show() {
            row.extra("start s, new JVM / warm", seconds(coldStart) + " / " + seconds(median(warmStarts)));
            row.extra("threads", threads + ", running handlers " + handlers);
            row.extra("warnings", String.valueOf(warnings));
        }

        static double median(List<Double> values) {
            return Figures.of(values.stream().mapToDouble(Double::doubleValue)).median();
        }

        private static String seconds(double millis) {
            return Figures.number(millis / 1000);
        }

        @Override
        public void close() throws InterruptedException {
            if (consumer != null) {
                consumer.close();
            }
        }
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        Map<Integer, Size> sizes = new LinkedHashMap<>();
        Rounds rounds = new Rounds(bench, result);
        for (int queues : SIZES) {
            int scaled = scaled(queues, bench.options());
            String name = String.format("postroom, %,d queues", scaled);
            Row row = result.row(name, "default settings, a handler each; created by another process", null);
            Size size = new Size(scaled, row);
            sizes.put(queues, size);
            rounds.add(row, MOST_ROUNDS, warmUp -> drain(bench, size, warmUp));
        }
        try {
            rounds.run(MOST_ROUNDS);
        } finally {
            for (Size size : sizes.values()) {
                size.show();
                size.close();
            }
        }
        compareWithGoals(result, sizes, bench.options());
        idle(bench, result);
        return result;
    }

    private static int scaled(int queues, Options options) {
        return options.scale() == 1 ? queues : (int) Math.max(10, queues * options.scale());
    }

    private static Sample drain(Bench bench, Size size, boolean warmUp) throws Exception {
        ConsumerProcess consumer = size.consumer(bench);
        int messages = bench.options().messages(MESSAGES);
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                QueueFiller filler = new QueueFiller(database)) {
            double start = consumer.consume(database, Work.of(size.queues), START_LIMIT)
                    .millis();
            consumer.begin();
            Meter meter = new Meter(connection, bench.server().isLocal());
            double before = consumer.cpuMillis();
            Sample sample = meter.measure(() -> {
                filler.spread(messages, 0, size.queues);
                return awaitDrained(consumer, messages);
            });
            double cpu = consumer.cpuMillis() - before;
            Counts counts = consumer.counts();
            if (!warmUp) {
                size.warmStarts.add(start);
                size.add(counts);
            }
            if (counts.warnings() > 0) {
                bench.say("  W10  " + counts.warnings() + " warnings, the first: " + counts.firstWarning());
            }
            consumer.rest();
            return sample.plusClient(cpu);
        } finally {
            bench.server().drop(database);
        }
    }

    private static long awaitDrained(ConsumerProcess consumer, int messages) throws IOException {
        long done = consumer.awaitDone(messages, DRAIN_LIMIT);
        if (done < messages) {
            throw new BenchException(done + " of " + messages + " were done after " + DRAIN_LIMIT.toSeconds() + " s");
        }
        return done;
    }

    private static void compareWithGoals(WorkloadResult result, Map<Integer, Size> sizes, Options options) {
        Row ten = sizes.get(10).row;
        for (int queues : new int[] {1_000, 10_000}) {
            Size size = sizes.get(queues);
            String what = String.format("%,d queues: ", queues);
            boolean thousand = queues == 1_000;
            double most = thousand ? 1.5 : 2.5;
            result.atMost(
                    what + "CPU <= " + most + " x with 10",
                    size.orMissed(size.row.ratio(ten, Sample::cpu).median()),
                    most,
                    options);
            int seconds = thousand ? 2 : 6;
            result.atMost(
                    what + "started in <= " + seconds + " s, new JVM",
                    size.orMissed(size.coldStart / 1e3),
                    seconds,
                    options);
            result.atMost(
                    what + "no failed claim, warnings",
                    size.isMeasured() ? size.warnings : size.orMissed(Double.NaN),
                    0,
                    options);
            result.atMost(
                    what + "threads besides running handlers <= " + SPARE_THREADS,
                    size.isMeasured() ? size.spareThreads : size.orMissed(Double.NaN),
                    SPARE_THREADS,
                    options);
        }
    }

    /** Waits for a minute with the queues of {@link #IDLE_QUEUES}, once the JVM has compiled what a waiting process does. */
    private void idle(Bench bench, WorkloadResult result) throws Exception {
        int queues = scaled(IDLE_QUEUES, bench.options());
        String name = String.format("postroom, %,d queues, nothing to do", queues);
        if (!bench.options().measures(name)) {
            return;
        }
        Row row = result.row(name, "default settings, a handler each, once compiled", null);
        try (ConsumerProcess consumer = ConsumerProcess.start("-Xmx1g")) {
            Work work = Work.of(queues).withCounted();
            idle(bench, consumer, work.withLively(), 0, LIVELY_SECONDS);
            IdleFigures figures = idle(bench, consumer, work, SETTLE_SECONDS, IDLE_SECONDS);
            row.samples().add(figures.sample);
            figures.show(row);
            bench.say("  W10  " + name + "  " + row.extra());
            result.atMost("1,000 queues, nothing to do: <= 2 statements/s", figures.statements, 2, bench.options());
            result.atMost(
                    "1,000 queues, nothing to do: <= 1 % of a core, client + server",
                    figures.sample.clientLoad() + figures.sample.serverLoad(), 1, bench.options());
        }
    }

    /** @param statements a second */
    record IdleFigures(Sample sample, double statements) {
        void show(Row row) {
            row.extra("statements/s", Figures.number(statements));
            row.extra(
                    "% of a core, client + server",
                    Figures.number(sample.clientLoad()) + " + " + Figures.number(sample.serverLoad()));
        }
    }

    private static IdleFigures idle(
            Bench bench, ConsumerProcess consumer, Work work, double settleSeconds, double seconds) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection =
                DriverManager.getConnection(database.url(), database.user(), database.password())) {
            new QueueFiller(database).close();
            consumer.consume(database, work, START_LIMIT);
            IdleFigures figures = idle(bench, connection, List.of(consumer), settleSeconds, seconds);
            consumer.rest();
            return figures;
        } finally {
            bench.server().drop(database);
        }
    }

    /** Measures processes that have nothing to do: their own CPU, without that of this JVM, and the server's. */
    static IdleFigures idle(
            Bench bench, Connection connection, List<ConsumerProcess> consumers, double settleSeconds, double seconds)
            throws Exception {
        Meter meter = new Meter(connection, bench.server().isLocal());
        Thread.sleep(bench.options().nanos(settleSeconds) / 1_000_000);
        Meter.Mark from = meter.mark();
        double cpu = -cpuMillis(consumers);
        long statements = -statements(consumers);
        Thread.sleep(bench.options().nanos(seconds) / 1_000_000);
        cpu += cpuMillis(consumers);
        statements += statements(consumers);
        Sample sample = Meter.between(from, meter.mark(), 0);
        return new IdleFigures(sample.ofClient(cpu), statements / sample.seconds());
    }

    static double cpuMillis(List<ConsumerProcess> consumers) throws IOException {
        double sum = 0;
        for (ConsumerProcess consumer : consumers) {
            sum += consumer.cpuMillis();
        }
        return sum;
    }

    private static long statements(List<ConsumerProcess> consumers) throws IOException {
        long sum = 0;
        for (ConsumerProcess consumer : consumers) {
            sum += consumer.counts().statements();
        }
        return sum;
    }
}
