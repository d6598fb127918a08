package io.postroom.internal.producer;

import io.postroom.api.Transactions;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A statement that is a transaction of itself, on a connection whose auto-commit is on. */
public final class ImmediateCommit implements Transactions.Open {
    private static final Logger log = LoggerFactory.getLogger(ImmediateCommit.class);

    private final Connection connection;
    private final List<Runnable> afterCommit = new ArrayList<>(1);
    private final List<Runnable> afterRollback = new ArrayList<>(1);

    private ImmediateCommit(Connection connection) {
        this.connection = connection;
    }

    /** Runs it on a connection of its own; empty, and nothing was done, where auto-commit is off. */
    public static <T> Optional<T> run(DataSource dataSource, Transactions.Work<T> oneStatement) throws Exception {
        ImmediateCommit transaction;
        T result;
        try (Connection connection = dataSource.getConnection()) {
            if (!connection.getAutoCommit()) {
                return Optional.empty();
            }
            transaction = new ImmediateCommit(connection);
            try {
                result = oneStatement.run(transaction);
            } catch (Throwable error) {
                runAll(transaction.afterRollback);
                throw error;
            }
        }
        runAll(transaction.afterCommit);
        return Optional.of(result);
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

    private static void runAll(List<Runnable> actions) {
        for (Runnable action : actions) {
            try {
                action.run();
            } catch (RuntimeException thrown) {
                log.warn("an action after the end of a transaction failed", thrown);
            }
        }
    }
}
