package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.TransactionExecutionListener;
import org.springframework.transaction.support.AbstractPlatformTransactionManager;
import org.springframework.transaction.support.DefaultTransactionStatus;
import org.springframework.transaction.support.TransactionTemplate;

class ExecutionListenersTest {
    private final Manager manager = new Manager();
    private final List<String> told = new ArrayList<>();

    @Test
    void commit_that_is_under_way_while_a_listener_is_added_goes_on() {
        manager.addListener(beforeCommit(() -> {
            told.add("first");
            OpenTransactions.of(manager);
            new LeftOpenTransactions(() -> Map.<String, PlatformTransactionManager>of("manager", manager)).note();
        }));
        manager.addListener(beforeCommit(() -> told.add("second")));

        new TransactionTemplate(manager).executeWithoutResult(status -> told.add("work"));

        assertThat(told).containsExactly("work", "first", "second", "committed");
        assertThat(manager.getTransactionExecutionListeners()).hasSize(4);
    }

    @Test
    void added_listener_is_told_of_the_next_transaction() {
        ExecutionListeners.add(manager, beforeCommit(() -> told.add("added")));

        new TransactionTemplate(manager).executeWithoutResult(status -> {});

        assertThat(told).containsExactly("added", "committed");
    }

    private static TransactionExecutionListener beforeCommit(Runnable action) {
        return new TransactionExecutionListener() {
            @Override
            public void beforeCommit(TransactionExecution transaction) {
                action.run();
            }
        };
    }

    private final class Manager extends AbstractPlatformTransactionManager {
        @Override
        protected Object doGetTransaction() {
            return this;
        }

        @Override
        protected void doBegin(Object transaction, TransactionDefinition definition) {}

        @Override
        protected void doCommit(DefaultTransactionStatus status) {
            told.add("committed");
        }

        @Override
        protected void doRollback(DefaultTransactionStatus status) {
            told.add("rolled back");
        }
    }
}
