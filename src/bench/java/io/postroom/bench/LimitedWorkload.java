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
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * W16: a limited queue. What a limit costs that is not reached, in one process, and what limits of 10,000 groups cost at once; and whether
 * four processes reach a limit of 1,000 starts a second, and never pass it. Starts are what the handlers write down. Which period of a
 * fixed window they belong to is read from the history.
 */
final class LimitedWorkload implements Workload {
    private static final int MESSAGES = 50_000;
    private static final int WARM_UP_MESSAGES = 50_000;
    private static final int GROUPS = 10_000;
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
                consumers.add(
                        ConsumerProcess.start("-Xmx128m", "-XX:+ExitOnOutOfMemoryError", ConsumerProcess.LOG_STARTS));
            }
            for (ConsumerProcess consumer : consumers) {
                drain(bench, List.of(consumer), null, bench.options().messages(WARM_UP_MESSAGES));
            }
            cost(bench, result, consumers.subList(0, 1));
            groupCost(bench, result, consumers.subList(0, 1));
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

    /** Limits of {@link #GROUPS} groups at once, none of them reached, beside a fair queue with the same messages and no limiter. */
    private static void groupCost(Bench bench, WorkloadResult result, List<ConsumerProcess> one) throws Exception {
        Rounds rounds = new Rounds(bench, result);
        int messages = bench.options().messages(MESSAGES);
        String keys = String.format(Locale.ROOT, "%,d keys", GROUPS);
        Row none = result.row(
                "postroom, " + keys + ", no limiter", "a fair queue, " + PostroomContender.THREADS + " threads", null);
        Row starts = result.row(
                "postroom, " + keys + ", starts of each limited", STARTS + " a minute each, not reached", none);
        Row held = result.row(
                "postroom, " + keys + ", progress of each limited", STARTS + " in progress each, not reached", none);
        rounds.add(none, ROUNDS, anyRound -> drainGroups(bench, one, null, messages));
        rounds.add(
                starts,
                ROUNDS,
                anyRound -> drainGroups(bench, one, NAMED.maxStartsPerGroup(STARTS, Duration.ofMinutes(1)), messages));
        rounds.add(held, ROUNDS, anyRound -> drainGroups(bench, one, NAMED.maxInProgressPerGroup(STARTS), messages));
        rounds.run(ROUNDS);
        for (Row row : List.of(starts, held)) {
            Figures cpu = row.ratio(Sample::cpu);
            row.extra("CPU x without", cpu.text());
            result.atMost(row.name() + " at once: CPU <= 1.3 x without", cpu.median(), 1.3, bench.options());
        }
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
            long[] starts = starts(consumers);
            double most = window == Limiter.Window.FIXED ? number(connection, """
                    SELECT max(c) FROM (SELECT count(*) AS c FROM postroom.attempt GROUP BY date_trunc('second', started_at)) x
                    """) : mostInASecond(starts);
            // From the first start to the last 1,000th one: the last burst is left out.
            int last = (starts.length - 1) / STARTS * STARTS;
            double rate = last / ((starts[last] - starts[0]) / 1e9);
            row.extra("most in a second", String.valueOf((long) most)).extra("starts/s", String.format("%.1f", rate));
            bench.say("  W16  " + name + "  " + row.extra());
            result.atLeast(
                    name + ": starts a second >= " + least + " of the limit", rate / STARTS, least, bench.options());
            result.atMost(name + ": most starts in a period", most, STARTS, bench.options());
            for (ConsumerProcess consumer : consumers) {
                consumer.rest();
            }
        } finally {
            bench.server().drop(database);
        }
    }

    /** All starts in their order, as the handlers saw them. */
    private static long[] starts(List<ConsumerProcess> consumers) throws IOException {
        long[] all = new long[0];
        for (ConsumerProcess consumer : consumers) {
            all = LongStream.concat(Arrays.stream(all), Arrays.stream(consumer.starts()))
                    .toArray();
        }
        Arrays.sort(all);
        return all;
    }

    /** The most starts in any span of a second. */
    private static int mostInASecond(long[] starts) {
        int most = 0;
        for (int from = 0, to = 0; from < starts.length; from++) {
            while (to < starts.length && starts[to] - starts[from] < 1_000_000_000L) {
                to++;
            }
            most = Math.max(most, to - from);
        }
        return most;
    }

    private static void limit(QueueFiller filler, Limiter limiter) {
        filler.declare(0, 1);
        filler.limit(limiter);
    }

    private static Sample drain(Bench bench, List<ConsumerProcess> consumers, @Nullable Limiter limiter, int messages)
            throws Exception {
        return drain(bench, consumers, limiter, messages, 0);
    }

    private static Sample drainGroups(
            Bench bench, List<ConsumerProcess> consumers, @Nullable Limiter limiter, int messages) throws Exception {
        return drain(bench, consumers, limiter, messages, GROUPS);
    }

    private static Sample drain(
            Bench bench, List<ConsumerProcess> consumers, @Nullable Limiter limiter, int messages, int groups)
            throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                QueueFiller filler = new QueueFiller(database)) {
            if (groups == 0) {
                filler.declare(0, 1);
            } else {
                filler.declareFair();
            }
            if (limiter != null) {
                filler.limit(limiter);
            }
            for (ConsumerProcess consumer : consumers) {
                consumer.consume(database, WORK, LIMIT);
            }
            Meter meter = new Meter(connection, bench.server().isLocal());
            double before = ManyQueuesWorkload.cpuMillis(consumers); // asked of a process that consumes
            Sample sample = meter.measure(() -> {
                if (groups == 0) {
                    filler.spread(messages, 0, 1);
                } else {
                    filler.spreadGroups(messages, groups);
                }
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
