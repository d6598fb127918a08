package io.postroom.api;

import java.sql.Connection;

/**
 * The transactions of the host: the manager Postroom belongs to. Bound to the calling thread.
 *
 * <p>Implementations ask the connection, not only the framework's books, whether it really is in a transaction: an auto-commit connection in the
 * books would commit each message at once.
 */
public interface Transactions {
    /** Whether a transaction is open on this thread, of whichever manager. */
    boolean isOpen();

    /**
     * Runs in the open transaction, else begins one and commits it, pools with auto-commit off included.
     *
     * @throws io.postroom.api.WrongTransactionException a transaction of another manager is open
     */
    <T> T join(Work<T> work);

    /**
     * Like {@link #join}, for work of one statement. Without an open transaction, and where the pool's auto-commit is on, the statement is a transaction of
     * itself: one round trip instead of two.
     */
    <T> T joinOrCommitAtOnce(Work<T> oneStatement);

    /** Begins a transaction, runs, commits; rolls back on any exception, which is passed on. For ATOMIC handlers. */
    <T> T begin(Work<T> work) throws Exception;

    /** What is done inside. */
    @FunctionalInterface
    interface Work<T> {
        T run(Open transaction) throws Exception;
    }

    /** The transaction in hand. */
    interface Open {
        Connection connection();

        /** Whether the caller began it, so that nothing may be retried in it. */
        boolean isCallers();

        /** Run once it is committed; what it throws is logged. */
        void afterCommit(Runnable action);

        /** Run when it rolls back or its end is not known. */
        void afterRollback(Runnable action);
    }
}
