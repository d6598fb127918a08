package io.postroom.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The engine's own connections: a few for claim, complete, polls and jobs; one reserved for the heartbeat, so that a host that leaks its connections
 * does not lose its leases; one for LISTEN. A given engine DataSource is used as it is; else a HikariDataSource's settings are copied into small pools; else
 * the host's DataSource serves, and the reservation is the host's to make.
 */
public final class EnginePool implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EnginePool.class);
    private static final int CONNECTIONS = 4;

    private final DataSource work;
    private final DataSource heartbeat;
    private final DataSource listen;
    private final List<HikariDataSource> own;

    private EnginePool(DataSource work, DataSource heartbeat, DataSource listen, List<HikariDataSource> own) {
        this.work = work;
        this.heartbeat = heartbeat;
        this.listen = listen;
        this.own = own;
    }

    /** @param engine connections for the engine alone; null: made from the host's */
    public static EnginePool of(DataSource host, @Nullable DataSource engine) {
        if (engine != null) {
            log.info("engine connections come from the given engine DataSource: up to {} at a time", CONNECTIONS + 2);
            return new EnginePool(engine, engine, engine, List.of());
        }
        HikariDataSource hikari = unwrap(host);
        if (hikari == null) {
            log.info(
                    "engine connections come from the host's DataSource: up to {} at a time, none reserved for the heartbeat",
                    CONNECTIONS + 2);
            return new EnginePool(host, host, host, List.of());
        }
        HikariDataSource work = copy(hikari, "postroom-engine", CONNECTIONS);
        HikariDataSource heartbeat = copy(hikari, "postroom-heartbeat", 1);
        HikariDataSource listen = copy(hikari, "postroom-listen", 1);
        log.info("the engine keeps up to {} connections of its own beside the host's pool", CONNECTIONS + 2);
        return new EnginePool(work, heartbeat, listen, List.of(work, heartbeat, listen));
    }

    public DataSource dataSource() {
        return work;
    }

    public DataSource heartbeatDataSource() {
        return heartbeat;
    }

    public DataSource listenDataSource() {
        return listen;
    }

    /** Closes what was opened here. */
    @Override
    public void close() {
        new ArrayList<>(own).forEach(HikariDataSource::close);
    }

    private static @Nullable HikariDataSource unwrap(DataSource host) {
        try {
            return host.isWrapperFor(HikariDataSource.class) ? host.unwrap(HikariDataSource.class) : null;
        } catch (SQLException notWrapped) {
            return null;
        }
    }

    /** Same server, same credentials; our own size, isolation and time limits: nothing of the engine's takes long, so what does is stuck. */
    private static HikariDataSource copy(HikariDataSource host, String name, int size) {
        HikariConfig config = new HikariConfig();
        host.copyStateTo(config);
        config.setPoolName(name);
        config.setMaximumPoolSize(size);
        config.setMinimumIdle(size == 1 ? 1 : 0);
        config.setAutoCommit(true);
        config.setReadOnly(false);
        config.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        config.setConnectionTimeout(5_000);
        config.setInitializationFailTimeout(
                -1); // the schema step has talked to the server; a restart right now is no reason to fail
        config.setMetricRegistry(null);
        config.setMetricsTrackerFactory(null);
        config.setHealthCheckRegistry(null);
        config.setRegisterMbeans(false);
        if (config.getDataSource() == null) {
            config.addDataSourceProperty("ApplicationName", name);
            config.addDataSourceProperty("connectTimeout", "5");
            config.addDataSourceProperty("socketTimeout", "30");
            config.addDataSourceProperty("tcpKeepAlive", "true");
        }
        String limits =
                "SET statement_timeout = '10s'; SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '60s'";
        config.setConnectionInitSql(
                config.getConnectionInitSql() == null ? limits : config.getConnectionInitSql() + "; " + limits);
        return new HikariDataSource(config);
    }
}
