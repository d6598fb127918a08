package io.postroom.internal.postgres.connection;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.common.BaseDataSource;

/**
 * A small pool to the database of a host's pool, with time limits that suit a queue engine. Only this class names Hikari, so a host can run
 * without Hikari.
 *
 * <p>Settings in the host's URL win over the time limits set here, because the driver reads the URL last.
 *
 * <p>Behind a PgBouncer that shares sessions, no session settings are made, because they would stay with the next user of the session.
 * There, set them for the role. {@code prepareThreshold=0} is taken as the sign of such a PgBouncer.
 */
record HikariEnginePools(HikariDataSource pool) implements AutoCloseable {
    static final int WORKING = 8;
    static final int RESERVED = 2;

    private static final Duration CONNECT = Duration.ofSeconds(5);
    private static final Duration SOCKET = Duration.ofSeconds(30);
    private static final Duration READING_WAIT = Duration.ofSeconds(2);
    private static final Duration READING_IDLE = Duration.ofSeconds(60);
    /**
     * The limit of a statement is far above any statement of the engine and below the socket's. Engine statements hold locks for
     * milliseconds only. No parallel workers: beside many ended leases they took several
     * times the CPU, and longer (see OverviewReadsSql). No just-in-time compilation: see {@code StoreTransactions.readViews}.
     */
    private static final Map<String, String> SETTINGS = settings();

    private static Map<String, String> settings() {
        Map<String, String> settings = new HashMap<>(SessionSettings.NEEDED);
        settings.put("statement_timeout", "10s");
        settings.put("lock_timeout", "2s");
        settings.put("max_parallel_workers_per_gather", "0");
        settings.put("jit", "off");
        return settings;
    }

    /** Whether the host's data source is or wraps a Hikari pool. */
    static boolean isPossible(DataSource host) {
        return unwrap(host) != null;
    }

    /** The most connections of the host's pool at a time; {@link Integer#MAX_VALUE}: it is no Hikari pool. */
    static int sizeOf(DataSource host) {
        HikariDataSource settings = unwrap(host);
        return settings == null ? Integer.MAX_VALUE : settings.getMaximumPoolSize();
    }

    /** Opens a pool with the target and credentials of the host's. */
    static HikariEnginePools of(DataSource host, String name, int size) {
        return new HikariEnginePools(new HikariDataSource(copy(host, name, size)));
    }

    /**
     * Opens a pool whose connections can LISTEN, with sockets of {@link PromptSocketFactory}.
     *
     * <p>A socket factory of the host's is kept. The driver prefers one in the URL; and where properties may contain the URL, none is set
     * here.
     */
    static HikariEnginePools ofListening(DataSource host, String name, int size) {
        HikariConfig copy = copy(host, name, size);
        if (copy.getJdbcUrl() != null && takesDriversProperties(copy) && PromptSocketFactory.isVisibleToDriver()) {
            copy.getDataSourceProperties().putIfAbsent("socketFactory", PromptSocketFactory.class.getName());
        }
        return new HikariEnginePools(new HikariDataSource(copy));
    }

    /** Opens a pool for the start, without limits for time, as migrations need. It waits for a connection as long as the host's does. */
    static HikariEnginePools forStart(DataSource host, String name, int size) {
        HikariDataSource settings = Objects.requireNonNull(unwrap(host));
        HikariConfig copy = copy(host, name, size);
        copy.setConnectionTimeout(settings.getConnectionTimeout());
        copy.setConnectionInitSql(settings.getConnectionInitSql());
        copy.getDataSourceProperties().remove("socketTimeout");
        copy.getDataSourceProperties().putAll(settings.getDataSourceProperties());
        return new HikariEnginePools(new HikariDataSource(copy));
    }

    /** Opens a pool for people: without a connection while nobody looks, and without patience for a database that is away. */
    static HikariEnginePools ofReading(DataSource host, String name, int size) {
        HikariConfig copy = copy(host, name, size);
        copy.setIdleTimeout(READING_IDLE.toMillis());
        copy.setConnectionTimeout(READING_WAIT.toMillis());
        copy.setValidationTimeout(READING_WAIT.toMillis() / 2);
        return new HikariEnginePools(new HikariDataSource(copy));
    }

    private static HikariConfig copy(DataSource host, String name, int size) {
        HikariDataSource settings = Objects.requireNonNull(unwrap(host));
        HikariConfig copy = new HikariConfig();
        copyTarget(settings, copy);
        copy.setPoolName(name);
        copy.setMaximumPoolSize(size);
        copy.setMinimumIdle(0); // else the pool opens connections ahead, of which most engines never use the last two
        copy.setAutoCommit(true);
        copy.setReadOnly(false);
        copy.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        copy.setConnectionTimeout(CONNECT.toMillis());
        copy.setValidationTimeout(CONNECT.toMillis() / 2);
        copy.setInitializationFailTimeout(-1); // the engine waits for a database that cannot be reached, also at start
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

    /**
     * Whether the pool's properties reach the driver under the driver's names. A data source object that the host made itself takes none.
     */
    private static boolean takesDriversProperties(HikariConfig copy) {
        boolean drivers = copy.getJdbcUrl() != null
                || copy.getDataSourceClassName() != null
                        && copy.getDataSourceClassName().startsWith("org.postgresql.");
        return drivers && copy.getDataSource() == null;
    }

    private static @Nullable String initSql(HikariDataSource from) {
        String initSql = from.getConnectionInitSql();
        if (sharesSessions(from)) {
            return initSql;
        }
        String settings = SessionSettings.sql(SETTINGS);
        return initSql == null ? settings : initSql + ";\n" + settings;
    }

    /** Whether the driver is told to prepare nothing: in the URL, by a property of the pool, or on a data source object of the driver. */
    private static boolean sharesSessions(HikariDataSource from) {
        return String.valueOf(from.getJdbcUrl()).contains("prepareThreshold=0")
                || "0".equals(from.getDataSourceProperties().getProperty("prepareThreshold"))
                || from.getDataSource() instanceof BaseDataSource drivers && drivers.getPrepareThreshold() == 0;
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
