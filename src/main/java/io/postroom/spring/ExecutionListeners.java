package io.postroom.spring;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.springframework.transaction.ConfigurableTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionExecutionListener;

/**
 * Adds listeners to transaction managers that are in use. {@code addListener} changes the very list that commits of other threads go
 * through, and such a commit of the host fails with {@link java.util.ConcurrentModificationException}. Here the manager gets a new list.
 */
final class ExecutionListeners {
    private ExecutionListeners() {}

    /** Adds the listener, if the manager tells listeners at all. Thread-safe. */
    static void add(PlatformTransactionManager manager, TransactionExecutionListener listener) {
        if (manager instanceof ConfigurableTransactionManager configurable) {
            synchronized (configurable) {
                List<TransactionExecutionListener> all =
                        new CopyOnWriteArrayList<>(configurable.getTransactionExecutionListeners());
                all.add(listener);
                configurable.setTransactionExecutionListeners(all);
            }
        }
    }
}
