package io.postroom.internal.postgres.purge;

import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/**
 * Detaches an empty tail with DETACH CONCURRENTLY, which blocks nobody. It waits for the transactions that use the table; new ones go on
 * without the tail. It cannot run in a transaction, so it is no function. Thread-safe.
 */
final class TailDetachment {
    /**
     * Longest wait for transactions before DETACH CONCURRENTLY, and again inside it. The statement's time limit stays below that of the
     * engine's sockets.
     */
    static final Duration PATIENCE = Duration.ofSeconds(20);

    private static final Duration LOOK_AGAIN = Duration.ofMillis(100);

    private static final String LIMITS =
            "SELECT set_config('lock_timeout', ?, false), set_config('statement_timeout', ?, false)";

    private final DataSource source;
    private final Duration patience;

    /** @param patience longest wait for transactions, in place of {@link #PATIENCE} */
    TailDetachment(DataSource source, Duration patience) {
        this.source = source;
        this.patience = patience;
    }

    private interface Work {
        boolean run(Connection connection) throws SQLException;
    }

    /** Ends a detachment that was cut off. Does nothing if there is none. */
    void finish(String parent) {
        outsideOfTransactions(parent, connection -> {
            if (is(MaintenanceSql.TAIL_IS_PENDING, parent, connection)) {
                alter(connection, parent, "FINALIZE");
            }
            return true;
        });
    }

    /**
     * Detaches the tail. Waits first for the transactions that use the table now. If one of them stays open, the detachment would never
     * end, and without the tail a row after the last day would be refused.
     *
     * @return false when nothing was done
     */
    boolean begin(String parent) {
        return outsideOfTransactions(parent, connection -> {
            if (!is(MaintenanceSql.TAIL_CAN_BE_DETACHED, parent, connection) || !areShort(parent, connection)) {
                return false;
            }
            alter(connection, parent, "CONCURRENTLY");
            return true;
        });
    }

    private boolean areShort(String parent, Connection connection) throws SQLException {
        long end = System.nanoTime() + patience.toNanos();
        List<String> using = using(parent, connection);
        while (!using.isEmpty() && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(LOOK_AGAIN.toNanos());
            using.retainAll(using(parent, connection));
        }
        return using.isEmpty();
    }

    private static List<String> using(String parent, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.TRANSACTIONS_ON_TABLE.on(connection)) {
            return call.set("parent", parent).list(row -> row.getString(1));
        }
    }

    private static boolean is(Sql question, String parent, Connection connection) throws SQLException {
        try (Sql.Call call = question.on(connection)) {
            return call.set("parent", parent).one(row -> row.getBoolean(1));
        }
    }

    /** Sets the limits for the one statement only: behind a pooler the next statement may meet another session. */
    private void alter(Connection connection, String parent, String how) throws SQLException {
        String[] before = limits(connection);
        setLimits(
                connection, patience.toMillis() + "ms", patience.plusSeconds(5).toMillis() + "ms");
        try (Statement statement = connection.createStatement()) {
            statement.execute(
                    "ALTER TABLE postroom." + parent + " DETACH PARTITION postroom." + parent + "_tail " + how);
        } finally {
            setLimits(connection, before[0], before[1]);
        }
    }

    private boolean outsideOfTransactions(String parent, Work work) {
        try (Connection connection = source.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            connection.setAutoCommit(true);
            try {
                return work.run(connection);
            } finally {
                connection.setAutoCommit(autoCommit);
            }
        } catch (SQLException error) {
            throw StoreErrors.translate("detach the tail of " + parent, error);
        }
    }

    private static String[] limits(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")) {
            row.next();
            return new String[] {row.getString(1), row.getString(2)};
        }
    }

    private static void setLimits(Connection connection, String lock, String statement) throws SQLException {
        try (var call = connection.prepareStatement(LIMITS)) {
            call.setString(1, lock);
            call.setString(2, statement);
            call.execute();
        }
    }
}
