package io.postroom.testing;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.DriverPropertyInfo;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

/**
 * A driver that keeps the sessions of tests' databases when they are closed, and gives them out again. Engines start by the hundred in the
 * tests, each with sessions of its own. A new session and the first statements on it cost PostgreSQL 30 to 100 ms of CPU; that was a third
 * of what PostgreSQL used for all tests.
 *
 * <p>A session is given out again after {@code DISCARD ALL}, to whoever asks with the same URL and properties. None is kept that was
 * aborted or killed or is in use when it is closed, nor any of a database with settings of its own ({@code ALTER DATABASE ... SET}), which
 * sessions have from their start, nor any of another role than a superuser: tests make and drop those. Sessions through a proxy have
 * another URL, and are never kept.
 *
 * <p>What a reused session has that a new one has not: compiled functions of PL/pgSQL, and the driver's memory of statements. With {@code
 * -Dpostroom.test.sessions=fresh} none is reused.
 */
public final class ReusedSessions implements Driver {
    private static final String AS_NEW = "SELECT NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase IN"
            + " (0, (SELECT oid FROM pg_database WHERE datname = current_database())))"
            + " AND (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)";

    private static final boolean FRESH = "fresh".equals(System.getProperty("postroom.test.sessions"));
    /** Longer than a reset takes on a busy machine. A statement that runs holds it up, and the session is closed then. */
    private static final int RESET_MILLIS = 5_000;

    private static final ExecutorService RESETS = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "reset-session");
        thread.setDaemon(true);
        return thread;
    });

    /** By URL: what is kept of this database, by the properties that sessions were opened with. */
    private static final Map<String, Map<Properties, Deque<Session>>> KEPT = new ConcurrentHashMap<>();

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
        if (!FRESH) {
            KEPT.put(url, new ConcurrentHashMap<>());
        }
    }

    /** Closes what is kept of this database, and keeps no more. */
    static void forget(String url) {
        Map<Properties, Deque<Session>> sessions = KEPT.remove(url);
        if (sessions != null) {
            sessions.values().forEach(same -> same.forEach(session -> close(session.connection)));
        }
    }

    @Override
    public @Nullable Connection connect(String url, Properties properties) throws SQLException {
        Map<Properties, Deque<Session>> sessions = KEPT.get(url);
        if (sessions == null) {
            return driver.connect(url, properties);
        }
        Properties same = new Properties();
        same.putAll(properties);
        Deque<Session> free = sessions.computeIfAbsent(same, unused -> new ConcurrentLinkedDeque<>());
        for (Session session = free.poll(); session != null; session = free.poll()) {
            if (isAsNew(session.connection)) {
                return new Lease(session, url, free).connection();
            }
            close(session.connection);
        }
        Connection opened = Objects.requireNonNull(driver.connect(url, properties));
        return isAsNew(opened)
                ? new Lease(new Session(opened, opened.getNetworkTimeout()), url, free).connection()
                : opened;
    }

    /** @param networkTimeout with which it was opened, in milliseconds */
    private record Session(Connection connection, int networkTimeout) {}

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
        private final Session session;
        private final Connection driver;
        private final String url;
        private final Deque<Session> free;
        /** Statements that were made in this lease; they end with it. */
        private final Set<Statement> statements = Collections.newSetFromMap(new WeakHashMap<>());

        private int running;
        private boolean ended;

        Lease(Session session, String url, Deque<Session> free) {
            this.session = session;
            this.driver = session.connection;
            this.url = url;
            this.free = free;
        }

        Connection connection() {
            return (Connection) Proxy.newProxyInstance(
                    ReusedSessions.class.getClassLoader(),
                    new Class<?>[] {Connection.class, PGConnection.class},
                    (proxy, method, arguments) -> switch (method.getName()) {
                        case "equals" -> proxy == arguments[0];
                        case "hashCode" -> System.identityHashCode(proxy);
                        case "toString" -> "lease of " + driver;
                        case "isClosed" -> isEnded() || driver.isClosed();
                        // What others remember by the connection of the driver ends with the lease, too.
                        case "unwrap" ->
                            ((Class<?>) arguments[0]).isInstance(proxy)
                                    ? proxy
                                    : driver.unwrap((Class<?>) arguments[0]);
                        case "close" -> {
                            if (begunToEnd()) {
                                end();
                            }
                            yield null;
                        }
                        case "abort" -> {
                            if (begunToEnd()) {
                                driver.abort((Executor) arguments[0]);
                            }
                            yield null;
                        }
                        default -> call(method, arguments);
                    });
        }

        private synchronized boolean isEnded() {
            return ended;
        }

        /** Returns true once. */
        private synchronized boolean begunToEnd() {
            boolean first = !ended;
            ended = true;
            return first;
        }

        private @Nullable Object call(Method method, Object[] arguments) throws Throwable {
            synchronized (this) {
                if (ended) {
                    throw new SQLException("This connection has been closed.", "08003");
                }
                running++;
            }
            try {
                Object result = method.invoke(driver, arguments);
                if (result instanceof Statement statement) {
                    synchronized (this) {
                        statements.add(statement);
                    }
                }
                return result;
            } catch (InvocationTargetException thrown) {
                throw thrown.getCause();
            } finally {
                synchronized (this) {
                    running--;
                }
            }
        }

        private synchronized boolean isInUse() {
            return running > 0;
        }

        private void end() throws SQLException {
            if (isInUse() || !isReset()) {
                driver.close();
                return;
            }
            free.push(session);
            if (!KEPT.containsKey(url)) {
                driver.close();
            }
        }

        private boolean isReset() {
            try {
                return RESETS.submit(this::reset).get(RESET_MILLIS, TimeUnit.MILLISECONDS);
            } catch (ExecutionException | TimeoutException inUse) {
                return false;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }

        private boolean reset() throws SQLException {
            if (driver.isClosed()) {
                return false;
            }
            driver.setNetworkTimeout(Runnable::run, RESET_MILLIS);
            List<Statement> open;
            synchronized (this) {
                open = List.copyOf(statements);
            }
            for (Statement statement : open) {
                statement.close();
            }
            if (!driver.getAutoCommit()) {
                driver.rollback();
                driver.setAutoCommit(true);
            }
            driver.setReadOnly(false);
            try (Statement statement = driver.createStatement()) {
                statement.execute("DISCARD ALL");
            }
            driver.unwrap(PGConnection.class).getNotifications();
            driver.clearWarnings();
            driver.setNetworkTimeout(Runnable::run, session.networkTimeout);
            return true; // whoever gets it next looks whether it is as new
        }
    }
}
