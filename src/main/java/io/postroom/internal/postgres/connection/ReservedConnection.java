package io.postroom.internal.postgres.connection;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Properties;
import javax.sql.DataSource;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/**
 * A connection that is taken from a pool once and reserved, so that it is free even when the pool is at its limit. A broken connection is
 * returned to the pool and replaced. For one thread at a time.
 */
final class ReservedConnection extends SingleConnectionDataSource implements AutoCloseable {
    private final DataSource source;
    private boolean taken;

    ReservedConnection(DataSource source) {
        this.source = source;
        setSuppressClose(true);
        setUrl("reserved"); // the parent class requires a URL; nothing connects to it
    }

    @Override
    public Connection getConnection() throws SQLException {
        try {
            return super.getConnection();
        } catch (SQLException e) {
            if (!taken) {
                throw e;
            }
            taken = false; // the parent class throws when its connection is broken
            resetConnection();
            return super.getConnection();
        }
    }

    @Override
    protected Connection getConnectionFromDriver(Properties properties) throws SQLException {
        Connection connection = source.getConnection();
        taken = true;
        return connection;
    }

    @Override
    public void close() {
        destroy();
    }
}
