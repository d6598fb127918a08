package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.done;
import static io.postroom.internal.postgres.StoreFixture.retry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageState;
import io.postroom.api.OperationStatus;
import io.postroom.api.PurgePreview;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.Reason;
import io.postroom.internal.postgres.StoreFixture.Plan;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.DeadLetterStore;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The purge of a queue as an operation: each test loses without the step it is about. */
@PostgresTest
@Timeout(120)
class PurgeOperationTest extends OrderSteps {
    private static final Reason REASON = Reason.of("sent by another way").by("ann");
    private static final int AT_ONCE = 1_000_000;

    private final DeadLetterStore store = fixture.stores.deadLetters();

    PurgeOperationTest(TestDatabase database) {
        super(database);
    }

    @AfterEach
    void endOperations() {
        store.operations(1000).forEach(operation -> store.stop(operation.id(), REASON));
    }

    // ---- steps

    private UUID purge() {
        return store.purge(fixture.queue.name(), REASON, AT_ONCE);
    }

    private void step() {
        fixture.stores.jobs().stepOperations(Duration.ofSeconds(1));
    }

    private OperationStatus status(UUID operation) {
        return store.operation(operation).orElseThrow();
    }

    private void stepToTheEnd(UUID operation) {
        for (int i = 0; i < 50 && status(operation).finishedAt().isEmpty(); i++) {
            fixture.execute("UPDATE postroom.operation SET stepped_at = stepped_at - interval '1 minute'");
            step();
        }
        assertThat(status(operation).state()).isEqualTo("finished");
    }

    private void assertPurged(UUID message) {
        assertThat(places(message)).containsExactly("finished");
        assertThat(fixture.text("SELECT state || ' ' || reason FROM postroom.queue_messages WHERE message_id = '"
                        + message + "'"))
                .isEqualTo("CANCELLED queue_purged");
    }

    // ---- what it cancels

    @Test
    void what_waits_is_cancelled_at_the_rate_and_what_comes_later_stays() {
        UUID high = fixture.enqueue(fixture.message().priority(9)).id();
        List<UUID> ready = List.of(fixture.enqueue(), fixture.enqueue(), fixture.enqueue());
        UUID delayed =
                fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        UUID operation = store.purge(fixture.queue.name(), REASON, 2);
        UUID later = fixture.enqueue();
        UUID laterDelayed =
                fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        assertThat(status(operation).planned()).isEqualTo(5);
        fixture.execute("UPDATE postroom.operation SET stepped_at = clock_timestamp() - interval '1 hour'");
        step();
        assertThat(status(operation).processed()).as("no burst after a pause").isEqualTo(2);
        stepToTheEnd(operation);
        ready.forEach(this::assertPurged);
        assertPurged(high);
        assertPurged(delayed);
        assertThat(places(later)).containsExactly("ready");
        assertThat(places(laterDelayed)).containsExactly("delayed");
        assertThat(status(operation).processed()).isEqualTo(5);
        assertThat(fixture.texts("SELECT concat_ws('|', action, actor = 'ann', queue, planned, done, reason, note)"
                        + " FROM postroom.operator_log WHERE operation_id = '" + operation + "' ORDER BY at"))
                .containsExactly(
                        "purge|t|" + fixture.queue.name() + "|5|0|sent by another way",
                        "end_operation|f|5|5|finished, 0 failed");
    }

    @Test
    void what_is_in_progress_goes_on_and_is_cancelled_when_it_waits_again() {
        UUID ends = fixture.enqueue();
        UUID waits = fixture.enqueue();
        List<ClaimedMessage> held = fixture.claim(2);
        fixture.enqueue();
        UUID operation = purge();
        complete(done(held.get(0)), retry(held.get(1), Duration.ofHours(1), "x"));
        stepToTheEnd(operation);
        assertThat(places(ends)).containsExactly("finished");
        assertThat(fixture.text("SELECT state FROM postroom.queue_messages WHERE message_id = '" + ends + "'"))
                .isEqualTo("DONE");
        assertPurged(waits);
    }

    @Test
    void message_that_is_promoted_during_the_purge_is_cancelled() {
        UUID delayed =
                fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        UUID operation = purge();
        promote();
        stepToTheEnd(operation);
        assertPurged(delayed);
    }

