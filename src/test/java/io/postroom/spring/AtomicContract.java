package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueMessages;
import io.postroom.api.SendResult;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.MessageContext;
import io.postroom.handler.ProcessingMessage;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.annotation.Transactional;

/** What holds of ATOMIC handlers, whichever manager the host has. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class AtomicContract {
    private final TestDatabase database;
    private Host.Running host;

    AtomicContract(TestDatabase database) {
        this.database = database;
    }

    abstract Host host(TestDatabase database);

    /** Writes a business row in the host's way. */
    abstract Class<? extends Tickets> tickets();

    interface Tickets {
        void add(String number);
    }

    static class Handlers {
        private final Tickets tickets;
        private final ObjectProvider<QueueMessages> messages;
        private final CountDownLatch running = new CountDownLatch(1);
        private final CountDownLatch mayEnd = new CountDownLatch(1);

        Handlers(Tickets tickets, ObjectProvider<QueueMessages> messages) {
            this.tickets = tickets;
            this.messages = messages;
        }

        @ProcessingMessage(value = "atomic", mode = HandlerMode.ATOMIC)
        void done(String json, MessageContext context) {
            tickets.add(context.id().toString());
            messages.getObject()
                    .createMessage(CreateMessage.to("follow-up")
                            .payload("x")
                            .correlationId(context.id().toString()));
        }

        @ProcessingMessage(value = "atomic.transactional", mode = HandlerMode.ATOMIC)
        @Transactional
        public void transactional(String json, MessageContext context) {
            tickets.add(context.id().toString());
        }

        @ProcessingMessage(value = "atomic.second-time", mode = HandlerMode.ATOMIC, retryAfter = "1ms")
        void secondTime(String json, MessageContext context) {
            tickets.add(context.id().toString());
            if (context.failures() == 0) {
                throw new IllegalStateException("not yet");
            }
        }

        @ProcessingMessage(value = "atomic.snooze", mode = HandlerMode.ATOMIC)
        Outcome snooze(String json, MessageContext context) {
            tickets.add(context.id().toString());
            return context.deliveries() == 1 ? Outcome.snooze(Duration.ofMillis(1), "later") : Outcome.done();
        }

        /** Swallows what marked the transaction for rollback. */
        @ProcessingMessage(value = "atomic.swallow", mode = HandlerMode.ATOMIC, attempts = 1)
        void swallow(String json, MessageContext context) {
            tickets.add(context.id().toString());
            try {
                tickets.add(null);
            } catch (RuntimeException swallowed) {
                // as hosts do
            }
        }

        @ProcessingMessage(value = "atomic.lost", mode = HandlerMode.ATOMIC)
        void lost(String json, MessageContext context) throws InterruptedException {
            tickets.add(context.id() + "/" + context.deliveries());
            if (context.deliveries() == 1) {
                running.countDown();
                mayEnd.await();
            }
        }

        CountDownLatch running() {
            return running;
        }

        CountDownLatch mayEnd() {
            return mayEnd;
        }

        @ProcessingMessage("follow-up")
        void followUp(String json) {}
    }

    @BeforeAll
    void start() {
        host = host(database)
                .with(tickets(), Handlers.class)
                .with("postroom.lease-time", "60s")
                .with("postroom.beat-interval", "20s")
                .start();
        JdbcClient.create(database.pool())
                .sql("CREATE TABLE IF NOT EXISTS ticket (number text PRIMARY KEY)")
                .update();
    }

    @AfterAll
    void stop() {
        host.close();
    }

    @Test
    void writes_and_completion_are_one_commit() {
        Created created = create("atomic");

        host.await(created, MessageState.DONE);

        assertThat(tickets(created)).isOne();
        assertThat(sameTransaction(created)).isTrue();
        assertThat(followUps(created)).isOne();
    }

    @Test
    void a_transactional_handler_takes_part_in_it() {
        Created created = create("atomic.transactional");

        host.await(created, MessageState.DONE);

        assertThat(sameTransaction(created)).isTrue();
    }

    @Test
    void a_failure_rolls_back_and_the_message_runs_again() {
        Created created = create("atomic.second-time");

        host.await(created, MessageState.DONE);

        assertThat(host.queueMessages().history(created.id()))
                .extracting(Attempt::outcome)
                .containsExactly("retry", "done");
        assertThat(tickets(created)).isOne();
    }

    @Test
    void anything_but_done_rolls_back_as_well() {
        Created created = create("atomic.snooze");

        host.await(created, MessageState.DONE);

        assertThat(tickets(created))
                .as("a second insert of the same key would have failed")
                .isOne();
        assertThat(host.queueMessages().history(created.id()))
                .extracting(Attempt::outcome)
                .containsExactly("snooze", "done");
    }

    @Test
    void a_transaction_marked_for_rollback_inside_is_a_failure_even_if_the_handler_says_nothing() {
        Created created = create("atomic.swallow");

        host.await(created, MessageState.DEAD);

        assertThat(tickets(created)).isZero();
    }

    @Test
    void a_lost_lease_rolls_back_what_the_handler_wrote() throws Exception {
        Handlers handlers = host.bean(Handlers.class);
        Created created = create("atomic.lost");
        assertThat(handlers.running().await(30, TimeUnit.SECONDS)).isTrue();

        // As if others had found this process silent: nobody's last beat is that young.
        PostgresStores.on(database.pool()).jobs().rescue(Duration.ofMillis(1), 100);
        assertThat(count(
                        "SELECT count(*) FROM postroom.lease WHERE ?::uuid = ANY(message_ids)",
                        created.id().toString()))
                .isZero();
        handlers.mayEnd().countDown();

        host.await(created, MessageState.DONE);
        assertThat(JdbcClient.create(database.pool())
                        .sql("SELECT number FROM ticket WHERE number LIKE ?")
                        .param(created.id() + "%")
                        .query(String.class)
                        .list())
                .containsExactly(created.id() + "/2");
    }

    @Test
    void sendMessageSync_runs_it_atomically_too() {
        SendResult result =
                host.queueMessages().sendMessageSync(CreateMessage.to("atomic").payload("x"));

        assertThat(result.state()).isEqualTo(MessageState.DONE);
        assertThat(count(
                        "SELECT count(*) FROM ticket WHERE number = ?",
                        result.id().toString()))
                .isOne();
    }

    private Created create(String queue) {
        return host.queueMessages().createMessage(queue, "x");
    }

    private int tickets(Created created) {
        return count(
                "SELECT count(*) FROM ticket WHERE number = ?", created.id().toString());
    }

    private int followUps(Created created) {
        return count(
                "SELECT count(*) FROM postroom.message WHERE correlation_id = ?",
                created.id().toString());
    }

    private int count(String sql, String parameter) {
        return JdbcClient.create(database.pool())
                .sql(sql)
                .param(parameter)
                .query(Integer.class)
                .single();
    }

    /** Whether the row and the attempt were written by the same transaction. */
    private boolean sameTransaction(Created created) {
        return JdbcClient.create(database.pool())
                .sql("SELECT t.xmin = a.xmin FROM ticket t, postroom.attempt a WHERE t.number = ? AND a.message_id = ?")
                .param(created.id().toString())
                .param(created.id())
                .query(Boolean.class)
                .single();
    }
}
