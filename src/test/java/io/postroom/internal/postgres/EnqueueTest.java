package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Direction;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.internal.postgres.StoreFixture.Plan;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueChangedException;
import io.postroom.internal.storage.QueueRow;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

@PostgresTest
class EnqueueTest {
    private final StoreFixture fixture;

    EnqueueTest(DataSource pool) {
        fixture = new StoreFixture(pool);
    }

    @Test
    void a_message_is_ready_and_claimed_with_all_it_was_given() {
        EnqueueResult enqueued = fixture.enqueue(fixture.message()
                .priority(7)
                .type("ticket.closed", 3)
                .payload("{\"ticket\": 42}")
                .headers("{\"tenant\": \"blue\"}")
                .correlation("visit-1")
                .timeToLive(Duration.ofHours(1)));
        assertThat(enqueued.isNew()).isTrue();
        assertThat(fixture.places(enqueued.id())).containsExactly("ready");

        ClaimedMessage claimed = fixture.claimOne();
        assertThat(claimed.id()).isEqualTo(enqueued.id());
        assertThat(claimed.laneSeq()).isEqualTo(enqueued.seq());
        assertThat(claimed.priority()).isEqualTo(7);
        assertThat(claimed.content().type()).isEqualTo("ticket.closed");
        assertThat(claimed.content().version()).isEqualTo(3);
        assertThat(claimed.content().payload()).isEqualTo("{\"ticket\": 42}");
        assertThat(claimed.content().headers()).isEqualTo("{\"tenant\": \"blue\"}");
        assertThat(claimed.content().correlationId()).isEqualTo("visit-1");
        assertThat(claimed.stored()).isTrue();
        assertThat(claimed.expired()).isFalse();
        assertThat(claimed.number()).isEqualTo(1);
        assertThat(claimed.createdAt())
                .isBetween(Instant.now().minusSeconds(60), Instant.now().plusSeconds(60));
    }

    @Test
    void a_message_without_its_seq_is_ready_and_claimed_all_the_same() throws SQLException {
        try (Connection connection = fixture.pool.getConnection()) {
            EnqueueResult enqueued = fixture.stores
                    .enqueue()
                    .enqueueUnnumbered(fixture.message().priority(7).build(), connection);
            assertThat(enqueued.isNew()).isTrue();
            assertThat(fixture.places(enqueued.id())).containsExactly("ready");
            assertThat(fixture.claimOne().id()).isEqualTo(enqueued.id());
            NewMessage keyed = fixture.message().key("unnumbered").build();
            fixture.stores.enqueue().enqueueUnnumbered(keyed, connection);
            NewMessage repeat = fixture.message().key("unnumbered").build();
            assertThat(fixture.stores.enqueue().enqueueUnnumbered(repeat, connection))
                    .isEqualTo(new EnqueueResult(
                            keyed.id(), false, true, 0, List.of(fixture.queue.name()), MessageState.READY));
        }
    }

    /** Each form of the statement is another text: every one stores what it was given, in all columns. */
    @Test
    void a_message_of_every_form_is_stored_as_it_was_given() throws SQLException {
        List<NewMessage> messages = new ArrayList<>();
        for (int bits = 0; bits < 256; bits++) {
            Plan plan = fixture.message()
                    .priority((bits & 1) == 0 ? 4 : 9)
                    .type((bits & 2) == 0 ? "kind" : null, (bits & 2) != 0 ? 0 : (bits & 4) == 0 ? 1 : 7);
            if ((bits & 8) != 0) {
                plan.timeToLive(Duration.ofHours(1));
            }
            if ((bits & 16) != 0) {
                plan.headers("{\"a\": \"b\"}");
            }
            if ((bits & 32) != 0) {
                plan.correlation("visit");
            }
            if ((bits & 64) != 0) {
                plan.body(new byte[] {1, 2});
            }
            plan.direction = (bits & 128) == 0 ? Direction.OUTGOING : Direction.INCOMING;
            messages.add(plan.build());
        }
        try (Connection connection = fixture.pool.getConnection()) {
            for (NewMessage message : messages) {
                fixture.stores.enqueue().enqueueUnnumbered(message, connection);
            }
        }
        assertThat(fixture.claim(300)).hasSize(256).allSatisfy(claimed -> {
            NewMessage given = messages.stream()
                    .filter(message -> message.id().equals(claimed.id()))
                    .findFirst()
                    .orElseThrow();
            assertThat(claimed.content()).usingRecursiveComparison().isEqualTo(given.content());
            assertThat(claimed.priority()).isEqualTo(given.priority());
        });
        assertThat(fixture.number("SELECT count(*) FROM postroom.message m JOIN postroom.queue q ON q.id = m.queue_id"
                        + " WHERE q.name = '" + fixture.queue.name() + "' AND m.expires_at > m.created_at"
                        + " AND m.created_by IS NULL"))
                .isEqualTo(128);
    }

