package io.postroom.spring;

import io.postroom.api.PostroomException;
import io.postroom.api.Transactions;
import io.postroom.api.WrongTransactionException;
import io.postroom.internal.producer.ImmediateCommit;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.DefaultTransactionDefinition;
import org.springframework.transaction.support.ResourceTransactionManager;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Joins and begins the transactions of one {@link PlatformTransactionManager}, JDBC or JPA. Thread-safe.
 *
 * <p>A call of {@link #join} goes through these steps:
 *
 * <ol>
 *   <li>Without an open transaction on the thread, it begins one. So it does if the manager's transaction is past its commit: code that
 *       runs after the commit still sees that transaction bound.
 *   <li>It asks the manager whether the open transaction is the manager's own. Bound resources are no proof: a read without a transaction
 *       binds a connection, too, and so does a read of our data source inside another manager's transaction.
 *   <li>It refuses a read-only transaction, and one whose connection would commit by itself.
 * </ol>
 *
 * <p>A failure in a caller's transaction does not mark it rollback-only. That is the caller's decision, unless PostgreSQL has already
 * ended it.
 *
 * <p>Nested transactions are savepoints. A rollback of one removes the messages created in it, and the actions after a rollback run. A
 * savepoint made by hand ({@code status.createSavepoint()}) removes the messages, too, but a future of {@code sendMessageAsync} does not
 * end then.
 */
final class SpringTransactions implements Transactions {
    private static final Logger log = LoggerFactory.getLogger(SpringTransactions.class);
    /** Begins a transaction. Suspends one that is past its commit; threads of Postroom's own have none to suspend. */
    private static final TransactionDefinition OWN = definition(TransactionDefinition.PROPAGATION_REQUIRES_NEW, false);
    /** Asks for the open transaction. Read-only, so that the question fits any transaction that is found. */
    private static final TransactionDefinition ASK = definition(TransactionDefinition.PROPAGATION_SUPPORTS, true);

    private final PlatformTransactionManager manager;
    private final String managerName;
    private final DataSource dataSource;
    private final OpenTransactions open;
    private final Supplier<String> othersOpen;
    private final LeftOpenTransactions leftOpen;

    /**
     * @param dataSource the key under which the manager binds its connections
     * @param othersOpen names the managers with a transaction open on this thread, for messages
     * @param leftOpen knows the transactions of all managers
     */
    SpringTransactions(
            PlatformTransactionManager manager,
            String managerName,
            DataSource dataSource,
            Supplier<String> othersOpen,
            LeftOpenTransactions leftOpen) {
        this.manager = manager;
        this.managerName = managerName;
        this.dataSource = dataSource;
        this.othersOpen = othersOpen;
        this.leftOpen = leftOpen;
        this.open = OpenTransactions.of(manager);
    }

    @Override
    public boolean isOpen() {
        return TransactionSynchronizationManager.isActualTransactionActive() && !open.isInnermostEnding();
    }

    @Override
    public boolean isOwn() {
        return hasTransaction(manager);
    }

    @Override
    public <T> T join(Work<T> work) {
        try {
            return isOpen() ? runInCallers(work) : begin(work);
        } catch (RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new PostroomException("the transaction failed: " + error.getMessage(), error);
        }
    }

    @Override
    public <T> T joinOrCommitAtOnce(Work<T> oneStatement) {
        try {
            if (isOpen()) {
                return runInCallers(oneStatement);
            }
            Optional<T> atOnce = ImmediateCommit.run(dataSource, oneStatement);
            return atOnce.isPresent() ? atOnce.get() : begin(oneStatement);
        } catch (RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new PostroomException("the transaction failed: " + error.getMessage(), error);
        }
    }

    private <T> T runInCallers(Work<T> work) throws Exception {
        if (!hasTransaction(manager)) {
            throw new WrongTransactionException("a transaction of " + othersOpen.get()
                    + " is open on this thread, but Postroom belongs to transaction manager \"" + managerName
                    + "\", and the message would not commit with it; nothing was written. "
                    + "Either open the transaction with @Transactional(\""
                    + managerName
                    + "\"), or set postroom.transaction-manager to the manager whose database has the schema postroom, "
                    + "or create the message after that transaction");
        }
        if (TransactionSynchronizationManager.isCurrentTransactionReadOnly()) {
            throw new WrongTransactionException(
                    "the open transaction of transaction manager \"" + managerName
                            + "\" is read-only; nothing was written. Remove readOnly = true, or create the message after that transaction");
        }
        if (manager instanceof ResourceTransactionManager
                && !TransactionSynchronizationManager.hasResource(dataSource)) {
            throw new WrongTransactionException("transaction manager \"" + managerName
                    + "\" has a transaction open but shows no JDBC connection of it; nothing was written. "
                    + "With JPA use a dialect that gives it, "
                    + "such as Hibernate's, and set the manager's dataSource");
        }
        Connection connection = DataSourceUtils.getConnection(dataSource);
        try {
            if (connection.getAutoCommit()) {
                throw new WrongTransactionException(
                        "transaction manager \"" + managerName
                                + "\" has a transaction open, but its connection commits each statement by itself "
                                + "(auto-commit is on); nothing was written. "
                                + "With Hibernate, hibernate.connection.provider_disables_autocommit needs a pool with auto-commit off");
            }
            return work.run(new Joined(connection, true));
        } finally {
            DataSourceUtils.releaseConnection(connection, dataSource);
        }
    }

    @Override
    public <T> T begin(Work<T> work) throws Exception {
        TransactionStatus status = manager.getTransaction(OWN);
        T result;
        try {
            result = run(work);
        } catch (Throwable error) {
            rollBack(status, error);
            throw error;
        }
        manager.commit(status);
        return result;
    }

    private <T> T run(Work<T> work) throws Exception {
        Connection connection = DataSourceUtils.getConnection(dataSource);
        try {
            requireNoAutoCommit(connection);
            return work.run(new Joined(connection, false));
        } finally {
            DataSourceUtils.releaseConnection(connection, dataSource);
        }
    }

    private void requireNoAutoCommit(Connection connection) throws SQLException {
        if (connection.getAutoCommit()) {
            throw new WrongTransactionException("transaction manager \"" + managerName
                    + "\" began a transaction, but not on the data source Postroom uses: "
                    + "its connection commits by itself; nothing was written. "
                    + "Set postroom.transaction-manager to a JDBC or JPA manager of that data source");
        }
    }

    @Override
    public ThreadState threadState() {
        return leftOpen.note();
    }

    private void rollBack(TransactionStatus status, Throwable error) {
        try {
            manager.rollback(status);
        } catch (RuntimeException | Error gone) {
            log.debug("rollback failed; the connection is gone", gone);
            error.addSuppressed(gone);
        }
    }

    /** Whether the transaction open on this thread is the manager's own. Leaves no trace while any transaction is open. */
    static boolean hasTransaction(PlatformTransactionManager manager) {
        return manager.getTransaction(ASK).hasTransaction();
    }

    private static TransactionDefinition definition(int propagation, boolean readOnly) {
        DefaultTransactionDefinition definition = new DefaultTransactionDefinition(propagation);
        definition.setName("postroom");
        definition.setReadOnly(readOnly);
        return definition;
    }

    private final class Joined implements Open {
        private final Connection connection;
        private final boolean callers;

        Joined(Connection connection, boolean callers) {
            this.connection = connection;
            this.callers = callers;
        }

        @Override
        public Connection connection() {
            return connection;
        }

        @Override
        public boolean isCallers() {
            return callers;
        }

        @Override
        public void afterCommit(Runnable action) {
            open.afterCommit(action);
        }

        @Override
        public void afterRollback(Runnable action) {
            open.afterRollback(action);
        }
    }
}
