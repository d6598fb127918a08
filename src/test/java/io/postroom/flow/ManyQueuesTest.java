package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** One process that consumes many queues with few threads. */
@PostgresTest
class ManyQueuesTest {
    private static final int QUEUES = 300;
    private static final int DEEP = 3_000;

    private final TestDatabase database;
    private final Map<String, AtomicInteger> runs = new ConcurrentHashMap<>();
    private final AtomicInteger deep = new AtomicInteger();
    private final CountDownLatch othersAreDone = new CountDownLatch(1);
    private final AtomicInteger mostThreads = new AtomicInteger();
    private final CountDownLatch mayEnd = new CountDownLatch(1);
    private final AtomicInteger blocked = new AtomicInteger();

    ManyQueuesTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void all_messages_of_300_queues_run_once_on_few_threads_and_neither_a_deep_nor_a_stuck_queue_delays_the_others() {
        try (Postroom producer = Postroom.on(database.pool()).workers(false).start()) {
            List<CreateMessage> messages = new ArrayList<>();
            for (int i = 0; i < DEEP; i++) {
                messages.add(CreateMessage.to("deep").payload("deep-" + i));
            }
            for (int i = 0; i < 8; i++) {
                messages.add(CreateMessage.to("stuck").payload("stuck-" + i));
            }
            for (int queue = 0; queue < QUEUES; queue++) {
                for (int i = 0; i < 3; i++) {
                    messages.add(CreateMessage.to("tenant-" + queue).payload("tenant-" + queue + "-" + i));
                }
            }
            producer.queueMessages().createMessages(messages);
        }
        Postroom.Builder builder = Postroom.on(database.pool());
        IntStream.range(0, QUEUES)
                .forEach(queue -> builder.handler(
                        Handler.send("tenant-" + queue, String.class, (payload, context) -> ran(payload))));
        builder.handler(Handler.send("deep", String.class, (payload, context) -> {
            if (deep.incrementAndGet() > DEEP - 100) {
                othersAreDone.await(); // never, if the others had to wait for the end of this queue
            }
            return ran(payload);
        }));
        builder.handler(Handler.send("stuck", String.class, (payload, context) -> {
                    blocked.incrementAndGet();
                    mayEnd.await();
                    return ran(payload);
                })
                .concurrency(4));

        try (Postroom postroom = builder.start()) {
            awaitLong()
                    .until(() -> IntStream.range(0, QUEUES)
                            .allMatch(queue -> IntStream.range(0, 3)
                                    .allMatch(i -> runs.containsKey("tenant-" + queue + "-" + i))));
            othersAreDone.countDown();
            awaitLong().until(() -> deep.get() == DEEP);
            assertThat(blocked).as("as many as may run at a time").hasValue(4);
            mayEnd.countDown();
            awaitLong().until(() -> runs.size() == DEEP + 8 + 3 * QUEUES);
        } finally {
            othersAreDone.countDown();
            mayEnd.countDown();
        }

        assertThat(runs.values()).allSatisfy(times -> assertThat(times).hasValue(1));
        assertThat(mostThreads).as("with at most 4 blocked").hasValueLessThanOrEqualTo(40);
    }

    /** More handlers block than threads are allowed: what runs is bounded, and all run in the end. */
    @Test
    void handlers_share_as_many_threads_as_are_allowed() throws Exception {
        int queues = 30;
        int threads = 10;
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch full = new CountDownLatch(threads);
        Postroom.Builder builder = Postroom.on(database.pool()).handlerThreads(threads);
        IntStream.range(0, queues)
                .forEach(queue -> builder.handler(Handler.send("bounded-" + queue, String.class, (payload, context) -> {
                    most.accumulateAndGet(running.incrementAndGet(), Math::max);
                    full.countDown();
                    mayEnd.await();
                    running.decrementAndGet();
                    return ran(payload);
                })));

        try (Postroom postroom = builder.start()) {
            postroom.queueMessages()
                    .createMessages(IntStream.range(0, queues)
                            .mapToObj(queue ->
                                    CreateMessage.to("bounded-" + queue).payload("bounded-" + queue))
                            .toList());
            assertThat(full.await(30, java.util.concurrent.TimeUnit.SECONDS)).isTrue();
            mayEnd.countDown();
            awaitLong().until(() -> runs.size() == queues);
        } finally {
            mayEnd.countDown();
        }

        assertThat(most).hasValue(threads);
        assertThat(runs.values()).allSatisfy(times -> assertThat(times).hasValue(1));
    }

    private Outcome ran(String payload) {
        runs.computeIfAbsent(payload.replace("\"", ""), unused -> new AtomicInteger())
                .incrementAndGet();
        mostThreads.accumulateAndGet(handlerThreads(), Math::max);
        return Outcome.done();
    }

    private static int handlerThreads() {
        Thread[] some = new Thread[2_000];
        int count = Thread.currentThread().getThreadGroup().enumerate(some);
        return (int) java.util.Arrays.stream(some, 0, count)
                .filter(thread -> thread.getName().startsWith("postroom-handler-"))
                .count();
    }

    private static org.awaitility.core.ConditionFactory awaitLong() {
        return Awaitility.await().atMost(Duration.ofSeconds(60));
    }

    @Test
    void queues_of_one_pattern_with_slow_handlers_use_all_that_their_concurrency_allows() {
        AtomicInteger done = new AtomicInteger();
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        try (Postroom producer = Postroom.on(database.pool()).workers(false).start()) {
            producer.queueMessages()
                    .createMessages(IntStream.range(0, 60)
                            .mapToObj(i -> CreateMessage.to("slow." + i).payload("x"))
                            .toList());
        }
        Handler handler = Handler.send("slow.*", String.class, (payload, context) -> {
                    most.accumulateAndGet(running.incrementAndGet(), Math::max);
                    Thread.sleep(100);
                    running.decrementAndGet();
                    done.incrementAndGet();
                    return Outcome.done();
                })
                .concurrency(4);
        try (Postroom postroom = Postroom.on(database.pool()).handler(handler).start()) {
            Awaitility.await()
                    .atMost(Duration.ofSeconds(20))
                    .until(() -> done.get() == 60); // one queue a poll would take a minute
        }
        assertThat(most).hasValue(4);
    }
}
