package io.postroom.homes;

import io.postroom.api.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Transactions on one data source that are bound to the thread, as those of a framework are. */
final class OneThreadTransactions implements Transactions {
    private static final ThreadLocal<List<OneThreadTransactions>> OPEN = ThreadLocal.withInitial(ArrayList::new);

    private final DataSource source;
    private final ThreadLocal<@Nullable Bound> bound = new ThreadLocal<>();

    OneThreadTransactions(DataSource source) {
        this.source = source;
    }

    @Override
    public boolean isOpen() {
        return !OPEN.get().isEmpty();
    }

    @Override
    public boolean isOwn() {
        return bound.get() != null;
    }

    @Override
    public <T> T join(Work<T> work) {
        try {
            Bound callers = bound.get();
            return callers == null ? begin(work) : work.run(callers);
        } catch (RuntimeException failed) {
            throw failed;
        } catch (Exception failed) {
            throw new IllegalStateException(failed);
        }
    }

    @Override
    public <T> T joinOrCommitAtOnce(Work<T> oneStatement) {
        return join(oneStatement);
    }

    /** A transaction of the caller's, which {@link #join} joins. */
    void inTransaction(Runnable work) throws Exception {
        begin(transaction -> {
            work.run();
            return true;
        });
    }

    @Override
    public <T> T begin(Work<T> work) throws Exception {
        try (Connection connection = source.getConnection()) {
            connection.setAutoCommit(false);
            Bound transaction = new Bound(connection);
            bound.set(transaction);
            OPEN.get().add(this);
            boolean committed = false;
            try {
                T result = work.run(transaction);
                connection.commit();
                committed = true;
                return result;
            } finally {
                bound.remove();
                OPEN.get().remove(this);
                if (!committed) {
                    rollBack(connection);
                }
                connection.setAutoCommit(true);
                (committed ? transaction.afterCommit : transaction.afterRollback).forEach(Runnable::run);
            }
        }
    }

    private static void rollBack(Connection connection) throws SQLException {
        if (!connection.isClosed()) {
            connection.rollback();
        }
    }

    private record Bound(Connection connection, List<Runnable> afterCommit, List<Runnable> afterRollback)
            implements Open {
        Bound(Connection connection) {
            this(connection, new ArrayList<>(), new ArrayList<>());
        }

        @Override
        public boolean isCallers() {
            return true;
        }

        @Override
        public void afterCommit(Runnable action) {
            afterCommit.add(action);
        }

        @Override
        public void afterRollback(Runnable action) {
            afterRollback.add(action);
        }
    }
}
