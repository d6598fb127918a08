package io.postroom.internal.postgres.connection;

import io.postroom.internal.postgres.statement.Sql;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.postgresql.PGConnection;

/**
 * Settings of a session that a role or a database may have, and that would stop the engine. The lock of the migrations idles in a
 * transaction, so a limit of 1 s for idle transactions ended every first start. Names and values are those of PostgreSQL and of Citus; a
 * setting that the server lacks is left out.
 *
 * <p>A session that a pooler gives to several clients must not be changed, because the next client would get it as it is left. {@code
 * prepareThreshold=0} is the sign of such a session: {@link PoolerCheck} refuses all others.
 */
final class SessionSettings {
    /** Values that the engine needs on any connection that is its own for a while. 0 switches a time limit off. */
    static final Map<String, String> NEEDED = Map.of(
            "idle_in_transaction_session_timeout", "60s", "idle_session_timeout", "0", "transaction_timeout", "0");
    /**
     * Values for migrations: a change of a large table takes its time, and their lock is held in an idle transaction meanwhile. A node of
     * Citus would send objects of the schema to other nodes, where each has its own.
     */
    static final Map<String, String> MIGRATION = Map.of(
            "citus.enable_ddl_propagation",
            "off",
            "idle_in_transaction_session_timeout",
            "0",
            "idle_session_timeout",
            "0",
            "statement_timeout",
            "0",
            "transaction_timeout",
            "0");

    /** Sets what the server knows; answers the values before, in the same order. */
    private static final Sql SET = Sql.of("""
            -- name: set_session
            WITH before AS MATERIALIZED (
                SELECT s.name, s.value, current_setting(s.name, true) AS old
                FROM unnest(:names::text[], :values::text[]) s(name, value)
            )
            SELECT b.name, b.old, set_config(b.name, b.value, false)
            FROM before b
            WHERE b.old IS NOT NULL
            """);

    private SessionSettings() {}

    /** A text that makes these settings, for pools that run one on each new connection. */
    static String sql(Map<String, String> settings) {
        return "SELECT set_config(s.name, s.value, false) FROM (VALUES "
                + settings.entrySet().stream()
                        .map(setting -> "('" + setting.getKey() + "', '" + setting.getValue() + "')")
                        .sorted()
                        .collect(Collectors.joining(", "))
                + ") s(name, value) WHERE current_setting(s.name, true) IS NOT NULL";
    }

    /**
     * Makes these settings on a connection without a transaction, and keeps them until the session ends or gets others.
     *
     * @return the values before; empty for a session that several clients share, which is left as it is
     */
    static Map<String, String> make(Map<String, String> settings, Connection connection) throws SQLException {
        Map<String, String> before = new LinkedHashMap<>();
        if (settings.isEmpty() || isShared(connection)) {
            return before;
        }
        try (Sql.Call call = SET.on(connection)) {
            call.set("names", settings.keySet().toArray(String[]::new))
                    .set("values", settings.values().toArray(String[]::new))
                    .list(row -> before.put(row.getString(1), row.getString(2)));
        }
        if (!connection.getAutoCommit()) {
            connection.commit();
        }
        return before;
    }

    /** Whether the connection's settings say that its session is shared with other clients. */
    static boolean isShared(Connection connection) throws SQLException {
        return connection.isWrapperFor(PGConnection.class)
                && connection.unwrap(PGConnection.class).getPrepareThreshold() == 0;
    }
}
