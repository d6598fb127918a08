package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Direction;
import io.postroom.api.DuplicateMessageException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.NoHandlerException;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.api.SendResult;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.handler.MessageContext;
import io.postroom.handler.MessageEvent;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PostroomListener;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The ways a handler may run: batches, ATOMIC, time limits, on the caller's thread, wrapped by interceptors. */
@PostgresTest
class HandlerModesTest {
    private final TestDatabase database;
    private final HikariDataSource pool;

    HandlerModesTest(TestDatabase database) {
        this.database = database;
        this.pool = database.pool();
    }

    @Test
    void batch_handler_gets_several_messages_and_answers_for_each() {
        List<Integer> sizes = new ArrayList<>();
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.batch("batch", Direction.INCOMING, String.class, 10, (payloads, contexts) -> {
                    sizes.add(payloads.size());
                    return payloads.stream()
                            .map(payload -> payload.equals("\"bad\"") ? Outcome.reject("bad") : Outcome.done())
                            .toList();
                }))
                .start()) {
            List<UUID> ids = new ArrayList<>();
            for (String text : List.of("a", "bad", "c")) {
                ids.add(create(postroom, "batch", text));
            }
            PostroomKit.of(postroom).drain();
            assertThat(sizes).containsExactly(3);
            assertThat(ids)
                    .extracting(id -> state(postroom, id))
                    .containsExactly(MessageState.DONE, MessageState.DEAD, MessageState.DONE);
        }
    }

    @Test
    void batch_that_throws_is_run_one_by_one_and_costs_no_failure() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.batch("throwing", Direction.INCOMING, String.class, 10, (payloads, contexts) -> {
                    if (payloads.contains("\"bad\"")) {
                        throw new IllegalStateException("cannot");
                    }
                    return List.of(Outcome.done());
                }))
                .start()) {
            UUID good = create(postroom, "throwing", "good");
            UUID bad = create(postroom, "throwing", "bad");
            PostroomKit.of(postroom).drain();
            assertThat(state(postroom, good)).isEqualTo(MessageState.DONE);
            assertThat(postroom.queueMessages().history(good)).hasSize(1);
            assertThat(state(postroom, bad)).isEqualTo(MessageState.DELAYED);
            assertThat(postroom.queueMessages()
                            .find(bad)
                            .orElseThrow()
                            .entries()
                            .get(0)
                            .failures())
                    .isEqualTo(1);
        }
    }

    @Test
    void atomic_handlers_writes_commit_with_the_completion_and_roll_back_with_a_failure() throws Exception {
        execute("CREATE TABLE public.booked (message_id uuid)");
        AtomicBoolean fails = new AtomicBoolean(true);
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.process("atomic", String.class, (payload, context) -> {
                            book(context);
                            if (fails.get()) {
                                throw new IllegalStateException("after the write");
                            }
                            return Outcome.done();
                        })
                        .mode(HandlerMode.ATOMIC)
                        .retry(RetryPolicy.fixed(3, Duration.ZERO)))
                .start()) {
            PostroomKit kit = PostroomKit.of(postroom);
            UUID id = create(postroom, "atomic", "a");
            kit.drain();
            assertThat(number("SELECT count(*) FROM public.booked")).isZero();
            assertThat(state(postroom, id)).isNotEqualTo(MessageState.DONE);
            fails.set(false);
            postroom.queueMessages().redrive(id);
            kit.drain();
            assertThat(number("SELECT count(*) FROM public.booked")).isEqualTo(1);
            assertThat(state(postroom, id)).isEqualTo(MessageState.DONE);
        }
    }

    @Test
    void atomic_handler_that_answers_retry_writes_nothing() throws Exception {
        execute("CREATE TABLE public.refused (message_id uuid)");
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.process("atomic.retry", String.class, (payload, context) -> {
                            try (Statement statement = context.connection().createStatement()) {
                                statement.execute("INSERT INTO public.refused VALUES ('" + context.id() + "')");
                            }
                            return Outcome.retry("later");
                        })
                        .mode(HandlerMode.ATOMIC))
                .start()) {
            UUID id = create(postroom, "atomic.retry", "a");
            PostroomKit.of(postroom).drain();
            assertThat(number("SELECT count(*) FROM public.refused")).isZero();
            assertThat(state(postroom, id)).isEqualTo(MessageState.DELAYED);
        }
    }

    @Test
    void leased_handler_has_no_connection_and_is_told_how_to_get_one() {
        CompletableFuture<Throwable> refused = new CompletableFuture<>();
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.process("leased", String.class, (payload, context) -> {
                    try {
                        context.connection();
                    } catch (IllegalStateException expected) {
                        refused.complete(expected);
                    }
                    return Outcome.done();
                }))
                .start()) {
            create(postroom, "leased", "a");
            PostroomKit.of(postroom).drain();
            assertThat(refused.join()).hasMessageContaining("ATOMIC");
        }
    }

    @Test
    void handler_that_runs_too_long_is_interrupted_and_counts_as_failed() {
        CountDownLatch interrupted = new CountDownLatch(1);
        try (Postroom postroom = Postroom.on(pool)
                .handler(Handler.process("slow", String.class, (payload, context) -> {
                            try {
                                Thread.sleep(60_000);
                            } catch (InterruptedException e) {
                                interrupted.countDown();
                                throw e;
                            }
                            return Outcome.done();
                        })
                        .timeLimit(Duration.ofMillis(300))
                        .retry(RetryPolicy.fixed(1, Duration.ZERO)))
                .start()) {
            UUID id = create(postroom, "slow", "a");
            PostroomKit.of(postroom).await(id, MessageState.DEAD);
            assertThat(interrupted.getCount()).isZero();
            assertThat(postroom.queueMessages()
                            .find(id)
                            .orElseThrow()
                            .entries()
                            .get(0)
                            .error()
                            .orElseThrow())
                    .contains("time limit of 300ms");
        }
    }

    @Test
    void handler_that_ignores_its_interrupt_is_given_up_and_its_queue_goes_on() {
        CountDownLatch release = new CountDownLatch(1);
        try (Postroom postroom = Postroom.on(pool)
                .handler(Handler.process("stubborn", String.class, (payload, context) -> {
                            while (payload.equals("\"stubborn\"") && release.getCount() > 0) {
                                try {
                                    release.await();
                                } catch (InterruptedException ignored) {
                                    // that is the point
                                }
                            }
                            return Outcome.done();
                        })
                        .concurrency(1)
                        .timeLimit(Duration.ofMillis(200))
                        .retry(RetryPolicy.fixed(1, Duration.ZERO)))
                .start()) {
            UUID stubborn = create(postroom, "stubborn", "stubborn");
            UUID next = create(postroom, "stubborn", "next");
            PostroomKit.of(postroom).await(stubborn, MessageState.DEAD);
            PostroomKit.of(postroom).await(next, MessageState.DONE);
            assertThat(postroom.problems()).anyMatch(trouble -> trouble.contains("ignored their interrupt"));
            release.countDown();
            assertThat(state(postroom, stubborn)).isEqualTo(MessageState.DEAD);
        }
    }

    @Test
    void send_message_sync_runs_once_on_the_callers_thread() {
        CompletableFuture<Thread> thread = new CompletableFuture<>();
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send("sync", String.class, (payload, context) -> {
                    thread.complete(Thread.currentThread());
                    return payload.equals("\"ok\"") ? Outcome.done() : Outcome.retry(Duration.ofMinutes(1), "later");
                }))
                .start()) {
            SendResult sent = postroom.queueMessages()
                    .sendMessageSync(CreateMessage.to("sync").json("t", 1, "\"ok\""));
            assertThat(sent.state()).isEqualTo(MessageState.DONE);
            assertThat(sent.outcome()).contains(Outcome.done());
            assertThat(thread.join()).isSameAs(Thread.currentThread());

            SendResult failed = postroom.queueMessages()
                    .sendMessageSync(CreateMessage.to("sync").json("t", 1, "\"no\""));
            assertThat(failed.state()).isEqualTo(MessageState.DELAYED);
            assertThat(failed.outcome().orElseThrow()).isInstanceOf(Outcome.Retry.class);
            assertThat(failed.nextAttemptAt()).isPresent();
            assertThat(state(postroom, failed.id())).isEqualTo(MessageState.DELAYED);
        }
    }

    @Test
    void send_message_sync_refuses_what_nobody_here_can_send_and_waits_in_a_paused_queue() throws Exception {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send("sync.paused", String.class, (payload, context) -> Outcome.done()))
                .start()) {
            assertThatThrownBy(() -> postroom.queueMessages()
                            .sendMessageSync(CreateMessage.to("sync.nobody").json("t", 1, "1")))
                    .isInstanceOf(NoHandlerException.class)
                    .hasMessageContaining("sync.nobody");
            assertThat(number("SELECT count(*) FROM postroom.queue_messages WHERE queue = 'sync.nobody'"))
                    .isZero();
            assertThatThrownBy(() -> postroom.queueMessages()
                            .sendMessageSync(CreateMessage.to("sync.paused")
                                    .json("t", 1, "1")
                                    .delay(Duration.ofSeconds(1))))
                    .isInstanceOf(InvalidMessageException.class);
            postroom.queues().pause("sync.paused");
            SendResult waits = postroom.queueMessages()
                    .sendMessageSync(CreateMessage.to("sync.paused").json("t", 1, "1"));
            assertThat(waits.state()).isEqualTo(MessageState.READY);
            assertThat(waits.outcome()).isEmpty();
        }
    }

    @Test
    void send_message_async_completes_with_the_end_wherever_it_is_handled() throws Exception {
        try (Postroom sender = Postroom.on(pool).workers(false).start();
                Postroom here = Postroom.on(database.newPool(4))
                        .handler(Handler.send("async", String.class, (payload, context) -> Outcome.done()))
                        .start()) {
            CompletableFuture<SendResult> byOther = sender.queueMessages()
                    .sendMessageAsync(CreateMessage.to("async").json("t", 1, "1"));
            CompletableFuture<SendResult> byUs = here.queueMessages()
                    .sendMessageAsync(CreateMessage.to("async").json("t", 1, "2"));
            assertThat(byOther.get(20, TimeUnit.SECONDS).state()).isEqualTo(MessageState.DONE);
            assertThat(byUs.get(20, TimeUnit.SECONDS).state()).isEqualTo(MessageState.DONE);
        }
    }

    @Test
    void paused_queue_is_left_alone_until_resumed() throws Exception {
        try (Postroom postroom = Postroom.on(pool)
                .handler(Handler.send("paused", String.class, (payload, context) -> Outcome.done()))
                .start()) {
            postroom.queues().pause("paused");
            UUID id = create(postroom, "paused", "a");
            assertThat(postroom.queueMessages().explain(id).get(0)).startsWith("queue_paused:");
            postroom.queues().resume("paused");
            PostroomKit.of(postroom).await(id, MessageState.DONE);
            assertThat(
                            number(
                                    "SELECT count(*) FROM postroom.operator_log WHERE queue = 'paused' AND action IN ('pause', 'resume')"))
                    .isEqualTo(2);
        }
    }

    @Test
    void interceptors_wrap_in_their_order_and_listeners_hear_of_it() {
        Queue<String> order = new ConcurrentLinkedQueue<>();
        Queue<MessageEvent> events = new ConcurrentLinkedQueue<>();
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .interceptor(named("outer", order))
                .interceptor(named("inner", order))
                .listener(events::add)
                .listener(new PostroomListener() {
                    @Override
                    public void onEvent(MessageEvent event) {
                        throw new IllegalStateException("a listener's fault is its own");
                    }
                })
                .handler(Handler.send("wrapped", String.class, (payload, context) -> {
                    order.add("handler tenant=" + context.headers().get("tenant"));
                    return Outcome.done();
                }))
                .start()) {
            UUID id = create(postroom, "wrapped", "a");
            PostroomKit.of(postroom).drain();
            assertThat(order).containsExactly("outer", "inner", "handler tenant=inner");
            assertThat(events).extracting(MessageEvent::id).containsExactly(id);
            assertThat(events).extracting(MessageEvent::state).containsExactly(MessageState.DONE);
        }
    }

    @Test
    void interceptors_wrap_the_storing_of_several_messages_in_their_order() {
        Queue<String> order = new ConcurrentLinkedQueue<>();
        List<MessageInterceptor> both = Stream.of("outer", "inner")
                .<MessageInterceptor>map(name -> new MessageInterceptor() {
                    @Override
                    public CreateMessage beforeCreate(CreateMessage message) {
                        return message.header(name, "seen");
                    }

                    @Override
                    public List<Created> aroundBulk(List<CreateMessage> messages, Supplier<List<Created>> next) {
                        order.add(name + " " + messages.get(1).headers().size());
                        List<Created> created = next.get();
                        order.add(name + " stored " + created.size());
                        return created;
                    }
                })
                .toList();
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .interceptor(both.get(0))
                .interceptor(both.get(1))
                .start()) {
            CreateMessage message = CreateMessage.to("bulk").json("t", 1, "1");
            postroom.queueMessages().createMessages(List.of(message));
            assertThat(order).as("a single message is no bulk").isEmpty();
            List<Created> created = postroom.queueMessages().createMessages(List.of(message, message));
            assertThat(order).containsExactly("outer 2", "inner 2", "inner stored 2", "outer stored 2");
            assertThat(created)
                    .allMatch(one -> postroom.queueMessages()
                            .find(one.id())
                            .orElseThrow()
                            .headers()
                            .containsKey("outer"));
        }
    }

    @Test
    void rolled_back_connection_takes_its_message_along() throws Exception {
        try (Postroom postroom = Postroom.on(pool).workers(false).start();
                Connection connection = database.connect()) {
            connection.setAutoCommit(false);
            UUID id = postroom.queueMessages()
                    .createMessage(CreateMessage.to("joined").json("t", 1, "1"), connection)
                    .id();
            connection.rollback();
            assertThat(postroom.queueMessages().find(id)).isEmpty();
            UUID kept = postroom.queueMessages()
                    .createMessage(CreateMessage.to("joined").json("t", 1, "1"), connection)
                    .id();
            connection.commit();
            assertThat(postroom.queueMessages().find(kept)).isPresent();
        }
    }

    @Test
    void clash_inside_a_callers_transaction_leaves_nothing_half_written() throws Exception {
        try (Postroom postroom = Postroom.on(pool).workers(false).start();
                Connection connection = database.connect()) {
            CreateMessage first = CreateMessage.to("clash").json("t", 1, "1").deduplicate("key");
            postroom.queueMessages().createMessage(first);
            connection.setAutoCommit(false);
            UUID before = postroom.queueMessages()
                    .createMessage(CreateMessage.to("clash").json("t", 1, "0"), connection)
                    .id();
            CreateMessage other = CreateMessage.to("clash")
                    .json("t", 1, "2")
                    .deduplicate("key")
                    .id(MessageIds.next());
            assertThatThrownBy(() -> postroom.queueMessages().createMessage(other, connection))
                    .isInstanceOf(DuplicateMessageException.class);
            connection.commit(); // a caller who goes on all the same
            assertThat(postroom.queueMessages().find(before)).isPresent();
            assertThat(number("SELECT count(*) FROM postroom.queue_messages WHERE queue = 'clash'"))
                    .isEqualTo(2);
        }
    }

    private static MessageInterceptor named(String name, Queue<String> order) {
        return new MessageInterceptor() {
            @Override
            public CreateMessage beforeCreate(CreateMessage message) {
                return message.header("tenant", name);
            }

            @Override
            public Outcome aroundHandling(MessageContext context, Callable<Outcome> next) throws Exception {
                order.add(name);
                return next.call();
            }
        };
    }

    private static void book(MessageContext context) throws Exception {
        try (Statement statement = context.connection().createStatement()) {
            statement.execute("INSERT INTO public.booked VALUES ('" + context.id() + "')");
        }
    }

    private void execute(String sql) throws Exception {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private long number(String sql) throws Exception {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }

    private static UUID create(Postroom postroom, String queue, String text) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to(queue).json("text", 1, "\"" + text + "\""))
                .id();
    }

    private static MessageState state(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }
}
