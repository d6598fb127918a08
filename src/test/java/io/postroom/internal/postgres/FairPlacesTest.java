package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Exchange;
import io.postroom.api.MessageIds;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.QueueRow;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** The key of a message in READY of a fair queue: however it comes there, it is the message's group. */
@PostgresTest
class FairPlacesTest {
    private static final String NONE = "\u0001";

    private final HikariDataSource pool;
    private final StoreFixture fixture;
    private final QueueRow queue;

    FairPlacesTest(TestDatabase database) {
        pool = database.pool();
        fixture = new StoreFixture(pool);
        queue = fixture.stores
                .queues()
                .declare(QueueSettings.of(fixture.queue.name() + ".fair").fair(true));
    }

    // ---- ways in

    @Test
    void every_way_to_create_a_message_writes_its_group() {
        try (Postroom postroom = Postroom.on(pool).start()) {
            CreateMessage message = CreateMessage.to(queue.name()).group("a");
            postroom.queueMessages().createMessage(message);
            assertThat(keys()).containsExactly("a");
            postroom.queueMessages().createMessage(message.id(MessageIds.next()));
            assertThat(keys()).containsExactly("a");
            postroom.queueMessages().createMessages(List.of(message, CreateMessage.to(queue.name())));
            assertThat(keys()).containsExactlyInAnyOrder("a", NONE);
            postroom.queueMessages().createMessages(List.of(message.deduplicate("k"), message));
            assertThat(keys()).containsExactly("a", "a");
            postroom.queueMessages().createMessage(CreateMessage.to(queue.name()));
            assertThat(keys()).containsExactly(NONE);
        }
        fixture.execute("SELECT postroom.create_message('" + queue.name() + "', group_key => 'b')");
        fixture.execute("SELECT postroom.create_message('" + queue.name() + "')");
        assertThat(keys()).containsExactlyInAnyOrder("b", NONE);
    }

    @Test
    void message_in_several_queues_has_its_group_in_those_that_are_fair() {
        QueueRow plain = fixture.newQueue();
        String exchange = queue.name() + ".all";
        try (Postroom postroom = Postroom.on(pool).start()) {
            postroom.exchanges().declare(Exchange.fanout(exchange));
            postroom.exchanges().bind(Binding.from(exchange).to(queue.name()));
            postroom.exchanges().bind(Binding.from(exchange).to(plain.name()));
            CreateMessage message = CreateMessage.via(exchange, "").group("a");
            postroom.queueMessages().createMessage(message);
            postroom.queueMessages().createMessages(List.of(message, message.deduplicate("k")));
        }
        fixture.execute("SELECT postroom.create_message(exchange => '" + exchange + "', group_key => 'b')");
        assertThat(keysOf(plain)).containsExactly("", "", "", "");
        assertThat(keys()).containsExactly("a", "a", "a", "b");
    }

    @Test
    void dead_letter_that_goes_on_into_a_fair_queue_has_its_group_there() {
        String exchange = queue.name() + ".dead";
        fixture.execute("SELECT postroom.declare_exchange('" + exchange + "', 'fanout')");
        fixture.execute("SELECT postroom.bind('" + exchange + "', '" + queue.name() + "')");
        QueueRow from = fixture.stores
                .queues()
                .declare(QueueSettings.of(queue.name() + ".from").deadLetterExchange(exchange));
        fixture.enqueue(new StoreFixture.Plan(from).group("a"));
        ClaimedMessage claimed =
                fixture.stores.leases().claim(request(from).withTurns(null)).get(0);
        fixture.stores.leases().complete(fixture.worker, List.of(StoreFixture.dead(claimed, "no")));
        assertThat(keys()).containsExactly("a");
    }

    // ---- ways back

    @Test
    void promoted_message_has_its_group() {
        for (int way = 0; way < 2; way++) {
            UUID id = fixture.enqueue(new StoreFixture.Plan(queue).group("a").delay(Duration.ofMillis(1)))
                    .id();
            Awaitility.await().until(() -> Instant.now().isAfter(dueAt(id)));
            if (way == 0) {
                fixture.stores.jobs().promote(null, 100);
            } else {
                fixture.stores.jobs().promoteOrQuarantine(id);
            }
            assertThat(keys()).containsExactly("a");
        }
        fixture.enqueue(new StoreFixture.Plan(queue).delay(Duration.ofHours(1)));
        fixture.execute("UPDATE postroom.delayed SET due_at = now() - interval '1 s' WHERE queue_id = " + queue.id());
        fixture.stores.jobs().promote(null, 100);
        assertThat(keys()).containsExactly(NONE);
    }

    @Test
    void released_message_has_its_group() {
        ClaimedMessage claimed = claimOne();
        fixture.stores.leases().complete(fixture.worker, List.of(Completion.release(claimed)));
        assertThat(keys()).containsExactly("a");
    }

