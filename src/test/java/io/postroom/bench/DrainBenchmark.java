package io.postroom.bench;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * Drains messages that wait, alternating with {@code raw-tx}: plain JDBC, claim with SKIP LOCKED and delete in one transaction, nothing kept, the limit of
 * the technique. Needs a local PostgreSQL with a superuser, which it fills and empties in a database of its own.
 *
 * <pre>
 * java -cp ... io.postroom.bench.DrainBenchmark jdbc:postgresql://127.0.0.1:5432/postgres?user=postgres [messages] [backlog] [rounds]
 * </pre>
 */
final class DrainBenchmark {
    private static final String PAYLOAD =
            "{\"order\":\"A-100200300\",\"customer\":\"ann@example.org\",\"amount\":\"129.90\",\"text\":\""
                    + "x".repeat(110) + "\"}";
    private static final int RAW_WORKERS = 4;
    private static final int RAW_BATCH = 500;

    private final HikariDataSource pool;
    private final CpuMeter meter;
    private final int messages;
    private final int backlog;

    private DrainBenchmark(HikariDataSource pool, CpuMeter meter, int messages, int backlog) {
        this.pool = pool;
        this.meter = meter;
        this.messages = messages;
        this.backlog = backlog;
    }

    public static void main(String[] arguments) throws Exception {
        int messages = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 300_000;
        int backlog = arguments.length > 2 ? Integer.parseInt(arguments[2]) : messages;
        int rounds = arguments.length > 3 ? Integer.parseInt(arguments[3]) : 5;
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(arguments[0]);
        config.setMaximumPoolSize(8);
        try (HikariDataSource pool = new HikariDataSource(config);
                Connection connection = pool.getConnection()) {
            DrainBenchmark benchmark = new DrainBenchmark(pool, new CpuMeter(connection), messages, backlog);
            benchmark.run(rounds);
        }
    }

    private record Result(double perSecond, double clientMicros, double serverMicros, double walBytes) {
        @Override
        public String toString() {
            return String.format(
                    "%,10.0f/s   CPU us/message: client %5.1f server %5.1f total %5.1f   WAL %5.0f B/message",
                    perSecond, clientMicros, serverMicros, clientMicros + serverMicros, walBytes);
        }
    }

    private void run(int rounds) throws Exception {
        List<Result> raw = new ArrayList<>();
        List<Result> ours = new ArrayList<>();
        for (int round = 0; round <= rounds; round++) { // round 0 warms up
            Result rawResult = rawTx();
            Result ourResult = postroom();
            System.out.println("round " + round + "  raw-tx   " + rawResult);
            System.out.println("round " + round + "  postroom " + ourResult);
            if (round > 0) {
                raw.add(rawResult);
                ours.add(ourResult);
            }
        }
        double[] ratios = IntStream.range(0, rounds)
                .mapToDouble(i -> ours.get(i).perSecond / raw.get(i).perSecond)
                .sorted()
                .toArray();
        double[] cpu = ours.stream()
                .mapToDouble(result -> result.clientMicros + result.serverMicros)
                .sorted()
                .toArray();
        System.out.printf(
                "median of %d: rate %.2f x raw-tx (%.2f to %.2f), CPU %.1f us/message (%.1f to %.1f)%n",
                rounds, ratios[rounds / 2], ratios[0], ratios[rounds - 1], cpu[rounds / 2], cpu[0], cpu[rounds - 1]);
    }

    private interface Timed {
        void run() throws Exception;
    }

    /** @param finished how many messages there were when the CPU time was read: a deep queue goes on after the measured part */
    private Result measure(Timed work, LongSupplier finished) throws Exception {
        long wal = wal();
        long client = meter.clientNanos();
        long server = meter.serverNanos();
        long before = System.nanoTime();
        work.run();
        long took = System.nanoTime() - before;
        Thread.sleep(500); // exiting backends hand their time to the postmaster
        double clientMicros = (meter.clientNanos() - client) / 1e3;
        double serverMicros = (meter.serverNanos() - server) / 1e3;
        double walBytes = wal() - wal;
        long all = finished.getAsLong();
        return new Result(messages * 1e9 / took, clientMicros / all, serverMicros / all, walBytes / all);
    }

    private Result rawTx() throws Exception {
        sql(
                "DROP TABLE IF EXISTS raw_queue",
                "CREATE TABLE raw_queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL)");
        sql(
                "INSERT INTO raw_queue (payload) SELECT '" + PAYLOAD + "' FROM generate_series(1, " + backlog + ")",
                "VACUUM ANALYZE raw_queue",
                "CHECKPOINT");
        AtomicLong left = new AtomicLong(messages);
        Result result = measure(
                () -> {
                    List<Thread> workers = new ArrayList<>();
                    for (int i = 0; i < RAW_WORKERS; i++) {
                        Thread worker = new Thread(() -> rawWork(left));
                        worker.start();
                        workers.add(worker);
                    }
                    for (Thread worker : workers) {
                        worker.join();
                    }
                },
                () -> messages - left.get());
        sql("DROP TABLE raw_queue");
        return result;
    }

    private void rawWork(AtomicLong left) {
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            try (PreparedStatement claim =
                            connection.prepareStatement("SELECT id, payload FROM raw_queue ORDER BY id LIMIT "
                                    + RAW_BATCH + " FOR UPDATE SKIP LOCKED");
                    PreparedStatement delete =
                            connection.prepareStatement("DELETE FROM raw_queue WHERE id = ANY (?)")) {
                while (left.get() > 0) {
                    List<Long> ids = new ArrayList<>();
                    try (ResultSet rows = claim.executeQuery()) {
                        while (rows.next()) {
                            ids.add(rows.getLong(1));
                            rows.getString(2);
                        }
                    }
                    if (!ids.isEmpty()) {
                        delete.setArray(1, connection.createArrayOf("bigint", ids.toArray()));
                        delete.executeUpdate();
                    }
                    connection.commit();
                    left.addAndGet(-ids.size());
                }
            }
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private Result postroom() throws Exception {
        sql("DROP SCHEMA IF EXISTS postroom CASCADE");
        try (Postroom filler = Postroom.on(pool).workers(false).start()) {
            CreateMessage message = CreateMessage.to("bench").json("bench", 1, PAYLOAD);
            List<CreateMessage> block = java.util.Collections.nCopies(5000, message);
            for (int sent = 0; sent < backlog; sent += block.size()) {
                filler.queueMessages().createMessages(block);
            }
            filler.queues().pause("bench");
        }
        sql("VACUUM ANALYZE", "CHECKPOINT");
        AtomicLong handled = new AtomicLong();
        AtomicLong committed = new AtomicLong();
        CountDownLatch written = new CountDownLatch(messages);
        Handler handler = Handler.send("bench", byte[].class, (payload, context) -> {
            handled.incrementAndGet();
            return Outcome.done();
        });
        try (Postroom postroom = Postroom.on(pool)
                .handler(handler)
                .listener(
                        event -> { // after its result was committed
                            committed.incrementAndGet();
                            written.countDown();
                        })
                .start()) {
            return measure(
                    () -> {
                        postroom.queues().resume("bench");
                        if (!written.await(10, TimeUnit.MINUTES)) {
                            throw new IllegalStateException("not drained: " + handled);
                        }
                    },
                    committed::get);
        }
    }

    private long wal() throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet row =
                        statement.executeQuery("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")) {
            row.next();
            return row.getLong(1);
        }
    }

    private void sql(String... statements) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            for (String text : Arrays.asList(statements)) {
                statement.execute(text);
            }
        }
    }
}
