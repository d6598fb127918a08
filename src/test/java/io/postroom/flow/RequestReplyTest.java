package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.NoReplyException;
import io.postroom.api.Outcome;
import io.postroom.api.Overflow;
import io.postroom.api.QueueSettings;
import io.postroom.api.Reply;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.test.PostroomKit;
import io.postroom.testing.LogRecorder;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Requests of one process, answered by another one. */
@PostgresTest
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RequestReplyTest {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final EngineSettings QUICK = new EngineSettings(
            "replies", Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofMillis(200), true, true);

    @MessageType("reply.test.price")
    record Price(String article, int cents) {}

    private final TestDatabase database;
    private final JdbcClient sql;
    private final CountDownLatch started = new CountDownLatch(1);
    private final CountDownLatch mayReply = new CountDownLatch(1);
    private final CountDownLatch fenced = new CountDownLatch(1);
    private final CompletableFuture<Boolean> afterFence = new CompletableFuture<>();
    private final Queue<String> stolen = new ConcurrentLinkedQueue<>();
    private Postroom caller;
    private Postroom worker;

    RequestReplyTest(TestDatabase database) {
        this.database = database;
        this.sql = JdbcClient.create(database.pool());
    }

    @BeforeAll
    void start() {
        worker = Postroom.on(database.newPool(10))
                .settings(QUICK)
                .handler(Handler.process("price", String.class, (article, context) -> {
                            context.reply(new Price(article, article.length()));
                            return Outcome.done();
                        })
                        .concurrency(8))
                .handler(Handler.process("again", String.class, (payload, context) -> {
                            context.reply("attempt " + context.deliveries());
                            if (context.failures() == 0) {
                                throw new IllegalStateException("not yet");
                            }
                            return Outcome.done();
                        })
                        .retry(RetryPolicy.fixed(3, Duration.ofMillis(10))))
                .handler(Handler.process("broken", String.class, (payload, context) -> {
                            context.reply("void");
                            throw new IllegalStateException("no such customer");
                        })
                        .retry(RetryPolicy.fixed(1, Duration.ofMillis(10))))
                .handler(Handler.process("slow", String.class, (payload, context) -> {
                    started.countDown();
                    mayReply.await();
                    context.reply("too late");
                    return Outcome.done();
                }))
                .handler(Handler.process("silent", String.class, (payload, context) -> Outcome.done()))
                .handler(Handler.process("fenced", String.class, (payload, context) -> {
                    fenced.countDown();
                    try {
                        new CountDownLatch(1).await();
                    } catch (InterruptedException cancelled) {
                        context.reply("of a cancelled attempt");
                        afterFence.complete(true);
                    }
                    return Outcome.done();
                }))
                .handler(Handler.process("atomic", String.class, (payload, context) -> {
                            context.reply(payload + " " + context.failures());
                            if (context.failures() == 0) {
                                throw new IllegalStateException("rolls back");
                            }
                            return Outcome.done();
                        })
                        .mode(HandlerMode.ATOMIC)
                        .retry(RetryPolicy.fixed(3, Duration.ofMillis(10))))
                .handler(Handler.process("twice", String.class, (payload, context) -> {
                            context.reply(1);
                            context.reply(2);
                            return Outcome.done();
                        })
                        .retry(RetryPolicy.fixed(1, Duration.ofMillis(10))))
                .start();
        caller = Postroom.on(database.newPool(10))
                .settings(QUICK)
                .handler(Handler.process("postroom.#", String.class, (payload, context) -> {
                    stolen.add(payload);
                    return Outcome.done();
                }))
                .start();
    }

    @AfterAll
    void stop() {
        caller.close();
        worker.close();
    }

    @Test
    void each_caller_gets_the_reply_to_its_own_request() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Future<Reply>> replies = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                String article = "x".repeat(i);
                replies.add(threads.submit(() -> ask(CreateMessage.to("price").payload(article))));
            }
            for (int i = 0; i < replies.size(); i++) {
                Reply reply = replies.get(i).get(60, TimeUnit.SECONDS);
                assertThat(reply.as(Price.class).article()).isEqualTo("\"" + "x".repeat(i) + "\"");
                assertThat(reply.type()).isEqualTo("reply.test.price");
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(caller.replyCounts().received()).isGreaterThanOrEqualTo(200);
        assertThat(stolen).isEmpty();
    }

    @Test
    void reply_has_the_correlation_id_and_names_the_request() {
        UUID id = MessageIds.next();
        Reply reply = ask(CreateMessage.to("price").payload("pen").id(id).correlationId("order-7"));
        assertThat(reply.correlationId()).contains("order-7");
        assertThat(reply.headers()).containsEntry(Reply.IN_REPLY_TO, id.toString());
        assertThat(caller.queueMessages().find(MessageFilter.all().correlationId("order-7")))
                .hasSize(2);
        assertThat(ask(CreateMessage.to("price").payload("pen")).correlationId())
                .isPresent();
        await().atMost(LONG)
                .until(() ->
                        caller.queueMessages().find(reply.id()).orElseThrow().state() == MessageState.DONE);
    }

    @Test
    void reply_is_that_of_the_attempt_that_completed_the_request() {
        assertThat(ask(CreateMessage.to("again").payload("x")).as(String.class)).isEqualTo("\"attempt 2\"");
        assertThat(ask(CreateMessage.to("atomic").payload("x")).as(String.class))
                .contains("1");
    }

    @Test
    void request_that_fails_ends_the_wait_with_its_error() {
        assertThatThrownBy(() -> ask(CreateMessage.to("broken").payload("x")))
                .isInstanceOf(NoReplyException.class)
                .hasMessageContaining("DEAD in queue \"broken\"")
                .hasMessageContaining("no such customer");
        assertThatThrownBy(() -> ask(CreateMessage.to("twice").payload("x")))
                .isInstanceOf(NoReplyException.class)
                .hasMessageContaining("replied to already");
    }

    @Test
    void late_reply_is_counted_and_shown() throws Exception {
        NoReplyException none = noReply(CreateMessage.to("slow").payload("x"), Duration.ofMillis(300));
        assertThat(none).hasMessageContaining("none came within PT0.3S");
        assertThat(started.await(60, TimeUnit.SECONDS)).isTrue();
        long before = caller.replyCounts().late();
        mayReply.countDown();
        await().atMost(LONG).until(() -> caller.replyCounts().late() == before + 1);
        assertThat(caller.queueMessages().find(none.request()).orElseThrow().state())
                .isEqualTo(MessageState.DONE);
        await().atMost(LONG)
                .until(() -> sql.sql("SELECT count(*) FROM postroom.message_history WHERE error LIKE '%late_reply%'")
                                .query(Integer.class)
                                .single()
                        == 1);
    }

    @Test
    void request_nobody_replies_to_says_where_it_stands() {
        assertThat(noReply(CreateMessage.to("silent").payload("x"), Duration.ofMillis(500)))
                .hasMessageContaining("DONE")
                .hasMessageContaining("set no reply");
        worker.queues().declare(QueueSettings.of("price.paused"));
        worker.queues().pause("price.paused");
        NoReplyException none = noReply(CreateMessage.to("price.paused").payload("x"), Duration.ofMillis(300));
        assertThat(none).hasMessageContaining("READY in queue \"price.paused\"");
        assertThat(caller.queueMessages().find(none.request()).orElseThrow().expiresAt())
                .isPresent();
    }

    /** Loses the race "the attempt replies after its message was taken away": the end is refused, and with it the reply. */
    @Test
    void attempt_whose_lease_is_gone_does_not_reply() throws Exception {
        CompletableFuture<Reply> asked = CompletableFuture.supplyAsync(
                () -> ask(CreateMessage.to("fenced").payload("x")));
        assertThat(fenced.await(60, TimeUnit.SECONDS)).isTrue();
        UUID request = sql.sql("SELECT id FROM postroom.message WHERE queue_id ="
                        + " (SELECT id FROM postroom.queue WHERE name = 'fenced')")
                .query(UUID.class)
                .single();
        assertThat(caller.queueMessages().cancelRunning(request)).isEqualTo(1);
        assertThat(afterFence.get(60, TimeUnit.SECONDS)).isTrue();
        assertThatThrownBy(() -> asked.get(60, TimeUnit.SECONDS))
                .hasCauseInstanceOf(NoReplyException.class)
                .hasMessageContaining("CANCELLED");
        assertThat(ask(CreateMessage.to("price").payload("after it")).as(Price.class))
                .isNotNull();
        assertThat(sql.sql("SELECT count(*) FROM postroom.message WHERE headers ->> 'in-reply-to' = ?")
                        .param(request.toString())
                        .query(Integer.class)
                        .single())
                .isZero();
    }

    @Test
    void interrupt_ends_the_wait_and_cancels_the_request() throws Exception {
        worker.queues().declare(QueueSettings.of("nobody"));
        worker.queues().pause("nobody");
        CompletableFuture<Throwable> error = new CompletableFuture<>();
        Thread asking = new Thread(() -> {
            try {
                ask(CreateMessage.to("nobody").payload("x"));
            } catch (NoReplyException noReply) {
                error.complete(
                        Thread.currentThread().isInterrupted() ? noReply : new AssertionError("not interrupted"));
            }
        });
        asking.start();
        await().atMost(LONG).until(() -> waiting("nobody") == 1);
        asking.interrupt();
        NoReplyException noReply = (NoReplyException) error.get(60, TimeUnit.SECONDS);
        assertThat(caller.queueMessages().find(noReply.request()).orElseThrow().state())
                .isEqualTo(MessageState.CANCELLED);
    }

    @Test
    void another_program_replies_by_sql() throws Exception {
        worker.queues().declare(QueueSettings.of("by-sql"));
        worker.queues().pause("by-sql");
        CompletableFuture<Reply> asked = CompletableFuture.supplyAsync(
                () -> ask(CreateMessage.to("by-sql").payload("x")));
        await().atMost(LONG).until(() -> waiting("by-sql") == 1);
        sql.sql("""
                        SELECT c.id
                        FROM postroom.message m
                        JOIN postroom.queue q ON q.id = m.queue_id AND q.name = 'by-sql'
                        CROSS JOIN LATERAL postroom.create_message(
                            exchange => '', routing_key => m.headers ->> 'reply-to', payload => '42',
                            headers => jsonb_build_object('in-reply-to', m.id::text)) c
                        """).query(UUID.class).single();
        assertThat(asked.get(60, TimeUnit.SECONDS).as(String.class)).isEqualTo("42");
    }

    @Test
    void reply_to_a_process_that_is_gone_is_counted_and_the_request_is_done() {
        long before = worker.replyCounts().undeliverable();
        UUID id = caller.queueMessages()
                .createMessage(CreateMessage.to("price").payload("pen").header(Reply.REPLY_TO, "postroom.reply.gone"))
                .id();
        PostroomKit.of(caller).await(id, MessageState.DONE);
        await().atMost(LONG).until(() -> worker.replyCounts().undeliverable() == before + 1);
        assertThat(sql.sql("SELECT count(*) FROM postroom.dropped_messages WHERE routing_key = 'postroom.reply.gone'")
                        .query(Integer.class)
                        .single())
                .isEqualTo(1);
        assertThat(worker.queues().stats("postroom.reply.gone")).isEmpty();
    }

    @Test
    void reply_that_the_database_refuses_is_not_called_one_without_a_queue() {
        worker.queues().declare(QueueSettings.of("full").maxLength(1, Overflow.REJECT));
        worker.queueMessages().createMessage("full", "x");
        long before = worker.replyCounts().undeliverable();
        try (LogRecorder log = LogRecorder.of("io.postroom.internal.worker.SentReplies", Level.WARN)) {
            UUID id = caller.queueMessages()
                    .createMessage(CreateMessage.to("price").payload("pen").header(Reply.REPLY_TO, "full"))
                    .id();
            PostroomKit.of(caller).await(id, MessageState.DONE);
            await().atMost(LONG).until(() -> worker.replyCounts().undeliverable() == before + 1);
            await().atMost(LONG).until(() -> !log.lines().isEmpty());
            assertThat(log.lines())
                    .singleElement()
                    .asString()
                    .contains("refused by the database", id.toString(), "queue \"full\" is full: 1 messages are READY")
                    .doesNotContain("there is no queue", "gone");
        }
    }

    @Test
    void what_could_never_be_answered_is_refused_before_it_is_written() {
        CreateMessage request = CreateMessage.to("refused").payload("x");
        for (CreateMessage bad : List.of(request.deduplicate("key"), request.header(Reply.REPLY_TO, "mine"))) {
            assertThatThrownBy(() -> ask(bad)).isInstanceOf(InvalidMessageException.class);
        }
        for (Duration bad : List.of(Duration.ZERO, Duration.ofMillis(-1), Duration.ofHours(25))) {
            assertThatThrownBy(() -> caller.queueMessages().sendAndReceive(request, bad))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("timeLimit");
        }
        assertThat(worker.queues().stats("refused")).isEmpty();
    }

    @Test
    void reply_queue_comes_with_the_first_request_and_goes_with_its_process() throws Exception {
        AtomicInteger before = new AtomicInteger(replyQueues());
        CompletableFuture<Throwable> ended = new CompletableFuture<>();
        worker.queues().declare(QueueSettings.of("never"));
        worker.queues().pause("never");
        try (Postroom other =
                Postroom.on(database.newPool(4)).settings(QUICK).workers(false).start()) {
            PostroomKit.of(other)
                    .await(other.queueMessages().createMessage("silent", "x").id(), MessageState.DONE);
            assertThat(replyQueues()).isEqualTo(before.get());
            assertThat(other.queueMessages()
                            .sendAndReceive(CreateMessage.to("price").payload("pen"), LONG)
                            .as(Price.class))
                    .isNotNull();
            assertThat(replyQueues()).isEqualTo(before.get() + 1);
            CompletableFuture.runAsync(() -> other.queueMessages()
                            .sendAndReceive(CreateMessage.to("never").payload("x"), LONG))
                    .whenComplete((none, error) -> ended.complete(error));
            await().atMost(LONG).until(() -> other.replyCounts().waiting() == 1);
        }
        assertThat(ended.get(60, TimeUnit.SECONDS)).hasMessageContaining("stopped");
        assertThat(replyQueues()).isEqualTo(before.get());
    }

    private Reply ask(CreateMessage request) {
        return caller.queueMessages().sendAndReceive(request, LONG);
    }

    private NoReplyException noReply(CreateMessage request, Duration limit) {
        try {
            Reply reply = caller.queueMessages().sendAndReceive(request, limit);
            throw new AssertionError("got " + reply);
        } catch (NoReplyException none) {
            return none;
        }
    }

    private long waiting(String queue) {
        return worker.queues().stats(queue).map(stats -> stats.ready()).orElse(0L);
    }

    /** Number of reply queues other than the one of {@link #caller}, which any test may make. */
    private int replyQueues() {
        ask(CreateMessage.to("price").payload("makes the caller's queue"));
        return sql.sql("SELECT count(*) FROM postroom.queue WHERE name LIKE 'postroom.reply.%' AND deleted_at IS NULL")
                .query(Integer.class)
                .single();
    }
}
