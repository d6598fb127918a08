package io.postroom.internal.postgres.console;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.datasource.AbstractDataSource;

@PostgresTest
class ConsoleReadsTest {
    private final TestDatabase database;
    private final List<String> workers = new ArrayList<>();

    ConsoleReadsTest(TestDatabase database) {
        this.database = database;
    }

    /** Beside a million leases that had ended, two parallel workers took 230 ms of CPU instead of 30. */
    @Test
    void no_read_starts_parallel_workers() {
        // no Hikari pool, of which the console would make a copy
        HikariDataSource one = database.newPool(1);
        DataSource asking = new AbstractDataSource() {
            @Override
            public Connection getConnection() throws SQLException {
                Connection connection = one.getConnection();
                try (Statement statement = connection.createStatement()) {
                    statement.execute("SET max_parallel_workers_per_gather = 2");
                }
                return asked(connection);
            }

            @Override
            public Connection getConnection(String user, String password) throws SQLException {
                return getConnection();
            }
        };
        try (ConsoleReads reads = ConsoleReads.on(asking)) {
            reads.queues("", "", 10);
            reads.queue("none");
        }
        assertThat(workers).hasSizeGreaterThanOrEqualTo(2).containsOnly("0");
    }

    /** A connection that asks for the setting before each commit. */
    private Connection asked(Connection connection) {
        return (Connection) Proxy.newProxyInstance(
                Connection.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("commit")) {
                        try (Statement statement = connection.createStatement();
                                ResultSet row = statement.executeQuery("SHOW max_parallel_workers_per_gather")) {
                            row.next();
                            workers.add(row.getString(1));
                        }
                    }
                    try {
                        return method.invoke(connection, arguments);
                    } catch (InvocationTargetException thrown) {
                        throw thrown.getCause();
                    }
                });
    }
}