    @Test
    void bytes_come_back_as_they_were() {
        byte[] bytes = {0, 1, (byte) 0xFF, 10};
        fixture.enqueue(fixture.message().body(bytes));
        ClaimedMessage claimed = fixture.claimOne();
        assertThat(claimed.content().body()).isEqualTo(bytes);
        assertThat(claimed.content().payload()).isNull();
        assertThat(claimed.content().contentType()).isEqualTo("application/octet-stream");
    }

    @Test
    void a_message_joins_the_transaction_of_its_connection() throws SQLException {
        try (Connection connection = fixture.pool.getConnection()) {
            connection.setAutoCommit(false);
            UUID id = fixture.stores
                    .enqueue()
                    .enqueue(fixture.message().build(), connection)
                    .id();
            assertThat(fixture.stores.queries().find(id)).isEmpty();
            connection.commit();
            assertThat(fixture.stores.queries().find(id)).isPresent();
            UUID undone = fixture.stores
                    .enqueue()
                    .enqueue(fixture.message().build(), connection)
                    .id();
            connection.rollback();
            connection.setAutoCommit(true);
            assertThat(fixture.stores.queries().find(undone)).isEmpty();
            assertThat(fixture.places(undone)).isEmpty();
        }
    }

    @Test
    void many_are_answered_in_their_order_and_claimed_in_it() {
        Plan[] plans = new Plan[10_000];
        for (int i = 0; i < plans.length; i++) {
            plans[i] = fixture.message().payload(String.valueOf(i));
        }
        List<EnqueueResult> answers = fixture.enqueueAll(plans);
        assertThat(answers).hasSize(plans.length);
        for (int i = 0; i < plans.length; i++) {
            assertThat(answers.get(i).id()).isEqualTo(plans[i].id);
            assertThat(answers.get(i).isNew()).isTrue();
        }
        assertThat(answers).extracting(EnqueueResult::seq).isSorted().doesNotHaveDuplicates();
        List<String> claimed = new ArrayList<>();
        fixture.claim(10_000).stream()
                .sorted(java.util.Comparator.<ClaimedMessage>comparingLong(
                                message -> message.lease().id())
                        .thenComparingInt(message -> message.lease().ordinal()))
                .forEach(message -> claimed.add(message.content().payload()));
        assertThat(claimed).hasSize(plans.length);
        for (int i = 0; i < plans.length; i++) {
            assertThat(claimed.get(i)).isEqualTo(String.valueOf(i));
        }
    }

    @Test
    void a_mixed_batch_puts_each_where_it_belongs() {
        UUID given = MessageIds.next();
        Plan plain = fixture.message();
        Plan late = fixture.message().delay(Duration.ofHours(1));
        Plan past = fixture.message().dueAt(Instant.now().minusSeconds(100));
        Plan future = fixture.message().dueAt(Instant.now().plusSeconds(1000));
        Plan bytes = fixture.message().body(new byte[] {7}).id(given);
        List<EnqueueResult> answers = fixture.enqueueAll(plain, late, past, future, bytes);
        assertThat(answers).allMatch(EnqueueResult::isNew);
        assertThat(answers).extracting(EnqueueResult::id).containsExactly(plain.id, late.id, past.id, future.id, given);
        assertThat(fixture.places(plain.id)).containsExactly("ready");
        assertThat(fixture.places(late.id)).containsExactly("delayed");
        assertThat(fixture.places(past.id)).containsExactly("ready");
        assertThat(fixture.places(future.id)).containsExactly("delayed");
        assertThat(fixture.places(given)).containsExactly("ready");
        assertThat(answers.get(1).seq()).isZero();
        assertThat(answers.get(2).seq()).isPositive();
    }

