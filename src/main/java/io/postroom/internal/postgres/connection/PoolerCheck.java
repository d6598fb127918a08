package io.postroom.internal.postgres.connection;

import io.postroom.api.PostroomException;
import io.postroom.api.StoreException;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;
import org.postgresql.PGConnection;

/**
 * Looks for a pooler that gives the sessions of the server to several clients, as PgBouncer does in transaction mode.
 *
 * <p>Behind one, statements that the driver prepared belong to whoever gets the session next. A prepared COMMIT ran as another client's
 * statement: 199 of 5,669 acknowledged messages were never stored. So such a pooler is accepted only with two settings, which switch off
 * prepared statements and LISTEN.
 *
 * <p>A pooler shows itself by the process id of the server that the driver was told at connect, which differs from {@code
 * pg_backend_pid()}. It shares sessions if one of two connections, both open all the time, is seen in two sessions, or if the two are seen
 * in the same one.
 */
public final class PoolerCheck {
    /** The first round nearly always shows it, because a pooler gives out the session that was used last. */
    private static final int ROUNDS = 8;

    private static final String UNSAFE =
            "the database is behind a pooler that gives its sessions to several clients, as PgBouncer in transaction mode does."
                    + " With prepared statements, messages could be acknowledged and never stored, and LISTEN would reach nobody."
                    + " Set both: prepareThreshold=0 in the JDBC URL, and postroom.listen=false (in Java EngineSettings.listen)."
                    + " Or connect to the server itself, or to a pool in session mode";

    private PoolerCheck() {}

    /**
     * Refuses a data source whose connections share sessions with other clients, unless its settings suit that.
     *
     * @param source gives at least two connections at a time
     * @param listen whether a connection is to LISTEN
     * @throws PostroomException names the two settings to change
     */
    public static void refuseUnsafe(DataSource source, boolean listen) {
        try {
            boolean prepares = false;
            try (Connection first = source.getConnection()) {
                if (!isBehindPooler(first)) {
                    return;
                }
                prepares = !SessionSettings.isShared(first);
            }
            if ((prepares || listen) && sharesSessions(source)) {
                throw new PostroomException(UNSAFE);
            }
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    /** Does what {@link #refuseUnsafe} does for a data source of the host, whose pool may give one connection at a time. */
    public static void refuseUnsafeHost(DataSource host, boolean listen) {
        if (isBehindPooler(host)) {
            try (EnginePool connections = EnginePool.forStart(host)) {
                refuseUnsafe(connections.dataSource(), listen);
            }
        }
    }

    private static StoreException failed(SQLException e) {
        return StoreErrors.translate("look for a pooler in front of the database", e);
    }

    /** Answers whether a pooler of any kind stands in front of the database, so that {@link #refuseUnsafe} has to look closer. */
    public static boolean isBehindPooler(DataSource source) {
        try (Connection connection = source.getConnection()) {
            return isBehindPooler(connection);
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    private static boolean isBehindPooler(Connection connection) throws SQLException {
        return connection.isWrapperFor(PGConnection.class)
                && connection.unwrap(PGConnection.class).getBackendPID() != session(connection, 0);
    }

    private static boolean sharesSessions(DataSource source) throws SQLException {
        try (Connection first = source.getConnection();
                Connection second = source.getConnection()) {
            int seen = session(first, 0);
            for (int round = 1; round <= ROUNDS; round++) {
                if (session(second, round) == seen || session(first, round) != seen) {
                    return true;
                }
            }
            return false;
        }
    }

    /**
     * Asks for the process id of the session, in a transaction of its own: a pooler gives a session away when a transaction ends.
     *
     * @param round makes the text differ, so that the driver never prepares it
     */
    private static int session(Connection connection, int round) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT pg_backend_pid() -- " + round)) {
            row.next();
            return row.getInt(1);
        } finally {
            if (!connection.getAutoCommit()) {
                connection.rollback();
            }
        }
    }
}
