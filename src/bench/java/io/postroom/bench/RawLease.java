package io.postroom.bench;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The claim commits a lease and handlers run outside any transaction; then the batch is deleted. What most queues in a database do at their
 * core.
 */
final class RawLease implements Contender {
    @Override
    public String name() {
        return "raw-lease";
    }

    @Override
    public String settings() {
        return RawQueue.WORKERS + " connections lease " + RawQueue.BATCH + " each, handler outside, idle poll "
                + RawQueue.IDLE_MILLIS + " ms";
    }

    @Override
    public Line open(BenchDatabase database) throws SQLException {
        return new Queue(database);
    }

    private static final class Queue extends RawQueue {
        private static final String CLAIM = """
                UPDATE raw_queue
                SET leased_until = clock_timestamp() + interval '30 seconds'
                WHERE id = ANY (ARRAY(
                    SELECT id
                    FROM raw_queue
                    WHERE leased_until <= clock_timestamp()
                    ORDER BY id
                    LIMIT %d
                    FOR UPDATE SKIP LOCKED))
                RETURNING id, payload
                """.formatted(BATCH);

        Queue(BenchDatabase database) throws SQLException {
            super(database, """
                            CREATE TABLE raw_queue (
                                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                                leased_until timestamptz NOT NULL DEFAULT '-infinity',
                                payload jsonb NOT NULL)
                            """);
        }

        @Override
        int workOnce(Connection connection, Consumer<String> handler) throws SQLException {
            List<Long> ids = new ArrayList<>();
            List<String> payloads = new ArrayList<>();
            try (PreparedStatement claim = connection.prepareStatement(CLAIM);
                    ResultSet rows = claim.executeQuery()) {
                while (rows.next()) {
                    ids.add(rows.getLong(1));
                    payloads.add(rows.getString(2));
                }
            }
            connection.commit();
            if (ids.isEmpty()) {
                return 0;
            }
            payloads.forEach(handler);
            try (PreparedStatement delete = connection.prepareStatement("DELETE FROM raw_queue WHERE id = ANY (?)")) {
                delete.setArray(1, connection.createArrayOf("bigint", ids.toArray()));
                delete.executeUpdate();
            }
            connection.commit();
            return ids.size();
        }
    }
}