    @Test
    void message_whose_claim_was_not_heard_of_comes_back_with_its_group() {
        claimOne();
        fixture.stores.leases().releaseUnknown(fixture.worker, List.of(), Duration.ZERO, null);
        assertThat(keys()).containsExactly("a");
    }

    @Test
    void rescued_message_has_its_group() {
        claimOne();
        fixture.silence(fixture.worker);
        Awaitility.await()
                .until(() -> fixture.number("SELECT (extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())"
                                + " * 1000)::bigint")
                        > StoreFixture.LEASE_TIME.toMillis());
        fixture.stores.jobs().rescue(StoreFixture.LEASE_TIME, 100);
        assertThat(keys()).containsExactly("a");
    }

    @Test
    void redriven_message_has_its_group() {
        UUID id = claimOne().id();
        fixture.execute("SELECT postroom.redrive('" + bury(id) + "')");
        assertThat(keys()).containsExactly("a");
        bury(claimOne().id());
        fixture.execute("UPDATE postroom.dead_letter SET dead_at = dead_at - interval '1 hour'");
        fixture.execute("SELECT postroom.redrive_dead_letters(jsonb_build_object('queue', '" + queue.name()
                + "'), 'tried again', canary => 0)");
        fixture.stores.jobs().stepOperations(Duration.ofSeconds(1));
        assertThat(keys()).containsExactly("a");
    }

    // ---- shown

    @Test
    void explain_says_how_many_of_its_group_go_before_a_message() {
        fixture.enqueue(new StoreFixture.Plan(queue).group("a"));
        UUID behind = fixture.enqueue(new StoreFixture.Plan(queue).group("a")).id();
        UUID next = fixture.enqueue(new StoreFixture.Plan(queue).group("b")).id();
        UUID plain = fixture.enqueue(new StoreFixture.Plan(queue)).id();
        assertThat(explained(behind))
                .isEqualTo("behind: 1 message of group \"a\" is ahead of it in fair queue \"" + queue.name()
                        + "\"; 3 groups of its priority take turns");
        assertThat(explained(next)).startsWith("next: 0 messages of group \"b\" are ahead of it");
        assertThat(explained(plain)).startsWith("next: 0 messages of those without a group are ahead of it");
        fixture.execute("SELECT postroom.set_group_weight('" + queue.name() + "', 'b', 3)");
        assertThat(explained(next)).endsWith("take turns, with up to 3 messages of its group in one");
        assertThat(explained(behind)).endsWith("take turns");
        assertThat(fixture.text(
                        "SELECT group_key || ' ' || weight || ' ' || fair FROM postroom.group_weights WHERE queue = '"
                                + queue.name() + "'"))
                .isEqualTo("b 3 true");
        assertThat(fixture.text("SELECT fair FROM postroom.queue_stats WHERE queue = '" + queue.name() + "'"))
                .isEqualTo("t");
    }

    private String explained(UUID id) {
        return fixture.texts("SELECT postroom.explain('" + id + "')").stream()
                .filter(line -> line.startsWith("behind") || line.startsWith("next"))
                .findFirst()
                .orElseThrow();
    }

    // ---- steps

    private ClaimedMessage claimOne() {
        if (fixture.number("SELECT count(*) FROM postroom.ready WHERE queue_id = " + queue.id()) == 0) {
            fixture.enqueue(new StoreFixture.Plan(queue).group("a"));
        }
        return fixture.stores.leases().claim(request(queue)).get(0);
    }

    private UUID bury(UUID id) {
        fixture.execute("WITH gone AS (DELETE FROM postroom.lease WHERE message_ids = ARRAY['" + id
                + "'::uuid] RETURNING queue_id)"
                + " INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)"
                + " SELECT queue_id, 4, 1, 0, 1, '" + id + "', 'rejected' FROM gone");
        return id;
    }

    private ClaimRequest request(QueueRow from) {
        return new ClaimRequest(
                        fixture.worker,
                        from.id(),
                        from.name(),
                        false,
                        StoreFixture.ALL_LANES,
                        new long[10],
                        1,
                        200,
                        1,
                        ClaimKind.ORDINARY)
                .withTurns(new String[10]);
    }

    private Instant dueAt(UUID id) {
        return Instant.parse(
                fixture.text("SELECT to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                        + " FROM postroom.delayed WHERE message_id = '" + id + "'"));
    }

    /** The keys of what is READY, which is taken away. */
    private List<String> keys() {
        List<String> keys = keysOf(queue);
        fixture.execute("SELECT postroom.cancel(message_id) FROM postroom.ready WHERE queue_id = " + queue.id());
        return keys;
    }

    private List<String> keysOf(QueueRow of) {
        return fixture.texts("SELECT group_key FROM postroom.ready WHERE queue_id = " + of.id() + " ORDER BY seq");
    }
}
