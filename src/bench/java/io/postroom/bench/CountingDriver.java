package io.postroom.bench;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.DriverPropertyInfo;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The PostgreSQL driver under another prefix, counting the statements sent through it. A driver, so that pools copied from a pool use it as
 * well.
 */
final class CountingDriver implements Driver {
    private static final String PREFIX = "jdbc:counted-postgresql:";
    private static final AtomicLong STATEMENTS = new AtomicLong();

    private final Driver postgres = new org.postgresql.Driver();

    /** The database as this driver knows it. */
    static synchronized BenchDatabase counted(BenchDatabase database) throws SQLException {
        if (DriverManager.drivers().noneMatch(CountingDriver.class::isInstance)) {
            DriverManager.registerDriver(new CountingDriver());
        }
        return new BenchDatabase(
                database.url().replaceFirst("^jdbc:postgresql:", PREFIX), database.user(), database.password());
    }

    /** Returns the number of statements that all connections of this driver have run so far. */
    static long statements() {
        return STATEMENTS.get();
    }

    @Override
    public boolean acceptsURL(String url) {
        return url.startsWith(PREFIX);
    }

    @Override
    public @Nullable Connection connect(String url, Properties info) throws SQLException {
        if (!acceptsURL(url)) {
            return null;
        }
        Connection connection = postgres.connect("jdbc:postgresql:" + url.substring(PREFIX.length()), info);
        return proxy(Connection.class, connection);
    }

    private static <T> T proxy(Class<T> type, Object target) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(),
                new Class<?>[] {type},
                (proxy, method, arguments) -> call(target, method, arguments)));
    }

    private static @Nullable Object call(Object target, Method method, Object[] arguments) throws Throwable {
        if (method.getName().startsWith("execute")) {
            STATEMENTS.incrementAndGet();
        }
        try {
            Object result = method.invoke(target, arguments);
            if (result instanceof CallableStatement statement) {
                return proxy(CallableStatement.class, statement);
            }
            if (result instanceof PreparedStatement statement) {
                return proxy(PreparedStatement.class, statement);
            }
            return result instanceof Statement statement ? proxy(Statement.class, statement) : result;
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    @Override
    public DriverPropertyInfo[] getPropertyInfo(String url, Properties info) {
        return new DriverPropertyInfo[0];
    }

    @Override
    public int getMajorVersion() {
        return postgres.getMajorVersion();
    }

    @Override
    public int getMinorVersion() {
        return postgres.getMinorVersion();
    }

    @Override
    public boolean jdbcCompliant() {
        return false;
    }

    @Override
    public Logger getParentLogger() {
        return Logger.getLogger(CountingDriver.class.getName());
    }
}
