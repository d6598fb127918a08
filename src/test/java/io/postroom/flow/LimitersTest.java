package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limiter;
import io.postroom.api.LimiterState;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Limits from their setting to the handlers of a process. */
@PostgresTest
class LimitersTest {
    private static final Duration HOUR = Duration.ofHours(1);

    private final HikariDataSource pool;
    private final AtomicInteger started = new AtomicInteger();
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger mostRunning = new AtomicInteger();

    LimitersTest(TestDatabase database) {
        this.pool = database.pool();
    }

    @AfterEach
    void nothingIsLost() {
        assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
        JdbcClient.create(pool).sql("DELETE FROM postroom.limiter").update();
    }

    private Handler handler(String queue) {
        return Handler.process(queue, String.class, (payload, context) -> {
                    started.incrementAndGet();
                    mostRunning.accumulateAndGet(running.incrementAndGet(), Math::max);
                    Thread.sleep(1);
                    running.decrementAndGet();
                    return Outcome.done();
                })
                .concurrency(8);
    }

    private static void send(Postroom postroom, String queue, int messages) {
        postroom.queueMessages()
                .createMessages(IntStream.range(0, messages)
                        .mapToObj(number -> CreateMessage.to(queue).json("number", 1, String.valueOf(number)))
                        .toList());
    }

