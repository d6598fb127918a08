package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.Attempt;
import io.postroom.api.Batch;
import io.postroom.api.BatchCompleted;
import io.postroom.api.CreateBatch;
import io.postroom.api.CreateMessage;
import io.postroom.api.Deduplication;
import io.postroom.api.Direction;
import io.postroom.api.Limiter;
import io.postroom.api.MessageState;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.PathStep;
import io.postroom.api.QueueSettings;
import io.postroom.api.RetryPolicy;
import io.postroom.api.SendResult;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.rest.MessageAnswer;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Messages whose handlers finish them with a note: it is kept, and all else is as with a plain success. */
@PostgresTest
class DoneNotesTest {
    /** @param text the note that its handler makes; "plain": none, "bad": it is rejected */
    @MessageType("job")
    public record Job(String text) {}

    private final DataSource pool;
    private final JdbcClient sql;

    DoneNotesTest(TestDatabase database) {
        pool = database.pool();
        sql = JdbcClient.create(pool);
    }

    @AfterEach
    void nothingIsLost() {
        assertThat(Conservation.check(sql)).isEmpty();
    }

    private static Outcome answer(Job job) {
        return switch (job.text) {
            case "plain" -> Outcome.done();
            case "bad" -> Outcome.reject("bad");
            case "odd" -> Outcome.done("a\u0007\uD800b\u0000");
            default -> Outcome.done("kept " + job.text);
        };
    }

    private static Handler noting(String queue, HandlerMode mode) {
        return Handler.process(queue, Job.class, (job, context) -> answer(job)).mode(mode);
    }

    private Postroom manual(Handler handler) {
        return Postroom.on(pool).workers(false).handler(handler).start();
    }

    private static CreateMessage message(String queue, String text) {
        return CreateMessage.to(queue).payload(new Job(text));
    }

    private static Attempt last(Postroom postroom, UUID id) {
        List<Attempt> history = postroom.queueMessages().history(id);
        return history.get(history.size() - 1);
    }

    private static String shown(Postroom postroom, UUID id) {
        Attempt last = last(postroom, id);
        return last.outcome() + ", error " + last.error().orElse("none") + ", note "
                + last.note().orElse("none");
    }

    @ParameterizedTest
    @EnumSource(HandlerMode.class)
    void note_is_in_the_history_and_is_no_error_anywhere(HandlerMode mode) {
        String queue = "shown-" + mode;
        try (Postroom postroom = manual(noting(queue, mode))) {
            UUID id = postroom.queueMessages()
                    .createMessage(message(queue, "it").correlationId(queue))
                    .id();
            UUID plain = postroom.queueMessages()
                    .createMessage(message(queue, "plain"))
                    .id();
            PostroomKit.of(postroom).drain();

            assertThat(shown(postroom, id)).isEqualTo("done, error none, note kept it");
            assertThat(shown(postroom, plain)).isEqualTo("done, error none, note none");
            assertThat(postroom.queueMessages().path(queue, 10))
                    .extracting(PathStep::note)
                    .containsExactly(Optional.empty(), Optional.of("kept it"));
            assertThat(postroom.queueMessages()
                            .find(id)
                            .orElseThrow()
                            .entries()
                            .get(0)
                            .error())
                    .isEmpty();
            assertThat(new String(
                            MessageAnswer.found(
                                    postroom.queueMessages().find(id).orElseThrow(),
                                    postroom.queueMessages().history(id)),
                            StandardCharsets.UTF_8))
                    .contains("\"outcome\":\"done\",\"note\":\"kept it\"}")
                    .doesNotContain("error");
            assertThat(sql.sql("SELECT count(*) FROM postroom.message_history WHERE message_id = :id AND error IS NULL"
                                    + " AND error_class IS NULL AND note = 'kept it'")
                            .param("id", id)
                            .query(Integer.class)
                            .single())
                    .isEqualTo(1);
        }
    }

    @Test
    void error_of_an_earlier_attempt_stays_the_last_error() {
        Handler handler = Handler.process("retried", Job.class, (job, context) -> {
                    return context.failures() == 0 ? Outcome.retry("no network") : Outcome.done("at last");
                })
                .retry(RetryPolicy.fixed(3, Duration.ZERO));
        try (Postroom postroom = manual(handler)) {
            UUID id = postroom.queueMessages()
                    .createMessage(message("retried", "x"))
                    .id();
            PostroomKit kit = PostroomKit.of(postroom);
            kit.drain();
            kit.advance(Duration.ofMinutes(1));
            kit.drain();

            assertThat(shown(postroom, id)).isEqualTo("done, error none, note at last");
            assertThat(postroom.queueMessages()
                            .find(id)
                            .orElseThrow()
                            .entries()
                            .get(0)
                            .error())
                    .hasValue("no network");
        }
    }

    @Test
    void long_note_and_one_with_unstorable_characters_are_cut_and_cleaned() {
        try (Postroom postroom = manual(noting("long", HandlerMode.LEASED))) {
            UUID id = postroom.queueMessages()
                    .createMessage(message("long", "line\n" + "x".repeat(100_000)))
                    .id();
            UUID odd = postroom.queueMessages()
                    .createMessage(message("long", "odd"))
                    .id();
            PostroomKit.of(postroom).drain();

            assertThat(last(postroom, id).note().orElseThrow())
                    .hasSize(4096)
                    .startsWith("kept line\nx")
                    .endsWith("x…");
            assertThat(last(postroom, odd).note()).hasValue("a\uFFFD\uFFFDb\uFFFD");
        }
    }

