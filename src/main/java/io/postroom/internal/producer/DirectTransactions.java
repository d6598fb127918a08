package io.postroom.internal.producer;

import io.postroom.api.PostroomException;
import io.postroom.api.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Transactions for a host without a transaction manager: each on a connection of its own, committed explicitly, because a pool with auto-commit off rolls
 * back silently what nobody commits. A caller who has a transaction gives its connection along.
 */
public final class DirectTransactions implements Transactions {
    private static final Logger log = LoggerFactory.getLogger(DirectTransactions.class);

    private final DataSource dataSource;

    public DirectTransactions(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    @Override
    public boolean isOpen() {
        return false;
    }

    @Override
    public <T> T join(Work<T> work) {
        try {
            return begin(work);
        } catch (RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new PostroomException("the transaction failed: " + error.getMessage(), error);
        }
    }

    @Override
    public <T> T joinOrCommitAtOnce(Work<T> oneStatement) {
        try {
            Optional<T> atOnce = ImmediateCommit.run(dataSource, oneStatement);
            return atOnce.isPresent() ? atOnce.get() : begin(oneStatement);
        } catch (RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new PostroomException("the transaction failed: " + error.getMessage(), error);
        }
    }

    @Override
    public <T> T begin(Work<T> work) throws Exception {
        Begun transaction;
        T result;
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            connection.setAutoCommit(false);
            transaction = new Begun(connection);
            boolean committed = false;
            try {
                result = work.run(transaction);
                connection.commit();
                committed = true;
            } finally {
                if (!committed) {
                    rollBack(connection);
                    transaction.runAll(transaction.afterRollback);
                }
                restore(connection, autoCommit);
            }
        }
        transaction.runAll(transaction.afterCommit);
        return result;
    }

    private static void rollBack(Connection connection) {
        try {
            connection.rollback();
        } catch (SQLException gone) {
            log.debug("rollback failed; the connection is gone", gone);
        }
    }

    private static void restore(Connection connection, boolean autoCommit) {
        try {
            connection.setAutoCommit(autoCommit);
        } catch (SQLException gone) {
            log.debug("auto-commit could not be restored; the connection is gone", gone);
        }
    }

    private static final class Begun implements Open {
        private final Connection connection;
        private final List<Runnable> afterCommit = new ArrayList<>(2);
        private final List<Runnable> afterRollback = new ArrayList<>(2);

        Begun(Connection connection) {
            this.connection = connection;
        }

        @Override
        public Connection connection() {
            return connection;
        }

        @Override
        public boolean isCallers() {
            return false;
        }

        @Override
        public void afterCommit(Runnable action) {
            afterCommit.add(action);
        }

        @Override
        public void afterRollback(Runnable action) {
            afterRollback.add(action);
        }

        void runAll(List<Runnable> actions) {
            for (Runnable action : actions) {
                try {
                    action.run();
                } catch (RuntimeException thrown) {
                    log.warn("an action after the end of a transaction failed", thrown);
                }
            }
        }
    }
}
