package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.Exchange;
import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Queues that go by themselves, as processes see them: with the last consumer, or with the process that owns them. */
@PostgresTest
class QueueLifeTest {
    private static final Duration LONGEST = Duration.ofSeconds(60);

    private final HikariDataSource pool;
    private final JdbcClient sql;

    QueueLifeTest(TestDatabase database) {
        pool = database.pool();
        sql = JdbcClient.create(pool);
    }

    @Test
    void auto_delete_queue_stays_for_the_second_consumer_and_goes_with_it() {
        QueueSettings auto = QueueSettings.of("auto").kind(QueueKind.AUTO_DELETE);
        Postroom first = consumer("one", auto);
        Postroom second = consumer("two", auto);
        try (Postroom producer = Postroom.on(pool).workers(false).start()) {
            PostroomKit.of(producer)
                    .await(producer.queueMessages().createMessage("auto", "x").id(), MessageState.DONE);
            first.close();
            PostroomKit.of(producer)
                    .await(producer.queueMessages().createMessage("auto", "y").id(), MessageState.DONE);
            UUID waiting = producer.queueMessages()
                    .createMessage(CreateMessage.to("auto").payload("z").delay(Duration.ofHours(1)))
                    .id();
            second.close();
            assertThat(producer.queues().stats("auto")).isEmpty();
            assertThat(producer.queueMessages().history(waiting))
                    .singleElement()
                    .satisfies(line -> {
                        assertThat(line.outcome()).isEqualTo("cancelled");
                        assertThat(line.error()).contains("queue_deleted");
                    });
        } finally {
            first.close();
            second.close();
        }
    }

    @Test
    void sending_synchronously_and_looking_are_no_consumers() {
        Handler handler = Handler.send("quiet", String.class, (payload, context) -> Outcome.done());
        try (Postroom sender = Postroom.on(pool)
                .workers(false)
                .queue(QueueSettings.of("quiet").kind(QueueKind.AUTO_DELETE))
                .handler(handler)
                .start()) {
            sender.queueMessages().sendMessageSync(CreateMessage.to("quiet").payload("x"));
            sender.queueMessages().explain(UUID.randomUUID());
        }
        try (Postroom other = Postroom.on(pool).workers(false).start()) {
            assertThat(other.queues().stats("quiet")).isPresent();
        }
    }

    @Test
    void exclusive_queue_takes_messages_of_all_and_obeys_its_owner_alone() {
        Queue<String> handled = new ConcurrentLinkedQueue<>();
        try (Postroom owner = Postroom.on(pool)
                        .settings(EngineSettings.defaults("owner-1"))
                        .queue(QueueSettings.of("mine").kind(QueueKind.EXCLUSIVE))
                        .handler(recording("mine", handled))
                        .start();
                Postroom other = Postroom.on(pool)
                        .settings(EngineSettings.defaults("other-1"))
                        .handler(recording("mine.#", new ConcurrentLinkedQueue<>()))
                        .start()) {
            for (int i = 0; i < 3; i++) {
                PostroomKit.of(owner)
                        .await(
                                other.queueMessages()
                                        .createMessage("mine", "m" + i)
                                        .id(),
                                MessageState.DONE);
            }
            assertThat(handled).hasSize(3);
            assertThat(consumersOf("mine")).isEqualTo("owner-1");

            assertOwned(() -> other.queues().pause("mine"));
            assertOwned(() -> other.queues().resume("mine"));
            assertOwned(() -> other.queues().purge("mine"));
            owner.exchanges().declare(Exchange.fanout("all"));
            assertOwned(() -> other.exchanges().bind(Binding.from("all").to("mine")));
            assertThat(owner.exchanges().bind(Binding.from("all").to("mine"))).isTrue();
            assertOwned(() -> other.exchanges().unbind(Binding.from("all").to("mine")));
            assertThat(owner.exchanges().unbind(Binding.from("all").to("mine"))).isTrue();
            assertOwned(() -> other.queues().delete("mine", false, false));
            assertOwned(() -> other.queues().declare(QueueSettings.of("mine")));
            assertOwned(() -> other.queueMessages()
                    .sendMessageSync(CreateMessage.to("mine").payload("x")));
            assertOwned(() -> Postroom.on(pool)
                    .handler(recording("mine", handled))
                    .start()
                    .close());

            owner.queues().pause("mine");
            owner.queues().resume("mine");
            owner.queues().declare(QueueSettings.of("mine").attempts(3));
            assertThat(sql.sql("SELECT owner FROM postroom.queue_stats WHERE queue = 'mine'")
                            .query(String.class)
                            .single())
                    .isEqualTo("owner-1");
            owner.close();
            assertThat(other.queues().stats("mine")).isEmpty();
            assertThatThrownBy(() -> other.queues().pause("mine")).isInstanceOf(QueueNotFoundException.class);
        }
    }

