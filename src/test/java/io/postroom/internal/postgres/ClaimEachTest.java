package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.QueueRow;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;

/** Claims of many queues in one statement keep the promises of a claim of one. */
@PostgresTest
class ClaimEachTest {
    private final TestDatabase database;
    private final StoreFixture fixture;

    ClaimEachTest(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
    }

    @Test
    void each_queue_gets_its_own_messages_in_order_up_to_its_limit_under_leases_of_its_size() {
        List<QueueRow> queues =
                IntStream.range(0, 40).mapToObj(i -> fixture.newQueue()).toList();
        List<List<UUID>> created =
                queues.stream().map(queue -> enqueue(queue, 4, 5)).toList();

        Map<Integer, List<ClaimedMessage>> claimed = claimEach(IntStream.range(0, 40)
                .mapToObj(i -> request(queues.get(i), 4, 0, i % 6, 1 + i % 3, 200))
                .toList());

        for (int i = 0; i < 40; i++) {
            List<ClaimedMessage> own = claimed.getOrDefault(queues.get(i).id(), List.of());
            int limit = i % 6;
            int size = 1 + i % 3;
            assertThat(own)
                    .extracting(ClaimedMessage::id)
                    .containsExactlyElementsOf(created.get(i).subList(0, limit));
            assertThat(own).allSatisfy(one -> {
                assertThat(one.stored()).isTrue();
                assertThat(one.content().payload()).isEqualTo("{\"number\": 1}");
                assertThat(one.priority()).isEqualTo(4);
            });
            assertThat(own)
                    .extracting(one -> one.lease().ordinal(), one -> one.lease().count())
                    .containsExactlyElementsOf(IntStream.range(0, limit)
                            .mapToObj(m -> tuple(m % size, Math.min(size, limit - m / size * size)))
                            .toList());
        }
        assertThat(claimed.values().stream().flatMap(List::stream))
                .extracting(one -> one.lease().id() + ":" + one.lease().ordinal())
                .doesNotHaveDuplicates();
        assertThat(claimEach(
                        List.of(request(queues.get(5), 4, 0, 10, 200, 10), request(queues.get(0), 4, 0, 3, 200, 3))))
                .as("what was claimed is gone, the rest is there")
                .containsOnlyKeys(queues.get(0).id())
                .extractingByKey(queues.get(0).id())
                .asInstanceOf(InstanceOfAssertFactories.LIST)
                .hasSize(3);
    }

    @Test
    void rows_that_another_claim_has_locked_are_skipped_without_a_wait() throws SQLException {
        QueueRow locked = fixture.newQueue();
        QueueRow free = fixture.newQueue();
        List<UUID> first = enqueue(locked, 4, 3);
        List<UUID> second = enqueue(free, 4, 1);
        try (Connection other = database.connect();
                Statement statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute("SELECT FROM postroom.ready WHERE message_id IN ('" + first.get(0) + "', '" + first.get(2)
                    + "') FOR UPDATE");

            Map<Integer, List<ClaimedMessage>> claimed =
                    claimEach(List.of(request(locked, 4, 0, 10, 200, 10), request(free, 4, 0, 10, 200, 10)));

            assertThat(claimed.get(locked.id())).extracting(ClaimedMessage::id).containsExactly(first.get(1));
            assertThat(claimed.get(free.id())).extracting(ClaimedMessage::id).containsExactlyElementsOf(second);
            other.rollback();
        }
        assertThat(claimEach(List.of(request(locked, 4, 0, 10, 200, 10), request(free, 4, 0, 10, 200, 10))))
                .containsOnlyKeys(locked.id())
                .extractingByKey(locked.id())
                .asInstanceOf(InstanceOfAssertFactories.LIST)
                .hasSize(2);
    }

    @Test
    void queue_whose_number_belongs_to_another_name_is_left_out_and_the_others_are_not() {
        QueueRow moved = fixture.newQueue();
        QueueRow same = fixture.newQueue();
        enqueue(moved, 4, 1);
        enqueue(same, 4, 1);
        ClaimRequest wrong = request(moved, 4, 0, 10, 200, 10);
        ClaimRequest gone = new ClaimRequest(
                fixture.worker, -1, "gone", false, new short[] {4}, new long[1], 10, 200, 10, ClaimKind.ORDINARY);

        Map<Integer, List<ClaimedMessage>> claimed = claimEach(List.of(
                new ClaimRequest(
                        fixture.worker,
                        wrong.queueId(),
                        "another",
                        false,
                        wrong.priorities(),
                        wrong.cursors(),
                        10,
                        200,
                        10,
                        ClaimKind.ORDINARY),
                gone,
                request(same, 4, 0, 10, 200, 10)));

        assertThat(claimed).containsOnlyKeys(same.id());
    }

