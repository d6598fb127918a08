package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Message;
import io.postroom.api.MessageState;
import io.postroom.api.QueueEntry;
import io.postroom.api.SendResult;
import io.postroom.handler.ProcessingMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.SmartLifecycle;
import org.springframework.jdbc.core.simple.JdbcClient;

@PostgresTest
@ExtendWith(OutputCaptureExtension.class)
@Timeout(120)
class ShutdownTest {
    private final TestDatabase database;

    ShutdownTest(TestDatabase database) {
        this.database = database;
    }

    static class Blocking {
        final CountDownLatch blocked = new CountDownLatch(1);
        final CountDownLatch mayEnd = new CountDownLatch(1);
        final Queue<String> ended = new ConcurrentLinkedQueue<>();

        @ProcessingMessage(value = "stopping", concurrency = 1)
        void work(String json) throws InterruptedException {
            if (json.equals("\"block\"")) {
                blocked.countDown();
                mayEnd.await();
            }
            ended.add(json);
        }
    }

    @Test
    void a_running_handler_finishes_and_what_waits_in_the_buffer_goes_back_untouched() throws Exception {
        Host.Running host = Host.on(database).with(Blocking.class).start();
        Blocking handler = host.bean(Blocking.class);
        // Fast ones first: then the consumer claims ahead, and the buffer is full when one blocks.
        List<Created> created = host.queueMessages()
                .createMessages(IntStream.range(0, 400)
                        .mapToObj(i -> CreateMessage.to("stopping").payload(i == 200 ? "block" : "fast"))
                        .toList());
        assertThat(handler.blocked.await(30, TimeUnit.SECONDS)).isTrue();
        assertThat(held()).as("claimed ahead").isGreaterThan(1);

        CompletableFuture<Void> closing = CompletableFuture.runAsync(host::close);
        await().atMost(Duration.ofSeconds(30)).until(() -> !isThreadAlive("postroom-claim"));
        int ended = handler.ended.size();
        assertThat(closing).as("waits for the handler").isNotDone();
        handler.mayEnd.countDown();
        assertThat(closing).succeedsWithin(30, TimeUnit.SECONDS);

        assertThat(held()).isZero();
        assertThat(handler.ended).contains("\"block\"").hasSize(ended + 1);
        try (Host.Running next =
                Host.on(database).with("postroom.workers.enabled", false).start()) {
            List<Message> messages = created.stream()
                    .map(one -> next.queueMessages().find(one.id()).orElseThrow())
                    .toList();
            assertThat(messages.get(200).state()).isEqualTo(MessageState.DONE);
            assertThat(messages)
                    .extracting(Message::state)
                    .containsOnly(MessageState.DONE, MessageState.READY)
                    .contains(MessageState.READY);
            assertThat(messages).flatExtracting(Message::entries).allSatisfy(ShutdownTest::assertNoCreditSpent);
            next.jdbc().sql("DELETE FROM postroom.ready").update();
        }
    }

    private static void assertNoCreditSpent(QueueEntry entry) {
        assertThat(entry.failures()).isZero();
        assertThat(entry.crashes()).isZero();
    }

    @Test
    void a_handler_that_outruns_the_drain_is_interrupted_and_its_message_goes_back_untouched() throws Exception {
        Host.Running host = Host.on(database)
                .with(Blocking.class)
                .with("postroom.shutdown.drain", "50ms")
                .start();
        Created created = host.queueMessages().createMessage("stopping", "block");
        assertThat(host.bean(Blocking.class).blocked.await(30, TimeUnit.SECONDS))
                .isTrue();

        host.close();

        try (Host.Running next =
                Host.on(database).with("postroom.workers.enabled", false).start()) {
            Message message = next.queueMessages().find(created.id()).orElseThrow();
            assertThat(message.state()).isEqualTo(MessageState.READY);
            assertThat(message.entries()).allSatisfy(ShutdownTest::assertNoCreditSpent);
            next.jdbc().sql("DELETE FROM postroom.ready").update();
        }
    }

    /** A bean in the phase in which a web server stops taking requests. */
    static class Neighbour implements SmartLifecycle {
        private final Blocking handler;
        private final Queue<String> order = new ConcurrentLinkedQueue<>();
        private boolean running;

        Neighbour(Blocking handler) {
            this.handler = handler;
        }

        @Override
        public void start() {
            order.add("started after " + handler.ended.size() + " messages");
            running = true;
        }

        @Override
        public void stop() {
            order.add("stopped after " + handler.ended.size() + " messages");
            running = false;
        }

        @Override
        public boolean isRunning() {
            return running;
        }

        @Override
        public int getPhase() {
            return WebServerApplicationContext.GRACEFUL_SHUTDOWN_PHASE;
        }
    }

