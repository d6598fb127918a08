package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import io.postroom.api.StoreException.Kind;
import java.sql.SQLException;
import java.sql.SQLRecoverableException;
import java.sql.SQLTimeoutException;
import java.sql.SQLTransientConnectionException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Classifies failures of the database by what may be done about them. What each SQLSTATE means is in the table {@link SqlStates}.
 *
 * <p>It stands beside the port, not in {@code postgres}, because {@code producer} needs it, too: failures of a host's own transaction
 * manager do not pass through the store.
 */
public final class StoreErrors {
    private static final int MOST_CAUSES = 20;

    private StoreErrors() {}

    /** Whether the same call may succeed a moment later, asked about a failure that came through a host's transaction manager. */
    public static boolean mayPass(Throwable error) {
        Throwable cause = error;
        for (int depth = 0; cause != null && depth < MOST_CAUSES; depth++, cause = cause.getCause()) {
            if (cause instanceof StoreException store) {
                return store.mayPass();
            } else if (cause instanceof SQLException sql) {
                return translate("write", sql).mayPass();
            }
        }
        return false;
    }

    /**
     * Turns a failure into a {@link StoreException} that says what was being done, the SQLSTATE and, where one helps, a hint.
     *
     * @param doing what was being done, as in "claim from queue 4"
     */
    public static StoreException translate(String doing, SQLException error) {
        SQLException telling = firstWithState(error);
        String state = stateOf(telling);
        Kind kind = kindOf(error, state);
        String text = "could not " + doing + ": " + telling.getMessage()
                + (state.isEmpty() ? "" : " [SQLSTATE " + state + "]")
                + hint(state);
        return new StoreException(text, kind, state, error);
    }

    /**
     * Whether the data of a single row is to blame, so that the same statement succeeds for other rows. Only such a row may be put aside
     * for good.
     */
    public static boolean isOfOneRow(StoreException error) {
        return error.kind() == Kind.REFUSED;
    }

    /** Whether a single row may be to blame: worth a search among the rows of a statement. False for what every row would meet. */
    public static boolean mayBeOfOneRow(StoreException error) {
        return SqlStates.of(error.state()).blame() != SqlStates.Blame.DATABASE && !error.mayPass();
    }

    /**
     * Whether the queue lives on another home now, or is about to. A single row is to blame, and there is nothing wrong with it: it may be
     * created there, or here once the queue is back. So it is never put aside.
     */
    public static boolean isOfMovedQueue(StoreException error) {
        return error.state().equals(SqlStates.MOVED);
    }

    /**
     * Whether the statement ended because it waited too long: for a lock (55P03), or as a whole (57014). What it waited for may be in the
     * way of a single row, so this is asked only where that row can be put off.
     */
    public static boolean isOfGivenUpWait(StoreException error) {
        return error.state().equals("55P03") || error.state().equals("57014");
    }

    /**
     * Whether a transaction that ended with this failure may have been committed. False when the server refused it before, or when there
     * was no connection to begin it on.
     */
    public static boolean mayBeCommitted(Throwable error) {
        SQLException sql = sqlOf(error);
        if (sql == null || sql instanceof SQLTransientConnectionException) {
            return false; // no statement reached the server; the second is what a pool throws that has no connection
        }
        return SqlStates.of(stateOf(firstWithState(sql))).mayBeCommitted();
    }

    /** Whether the failure came from the database or from the way to it. */
    public static boolean isOfDatabase(Throwable error) {
        return sqlOf(error) != null;
    }

    /**
     * Says that a message was refused in several tries, and that none of them stored it.
     *
     * @param last what the last try failed with; of the database
     */
    public static StoreException notStored(int tries, RuntimeException last) {
        StoreException store = last instanceof StoreException known
                ? known
                : translate("store it", Objects.requireNonNull(sqlOf(last)));
        return new StoreException(
                "nothing was stored in " + tries + " tries: " + store.getMessage(), store.kind(), store.state(), last);
    }

    private static @Nullable SQLException sqlOf(Throwable error) {
        Throwable cause = error;
        for (int depth = 0; cause != null && depth < MOST_CAUSES; depth++, cause = cause.getCause()) {
            if (cause instanceof SQLException sql) {
                return sql;
            }
        }
        return null;
    }

    private static String stateOf(SQLException error) {
        return error.getSQLState() == null ? "" : error.getSQLState();
    }

    private static Kind kindOf(SQLException error, String state) {
        Kind kind = SqlStates.of(state).kind();
        // A pool without a free connection, and drivers that give no SQLSTATE.
        boolean passing = error instanceof SQLTransientConnectionException
                || error instanceof SQLRecoverableException
                || error instanceof SQLTimeoutException;
        return kind == Kind.BROKEN && passing ? Kind.UNAVAILABLE : kind;
    }

    /** Hikari wraps the cause of a failed connection; its own exception may have no SQLSTATE. */
    private static SQLException firstWithState(SQLException error) {
        Throwable cause = error;
        for (int depth = 0; cause != null && depth < 5; depth++, cause = cause.getCause()) {
            if (cause instanceof SQLException sql && sql.getSQLState() != null) {
                return sql;
            }
        }
        return error;
    }

    /** Says what an SQLSTATE usually means here, and what to do. Begins with a full stop; empty for most states. */
    static String hint(String state) {
        return switch (state) {
            case "42P01", "42883", "3F000" ->
                ". The tables or functions of postroom are missing or older than this version: run the migrations";
            case "42501" -> ". The role lacks a right: see the grants in docs/operations.md";
            case "25006" -> ". The database is read-only: a standby, or a failover under way";
            case "42P05", "26000", "08P01" ->
                ". If a pooler such as PgBouncer gives sessions of the server to several clients, set prepareThreshold=0"
                        + " in the JDBC URL and postroom.listen=false. Its pool_mode must be session or transaction: statement"
                        + " mode has no transactions";
            case "25P03" ->
                ". The server cut the connection because the transaction was idle for longer than"
                        + " idle_in_transaction_session_timeout of this role or database. Raise it, or shorten what runs in the"
                        + " transaction";
            case "25P04" ->
                ". The transaction lasted longer than transaction_timeout of this role or database. Raise it";
            case "57P05" ->
                ". The server cut the connection because it was idle for longer than idle_session_timeout of this role or"
                        + " database. Raise it above the pool's keepalive time";
            case "08006" ->
                ". The connection was cut: by the network, a server that stopped, or a time limit of the server for sessions, such as"
                        + " idle_in_transaction_session_timeout";
            case "57P01" -> ". An administrator or a shutdown of the server ended the connection";
            case "53100" -> ". The server's disk is full";
            default -> "";
        };
    }
}
