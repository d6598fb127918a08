package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Batch;
import io.postroom.api.BatchState;
import io.postroom.api.MessageIds;
import io.postroom.internal.storage.BatchStore;
import io.postroom.internal.storage.BatchStore.Settled;
import io.postroom.internal.storage.BatchStore.Uncompleted;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Batches and what happens beside their completion, in named steps. */
@PostgresTest
class BatchRaceTest {
    private final DataSource pool;
    private final StoreFixture store;
    private final Sessions sessions;
    private final BatchStore batches;
    private final UUID batch;

    BatchRaceTest(TestDatabase database) {
        pool = database.pool();
        store = new StoreFixture(pool);
        sessions = new Sessions(pool);
        batches = store.stores.batches();
        batch = newBatch("'" + store.queue.name() + ".end'", null);
    }

    @AfterEach
    void nothingIsLost() {
        assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
    }

    // ---- steps

    private UUID newBatch(String completionQueue, UUID parent) {
        return UUID.fromString(store.text("SELECT postroom.create_batch('a batch', parent => "
                + (parent == null ? "NULL" : "'" + parent + "'")
                + ", completion => jsonb_build_object('queue', " + completionQueue + "))"));
    }

    private String create(String more) {
        return "SELECT id FROM postroom.create_message('" + store.queue.name() + "', '{}', batch => '" + batch + "'"
                + more + ")";
    }

    private UUID member() {
        return UUID.fromString(store.text(create("")));
    }

    private static void execute(Connection session, String sql) throws SQLException {
        try (Statement statement = session.createStatement()) {
            statement.execute(sql);
        }
    }

    private static int settle(Connection session, UUID batch) throws SQLException {
        try (Statement statement = session.createStatement();
                ResultSet row = statement.executeQuery("SELECT postroom.settle_batch('" + batch + "')")) {
            row.next();
            return row.getInt(1);
        }
    }

    private Settled settle() {
        return batches.settle(batch);
    }

    private void seal() {
        store.execute("SELECT postroom.seal_batch('" + batch + "')");
    }

    private void complete(ClaimedMessage message) {
        store.stores.leases().complete(store.worker, List.of(StoreFixture.done(message)));
    }

    private void finishOne() {
        complete(store.claimOne());
    }

    private Batch found() {
        return batches.find(batch).orElseThrow();
    }

    private long completionMessages() {
        return store.number("SELECT count(*) FROM postroom.message_content WHERE queue = '" + store.queue.name()
                + ".end' AND headers ->> 'postroom-batch' = '" + batch + "'");
    }

    private void assertCompletedOnce() {
        assertThat(found().state()).isEqualTo(BatchState.COMPLETED);
        assertThat(settle()).isEqualTo(Settled.LEFT_ALONE);
        assertThat(completionMessages()).isEqualTo(1);
    }

    // ---- a part as a whole

    private int countDoneParts() {
        return (int) store.number(
                "SELECT postroom.count_done_parts('" + batch + "', ARRAY(SELECT id FROM postroom.batch_part"
                        + " WHERE batch_id = '" + batch + "'), clock_timestamp() - interval '1 hour')");
    }

    private UUID other() {
        return UUID.fromString(
                store.text("SELECT id FROM postroom.create_message('" + store.queue.name() + "', '{}')"));
    }

    private void addPart(UUID... members) throws SQLException {
        try (Connection connection = pool.getConnection()) {
            batches.add(batch, 1, List.of(members), connection);
        }
    }

    @Test
    void part_is_done_when_each_of_its_members_is_whatever_else_was_created_between_them() throws Exception {
        UUID first = other();
        UUID foreign = other();
        UUID middle = other();
        UUID last = other();
        addPart(first, middle, last);
        assertThat(store.claimOne().id()).isEqualTo(first);
        ClaimedMessage second = store.claimOne();
        assertThat(second.id()).isEqualTo(foreign);
        ClaimedMessage third = store.claimOne();
        assertThat(countDoneParts()).as("nothing has ended").isZero();
        store.execute(
                "SELECT postroom.complete_one(worker_id, id, message_ids[1], 1::smallint, 0, 0) FROM postroom.lease"
                        + " WHERE message_ids[1] = '" + first + "'");
        complete(second);
        finishOne();
        assertThat(countDoneParts()).as("the middle one has not ended").isZero();
        complete(third);
        assertThat(countDoneParts()).isEqualTo(3);
        assertThat(countDoneParts()).as("it is gone").isZero();
    }

