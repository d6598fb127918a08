package io.postroom.bench;

import io.postroom.bench.ConsumerProcess.Work;
import io.postroom.bench.WorkloadResult.Row;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.UUID;

/**
 * W18: a batch of 1,000,000 messages, from the first message to the completion of the batch, beside as many messages without a batch. The
 * time that counting and completing take is asked of the server, which sums up the calls of {@code settle_batch}. It is a time and no CPU
 * time, so an upper bound.
 */
final class BatchWorkload implements Workload {
    private static final int MESSAGES = 1_000_000;
    private static final int POOL = 4;
    private static final int ROUNDS = 3;
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final Work WORK = new Work(1, PostroomContender.THREADS, POOL, false, false);

    @Override
    public String id() {
        return "W18";
    }

    @Override
    public String title() {
        return "a batch of 1,000,000 messages, until it is completed";
    }

    @Override
    public long diskBytes(Options options) {
        return options.messages(MESSAGES) * 1_500L;
    }

    @Override
    public WorkloadResult run(Bench bench) throws Exception {
        WorkloadResult result = new WorkloadResult(id(), title());
        int messages = bench.options().messages(MESSAGES);
        Row plain = result.row("postroom, no batch", "bulks of 1,000, one process", null);
        Row batch = result.row("postroom, one batch", "as above", plain);
        try (ConsumerProcess consumer = ConsumerProcess.start("-Xmx128m", "-XX:+ExitOnOutOfMemoryError")) {
            run(bench, consumer, messages / 10 + 1, plain, false); // warms up
            Rounds rounds = new Rounds(bench, result);
            rounds.add(plain, ROUNDS, anyRound -> run(bench, consumer, messages, plain, false));
            rounds.add(batch, ROUNDS, anyRound -> run(bench, consumer, messages, batch, true));
            rounds.run(ROUNDS);
        }
        String share = batch.extra().get("completion, % of CPU");
        result.atMost(
                "completion <= 3 % of the members' CPU",
                share == null ? Double.NaN : Double.parseDouble(share), 3, bench.options());
        return result;
    }

    private static Sample run(Bench bench, ConsumerProcess consumer, int messages, Row row, boolean isBatch)
            throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                Statement statement = connection.createStatement()) {
            statement.execute(
                    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET track_functions = ''pl''', current_database()); END $$");
            try (QueueFiller filler = new QueueFiller(database)) {
                filler.declare(0, 1);
                consumer.consume(database, WORK, LIMIT);
                UUID batch = isBatch ? filler.batch() : null;
                Meter meter = new Meter(connection, bench.server().isLocal());
                double before = consumer.cpuMillis();
                Sample sample = meter.measure(() -> {
                    filler.fill(messages, batch);
                    while (consumer.done() < messages || batch != null && !filler.isCompleted(batch)) {
                        Thread.sleep(200);
                    }
                    return messages;
                });
                Sample whole = sample.plusClient(consumer.cpuMillis() - before);
                consumer.rest();
                if (isBatch) {
                    double millis = counting(statement);
                    row.extra("counting, ms", String.format("%.0f", millis))
                            .extra(
                                    "completion, % of CPU",
                                    String.format(
                                            "%.2f", 100 * millis / (whole.clientMillis() + whole.serverMillis())));
                    bench.say("  W18  " + row.extra());
                }
                return whole;
            }
        } finally {
            bench.server().drop(database);
        }
    }

    private static double counting(Statement statement) throws Exception {
        Thread.sleep(1_500); // sessions report their statistics once a second
        try (ResultSet row = statement.executeQuery(
                "SELECT coalesce(sum(total_time), 0) FROM pg_stat_user_functions WHERE funcname = 'settle_batch'")) {
            row.next();
            return row.getDouble(1);
        }
    }
}
