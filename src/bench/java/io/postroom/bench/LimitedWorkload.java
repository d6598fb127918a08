package io.postroom.bench;

import io.postroom.api.Limiter;
import io.postroom.bench.ConsumerProcess.Work;
import io.postroom.bench.WorkloadResult.Row;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * W16: a limited queue. What a limit costs that is not reached, in one process; and whether four processes reach a limit of 1,000 starts a
 * second, and never pass it. Starts are read from the history.
 */
final class LimitedWorkload implements Workload {
    private static final int MESSAGES = 50_000;
    private static final int WARM_UP_MESSAGES = 50_000;
    private static final int PROCESSES = 4;
    private static final int STARTS = 1_000;
    private static final int SECONDS = 10;
    private static final int POOL = 4;
    private static final int ROUNDS = 3;
    private static final Duration LIMIT = Duration.ofSeconds(120);
    private static final Work WORK = new Work(1, PostroomContender.THREADS, POOL, false, false);
    private static final Limiter NAMED = Limiter.ofQueue(ConsumerProcess.queue(0));

    @Override
    public String id() {
        return "W16";
    }

    @Override
    public String title() {
        return "a queue with a limiter: one that is not reached, and 1,000 starts a second over 4 processes";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(WARM_UP_MESSAGES + MESSAGES) * 1_000L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        List<ConsumerProcess> consumers = new ArrayList<>();
        try {
            for (int i = 0; i < PROCESSES; i++) {
                consumers.add(ConsumerProcess.start("-Xmx128m", "-XX:+ExitOnOutOfMemoryError"));
            }
            for (ConsumerProcess consumer : consumers) {
                drain(bench, List.of(consumer), null, bench.options().messages(WARM_UP_MESSAGES));
            }
            cost(bench, result, consumers.subList(0, 1));
            reach(bench, result, consumers, Limiter.Window.FIXED, 0.99);
            reach(bench, result, consumers, Limiter.Window.SLIDING, 0.99);
        } finally {
            for (ConsumerProcess consumer : consumers) {
                consumer.close();
            }
        }
        return result;
    }

    private static void cost(Bench bench, WorkloadResult result, List<ConsumerProcess> one) throws Exception {
        Rounds rounds = new Rounds(bench, result);
        int messages = bench.options().messages(MESSAGES);
        Row none = result.row("postroom, no limiter", PostroomContender.THREADS + " threads", null);
        Row high = result.row("postroom, a limit that is not reached", "as above", none);
        rounds.add(none, ROUNDS, anyRound -> drain(bench, one, null, messages));
        rounds.add(
                high,
                ROUNDS,
                anyRound -> drain(bench, one, NAMED.maxStarts(Limiter.MOST, Duration.ofSeconds(1)), messages));
        rounds.run(ROUNDS);
        result.atMost(
                "CPU with a limit that is not reached <= 1.05 x without",
                high.ratio(Sample::cpu).median(),
                1.05,
                bench.options());
    }

    private static void reach(
            Bench bench, WorkloadResult result, List<ConsumerProcess> consumers, Limiter.Window window, double least)
            throws Exception {
        String name = "postroom, 4 processes, " + window.word() + " window";
        if (!bench.options().measures(name)) {
            return;
        }
        Row row = result.row(name, STARTS + " starts a second, " + SECONDS + " s", null);
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                QueueFiller filler = new QueueFiller(database)) {
            limit(filler, NAMED.maxStarts(STARTS, Duration.ofSeconds(1)).window(window));
            int messages = STARTS * SECONDS;
            filler.spread(messages, 0, 1);
            for (ConsumerProcess consumer : consumers) {
                consumer.consume(database, WORK, LIMIT);
            }
            Meter meter = new Meter(connection, bench.server().isLocal());
            double before = ManyQueuesWorkload.cpuMillis(consumers);
            Sample sample = meter.measure(() -> {
                awaitDone(consumers, messages);
                return messages;
            });
            row.samples().add(sample.plusClient(ManyQueuesWorkload.cpuMillis(consumers) - before));
            double most = number(connection, """
                    SELECT max(c) FROM (SELECT count(*) AS c FROM postroom.attempt GROUP BY date_trunc('second', started_at)) x
                    """);
            // Between the first start and the last, both at the beginning of a burst or not: the last burst is left
            // out.
            double rate = number(connection, """
                    SELECT (count(*) - 1) / extract(epoch FROM max(started_at) - min(started_at))
                    FROM (SELECT started_at, row_number() OVER (ORDER BY started_at) AS n FROM postroom.attempt) x
                    WHERE (n - 1) % 1000 = 0
                    """) * STARTS;
            row.extra("most in a second", String.valueOf((long) most)).extra("starts/s", String.format("%.1f", rate));
            bench.say("  W16  " + name + "  " + row.extra());
            result.atLeast(
                    name + ": starts a second >= " + least + " of the limit", rate / STARTS, least, bench.options());
            for (ConsumerProcess consumer : consumers) {
                consumer.rest();
            }
        } finally {
            bench.server().drop(database);
        }
    }

    private static void limit(QueueFiller filler, Limiter limiter) {
        filler.declare(0, 1);
        filler.limit(limiter);
    }

    private static Sample drain(Bench bench, List<ConsumerProcess> consumers, @Nullable Limiter limiter, int messages)
            throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                QueueFiller filler = new QueueFiller(database)) {
            filler.declare(0, 1);
            if (limiter != null) {
                filler.limit(limiter);
            }
            for (ConsumerProcess consumer : consumers) {
                consumer.consume(database, WORK, LIMIT);
            }
            Meter meter = new Meter(connection, bench.server().isLocal());
            double before = ManyQueuesWorkload.cpuMillis(consumers); // asked of a process that consumes
            Sample sample = meter.measure(() -> {
                filler.spread(messages, 0, 1);
                awaitDone(consumers, messages);
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

    private static double number(Connection connection, String sql) throws Exception {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getDouble(1);
        }
    }
}
