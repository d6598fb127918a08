package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.ConsumerInfo;
import io.postroom.api.ConsumerState;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Message;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A message that stops consumers: in its turn, once, and only from who may. */
@PostgresTest
class KillSignalTest {
    private static final Duration LONGEST = Duration.ofSeconds(60);

    private final TestDatabase database;
    private final JdbcClient sql;
    private final List<String> ran = new CopyOnWriteArrayList<>();

    KillSignalTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
    }

    private Postroom process(String queue) {
        return Postroom.on(database.pool())
                .settings(new EngineSettings(
                        queue, Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofMillis(200), true, true))
                .killSignals(true)
                .handler(Handler.process(queue, String.class, (payload, context) -> {
                            ran.add(payload.replace("\"", ""));
                            return Outcome.done();
                        })
                        .concurrency(1))
                .start();
    }

    private static void awaitStopped(Postroom postroom, String queue) {
        await().atMost(LONGEST)
                .until(() -> postroom.consumers().list(queue).stream()
                        .map(ConsumerInfo::state)
                        .toList()
                        .equals(List.of(ConsumerState.STOPPED)));
    }

    @Test
    void all_that_came_before_the_signal_goes_first_and_the_consumer_stops_after_it() {
        UUID last;
        UUID signal;
        try (Postroom producer =
                Postroom.on(database.pool()).workers(false).killSignals(true).start()) {
            for (int i = 0; i < 5; i++) {
                producer.queueMessages()
                        .createMessage(CreateMessage.to("killed").payload("low").priority(0));
            }
            last = producer.queueMessages().createMessage("killed", "last").id();
            signal = producer.queueMessages()
                    .createMessage(CreateMessage.killSignal("killed", 1).priority(9))
                    .id();
        }
        try (Postroom postroom = process("killed")) {
            PostroomKit kit = PostroomKit.of(postroom);
            kit.await(signal, MessageState.DONE);
            assertThat(ran).hasSize(6).contains("low", "last");
            kit.await(last, MessageState.DONE);
            awaitStopped(postroom, "killed");

            UUID later =
                    postroom.queueMessages().createMessage("killed", "later").id();
            assertThat(postroom.queueMessages().explain(later).get(0)).startsWith("consumers_stopped");
            assertThat(sql.sql("SELECT id FROM postroom.operator_log WHERE action = 'stop_consumers'"
                                    + " AND queue = 'killed'")
                            .query(UUID.class)
                            .list())
                    .containsExactly(signal);
            postroom.consumers().start("killed");
            kit.await(later, MessageState.DONE);
            assertThat(ran).endsWith("later");
        }
    }

    /** The signal would be executed at once if it were dispatched directly, past what waits. */
    @Test
    void signal_of_a_process_that_consumes_the_queue_waits_for_its_turn() throws Exception {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        Handler slow = Handler.process("own", String.class, (payload, context) -> {
                    running.countDown();
                    mayEnd.await();
                    ran.add(payload.replace("\"", ""));
                    return Outcome.done();
                })
                .concurrency(1);
        try (Postroom postroom =
                Postroom.on(database.pool()).killSignals(true).handler(slow).start()) {
            postroom.queueMessages().createMessage("own", "first");
            running.await();
            postroom.queueMessages().createMessage("own", "second");
            UUID signal = postroom.queueMessages()
                    .createMessage(CreateMessage.killSignal("own", 3))
                    .id();
            mayEnd.countDown();
            PostroomKit.of(postroom).await(signal, MessageState.DONE);
            assertThat(ran).containsExactly("first", "second");
            awaitStopped(postroom, "own");
        } finally {
            mayEnd.countDown();
        }
    }

    @Test
    void sender_without_the_right_is_refused() {
        try (Postroom postroom = Postroom.on(database.pool()).workers(false).start()) {
            assertThatThrownBy(() -> postroom.queueMessages().createMessage(CreateMessage.killSignal("any", 1)))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("postroom.kill-signals=true");
            assertThatThrownBy(() -> postroom.queueMessages()
                            .createMessage(CreateMessage.to("any").json(CreateMessage.KILL_SIGNAL, 1, "{}")))
                    .isInstanceOf(InvalidMessageException.class);
        }
        assertThatThrownBy(() -> CreateMessage.killSignal("any", 0))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("howMany must be 1 to 999999999");
        String role = "sender_of_" + database.name();
        sql.sql("CREATE ROLE " + role + " LOGIN PASSWORD 'x'").update();
        sql.sql("GRANT USAGE ON SCHEMA postroom TO " + role).update();
        sql.sql("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom TO " + role).update();
        sql.sql("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA postroom TO " + role)
                .update();
        sql.sql("GRANT USAGE ON ALL SEQUENCES IN SCHEMA postroom TO " + role).update();
        try (Postroom postroom = process("guarded");
                HikariDataSource theirs = new HikariDataSource()) {
            theirs.setJdbcUrl(database.url());
            theirs.setUsername(role);
            theirs.setPassword("x");
            theirs.setMaximumPoolSize(1);
            JdbcClient their = JdbcClient.create(theirs);
            assertThatThrownBy(() -> their.sql("SELECT postroom.kill_signal('guarded')")
                            .query()
                            .singleRow())
                    .hasStackTraceContaining("a kill signal needs UPDATE on postroom.queue, which role");
            UUID forged = their.sql(
                            "SELECT id FROM postroom.create_message('guarded', '{\"howMany\": 1}', 'postroom.kill')")
                    .query(UUID.class)
                    .single();
            PostroomKit.of(postroom).await(forged, MessageState.DEAD);
            Message dead = postroom.queueMessages().find(forged).orElseThrow();
            assertThat(dead.entries().get(0).error().orElseThrow()).contains("which role \"" + role + "\" lacks");
            UUID odd = sql.sql(
                            "SELECT id FROM postroom.create_message('guarded', '{\"howMany\": \"all\"}', 'postroom.kill')")
                    .query(UUID.class)
                    .single();
            PostroomKit.of(postroom).await(odd, MessageState.DEAD);
            assertThat(postroom.consumers().list("guarded").get(0).state()).isEqualTo(ConsumerState.RUNNING);

            UUID allowed = sql.sql("SELECT postroom.kill_signal('guarded')")
                    .query(UUID.class)
                    .single();
            PostroomKit.of(postroom).await(allowed, MessageState.DONE);
            awaitStopped(postroom, "guarded");
            assertThat(ran).isEmpty();
        } finally {
            sql.sql("DROP OWNED BY " + role).update();
            sql.sql("DROP ROLE " + role).update();
        }
    }
}