    @Test
    void group_of_a_purged_holder_goes_on_with_what_comes() {
        UUID first = send("a");
        complete(retry(claimOnly(first), Duration.ofHours(1), "x")); // it holds its group while it is delayed
        UUID second = send("a");
        UUID operation = store.purge(queue.name(), REASON, AT_ONCE);
        UUID later = send("a");
        assertThat(claim()).isEmpty();
        stepToTheEnd(operation);
        assertPurged(first);
        assertPurged(second);
        assertThat(holder("a")).as("without a sweep").isEqualTo(later.toString());
        claimOnly(later);
    }

    // ---- races

    @Test
    void claim_that_is_rolled_back_leaves_nothing_behind() throws Exception {
        UUID held = fixture.enqueue();
        Connection claim = begin();
        run(claim, "SELECT FROM postroom.ready WHERE message_id = '" + held + "' FOR UPDATE");
        UUID operation = purge();
        step();
        assertThat(status(operation).state()).as("the row is there").isEqualTo("running");
        claim.rollback();
        stepToTheEnd(operation);
        assertPurged(held);
    }

    @Test
    void message_that_was_created_before_and_is_committed_late_is_cancelled() throws Exception {
        Connection slow = begin();
        UUID late = fixture.stores
                .enqueue()
                .enqueue(new Plan(fixture.queue).priority(0).build(), slow)
                .id();
        UUID seen = fixture.enqueue();
        UUID operation = purge();
        step();
        assertPurged(seen); // the walk is past the lane of the other
        slow.commit();
        stepToTheEnd(operation);
        assertPurged(late);
    }

    @Test
    void purge_ends_in_spite_of_a_transaction_that_stays_open() throws Exception {
        UUID held = fixture.enqueue();
        Connection open = begin();
        run(open, "SELECT FROM postroom.ready WHERE message_id = '" + held + "' FOR UPDATE");
        UUID operation = purge();
        stepToTheEnd(operation);
        assertThat(status(operation).note()).contains("messages that open transactions hold were left");
        assertThat(places(held)).containsExactly("ready");
    }

    @Test
    void stopped_purge_cancels_nothing_more() {
        fixture.enqueue();
        UUID second = fixture.enqueue();
        UUID operation = store.purge(fixture.queue.name(), REASON, 1);
        step();
        assertThat(store.stop(operation, Reason.of("wrong queue"))).isTrue();
        fixture.execute("UPDATE postroom.operation SET stepped_at = stepped_at - interval '1 minute'");
        step();
        assertThat(status(operation).processed()).isOne();
        assertThat(places(second)).containsExactly("ready");
    }

    // ---- before it begins

    @Test
    void preview_shows_what_waits() {
        UUID ready = fixture.enqueue();
        UUID delayed =
                fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        PurgePreview preview = store.previewPurge(fixture.queue.name());
        assertThat(preview.count()).isEqualTo(2);
        assertThat(preview.more()).isFalse();
        assertThat(preview.first()).extracting(PurgePreview.Waiting::id).containsExactly(ready, delayed);
        assertThat(preview.first())
                .extracting(PurgePreview.Waiting::state)
                .containsExactly(MessageState.READY, MessageState.DELAYED);
    }

    @Test
    void purge_of_an_empty_queue_is_on_record_and_finished() {
        OperationStatus status = status(purge());
        assertThat(status.state()).isEqualTo("finished");
        assertThat(status.note()).contains("no message waited");
    }

    @Test
    void unknown_queue_and_unfit_rate_are_refused() {
        assertThatThrownBy(() -> store.purge("no-such-queue", REASON, 1)).isInstanceOf(QueueNotFoundException.class);
        assertThatThrownBy(() -> store.previewPurge("no-such-queue")).isInstanceOf(QueueNotFoundException.class);
        assertThatThrownBy(() -> store.purge(fixture.queue.name(), REASON, 0))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("perSecond must be 1 to 1000000");
        assertThat(store.operations(1000))
                .noneMatch(operation -> operation.filter().contains(fixture.queue.name()));
    }
}
