package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Operation;
import io.postroom.api.Outcome;
import io.postroom.api.QueueEntry;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.handler.PayloadCodec;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.mockito.Mockito;

/** A failing message: tried again as its policy says, then a dead letter, then redriven. Time is moved, not waited for. */
@PostgresTest
class RetryToDeadLetterTest {
    private final HikariDataSource pool;
    private final AtomicInteger calls = new AtomicInteger();

    RetryToDeadLetterTest(TestDatabase database) {
        this.pool = database.pool();
    }

    @Test
    void three_tries_ten_seconds_apart_then_dead() {
        try (Postroom postroom =
                failing("three", handler -> handler.retry(RetryPolicy.fixed(3, Duration.ofSeconds(10))))) {
            PostroomKit kit = PostroomKit.of(postroom);
            UUID id = create(postroom, "three");

            assertThat(kit.drain()).isEqualTo(1);
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DELAYED);
            assertThat(entry(postroom, id).failures()).isEqualTo(1);
            kit.advance(Duration.ofSeconds(9));
            assertThat(kit.drain()).isZero();
            kit.advance(Duration.ofSeconds(1));
            assertThat(kit.drain()).isEqualTo(1);
            kit.advance(Duration.ofSeconds(10));
            assertThat(kit.drain()).isEqualTo(1);

            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DEAD);
            assertThat(entry(postroom, id).error().orElseThrow()).contains("provider is down");
            assertThat(postroom.queueMessages().history(id))
                    .extracting(Attempt::outcome)
                    .containsExactly("retry", "retry", "failed");
            assertThat(postroom.queueMessages().history(id))
                    .extracting(Attempt::number)
                    .containsExactly(1, 2, 3);
            assertThat(postroom.queueMessages().explain(id).get(0)).startsWith("dead:");
        }
    }

    @Test
    void outage_of_a_day_makes_no_dead_letter_of_a_handler_that_names_no_policy() {
        AtomicBoolean away = new AtomicBoolean(true);
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send("outage", String.class, (payload, context) -> {
                    calls.incrementAndGet();
                    return away.get() ? Outcome.retry("the provider is away") : Outcome.done();
                }))
                .start()) {
            PostroomKit kit = PostroomKit.of(postroom);
            UUID id = create(postroom, "outage");
            kit.drain("outage");
            for (int hour = 0; hour < 24; hour++) {
                kit.advance(Duration.ofHours(1));
                kit.drain("outage");
            }
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DELAYED);
            assertThat(calls.get()).as("spread over the day").isBetween(9, 20);

            away.set(false);
            kit.advance(Duration.ofHours(6));
            kit.drain("outage");
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DONE);
        }
    }

    @Test
    void dead_letter_is_redriven_with_its_failures_forgotten() {
        try (Postroom postroom =
                failing("redrive", handler -> handler.retry(RetryPolicy.fixed(1, Duration.ofSeconds(1))))) {
            PostroomKit kit = PostroomKit.of(postroom);
            UUID id = create(postroom, "redrive");
            kit.drain();
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DEAD);

            assertThat(postroom.queueMessages().redrive(id)).isEqualTo(1);
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.READY);
            assertThat(entry(postroom, id).failures()).isZero();
            assertThat(postroom.queueMessages().redrive(id)).isZero();
        }
    }

    @Test
    void dead_letters_that_match_are_redriven_at_a_rate_and_on_record() {
        try (Postroom postroom = Postroom.on(pool)
                .handler(Handler.send("bulk", String.class, (payload, context) -> {
                    calls.incrementAndGet();
                    return calls.get() <= 30 ? Outcome.reject("not today") : Outcome.done();
                }))
                .start()) {
            for (int i = 0; i < 30; i++) {
                create(postroom, "bulk");
            }
            Awaitility.await()
                    .until(() -> postroom.queues().stats("bulk").orElseThrow().dead() == 30);

            Operation operation =
                    postroom.queueMessages().redrive(MessageFilter.queue("bulk").state(MessageState.DEAD), 20);

            assertThat(operation.planned()).isEqualTo(30);
            Awaitility.await().until(operation::finished);
            assertThat(operation.done()).isEqualTo(30);
            Awaitility.await()
                    .until(() -> postroom.queueMessages()
                                    .find(MessageFilter.queue("bulk").state(MessageState.DONE))
                                    .size()
                            == 30);
        }
    }

    @Test
    void listed_waits_are_taken_in_order() {
        try (Postroom postroom = failing(
                "list", handler -> handler.retry(RetryPolicy.delays(Duration.ofSeconds(1), Duration.ofMinutes(1))))) {
            PostroomKit kit = PostroomKit.of(postroom);
            UUID id = create(postroom, "list");
            kit.drain();
            kit.advance(Duration.ofSeconds(1));
            assertThat(kit.drain()).isEqualTo(1);
            kit.advance(Duration.ofSeconds(59));
            assertThat(kit.drain()).isZero();
            kit.advance(Duration.ofSeconds(1));
            assertThat(kit.drain()).isEqualTo(1);
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DEAD);
        }
    }

    @Test
    void error_the_policy_rejects_is_dead_at_once() {
        try (Postroom postroom = failing(
                "reject",
                handler -> handler.retry(
                        RetryPolicy.fixed(5, Duration.ofSeconds(1)).rejectOn(IllegalStateException.class)))) {
            UUID id = create(postroom, "reject");
            PostroomKit.of(postroom).drain();
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DEAD);
            assertThat(postroom.queueMessages().history(id))
                    .extracting(Attempt::outcome)
                    .containsExactly("reject");
        }
    }

    @Test
    void snooze_and_not_now_spend_no_failure() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send("later", String.class, (payload, context) -> switch (calls.incrementAndGet()) {
                    case 1 -> Outcome.snooze(Duration.ofSeconds(5), "not yet");
                    case 2 -> Outcome.notNow("smtp.example.org", Duration.ofSeconds(5));
                    default -> Outcome.done();
                }))
                .start()) {
            PostroomKit kit = PostroomKit.of(postroom);
            UUID id = create(postroom, "later");
            kit.drain();
            assertThat(entry(postroom, id).failures()).isZero();
            kit.advance(Duration.ofSeconds(5));
            kit.drain();
            assertThat(entry(postroom, id).failures()).isZero();
            assertThat(entry(postroom, id).deliveries()).isEqualTo(2);
            kit.advance(Duration.ofSeconds(5));
            kit.drain();
            assertThat(postroom.queueMessages().history(id))
                    .extracting(Attempt::outcome)
                    .containsExactly("snooze", "not_now", "done");
        }
    }

    @Test
    void handling_error_send_turns_the_error_into_an_outcome() {
        try (Postroom postroom = failing(
                "onerror",
                handler -> handler.onError((error, context) -> Outcome.reject("refused: " + error.getMessage())))) {
            UUID id = create(postroom, "onerror");
            PostroomKit.of(postroom).drain();
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DEAD);
        }
    }

    @Test
    void handling_error_send_that_throws_leaves_it_to_the_policy_and_its_retry_never_passes_the_limit() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send("both", String.class, (payload, context) -> {
                            throw new IllegalStateException("provider is down");
                        })
                        .retry(RetryPolicy.fixed(2, Duration.ofSeconds(10)))
                        .onError((error, context) -> {
                            if (context.failures() == 0) {
                                throw new IllegalArgumentException("onError fails");
                            }
                            return Outcome.retry(Duration.ZERO, "once more");
                        }))
                .start()) {
            PostroomKit kit = PostroomKit.of(postroom);
            UUID id = create(postroom, "both");
            kit.drain();
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DELAYED);
            kit.advance(Duration.ofSeconds(10));
            kit.drain();
            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DEAD);
        }
    }

    @Test
    void failure_text_that_cannot_be_stored_is_cleaned_and_the_message_leaves_its_lease() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send("nul", String.class, (payload, context) -> {
                            throw new IllegalStateException(
                                    "NUL \u0000 escape \u001b[31m half \ud800 " + "x".repeat(100_000));
                        })
                        .retry(RetryPolicy.fixed(1, Duration.ZERO)))
                .start()) {
            UUID id = create(postroom, "nul");
            PostroomKit.of(postroom).drain();
            QueueEntry entry = entry(postroom, id);
            assertThat(entry.state()).isEqualTo(MessageState.DEAD);
            assertThat(entry.error().orElseThrow())
                    .startsWith("java.lang.IllegalStateException: NUL")
                    .hasSizeLessThan(9000);
        }
    }

    @Test
    void exception_whose_text_throws_is_recorded_all_the_same() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send("mute", String.class, (payload, context) -> {
                            throw new MuteException();
                        })
                        .retry(RetryPolicy.fixed(1, Duration.ZERO)))
                .start()) {
            UUID id = create(postroom, "mute");
            PostroomKit.of(postroom).drain();
            assertThat(entry(postroom, id).error().orElseThrow()).contains("MuteException");
        }
    }

    @ParameterizedTest
    @MethodSource("indescribable")
    void failure_that_cannot_be_described_is_dead_after_its_attempts_like_any_other(RuntimeException error) {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send("indescribable", String.class, (payload, context) -> {
                            throw error;
                        })
                        .onError((thrown, context) -> {
                            throw error;
                        })
                        .retry(RetryPolicy.fixed(2, Duration.ZERO).rejectOn(InterruptedException.class)))
                .start()) {
            UUID id = create(postroom, "indescribable");
            PostroomKit.of(postroom).drain();

            assertThat(entry(postroom, id).state()).isEqualTo(MessageState.DEAD);
            assertThat(postroom.queueMessages().history(id))
                    .extracting(Attempt::outcome)
                    .containsExactly("retry", "failed");
            assertThat(entry(postroom, id).error().orElseThrow()).isNotBlank();
        }
    }

    static Stream<RuntimeException> indescribable() {
        return Stream.of(
                Mockito.mock(RuntimeException.class),
                new RuntimeException("no stack trace") {
                    @Override
                    public StackTraceElement[] getStackTrace() {
                        return null;
                    }
                },
                new RuntimeException("a cause that throws") {
                    @Override
                    public synchronized Throwable getCause() {
                        throw new IllegalStateException("I say nothing");
                    }
                },
                new RuntimeException("no text") {
                    @Override
                    public String toString() {
                        return null;
                    }
                });
    }

    @Test
    void payload_whose_error_cannot_be_described_is_undecodable_like_any_other() {
        assertThat(endsOf("indescribable.payload", new MuteException(), MessageState.DELAYED))
                .containsExactly("undecodable");
    }

    @Test
    void message_that_cannot_be_run_is_dead_after_its_attempts_with_a_line_for_each() {
        assertThat(endsOf("not-run", new AssertionError("a bug in a codec"), MessageState.DEAD))
                .containsExactly("retry", "failed");
    }

    /** The history of a message whose payload is read by a codec that throws this. */
    private List<String> endsOf(String queue, Throwable error, MessageState end) {
        PayloadCodec codec = new PayloadCodec() {
            @Override
            public byte[] write(Object payload) {
                return "{}".getBytes(StandardCharsets.UTF_8);
            }

            @Override
            public <T> T read(byte[] stored, Class<T> type) {
                throw RetryToDeadLetterTest.<RuntimeException>sneaky(error);
            }
        };
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .codec(codec)
                .handler(Handler.send(queue, SendToCompleteTest.OrderPlaced.class, (order, context) -> Outcome.done())
                        .retry(RetryPolicy.fixed(2, Duration.ZERO)))
                .start()) {
            UUID id = postroom.queueMessages()
                    .createMessage(queue, new SendToCompleteTest.OrderPlaced("A", 1))
                    .id();
            PostroomKit.of(postroom).drain(queue);
            assertThat(entry(postroom, id).state()).isEqualTo(end);
            return postroom.queueMessages().history(id).stream()
                    .map(Attempt::outcome)
                    .toList();
        }
    }

    @SuppressWarnings("unchecked") // throws what it is given, declared or not
    private static <E extends Throwable> E sneaky(Throwable error) throws E {
        throw (E) error;
    }

    @Test
    void undecodable_payload_waits_alone_and_its_queue_goes_on() {
        try (Postroom postroom = Postroom.on(pool)
                .workers(false)
                .handler(Handler.send(
                        "decode", SendToCompleteTest.OrderPlaced.class, (order, context) -> Outcome.done()))
                .start()) {
            UUID bad = postroom.queueMessages()
                    .createMessage(CreateMessage.to("decode").json("order.placed", 1, "{\"amount\": \"many\"}"))
                    .id();
            UUID good = postroom.queueMessages()
                    .createMessage(CreateMessage.to("decode").payload(new SendToCompleteTest.OrderPlaced("A", 1)))
                    .id();
            PostroomKit.of(postroom).drain();
            assertThat(entry(postroom, bad).state()).isEqualTo(MessageState.DELAYED);
            assertThat(entry(postroom, bad).failures()).isZero();
            assertThat(entry(postroom, good).state()).isEqualTo(MessageState.DONE);
        }
    }

    private Postroom failing(String queue, UnaryOperator<Handler> settings) {
        return Postroom.on(pool)
                .workers(false)
                .handler(settings.apply(Handler.send(queue, String.class, (payload, context) -> {
                    throw new IllegalStateException("provider is down");
                })))
                .start();
    }

    private static UUID create(Postroom postroom, String queue) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to(queue).json("text", 1, "\"hello\""))
                .id();
    }

    private static QueueEntry entry(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().entries().get(0);
    }

    private static final class MuteException extends RuntimeException {
        @Override
        public String getMessage() {
            throw new IllegalStateException("I say nothing");
        }
    }
}
