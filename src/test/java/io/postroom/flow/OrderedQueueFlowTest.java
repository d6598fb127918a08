package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueSettings;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** An ordered queue from the declaration to the handlers of a process, in each handler mode. */
@PostgresTest
class OrderedQueueFlowTest {
    private final HikariDataSource pool;
    private final Map<String, List<Integer>> runs = new ConcurrentHashMap<>();
    private final Map<String, AtomicInteger> running = new ConcurrentHashMap<>();
    private final List<String> overlaps = new CopyOnWriteArrayList<>();

    OrderedQueueFlowTest(TestDatabase database) {
        this.pool = database.pool();
    }

    @AfterEach
    void nothingIsLost() {
        assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
    }

    private void run(String group, int number) throws InterruptedException {
        if (running.computeIfAbsent(group, key -> new AtomicInteger()).incrementAndGet() > 1) {
            overlaps.add(group + " at " + number);
        }
        runs.computeIfAbsent(group, key -> new CopyOnWriteArrayList<>()).add(number);
        Thread.sleep(ThreadLocalRandom.current().nextInt(2));
        running.get(group).decrementAndGet();
    }

    private void send(Postroom postroom, String queue, int groups, int each) {
        postroom.queues().declare(QueueSettings.of(queue).ordered(true));
        for (int number = 0; number < each; number++) {
            int current = number;
            postroom.queueMessages()
                    .createMessages(IntStream.range(0, groups)
                            .mapToObj(group -> CreateMessage.to(queue)
                                    .json("number", 1, String.valueOf(current))
                                    .group("g" + group)
                                    .priority(ThreadLocalRandom.current().nextInt(10)))
                            .toList());
        }
    }

    private void awaitAll(Postroom postroom, String queue, int groups, int each) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(
                        () -> postroom.queues().stats(queue).orElseThrow(),
                        stats -> stats.ready() == 0
                                && stats.inProgress() == 0
                                && runs.values().stream().mapToInt(List::size).sum() >= groups * each);
        assertThat(overlaps).isEmpty();
        assertThat(runs).hasSize(groups);
        assertThat(runs.values())
                .allSatisfy(numbers -> assertThat(numbers)
                        .isEqualTo(IntStream.range(0, each).boxed().toList()));
    }

    @Test
    void many_threads_of_a_process_keep_the_order_of_each_group() {
        Handler handler = Handler.process("plain", String.class, (payload, context) -> {
                    run(context.group().orElseThrow(), Integer.parseInt(payload));
                    return Outcome.done();
                })
                .concurrency(8);
        try (Postroom postroom = Postroom.on(pool).handler(handler).start()) {
            send(postroom, "plain", 20, 15);
            awaitAll(postroom, "plain", 20, 15);
        }
    }

    @Test
    void atomic_handlers_keep_the_order_of_each_group() {
        Handler handler = Handler.process("atomic", String.class, (payload, context) -> {
                    run(context.group().orElseThrow(), Integer.parseInt(payload));
                    return Outcome.done();
                })
                .mode(HandlerMode.ATOMIC)
                .concurrency(4);
        try (Postroom postroom = Postroom.on(pool).handler(handler).start()) {
            send(postroom, "atomic", 8, 8);
            awaitAll(postroom, "atomic", 8, 8);
        }
    }

    @Test
    void kit_drains_an_ordered_queue_in_order_and_a_retry_goes_first() {
        List<String> order = new ArrayList<>();
        Handler handler = Handler.process("kit", String.class, (payload, context) -> {
                    order.add(payload);
                    return payload.equals("1") && context.failures() == 0 ? Outcome.retry("once") : Outcome.done();
                })
                .retry(RetryPolicy.fixed(3, Duration.ofSeconds(10)));
        try (Postroom postroom =
                Postroom.on(pool).workers(false).handler(handler).start()) {
            postroom.queues().declare(QueueSettings.of("kit").ordered(true));
            for (int number = 1; number <= 3; number++) {
                postroom.queueMessages()
                        .createMessage(CreateMessage.to("kit")
                                .json("number", 1, String.valueOf(number))
                                .group("a"));
            }
            PostroomKit kit = PostroomKit.of(postroom);
            assertThat(kit.drain()).isEqualTo(1);
            kit.advance(Duration.ofSeconds(10));
            assertThat(kit.drain()).isEqualTo(3);
            assertThat(order).containsExactly("1", "1", "2", "3");
        }
    }

    @Test
    void send_message_sync_leaves_its_message_to_the_order() {
        Handler handler = Handler.process("sync", String.class, (payload, context) -> Outcome.done());
        try (Postroom postroom =
                Postroom.on(pool).workers(false).handler(handler).start()) {
            postroom.queues().declare(QueueSettings.of("sync").ordered(true));
            CreateMessage message =
                    CreateMessage.to("sync").json("number", 1, "1").group("a");
            var sent = postroom.queueMessages().sendMessageSync(message);
            assertThat(sent.state()).isEqualTo(MessageState.READY);
            UUID id = sent.id();
            assertThat(postroom.queueMessages().find(id).orElseThrow().group()).contains("a");
            assertThat(PostroomKit.of(postroom).drain()).isEqualTo(1);
            PostroomKit.of(postroom).reset();
        }
    }
}
