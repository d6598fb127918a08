package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Direction;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.api.RetryPolicy;
import io.postroom.api.SendResult;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.JacksonPayloadCodec;
import io.postroom.handler.MessageContext;
import io.postroom.handler.PayloadCodec;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Users' code that misbehaves where it is least welcome, and answers that get lost: every message ends or comes back, nobody hangs. */
@PostgresTest
class MishapTest {
    private static final EngineSettings QUICK = new EngineSettings(
            "quick", Duration.ofMillis(1_500), Duration.ofMillis(250), Duration.ofMillis(200), true, true);

    private final TestDatabase database;
    private final HikariDataSource pool;

    MishapTest(TestDatabase database) {
        this.database = database;
        this.pool = database.pool();
    }

    @ParameterizedTest
    @ValueSource(strings = {"bad,good", "good,bad"})
    void atomic_batch_in_which_one_did_not_do_well_commits_the_others_apart(String order) throws Exception {
        String queue = "atomic.batch." + order.replace(',', '.');
        execute("CREATE TABLE IF NOT EXISTS public.written (id uuid)");
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.batch(queue, Direction.INCOMING, String.class, 10, (payloads, contexts) -> {
                            for (MessageContext context : contexts) {
                                try (Statement statement = context.connection().createStatement()) {
                                    statement.execute("INSERT INTO public.written VALUES ('" + context.id() + "')");
                                }
                            }
                            return payloads.stream()
                                    .map(payload -> payload.equals("\"bad\"") ? Outcome.retry("later") : Outcome.done())
                                    .toList();
                        })
                        .mode(HandlerMode.ATOMIC))
                .start()) {
            List<UUID> ids =
                    List.of(create(postroom, queue, order.split(",")[0]), create(postroom, queue, order.split(",")[1]));
            UUID good = ids.get(order.startsWith("good") ? 0 : 1);
            UUID bad = ids.get(order.startsWith("good") ? 1 : 0);
            PostroomKit.of(postroom).drain();
            assertThat(state(postroom, good)).isEqualTo(MessageState.DONE);
            assertThat(state(postroom, bad)).isEqualTo(MessageState.DELAYED);
            assertThat(number("SELECT count(*) FROM public.written WHERE id = '" + good + "'"))
                    .isEqualTo(1);
            assertThat(number("SELECT count(*) FROM public.written WHERE id = '" + bad + "'"))
                    .isZero();
        }
    }

    @Test
    void codec_that_breaks_in_the_middle_of_a_batch_gives_no_message_two_ends() throws Exception {
        AtomicBoolean breaks = new AtomicBoolean(true);
        PayloadCodec jackson = new JacksonPayloadCodec();
        PayloadCodec codec = new PayloadCodec() {
            @Override
            public byte[] write(Object payload) {
                return jackson.write(payload);
            }

            @Override
            public <T> T read(byte[] stored, Class<T> type) {
                T payload = jackson.read(stored, type);
                if (payload.equals(Map.of("is", "unreadable"))) {
                    throw new IllegalArgumentException("unreadable");
                } else if (payload.equals(Map.of("is", "breaking")) && breaks.getAndSet(false)) {
                    throw new AssertionError("breaking");
                }
                return payload;
            }
        };
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .codec(codec)
                .handler(Handler.batch(
                        "broken.batch",
                        Direction.INCOMING,
                        Map.class,
                        10,
                        (payloads, contexts) ->
                                payloads.stream().map(any -> Outcome.done()).toList()))
                .start()) {
            List<UUID> ids = postroom
                    .queueMessages()
                    .createMessages(List.of(
                            CreateMessage.to("broken.batch").payload(Map.of("is", "unreadable")),
                            CreateMessage.to("broken.batch").payload(Map.of("is", "breaking")),
                            CreateMessage.to("broken.batch").payload(Map.of("is", "good"))))
                    .stream()
                    .map(Created::id)
                    .toList();

            PostroomKit.of(postroom).drain();

            assertThat(state(postroom, ids.get(0))).isEqualTo(MessageState.DELAYED);
            assertThat(state(postroom, ids.get(1))).isEqualTo(MessageState.DELAYED);
            assertThat(number("SELECT count(*) FROM postroom.place WHERE reason = 'undecodable' AND message_id = '"
                            + ids.get(0) + "'"))
                    .isEqualTo(1);
        }
    }

    @Test
    void retry_policy_that_throws_is_replaced_by_the_default_one() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(throwing("policy").retry(policy(() -> {
                    throw new IllegalStateException("mine");
                })))
                .start()) {
            UUID id = create(postroom, "policy", "a");
            PostroomKit.of(postroom).drain();
            assertThat(state(postroom, id)).isEqualTo(MessageState.DELAYED);
        }
    }

    @Test
    void handling_error_send_that_fails_with_an_error_leaves_it_to_the_policy() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(throwing("onerror.error").onError((error, context) -> {
                    throw new NoClassDefFoundError("gone");
                }))
                .start()) {
            UUID id = create(postroom, "onerror.error", "a");
            PostroomKit.of(postroom).drain();
            assertThat(state(postroom, id)).isEqualTo(MessageState.DELAYED);
        }
    }

    @Test
    void operators_setting_beside_a_policy_of_ones_own_stops_no_other_queue() throws Exception {
        RetryPolicy own = policy(() -> Duration.ofSeconds(1));
        try (Postroom declared = Postroom.on(pool)
                .workers(false)
                .handler(done("own.policy").retry(own))
                .start()) {
            assertThat(declared.queues().stats("own.policy")).isPresent();
        }
        execute("UPDATE postroom.queue SET max_attempts = 20, settings_by = 'operator' WHERE name = 'own.policy'");
        try (Postroom postroom = Postroom.on(pool)
                .handler(done("own.policy").retry(own))
                .handler(done("other.queue"))
                .start()) {
            PostroomKit.of(postroom).await(create(postroom, "other.queue", "a"), MessageState.DONE);
            PostroomKit.of(postroom).await(create(postroom, "own.policy", "a"), MessageState.DONE);
        }
    }

    @Test
    void closing_while_a_caller_sends_gives_the_caller_an_answer_and_leaves_no_lease_of_an_ended_worker()
            throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        Postroom postroom = Postroom.on(pool)
                .handler(Handler.send("closing", String.class, (payload, context) -> {
                    inside.countDown();
                    Thread.sleep(60_000);
                    return Outcome.done();
                }))
                .start();
        CompletableFuture<Object> answer = CompletableFuture.supplyAsync(() -> {
            try {
                return postroom.queueMessages()
                        .sendMessageSync(CreateMessage.to("closing").payload("a"));
            } catch (PostroomException refused) {
                return refused;
            }
        });
        assertThat(inside.await(10, TimeUnit.SECONDS)).isTrue();
        postroom.stop(Duration.ofMillis(100));
        assertThat(answer.get(20, TimeUnit.SECONDS)).isNotNull();
        postroom.close();
        assertThat(number("SELECT count(*) FROM postroom.lease l"
                        + " JOIN postroom.worker w ON w.id = l.worker_id AND w.stopped_at IS NOT NULL"))
                .isZero();
    }

    @Test
    void messages_of_a_claim_whose_answer_was_lost_come_back() {
        AtomicBoolean armed = new AtomicBoolean(true);
        try (Postroom postroom = Postroom.on(pool)
                        .engineDataSource(losing("-- name: claim\n", "executeQuery", armed))
                        .settings(QUICK)
                        .handler(done("lost.claim"))
                        .start();
                Postroom producer = Postroom.on(pool).workers(false).start()) {
            UUID id = create(producer, "lost.claim", "a");
            PostroomKit.of(postroom).await(id, MessageState.DONE);
            assertThat(armed).isFalse();
            assertThat(postroom.queueMessages()
                            .find(id)
                            .orElseThrow()
                            .entries()
                            .get(0)
                            .crashes())
                    .isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void directly_dispatched_messages_whose_answer_was_lost_are_handled_once(int count) {
        AtomicBoolean armed = new AtomicBoolean(false);
        AtomicInteger handled = new AtomicInteger();
        String queue = "lost.answer." + count;
        String statement = count == 1 ? "-- name: enqueue_one_direct\n" : "-- name: enqueue_direct\n";
        try (Postroom postroom = Postroom.on(losing(statement, "executeQuery", armed))
                .settings(QUICK)
                .handler(Handler.send(queue, String.class, (payload, context) -> {
                    handled.incrementAndGet();
                    return Outcome.done();
                }))
                .start()) {
            UUID first = create(postroom, queue, "first");
            PostroomKit.of(postroom).await(first, MessageState.DONE); // the queue is known not to be paused
            armed.set(true);

            List<Created> created = postroom.queueMessages()
                    .createMessages(java.util.Collections.nCopies(
                            count, CreateMessage.to(queue).payload("a")));

            assertThat(armed).isFalse();
            assertThat(created).allMatch(Created::isNew);
            created.forEach(one -> PostroomKit.of(postroom).await(one.id(), MessageState.DONE));
            // A second handling would come when the lease nobody knew was given back.
            await().atMost(Duration.ofSeconds(20)).until(() -> leftOf(queue) == 0);
            assertThat(handled).hasValue(1 + count);
        }
    }

    @Test
    void callback_of_a_future_may_send_and_wait_itself() throws Exception {
        try (Postroom postroom = Postroom.on(pool).handler(done("callback")).start()) {
            CompletableFuture<SendResult> second = postroom.queueMessages()
                    .sendMessageAsync(CreateMessage.to("callback").payload("a").delay(Duration.ofMillis(300)))
                    .thenApply(first -> postroom.queueMessages()
                            .sendMessageSync(CreateMessage.to("callback").payload("b")));
            assertThat(second.get(20, TimeUnit.SECONDS).state()).isEqualTo(MessageState.DONE);
        }
    }

    @Test
    void suspect_does_not_stop_its_queue_while_a_long_handler_runs() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        AtomicInteger quick = new AtomicInteger();
        try (Postroom postroom = Postroom.on(pool)
                .handler(Handler.process("suspect", String.class, (payload, context) -> {
                    if (payload.contains("long")) {
                        release.await();
                    } else {
                        quick.incrementAndGet();
                    }
                    return Outcome.done();
                }))
                .start()) {
            UUID running = create(postroom, "suspect", "long");
            PostroomKit.of(postroom).await(running, MessageState.IN_PROGRESS);
            execute("INSERT INTO postroom.ready (seq, queue_id, priority, crashes, message_id)"
                    + " SELECT nextval('postroom.ready_seq'), id, 4, 1, '" + MessageIds.next()
                    + "' FROM postroom.queue WHERE name = 'suspect'");
            for (int i = 0; i < 20; i++) {
                create(postroom, "suspect", "quick");
            }
            await().atMost(25, TimeUnit.SECONDS).until(() -> quick.get() == 20);
            release.countDown();
        }
    }

    @Test
    void suspect_runs_beside_a_handler_that_never_ends_when_it_has_waited_for_a_while() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        try (Postroom postroom = Postroom.on(pool)
                .handler(Handler.process("starving", String.class, (payload, context) -> {
                            if (payload.contains("long")) {
                                release.await();
                            }
                            return Outcome.done();
                        })
                        .concurrency(2))
                .start()) {
            UUID running = create(postroom, "starving", "long");
            PostroomKit.of(postroom).await(running, MessageState.IN_PROGRESS);
            UUID suspect = new PlacedMessages(pool)
                    .message("starving")
                    .attempt(null, "crashed", "its worker died")
                    .ready();

            await().atMost(40, TimeUnit.SECONDS).until(() -> state(postroom, suspect) == MessageState.DONE);

            assertThat(state(postroom, running)).isEqualTo(MessageState.IN_PROGRESS);
            release.countDown();
        }
    }

    // ---- tools

    private static Handler done(String queue) {
        return Handler.process(queue, String.class, (payload, context) -> Outcome.done());
    }

    private static Handler throwing(String queue) {
        return Handler.process(queue, String.class, (payload, context) -> {
            throw new IllegalArgumentException("boom");
        });
    }

    private interface Delay {
        Duration get();
    }

    private static RetryPolicy policy(Delay delay) {
        return new RetryPolicy() {
            @Override
            public int attempts() {
                return 3;
            }

            @Override
            public Duration delayAfter(int failures) {
                return delay.get();
            }
        };
    }

    /** Counts the queue's messages that wait or are held. */
    private int leftOf(String queue) {
        return JdbcClient.create(pool)
                .sql("""
                        SELECT (SELECT count(*) FROM postroom.ready r JOIN postroom.queue q ON q.id = r.queue_id WHERE q.name = :queue)
                             + (SELECT count(*) FROM postroom.lease l JOIN postroom.queue q ON q.id = l.queue_id WHERE q.name = :queue)
                        """)
                .param("queue", queue)
                .query(Integer.class)
                .single();
    }

    /** Once, after the database has done what the statement says, the line is cut before its answer comes. */
    private DataSource losing(String statement, String method, AtomicBoolean armed) {
        return proxy(
                DataSource.class,
                pool,
                (name, arguments, result) -> name.equals("getConnection")
                        ? proxy(
                                Connection.class,
                                result,
                                (name2, arguments2, result2) -> name2.equals("prepareStatement")
                                                && arguments2[0].toString().startsWith(statement)
                                        ? proxy(PreparedStatement.class, result2, (name3, arguments3, result3) -> {
                                            if (name3.equals(method)
                                                    && ((ResultSet) result3).isBeforeFirst()
                                                    && armed.compareAndSet(true, false)) {
                                                throw new SQLException(
                                                        "the line was cut before the answer came", "08006");
                                            }
                                            return result3;
                                        })
                                        : result2)
                        : result);
    }

    private interface After {
        Object call(String method, Object[] arguments, Object result) throws Exception;
    }

    private static <T> T proxy(Class<T> type, Object real, After after) {
        return type.cast(Proxy.newProxyInstance(
                MishapTest.class.getClassLoader(),
                new Class<?>[] {type},
                (self, method, arguments) -> after.call(method.getName(), arguments, invoke(method, real, arguments))));
    }

    private static Object invoke(Method method, Object real, Object[] arguments) throws Throwable {
        try {
            return method.invoke(real, arguments);
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    private static UUID create(Postroom postroom, String queue, String text) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to(queue).payload(text))
                .id();
    }

    private static MessageState state(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private long number(String sql) throws SQLException {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }
}
