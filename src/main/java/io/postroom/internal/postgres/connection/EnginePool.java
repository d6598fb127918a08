package io.postroom.internal.postgres.connection;

import io.postroom.api.PostroomException;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.util.ClassUtils;

/**
 * Gives the engine its connections. They are separate from the host's where possible, because a host that leaks connections must not lose
 * its leases.
 *
 * <ul>
 *   <li>A data source that was given for the engine is used as it is.
 *   <li>Otherwise, if the host's data source is a {@code HikariDataSource}, its settings are copied into two small pools: {@code
 *       postroom-engine} for the work, {@code postroom-reserved} for heartbeat and LISTEN.
 *   <li>Otherwise the host's data source is used.
 * </ul>
 *
 * <p>In the first and the last case one connection is reserved for the heartbeat and another one for LISTEN.
 *
 * <p>Connections of the engine alone have the {@link SessionSettings} that it needs; those it borrows have them for as long as it keeps
 * them.
 */
public final class EnginePool implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EnginePool.class);
    private static final int STARTING = 3;
    private static final boolean HAS_HIKARI =
            ClassUtils.isPresent("com.zaxxer.hikari.HikariDataSource", EnginePool.class.getClassLoader());

    private final DataSource work;
    private final DataSource heartbeat;
    private final DataSource listen;
    private final List<AutoCloseable> own;

    private EnginePool(DataSource work, DataSource heartbeat, DataSource listen, List<AutoCloseable> own) {
        this.work = work;
        this.heartbeat = heartbeat;
        this.listen = listen;
        this.own = own;
    }

    /**
     * Chooses the connections and opens the pools.
     *
     * @param given for the engine alone; null: none was given
     */
    public static EnginePool of(DataSource host, @Nullable DataSource given) {
        if (given == null && HAS_HIKARI && HikariEnginePools.isPossible(host)) {
            HikariEnginePools engine = HikariEnginePools.of(host, "postroom-engine", HikariEnginePools.WORKING);
            HikariEnginePools reserved =
                    HikariEnginePools.ofListening(host, "postroom-reserved", HikariEnginePools.RESERVED);
            log.info(
                    "Postroom keeps up to {} connections of its own for its work and {} for heartbeat and LISTEN",
                    HikariEnginePools.WORKING,
                    HikariEnginePools.RESERVED);
            return new EnginePool(engine.pool(), reserved.pool(), reserved.pool(), List.of(engine, reserved));
        }
        DataSource source = given == null ? host : SettledDataSource.forGood(given, SessionSettings.NEEDED);
        DataSource settled = SettledDataSource.whileOpen(given == null ? host : given, SessionSettings.NEEDED);
        ReservedConnection reserved = new ReservedConnection(settled);
        log.info(
                "Postroom works on {} and keeps two connections of it, for heartbeat and LISTEN",
                given == null ? "the host's data source" : "the data source given for its engine");
        return new EnginePool(source, reserved, settled, List.of(reserved));
    }

    /**
     * Opens connections for the checks and migrations of a start, which need two at a time and no limits for time. They are copies of the
     * host's where its data source is a {@code HikariDataSource}, so that a pool of one connection is enough; else the host's own. The
     * caller closes the result.
     */
    public static EnginePool forStart(DataSource host) {
        List<AutoCloseable> own = new ArrayList<>();
        DataSource source = host;
        if (HAS_HIKARI && HikariEnginePools.isPossible(host)) {
            HikariEnginePools copy = HikariEnginePools.forStart(host, "postroom-start", STARTING);
            own.add(copy);
            source = copy.pool();
        }
        return new EnginePool(source, source, source, own);
    }

    /**
     * Warns where handlers that hold a connection of the host's pool may outnumber its connections. They run all the same, later.
     *
     * @param atomic how many may run at a time
     */
    public static void warnIfSmallerThan(int atomic, DataSource host) {
        int size = HAS_HIKARI ? HikariEnginePools.sizeOf(host) : Integer.MAX_VALUE;
        if (atomic > size) {
            log.warn(
                    "{} ATOMIC handlers may run at a time, and the pool of the host has {} connections. A handler that gets none in time"
                            + " spends no attempt, up to the 20th delivery of its message, and runs again later. Raise the size of"
                            + " the pool, or lower their concurrency or postroom.handler-threads",
                    atomic,
                    size);
        }
    }

    /**
     * Makes sure that the engine's data source gives this many connections at the same time. One that the engine opened itself always does.
     *
     * @throws PostroomException it gives fewer; says how many are needed
     */
    public void requireConnections(int needed) {
        if (!(heartbeat instanceof ReservedConnection)) {
            return;
        }
        List<Connection> held = new ArrayList<>();
        try {
            while (held.size() < needed) {
                held.add(work.getConnection());
            }
        } catch (SQLException tooFew) {
            if (held.isEmpty()) {
                throw StoreErrors.translate("get a connection", tooFew);
            }
            throw new PostroomException(
                    "the data source that Postroom works on gave " + held.size()
                            + " connection(s) at a time, and Postroom needs "
                            + needed
                            + ": one for its work, one for the heartbeat and one for LISTEN. Raise the size of its pool to "
                            + needed + " or more, or set postroom.engine-datasource to another one: "
                            + tooFew.getMessage(),
                    tooFew);
        } finally {
            held.forEach(EnginePool::close);
        }
    }

    private static void close(Connection connection) {
        try {
            connection.close();
        } catch (SQLException e) {
            log.debug("a connection was closed already", e);
        }
    }

    /** Connections for all work except heartbeat and LISTEN. */
    public DataSource dataSource() {
        return work;
    }

    /** The heartbeat's connections: one is always free for one caller at a time. */
    public DataSource heartbeatDataSource() {
        return heartbeat;
    }

    /** The pool that gives the one connection for LISTEN. */
    public DataSource listenDataSource() {
        return listen;
    }

    /** Closes the pools and connections that were opened here. The host's data source and a given one stay open. */
    @Override
    public void close() {
        for (AutoCloseable opened : new ArrayList<>(own)) {
            try {
                opened.close();
            } catch (SQLException e) {
                log.debug("a connection was closed already", e);
            } catch (Exception e) {
                log.warn("closing a pool failed", e);
            }
        }
    }
}
