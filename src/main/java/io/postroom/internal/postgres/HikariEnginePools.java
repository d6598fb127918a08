package io.postroom.internal.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Properties;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * A small pool to the same database as a host's, with limits a queue engine can live with. A class of its own, so that a host may leave Hikari out.
 *
 * <p>Settings of the host's URL win over the time limits set here, because the driver reads the URL last. Behind PgBouncer ({@code
 * prepareThreshold=0} in the URL is taken as the sign of one that shares sessions) no session settings are made: they would stay with whoever gets
 * the session next; set them for the role there.
 */
record HikariEnginePools(HikariDataSource pool) implements AutoCloseable {
    static final int WORKING = 8;
    static final int RESERVED = 2;

    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Duration SOCKET = Duration.ofSeconds(30);
    /** Statement: far above any of ours, below the socket's limit. Lock: engine statements hold locks for milliseconds. */
    private static final String SESSION = """
            SET statement_timeout = '10s';
            SET lock_timeout = '2s';
            SET idle_in_transaction_session_timeout = '60s'\
            """;

    static boolean isPossible(DataSource host) {
        return unwrap(host) != null;
    }

    static HikariEnginePools of(DataSource host, String name, int size) {
        return new HikariEnginePools(new HikariDataSource(copy(host, name, size)));
    }

    /**
     * With one connection that listens among its own. A socket factory of the host's is kept: one in the URL wins by itself, and where the URL may hide in
     * properties none is set.
     */
    static HikariEnginePools ofListening(DataSource host, String name, int size) {
        HikariConfig copy = copy(host, name, size);
        if (copy.getJdbcUrl() != null && takesDriversProperties(copy) && PromptSocketFactory.isVisibleToDriver()) {
            copy.getDataSourceProperties().putIfAbsent("socketFactory", PromptSocketFactory.class.getName());
        }
        return new HikariEnginePools(new HikariDataSource(copy));
    }

    private static HikariConfig copy(DataSource host, String name, int size) {
        HikariDataSource settings = java.util.Objects.requireNonNull(unwrap(host));
        HikariConfig copy = new HikariConfig();
        copyTarget(settings, copy);
        copy.setPoolName(name);
        copy.setMaximumPoolSize(size);
        copy.setMinimumIdle(Math.min(2, size));
        copy.setAutoCommit(true);
        copy.setReadOnly(false);
        copy.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        copy.setConnectionTimeout(CONNECT.toMillis());
        copy.setValidationTimeout(CONNECT.toMillis() / 2);
        copy.setInitializationFailTimeout(-1); // the engine waits for a database that is away, at start as later
        copy.setMaxLifetime(settings.getMaxLifetime());
        copy.setKeepaliveTime(settings.getKeepaliveTime());
        copy.setConnectionInitSql(initSql(settings));
        setTimeLimits(copy);
        if (settings.getJdbcUrl() != null) {
            copy.getDataSourceProperties().putIfAbsent("ApplicationName", name);
        }
        if (settings.getMetricsTrackerFactory() != null) {
            copy.setMetricsTrackerFactory(settings.getMetricsTrackerFactory());
        }
        return copy;
    }

    private static void copyTarget(HikariDataSource from, HikariConfig to) {
        if (from.getDataSource() != null) {
            to.setDataSource(from.getDataSource());
        }
        to.setDataSourceClassName(from.getDataSourceClassName());
        to.setDataSourceJNDI(from.getDataSourceJNDI());
        to.setJdbcUrl(from.getJdbcUrl());
        if (from.getDriverClassName() != null) {
            to.setDriverClassName(from.getDriverClassName());
        }
        to.setUsername(from.getUsername());
        to.setPassword(from.getPassword());
        if (from.getCredentialsProvider() != null) {
            to.setCredentialsProvider(from.getCredentialsProvider());
        } else if (from.getCredentialsProviderClassName() != null) {
            to.setCredentialsProviderClassName(from.getCredentialsProviderClassName());
        }
        to.setSchema(from.getSchema());
        to.setCatalog(from.getCatalog());
        to.setConnectionTestQuery(from.getConnectionTestQuery());
        Properties properties = new Properties();
        properties.putAll(from.getDataSourceProperties());
        to.setDataSourceProperties(properties);
    }

    private static void setTimeLimits(HikariConfig to) {
        if (!takesDriversProperties(to)) {
            return;
        }
        Properties properties = to.getDataSourceProperties();
        properties.putIfAbsent("connectTimeout", String.valueOf(CONNECT.toSeconds()));
        properties.putIfAbsent("socketTimeout", String.valueOf(SOCKET.toSeconds()));
        properties.putIfAbsent("tcpKeepAlive", "true");
    }

    /** By the names the driver and its data sources share; a data source object given ready-made has its own. */
    private static boolean takesDriversProperties(HikariConfig copy) {
        boolean drivers = copy.getJdbcUrl() != null
                || copy.getDataSourceClassName() != null
                        && copy.getDataSourceClassName().startsWith("org.postgresql.");
        return drivers && copy.getDataSource() == null;
    }

    private static @Nullable String initSql(HikariDataSource from) {
        String hosts = from.getConnectionInitSql();
        boolean sharesSessions = String.valueOf(from.getJdbcUrl()).contains("prepareThreshold=0")
                || "0".equals(from.getDataSourceProperties().getProperty("prepareThreshold"));
        if (sharesSessions) {
            return hosts;
        }
        return hosts == null ? SESSION : hosts + ";\n" + SESSION;
    }

    private static @Nullable HikariDataSource unwrap(DataSource host) {
        try {
            if (host instanceof HikariDataSource hikari) {
                return hikari;
            }
            return host.isWrapperFor(HikariDataSource.class) ? host.unwrap(HikariDataSource.class) : null;
        } catch (SQLException e) {
            return null;
        }
    }

    @Override
    public void close() {
        pool.close();
    }
}
