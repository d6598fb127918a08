package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.api.QueueMessages;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageEvent;
import io.postroom.handler.PostroomListener;
import io.postroom.handler.ProcessingMessage;
import io.postroom.metrics.MessageLogFields;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.URL;
import java.net.URLClassLoader;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.MDC;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.ConnectionHolder;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.DefaultTransactionDefinition;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/** What a handler leaves on its thread does not reach the next message. */
@PostgresTest
class LeftOpenTransactionsTest {
    private final TestDatabase database;

    LeftOpenTransactionsTest(TestDatabase database) {
        this.database = database;
        JdbcClient.create(database.pool())
                .sql("CREATE TABLE IF NOT EXISTS written (message text PRIMARY KEY)")
                .update();
    }

    /** Everything that a message found on its thread. */
    record Found(
            String thread,
            boolean inTransaction,
            boolean synchronizing,
            Map<Object, Object> bound,
            Map<String, String> logContext,
            ClassLoader classLoader,
            boolean interrupted) {}

    static class Careless {
        private final PlatformTransactionManager manager;
        private final DataSource dataSource;
        private final ObjectProvider<QueueMessages> messages;
        private final Map<String, Found> found = new ConcurrentHashMap<>();

        Careless(PlatformTransactionManager manager, DataSource dataSource, ObjectProvider<QueueMessages> messages) {
            this.manager = manager;
            this.dataSource = dataSource;
            this.messages = messages;
        }

        @ProcessingMessage(value = "careless", concurrency = 1, attempts = 1)
        void leased(String json, MessageContext context) throws Exception {
            handle(json, context);
        }

        @ProcessingMessage(value = "careless.atomic", concurrency = 1, attempts = 1, mode = HandlerMode.ATOMIC)
        void atomic(String json, MessageContext context) throws Exception {
            handle(json, context);
        }

        private void handle(String json, MessageContext context) throws Exception {
            String id = context.id().toString();
            found.put(id, look());
            leave(json.replace("\"", ""));
            JdbcClient.create(dataSource)
                    .sql("INSERT INTO written VALUES (?)")
                    .param(id)
                    .update();
            messages.getObject()
                    .createMessage(CreateMessage.to("follow-up").payload("x").correlationId(id));
            if (json.equals("\"throws in a transaction\"")) {
                throw new IllegalStateException("and throws");
            } else if (json.equals("\"thread\"")) {
                Thread.currentThread().interrupt();
            } else if (json.equals("\"transaction of nobody\"")) {
                TransactionSynchronizationManager.setActualTransactionActive(true);
            }
        }

