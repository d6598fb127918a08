package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Direct dispatch: which messages go at once to a handler of the process that creates them, and which go through READY. */
@PostgresTest
@Timeout(30)
class DirectDispatchTest {
    /** Its leases outlast a machine that stands still for some seconds, so that no message is released and claimed again. */
    private static final EngineSettings STEADY = new EngineSettings(
            "steady", Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofMillis(200), true, true);

    private final TestDatabase database;
    private final JdbcClient sql;

    DirectDispatchTest(TestDatabase database) {
        this.database = database;
        this.sql = JdbcClient.create(database.pool());
    }

    @Test
    void message_for_an_idle_worker_of_this_process_never_was_in_ready() {
        try (Postroom postroom = running(doing("idle", () -> {}))) {
            awaitIdle(postroom, CreateMessage.to("idle").payload("probe"));

            UUID id = create(postroom, "idle");

            PostroomKit.of(postroom).await(id, MessageState.DONE);
            assertThat(wasDispatched(id)).isTrue();
            assertThat(postroom.queueMessages().history(id)).hasSize(1);
        }
        conserved();
    }

    @Test
    void messages_of_one_call_are_held_under_leases_of_at_most_200_and_each_is_handled_once() {
        Queue<String> handled = new ConcurrentLinkedQueue<>();
        Handler fast = Handler.send("many", String.class, (payload, context) -> {
                    handled.add(payload);
                    return Outcome.done();
                })
                .concurrency(32);
        try (Postroom postroom =
                Postroom.on(database.pool()).settings(STEADY).handler(fast).start()) {
            awaitIdle(postroom, CreateMessage.to("many").payload("probe"));
            for (int i = 0; i < 100; i++) { // so that it is known to be fast and to have room for more than its threads
                PostroomKit.of(postroom).await(create(postroom, "many"), MessageState.DONE);
            }
            handled.clear();

            List<Created> created = postroom.queueMessages()
                    .createMessages(java.util.stream.IntStream.range(0, 450)
                            .mapToObj(i -> CreateMessage.to("many").payload("m" + i))
                            .toList());

            created.forEach(one -> PostroomKit.of(postroom).await(one.id(), MessageState.DONE));
            assertThat(created).allMatch(one -> wasDispatched(one.id()));
            assertThat(handled).hasSize(450).doesNotHaveDuplicates();
            assertThat(sql.sql("SELECT count(DISTINCT lease_id) FROM postroom.attempt WHERE message_id IN (:ids)")
                            .param("ids", created.stream().map(Created::id).toList())
                            .query(Integer.class)
                            .single())
                    .isEqualTo(3);
        }
        conserved();
    }

    @Test
    void more_than_there_are_free_threads_wait_in_ready_where_others_can_take_them() {
        Semaphore begun = new Semaphore(0);
        CountDownLatch mayEnd = new CountDownLatch(1);
        Handler slow = Handler.send("slow", String.class, (payload, context) -> {
                    if (isProbe(payload)) {
                        Thread.sleep(200); // so that it is known to be slow
                    } else {
                        begun.release();
                        mayEnd.await();
                    }
                    return Outcome.done();
                })
                .concurrency(2);
        try (Postroom postroom = running(slow)) {
            awaitConsuming("slow");
            create(postroom, "slow");
            create(postroom, "slow");
            begun.acquireUninterruptibly(2);

            UUID third = create(postroom, "slow");

            assertThat(wasDispatched(third)).isFalse();
            assertThat(postroom.queueMessages()
                            .find(third)
                            .orElseThrow()
                            .entries()
                            .get(0)
                            .state())
                    .isEqualTo(MessageState.READY);
            mayEnd.countDown();
            PostroomKit.of(postroom).await(third, MessageState.DONE);
        }
        conserved();
    }

    @Test
    void message_waits_in_ready_while_all_threads_of_the_process_are_blocked_in_another_queue() {
        Semaphore begun = new Semaphore(0);
        CountDownLatch mayEnd = new CountDownLatch(1);
        try (Postroom postroom = Postroom.on(database.pool())
                .settings(STEADY)
                .handlerThreads(2)
                .handler(doing("blocked", () -> {
                    begun.release();
                    mayEnd.await();
                }))
                .handler(doing("free", () -> {}))
                .start()) {
            awaitConsuming("free");
            create(postroom, "blocked");
            create(postroom, "blocked");
            begun.acquireUninterruptibly(2);

            try { // a fast handler's thread counts for 50 ms after it took something
                await().until(() -> !wasDispatched(create(postroom, "free")));
            } finally {
                mayEnd.countDown();
            }

            await().until(() -> sql.sql("SELECT count(*) FROM postroom.ready")
                            .query(Integer.class)
                            .single()
                    == 0);
        }
        conserved();
    }