    @Test
    void a_delayed_message_is_due_after_its_delay_by_the_database_clock() {
        UUID id =
                fixture.enqueue(fixture.message().delay(Duration.ofMinutes(5))).id();
        double seconds = Double.parseDouble(fixture.text(
                "SELECT extract(epoch FROM due_at - clock_timestamp()) FROM postroom.delayed WHERE message_id = '" + id
                        + "'"));
        assertThat(seconds).isBetween(280.0, 300.0);
        assertThat(fixture.claim(10)).isEmpty();
    }

    @Test
    void a_given_id_met_again_with_the_same_content_writes_nothing() {
        UUID id = MessageIds.next();
        assertThat(fixture.enqueue(fixture.message().id(id)).isNew()).isTrue();
        EnqueueResult repeat = fixture.enqueue(fixture.message().id(id));
        assertThat(repeat)
                .isEqualTo(new EnqueueResult(id, false, true, 0, List.of(fixture.queue.name()), MessageState.READY));
        assertThat(fixture.claim(10)).hasSize(1);
    }

    @Test
    void a_given_id_met_again_with_other_content_is_told_apart() {
        UUID id = MessageIds.next();
        fixture.enqueue(fixture.message().id(id));
        assertThat(fixture.enqueue(fixture.message().id(id).payload("{\"number\": 2}"))
                        .sameContent())
                .isFalse();
        assertThat(fixture.enqueue(fixture.message().id(id).type("other", 1)).sameContent())
                .isFalse();
        assertThat(fixture.enqueue(fixture.message().id(id).body(new byte[] {1}))
                        .sameContent())
                .isFalse();
        assertThat(fixture.enqueue(new Plan(fixture.newQueue()).id(id)).sameContent())
                .isFalse();
        assertThat(fixture.claim(10)).hasSize(1);
    }

    @Test
    void a_queue_under_a_number_of_before_is_refused_in_each_way_and_nothing_is_written() throws SQLException {
        QueueRow gone = new QueueRow(fixture.queue.id(), "gone", null, false, false, false);
        List<NewMessage> both = List.of(
                new Plan(gone).build(),
                fixture.message().build(),
                fixture.message().key("k").build());
        try (Connection connection = fixture.pool.getConnection()) {
            for (List<NewMessage> messages :
                    List.of(both.subList(0, 1), both.subList(0, 2), List.of(both.get(1), both.get(0)), both)) {
                assertThatThrownBy(() -> fixture.stores.enqueue().enqueue(messages, connection))
                        .isInstanceOf(QueueChangedException.class)
                        .hasMessageContaining("gone");
            }
            assertThatThrownBy(() -> fixture.stores.enqueue().enqueue(both.get(0), connection))
                    .isInstanceOf(QueueChangedException.class);
            assertThatThrownBy(() -> fixture.stores.enqueue().enqueueUnnumbered(both.get(0), connection))
                    .isInstanceOf(QueueChangedException.class);
            assertThatThrownBy(() ->
                            fixture.stores.enqueue().enqueueDirect(both.subList(0, 1), fixture.worker, 10, connection))
                    .isInstanceOf(QueueChangedException.class);
            assertThatThrownBy(() ->
                            fixture.stores.enqueue().enqueueDirect(both.subList(0, 2), fixture.worker, 10, connection))
                    .isInstanceOf(QueueChangedException.class);
        }
        assertThat(fixture.stores.enqueue().enqueueLeased(both.get(0), fixture.worker))
                .isEmpty();
        assertThat(fixture.claim(10)).isEmpty();
        assertThat(fixture.stores
                        .leases()
                        .claim(new ClaimRequest(
                                fixture.worker,
                                fixture.queue.id(),
                                "gone",
                                false,
                                StoreFixture.ALL_LANES,
                                new long[10],
                                10,
                                10,
                                10,
                                ClaimKind.ORDINARY)))
                .isEmpty();
    }

