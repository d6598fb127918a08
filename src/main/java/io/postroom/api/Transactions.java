package io.postroom.api;

import java.sql.Connection;

/**
 * The transactions of the host: those of the manager that Postroom belongs to. Bound to the calling thread.
 *
 * <p>Implementations ask the connection itself, not only the framework's records, whether it is in a transaction. The framework may have
 * registered an auto-commit connection, which would commit each message at once.
 */
public interface Transactions {
    /** Whether a transaction of any manager is open on this thread. */
    boolean isOpen();

    /**
     * Runs work in the open transaction. Without one it begins a transaction and commits it, also where the pool's auto-commit is off.
     *
     * @throws io.postroom.api.WrongTransactionException a transaction of another manager is open
     */
    <T> T join(Work<T> work);

    /**
     * Runs work of one statement, as {@link #join} does. Without an open transaction, and where the pool's auto-commit is on, the statement
     * is a transaction by itself: one round trip instead of two.
     */
    <T> T joinOrCommitAtOnce(Work<T> oneStatement);

    /** Begins a transaction, runs work in it and commits. Rolls back on any exception, and throws it. For ATOMIC handlers. */
    <T> T begin(Work<T> work) throws Exception;

    /** Work inside a transaction. */
    @FunctionalInterface
    interface Work<T> {
        T run(Open transaction) throws Exception;
    }

    /** The transaction that work runs in. */
    interface Open {
        /** The connection of the transaction. It must not be committed or closed. */
        Connection connection();

        /** Whether the caller began it, so that nothing may be retried in it. */
        boolean isCallers();

        /** Runs the action once the transaction is committed. What the action throws is logged. */
        void afterCommit(Runnable action);

        /** Runs the action when the transaction rolls back, or when it is not known how it ended. */
        void afterRollback(Runnable action);
    }
}