    @Test
    void workers_start_after_everything_else_and_end_their_claims_before() throws Exception {
        try (Host.Running producer =
                Host.on(database).with("postroom.workers.enabled", false).start()) {
            producer.queueMessages().createMessage("stopping", "waits before the start");
        }
        Host.Running host =
                Host.on(database).with(Blocking.class, Neighbour.class).start();
        Blocking handler = host.bean(Blocking.class);
        Neighbour neighbour = host.bean(Neighbour.class);
        await().atMost(Duration.ofSeconds(30)).until(() -> handler.ended.size() == 1);
        host.queueMessages().createMessage("stopping", "block");
        assertThat(handler.blocked.await(30, TimeUnit.SECONDS)).isTrue();

        CompletableFuture<Void> closing = CompletableFuture.runAsync(host::close);
        await().atMost(Duration.ofSeconds(30)).until(() -> !neighbour.isRunning());
        assertThat(isThreadAlive("postroom-claim")).isFalse();
        assertThat(closing).isNotDone();
        handler.mayEnd.countDown();
        closing.get(30, TimeUnit.SECONDS);

        assertThat(neighbour.order).containsExactly("started after 0 messages", "stopped after 1 messages");
        assertThat(handler.ended).hasSize(2);
        assertThat(PostroomDrain.PHASE).isEqualTo(WebServerApplicationContext.GRACEFUL_SHUTDOWN_PHASE);
    }

    @Test
    void web_server_takes_no_new_requests_while_handlers_end_and_the_log_says_what_runs(CapturedOutput output)
            throws Exception {
        Host.Running host = Host.on(database).web().with(Blocking.class).start();
        Blocking handler = host.bean(Blocking.class);
        int port = ((WebServerApplicationContext) host.context()).getWebServer().getPort();
        Created created = host.queueMessages().createMessage("stopping", "block");
        assertThat(handler.blocked.await(30, TimeUnit.SECONDS)).isTrue();
        assertThat(accepts(port)).isTrue();

        CompletableFuture<Void> closing = CompletableFuture.runAsync(host::close);
        await().atMost(Duration.ofSeconds(20)).until(() -> !accepts(port));
        await().atMost(Duration.ofSeconds(20))
                .until(() -> output.getOut().contains("stopping: 1 handlers run, for at most"));
        assertThat(output.getOut()).contains("Blocking.work for ").contains("(message " + created.id() + ")");
        assertThat(closing).isNotDone();
        handler.mayEnd.countDown();
        assertThat(closing).succeedsWithin(30, TimeUnit.SECONDS);
        assertThat(handler.ended).containsExactly("\"block\"");
    }

    private static boolean accepts(int port) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
            return true;
        } catch (IOException refused) {
            return false;
        }
    }

    @Test
    void drain_that_does_not_fit_is_said_at_the_start(CapturedOutput output) {
        Host.on(database).with("postroom.shutdown.drain", "50s").start().close();
        assertThat(output.getOut())
                .contains("postroom.shutdown.drain=50s does not end within")
                .contains("timeout-per-shutdown-phase=30s and is cut to 24s")
                .contains("Set the timeout of the phase to 56s or more, or the drain to 24s or less");
    }

    /** Spring's test framework stops and starts a cached context like this while another one is used. */
    @Test
    void a_context_that_is_stopped_hands_out_no_messages_and_one_that_is_started_again_does() {
        try (Host.Running host = Host.on(database).with(Blocking.class).start()) {
            Blocking handler = host.bean(Blocking.class);
            host.await(host.queueMessages().createMessage("stopping", "before"), MessageState.DONE);

            host.context().stop();
            Created whileStopped = host.queueMessages().createMessage("stopping", "while stopped");
            CompletableFuture<SendResult> end = host.queueMessages()
                    .sendMessageAsync(CreateMessage.to("stopping").payload("waited for"));
            assertThat(isThreadAlive("postroom-claim")).isFalse();
            assertThat(host.queueMessages()
                            .find(whileStopped.id())
                            .orElseThrow()
                            .state())
                    .isEqualTo(MessageState.READY);
            host.context().start();

            host.await(whileStopped, MessageState.DONE);
            assertThat(end).succeedsWithin(30, TimeUnit.SECONDS);
            assertThat(handler.ended).containsExactly("\"before\"", "\"while stopped\"", "\"waited for\"");
        }
    }

    @Test
    void the_drain_ends_before_Spring_loses_its_patience() {
        assertThat(PostroomDrain.within(Duration.ofSeconds(30), Duration.ofSeconds(30)))
                .hasSeconds(24);
        assertThat(PostroomDrain.within(Duration.ofSeconds(60), Duration.ofSeconds(30)))
                .hasSeconds(30);
        assertThat(PostroomDrain.within(Duration.ofSeconds(4), Duration.ofSeconds(30)))
                .hasSeconds(2);
    }

    private int held() {
        return JdbcClient.create(database.pool())
                .sql("SELECT coalesce(sum(length(replace(open::text, '0', ''))), 0) FROM postroom.lease")
                .query(Integer.class)
                .single();
    }

    private static boolean isThreadAlive(String name) {
        return Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals(name));
    }
}