    @Test
    void a_deleted_queue_is_refused_in_each_way_and_nothing_is_written() throws SQLException {
        fixture.stores.operator().delete(fixture.queue.name(), false, false);
        List<NewMessage> two =
                List.of(fixture.message().build(), fixture.message().key("k").build());
        try (Connection connection = fixture.pool.getConnection()) {
            for (List<NewMessage> messages : List.of(
                    two.subList(0, 1), List.of(two.get(0), fixture.message().build()), two)) {
                assertThatThrownBy(() -> fixture.stores.enqueue().enqueue(messages, connection))
                        .isInstanceOf(QueueChangedException.class)
                        .hasMessageContaining(fixture.queue.name());
                assertThatThrownBy(
                                () -> fixture.stores.enqueue().enqueueDirect(messages, fixture.worker, 10, connection))
                        .isInstanceOf(QueueChangedException.class);
            }
        }
        assertThat(fixture.stores.enqueue().enqueueLeased(two.get(0), fixture.worker))
                .isEmpty();
        assertThat(fixture.number("SELECT count(*) FROM postroom.message WHERE queue_id = " + fixture.queue.id()))
                .isZero();
    }

    @Test
    void a_key_met_again_answers_the_first_message() {
        UUID first = fixture.enqueue(fixture.message().key("order-1")).id();
        assertThat(fixture.enqueue(fixture.message().key("order-1")))
                .isEqualTo(new EnqueueResult(first, false, true, 0, List.of(fixture.queue.name()), MessageState.READY));
        assertThat(fixture.enqueue(fixture.message().key("order-1").payload("{}")))
                .isEqualTo(
                        new EnqueueResult(first, false, false, 0, List.of(fixture.queue.name()), MessageState.READY));
        assertThat(fixture.enqueue(fixture.message().key("order-2")).isNew()).isTrue();
        assertThat(fixture.enqueue(new Plan(fixture.newQueue()).key("order-1")).isNew())
                .as("keys are a queue's own")
                .isTrue();
    }

    @Test
    void the_same_key_or_id_twice_in_a_batch_is_written_once() {
        UUID id = MessageIds.next();
        List<EnqueueResult> answers = fixture.enqueueAll(
                fixture.message().key("k"),
                fixture.message().key("k"),
                fixture.message().id(id),
                fixture.message().id(id));
        assertThat(answers).extracting(EnqueueResult::isNew).containsExactly(true, false, true, false);
        assertThat(answers.get(1).id()).isEqualTo(answers.get(0).id());
        assertThat(answers.get(3))
                .isEqualTo(new EnqueueResult(id, false, true, 0, List.of(fixture.queue.name()), MessageState.READY));
        assertThat(fixture.claim(10)).hasSize(2);
    }

    @Test
    void a_key_whose_message_was_refused_for_its_id_stays_free() {
        UUID id = MessageIds.next();
        fixture.enqueue(fixture.message().id(id));
        assertThat(fixture.enqueue(fixture.message().id(id).key("free").payload("{}"))
                        .sameContent())
                .isFalse();
        assertThat(fixture.enqueue(fixture.message().key("free")).isNew()).isTrue();
    }

    @Test
    void a_message_under_a_lease_is_claimed_by_nobody_else() {
        ClaimedMessage held = fixture.stores
                .enqueue()
                .enqueueLeased(fixture.message().build(), fixture.worker)
                .orElseThrow();
        assertThat(fixture.places(held.id())).containsExactly("lease");
        assertThat(fixture.claim(10)).isEmpty();
        assertThat(fixture.stores.leases().complete(fixture.worker, List.of(StoreFixture.done(held))))
                .hasSize(1);
        assertThat(fixture.places(held.id())).containsExactly("finished");
    }

