package io.postroom.internal.postgres;

import static org.awaitility.Awaitility.await;

import io.postroom.internal.postgres.statement.StoreTransactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Open transactions side by side, for races whose steps a test names. */
final class Sessions {
    private final DataSource pool;
    private final JdbcClient sql;

    Sessions(DataSource pool) {
        this.pool = pool;
        this.sql = JdbcClient.create(pool);
    }

    QueueDeletion deletion() {
        return new QueueDeletion(new StoreTransactions(pool));
    }

    /** A connection with a transaction open; closing it rolls back what is not committed. */
    Connection begin() throws SQLException {
        Connection connection = pool.getConnection();
        connection.setAutoCommit(false);
        return connection;
    }

    /** Waits until another session waits for this one. */
    void awaitWaitingFor(Connection holder) throws SQLException {
        int pid = holder.unwrap(PGConnection.class).getBackendPID();
        await().atMost(60, TimeUnit.SECONDS)
                .until(() -> sql.sql("SELECT count(*) FROM pg_stat_activity WHERE :pid = ANY (pg_blocking_pids(pid))")
                                .param("pid", pid)
                                .query(Integer.class)
                                .single()
                        > 0);
    }

    /** Waits until so many sessions of this database wait for another one. */
    void awaitWaiting(int count) {
        await().atMost(60, TimeUnit.SECONDS)
                .until(() -> sql.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                        + " AND cardinality(pg_blocking_pids(pid)) > 0")
                                .query(Integer.class)
                                .single()
                        == count);
    }
}