    @Test
    void message_of_a_paused_queue_waits_in_ready() {
        try (Postroom postroom = running(doing("paused", () -> {}))) {
            awaitConsuming("paused");
            postroom.queues().pause("paused");

            UUID id = create(postroom, "paused");

            assertThat(wasDispatched(id)).isFalse();
            assertThat(postroom.queueMessages()
                            .find(id)
                            .orElseThrow()
                            .entries()
                            .get(0)
                            .state())
                    .isEqualTo(MessageState.READY);
            postroom.queues().resume("paused");
            PostroomKit.of(postroom).await(id, MessageState.DONE);
        }
    }

    @Test
    void message_that_comes_while_a_suspect_runs_begins_beside_it() throws Exception {
        Semaphore begun = new Semaphore(0);
        Semaphore mayEnd = new Semaphore(0);
        Handler handler = doing("suspects", () -> {
            begun.release();
            mayEnd.acquire();
        });
        try (Postroom postroom = running(handler)) {
            awaitConsuming("suspects");
            UUID suspect = suspectNobodyTellsOf("suspects");
            begun.acquire();

            UUID beside = create(postroom, "suspects");

            assertThat(begun.tryAcquire(30, TimeUnit.SECONDS)).isTrue();
            mayEnd.release(2);
            PostroomKit.of(postroom).await(suspect, MessageState.DONE);
            PostroomKit.of(postroom).await(beside, MessageState.DONE);
        }
        conserved();
    }

