package io.postroom.internal.postgres;

import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import javax.sql.DataSource;
import org.postgresql.PGConnection;

/**
 * The store's own transactions, on whatever pool it was given: they commit explicitly where auto-commit is off, they are READ COMMITTED whatever
 * the database's default is, and they end with their connection closed. Thread-safe.
 */
final class StoreTransactions {
    private static final String READ_COMMITTED = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";

    private final DataSource source;

    // Asking a connection its level is a round trip, so each physical one is asked once; a pool sets it back after a
    // borrower changed it.
    private final Map<PGConnection, Boolean> readCommitted = Collections.synchronizedMap(new WeakHashMap<>());

    StoreTransactions(DataSource source) {
        this.source = source;
    }

    /** What is done on a connection. */
    @FunctionalInterface
    interface Work<T> {
        T run(Connection connection) throws SQLException;
    }

    /** One statement: with auto-commit it is its own transaction and costs one round trip, not two. */
    <T> T single(String doing, Work<T> work) {
        try (Connection connection = source.getConnection()) {
            if (connection.getAutoCommit() && isReadCommitted(connection)) {
                return work.run(connection);
            }
            return inTransaction(connection, work);
        } catch (SQLException e) {
            throw StoreErrors.translate(doing, e);
        }
    }

    /** Several statements that hold together. */
    <T> T several(String doing, Work<T> work) {
        try (Connection connection = source.getConnection()) {
            return inTransaction(connection, work);
        } catch (SQLException e) {
            throw StoreErrors.translate(doing, e);
        }
    }

    /** In somebody else's transaction: nothing is begun, ended or repeated. */
    static <T> T joined(String doing, Connection connection, Work<T> work) {
        try {
            return work.run(connection);
        } catch (SQLException e) {
            throw StoreErrors.translate(doing, e);
        }
    }

    private <T> T inTransaction(Connection connection, Work<T> work) throws SQLException {
        boolean autoCommit = connection.getAutoCommit();
        boolean level = isReadCommitted(connection);
        if (autoCommit) {
            connection.setAutoCommit(false);
        }
        T result;
        try {
            if (!level) {
                try (Statement statement = connection.createStatement()) {
                    statement.execute(READ_COMMITTED);
                }
            }
            result = work.run(connection);
            connection.commit();
        } catch (SQLException | RuntimeException | Error e) {
            rollBack(connection, autoCommit, e);
            throw e;
        }
        if (autoCommit) {
            connection.setAutoCommit(true);
        }
        return result;
    }

    /** Auto-commit comes back only after a rollback that worked: switching it on commits what is open. */
    private static void rollBack(Connection connection, boolean autoCommit, Throwable cause) {
        try {
            connection.rollback();
            if (autoCommit) {
                connection.setAutoCommit(true);
            }
        } catch (SQLException e) {
            cause.addSuppressed(e);
        }
    }

    private boolean isReadCommitted(Connection connection) throws SQLException {
        PGConnection physical = connection.unwrap(PGConnection.class);
        Boolean known = readCommitted.get(physical);
        if (known == null) {
            known = connection.getTransactionIsolation() == Connection.TRANSACTION_READ_COMMITTED;
            readCommitted.put(physical, known);
        }
        return known;
    }
}
