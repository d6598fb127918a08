package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.ConsumerInfo;
import io.postroom.api.ConsumerState;
import io.postroom.api.EngineSettings;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.api.Receipts;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** One, some and all consumers of a queue stop and start again, over two processes. */
@PostgresTest
class ConsumerControlTest {
    private static final Duration LONGEST = Duration.ofSeconds(60);
    private static final Duration AT_ONCE = Duration.ZERO;

    private final DataSource pool;
    private final JdbcClient sql;
    /** Names of the processes that ran something. */
    private final Set<String> ran = ConcurrentHashMap.newKeySet();

    ConsumerControlTest(TestDatabase database) {
        pool = database.pool();
        sql = JdbcClient.create(pool);
    }

    private Postroom process(String name, String queue) {
        return process(name, Handler.send(queue, String.class, (payload, context) -> {
            ran.add(name);
            return Outcome.done();
        }));
    }

    private Postroom process(String name, Handler handler) {
        return Postroom.on(pool)
                .settings(new EngineSettings(
                        name, Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofMillis(200), true, true))
                .handler(handler)
                .start();
    }

    /** By SQL, so that no process dispatches it directly. */
    private UUID create(String queue) {
        return sql.sql("SELECT id FROM postroom.create_message(?, '\"x\"')")
                .param(queue)
                .query(UUID.class)
                .single();
    }

    private static Receipts complete(int of) {
        return new Receipts(of, of, 0, List.of());
    }

    private static List<ConsumerState> states(Postroom postroom, String queue) {
        return postroom.consumers().list(queue).stream()
                .map(ConsumerInfo::state)
                .toList();
    }

    @Test
    void one_of_two_stops_then_all_and_none_takes_a_message_until_they_start() {
        try (Postroom one = process("one", "two-of-them");
                Postroom two = process("two", "two-of-them")) {
            assertThat(states(one, "two-of-them")).containsExactly(ConsumerState.RUNNING, ConsumerState.RUNNING);

            assertThat(one.consumers().stop("two-of-them", 1, LONGEST)).isEqualTo(complete(1));
            assertThat(states(two, "two-of-them"))
                    .containsExactlyInAnyOrder(ConsumerState.RUNNING, ConsumerState.STOPPED);
            for (int i = 0; i < 5; i++) {
                PostroomKit.of(one).await(create("two-of-them"), MessageState.DONE);
            }
            String running = two.consumers().list("two-of-them").stream()
                    .filter(consumer -> consumer.state() == ConsumerState.RUNNING)
                    .map(ConsumerInfo::worker)
                    .findAny()
                    .orElseThrow();
            assertThat(ran).containsExactly(running);

            assertThat(two.consumers().stopAll("two-of-them", LONGEST)).isEqualTo(complete(2));
            ran.clear();
            UUID bySql = create("two-of-them");
            UUID byJava = one.queueMessages().createMessage("two-of-them", "x").id();
            assertThat(one.consumers().stopAll("two-of-them", LONGEST)).isEqualTo(complete(2));
            assertThat(one.queueMessages().explain(bySql).get(0)).startsWith("consumers_stopped: ");
            assertThat(one.queues().stats("two-of-them").orElseThrow().ready()).isEqualTo(2);
            assertThat(ran).isEmpty();

            assertThat(one.consumers().start("two-of-them")).isEqualTo(2);
            PostroomKit.of(one).await(bySql, MessageState.DONE);
            PostroomKit.of(one).await(byJava, MessageState.DONE);
            assertThat(states(one, "two-of-them")).containsExactly(ConsumerState.RUNNING, ConsumerState.RUNNING);
        }
    }

    @Test
    void running_handler_ends_and_is_counted_until_then() {
        CountDownLatch mayEnd = new CountDownLatch(1);
        Handler slow = Handler.send("slow", String.class, (payload, context) -> {
                    ran.add("slow");
                    mayEnd.await();
                    return Outcome.done();
                })
                .concurrency(1);
        try (Postroom postroom = process("slow", slow)) {
            UUID running =
                    postroom.queueMessages().createMessage("slow", "running").id();
            await().atMost(LONGEST).until(() -> !ran.isEmpty());
            UUID waiting = create("slow");

            Receipts atOnce = postroom.consumers().stopAll("slow", AT_ONCE);
            assertThat(atOnce.of()).isEqualTo(1);
            assertThat(atOnce.inFlight()).isEqualTo(1);
            await().atMost(LONGEST)
                    .until(() ->
                            postroom.consumers().stopAll("slow", AT_ONCE).equals(new Receipts(1, 1, 1, List.of())));
            assertThat(states(postroom, "slow")).containsExactly(ConsumerState.STOPPING);

            mayEnd.countDown();
            assertThat(postroom.consumers().stopAll("slow", LONGEST)).isEqualTo(complete(1));
            PostroomKit.of(postroom).await(running, MessageState.DONE);
            assertThat(postroom.queueMessages().find(waiting).orElseThrow().state())
                    .isEqualTo(MessageState.READY);
        } finally {
            mayEnd.countDown();
        }
    }

