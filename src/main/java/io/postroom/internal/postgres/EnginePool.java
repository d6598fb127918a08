package io.postroom.internal.postgres;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.util.ClassUtils;

/**
 * Where the engine's connections come from: a host that leaks its own must not lose its leases.
 *
 * <ul>
 *   <li>A data source given for the engine is taken as it is.
 *   <li>Else, of a {@code HikariDataSource} the settings are copied into two small pools: {@code postroom-engine} for the work and {@code
 *       postroom-reserved} for heartbeat and LISTEN.
 *   <li>Else the host's data source is used. Then, as with a given one, one connection is kept for the heartbeat and one for LISTEN.
 * </ul>
 */
public final class EnginePool implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EnginePool.class);
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

    /** @param given for the engine alone; may be null */
    public static EnginePool of(DataSource host, @org.jspecify.annotations.Nullable DataSource given) {
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
        DataSource source = given == null ? host : given;
        ReservedConnection kept = new ReservedConnection(source);
        log.info(
                "Postroom works on {} and keeps two connections of it, for heartbeat and LISTEN",
                given == null ? "the host's data source" : "the data source given for its engine");
        return new EnginePool(source, kept, source, List.of(kept));
    }

    /** For everything but the two below. */
    public DataSource dataSource() {
        return work;
    }

    /** Always has a connection free for one caller at a time. */
    public DataSource heartbeatDataSource() {
        return heartbeat;
    }

    /** Gives the one connection that listens. */
    public DataSource listenDataSource() {
        return listen;
    }

    /** Closes what was opened here; never the host's or a given data source. */
    @Override
    public void close() {
        for (AutoCloseable opened : new ArrayList<>(own)) {
            try {
                opened.close();
            } catch (SQLException e) {
                log.debug("a connection was gone already", e);
            } catch (Exception e) {
                log.warn("closing a pool failed", e);
            }
        }
    }
}
