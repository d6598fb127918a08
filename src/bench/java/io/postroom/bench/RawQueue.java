package io.postroom.bench;

import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * What both plain-JDBC baselines share: one table, autocommitted INSERTs, a few threads that each claim a batch. Nothing is kept, nothing
 * retried.
 */
abstract class RawQueue implements Contender.Line {
    static final int WORKERS = 4;
    static final int BATCH = 500;
    static final int IDLE_MILLIS = 10;
    private static final int POOL = 16;

    final HikariDataSource pool;
    private final AtomicLong entered = new AtomicLong();
    private final AtomicLong acknowledged = new AtomicLong();
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean working;
    private Consumer<String> handler = payload -> {};

    RawQueue(BenchDatabase database, String table) throws SQLException {
        pool = database.pool(POOL);
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(table);
        }
    }

    /** Claims, handles and acknowledges one batch on the connection, which is not in autocommit. Returns how many; commits before that. */
    abstract int workOnce(Connection connection, Consumer<String> handler) throws SQLException;

    @Override
    public void fill(int messages, String payload) throws SQLException {
        try (Connection connection = pool.getConnection();
                PreparedStatement insert = connection.prepareStatement(
                        "INSERT INTO raw_queue (payload) SELECT ?::jsonb FROM generate_series(1, ?)")) {
            insert.setString(1, payload);
            insert.setInt(2, messages);
            insert.executeUpdate();
        }
        entered.addAndGet(messages);
    }

    @Override
    public void enqueue(String payload) throws SQLException {
        try (Connection connection = pool.getConnection();
                PreparedStatement insert =
                        connection.prepareStatement("INSERT INTO raw_queue (payload) VALUES (?::jsonb)")) {
            insert.setString(1, payload);
            insert.executeUpdate();
        }
        entered.incrementAndGet();
    }

    @Override
    public void enqueue(List<String> payloads) throws SQLException {
        try (Connection connection = pool.getConnection();
                PreparedStatement insert = connection.prepareStatement(
                        "INSERT INTO raw_queue (payload) SELECT u.payload::jsonb FROM unnest(?::text[]) u (payload)")) {
            insert.setArray(1, connection.createArrayOf("text", payloads.toArray()));
            insert.executeUpdate();
        }
        entered.addAndGet(payloads.size());
    }

    @Override
    public void prepare(Consumer<String> handler) {
        this.handler = handler;
    }

    @Override
    public void begin() {
        working = true;
        for (int i = 0; i < WORKERS; i++) {
            Thread thread = new Thread(this::work, "raw-worker-" + i);
            threads.add(thread);
            thread.start();
        }
    }

    private void work() {
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            while (working) {
                int count = workOnce(connection, handler);
                if (count > 0) {
                    acknowledged.addAndGet(count);
                } else {
                    Thread.sleep(IDLE_MILLIS);
                }
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public long unacknowledged() {
        return entered.get() - acknowledged.get();
    }

    @Override
    public long acknowledged() {
        return acknowledged.get();
    }

    @Override
    public void close() throws InterruptedException {
        working = false;
        for (Thread thread : threads) {
            thread.join();
        }
        pool.close();
    }
}
