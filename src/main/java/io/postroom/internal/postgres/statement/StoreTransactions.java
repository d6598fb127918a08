package io.postroom.internal.postgres.statement;

import io.postroom.api.StoreException;
import io.postroom.internal.loop.Backoff;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.postgresql.PGConnection;

/**
 * The store's own transactions, on any pool. They commit explicitly where auto-commit is off. They are READ COMMITTED, whatever the
 * database's default is, but for {@link #snapshot}. They end with their connection closed. Thread-safe.
 *
 * <p>The stores of one pool share one object of this class, because it remembers the isolation level of each connection.
 */
public final class StoreTransactions {
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    private static final String REPEATABLE_READ = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    private static final String WITHOUT_JIT = "SET LOCAL jit = off";
    private static final String READ_COMMITTED = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";

    private final DataSource source;

    // A question for the level is a round trip, so each physical connection is asked once. A pool resets the level
    // after a borrower changed it.
    private final Map<PGConnection, Boolean> readCommitted = Collections.synchronizedMap(new WeakHashMap<>());

    /** @param source any pool, auto-commit on or off */
    public StoreTransactions(DataSource source) {
        this.source = source;
    }

    /** The statements of a transaction. */
    @FunctionalInterface
    public interface Work<T> {
        /** Runs the statements; the caller of this method commits. */
        T run(Connection connection) throws SQLException;
    }

    /**
     * Runs one statement. With auto-commit the statement is its own transaction and costs one round trip, not two.
     *
     * @param doing for the text of a failure, as in "claim from queue 4"
     */
    public <T> T single(String doing, Work<T> work) {
        try (Connection connection = connect()) {
            if (connection.getAutoCommit() && isReadCommitted(connection)) {
                return work.run(connection);
            }
            return inTransaction(connection, work);
        } catch (SQLException e) {
            throw StoreErrors.translate(doing, e);
        }
    }

    /**
     * Runs one statement that only reads, for a caller outside the engine's loops. Runs it again while its failure may pass, such as a
     * dropped connection or a server that starts, with waits from 50 ms on. Gives up after 2 s.
     */
    public <T> T read(String doing, Work<T> work) {
        return repeated(() -> single(doing, work), error -> true);
    }

    /**
     * Reads like {@link #read}, by the views of messages, in a transaction without just-in-time compilation. Where a server compiles, it
     * takes more than ten seconds for one of their plans, which have hundreds of nodes (PostgreSQL 15 with LLVM, two cores).
     */
    public <T> T readViews(String doing, Work<T> work) {
        return repeated(() -> several(doing, after(WITHOUT_JIT, work)), error -> true);
    }

    /**
     * Runs one statement that changes something, like {@link #read}. It is repeated only if the failed try surely committed nothing: a
     * second one could answer otherwise than the first.
     */
    public <T> T change(String doing, Work<T> work) {
        return repeated(() -> single(doing, work), error -> !StoreErrors.mayBeCommitted(error));
    }

    /** Runs several statements that change something in one transaction, and repeats it like {@link #change}. */
    public <T> T changes(String doing, Work<T> work) {
        return repeated(() -> several(doing, work), error -> !StoreErrors.mayBeCommitted(error));
    }

    private static <T> T repeated(Supplier<T> statement, Predicate<StoreException> isRepeatable) {
        Backoff backoff = new Backoff();
        long began = System.nanoTime();
        while (true) {
            try {
                return statement.get();
            } catch (StoreException error) {
                long wait = backoff.next().toNanos();
                boolean isLate = System.nanoTime() - began + wait > PATIENCE.toNanos();
                if (!error.mayPass()
                        || !isRepeatable.test(error)
                        || isLate
                        || Thread.currentThread().isInterrupted()) {
                    throw error;
                }
                LockSupport.parkNanos(wait);
            }
        }
    }

    /** Runs several statements in one transaction. */
    public <T> T several(String doing, Work<T> work) {
        try (Connection connection = connect()) {
            return inTransaction(connection, work);
        } catch (SQLException e) {
            throw StoreErrors.translate(doing, e);
        }
    }

    /** Reads with several statements in one snapshot. The only transactions of the store that are not READ COMMITTED. */
    public <T> T snapshot(String doing, Work<T> work) {
        return several(doing, after(REPEATABLE_READ, work));
    }

    /** The work behind a statement that sets something for its transaction. */
    private static <T> Work<T> after(String setting, Work<T> work) {
        return connection -> {
            try (Statement statement = connection.createStatement()) {
                statement.execute(setting);
            }
            return work.run(connection);
        };
    }

    /** Runs statements in the caller's transaction: begins, ends and repeats nothing. */
    public static <T> T joined(String doing, Connection connection, Work<T> work) {
        try {
            return work.run(connection);
        } catch (SQLException e) {
            throw StoreErrors.translate(doing, e);
        }
    }

    /** Runs several statements in the caller's transaction. On a connection with auto-commit they are a transaction of their own. */
    public <T> T together(String doing, Connection connection, Work<T> work) {
        try {
            return connection.getAutoCommit() ? inTransaction(connection, work) : work.run(connection);
        } catch (SQLException e) {
            throw StoreErrors.translate(doing, e);
        }
    }

    /** Takes a connection also on an interrupted thread, to which a pool gives none when it has to wait. The interrupt stays set. */
    private Connection connect() throws SQLException {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return source.getConnection();
                } catch (SQLException e) {
                    if (!Thread.interrupted()) {
                        throw e;
                    }
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
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

    /** Rolls back. Switches auto-commit on only after a rollback that worked, because the switch commits an open transaction. */
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
