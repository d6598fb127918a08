package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.Batch;
import io.postroom.api.BatchCompleted;
import io.postroom.api.BatchNotFoundException;
import io.postroom.api.BatchState;
import io.postroom.api.Batches;
import io.postroom.api.CreateBatch;
import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageType;
import io.postroom.api.Outcome;
import io.postroom.api.Schedule;
import io.postroom.api.WrongTransactionException;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Batches from their creation to their completion message: one process creates, another one works. */
@PostgresTest
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BatchesTest {
    /** Members of the large batch; 100,000 and more take minutes. */
    private static final int LARGE = Integer.getInteger("postroom.batch.members", 3_000);

    private final TestDatabase database;
    private final Postroom producer;
    private final Postroom worker;
    private final Batches batches;
    private final List<BatchCompleted> completed = new CopyOnWriteArrayList<>();
    private final List<Map<String, String>> completionHeaders = new CopyOnWriteArrayList<>();
    private final List<String> batchesOfParts = new CopyOnWriteArrayList<>();
    private final Semaphore mayEnd = new Semaphore(0);

    /** A part of a report. */
    @MessageType("report.part")
    public record Part(String report, int number) {}

    BatchesTest(TestDatabase database) {
        this.database = database;
        worker = Postroom.on(database.pool())
                .handler(Handler.process("parts", Part.class, (part, context) -> {
                    batchesOfParts.add(context.headers().get(Batch.HEADER));
                    return part.number % 10 == 3 ? Outcome.reject("part 3") : Outcome.done();
                }))
                .handler(Handler.process("fast", String.class, (text, context) -> Outcome.done()))
                .handler(Handler.process("slow", String.class, (text, context) -> {
                            mayEnd.acquire();
                            return Outcome.done();
                        })
                        .concurrency(1))
                .handler(Handler.process("summaries", BatchCompleted.class, (summary, context) -> {
                    completed.add(summary);
                    completionHeaders.add(context.headers());
                    return Outcome.done();
                }))
                .start();
        producer = Postroom.on(database.newPool(4)).workers(false).start();
        batches = producer.batches();
    }

    @AfterAll
    void stop() {
        mayEnd.release(1000);
        worker.close();
        producer.close();
    }

    @AfterEach
    void nothingIsLost() {
        assertThat(Conservation.check(JdbcClient.create(database.pool()))).isEmpty();
    }

    private static CreateBatch report(String name) {
        return CreateBatch.named(name).onCompletion(CreateMessage.to("summaries"));
    }

    private void send(String queue, UUID batch, int members) {
        for (int from = 0; from < members; from += 10_000) {
            producer.queueMessages()
                    .createMessages(IntStream.range(from, Math.min(from + 10_000, members))
                            .mapToObj(number -> CreateMessage.to(queue)
                                    .payload("text " + number)
                                    .batch(batch))
                            .toList());
        }
    }

    private BatchCompleted awaitCompleted(UUID batch) {
        await().atMost(Duration.ofMinutes(2))
                .until(() -> completed.stream().anyMatch(one -> one.batch().equals(batch)));
        assertThat(completed).filteredOn(one -> one.batch().equals(batch)).hasSize(1);
        return completed.stream()
                .filter(one -> one.batch().equals(batch))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void completion_message_tells_how_the_members_ended_and_each_member_its_batch() {
        UUID batch = batches.create(report("report 1"));
        producer.queueMessages()
                .createMessages(IntStream.range(0, 20)
                        .mapToObj(number -> CreateMessage.to("parts")
                                .payload(new Part("report 1", number))
                                .batch(batch))
                        .toList());
        producer.queueMessages()
                .createMessage(CreateMessage.to("nobody")
                        .payload("late")
                        .timeToLive(Duration.ofMillis(1))
                        .batch(batch));
        UUID putOff = producer.queueMessages()
                .createMessage(CreateMessage.to("nobody")
                        .payload("put off")
                        .delay(Duration.ofHours(1))
                        .batch(batch))
                .id();
        await().until(() -> batches.find(batch).orElseThrow().done() == 18);
        assertThat(batches.find(batch).orElseThrow())
                .extracting(Batch::state, Batch::dead, Batch::total)
                .containsExactly(BatchState.OPEN, 2L, 22L);
        producer.queueMessages().cancel(putOff);
        assertThat(batches.seal(batch)).isTrue();
        assertThat(batches.seal(batch)).isFalse();

        assertThat(awaitCompleted(batch)).isEqualTo(new BatchCompleted(batch, "report 1", false, 22, 18, 2, 1, 1, 0));
        assertThat(completionHeaders)
                .filteredOn(headers -> batch.toString().equals(headers.get(Batch.HEADER)))
                .singleElement()
                .satisfies(headers -> assertThat(headers)
                        .containsEntry("postroom-batch-name", "report 1")
                        .containsEntry("postroom-batch-total", "22")
                        .containsEntry("postroom-batch-dead", "2")
                        .containsEntry("postroom-batch-cancel-requested", "false"));
        assertThat(batchesOfParts).filteredOn(batch.toString()::equals).hasSize(20);
        Batch found = batches.find(batch).orElseThrow();
        assertThat(found.state()).isEqualTo(BatchState.COMPLETED);
        assertThat(found.completionMessage()).isPresent();
        assertThat(found.completedAt()).hasValueSatisfying(at -> assertThat(at).isEqualTo(found.countedAt()));
    }

    @Test
    void completion_message_with_a_payload_of_its_own_keeps_it() {
        UUID batch = batches.create(CreateBatch.named("own")
                .onCompletion(CreateMessage.to("kept")
                        .payload(new Part("own", 7))
                        .correlationId("order 7")
                        .header("tenant", "a")));
        batches.seal(batch);
        await().until(() -> batches.find(batch).orElseThrow().state() == BatchState.COMPLETED);
        UUID message = batches.find(batch).orElseThrow().completionMessage().orElseThrow();
        assertThat(producer.queueMessages().find(message)).hasValueSatisfying(kept -> {
            assertThat(kept.type()).isEqualTo("report.part");
            assertThat(kept.payload()).contains("\"own\"");
            assertThat(kept.correlationId()).hasValue("order 7");
            assertThat(kept.headers()).containsEntry("tenant", "a").containsEntry("postroom-batch-total", "0");
        });
    }

    @Test
    void large_batch_is_counted_while_it_is_under_way_and_completed_once() {
        UUID batch = batches.create(report("large"));
        send("fast", batch, LARGE);
        batches.seal(batch);
        while (producer.queues().stats("fast").orElseThrow().ready() > 0) {
            assertThat(batches.find(batch).orElseThrow().total()).isEqualTo(LARGE);
        }
        assertThat(awaitCompleted(batch).done()).isEqualTo(LARGE);
        assertThat(batches.find(batch).orElseThrow().total()).isEqualTo(LARGE);
    }

    @Test
    void cancelled_batch_cancels_what_waits_and_is_completed_when_the_rest_has_finished() {
        UUID batch = batches.create(report("cancelled"));
        UUID child = batches.create(report("child").parent(batch));
        send("slow", batch, 50);
        send("slow", child, 50);
        batches.seal(batch);
        await().until(() -> batches.find(batch).orElseThrow().inProgress() > 0);
        assertThat(batches.cancel(batch)).isTrue();
        assertThat(batches.cancel(batch)).isFalse();
        assertThatThrownBy(() -> send("slow", child, 1)).hasMessageContaining("(cancelled)");
        await().until(() -> batches.find(batch).orElseThrow().waiting() == 0);
        mayEnd.release(100);
        BatchCompleted end = awaitCompleted(batch);
        assertThat(end.cancelRequested()).isTrue();
        assertThat(end.total()).isEqualTo(50);
        assertThat(end.done() + end.cancelled()).isEqualTo(50);
        assertThat(end.done()).isBetween(1L, 49L);
        assertThat(awaitCompleted(child).total()).isEqualTo(50);
        mayEnd.drainPermits();
    }

    @Test
    void member_belongs_to_the_transaction_that_creates_it() throws SQLException {
        UUID batch = batches.create(report("transactions"));
        CreateMessage member = CreateMessage.to("fast").payload("x").batch(batch);
        try (Connection connection = database.connect()) {
            assertThatThrownBy(() -> producer.queueMessages().createMessage(member, connection))
                    .isInstanceOf(WrongTransactionException.class);
            connection.setAutoCommit(false);
            producer.queueMessages().createMessage(member, connection);
            connection.rollback();
            producer.queueMessages().createMessage(member, connection);
            connection.commit();
            batches.seal(batch);
            assertThatThrownBy(() -> producer.queueMessages().createMessage(member, connection))
                    .isInstanceOfSatisfying(
                            InvalidMessageException.class,
                            refused -> assertThat(refused.field()).isEqualTo("batch"));
            connection.createStatement().execute("SELECT 1"); // the refusal has not ended the transaction
        }
        assertThat(awaitCompleted(batch).total()).isEqualTo(1);
    }

    @Test
    void members_are_created_in_any_way_that_does_not_wait_for_their_end() throws Exception {
        UUID batch = batches.create(report("ways"));
        CreateMessage member = CreateMessage.to("fast").payload("x").batch(batch);
        List<CompletableFuture<?>> futures = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            futures.add(worker.queueMessages().createMessageAsync(member));
            futures.add(worker.queueMessages().sendMessageAsync(member));
        }
        CompletableFuture.allOf(futures.toArray(CompletableFuture[]::new)).join();
        assertThatThrownBy(() -> worker.queueMessages().sendMessageSync(member))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("batch");
        assertThatThrownBy(() -> worker.schedules()
                        .declare(Schedule.every("each", Duration.ofHours(1)).message(member)))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("batch");
        batches.seal(batch);
        assertThat(awaitCompleted(batch))
                .extracting(BatchCompleted::total, BatchCompleted::done)
                .containsExactly(40L, 40L);
    }

    @Test
    void bad_input_is_refused_with_its_field_and_nothing_is_written() {
        int before = batches.list(true, Optional.empty(), 1000).size();
        assertRefused("name", () -> CreateBatch.named(""));
        assertRefused("name", () -> CreateBatch.named("x".repeat(201)));
        assertRefused("id", () -> report("x").onCompletion(CreateMessage.to("q").id(MessageIds.next())));
        assertRefused(
                "batch", () -> report("x").onCompletion(CreateMessage.to("q").batch(MessageIds.next())));
        assertRefused("parent", () -> batches.create(report("x").parent(MessageIds.next())));
        assertRefused(
                "payload",
                () -> batches.create(CreateBatch.named("x")
                        .onCompletion(CreateMessage.to("q").json("not JSON"))));
        assertRefused("limit", () -> batches.list(true, Optional.empty(), 0));
        UUID unknown = MessageIds.next();
        assertThatThrownBy(() -> batches.seal(unknown)).isInstanceOf(BatchNotFoundException.class);
        assertThatThrownBy(() -> batches.cancel(unknown)).isInstanceOf(BatchNotFoundException.class);
        assertThat(batches.find(unknown)).isEmpty();
        assertRefused(
                "batch",
                () -> producer.queueMessages()
                        .createMessage(
                                CreateMessage.to("nobody.else").payload("x").batch(unknown)));
        assertThat(batches.list(true, Optional.empty(), 1000)).hasSize(before);
    }

    private static void assertRefused(String field, Runnable call) {
        assertThatThrownBy(call::run)
                .isInstanceOfSatisfying(
                        InvalidMessageException.class,
                        refused -> assertThat(refused.field()).isEqualTo(field));
    }

    @Test
    void test_kit_completes_batches_and_runs_their_completion_messages() {
        List<BatchCompleted> ends = new ArrayList<>();
        try (Postroom idle = Postroom.on(database.newPool(4))
                .workers(false)
                .handler(Handler.process("kit.parts", String.class, (text, context) -> Outcome.done()))
                .handler(Handler.process("kit.ends", BatchCompleted.class, (end, context) -> {
                    ends.add(end);
                    return Outcome.done();
                }))
                .start()) {
            UUID batch = idle.batches().create(CreateBatch.named("kit").onCompletion(CreateMessage.to("kit.ends")));
            idle.queueMessages()
                    .createMessage(CreateMessage.to("kit.parts").payload("x").batch(batch));
            idle.batches().seal(batch);
            await().until(() -> {
                PostroomKit.of(idle).drain("kit.parts", "kit.ends");
                return !ends.isEmpty();
            });
        }
        assertThat(ends).singleElement().extracting(BatchCompleted::done).isEqualTo(1L);
    }
}
