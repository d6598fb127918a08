package io.postroom.homes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.Reply;
import io.postroom.api.RetryPolicy;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.internal.postgres.admin.PostgresHome;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/** What goes through the default exchange to a queue that is closed, or has moved, is refused and never dropped. */
@PostgresTest
class HomeMovedRepliesTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    private final TestDatabase database;
    private final JdbcClient sql;

    HomeMovedRepliesTest(TestDatabase database) {
        this.database = database;
        this.sql = JdbcClient.create(database.pool());
    }

    private PostgresHome close(String queue) {
        sql.sql("SELECT postroom.declare_queue(?)")
                .param(queue)
                .query(Boolean.class)
                .single();
        PostgresHome home = new PostgresHome(database.pool());
        assertThat(home.close(Map.of(queue, "home \"b\""))).containsExactly(queue);
        return home;
    }

    private int dropped() {
        return sql.sql("SELECT count(*) FROM postroom.dropped_message")
                .query(Integer.class)
                .single();
    }

    @Test
    void message_through_the_default_exchange_is_refused_and_not_dropped() {
        PostgresHome home = close("closed");
        try (Postroom one = Postroom.on(database.pool()).workers(false).start()) {
            for (boolean mandatory : List.of(true, false)) {
                assertThatThrownBy(() -> one.queueMessages()
                                .createMessage(CreateMessage.via("", "closed").mandatory(mandatory)))
                        .isInstanceOf(StoreException.class)
                        .hasMessageContaining("queue \"closed\" has moved to home \"b\"");
                assertThatThrownBy(() -> sql.sql("SELECT postroom.create_message(exchange => '',"
                                        + " routing_key => 'closed', mandatory => ?)")
                                .param(mandatory)
                                .query()
                                .listOfRows())
                        .hasMessageContaining("queue \"closed\" has moved to home \"b\"");
            }
            one.queueMessages().createMessage(CreateMessage.via("", "nowhere").mandatory(false));
            assertThat(dropped()).as("the one for a queue that does not exist").isOne();
            home.withdraw(Set.of("closed"));
            assertThat(one.queueMessages()
                            .createMessage(CreateMessage.via("", "closed"))
                            .isNew())
                    .isTrue();
        }
    }

    @Test
    void request_whose_reply_has_no_open_queue_runs_again_and_is_not_done() {
        int before = dropped();
        PostgresHome home = close("replies");
        try (Postroom one = Postroom.on(database.newPool(10))
                .handler(Handler.process("ask", String.class, (payload, context) -> {
                    context.reply("answer");
                    return Outcome.done();
                }))
                .start()) {
            UUID id = one.queueMessages()
                    .createMessage(CreateMessage.to("ask").payload("x").header(Reply.REPLY_TO, "replies"))
                    .id();
            PostroomKit.of(one).await(id, MessageState.DELAYED);
            assertThat(sql.sql("SELECT outcome || ': ' || error FROM postroom.message_history WHERE message_id = ?")
                            .param(id)
                            .query(String.class)
                            .list())
                    .singleElement()
                    .asString()
                    .contains("retry: its reply cannot be stored")
                    .contains("queue \"replies\" has moved to home \"b\"");
            assertThat(dropped()).isEqualTo(before);
            home.withdraw(Set.of("replies"));
            assertThat(one.queueMessages().reschedule(id, Instant.now())).isOne();
            PostroomKit.of(one).await(id, MessageState.DONE);
            await().atMost(LONG)
                    .until(() -> sql.sql("SELECT count(*) FROM postroom.queue_messages WHERE queue = 'replies'")
                                    .query(Integer.class)
                                    .single()
                            == 1);
        }
    }

    @Test
    void atomic_handler_whose_reply_has_no_open_queue_has_failed_and_is_rolled_back() {
        close("atomic.replies");
        sql.sql("CREATE TABLE written (x int)").update();
        try (Postroom one = Postroom.on(database.newPool(10))
                .handler(Handler.process("ask.atomic", String.class, (payload, context) -> {
                            context.reply("answer");
                            JdbcClient.create(new SingleConnectionDataSource(context.connection(), true))
                                    .sql("INSERT INTO written VALUES (1)")
                                    .update();
                            return Outcome.done();
                        })
                        .mode(HandlerMode.ATOMIC)
                        .retry(RetryPolicy.fixed(1, Duration.ofMillis(10))))
                .start()) {
            UUID id = one.queueMessages()
                    .createMessage(CreateMessage.to("ask.atomic").payload("x").header(Reply.REPLY_TO, "atomic.replies"))
                    .id();
            PostroomKit.of(one).await(id, MessageState.DEAD);
            assertThat(sql.sql("SELECT error FROM postroom.dead_letter WHERE message_id = ?")
                            .param(id)
                            .query(String.class)
                            .single())
                    .contains("queue \"atomic.replies\" has moved to home \"b\"");
            assertThat(sql.sql("SELECT count(*) FROM written")
                            .query(Integer.class)
                            .single())
                    .isZero();
        }
    }
}
