package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueSettings;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.LimitedClaim;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.StartReports;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Claims of a fair queue: whose turn it is, beside other claims and open transactions. */
@PostgresTest
class FairClaimTest {
    private final TestDatabase database;
    private final StoreFixture fixture;
    private final QueueRow queue;
    private final List<Connection> opened = new ArrayList<>();

    FairClaimTest(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
        queue = fixture.stores
                .queues()
                .declare(QueueSettings.of(fixture.queue.name() + ".fair").fair(true));
    }

    @AfterEach
    void endAll() throws SQLException {
        for (Connection connection : opened) {
            connection.close();
        }
        assertThat(Conservation.check(JdbcClient.create(database.pool()))).isEmpty();
    }

    // ---- turns

    @Test
    void groups_take_turns_and_the_oldest_message_of_a_group_goes_first() {
        List<UUID> many = send("a", 5);
        UUID first = send("b");
        UUID second = send("b");
        UUID only = send("c");
        assertThat(claim(4, null)).extracting(ClaimedMessage::id).containsExactly(only, first, many.get(0), second);
    }

    @Test
    void claim_goes_on_with_the_group_after_the_last_one() {
        send("a", 3);
        send("b", 3);
        send("c", 3);
        assertThat(groups(claim(1, null))).containsExactly("c");
        assertThat(groups(claim(1, "c"))).containsExactly("b");
        assertThat(groups(claim(2, "b"))).containsExactly("a", "c");
        assertThat(groups(claim(4, "c"))).containsExactly("b", "a", "c", "b");
        assertThat(groups(claim(4, "b"))).as("all that is left").containsExactly("a");
    }

    @Test
    void group_that_comes_behind_the_turn_has_its_own_in_the_next_round() {
        send("a", 2);
        send("c", 2);
        assertThat(groups(claim(1, null))).containsExactly("c");
        send("d");
        assertThat(groups(claim(1, "c"))).containsExactly("a");
        assertThat(groups(claim(1, "a"))).containsExactly("d");
    }

    @Test
    void claim_of_more_than_all_groups_have_takes_all() {
        send("a", 40);
        send("b", 1);
        send("c", 7);
        assertThat(claim(100, "b")).hasSize(48);
        assertThat(claim(1, null)).isEmpty();
    }

    @Test
    void group_with_a_weight_has_as_many_messages_in_a_turn() {
        fixture.execute("SELECT postroom.set_group_weight('" + queue.name() + "', 'b', 3)");
        send("a", 9);
        send("b", 9);
        send("c", 9);
        assertThat(groups(claim(5, null))).containsExactly("c", "b", "b", "b", "a");
        assertThat(groups(claim(7, "a"))).containsExactly("c", "b", "b", "b", "a", "c", "b");
        fixture.execute("SELECT postroom.set_group_weight('" + queue.name() + "', 'b', 1)");
        assertThat(groups(claim(3, "a"))).containsExactly("c", "b", "a");
    }

    @Test
    void weight_outside_its_limits_is_refused() {
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.set_group_weight('" + queue.name() + "', 'b', 101)"))
                .hasStackTraceContaining("weight must be 1 to 100")
                .hasStackTraceContaining("101");
    }

    @Test
    void messages_without_a_group_are_a_group() {
        UUID plain = fixture.enqueue(new StoreFixture.Plan(queue)).id();
        fixture.enqueue(new StoreFixture.Plan(queue));
        send("a", 3);
        assertThat(groups(claim(2, null))).containsExactly("a", null);
        assertThat(fixture.places(plain)).containsExactly("lease");
        assertThat(groups(claim(2, "\u0001"))).containsExactly("a", null);
    }

    @Test
    void higher_lane_goes_before_all_groups_of_a_lower_one() {
        fixture.enqueue(new StoreFixture.Plan(queue).group("a").priority(3));
        fixture.enqueue(new StoreFixture.Plan(queue).group("b").priority(8));
        fixture.enqueue(new StoreFixture.Plan(queue).group("b").priority(8));
        assertThat(groups(claim(2, null))).containsExactly("b", "b");
        assertThat(groups(claim(2, null))).containsExactly("a");
    }

