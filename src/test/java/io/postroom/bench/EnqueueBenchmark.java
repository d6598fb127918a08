package io.postroom.bench;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.api.QueueSettings;
import io.postroom.postgres.Migrations;
import io.postroom.postgres.PostgresMessageStore;
import io.postroom.storage.NewMessage;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.Arrays;
import java.util.Collections;
import java.util.UUID;
import java.util.stream.Stream;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/**
 * What a message costs to store, beside the least a table can do: one INSERT into (id uuid primary key, payload jsonb), alone in its transaction or a
 * thousand by unnest. Turns alternate. Needs a local PostgreSQL and a database it may fill.
 *
 * <pre>
 * java -cp ... io.postroom.bench.EnqueueBenchmark jdbc:postgresql://127.0.0.1:5432/bench?user=postgres [on|off: synchronous_commit] [rounds]
 * </pre>
 */
final class EnqueueBenchmark {
    private static final String PAYLOAD =
            "{\"order\":\"A-100200300\",\"customer\":\"ann@example.org\",\"amount\":\"129.90\",\"text\":\""
                    + "x".repeat(110) + "\"}";
    private static final int SINGLES = 5000;
    private static final int BATCH = 1000;
    private static final int BATCHES = 20;

    private final Connection connection;
    private final PostgresMessageStore store;
    private final CpuMeter meter;
    private final int queue;

    private EnqueueBenchmark(Connection connection) throws SQLException {
        this.connection = connection;
        this.meter = new CpuMeter(connection);
        SingleConnectionDataSource source = new SingleConnectionDataSource(connection, true);
        this.store = new PostgresMessageStore(source);
        this.queue = store.declare(QueueSettings.of("bench")).id();
    }

    public static void main(String[] arguments) throws Exception {
        String synchronous = arguments.length > 1 ? arguments[1] : "on";
        int rounds = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 5;
        try (Connection connection = DriverManager.getConnection(arguments[0])) {
            Migrations.migrate(new SingleConnectionDataSource(connection, true));
            try (Statement statement = connection.createStatement()) {
                statement.execute("SET synchronous_commit = " + synchronous);
                statement.execute("DROP TABLE IF EXISTS bare");
                statement.execute("CREATE TABLE bare (id uuid PRIMARY KEY, payload jsonb NOT NULL)");
            }
            new EnqueueBenchmark(connection).run(rounds);
        }
    }

    private interface Timed {
        void run() throws Exception;
    }

    private record Cost(double wallMicros, double cpuMicros) {}

    private void run(int rounds) throws Exception {
        Cost[][] costs = new Cost[4][rounds];
        for (int round = -1; round < rounds; round++) { // -1 warms up
            Cost[] turn = {
                measure(SINGLES, this::bareSingles),
                measure(SINGLES, this::singles),
                measure(BATCH * BATCHES, this::bareBatches),
                measure(BATCH * BATCHES, this::batches)
            };
            for (int i = 0; round >= 0 && i < turn.length; i++) {
                costs[i][round] = turn[i];
            }
        }
        report("single", costs[0], costs[1]);
        report("bulk  ", costs[2], costs[3]);
    }

    private static void report(String name, Cost[] bare, Cost[] ours) {
        System.out.printf(
                "%s  bare %.1f us (CPU %.1f), ours %.1f us (CPU %.1f): %.2f x, CPU %.2f x; us per message, median of %d%n",
                name,
                median(Arrays.stream(bare).map(Cost::wallMicros)),
                median(Arrays.stream(bare).map(Cost::cpuMicros)),
                median(Arrays.stream(ours).map(Cost::wallMicros)),
                median(Arrays.stream(ours).map(Cost::cpuMicros)),
                median(Stream.iterate(0, i -> i < bare.length, i -> i + 1)
                        .map(i -> ours[i].wallMicros / bare[i].wallMicros)),
                median(Stream.iterate(0, i -> i < bare.length, i -> i + 1)
                        .map(i -> ours[i].cpuMicros / bare[i].cpuMicros)),
                bare.length);
    }

    private static double median(Stream<Double> values) {
        double[] sorted = values.mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    private Cost measure(int messages, Timed work) throws Exception {
        long cpu = meter.clientNanos() + meter.serverNanos();
        long before = System.nanoTime();
        work.run();
        double wall = (System.nanoTime() - before) / 1e3 / messages;
        return new Cost(wall, (meter.clientNanos() + meter.serverNanos() - cpu) / 1e3 / messages);
    }

    private void bareSingles() throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO bare (id, payload) VALUES (?, ?)")) {
            for (int i = 0; i < SINGLES; i++) {
                insert.setObject(1, MessageIds.next());
                insert.setObject(2, PAYLOAD, Types.OTHER);
                insert.executeUpdate();
            }
        }
    }

    private void singles() {
        for (int i = 0; i < SINGLES; i++) {
            store.enqueue(message(), connection);
        }
    }

    private void bareBatches() throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(
                "INSERT INTO bare (id, payload) SELECT g.id, g.payload::jsonb FROM unnest(?::uuid[], ?::text[]) g (id, payload)")) {
            String[] payloads = new String[BATCH];
            Arrays.fill(payloads, PAYLOAD);
            for (int i = 0; i < BATCHES; i++) {
                UUID[] ids = Stream.generate(MessageIds::next).limit(BATCH).toArray(UUID[]::new);
                insert.setArray(1, connection.createArrayOf("uuid", ids));
                insert.setArray(2, connection.createArrayOf("text", payloads));
                insert.executeUpdate();
            }
        }
    }

    private void batches() {
        for (int i = 0; i < BATCHES; i++) {
            store.enqueue(
                    Collections.nCopies(BATCH, 0).stream().map(any -> message()).toList(), connection);
        }
    }

    private NewMessage message() {
        return new NewMessage(
                MessageIds.next(),
                false,
                queue,
                4,
                Direction.OUTGOING,
                "bench",
                1,
                PAYLOAD,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null);
    }
}