    @Test
    void number_holds_for_the_life_of_the_process_and_all_until_the_start() {
        try (Postroom first = process("first", "restarted")) {
            assertThat(first.consumers().stop("restarted", 5, LONGEST)).isEqualTo(complete(1));
        }
        try (Postroom second = process("second", "restarted")) {
            PostroomKit.of(second).await(create("restarted"), MessageState.DONE);
            assertThat(second.consumers().stopAll("restarted", LONGEST)).isEqualTo(complete(1));
        }
        UUID waiting = create("restarted");
        try (Postroom third = process("third", "restarted")) {
            assertThat(third.consumers().stopAll("restarted", LONGEST)).isEqualTo(complete(1));
            assertThat(third.queues().stats("restarted").orElseThrow().ready()).isEqualTo(1);
            third.consumers().start("restarted");
            PostroomKit.of(third).await(waiting, MessageState.DONE);
            assertThat(ran).containsExactlyInAnyOrder("second", "third");
        }
    }

    @Test
    void pause_and_stop_are_independent() {
        try (Postroom postroom = process("paused", "paused")) {
            postroom.queues().pause("paused");
            assertThat(postroom.consumers().stopAll("paused", LONGEST)).isEqualTo(complete(1));
            UUID id = create("paused");

            postroom.queues().resume("paused");
            assertThat(states(postroom, "paused")).containsExactly(ConsumerState.STOPPED);
            assertThat(postroom.queueMessages().explain(id).get(0)).startsWith("consumers_stopped");

            postroom.queues().pause("paused");
            postroom.consumers().start("paused");
            await().atMost(LONGEST).until(() -> states(postroom, "paused").equals(List.of(ConsumerState.RUNNING)));
            assertThat(postroom.queueMessages().explain(id).get(0)).startsWith("queue_paused");
            assertThat(ran).isEmpty();

            postroom.queues().resume("paused");
            PostroomKit.of(postroom).await(id, MessageState.DONE);
        }
    }

    @Test
    void handler_of_a_pattern_stops_for_one_queue_and_goes_on_with_the_others() {
        try (Postroom postroom = process("tenants", "tenant.*.mail")) {
            PostroomKit kit = PostroomKit.of(postroom);
            kit.await(create("tenant.a.mail"), MessageState.DONE);
            kit.await(create("tenant.b.mail"), MessageState.DONE);
            assertThat(postroom.consumers().stopAll("tenant.a.mail", LONGEST)).isEqualTo(complete(1));

            UUID waiting = create("tenant.a.mail");
            kit.await(create("tenant.b.mail"), MessageState.DONE);
            postroom.queues().declare(QueueSettings.of("tenant.c.mail"));
            sql.sql("SELECT postroom.stop_consumers('tenant.c.mail')").query().singleRow();
            UUID neverMet = create("tenant.c.mail");
            kit.await(create("tenant.b.mail"), MessageState.DONE);

            assertThat(postroom.consumers().stopAll("tenant.c.mail", LONGEST).silent())
                    .isEmpty();
            for (UUID id : List.of(waiting, neverMet)) {
                assertThat(postroom.queueMessages().find(id).orElseThrow().state())
                        .isEqualTo(MessageState.READY);
            }
            postroom.consumers().start("tenant.a.mail");
            postroom.consumers().start("tenant.c.mail");
            kit.await(waiting, MessageState.DONE);
            kit.await(neverMet, MessageState.DONE);
        }
    }

    @Test
    void queue_that_nobody_consumes_has_nobody_to_stop_and_bad_values_are_refused() {
        try (Postroom postroom = Postroom.on(pool).workers(false).start()) {
            postroom.queues().declare(QueueSettings.of("lonely"));
            assertThat(postroom.consumers().list("lonely")).isEmpty();
            assertThat(postroom.consumers().stop("lonely", 3, LONGEST)).isEqualTo(complete(0));
            assertThat(postroom.consumers().stopAll("lonely", LONGEST).toString())
                    .isEqualTo("0 of 0 stopped, 0 in flight");
            assertThat(postroom.consumers().start("lonely")).isZero();

            assertThatThrownBy(() -> postroom.consumers().stop("lonely", 0, LONGEST))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("howMany must be 1 or more, got \"0\"");
            assertThatThrownBy(() -> postroom.consumers().stopAll("lonely", Duration.ofNanos(-1)))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("deadline must be PT0S to 400 days");
            assertThatThrownBy(() -> postroom.consumers().stopAll("no-such-queue", LONGEST))
                    .isInstanceOf(QueueNotFoundException.class);
            assertThat(sql.sql("SELECT count(*) FROM postroom.queue WHERE consumers_stopped_at IS NOT NULL"
                                    + " AND name = 'lonely'")
                            .query(Integer.class)
                            .single())
                    .isZero();
        }
    }

    /** The call that waits would otherwise wait for receipts that nobody will write. */
    @Test
    void start_ends_the_wait_for_receipts() throws Exception {
        CountDownLatch mayEnd = new CountDownLatch(1);
        Handler slow = Handler.send("withdrawn", String.class, (payload, context) -> {
            ran.add(payload);
            mayEnd.await();
            return Outcome.done();
        });
        try (Postroom postroom = process("withdrawn", slow)) {
            postroom.queueMessages().createMessage("withdrawn", "x");
            await().atMost(LONGEST).until(() -> !ran.isEmpty());
            CompletableFuture<Receipts> stop =
                    CompletableFuture.supplyAsync(() -> postroom.consumers().stop("withdrawn", 1, Duration.ofDays(1)));
            await().atMost(LONGEST).until(() -> states(postroom, "withdrawn").equals(List.of(ConsumerState.STOPPING)));
            postroom.consumers().start("withdrawn");
            Receipts receipts = stop.get(LONGEST.toSeconds(), TimeUnit.SECONDS);
            assertThat(receipts.isComplete()).isFalse();
            mayEnd.countDown(); // before the process waits for its handlers
        } finally {
            mayEnd.countDown();
        }
    }
}
