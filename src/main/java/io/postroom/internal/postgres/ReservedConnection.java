package io.postroom.internal.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Properties;
import javax.sql.DataSource;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/**
 * One connection taken from a pool and kept, so that it is there when the pool is at its limit. For one thread at a time. A connection that broke is
 * given back and replaced.
 */
final class ReservedConnection extends SingleConnectionDataSource implements AutoCloseable {
    private final DataSource source;
    private boolean taken;

    ReservedConnection(DataSource source) {
        this.source = source;
        setSuppressClose(true);
        setUrl("kept"); // the parent class insists on one; nothing connects to it
    }

    @Override
    public Connection getConnection() throws SQLException {
        try {
            return super.getConnection();
        } catch (SQLException e) {
            if (!taken) {
                throw e;
            }
            taken = false; // the parent class says so of a connection that broke
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