    private UUID suspectNobodyTellsOf(String queue) throws SQLException {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            ResultSet created =
                    statement.executeQuery("SELECT id FROM postroom.create_message('" + queue + "', '\"x\"')");
            created.next();
            UUID id = created.getObject(1, UUID.class);
            statement.execute("UPDATE postroom.ready SET crashes = 1 WHERE message_id = '" + id + "'");
            connection.commit();
            return id;
        }
    }

    @MessageType(value = "in.hand", version = 1)
    record Known(String text) {}

    @Test
    void message_of_a_type_nobody_here_takes_goes_through_ready() {
        Handler typed = Handler.send("typed", Known.class, (payload, context) -> Outcome.done());
        try (Postroom postroom = running(typed)) {
            awaitIdle(postroom, CreateMessage.to("typed").payload(new Known("probe")));

            UUID known = postroom.queueMessages()
                    .createMessage("typed", new Known("x"))
                    .id();
            UUID newer = postroom.queueMessages()
                    .createMessage(CreateMessage.to("typed").json("in.hand", 2, "{}"))
                    .id();

            assertThat(wasDispatched(known)).isTrue();
            assertThat(wasDispatched(newer)).isFalse();
            PostroomKit.of(postroom).await(newer, MessageState.DELAYED);
        }
    }

    @Test
    void message_created_on_a_connection_of_the_callers_goes_through_ready() throws Exception {
        try (Postroom postroom = running(doing("callers", () -> {}));
                Connection connection = database.pool().getConnection()) {
            awaitConsuming("callers");
            connection.setAutoCommit(false);

            UUID id = postroom.queueMessages()
                    .createMessage(CreateMessage.to("callers").payload("x"), connection)
                    .id();
            connection.commit();
            postroom.queueMessages().wakeUp("callers");

            PostroomKit.of(postroom).await(id, MessageState.DONE);
            assertThat(wasDispatched(id)).isFalse();
            connection.setAutoCommit(true);
        }
    }

    @Test
    void atomic_handlers_get_a_lease_for_each_message() {
        Handler atomic = doing("atomic", () -> {}).mode(HandlerMode.ATOMIC);
        try (Postroom postroom = running(atomic)) {
            awaitIdle(postroom, CreateMessage.to("atomic").payload("probe"));

            List<Created> created = postroom.queueMessages()
                    .createMessages(List.of(
                            CreateMessage.to("atomic").payload("a"),
                            CreateMessage.to("atomic").payload("b")));

            created.forEach(one -> PostroomKit.of(postroom).await(one.id(), MessageState.DONE));
            assertThat(created).allMatch(one -> wasDispatched(one.id()));
            assertThat(sql.sql("SELECT count(DISTINCT lease_id) FROM postroom.attempt WHERE message_id IN (:ids)")
                            .param("ids", created.stream().map(Created::id).toList())
                            .query(Integer.class)
                            .single())
                    .isEqualTo(2);
        }
    }

    @Test
    void what_fails_after_direct_dispatch_is_tried_again_by_its_policy() {
        Queue<Integer> failures = new ConcurrentLinkedQueue<>();
        Handler failing = Handler.send("failing", String.class, (payload, context) -> {
            if (isProbe(payload)) {
                return Outcome.done();
            }
            failures.add(context.failures());
            return failures.size() == 1 ? Outcome.retry(Duration.ofMillis(1), "once more") : Outcome.done();
        });
        try (Postroom postroom = running(failing)) {
            awaitIdle(postroom, CreateMessage.to("failing").payload("probe"));

            UUID id = create(postroom, "failing");

            PostroomKit.of(postroom).await(id, MessageState.DONE);
            assertThat(wasDispatched(id)).isTrue();
            assertThat(failures).containsExactly(0, 1);
        }
        conserved();
    }

    @Test
    void dispatched_messages_that_nobody_has_begun_go_back_untouched_when_the_process_stops() throws Exception {
        Semaphore begun = new Semaphore(0);
        Semaphore mayEnd = new Semaphore(0);
        Handler handler = doing("stopping", () -> {
                    begun.release();
                    mayEnd.acquire();
                })
                .concurrency(1);
        UUID second;
        try (Postroom postroom = running(handler)) {
            awaitIdle(postroom, CreateMessage.to("stopping").payload("probe"));
            mayEnd.release(30);
            for (int i = 0; i < 30; i++) {
                PostroomKit.of(postroom).await(create(postroom, "stopping"), MessageState.DONE);
            }
            begun.drainPermits();
            create(postroom, "stopping");
            begun.acquire();
            second = create(postroom, "stopping"); // dispatched: the handler was fast so far
            assertThat(wasDispatched(second)).isTrue();

            CompletableFuture<Void> stopping = CompletableFuture.runAsync(() -> postroom.stop(Duration.ofSeconds(20)));
            await().until(() -> sql.sql("SELECT count(*) FROM postroom.ready WHERE message_id = :id")
                            .param("id", second)
                            .query(Integer.class)
                            .single()
                    == 1);
            mayEnd.release();
            stopping.get();
        }
        assertThat(sql.sql("SELECT failures + crashes FROM postroom.ready WHERE message_id = :id")
                        .param("id", second)
                        .query(Integer.class)
                        .single())
                .isZero();
        conserved();
    }

    private interface Work {
        void run() throws Exception;
    }

    private static Handler doing(String queue, Work work) {
        return Handler.send(queue, String.class, (payload, context) -> {
            if (!isProbe(payload)) {
                work.run();
            }
            return Outcome.done();
        });
    }

    private static boolean isProbe(String payload) {
        return payload.contains("probe");
    }

    private Postroom running(Handler handler) {
        return Postroom.on(database.pool()).settings(STEADY).handler(handler).start();
    }

    private static UUID create(Postroom postroom, String queue) {
        return postroom.queueMessages().createMessage(queue, "x").id();
    }

    /** A queue counts as paused until the first poll. */
    private void awaitConsuming(String queue) {
        awaitConsuming(CreateMessage.to(queue).payload("probe"));
    }

    private void awaitConsuming(CreateMessage probed) {
        try (Postroom producer = Postroom.on(database.pool()).workers(false).start()) {
            UUID probe = producer.queueMessages().createMessage(probed).id();
            PostroomKit.of(producer).await(probe, MessageState.DONE);
        }
    }

    /**
     * Waits until the consumer is idle and this process has seen it: a poll that was under way when the first probe was claimed may still
     * report that probe as waiting, and the next message then goes through READY behind it.
     */
    private void awaitIdle(Postroom postroom, CreateMessage probe) {
        awaitConsuming(probe);
        await().until(() -> {
            UUID id = postroom.queueMessages().createMessage(probe).id();
            PostroomKit.of(postroom).await(id, MessageState.DONE);
            return wasDispatched(id);
        });
        await().until(() -> handlerThreadsWait());
    }

    /** The result of a message may be in the database before its thread has let go of it. */
    private static boolean handlerThreadsWait() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().matches("postroom-handler-\\d+"))
                .allMatch(thread -> thread.getState() == Thread.State.TIMED_WAITING);
    }

    /** It has no first place in READY. */
    private boolean wasDispatched(UUID id) {
        return sql.sql("SELECT seq = 0 FROM postroom.message WHERE id = :id")
                .param("id", id)
                .query(Boolean.class)
                .single();
    }

    private void conserved() {
        assertThat(Conservation.check(sql)).isEmpty();
    }
}
