package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.testing.BlockedSessions;
import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;

/** Open transactions side by side, for races whose steps a test names. */
final class Sessions {
    private final DataSource pool;

    Sessions(DataSource pool) {
        this.pool = pool;
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
        BlockedSessions.awaitBehind(holder, pool, 1);
    }

    /** Waits until so many sessions of this database wait for another one. */
    void awaitWaiting(int count) {
        BlockedSessions.await(pool, count);
    }
}
