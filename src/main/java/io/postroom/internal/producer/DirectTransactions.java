package io.postroom.internal.producer;

import io.postroom.api.PostroomException;
import io.postroom.api.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Transactions for a host without a transaction manager. Each has its own connection. Each is committed explicitly, because a pool with
 * auto-commit off silently rolls back what nobody commits. A caller who has a transaction passes its connection to {@code createMessage}.
 * Thread-safe.
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
            throw failed(error);
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
            throw failed(error);
        }
    }

    private static PostroomException failed(Exception error) {
        return new PostroomException("the transaction failed: " + error.getMessage(), error);
    }

    @Override
    public <T> T begin(Work<T> work) throws Exception {
        OpenTransaction transaction;
        T result;
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            connection.setAutoCommit(false);
            transaction = new OpenTransaction(connection);
            boolean committed = false;
            try {
                result = work.run(transaction);
                connection.commit();
                committed = true;
            } finally {
                if (!committed) {
                    rollBack(connection);
                    transaction.end(false);
                }
                restore(connection, autoCommit);
            }
        }
        transaction.end(true);
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
}