    @Test
    void claim_reads_a_few_rows_however_many_of_a_group_wait() throws SQLException {
        insertReady("large", 20_000);
        fixture.execute("ANALYZE postroom.ready"); // that one group is all there is must not lead to ready_pk
        insertReady("small", 1);
        Connection connection = begin();
        assertThat(claimOn(connection, 10, null)).hasSize(10);
        assertThat(number(
                        connection,
                        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
                                + " FROM pg_stat_xact_user_tables WHERE relid = 'postroom.ready'::regclass"))
                .as("64 at the head of the lane, and the ten")
                .isLessThan(120);
        connection.rollback();
        fixture.execute("DELETE FROM postroom.ready WHERE queue_id = " + queue.id());
    }

    // ---- beside others

    @Test
    void row_that_others_have_locked_is_left_out_and_the_next_of_its_group_goes() throws SQLException {
        UUID locked = send("a");
        UUID next = send("a");
        UUID other = send("b");
        Connection open = begin();
        run(open, "SELECT FROM postroom.ready WHERE message_id = '" + locked + "' FOR UPDATE");
        assertThat(claim(5, null)).extracting(ClaimedMessage::id).containsExactly(other, next);
        open.rollback();
        assertThat(claim(5, null)).extracting(ClaimedMessage::id).containsExactly(locked);
    }

    @Test
    void group_whose_rows_are_all_locked_does_not_end_the_round() throws SQLException {
        send("b", 2);
        UUID other = send("a");
        Connection open = begin();
        run(open, "SELECT FROM postroom.ready WHERE queue_id = " + queue.id() + " AND group_key = 'b' FOR UPDATE");
        assertThat(claim(1, null)).extracting(ClaimedMessage::id).containsExactly(other);
    }

    @Test
    void two_claims_at_once_share_the_groups_out() throws SQLException {
        List<UUID> first = send("a", 2);
        List<UUID> second = send("b", 2);
        Connection open = begin();
        assertThat(claimOn(open, 2, null)).extracting(ClaimedMessage::id).containsExactly(second.get(0), first.get(0));
        assertThat(claim(4, null)).extracting(ClaimedMessage::id).containsExactly(second.get(1), first.get(1));
        open.commit();
        assertThat(claim(4, null)).isEmpty();
    }

    @Test
    void what_a_claim_took_that_rolled_back_keeps_its_group_and_its_place() throws SQLException {
        UUID oldest = send("a");
        send("a");
        Connection open = begin();
        assertThat(claimOn(open, 1, null)).extracting(ClaimedMessage::id).containsExactly(oldest);
        open.rollback();
        assertThat(claim(1, null)).extracting(ClaimedMessage::id).containsExactly(oldest);
    }

    @Test
    void message_of_a_transaction_that_began_before_the_queue_was_fair_starts() throws SQLException {
        QueueRow plain = fixture.newQueue();
        Connection open = begin();
        UUID early = fixture.stores
                .enqueue()
                .enqueue(new StoreFixture.Plan(plain).group("a").build(), open)
                .id();
        setFair(plain, true);
        UUID late = fixture.enqueue(new StoreFixture.Plan(plain).group("b")).id();
        open.commit();
        assertThat(keys(plain)).containsExactlyInAnyOrder("", "b");
        assertThat(fixture.stores.leases().claim(request(plain, 10, null)))
                .extracting(ClaimedMessage::id)
                .containsExactly(late, early);
    }

    @Test
    void what_waits_when_a_queue_becomes_fair_is_a_group_of_its_own() {
        QueueRow plain = fixture.newQueue();
        for (int i = 0; i < 4; i++) {
            fixture.enqueue(new StoreFixture.Plan(plain).group("a"));
        }
        setFair(plain, true);
        for (int i = 0; i < 4; i++) {
            fixture.enqueue(new StoreFixture.Plan(plain).group("b"));
        }
        assertThat(groups(fixture.stores.leases().claim(request(plain, 4, null))))
                .containsExactly("b", "a", "b", "a");
        setFair(plain, false);
        ClaimRequest usual = request(plain, 10, null).withTurns(null);
        assertThat(groups(fixture.stores.leases().claim(usual)))
                .as("in the order of the queue")
                .containsExactly("a", "a", "b", "b");
    }

