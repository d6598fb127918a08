package io.postroom.failover;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;

/** Writes a row to one node every 20 ms, beside Postroom, and notes when the first write after its start was committed. */
final class WriteProbe implements AutoCloseable {
    private final String url;
    private final Thread thread;
    private volatile long acceptedAt;
    private volatile boolean stops;

    WriteProbe(PatroniCluster.Node node) {
        url = node.url() + "&connectTimeout=1&socketTimeout=1&loginTimeout=2";
        thread = new Thread(this::probe, "probe-" + node.name());
        thread.setDaemon(true);
        thread.start();
    }

    static void makeTable(PatroniCluster.Node node) throws SQLException {
        try (Connection connection = DriverManager.getConnection(node.url());
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE IF NOT EXISTS probe (written_at timestamptz)");
        }
    }

    private void probe() {
        while (!stops && acceptedAt == 0) {
            try (Connection connection = DriverManager.getConnection(url);
                    Statement statement = connection.createStatement()) {
                while (!stops && acceptedAt == 0) {
                    try {
                        statement.execute("INSERT INTO probe VALUES (clock_timestamp())");
                        acceptedAt = System.nanoTime();
                    } catch (SQLException readOnly) {
                        if (!"25006".equals(readOnly.getSQLState())) {
                            throw readOnly;
                        }
                        Thread.sleep(20);
                    }
                }
            } catch (SQLException away) {
                pause();
            } catch (InterruptedException stopped) {
                return;
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** {@link System#nanoTime} of the first committed write; 0: none yet. */
    long acceptedAt() {
        return acceptedAt;
    }

    @Override
    public void close() {
        stops = true;
        thread.interrupt();
    }
}
