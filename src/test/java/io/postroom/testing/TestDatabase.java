package io.postroom.testing;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/**
 * A database for tests, with the pools opened on it. Thread-safe.
 *
 * <p>The user is a superuser of the server, so a test may stop connections, create roles and read every setting.
 */
public final class TestDatabase implements AutoCloseable {
    private static final int SMALL_POOL = 8;

    private final TestServer server;
    private final String name;
    private final String url;
    private final boolean owner;
    private final List<HikariDataSource> pools = new ArrayList<>();
    private @Nullable HikariDataSource pool;

    TestDatabase(TestServer server, String name, String url, boolean owner) {
        this.server = server;
        this.name = name;
        this.url = url;
        this.owner = owner;
    }

    /** A fresh database with our migrations; the caller closes it. */
    public static TestDatabase create() {
        return TestServer.get().createDatabase("Own", true);
    }

    /** A fresh database without a schema of ours; the caller closes it. */
    public static TestDatabase createEmpty() {
        return TestServer.get().createDatabase("Empty", false);
    }

    public String name() {
        return name;
    }

    /** JDBC URL, without user and password. */
    public String url() {
        return url;
    }

    public String user() {
        return server.user();
    }

    public String password() {
        return server.password();
    }

    /** The one pool that is also what a {@code DataSource} parameter gets. */
    public synchronized HikariDataSource pool() {
        if (pool == null) {
            pool = newPool(SMALL_POOL);
        }
        return pool;
    }

    /** A further pool, as another node would have; closed with the database at the latest. */
    public synchronized HikariDataSource newPool(int size) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setUsername(user());
        config.setPassword(password());
        config.setMaximumPoolSize(size);
        config.setMinimumIdle(0);
        config.setPoolName(name + "-" + pools.size());
        HikariDataSource opened = new HikariDataSource(config);
        pools.add(opened);
        return opened;
    }

    /** Opens all connections of a pool that waits for one only shortly: it never has to open one within that time. */
    public static void openAll(HikariDataSource impatient) throws SQLException {
        List<Connection> all = new ArrayList<>();
        try {
            while (all.size() < impatient.getMaximumPoolSize()) {
                all.add(Awaitility.await()
                        .atMost(Duration.ofSeconds(60))
                        .ignoreExceptions()
                        .until(impatient::getConnection, Objects::nonNull));
            }
        } finally {
            for (Connection connection : all) {
                connection.close();
            }
        }
    }

    /** A connection outside any pool; the caller closes it. */
    public Connection connect() throws SQLException {
        return DriverManager.getConnection(url, user(), password());
    }

    /**
     * The same database seen through a proxy made for {@link #port()}; closing that view closes its pools and leaves the
     * database alone.
     */
    public TestDatabase through(TcpProxy proxy) {
        return new TestDatabase(server, name, server.url(name, "127.0.0.1", proxy.port()), false);
    }

    public String host() {
        return server.host();
    }

    public int port() {
        return server.port();
    }

    /** Closes the pools and drops the database, whoever is still connected. */
    @Override
    public synchronized void close() {
        pools.forEach(HikariDataSource::close);
        pools.clear();
        pool = null;
        if (owner) {
            ReusedSessions.forget(url);
            server.dropDatabase(name);
        }
    }

    @Override
    public String toString() {
        return url;
    }
}
