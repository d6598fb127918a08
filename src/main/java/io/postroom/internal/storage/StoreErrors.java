package io.postroom.internal.storage;

import io.postroom.api.StoreException;
import io.postroom.api.StoreException.Kind;
import java.sql.SQLException;
import java.sql.SQLRecoverableException;
import java.sql.SQLTimeoutException;
import java.sql.SQLTransientConnectionException;

/**
 * Classifies failures of the database by what may be done about them. The SQLSTATEs are those of appendix A of the PostgreSQL manual.
 *
 * <p>It stands beside the port, not in {@code postgres}, because {@code producer} needs it, too: failures of a host's own transaction
 * manager do not pass through the store.
 */
public final class StoreErrors {
    private StoreErrors() {}

    /** Whether the same call may succeed a moment later, asked about a failure that came through a host's transaction manager. */
    public static boolean mayPass(Throwable error) {
        Throwable cause = error;
        for (int depth = 0; cause != null && depth < 20; depth++, cause = cause.getCause()) {
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
        String state = telling.getSQLState() == null ? "" : telling.getSQLState();
        Kind kind = kindOf(error, state);
        String text = "could not " + doing + ": " + telling.getMessage()
                + (state.isEmpty() ? "" : " [SQLSTATE " + state + "]")
                + hint(state);
        return new StoreException(text, kind, state, error);
    }

    /** Whether a single row may be to blame: worth a search among the rows of a statement. False for what every row would meet. */
    public static boolean mayBeOfOneRow(StoreException error) {
        boolean ofStatement = error.state().startsWith("42") || error.state().startsWith("3F");
        return !ofStatement && !error.mayPass();
    }

    private static Kind kindOf(SQLException error, String state) {
        if (state.equals("40001") || state.equals("40P01") || state.equals("55P03")) {
            return Kind.TRY_AGAIN;
        }
        if (state.startsWith("08") || state.startsWith("53") || state.startsWith("57P") || state.equals("25006")) {
            return Kind.UNAVAILABLE;
        }
        if (state.equals("57014") || state.equals("25P03") || state.equals("25P04") || state.startsWith("58")) {
            // Postroom's own time limits, and the server's disk. The statement is right, but the database is busy or in
            // trouble.
            return Kind.UNAVAILABLE;
        }
        if (state.startsWith("22") || state.startsWith("23")) {
            return Kind.REFUSED;
        }
        // A pool without a free connection, and drivers that give no SQLSTATE.
        if (error instanceof SQLTransientConnectionException
                || error instanceof SQLRecoverableException
                || error instanceof SQLTimeoutException) {
            return Kind.UNAVAILABLE;
        }
        return Kind.BROKEN;
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

    private static String hint(String state) {
        return switch (state) {
            case "42P01", "42883", "3F000" ->
                ". The tables or functions of postroom are missing or older than this version: run the migrations";
            case "42501" -> ". The role lacks a right: see the grants in docs/operations.md";
            case "25006" -> ". The database is read-only: a standby, or a failover under way";
            default -> "";
        };
    }
}
