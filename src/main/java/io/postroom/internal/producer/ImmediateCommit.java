package io.postroom.internal.producer;

import io.postroom.api.Transactions;
import java.sql.Connection;
import java.util.Optional;
import javax.sql.DataSource;

/** Runs one statement as a transaction of itself, on a connection whose auto-commit is on: one round trip instead of two. */
public final class ImmediateCommit {
    private ImmediateCommit() {}

    /** Runs the statement on a connection from the pool. Does nothing and returns empty where auto-commit is off. */
    public static <T> Optional<T> run(DataSource dataSource, Transactions.Work<T> oneStatement) throws Exception {
        OpenTransaction transaction;
        T result;
        try (Connection connection = dataSource.getConnection()) {
            if (!connection.getAutoCommit()) {
                return Optional.empty();
            }
            transaction = new OpenTransaction(connection);
            try {
                result = oneStatement.run(transaction);
            } catch (Throwable error) {
                transaction.end(false);
                throw error;
            }
        }
        transaction.end(true);
        return Optional.of(result);
    }
}