    @Test
    void part_with_a_member_that_was_cancelled_is_left_to_be_counted_one_by_one() throws Exception {
        UUID first = other();
        UUID middle = other();
        UUID last = other();
        addPart(first, middle, last);
        store.execute("SELECT postroom.cancel('" + middle + "')");
        finishOne();
        finishOne();
        assertThat(countDoneParts()).isZero();
        seal();
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found().done()).isEqualTo(2);
        assertThat(found().cancelled()).isEqualTo(1);
    }

    // ---- the last members

    @Test
    void two_last_members_that_finish_at_the_same_time_complete_the_batch_once() throws Exception {
        member();
        member();
        seal();
        ClaimedMessage first = store.claimOne();
        ClaimedMessage second = store.claimOne();
        try (Connection finishing = sessions.begin()) {
            execute(finishing, completion(first));
            complete(second);
            assertThat(settle()).as("one is not committed").isEqualTo(Settled.COUNTED);
            assertThat(found().done()).isEqualTo(1);
            finishing.commit();
        }
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found().done()).isEqualTo(2);
        assertCompletedOnce();
    }

    private String completion(ClaimedMessage message) {
        return "SELECT postroom.complete_one(%d, %d, '%s', 1::smallint, 0, 0)"
                .formatted(store.worker, message.lease().id(), message.id());
    }

    @Test
    void seal_beside_the_last_completion_completes_the_batch_once_whichever_commits_last() throws Exception {
        member();
        ClaimedMessage last = store.claimOne();
        try (Connection finishing = sessions.begin();
                Connection sealing = sessions.begin()) {
            execute(finishing, completion(last));
            execute(sealing, "SELECT postroom.seal_batch('" + batch + "')");
            assertThat(settle()).as("neither is committed").isEqualTo(Settled.COUNTED);
            finishing.commit();
            assertThat(settle()).as("it may get more members").isEqualTo(Settled.COUNTED);
            sealing.commit();
        }
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertCompletedOnce();
    }

    @Test
    void batch_without_members_is_completed_once_it_is_sealed() {
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        seal();
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found().total()).isZero();
        assertCompletedOnce();
    }

    // ---- adding

    @Test
    void member_that_is_added_beside_the_seal_is_waited_for() throws Exception {
        try (Connection adding = sessions.begin()) {
            execute(adding, create(""));
            seal(); // waits for nobody
            assertThat(settle()).as("a member may still come").isEqualTo(Settled.COUNTED);
            adding.commit();
        }
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        assertThat(found().waiting()).isEqualTo(1);
        finishOne();
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found().done()).isEqualTo(1);
        assertCompletedOnce();
    }

    @Test
    void member_that_is_rolled_back_beside_the_seal_is_not_waited_for() throws Exception {
        try (Connection adding = sessions.begin()) {
            execute(adding, create(""));
            seal();
            assertThat(settle()).isEqualTo(Settled.COUNTED);
        }
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found().total()).isZero();
    }

    @Test
    void member_is_refused_after_the_seal_and_nothing_is_written() {
        seal();
        assertThatThrownBy(this::member)
                .rootCause()
                .hasMessageContaining("batch must be the id of an open batch, got \"" + batch + " (sealed)\"");
        UUID unknown = MessageIds.next();
        assertThatThrownBy(() -> store.text(create("").replace(batch.toString(), unknown.toString())))
                .rootCause()
                .hasMessageContaining(unknown + " (unknown)");
        assertThat(store.texts("SELECT 1 FROM postroom.ready WHERE queue_id = " + store.queue.id()))
                .isEmpty();
    }

    /** Its snapshot shows the batch open for ever; the lock tells it otherwise. */
    @Test
    void transaction_with_an_old_snapshot_adds_nothing_after_the_seal() throws Exception {
        try (Connection adding = sessions.begin()) {
            execute(adding, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
            execute(adding, "SELECT count(*) FROM postroom.batch");
            seal();
            assertThat(settle()).isEqualTo(Settled.COMPLETED);
            assertThatThrownBy(() -> execute(adding, create("")))
                    .isInstanceOfSatisfying(
                            SQLException.class,
                            refused -> assertThat(refused.getSQLState()).isEqualTo("40001"));
        }
    }

    @Test
    void members_are_added_side_by_side_while_others_are_counted() throws Exception {
        try (Connection adding = sessions.begin();
                Connection counting = sessions.begin()) {
            execute(adding, create(""));
            assertThat(settle(counting, batch)).isEqualTo(1);
            member(); // waits for nobody
            adding.commit();
            counting.commit();
        }
        settle();
        assertThat(found().total()).isEqualTo(2);
    }

    @Test
    void repeat_of_a_message_does_not_become_a_member_twice() {
        UUID given = MessageIds.next();
        store.text(create(", message_id => '" + given + "'"));
        store.text(create(", message_id => '" + given + "'"));
        assertThat(found().total()).isEqualTo(1);
    }

    // ---- two processes, one that dies

    @Test
    void batch_that_one_process_completes_is_left_alone_by_another() throws Exception {
        seal();
        try (Connection first = sessions.begin()) {
            assertThat(settle(first, batch)).isEqualTo(3);
            assertThat(settle()).isEqualTo(Settled.LEFT_ALONE);
            first.commit();
        }
        assertCompletedOnce();
    }

    @Test
    void process_that_dies_while_it_completes_leaves_the_batch_to_another() throws Exception {
        member();
        seal();
        finishOne();
        try (Connection dying = sessions.begin()) {
            assertThat(settle(dying, batch)).isEqualTo(3);
            dying.rollback();
        }
        assertThat(found().state()).isEqualTo(BatchState.SEALED);
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found().done()).isEqualTo(1);
        assertCompletedOnce();
    }

    @Test
    void refused_completion_message_is_shown_and_tried_again() {
        store.execute("SELECT postroom.declare_exchange('%1$s.x', 'direct')".formatted(store.queue.name()));
        UUID other = UUID.fromString(store.text("SELECT postroom.create_batch('other', completion => "
                + "jsonb_build_object('exchange', '" + store.queue.name() + ".x'))"));
        store.execute("SELECT postroom.seal_batch('" + other + "')");
        assertThat(batches.settle(other)).isEqualTo(Settled.COUNTED);
        assertThat(batches.find(other).orElseThrow().problem().orElseThrow()).contains("reaches no queue");
        store.execute("SELECT postroom.bind('%1$s.x', '%1$s', '')".formatted(store.queue.name()));
        assertThat(batches.settle(other)).isEqualTo(Settled.COMPLETED);
        assertThat(batches.find(other).orElseThrow().problem()).isEmpty();
    }

    /** That transaction may stay open for days, or be prepared: other batches go on meanwhile. */
    @Test
    void completion_to_a_queue_that_another_transaction_is_making_is_tried_again_later() throws Exception {
        seal();
        try (Connection making = sessions.begin();
                Connection settling = sessions.begin()) {
            execute(making, "SELECT FROM postroom.create_message('" + store.queue.name() + ".end', '{}')");
            execute(settling, "SET LOCAL lock_timeout = '300ms'"); // as in the engine's pool, where it is longer
            assertThat(settle(settling, batch)).isEqualTo(1);
            settling.commit();
            making.rollback();
        }
        assertThat(found().problem().orElseThrow()).contains("lock timeout");
        assertThat(store.text("SELECT look_at >= counted_at + interval '4 seconds' FROM postroom.batch_progress"
                        + " WHERE batch_id = '" + batch + "'"))
                .as("others come first")
                .isEqualTo("t");
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertCompletedOnce();
    }

    // ---- cancel

    @Test
    void cancel_beside_a_claim_lets_what_is_in_progress_finish_and_cancels_its_retry() throws Exception {
        member();
        UUID retried = member();
        UUID waiting = member();
        ClaimedMessage running = store.claimOne();
        try (Connection claiming = sessions.begin()) {
            execute(claiming, "SELECT FROM postroom.ready WHERE message_id = '" + retried + "' FOR UPDATE");
            store.execute("SELECT postroom.cancel_batch('" + batch + "')");
            assertThat(settle()).as("waits for no claim").isEqualTo(Settled.MORE);
        }
        assertThat(store.places(waiting)).containsExactly("finished");
        ClaimedMessage claimed = store.claimOne();
        assertThat(claimed.id()).isEqualTo(retried);
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        store.stores
                .leases()
                .complete(store.worker, List.of(StoreFixture.retry(claimed, Duration.ofHours(1), "later")));
        complete(running);
        assertThat(settle()).isEqualTo(Settled.MORE);
        assertThat(store.places(retried)).containsExactly("finished");
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found())
                .extracting(Batch::done, Batch::cancelled, Batch::total)
                .containsExactly(1L, 2L, 3L);
        assertThat(store.texts(
                        "SELECT DISTINCT reason FROM postroom.queue_messages WHERE state = 'CANCELLED' AND queue = '"
                                + store.queue.name() + "'"))
                .containsExactly("batch_cancelled");
        assertCompletedOnce();
    }

    @Test
    void member_of_a_transaction_that_commits_after_the_cancel_is_cancelled_too() throws Exception {
        try (Connection adding = sessions.begin()) {
            execute(adding, create(", delay => '1 hour'"));
            store.execute("SELECT postroom.cancel_batch('" + batch + "')");
            assertThat(settle()).isEqualTo(Settled.COUNTED);
            adding.commit();
        }
        assertThat(settle()).isEqualTo(Settled.MORE);
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found().cancelled()).isEqualTo(1);
    }

    // ---- purge, redrive

    @Test
    void counts_of_members_that_were_purged_after_they_were_counted_stay() {
        UUID gone = member();
        member();
        finishOne();
        settle();
        purge(gone);
        finishOne();
        seal();
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found()).extracting(Batch::done, Batch::purged).containsExactly(2L, 0L);
    }

    @Test
    void member_that_was_purged_before_it_was_counted_is_counted_as_purged() {
        UUID gone = member();
        UUID putOff = UUID.fromString(store.text(create(", delay => '1 hour'")));
        seal();
        finishOne();
        purge(gone);
        store.execute("UPDATE postroom.batch_progress SET purge_at = '-infinity'");
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        assertThat(found()).extracting(Batch::purged, Batch::waiting).containsExactly(1L, 1L);
        store.execute("SELECT postroom.cancel('" + putOff + "')");
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found()).extracting(Batch::purged, Batch::cancelled).containsExactly(1L, 1L);
    }

    @Test
    void batch_is_looked_at_again_after_the_clock_was_set_back() {
        UUID gone = member();
        member();
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        store.execute("UPDATE postroom.batch_progress SET look_at = clock_timestamp() + interval '4 seconds'");
        assertThat(batches.uncompleted(10)).contains(new Uncompleted(batch, false));
        store.execute(
                "UPDATE postroom.batch_progress SET look_at = look_at + interval '1 hour', purge_at = purge_at + interval '1 hour'");
        assertThat(batches.uncompleted(10)).contains(new Uncompleted(batch, true));
        finishOne();
        purge(gone);
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        assertThat(found().purged()).isEqualTo(1);
    }

    /** The end of a member is looked for from the creation of its batch on. */
    @Test
    void member_that_ends_before_its_batch_was_created_is_counted() {
        member();
        member();
        store.execute("UPDATE postroom.batch SET created_at = created_at + interval '1 day'");
        finishOne();
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        assertThat(found().done()).isEqualTo(1);
        store.execute("UPDATE postroom.attempt SET finished_at = finished_at - interval '30 minutes'");
        finishOne();
        seal();
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
    }

    private void purge(UUID finished) {
        store.execute("DELETE FROM postroom.message WHERE id = '" + finished + "'");
        store.execute("DELETE FROM postroom.attempt WHERE message_id = '" + finished + "'");
    }

    @Test
    void dead_member_counts_as_ended_and_one_that_is_redriven_before_the_completion_is_waited_for() throws Exception {
        UUID dead = member();
        member();
        ClaimedMessage failing = store.claimOne();
        store.stores.leases().complete(store.worker, List.of(StoreFixture.dead(failing, "no")));
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        assertThat(found()).extracting(Batch::dead, Batch::waiting).containsExactly(1L, 1L);
        store.execute("SELECT postroom.redrive('" + dead + "')");
        seal();
        finishOne();
        assertThat(settle()).as("the redriven one waits").isEqualTo(Settled.COUNTED);
        assertThat(found()).extracting(Batch::dead, Batch::waiting).containsExactly(0L, 1L);
        store.stores.leases().complete(store.worker, List.of(StoreFixture.dead(store.claimOne(), "no")));
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found()).extracting(Batch::dead, Batch::done).containsExactly(1L, 1L);
        store.execute("SELECT postroom.redrive('" + dead + "')");
        finishOne();
        assertCompletedOnce();
        assertThat(found().dead()).as("as of the completion").isEqualTo(1);
    }

    // ---- nested, several queues

    @Test
    void parent_is_completed_after_its_children_and_batches_are_nested_once() throws Exception {
        UUID child = newBatch("'" + store.queue.name() + ".end'", batch);
        assertThatThrownBy(() -> newBatch("'q'", child))
                .rootCause()
                .hasMessageContaining("parent must be a batch that has no parent itself");
        seal();
        assertThatThrownBy(() -> newBatch("'q'", batch)).rootCause().hasMessageContaining("(sealed)");
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        store.execute("SELECT postroom.seal_batch('" + child + "')");
        assertThat(batches.settle(child)).isEqualTo(Settled.COMPLETED);
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found())
                .extracting(Batch::children, Batch::childrenCompleted)
                .containsExactly(1L, 1L);
    }

    @Test
    void child_that_is_created_beside_the_seal_of_its_parent_is_waited_for_and_cancelled_with_it() throws Exception {
        try (Connection creating = sessions.begin()) {
            execute(creating, "SELECT postroom.create_batch('child', parent => '" + batch + "')");
            store.execute("SELECT postroom.cancel_batch('" + batch + "')");
            assertThat(settle()).isEqualTo(Settled.COUNTED);
            creating.commit();
        }
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        Batch child = batches.list(false, null, 1).get(0);
        assertThat(child.parent()).hasValue(batch);
        assertThat(child.state()).isEqualTo(BatchState.CANCELLED);
        assertThat(batches.settle(child.id())).isEqualTo(Settled.COMPLETED);
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
    }

    @Test
    void member_in_several_queues_has_ended_when_each_of_its_entries_has() throws Exception {
        String exchange = store.queue.name() + ".fan";
        store.execute("SELECT postroom.declare_exchange('" + exchange + "', 'fanout')");
        store.execute("SELECT postroom.declare_queue('" + exchange + ".other')");
        store.execute("SELECT postroom.bind('%1$s', '%2$s', '')".formatted(exchange, store.queue.name()));
        store.execute("SELECT postroom.bind('%1$s', '%1$s.other', '')".formatted(exchange));
        UUID member = UUID.fromString(store.text("SELECT id FROM postroom.create_message(exchange => '" + exchange
                + "', payload => '{}', batch => '" + batch + "')"));
        seal();
        finishOne();
        assertThat(settle()).isEqualTo(Settled.COUNTED);
        assertThat(found().waiting()).isEqualTo(1);
        store.execute("SELECT postroom.cancel('" + member + "')");
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found()).extracting(Batch::cancelled, Batch::total).containsExactly(1L, 1L);
    }

    @Test
    void member_that_goes_on_through_a_dead_letter_exchange_counts_as_dead() {
        String exchange = store.queue.name() + ".dlx";
        store.execute("SELECT postroom.declare_exchange('" + exchange + "', 'fanout')");
        store.execute("SELECT postroom.declare_queue('" + exchange + ".letters')");
        store.execute("SELECT postroom.bind('%1$s', '%1$s.letters', '')".formatted(exchange));
        store.execute(
                "UPDATE postroom.queue SET dead_letter_exchange = '" + exchange + "' WHERE id = " + store.queue.id());
        member();
        seal();
        store.stores.leases().complete(store.worker, List.of(StoreFixture.dead(store.claimOne(), "no")));
        assertThat(settle()).isEqualTo(Settled.COMPLETED);
        assertThat(found()).extracting(Batch::dead, Batch::total).containsExactly(1L, 1L);
    }
}
