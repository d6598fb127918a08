package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** One handler for all queues whose names match a pattern: those that are there, appear, are deleted and come back. */
@PostgresTest
class QueuePatternsTest {
    private static final Duration LONGEST = Duration.ofSeconds(60);

    private static final EngineSettings NO_DECLARATIONS = new EngineSettings(
            "strict", Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofSeconds(1), true, false);

    private final HikariDataSource pool;
    private final JdbcClient sql;

    QueuePatternsTest(TestDatabase database) {
        pool = database.pool();
        sql = JdbcClient.create(pool);
    }

    @Test
    void queue_that_appears_is_consumed_and_one_that_is_deleted_is_no_more() {
        try (Postroom postroom = worker("shop.*.mail")) {
            PostroomKit kit = PostroomKit.of(postroom);
            assertThat(consumers("shop.a.mail"))
                    .as("a pattern declares no queue")
                    .isEmpty();
            assertThat(postroom.queues().stats("shop.a.mail")).isEmpty();

            UUID first = createdBySql("shop.a.mail");
            kit.await(first, MessageState.DONE);
            assertThat(consumers("shop.a.mail")).containsExactly("shop.any.mail.String");
            postroom.queueMessages().createMessage("shop.b.sms", "not for the pattern");
            assertThat(consumers("shop.b.sms")).isEmpty();

            postroom.queues().delete("shop.a.mail", false, false);
            await().atMost(LONGEST).until(() -> consumers("shop.a.mail").isEmpty());
            postroom.queues().declare(QueueSettings.of("shop.a.mail"));
            kit.await(createdBySql("shop.a.mail"), MessageState.DONE);
            assertThat(consumers("shop.a.mail")).containsExactly("shop.any.mail.String");
            assertThat(postroom.problems()).isEmpty();
        }
    }

    @Test
    void settings_of_the_queue_stay_and_a_restart_finds_it() {
        String row = "SELECT q::text FROM postroom.queue q WHERE name = 'kept.a'";
        String before;
        try (Postroom postroom = Postroom.on(pool).workers(false).start()) {
            postroom.queues().declare(QueueSettings.of("kept.a").attempts(9).retryAfter("7s"));
            before = text(row);
        }
        for (int start = 0; start < 2; start++) {
            try (Postroom postroom = worker("kept.#")) {
                PostroomKit.of(postroom).await(createdBySql("kept.a"), MessageState.DONE);
            }
        }
        assertThat(text(row)).isEqualTo(before);
    }

    @Test
    void queue_is_deleted_while_its_message_runs_and_the_message_ends_as_it_would_have() {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        Handler slow = Handler.send("doomed.*", String.class, (payload, context) -> {
            running.countDown();
            mayEnd.await();
            return Outcome.done();
        });
        try (Postroom postroom = Postroom.on(pool).handler(slow).start()) {
            UUID id = postroom.queueMessages().createMessage("doomed.a", "x").id();
            await().atMost(LONGEST).until(() -> running.getCount() == 0);
            postroom.queues().delete("doomed.a", false, false);
            await().atMost(LONGEST).until(() -> consumers("doomed.a").isEmpty());
            mayEnd.countDown();
            PostroomKit.of(postroom).await(id, MessageState.DONE);
        } finally {
            mayEnd.countDown();
        }
    }

    @Test
    void messages_are_sent_synchronously_and_drained_in_queues_that_nobody_has_met() {
        Handler handler = Handler.send("sync.#", String.class, (payload, context) -> Outcome.done());
        try (Postroom postroom =
                Postroom.on(pool).workers(false).handler(handler).start()) {
            assertThat(postroom.queueMessages()
                            .sendMessageSync(CreateMessage.to("sync.a").payload("x"))
                            .state())
                    .isEqualTo(MessageState.DONE);
            UUID id = createdBySql("sync.b.c");
            PostroomKit kit = PostroomKit.of(postroom);
            assertThat(kit.drain("sync.b.c")).isEqualTo(1);
            kit.await(id, MessageState.DONE);
            createdBySql("sync.d");
            kit.reset();
            createdBySql("sync.d");
            assertThat(kit.drain()).isEqualTo(1);
        }
    }

    @Test
    void pattern_makes_no_queue_where_an_unknown_name_is_an_error() {
        try (Postroom postroom = Postroom.on(pool)
                .settings(NO_DECLARATIONS)
                .handler(Handler.send("strict.*", String.class, (payload, context) -> Outcome.done()))
                .start()) {
            assertThatThrownBy(() -> postroom.queueMessages().createMessage("strict.a", "x"))
                    .isInstanceOf(QueueNotFoundException.class);
            postroom.queues().declare(QueueSettings.of("strict.a"));
            UUID id = postroom.queueMessages().createMessage("strict.a", "x").id();
            PostroomKit.of(postroom).await(id, MessageState.DONE);
        }
    }

    /** This process notes a pause of its own after another one ended it: the row is as it was, and the queue must go on. */
    @Test
    void pause_that_another_process_ends_at_once_does_not_last() {
        try (Postroom postroom = worker("brief.*")) {
            PostroomKit kit = PostroomKit.of(postroom);
            kit.await(createdBySql("brief.a"), MessageState.DONE);
            for (int i = 0; i < 3; i++) {
                postroom.queues().pause("brief.a");
                sql.sql("UPDATE postroom.queue SET paused_at = NULL WHERE name = 'brief.a'")
                        .update();
                kit.await(createdBySql("brief.a"), MessageState.DONE);
            }
        }
    }

    private Postroom worker(String pattern) {
        return Postroom.on(pool)
                .handler(Handler.send(pattern, String.class, (payload, context) -> Outcome.done()))
                .start();
    }

    private UUID createdBySql(String queue) {
        return sql.sql("SELECT id FROM postroom.create_message(?)")
                .param(queue)
                .query(UUID.class)
                .single();
    }

    private List<String> consumers(String queue) {
        return sql.sql("SELECT handler FROM postroom.consumers WHERE queue = ?")
                .param(queue)
                .query(String.class)
                .list();
    }

    private String text(String query) {
        return sql.sql(query).query(String.class).single();
    }
}