    @Test
    void claim_under_way_when_the_queue_becomes_fair_takes_each_message_once() throws SQLException {
        QueueRow plain = fixture.newQueue();
        UUID first = fixture.enqueue(new StoreFixture.Plan(plain).group("a")).id();
        UUID second = fixture.enqueue(new StoreFixture.Plan(plain).group("a")).id();
        Connection open = begin();
        assertThat(claimOn(open, request(plain, 1, null).withTurns(null)))
                .extracting(ClaimedMessage::id)
                .containsExactly(first);
        setFair(plain, true);
        assertThat(fixture.stores.leases().claim(request(plain, 10, null)))
                .extracting(ClaimedMessage::id)
                .containsExactly(second);
        open.commit();
        assertThat(fixture.places(first)).containsExactly("lease");
    }

    // ---- other ways

    @Test
    void other_claims_take_nothing_from_a_fair_queue() {
        send("a", 2);
        ClaimRequest usual = request(queue, 10, null).withTurns(null);
        assertThat(fixture.stores.leases().claim(usual)).isEmpty();
        QueueRow plain = fixture.newQueue();
        UUID other = fixture.enqueue(new StoreFixture.Plan(plain)).id();
        assertThat(fixture.stores
                        .leases()
                        .claimEach(List.of(lane(queue), lane(plain)))
                        .get(plain.id()))
                .extracting(ClaimedMessage::id)
                .containsExactly(other);
        assertThat(fixture.stores.leases().claim(request(plain, 10, null)))
                .as("and the claim of fair queues takes nothing from others")
                .isEmpty();
        assertThat(claim(10, null)).hasSize(2);
    }

    @Test
    void suspect_of_a_fair_queue_is_claimed_as_one() {
        UUID suspect = send("a");
        UUID other = send("a");
        fixture.execute("UPDATE postroom.ready SET crashes = 1 WHERE message_id = '" + suspect + "'");
        assertThat(claim(10, null)).extracting(ClaimedMessage::id).containsExactly(other);
        assertThat(fixture.stores
                        .leases()
                        .claim(new ClaimRequest(
                                fixture.worker,
                                queue.id(),
                                queue.name(),
                                false,
                                StoreFixture.ALL_LANES,
                                new long[10],
                                1,
                                1,
                                1,
                                ClaimKind.SUSPECT)))
                .extracting(ClaimedMessage::id)
                .containsExactly(suspect);
        fixture.execute("UPDATE postroom.lease SET crashes = NULL WHERE queue_id = " + queue.id());
    }

    @Test
    void fair_queue_is_limited_too() {
        send("a", 3);
        send("b");
        fixture.execute("SELECT postroom.set_limiter('" + queue.name() + "', max_starts => 2, period => '1 hour')");
        ClaimRequest request = request(queue, 10, null);
        assertThat(fixture.stores.leases().claim(request))
                .as("by a process that has not heard of the limit")
                .isEmpty();
        LimitedClaim claimed = fixture.stores.leases().claimLimited(request.withLimiter(true), StartReports.NONE);
        assertThat(groups(claimed.messages())).containsExactly("b", "a");
        assertThat(fixture.stores
                        .leases()
                        .claimLimited(request.withLimiter(true), StartReports.NONE)
                        .messages())
                .isEmpty();
    }

    @Test
    void fair_and_ordered_exclude_each_other() {
        assertThatThrownBy(() -> QueueSettings.of("x").fair(true).ordered(true))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("fair must be false for an ordered queue");
        QueueSettings ordered = QueueSettings.of(queue.name() + ".ordered").ordered(true);
        fixture.stores.queues().declare(ordered);
        assertThatThrownBy(() -> fixture.stores
                        .queues()
                        .declare(QueueSettings.of(ordered.queue()).fair(true)))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("fair must be false (it is ordered)");
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.set_fair('" + ordered.queue() + "', true)"))
                .hasStackTraceContaining("fair must be false while queue \"" + ordered.queue() + "\" is ordered");
        assertThatThrownBy(
                        () -> fixture.execute("SELECT postroom.declare_queue('" + ordered.queue() + "', fair => true)"))
                .hasStackTraceContaining("fair must be false (it is ordered)");
        String deleted = queue.name() + ".deleted";
        fixture.execute("SELECT postroom.declare_queue('" + deleted + "', ordered => true)");
        fixture.execute("SELECT postroom.delete_queue('" + deleted + "')");
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.declare_queue('" + deleted + "', fair => true)"))
                .hasStackTraceContaining("fair must be false for an ordered queue");
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.set_ordered('" + queue.name() + "', true)"))
                .hasStackTraceContaining("ordered must be false while queue \"" + queue.name() + "\" is fair");
        assertThatThrownBy(() -> fixture.stores
                        .queues()
                        .declare(QueueSettings.of(queue.name()).ordered(true)))
                .hasMessageContaining("ordered must be false while queue \"" + queue.name() + "\" is fair");
    }

