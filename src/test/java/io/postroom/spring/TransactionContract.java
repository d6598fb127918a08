package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageState;
import io.postroom.api.PostroomException;
import io.postroom.api.QueueMessages;
import io.postroom.api.SendResult;
import io.postroom.api.WrongTransactionException;
import io.postroom.handler.MessageContext;
import io.postroom.handler.ProcessingMessage;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.annotation.Propagation;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.event.TransactionPhase;
import org.springframework.transaction.event.TransactionalEventListener;
import org.springframework.transaction.support.DefaultTransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/** What holds of messages and the host's transactions, whichever manager it has. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class TransactionContract {
    private final TestDatabase database;
    private Host.Running host;
    private QueueMessages messages;
    private TransactionTemplate transaction;

    TransactionContract(TestDatabase database) {
        this.database = database;
    }

    abstract Host host(TestDatabase database);

    /** Writes a business row in the host's way. */
    abstract void write(Host.Running host, String ticket);

    /** Reads through the host's own access, with or without a transaction. */
    void read(Host.Running host) {
        host.jdbc().sql("SELECT count(*) FROM ticket").query(Integer.class).single();
    }

    @BeforeAll
    void start() {
        host = host(database).with(Listener.class, ReadOnly.class, Worker.class).start();
        JdbcClient.create(database.pool())
                .sql("CREATE TABLE IF NOT EXISTS ticket (number text PRIMARY KEY)")
                .update();
        messages = host.queueMessages();
        transaction = new TransactionTemplate(host.bean(PlatformTransactionManager.class));
    }

    @AfterAll
    void stop() {
        host.close();
    }

    @Test
    void message_and_business_row_commit_together() {
        String ticket = ticket();
        Created created = transaction.execute(status -> {
            write(host, ticket);
            Created inside = messages.createMessage("joined", ticket);
            assertThat(seenFromOutside(inside)).as("before the commit").isFalse();
            return inside;
        });

        assertThat(seenFromOutside(created)).isTrue();
        assertThat(exists(ticket)).isTrue();
    }

    @Test
    void message_and_business_row_roll_back_together() {
        String ticket = ticket();
        Created created = transaction.execute(status -> {
            write(host, ticket);
            status.setRollbackOnly();
            return messages.createMessage("joined", ticket);
        });

        assertThat(seenFromOutside(created)).isFalse();
        assertThat(exists(ticket)).isFalse();
    }

    @Test
    void without_a_transaction_the_message_is_committed_at_once() {
        assertThat(seenFromOutside(messages.createMessage("alone", "x"))).isTrue();
        assertThat(messages.createMessages(List.of(
                        CreateMessage.to("alone").payload("1"),
                        CreateMessage.to("alone").payload("2"))))
                .allMatch(this::seenFromOutside);
    }

    @Test
    void a_connection_that_only_read_is_no_transaction() {
        TransactionTemplate supports = new TransactionTemplate(
                host.bean(PlatformTransactionManager.class), definition(TransactionDefinition.PROPAGATION_SUPPORTS));

        supports.executeWithoutResult(status -> {
            read(host); // leaves its connection bound to the thread
            assertThat(seenFromOutside(messages.createMessage("alone", "x"))).isTrue();
            assertThat(messages.createMessageAsync(CreateMessage.to("alone").payload("y")))
                    .succeedsWithin(10, TimeUnit.SECONDS);
        });
    }

    @Test
    void an_inner_transaction_keeps_its_message_when_the_outer_rolls_back() {
        TransactionTemplate inner = new TransactionTemplate(
                host.bean(PlatformTransactionManager.class),
                definition(TransactionDefinition.PROPAGATION_REQUIRES_NEW));
        List<Created> created = new ArrayList<>();

        transaction.executeWithoutResult(status -> {
            created.add(messages.createMessage("joined", "outer"));
            created.add(inner.execute(unused -> messages.createMessage("joined", "inner")));
            status.setRollbackOnly();
        });

        assertThat(seenFromOutside(created.get(0))).isFalse();
        assertThat(seenFromOutside(created.get(1))).isTrue();
    }

    @Test
    void what_a_nested_transaction_rolled_back_never_happened() {
        assumeTrue(
                host.bean(PlatformTransactionManager.class) instanceof JdbcTransactionManager, "JPA has no savepoints");
        TransactionTemplate nested = new TransactionTemplate(
                host.bean(PlatformTransactionManager.class), definition(TransactionDefinition.PROPAGATION_NESTED));
        List<CompletableFuture<SendResult>> sent = new ArrayList<>();

        transaction.executeWithoutResult(status -> {
            nested.executeWithoutResult(inner -> {
                sent.add(messages.sendMessageAsync(
                        CreateMessage.to("worked").payload("rolled back").correlationId("nested-gone")));
                inner.setRollbackOnly();
            });
            sent.add(nested.execute(inner -> messages.sendMessageAsync(
                    CreateMessage.to("worked").payload("kept").correlationId("nested-kept"))));
            assertThat(sent.get(0)).isCompletedExceptionally();
            assertThat(sent.get(1)).isNotDone();
        });

        assertThat(sent.get(1)).succeedsWithin(30, TimeUnit.SECONDS);
        assertThat(count("nested-gone")).isZero();
        assertThat(count("nested-kept")).isOne();
    }

    @Test
    void a_refused_message_leaves_the_transaction_to_the_caller() {
        String ticket = ticket();
        transaction.executeWithoutResult(status -> {
            write(host, ticket);
            assertThatThrownBy(() -> messages.createMessage(
                            CreateMessage.to("joined").payload("x").priority(10)))
                    .isInstanceOf(InvalidMessageException.class);
        });

        assertThat(exists(ticket)).isTrue();
    }

    @Test
    void a_read_only_transaction_is_refused_before_anything_is_written() {
        ReadOnly service = host.bean(ReadOnly.class);

        assertThatThrownBy(() -> service.createReadOnly("read-only"))
                .isInstanceOf(WrongTransactionException.class)
                .hasMessageContaining("read-only")
                .hasMessageContaining("nothing was written");
        assertThat(count("read-only")).isZero();
    }

    @Test
    void calls_that_commit_on_their_own_are_refused_in_a_transaction_before_anything_is_written() {
        transaction.executeWithoutResult(status -> {
            assertThatThrownBy(() -> messages.createMessageAsync(
                            CreateMessage.to("worked").payload("x").correlationId("refused")))
                    .isInstanceOf(WrongTransactionException.class);
            assertThatThrownBy(() -> messages.sendMessageSync(
                            CreateMessage.to("worked").payload("x").correlationId("refused")))
                    .isInstanceOf(WrongTransactionException.class);
            assertThatThrownBy(() -> messages.sendAndReceive(
                            CreateMessage.to("worked").payload("x").correlationId("refused"), Duration.ofSeconds(30)))
                    .isInstanceOf(WrongTransactionException.class)
                    .hasMessageContaining("nobody would see the request before its commit");
        });

        assertThat(count("refused")).isZero();
    }

    @Test
    void sendMessageAsync_ends_after_the_commit() {
        CompletableFuture<SendResult> sent = transaction.execute(
                status -> messages.sendMessageAsync(CreateMessage.to("worked").payload("x")));

        assertThat(sent)
                .succeedsWithin(30, TimeUnit.SECONDS)
                .extracting(SendResult::state)
                .isEqualTo(MessageState.DONE);
    }

    @Test
    void sendMessageAsync_fails_when_the_transaction_rolls_back() {
        CompletableFuture<SendResult> sent = transaction.execute(status -> {
            status.setRollbackOnly();
            return messages.sendMessageAsync(CreateMessage.to("worked").payload("x"));
        });

        assertThat(sent)
                .failsWithin(10, TimeUnit.SECONDS)
                .withThrowableThat()
                .withCauseInstanceOf(PostroomException.class)
                .withMessageContaining("rolled back");
    }

    @Test
    void a_message_created_after_the_commit_is_stored_although_the_transaction_still_looks_open() {
        transaction.executeWithoutResult(status -> host.context().publishEvent(new Paid("after-commit", false)));

        assertThat(count("after-commit")).isEqualTo(2);
    }

    @Test
    void a_message_created_after_the_rollback_is_stored() {
        transaction.executeWithoutResult(status -> {
            host.context().publishEvent(new Paid("after-rollback", false));
            status.setRollbackOnly();
        });

        assertThat(count("after-rollback")).isEqualTo(1);
    }

    @Test
    void a_message_created_just_before_the_commit_commits_with_it() {
        transaction.executeWithoutResult(status -> host.context().publishEvent(new Paid("before-commit", true)));
        assertThat(count("before-commit")).isEqualTo(1);
    }

    @Test
    void a_transaction_that_was_broken_by_PostgreSQL_stays_broken() {
        String ticket = ticket();
        Throwable error = catchThrowable(() -> transaction.executeWithoutResult(status -> {
            catchThrowable(
                    () -> host.jdbc().sql("SELECT 1/0").query(Integer.class).single());
            messages.createMessage("joined", ticket);
        }));

        assertThat(error).isInstanceOf(PostroomException.class).hasMessageContaining("25P02");
    }

    boolean seenFromOutside(Created created) {
        return CompletableFuture.supplyAsync(() -> messages.find(created.id()).isPresent())
                .join();
    }

    private int count(String correlationId) {
        return JdbcClient.create(database.pool())
                .sql("SELECT count(*) FROM postroom.message WHERE correlation_id = ?")
                .param(correlationId)
                .query(Integer.class)
                .single();
    }

    private boolean exists(String ticket) {
        return JdbcClient.create(database.pool())
                        .sql("SELECT count(*) FROM ticket WHERE number = ?")
                        .param(ticket)
                        .query(Integer.class)
                        .single()
                == 1;
    }

    private static String ticket() {
        return UUID.randomUUID().toString();
    }

    private static TransactionDefinition definition(int propagation) {
        return new DefaultTransactionDefinition(propagation);
    }

    record Paid(String correlationId, boolean beforeCommit) {}

    static class Listener {
        private final QueueMessages messages;

        Listener(QueueMessages messages) {
            this.messages = messages;
        }

        @TransactionalEventListener(condition = "!#event.beforeCommit()")
        void afterCommit(Paid event) {
            create(event);
        }

        /** Creates in a transaction of its own inside the phase. */
        @TransactionalEventListener(condition = "!#event.beforeCommit()")
        @Transactional(propagation = Propagation.REQUIRES_NEW)
        public void afterCommitInNew(Paid event) {
            create(event);
        }

        @TransactionalEventListener(phase = TransactionPhase.AFTER_ROLLBACK)
        void afterRollback(Paid event) {
            create(event);
        }

        @TransactionalEventListener(phase = TransactionPhase.BEFORE_COMMIT, condition = "#event.beforeCommit()")
        void beforeCommit(Paid event) {
            create(event);
        }

        private void create(Paid event) {
            messages.createMessage(CreateMessage.to("joined").payload("x").correlationId(event.correlationId()));
        }
    }

    static class ReadOnly {
        private final QueueMessages messages;

        ReadOnly(QueueMessages messages) {
            this.messages = messages;
        }

        @Transactional(readOnly = true)
        public void createReadOnly(String correlationId) {
            messages.createMessage(CreateMessage.to("joined").payload("x").correlationId(correlationId));
        }
    }

    static class Worker {
        @ProcessingMessage("worked")
        void work(String payload, MessageContext context) {}
    }
}