    private void awaitStarted(int messages) {
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> started.get() >= messages);
    }

    @Test
    void no_more_handlers_start_than_the_limit_says_and_a_raised_limit_lets_more_start() {
        try (Postroom postroom = Postroom.on(pool)
                .limiter(Limiter.ofQueue("starts").maxStarts(5, HOUR))
                .handler(handler("starts"))
                .start()) {
            send(postroom, "starts", 20);
            send(postroom, "starts", 1); // direct dispatch, were there no limit
            awaitStarted(5);
            Awaitility.await()
                    .until(() -> postroom.queues().stats("starts").orElseThrow().inProgress() == 0);
            assertThat(postroom.limiters().list())
                    .extracting(LimiterState::starts, LimiterState::byOperator)
                    .containsExactly(org.assertj.core.groups.Tuple.tuple(5, false));
            assertThat(postroom.limiters().list().get(0).nextStart()).isGreaterThan(Duration.ofMinutes(50));
            assertThat(started).hasValue(5);
            assertThat(postroom.limiters().set(Limiter.ofQueue("starts").maxStarts(8, HOUR)))
                    .isTrue();
            awaitStarted(8);
            assertThat(postroom.limiters().remove("starts")).isTrue();
            awaitStarted(21);
            assertThat(postroom.limiters().remove("starts")).isFalse();
        }
        assertThat(started).hasValue(21);
    }

    /** The handlers write down when they start. Lost when a message that was claimed before its start is free does not wait. */
    @Test
    void no_span_of_a_sliding_period_has_more_starts_than_the_limit_in_two_engines() {
        int starts = 100;
        int messages = 300;
        Duration period = Duration.ofSeconds(1);
        Queue<Long> log = new ConcurrentLinkedQueue<>();
        Handler handler = Handler.process("sliding", String.class, (payload, context) -> {
                    log.add(System.nanoTime());
                    started.incrementAndGet();
                    return Outcome.done();
                })
                .concurrency(8);
        try (Postroom first = Postroom.on(pool)
                        .limiter(Limiter.ofQueue("sliding").maxStarts(starts, period))
                        .handler(handler)
                        .start();
                Postroom second = Postroom.on(pool).handler(handler).start()) {
            send(first, "sliding", messages);
            awaitStarted(messages);
        }
        long[] times = log.stream().mapToLong(Long::longValue).sorted().toArray();
        for (int i = 0; i + starts < times.length; i++) {
            assertThat(times[i + starts] - times[i]).as("from start %d on", i).isGreaterThanOrEqualTo(period.toNanos());
        }
    }

    @Test
    void a_group_at_its_limit_holds_up_no_other_one_that_comes_later() {
        try (Postroom postroom = Postroom.on(pool)
                .queue(QueueSettings.of("tenants").fair(true))
                .limiter(Limiter.ofQueue("tenants").maxStartsPerGroup(2, HOUR))
                .handler(handler("tenants"))
                .start()) {
            for (int i = 0; i < 20; i++) {
                postroom.queueMessages()
                        .createMessage(
                                CreateMessage.to("tenants").group("large").json("number", 1, "1"));
            }
            awaitStarted(2);
            postroom.queueMessages()
                    .createMessage(CreateMessage.to("tenants").group("small").json("number", 1, "1"));
            awaitStarted(3);
            assertThat(postroom.limiters().list())
                    .extracting(LimiterState::groupsAtLimit)
                    .containsExactly(1L);
            assertThat(postroom.limiters().remove("tenants")).isTrue();
            awaitStarted(21);
        }
    }

    @ParameterizedTest
    @EnumSource(HandlerMode.class)
    void handlers_go_on_one_after_the_other_where_one_may_be_in_progress(HandlerMode mode) {
        String queue = "one-" + mode;
        try (Postroom postroom = Postroom.on(pool)
                .limiter(Limiter.ofQueue(queue).maxInProgress(1))
                .handler(handler(queue).mode(mode))
                .start()) {
            send(postroom, queue, 30);
            awaitStarted(30);
        }
        assertThat(mostRunning).hasValue(1);
    }

    @Test
    void a_limit_that_is_set_later_holds_back_what_was_held_ahead() throws Exception {
        int takenByThreads = 2 * 16; // out of the buffer, and given back by nobody
        CountDownLatch go = new CountDownLatch(1);
        Handler slowAtFirst = Handler.process("later", String.class, (payload, context) -> {
                    if (started.incrementAndGet() > 2_000) {
                        go.await(60, TimeUnit.SECONDS);
                    }
                    return Outcome.done();
                })
                .concurrency(2);
        try (Postroom postroom = Postroom.on(pool).handler(slowAtFirst).start()) {
            send(postroom, "later", 5_000);
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> started.get() == 2_002);
            postroom.limiters().set(Limiter.ofQueue("later").maxStarts(10, HOUR));
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> heldWithoutAStart(postroom, "later") <= takenByThreads);
            go.countDown();
            awaitStarted(2_002 + 10);
            Awaitility.await()
                    .until(() -> postroom.queues().stats("later").orElseThrow().inProgress() == 0);
            assertThat(started).hasValueLessThanOrEqualTo(2_002 + takenByThreads + 10);
            PostroomKit.of(postroom).reset();
        }
    }

    /** What is in progress beside the messages that the limit let through, which may have come already. */
    private static long heldWithoutAStart(Postroom postroom, String queue) {
        int starts = postroom.limiters().list().stream()
                .filter(state -> state.limiter().queue().equals(Optional.of(queue)))
                .mapToInt(LimiterState::starts)
                .sum();
        return postroom.queues().stats(queue).orElseThrow().inProgress() - starts;
    }

    @Test
    void send_message_sync_leaves_its_message_to_the_consumers() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .limiter(Limiter.ofQueue("sync").maxStarts(1, HOUR))
                .handler(handler("sync"))
                .start()) {
            assertThat(postroom.queueMessages()
                            .sendMessageSync(CreateMessage.to("sync").json("number", 1, "1"))
                            .state())
                    .isEqualTo(MessageState.READY);
            send(postroom, "sync", 2);
            assertThat(PostroomKit.of(postroom).drain())
                    .as("the kit keeps the limit")
                    .isOne();
            PostroomKit.of(postroom).reset();
        }
    }

    @Test
    void a_handler_that_is_told_to_wait_parks_its_destination_for_all_queues_that_name_it() {
        Handler told = Handler.process("payments", String.class, (payload, context) -> {
            started.incrementAndGet();
            return Outcome.notNow("bank", HOUR);
        });
        try (Postroom postroom =
                Postroom.on(pool).handler(told).handler(handler("refunds")).start()) {
            postroom.limiters().setDestination("payments", Optional.of("bank"));
            postroom.limiters().setDestination("refunds", Optional.of("bank"));
            send(postroom, "payments", 1);
            Awaitility.await()
                    .until(() ->
                            postroom.queues().stats("payments").orElseThrow().delayed() == 1);
            send(postroom, "refunds", 5);
            LimiterState parked = postroom.limiters().list().get(0);
            assertThat(parked.limiter().destination()).contains("bank");
            assertThat(parked.parkedUntil()).isPresent();
            assertThat(postroom.queues().stats("refunds").orElseThrow().ready()).isEqualTo(5);
            assertThat(started).hasValue(1);
            assertThat(postroom.limiters().unpark("bank")).isTrue();
            awaitStarted(6);
            assertThat(postroom.limiters().unpark("bank")).isFalse();
            PostroomKit.of(postroom).reset();
        }
    }

    @Test
    void many_messages_for_a_busy_system_make_few_calls_in_vain() {
        AtomicInteger calls = new AtomicInteger();
        AtomicInteger served = new AtomicInteger();
        long begun = System.nanoTime();
        Handler handler = Handler.process("busy", String.class, (payload, context) -> {
                    calls.incrementAndGet();
                    if (System.nanoTime() - begun < Duration.ofSeconds(3).toNanos()) {
                        return Outcome.notNow("system", Duration.ofMillis(500)); // away for three seconds
                    }
                    served.incrementAndGet();
                    return Outcome.done();
                })
                .concurrency(4);
        try (Postroom postroom =
                Postroom.on(pool).workers(true).handler(handler).start()) {
            postroom.limiters().setDestination("busy", Optional.of("system"));
            send(postroom, "busy", 100);
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> served.get() == 100);
        }
        assertThat(calls.get() - 100)
                .as("calls in vain; 600 or so without parking")
                .isLessThan(30);
    }

    @Test
    void an_operators_limiter_stays_when_code_declares_another_one() {
        try (Postroom postroom = Postroom.on(pool)
                .limiter(Limiter.ofQueue("declared").maxStarts(5, HOUR))
                .workers(false)
                .start()) {
            postroom.limiters().set(Limiter.ofQueue("declared").maxInProgress(2));
        }
        try (Postroom postroom = Postroom.on(pool)
                .limiter(Limiter.ofQueue("declared").maxStarts(5, HOUR))
                .workers(false)
                .start()) {
            assertThat(postroom.limiters().list())
                    .extracting(LimiterState::limiter)
                    .containsExactly(Limiter.ofQueue("declared").maxInProgress(2));
        }
    }

    @Test
    void what_is_wrong_with_a_limiter_is_said_before_anything_is_written() {
        Limiter limiter = Limiter.ofQueue("wrong");
        for (int starts : List.of(0, -1, Limiter.MOST + 1)) {
            assertThatThrownBy(() -> limiter.maxStarts(starts, HOUR))
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("maxStarts must be 1 to 1000000000, got \"" + starts + "\"");
        }
        assertThatThrownBy(() -> limiter.maxInProgress(0)).hasMessageContaining("maxInProgress must be 1 to");
        for (Duration period :
                List.of(Duration.ofMillis(99), Duration.ZERO, Duration.ofDays(-1), Duration.ofDays(401))) {
            assertThatThrownBy(() -> limiter.maxStarts(1, period))
                    .hasMessageContaining("period must be PT0.1S to 400 days, got \"" + period + "\"");
        }
        assertThatThrownBy(() -> Limiter.ofDestination("")).hasMessageContaining("destination must be 1 to 127");
        assertThatThrownBy(() -> Limiter.ofQueue("x".repeat(128))).hasMessageContaining("queue must be 1 to 127");
        try (Postroom postroom = Postroom.on(pool).workers(false).start()) {
            assertThatThrownBy(() -> postroom.limiters().set(limiter)).hasMessageContaining("maxStarts must be 1 to");
            assertThatThrownBy(() ->
                            postroom.limiters().set(Limiter.ofQueue("nowhere").maxInProgress(1)))
                    .isInstanceOf(QueueNotFoundException.class);
            assertThatThrownBy(() -> postroom.limiters().remove("nowhere")).isInstanceOf(QueueNotFoundException.class);
            assertThat(postroom.limiters().list()).isEmpty();
            postroom.queues().declare(QueueSettings.of("wrong"));
        }
    }
}