    // ---- steps

    private void insertReady(String group, int messages) {
        fixture.execute("INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)"
                + " SELECT nextval('postroom.ready_seq'), " + queue.id() + ", 4, gen_random_uuid(), false, '" + group
                + "' FROM generate_series(1, " + messages + ")");
    }

    private UUID send(String group) {
        return fixture.enqueue(new StoreFixture.Plan(queue).group(group)).id();
    }

    private List<UUID> send(String group, int messages) {
        List<UUID> ids = new ArrayList<>();
        for (int i = 0; i < messages; i++) {
            ids.add(send(group));
        }
        return ids;
    }

    private ClaimRequest request(QueueRow from, int limit, @Nullable String turn) {
        @Nullable String[] turns = new String[10];
        Arrays.fill(turns, turn == null ? null : "0:" + turn);
        return new ClaimRequest(
                        fixture.worker,
                        from.id(),
                        from.name(),
                        false,
                        StoreFixture.ALL_LANES,
                        new long[10],
                        limit,
                        200,
                        limit,
                        ClaimKind.ORDINARY)
                .withTurns(turns);
    }

    private ClaimRequest lane(QueueRow from) {
        return new ClaimRequest(
                fixture.worker,
                from.id(),
                from.name(),
                false,
                new short[] {4},
                new long[1],
                10,
                200,
                10,
                ClaimKind.ORDINARY);
    }

    private List<ClaimedMessage> claim(int limit, @Nullable String turn) {
        return fixture.stores.leases().claim(request(queue, limit, turn));
    }

    private List<ClaimedMessage> claimOn(Connection connection, int limit, @Nullable String turn) throws SQLException {
        return claimOn(connection, request(queue, limit, turn));
    }

    private static List<ClaimedMessage> claimOn(Connection connection, ClaimRequest request) throws SQLException {
        boolean isFair = request.turns() != null;
        try (Sql.Call call = (isFair ? ClaimSql.CLAIM_FAIR : ClaimSql.CLAIM).on(connection)) {
            call.set("worker", request.workerId())
                    .set("queue", request.queueId())
                    .set("queueName", request.queue())
                    .set("priorities", request.priorities())
                    .set("cursors", request.cursors())
                    .set("limit", request.limit())
                    .set("leaseSize", request.leaseSize())
                    .set("started", request.started())
                    .set("kind", request.kind().code());
            return (isFair ? call.set("turns", request.turns()) : call)
                    .list(row -> ClaimedRows.claimed(row, request)).stream()
                            .sorted(Comparator.comparing(
                                    message -> message.lease().ordinal()))
                            .toList();
        }
    }

    private static List<@Nullable String> groups(List<ClaimedMessage> messages) {
        List<@Nullable String> groups = new ArrayList<>();
        messages.forEach(message -> groups.add(message.content().group()));
        return groups;
    }

    private List<String> keys(QueueRow of) {
        return fixture.texts("SELECT group_key FROM postroom.ready WHERE queue_id = " + of.id());
    }

    private void setFair(QueueRow of, boolean isFair) {
        fixture.execute("SELECT postroom.set_fair('" + of.name() + "', " + isFair + ")");
    }

    private Connection begin() throws SQLException {
        Connection connection = database.connect();
        connection.setAutoCommit(false);
        opened.add(connection);
        return connection;
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static long number(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        }
    }
}
