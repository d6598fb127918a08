package io.postroom.spring;

import io.postroom.api.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.jdbc.datasource.ConnectionHolder;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.TransactionExecutionListener;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionSynchronizationUtils;

/**
 * Rolls back and unbinds what a handler leaves on its thread. Otherwise the next message on the thread would run inside a transaction that
 * nobody commits: it would end DONE, and its writes would never exist. Thread-safe.
 *
 * <p>A transaction can be rolled back by its own status alone. So the transactions of all managers are noted as they begin, as a stack for
 * each thread. Unlike {@link OpenTransactions}, which serves one manager, this stack has them in the order in which they must end.
 */
final class LeftOpenTransactions {
    private static final Logger log = LoggerFactory.getLogger(LeftOpenTransactions.class);

    private final Supplier<Map<String, PlatformTransactionManager>> managers;
    private final ThreadLocal<@Nullable Begun> innermost = new ThreadLocal<>();
    private final Noted nothing = new Noted(0, Map.of(), false, false);
    private final Set<String> warnedOf = ConcurrentHashMap.newKeySet();
    private volatile boolean listening;

    /** @param managers by name, asked once, when the first handler runs: then all beans are there */
    LeftOpenTransactions(Supplier<Map<String, PlatformTransactionManager>> managers) {
        this.managers = managers;
    }

    /** Takes note of what is bound to this thread. */
    Transactions.ThreadState note() {
        if (!listening) {
            listen();
        }
        int depth = depth();
        Map<Object, Object> bound = TransactionSynchronizationManager.getResourceMap();
        boolean synchronizing = TransactionSynchronizationManager.isSynchronizationActive();
        boolean active = TransactionSynchronizationManager.isActualTransactionActive();
        if (depth == 0 && bound.isEmpty() && !synchronizing && !active) {
            return nothing;
        }
        return new Noted(depth, new IdentityHashMap<>(bound), synchronizing, active);
    }

    private synchronized void listen() {
        if (!listening) {
            managers.get().forEach((name, manager) -> ExecutionListeners.add(manager, new Listener(name, manager)));
            listening = true;
        }
    }

    private int depth() {
        Begun begun = live();
        return begun == null ? 0 : begun.depth;
    }

    /** The innermost transaction that has not completed. */
    private @Nullable Begun live() {
        Begun begun = innermost.get();
        if (begun != null && begun.transaction.isCompleted()) {
            do {
                begun = begun.outer;
            } while (begun != null && begun.transaction.isCompleted());
            set(begun);
        }
        return begun;
    }

    private void set(@Nullable Begun begun) {
        if (begun == null) {
            innermost.remove();
        } else {
            innermost.set(begun);
        }
    }

    /** What was bound to a thread at one moment. */
    private final class Noted implements Transactions.ThreadState {
        private final int depth;
        private final Map<Object, Object> bound;
        private final boolean synchronizing;
        private final boolean active;

        Noted(int depth, Map<Object, Object> bound, boolean synchronizing, boolean active) {
            this.depth = depth;
            this.bound = bound;
            this.synchronizing = synchronizing;
            this.active = active;
        }

        @Override
        public Optional<String> restore() {
            boolean same = depth() == depth
                    && TransactionSynchronizationManager.isSynchronizationActive() == synchronizing
                    && TransactionSynchronizationManager.isActualTransactionActive() == active
                    && isBound(TransactionSynchronizationManager.getResourceMap());
            return same ? Optional.empty() : undo();
        }

        private boolean isBound(Map<Object, Object> now) {
            return now.size() == bound.size()
                    && now.entrySet().stream().allMatch(entry -> bound.get(entry.getKey()) == entry.getValue());
        }

        private Optional<String> undo() {
            List<String> left = new ArrayList<>();
            List<Throwable> failures = new ArrayList<>();
            for (Begun begun = live(); begun != null && begun.depth > depth; begun = live()) {
                left.add(begun.describe());
                rollBack(begun, failures);
            }
            if (TransactionSynchronizationManager.isActualTransactionActive() && !active) {
                left.add("a transaction of an unknown transaction manager open");
                failures.add(new IllegalStateException("only its own manager could have rolled it back"));
            }
            if (TransactionSynchronizationManager.isSynchronizationActive() && !synchronizing) {
                if (left.isEmpty()) {
                    left.add("the scope of a transaction open");
                }
                endSynchronization(failures);
            }
            unbindNew(left);
            if (!isBound(TransactionSynchronizationManager.getResourceMap())
                    || synchronizing && !TransactionSynchronizationManager.isSynchronizationActive()
                    || active && !TransactionSynchronizationManager.isActualTransactionActive()) {
                failures.add(new IllegalStateException("a transaction that was open before is suspended or has ended"));
            }
            if (this == nothing) {
                TransactionSynchronizationManager.clear();
            }
            return answer(left, failures);
        }

