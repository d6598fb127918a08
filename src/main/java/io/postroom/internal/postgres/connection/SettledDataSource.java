package io.postroom.internal.postgres.connection;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** Gives connections of another data source with {@link SessionSettings} made on them. */
final class SettledDataSource extends DelegatingDataSource {
    private final Map<String, String> settings;
    private final boolean restores;
    private final Map<PGConnection, Boolean> settled = Collections.synchronizedMap(new WeakHashMap<>());

    private SettledDataSource(DataSource target, Map<String, String> settings, boolean restores) {
        super(target);
        this.settings = settings;
        this.restores = restores;
    }

    /** Makes the settings once on each physical connection, and leaves them: nobody else uses these connections. */
    static DataSource forGood(DataSource target, Map<String, String> settings) {
        return new SettledDataSource(target, settings, false);
    }

    /** Makes the settings each time a connection is taken, and restores those before when it is closed. */
    static DataSource whileOpen(DataSource target, Map<String, String> settings) {
        return new SettledDataSource(target, settings, true);
    }

    @Override
    public Connection getConnection() throws SQLException {
        Connection connection = super.getConnection();
        try {
            if (restores) {
                return restoring(connection, SessionSettings.make(settings, connection));
            }
            PGConnection physical = connection.unwrap(PGConnection.class);
            if (!settled.containsKey(physical)) {
                SessionSettings.make(settings, connection);
                settled.put(physical, true);
            }
            return connection;
        } catch (SQLException | RuntimeException failed) {
            connection.close();
            throw failed;
        }
    }

    private static Connection restoring(Connection connection, Map<String, String> before) {
        return (Connection) Proxy.newProxyInstance(
                SettledDataSource.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> {
                    if (method.getName().equals("close") && !connection.isClosed()) {
                        restore(connection, before);
                    }
                    try {
                        return method.invoke(connection, arguments);
                    } catch (InvocationTargetException thrown) {
                        throw thrown.getCause();
                    }
                });
    }

    /** A connection that is broken or in a failed transaction is closed all the same, by its pool. */
    private static void restore(Connection connection, Map<String, String> before) {
        try {
            SessionSettings.make(before, connection);
        } catch (SQLException e) {
            // Nothing is left to restore on a connection that is gone.
        }
    }
}