    @Test
    void temporary_queue_brings_replies_to_the_process_that_made_it() {
        Queue<String> replies = new ConcurrentLinkedQueue<>();
        String gone;
        try (Postroom asking =
                        Postroom.on(pool).handler(recording("tmp.*", replies)).start();
                Postroom answering = Postroom.on(pool)
                        .handler(recording("tmp.*", new ConcurrentLinkedQueue<>()))
                        .start()) {
            String queue = asking.queues().declareTemporary();
            String second = asking.queues().declareTemporary();
            assertThat(queue).matches("tmp\\.[0-9a-f]{32}").isNotEqualTo(second);
            answering.queueMessages().createMessage(queue, "answer");
            await().atMost(LONGEST).until(() -> !replies.isEmpty());
            assertThat(replies).singleElement().asString().contains("answer");
            assertThat(asking.queues().delete(second, true, false)).isTrue();
            assertThat(asking.queues().delete(second, true, false)).isFalse();
            gone = queue;
        }
        try (Postroom later = Postroom.on(pool).workers(false).start()) {
            assertThat(later.queues().stats(gone)).isEmpty();
        }
    }

    /** It remembers the queue for ten seconds. Its message must not be cancelled for that. */
    @Test
    void message_for_a_queue_that_another_process_has_just_deleted_makes_the_queue_anew() {
        try (Postroom producer = Postroom.on(pool).workers(false).start();
                Postroom operator = Postroom.on(pool).workers(false).start()) {
            producer.queueMessages().createMessage("renewed", "x");
            assertThat(operator.queues().delete("renewed", false, false)).isTrue();
            UUID id = producer.queueMessages().createMessage("renewed", "y").id();
            assertThat(operator.queues().stats("renewed").orElseThrow().ready()).isEqualTo(1);
            assertThat(operator.queueMessages().find(id).orElseThrow().state()).isEqualTo(MessageState.READY);
        }
    }

    /** A process that was killed and starts again meets the queue of its own past. */
    @Test
    void owner_that_is_dead_for_a_lease_time_is_followed_by_the_next_process() {
        EngineSettings quick = new EngineSettings(
                "next", Duration.ofMillis(900), Duration.ofMillis(200), Duration.ofMillis(200), true, true);
        QueueSettings settings = QueueSettings.of("inherited").kind(QueueKind.EXCLUSIVE);
        sql.sql("INSERT INTO postroom.worker (instance, name, version) VALUES (?, 'dead', '1')")
                .param(new UUID(7, 7))
                .update();
        sql.sql("INSERT INTO postroom.queue (name, kind, owner) VALUES ('inherited', 'exclusive', ?)")
                .param(new UUID(7, 7))
                .update();
        UUID old = sql.sql("SELECT id FROM postroom.create_message('inherited')")
                .query(UUID.class)
                .single();
        sql.sql("UPDATE postroom.worker SET beat_at = now() - interval '20 seconds' WHERE name = 'dead'")
                .update();
        try (Postroom next =
                Postroom.on(pool).settings(quick).workers(false).queue(settings).start()) {
            assertThat(sql.sql("SELECT owner FROM postroom.queue_stats WHERE queue = 'inherited'")
                            .query(String.class)
                            .single())
                    .isEqualTo("next");
            assertThat(PostroomKit.of(next).await(old, MessageState.CANCELLED)).isNotNull();
        }
    }

    @Test
    void strict_process_refuses_other_settings_and_others_do_not() {
        try (Postroom strict = Postroom.on(pool)
                        .workers(false)
                        .strictDeclarations(true)
                        .start();
                Postroom lenient = Postroom.on(pool).workers(false).start()) {
            strict.queues().declare(QueueSettings.of("strict").attempts(3));
            strict.queues().declare(QueueSettings.of("strict").attempts(3));
            assertThatThrownBy(() ->
                            strict.queues().declare(QueueSettings.of("strict").attempts(4)))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("attempts must be 3, as queue \"strict\" was declared, got \"4\"");
            lenient.queues().declare(QueueSettings.of("strict").attempts(4));
        }
        assertThatThrownBy(() -> Postroom.on(pool)
                        .workers(false)
                        .queue(QueueSettings.of("strict").kind(QueueKind.AUTO_DELETE))
                        .start())
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("kind must be durable, as queue \"strict\" was declared, got \"auto_delete\"");
    }

    private Postroom consumer(String name, QueueSettings queue) {
        return Postroom.on(pool)
                .settings(EngineSettings.defaults(name))
                .queue(queue)
                .handler(recording(queue.queue(), new ConcurrentLinkedQueue<>()))
                .start();
    }

    private static Handler recording(String queues, Queue<String> handled) {
        return Handler.send(queues, String.class, (payload, context) -> {
            handled.add(payload);
            return Outcome.done();
        });
    }

    private static void assertOwned(ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOf(ExclusiveQueueException.class)
                .hasMessageContaining("queue \"mine\" is exclusive to worker \"owner-1\"");
    }

    private String consumersOf(String queue) {
        return sql.sql("SELECT string_agg(DISTINCT worker, ' ') FROM postroom.consumers WHERE queue = ? AND live")
                .param(queue)
                .query(String.class)
                .single();
    }
}
