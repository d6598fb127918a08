package io.postroom.api;

import java.sql.Connection;
import java.util.Optional;

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
     * Whether the open transaction is one of the host's manager, which {@link #join} would join. Asked where {@link #isOpen} is true. The
     * default is for hosts with one manager.
     */
    default boolean isOwn() {
        return true;
    }

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

    /**
     * Takes note of what is bound to this thread, right before a handler runs on it. Called for each attempt, so it must cost nanoseconds
     * when nothing is bound. The default is for hosts whose transactions are not bound to threads.
     */
    default ThreadState threadState() {
        return Optional::empty;
    }

    /** What was bound to a thread when {@link #threadState} was called. */
    @FunctionalInterface
    interface ThreadState {
        /**
         * Makes the calling thread as it was. Rolls back each transaction that was begun since and is still open, and unbinds the rest.
         *
         * @return the transactions that were left open, in words; empty, as nearly always: none was
         * @throws RuntimeException the thread could not be made as it was, and must not run anything else
         */
        Optional<String> restore();
    }

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