    @Test
    void a_message_under_a_lease_whose_id_or_key_was_there_writes_nothing() {
        UUID id = fixture.enqueue(fixture.message().key("k")).id();
        Optional<ClaimedMessage> sameKey = fixture.stores
                .enqueue()
                .enqueueLeased(fixture.message().key("k").build(), fixture.worker);
        Optional<ClaimedMessage> sameId = fixture.stores
                .enqueue()
                .enqueueLeased(fixture.message().id(id).key("new").build(), fixture.worker);
        assertThat(sameKey).isEmpty();
        assertThat(sameId).isEmpty();
        assertThat(fixture.number("SELECT count(*) FROM postroom.lease WHERE worker_id = " + fixture.worker))
                .isZero();
        assertThat(fixture.enqueue(fixture.message().key("new")).isNew()).isTrue();
    }

    @Test
    void one_refused_message_refuses_the_batch() {
        Plan good = fixture.message();
        Plan bad = fixture.message().payload("{\"text\": \"\\u0000\"}");
        org.assertj.core.api.Assertions.assertThatThrownBy(() -> fixture.enqueueAll(good, bad))
                .isInstanceOfSatisfying(io.postroom.api.StoreException.class, e -> {
                    assertThat(e.kind()).isEqualTo(io.postroom.api.StoreException.Kind.REFUSED);
                    assertThat(e.state()).startsWith("22");
                });
        assertThat(fixture.stores.queries().find(good.id)).isEmpty();
    }

    @Test
    void direct_dispatch_cuts_messages_into_leases_in_their_order() throws SQLException {
        try (Connection connection = fixture.pool.getConnection()) {
            List<NewMessage> messages = plain(25);

            List<ClaimedMessage> leased =
                    fixture.stores.enqueue().enqueueDirect(messages, fixture.worker, 10, connection);

            assertThat(leased).extracting(ClaimedMessage::id).containsExactlyElementsOf(ids(messages));
            assertThat(leased.stream().map(message -> message.lease().count()).distinct())
                    .containsExactly(10, 5);
            for (ClaimedMessage message : leased) {
                assertThat(held(message, connection)).isEqualTo(message.id());
            }
        }
    }

    /** The driver prepares a statement at its fifth use, and the server makes five plans for given values before it may keep one. */
    @Test
    void enqueues_are_not_planned_anew_each_time() throws SQLException {
        try (Connection connection = fixture.pool.getConnection()) {
            for (int i = 0; i < 20; i++) {
                fixture.stores.enqueue().enqueue(plain(1), connection);
                fixture.stores.enqueue().enqueue(plain(8), connection);
                fixture.stores.enqueue().enqueueDirect(plain(1), fixture.worker, 10, connection);
                fixture.stores.enqueue().enqueueDirect(plain(8), fixture.worker, 200, connection);
            }

            assertThat(plansForGivenValues(connection))
                    .containsKeys("enqueue_many", "enqueue_one_direct", "enqueue_direct")
                    .allSatisfy((statement, plans) -> assertThat(plans).isLessThanOrEqualTo(5));
        }
    }

    private List<NewMessage> plain(int count) {
        return Stream.generate(() -> fixture.message().build()).limit(count).toList();
    }

    private static List<UUID> ids(List<NewMessage> messages) {
        return messages.stream().map(NewMessage::id).toList();
    }

    private static UUID held(ClaimedMessage message, Connection connection) throws SQLException {
        try (PreparedStatement select = connection.prepareStatement(
                "SELECT message_ids[?] FROM postroom.lease WHERE id = ? AND length(open) = ?")) {
            select.setInt(1, message.lease().ordinal() + 1);
            select.setLong(2, message.lease().id());
            select.setInt(3, message.lease().count());
            try (ResultSet row = select.executeQuery()) {
                return row.next() ? row.getObject(1, UUID.class) : null;
            }
        }
    }

    private static Map<String, Integer> plansForGivenValues(Connection connection) throws SQLException {
        Map<String, Integer> plans = new HashMap<>();
        try (Statement select = connection.createStatement();
                ResultSet rows = select.executeQuery("""
                        SELECT substring(statement FROM '-- name: (\\w+)'), custom_plans
                        FROM pg_prepared_statements
                        WHERE statement LIKE '-- name: enqueue%'
                        """)) {
            while (rows.next()) {
                plans.put(rows.getString(1), rows.getInt(2));
            }
        }
        return plans;
    }
}