        private void leave(String what) throws Exception {
            switch (what) {
                case "transaction", "throws in a transaction" -> begin(TransactionDefinition.PROPAGATION_REQUIRED);
                case "transaction in a transaction" -> {
                    begin(TransactionDefinition.PROPAGATION_REQUIRED);
                    begin(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
                }
                case "new transaction" -> begin(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
                case "savepoint" -> begin(TransactionDefinition.PROPAGATION_NESTED);
                case "scope" -> begin(TransactionDefinition.PROPAGATION_SUPPORTS);
                case "connection" -> {
                    ConnectionHolder holder = new ConnectionHolder(dataSource.getConnection());
                    holder.getConnection().setAutoCommit(false);
                    TransactionSynchronizationManager.bindResource(dataSource, holder);
                }
                case "resource" -> TransactionSynchronizationManager.bindResource("some key", "some value");
                case "suspended" -> begin(TransactionDefinition.PROPAGATION_NOT_SUPPORTED);
                case "thread" -> {
                    MDC.put("order", "A-1");
                    Thread.currentThread().setContextClassLoader(new URLClassLoader(new URL[0]));
                }
                case "nothing", "transaction of nobody" -> {}
                default -> throw new IllegalArgumentException(what);
            }
        }

        private void begin(int propagation) {
            DefaultTransactionDefinition definition = new DefaultTransactionDefinition(propagation);
            definition.setName("billing");
            manager.getTransaction(definition);
        }

        private static Found look() {
            Map<String, String> logContext = MDC.getCopyOfContextMap();
            return new Found(
                    Thread.currentThread().getName(),
                    TransactionSynchronizationManager.isActualTransactionActive(),
                    TransactionSynchronizationManager.isSynchronizationActive(),
                    Map.copyOf(TransactionSynchronizationManager.getResourceMap()),
                    logContext == null ? Map.of() : logContext,
                    Thread.currentThread().getContextClassLoader(),
                    Thread.currentThread().isInterrupted());
        }

        @ProcessingMessage("follow-up")
        void followUp(String json) {}
    }

    @ParameterizedTest
    @ValueSource(strings = {"JDBC", "JPA"})
    void transaction_that_a_handler_leaves_open_is_rolled_back_and_its_attempt_fails(String kind) {
        try (Host.Running host = host(kind).start()) {
            for (String what : List.of("transaction", "transaction in a transaction", "new transaction")) {
                Created careless = create(host, "careless", what);
                Created next = create(host, "careless", "nothing");

                host.await(next, MessageState.DONE);
                host.await(careless, MessageState.DEAD);
                assertThat(error(host, careless))
                        .contains("Careless")
                        .contains("left a transaction of \"transactionManager\" (billing) open")
                        .contains("rolled back");
                assertWritten(host, careless, 0);
                assertWritten(host, next, 1);
                assertCleanThread(host, next);
                assertThat(thread(host, next)).isEqualTo(thread(host, careless));
            }
            assertNoConnectionIsLeft();
        }
    }

    @Test
    void whatever_else_is_left_bound_is_undone() {
        try (Host.Running host = host("JDBC").start()) {
            Careless handler = host.bean(Careless.class);
            for (String what : List.of("throws in a transaction", "scope", "connection")) {
                Created careless = create(host, "careless", what);
                host.await(careless, MessageState.DEAD);
                Created next = create(host, "careless", "nothing");
                host.await(next, MessageState.DONE);
                assertWritten(host, next, 1);
                assertCleanThread(host, next);
            }
            for (String what : List.of("resource", "thread")) {
                Created careless = create(host, "careless", what);
                host.await(careless, MessageState.DONE);
                assertWritten(host, careless, 1);
                Created next = create(host, "careless", "nothing");
                host.await(next, MessageState.DONE);
                assertCleanThread(host, next);
                assertThat(handler.found.get(next.id().toString()).classLoader())
                        .isEqualTo(handler.found.get(careless.id().toString()).classLoader());
            }
            assertNoConnectionIsLeft();
        }
    }

    @Test
    void thread_that_cannot_be_cleaned_is_replaced() {
        try (Host.Running host = host("JDBC").start()) {
            for (String queue : List.of("careless", "careless.atomic")) {
                Created careless =
                        create(host, queue, queue.equals("careless") ? "transaction of nobody" : "suspended");
                host.await(careless, MessageState.DEAD);
                Created next = create(host, queue, "nothing");
                host.await(next, MessageState.DONE);

                assertThat(error(host, careless)).contains("left ").contains("is not used again");
                assertThat(thread(host, next)).isNotEqualTo(thread(host, careless));
                assertWritten(host, next, 1);
            }
            assertThat(host.bean(Postroom.class).problems()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"new transaction", "savepoint"})
    void inner_transaction_that_an_atomic_handler_leaves_open_rolls_back_the_outer_one(String what) {
        try (Host.Running host = host("JDBC").start()) {
            Created careless = create(host, "careless.atomic", what);
            Created next = create(host, "careless.atomic", "nothing");

            host.await(next, MessageState.DONE);
            host.await(careless, MessageState.DEAD);
            assertThat(error(host, careless)).contains("(billing) open");
            assertWritten(host, careless, 0);
            assertWritten(host, next, 1);
            assertNoConnectionIsLeft();
        }
    }

    @Configuration
    static class TwoManagers {
        @Bean
        @Primary
        JdbcTransactionManager transactionManager(DataSource dataSource) {
            return new JdbcTransactionManager(dataSource);
        }

        @Bean
        JdbcTransactionManager reports(DataSource dataSource) {
            return new JdbcTransactionManager(dataSource);
        }
    }

    static class Reports {
        private final PlatformTransactionManager manager;

        Reports(@Qualifier("reports") PlatformTransactionManager manager) {
            this.manager = manager;
        }

        @ProcessingMessage(value = "reports", concurrency = 1, attempts = 1)
        void report(String json) {
            manager.getTransaction(new DefaultTransactionDefinition());
        }
    }

    @Test
    void transaction_of_another_manager_is_rolled_back_as_well() {
        try (Host.Running host =
                host("JDBC").with(TwoManagers.class, Reports.class).start()) {
            Created careless = create(host, "reports", "x");
            host.await(careless, MessageState.DEAD);
            assertThat(error(host, careless)).contains("left a transaction of \"reports\" open");
            assertNoConnectionIsLeft();
        }
    }

    /** Leaves a transaction open after the first message, and creates a message after the second one. */
    static class CarelessListener implements PostroomListener {
        private final PlatformTransactionManager manager;
        private final ObjectProvider<QueueMessages> messages;
        private int calls;

        CarelessListener(PlatformTransactionManager manager, ObjectProvider<QueueMessages> messages) {
            this.manager = manager;
            this.messages = messages;
        }

        @Override
        public void onEvent(MessageEvent event) {
            if (event.queue().equals("careless")) {
                leaveThenCreate(manager, messages.getObject(), ++calls, "by the listener");
            }
        }
    }

    private static void leaveThenCreate(
            PlatformTransactionManager manager, QueueMessages messages, int call, String correlationId) {
        if (call == 1) {
            manager.getTransaction(new DefaultTransactionDefinition());
        } else {
            messages.createMessage(CreateMessage.to("follow-up").payload("x").correlationId(correlationId));
        }
    }

    @Test
    void listener_and_callbacks_leave_nothing_to_the_next_ones() {
        try (Host.Running host = host("JDBC").with(CarelessListener.class).start()) {
            PlatformTransactionManager manager = host.bean(PlatformTransactionManager.class);
            QueueMessages messages = host.queueMessages();
            for (int call : new int[] {1, 2}) {
                CreateMessage message = CreateMessage.to("careless").payload("nothing");
                onThreadOfItsOwn(
                        () -> messages.sendMessageAsync(message),
                        () -> leaveThenCreate(manager, messages, call, "after the end"));
                onThreadOfItsOwn(
                        () -> messages.createMessageAsync(message),
                        () -> leaveThenCreate(manager, messages, call, "after the creation"));
            }
            for (String by : List.of("by the listener", "after the end", "after the creation")) {
                Awaitility.await(by).atMost(Duration.ofSeconds(30)).until(() -> count("correlation_id", by) > 0);
            }
            assertNoConnectionIsLeft();
        }
    }

    /** Runs a callback once. A future that is complete already would run it on the caller's thread: then another one is taken. */
    private static void onThreadOfItsOwn(Supplier<CompletableFuture<?>> begin, Runnable callback) {
        Thread caller = Thread.currentThread();
        AtomicBoolean ran = new AtomicBoolean();
        for (int tries = 0; tries < 100 && !ran.get(); tries++) {
            assertThat(begin.get().thenAccept(end -> {
                        if (Thread.currentThread() != caller) {
                            ran.set(true);
                            callback.run();
                        }
                    }))
                    .succeedsWithin(Duration.ofSeconds(30));
        }
        assertThat(ran).isTrue();
    }

    private int count(String column, String value) {
        return JdbcClient.create(database.pool())
                .sql("SELECT count(*) FROM postroom.message WHERE " + column + " = ?")
                .param(value)
                .query(Integer.class)
                .single();
    }

    private Host host(String kind) {
        Host host = Host.on(database).with(Careless.class);
        return kind.equals("JPA") ? host.jpa() : host;
    }

    private static Created create(Host.Running host, String queue, String payload) {
        return host.queueMessages().createMessage(queue, payload);
    }

    private static String error(Host.Running host, Created created) {
        List<Attempt> history = host.queueMessages().history(created.id());
        assertThat(history).hasSize(1);
        return history.get(0).error().orElseThrow();
    }

    private static String thread(Host.Running host, Created created) {
        return host.bean(Careless.class).found.get(created.id().toString()).thread();
    }

    private static void assertCleanThread(Host.Running host, Created created) {
        Found found = host.bean(Careless.class).found.get(created.id().toString());
        assertThat(found.inTransaction()).isFalse();
        assertThat(found.synchronizing()).isFalse();
        assertThat(found.bound()).isEmpty();
        assertThat(found.logContext())
                .as("the fields of its own message alone")
                .containsOnlyKeys(MessageLogFields.MESSAGE, MessageLogFields.QUEUE);
        assertThat(found.interrupted()).isFalse();
    }

    /** The row and the follow-up are there after a commit, seen from another connection, or neither is. */
    private void assertWritten(Host.Running host, Created created, int times) {
        JdbcClient other = JdbcClient.create(database.pool());
        assertThat(other.sql("SELECT count(*) FROM written WHERE message = ?")
                        .param(created.id().toString())
                        .query(Integer.class)
                        .single())
                .isEqualTo(times);
        assertThat(count("correlation_id", created.id().toString())).isEqualTo(times);
    }

    /** Awaited, because the engine's own transactions are between two statements at times. */
    private void assertNoConnectionIsLeft() {
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> JdbcClient.create(database.pool())
                                .sql("SELECT count(*) FROM pg_stat_activity"
                                        + " WHERE datname = current_database() AND state LIKE 'idle in transaction%'")
                                .query(Integer.class)
                                .single()
                        == 0);
    }
}
