package io.postroom.testing;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.DriverPropertyInfo;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Deque;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

/**
 * A driver that keeps the sessions of tests' databases when they are closed, and gives them out again as good as new. Engines start by the
 * hundred in the tests, each with sessions of its own. A new session and the first statements on it cost PostgreSQL 30 to 100 ms of CPU;
 * that was a third of what PostgreSQL used for all tests.
 *
 * <p>A session is given out again after {@code DISCARD ALL}, to whoever asks with the same URL and properties. None is kept that ends in a
 * way of its own (aborted, killed, closed while it waits), nor any of a database with settings of its own ({@code ALTER DATABASE ... SET}),
 * which sessions have from their start, nor any of another role than the superuser: tests make and drop those. Sessions through a proxy
 * have another URL, and are never kept.
 */
public final class ReusedSessions implements Driver {
    private static final String AS_NEW = "SELECT NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase IN"
            + " (0, (SELECT oid FROM pg_database WHERE datname = current_database())))"
            + " AND (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)";

    /** By URL: what is kept of this database, by the properties that sessions were opened with. */
    private static final Map<String, Map<Properties, Deque<Connection>>> KEPT = new ConcurrentHashMap<>();

    private final Driver driver = new org.postgresql.Driver();

    /** Takes the place of PostgreSQL's own driver, also for the data sources of Spring Boot, which name its class. */
    static void register() {
        try {
            if (org.postgresql.Driver.isRegistered()) {
                org.postgresql.Driver.deregister();
            }
            DriverManager.registerDriver(new ReusedSessions());
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
        System.setProperty("spring.datasource.driver-class-name", ReusedSessions.class.getName());
        System.setProperty("spring.datasource.hikari.minimum-idle", "0"); // else each host opens ten, and most use two
    }

    /** From now on sessions of this database are kept. */
    static void keep(String url) {
        KEPT.put(url, new ConcurrentHashMap<>());
    }

    /** Closes what is kept of this database, and keeps no more. */
    static void forget(String url) {
        Map<Properties, Deque<Connection>> sessions = KEPT.remove(url);
        if (sessions != null) {
            sessions.values().forEach(same -> same.forEach(ReusedSessions::close));
        }
    }

    @Override
    public @Nullable Connection connect(String url, Properties properties) throws SQLException {
        Map<Properties, Deque<Connection>> sessions = KEPT.get(url);
        if (sessions == null) {
            return driver.connect(url, properties);
        }
        Properties same = new Properties();
        same.putAll(properties);
        Deque<Connection> free = sessions.computeIfAbsent(same, unused -> new ConcurrentLinkedDeque<>());
        for (Connection session = free.poll(); session != null; session = free.poll()) {
            if (isAsNew(session)) {
                return new Lease(session, free).connection();
            }
            close(session);
        }
        Connection session = driver.connect(url, properties);
        return session != null && isAsNew(session) ? new Lease(session, free).connection() : session;
    }

    private static boolean isAsNew(Connection session) {
        try (Statement statement = session.createStatement();
                ResultSet row = statement.executeQuery(AS_NEW)) {
            return row.next() && row.getBoolean(1);
        } catch (SQLException gone) {
            return false;
        }
    }

    private static void close(Connection session) {
        try {
            session.close();
        } catch (SQLException gone) {
            // It is closed, which is all that is wanted.
        }
    }

    @Override
    public boolean acceptsURL(String url) throws SQLException {
        return driver.acceptsURL(url);
    }

    @Override
    public DriverPropertyInfo[] getPropertyInfo(String url, Properties properties) throws SQLException {
        return driver.getPropertyInfo(url, properties);
    }

    @Override
    public int getMajorVersion() {
        return driver.getMajorVersion();
    }

    @Override
    public int getMinorVersion() {
        return driver.getMinorVersion();
    }

    @Override
    public boolean jdbcCompliant() {
        return driver.jdbcCompliant();
    }

    @Override
    public Logger getParentLogger() {
        return Logger.getLogger("org.postgresql");
    }

    /** A session in somebody's hands, until it is closed. */
    private static final class Lease {
        private final Connection session;
        private final Deque<Connection> free;
        private final AtomicInteger running = new AtomicInteger();
        private volatile boolean ended;

        Lease(Connection session, Deque<Connection> free) {
            this.session = session;
            this.free = free;
        }

        Connection connection() {
            return (Connection) Proxy.newProxyInstance(
                    ReusedSessions.class.getClassLoader(),
                    new Class<?>[] {Connection.class, PGConnection.class},
                    (proxy, method, arguments) -> switch (method.getName()) {
                        case "equals" -> proxy == arguments[0];
                        case "hashCode" -> System.identityHashCode(proxy);
                        case "isClosed" -> ended || session.isClosed();
                        // What others remember by the connection of the driver ends with the lease, too.
                        case "unwrap" ->
                            ((Class<?>) arguments[0]).isInstance(proxy)
                                    ? proxy
                                    : session.unwrap((Class<?>) arguments[0]);
                        case "close" -> {
                            end();
                            yield null;
                        }
                        case "abort" -> {
                            ended = true;
                            yield call(method, arguments);
                        }
                        default -> call(method, arguments);
                    });
        }

        private @Nullable Object call(java.lang.reflect.Method method, Object[] arguments) throws Throwable {
            if (ended && !method.getName().equals("abort") && !method.getName().equals("toString")) {
                throw new SQLException("This connection has been closed.", "08003");
            }
            running.incrementAndGet();
            try {
                return method.invoke(session, arguments);
            } catch (InvocationTargetException thrown) {
                throw thrown.getCause();
            } finally {
                running.decrementAndGet();
            }
        }

        private synchronized void end() throws SQLException {
            if (ended) {
                return;
            }
            ended = true;
            if (running.get() == 0 && isReset()) {
                free.push(session);
            } else {
                session.close();
            }
        }

        private boolean isReset() {
            try {
                if (session.isClosed()) {
                    return false;
                }
                if (!session.getAutoCommit()) {
                    session.rollback();
                    session.setAutoCommit(true);
                }
                session.setReadOnly(false);
                session.setNetworkTimeout(Runnable::run, 0);
                try (Statement statement = session.createStatement()) {
                    statement.execute("DISCARD ALL");
                }
                session.unwrap(PGConnection.class).getNotifications();
                session.clearWarnings();
                return isAsNew(session);
            } catch (SQLException gone) {
                return false;
            }
        }
    }
}