        /** Unbinds what was not bound before. A connection among it goes back to its pool. */
        private void unbindNew(List<String> left) {
            for (Object key : List.copyOf(
                    TransactionSynchronizationManager.getResourceMap().keySet())) {
                Object now = TransactionSynchronizationManager.getResource(key);
                if (now == null || bound.get(key) == now) {
                    continue;
                }
                TransactionSynchronizationManager.unbindResource(key);
                if (bound.containsKey(key)) {
                    TransactionSynchronizationManager.bindResource(key, bound.get(key));
                }
                if (now instanceof ConnectionHolder holder && key instanceof DataSource dataSource) {
                    giveBack(holder.getConnection(), dataSource, left);
                } else if (warnedOf.add(now.getClass().getName())) {
                    log.warn(
                            "a handler left a {} bound to its thread; it was unbound",
                            now.getClass().getName());
                }
            }
        }
    }

    private void rollBack(Begun begun, List<Throwable> failures) {
        try {
            begun.manager.rollback((TransactionStatus) begun.transaction);
        } catch (RuntimeException | Error notRolledBack) {
            failures.add(notRolledBack);
        }
        if (innermost.get() == begun) {
            set(begun.outer);
        }
    }

    /** Ends a synchronization as its manager would have after a rollback, so that its resources are released. */
    private static void endSynchronization(List<Throwable> failures) {
        List<TransactionSynchronization> registered = TransactionSynchronizationManager.getSynchronizations();
        TransactionSynchronizationManager.clearSynchronization();
        try {
            registered.forEach(TransactionSynchronization::beforeCompletion);
            TransactionSynchronizationUtils.invokeAfterCompletion(
                    registered, TransactionSynchronization.STATUS_ROLLED_BACK);
        } catch (RuntimeException | Error thrown) {
            failures.add(thrown);
        }
    }

    private static void giveBack(Connection connection, DataSource dataSource, List<String> left) {
        try {
            if (!connection.getAutoCommit()) {
                left.add("a connection with an open transaction bound");
                connection.rollback();
            }
        } catch (SQLException gone) {
            log.debug("a connection that a handler left bound is gone", gone);
        } finally {
            DataSourceUtils.releaseConnection(connection, dataSource);
        }
    }

    private static Optional<String> answer(List<String> left, List<Throwable> failures) {
        String text = String.join(" and ", left);
        if (failures.isEmpty()) {
            return left.isEmpty() ? Optional.empty() : Optional.of(text);
        }
        IllegalStateException notCleaned = new IllegalStateException(
                (text.isEmpty() ? "what was bound to the thread" : text) + " could not be undone");
        failures.forEach(notCleaned::addSuppressed);
        throw notCleaned;
    }

    /** A transaction, or the scope of a savepoint, on the stack of its thread. */
    private static final class Begun {
        private final String managerName;
        private final PlatformTransactionManager manager;
        private final TransactionExecution transaction;
        private final @Nullable Begun outer;
        private final int depth;

        Begun(
                String managerName,
                PlatformTransactionManager manager,
                TransactionExecution transaction,
                @Nullable Begun outer) {
            this.managerName = managerName;
            this.manager = manager;
            this.transaction = transaction;
            this.outer = outer;
            this.depth = outer == null ? 1 : outer.depth + 1;
        }

        String describe() {
            String name = transaction.getTransactionName();
            return "a transaction of \"" + managerName + "\"" + (name.isEmpty() ? "" : " (" + name + ")") + " open";
        }
    }

    private final class Listener implements TransactionExecutionListener {
        private final String managerName;
        private final PlatformTransactionManager manager;

        Listener(String managerName, PlatformTransactionManager manager) {
            this.managerName = managerName;
            this.manager = manager;
        }

        @Override
        public void afterBegin(TransactionExecution transaction, @Nullable Throwable failure) {
            if (failure == null
                    && transaction instanceof TransactionStatus
                    && (transaction.isNewTransaction() || transaction.isNested())) {
                set(new Begun(managerName, manager, transaction, live()));
            }
        }

        @Override
        public void afterCommit(TransactionExecution transaction, @Nullable Throwable failure) {
            ended(transaction);
        }

        @Override
        public void afterRollback(TransactionExecution transaction, @Nullable Throwable failure) {
            ended(transaction);
        }

        private void ended(TransactionExecution transaction) {
            Begun begun = innermost.get();
            if (begun != null && begun.transaction == transaction) {
                set(begun.outer);
            }
        }
    }
}
