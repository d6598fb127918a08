package io.postroom.bench;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** One transaction over claim, handling and delete: the limit of the technique. A handler that takes long holds a transaction open. */
final class RawTx implements Contender {
    @Override
    public String name() {
        return "raw-tx";
    }

    @Override
    public String settings() {
        return RawQueue.WORKERS + " connections claim " + RawQueue.BATCH
                + " each, handler inside the transaction, idle poll " + RawQueue.IDLE_MILLIS + " ms";
    }

    @Override
    public Line open(BenchDatabase database) throws SQLException {
        return new Queue(database);
    }

    private static final class Queue extends RawQueue {
        Queue(BenchDatabase database) throws SQLException {
            super(
                    database,
                    "CREATE TABLE raw_queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL)");
        }

        @Override
        int workOnce(Connection connection, Consumer<String> handler) throws SQLException {
            List<Long> ids = new ArrayList<>();
            try (PreparedStatement claim =
                            connection.prepareStatement("SELECT id, payload FROM raw_queue ORDER BY id LIMIT " + BATCH
                                    + " FOR UPDATE SKIP LOCKED");
                    ResultSet rows = claim.executeQuery()) {
                while (rows.next()) {
                    ids.add(rows.getLong(1));
                    handler.accept(rows.getString(2));
                }
            }
            if (!ids.isEmpty()) {
                try (PreparedStatement delete =
                        connection.prepareStatement("DELETE FROM raw_queue WHERE id = ANY (?)")) {
                    delete.setArray(1, connection.createArrayOf("bigint", ids.toArray()));
                    delete.executeUpdate();
                }
            }
            connection.commit();
            return ids.size();
        }
    }
}