    @ParameterizedTest
    @EnumSource(HandlerMode.class)
    void messages_of_one_call_end_each_in_its_own_way(HandlerMode mode) {
        String queue = "together-" + mode;
        Handler handler = Handler.batch(queue, Direction.INCOMING, Job.class, 10, (jobs, contexts) -> {
                    return jobs.stream().map(DoneNotesTest::answer).toList();
                })
                .mode(mode);
        try (Postroom postroom = manual(handler)) {
            List<UUID> ids = Stream.of("a", "plain", "b", "plain", "bad")
                    .map(payload -> postroom.queueMessages()
                            .createMessage(message(queue, payload))
                            .id())
                    .toList();
            PostroomKit.of(postroom).drain();

            assertThat(ids)
                    .extracting(id -> shown(postroom, id))
                    .containsExactly(
                            "done, error none, note kept a",
                            "done, error none, note none",
                            "done, error none, note kept b",
                            "done, error none, note none",
                            "reject, error bad, note none");
        }
    }

    @ParameterizedTest
    @EnumSource(HandlerMode.class)
    void sender_that_waits_gets_the_note_with_the_outcome(HandlerMode mode) {
        String queue = "waiting-" + mode;
        try (Postroom postroom = Postroom.on(pool).handler(noting(queue, mode)).start()) {
            SendResult sync = postroom.queueMessages().sendMessageSync(message(queue, "now"));
            assertThat(sync.state()).isEqualTo(MessageState.DONE);
            assertThat(sync.outcome()).hasValue(Outcome.done("kept now"));

            UUID direct = postroom.queueMessages()
                    .createMessage(message(queue, "soon"))
                    .id();
            PostroomKit.of(postroom).await(direct, MessageState.DONE);
            assertThat(shown(postroom, direct)).isEqualTo("done, error none, note kept soon");
        }
    }

    @ParameterizedTest
    @EnumSource(HandlerMode.class)
    void next_of_an_ordered_group_and_of_a_limited_queue_goes_on(HandlerMode mode) {
        String queue = "ordered-" + mode;
        List<String> order = new CopyOnWriteArrayList<>();
        Handler handler = Handler.process(queue, Job.class, (job, context) -> {
                    order.add(job.text);
                    return answer(job);
                })
                .mode(mode)
                .concurrency(4);
        try (Postroom postroom = Postroom.on(pool)
                .queue(QueueSettings.of(queue).ordered(true))
                .limiter(Limiter.ofQueue(queue).maxInProgress(1))
                .handler(handler)
                .start()) {
            List<String> payloads = List.of("1", "plain", "3", "4", "plain", "6");
            postroom.queueMessages()
                    .createMessages(payloads.stream()
                            .map(payload -> message(queue, payload).group("a"))
                            .toList());

            await().until(() -> order.size() == payloads.size());
            assertThat(order).containsExactlyElementsOf(payloads);
            await().until(() -> postroom.queues().stats(queue).orElseThrow().inProgress() == 0);
            assertThat(sql.sql(
                                    "SELECT count(*) FROM postroom.message_history WHERE queue = :queue AND note IS NOT NULL")
                            .param("queue", queue)
                            .query(Integer.class)
                            .single())
                    .isEqualTo(4);
        }
    }

    @Test
    void deduplication_key_that_is_held_until_the_end_is_free_after_it() {
        try (Postroom postroom = manual(noting("keys", HandlerMode.LEASED))) {
            CreateMessage message = message("keys", "it").deduplicate("order-1", Deduplication.untilEnd());
            assertThat(postroom.queueMessages().createMessage(message).isNew()).isTrue();
            assertThat(postroom.queueMessages().createMessage(message).isNew()).isFalse();
            PostroomKit.of(postroom).drain();
            assertThat(postroom.queueMessages().createMessage(message).isNew()).isTrue();
            PostroomKit.of(postroom).drain();
        }
    }

    @Test
    void batch_counts_members_with_and_without_a_note_as_done() {
        List<BatchCompleted> completed = new CopyOnWriteArrayList<>();
        try (Postroom postroom = Postroom.on(pool)
                .handler(noting("parts", HandlerMode.LEASED))
                .handler(Handler.process("summaries", BatchCompleted.class, (summary, context) -> {
                    completed.add(summary);
                    return Outcome.done("counted");
                }))
                .start()) {
            UUID batch =
                    postroom.batches().create(CreateBatch.named("report").onCompletion(CreateMessage.to("summaries")));
            postroom.queueMessages()
                    .createMessages(Stream.of("a", "plain", "; went on through exchange \"x\" with", "bad")
                            .map(payload -> message("parts", payload).batch(batch))
                            .toList());
            postroom.batches().seal(batch);
            await().until(() -> completed.size() == 1);

            Batch ended = postroom.batches().find(batch).orElseThrow();
            assertThat(ended.done()).isEqualTo(3);
            assertThat(ended.dead()).isEqualTo(1);
        }
    }
}