    @Test
    void each_entry_has_its_own_lane_and_cursor() {
        QueueRow high = fixture.newQueue();
        QueueRow behind = fixture.newQueue();
        enqueue(high, 4, 2);
        List<UUID> urgent = enqueue(high, 9, 2);
        enqueue(behind, 4, 1);
        EnqueueResult second = fixture.enqueue(new StoreFixture.Plan(behind));

        Map<Integer, List<ClaimedMessage>> claimed =
                claimEach(List.of(request(high, 9, 0, 10, 200, 10), request(behind, 4, second.seq(), 10, 200, 10)));

        assertThat(claimed.get(high.id())).extracting(ClaimedMessage::id).containsExactlyElementsOf(urgent);
        assertThat(claimed.get(high.id())).extracting(ClaimedMessage::priority).containsOnly(9);
        assertThat(claimed.get(behind.id()))
                .extracting(ClaimedMessage::id, ClaimedMessage::laneSeq)
                .containsExactly(tuple(second.id(), second.seq()));
    }

    @Test
    void suspects_are_left_for_claims_of_their_own() {
        QueueRow queue = fixture.newQueue();
        List<UUID> ids = enqueue(queue, 4, 3);
        fixture.execute("UPDATE postroom.ready SET crashes = 1 WHERE message_id = '" + ids.get(1) + "'");

        assertThat(claimEach(List.of(request(queue, 4, 0, 10, 200, 10))).get(queue.id()))
                .extracting(ClaimedMessage::id)
                .containsExactly(ids.get(0), ids.get(2));
    }

    @Test
    void counts_of_a_message_stay_with_it_beside_messages_without_any() {
        QueueRow tried = fixture.newQueue();
        QueueRow fresh = fixture.newQueue();
        List<UUID> ids = enqueue(tried, 4, 2);
        enqueue(fresh, 4, 1);
        fixture.execute(
                "UPDATE postroom.ready SET failures = 2, deliveries = 3 WHERE message_id = '" + ids.get(1) + "'");

        Map<Integer, List<ClaimedMessage>> claimed =
                claimEach(List.of(request(tried, 4, 0, 10, 1, 10), request(fresh, 4, 0, 10, 200, 10)));

        assertThat(claimed.get(tried.id()))
                .extracting(
                        one -> one.counters().failures(), one -> one.counters().deliveries())
                .containsExactly(tuple(0, 0), tuple(2, 3));
        assertThat(claimed.get(fresh.id()))
                .extracting(
                        one -> one.counters().failures(), one -> one.counters().deliveries())
                .containsExactly(tuple(0, 0));
    }

    /** A rescue counts a crash for the messages before the mark of each lease alone. */
    @Test
    void each_lease_says_how_many_of_its_messages_may_have_started() {
        QueueRow none = fixture.newQueue();
        QueueRow some = fixture.newQueue();
        QueueRow all = fixture.newQueue();
        List.of(none, some, all).forEach(queue -> enqueue(queue, 4, 5));

        claimEach(List.of(request(none, 4, 0, 5, 200, 0), request(some, 4, 0, 5, 2, 3), request(all, 4, 0, 5, 200, 5)));

        assertThat(started(none)).containsExactly("0");
        assertThat(started(some)).containsExactly("all", "1", "0");
        assertThat(started(all)).containsExactly("all");
    }

    @Test
    void message_whose_payload_is_not_there_is_claimed_and_says_so() {
        QueueRow queue = fixture.newQueue();
        List<UUID> ids = enqueue(queue, 4, 2);
        fixture.execute("DELETE FROM postroom.message WHERE id = '" + ids.get(0) + "'");

        assertThat(claimEach(List.of(request(queue, 4, 0, 5, 200, 5))).get(queue.id()))
                .extracting(ClaimedMessage::id, ClaimedMessage::stored)
                .containsExactly(tuple(ids.get(0), false), tuple(ids.get(1), true));
    }

    @Test
    void claimed_messages_can_be_completed_and_leave_nothing_behind() {
        QueueRow one = fixture.newQueue();
        QueueRow two = fixture.newQueue();
        enqueue(one, 4, 3);
        enqueue(two, 4, 3);
        List<ClaimedMessage> held =
                claimEach(List.of(request(one, 4, 0, 5, 2, 5), request(two, 4, 0, 5, 1, 5))).values().stream()
                        .flatMap(List::stream)
                        .toList();

        fixture.stores
                .leases()
                .complete(fixture.worker, held.stream().map(StoreFixture::done).toList());

        assertThat(held)
                .hasSize(6)
                .allSatisfy(message -> assertThat(fixture.places(message.id())).containsExactly("finished"));
    }

    private List<String> started(QueueRow queue) {
        return fixture.texts("SELECT coalesce(started::text, 'all') FROM postroom.lease WHERE queue_id = " + queue.id()
                + " ORDER BY id");
    }

    private List<UUID> enqueue(QueueRow queue, int priority, int count) {
        List<UUID> ids = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            ids.add(fixture.enqueue(new StoreFixture.Plan(queue).priority(priority))
                    .id());
        }
        return ids;
    }

    private ClaimRequest request(QueueRow queue, int priority, long cursor, int limit, int leaseSize, int started) {
        return new ClaimRequest(
                fixture.worker,
                queue.id(),
                queue.name(),
                false,
                new short[] {(short) priority},
                new long[] {cursor},
                limit,
                leaseSize,
                started,
                ClaimKind.ORDINARY);
    }

    private Map<Integer, List<ClaimedMessage>> claimEach(List<ClaimRequest> requests) {
        return fixture.stores.leases().claimEach(requests);
    }
}
