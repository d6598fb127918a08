package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

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
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The steps of queues whose groups are limited, with two or three connections: each test loses without the step it is about. */
@PostgresTest
class GroupLimitTest {
    private final TestDatabase database;
    private final StoreFixture fixture;
    private final QueueRow queue;
    private final List<Connection> opened = new ArrayList<>();
    private long limiter;

    GroupLimitTest(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
        queue = fixture.stores
                .queues()
                .declare(QueueSettings.of(fixture.queue.name() + ".groups").fair(true));
    }

    @AfterEach
    void endAll() throws SQLException {
        fixture.execute("DELETE FROM postroom.ready WHERE group_key LIKE 'made-up%'");
        for (Connection connection : opened) {
            connection.rollback();
            connection.close();
        }
        assertThat(Conservation.check(JdbcClient.create(database.pool()))).isEmpty();
    }

    // ---- how many

    @Test
    void each_group_starts_no_more_than_it_may_and_holds_up_no_other() {
        send("a", 5);
        send("b", 1);
        send("c", 3);
        limit("max_starts_per_group => 2, period_per_group => '1 hour'");
        LimitedClaim first = claim(10);
        assertThat(groups(first)).containsExactlyInAnyOrder("a", "a", "b", "c", "c");
        assertThat(first.heldBack()).isTrue();
        assertThat(first.byGroup()).isTrue();
        assertThat(first.byEnd()).isFalse();
        assertThat(first.nextStart()).isBetween(Duration.ofMinutes(55), Duration.ofMinutes(65));
        complete(first.messages());
        send("b", 1);
        send("d", 1);
        assertThat(groups(claim(10))).containsExactlyInAnyOrder("b", "d");
        assertThat(claim(10).messages()).isEmpty();
    }

    @Test
    void each_group_has_no_more_in_progress_than_it_may() {
        send("a", 4);
        send("b", 1);
        limit("max_in_progress_per_group => 2");
        LimitedClaim first = claim(10);
        assertThat(groups(first)).containsExactlyInAnyOrder("a", "a", "b");
        assertThat(first.heldBack() && first.byGroup() && first.byEnd()).isTrue();
        assertThat(first.nextStart()).as("nobody knows when one ends").isNull();
        send("c", 1);
        assertThat(groups(claim(10))).containsExactly("c");
        complete(first.messages().stream()
                .filter(message -> "a".equals(message.content().group()))
                .limit(1)
                .toList());
        assertThat(groups(claim(10))).containsExactly("a");
    }

    @Test
    void both_limits_of_a_queue_and_of_its_groups_hold() {
        send("a", 3);
        send("b", 3);
        send("c", 3);
        limit("max_starts => 5, period => '1 hour', max_starts_per_group => 2, period_per_group => '1 hour'");
        LimitedClaim first = claim(4);
        assertThat(groups(first)).hasSize(4);
        LimitedClaim second = claim(10);
        assertThat(second.messages()).hasSize(1);
        assertThat(second.byGroup()).as("the queue is at its limit").isFalse();
        assertThat(JdbcClient.create(database.pool())
                        .sql("SELECT max(n) FROM (SELECT count(*) AS n FROM postroom.lease l, unnest(l.group_keys) k"
                                + " WHERE l.queue_id = :queue GROUP BY k) x")
                        .param("queue", queue.id())
                        .query(Integer.class)
                        .single())
                .isLessThanOrEqualTo(2);
    }

    @Test
    void a_group_whose_time_is_over_goes_on() {
        send("a", 3);
        limit("max_starts_per_group => 1, period_per_group => '1 hour'");
        assertThat(claim(10).messages()).hasSize(1);
        assertThat(claim(10).messages()).isEmpty();
        anHourPasses();
        assertThat(groups(claim(10))).containsExactly("a");
        assertThat(claim(10).messages()).isEmpty();
    }

    @Test
    void another_period_keeps_the_starts_of_a_group_that_count_and_forgets_the_others() {
        send("a", 3);
        limit("max_starts_per_group => 1, period_per_group => '1 hour'");
        assertThat(claim(10).messages()).hasSize(1);
        limit("max_starts_per_group => 1, period_per_group => '2 hours'");
        assertThat(claim(10).messages()).isEmpty();
        anHourPasses();
        anHourPasses();
        limit("max_starts_per_group => 1, period_per_group => '1 day'");
        assertThat(groups(claim(10))).containsExactly("a");
        assertThat(claim(10).messages()).isEmpty();
    }

    @Test
    void a_clock_that_was_set_back_holds_a_group_for_little_more_than_a_period() {
        send("a", 2);
        limit("max_starts_per_group => 1, period_per_group => '1 second'");
        assertThat(claim(10).messages()).hasSize(1);
        fixture.execute("UPDATE postroom.limited_group g SET free_at = g.free_at + 86400000000,"
                + " booked_until = ARRAY(SELECT u + 86400000000 FROM unnest(g.booked_until) u)"
                + " FROM postroom.limiter l WHERE l.id = g.limiter_id AND l.queue_id = " + queue.id());
        LimitedClaim afterwards = claim(10);
        assertThat(afterwards.messages()).isEmpty();
        assertThat(afterwards.nextStart()).isLessThan(Duration.ofSeconds(1));
        await().until(() -> claim(10).messages().size() == 1);
    }

    @Test
    void released_groups_take_no_more_than_half_of_a_claim_while_others_wait() {
        for (int i = 0; i < 6; i++) {
            send("r" + i, 2);
        }
        limit("max_starts_per_group => 1, period_per_group => '1 hour'");
        assertThat(claim(10).messages()).hasSize(6);
        for (int i = 0; i < 6; i++) {
            send("n" + i, 1);
        }
        anHourPasses();
        List<String> taken = groups(claim(6));
        assertThat(taken.stream().filter(group -> group.startsWith("n"))).hasSize(3);
        assertThat(groups(claim(10))).hasSize(6);
    }

    @Test
    void messages_without_a_group_share_a_limit() {
        for (int i = 0; i < 3; i++) {
            fixture.enqueue(new StoreFixture.Plan(queue));
        }
        send("a", 1);
        limit("max_starts_per_group => 2, period_per_group => '1 hour'");
        assertThat(groups(claim(10))).containsExactlyInAnyOrder(null, null, "a");
    }

    @Test
    void weights_hold_beside_limits() {
        fixture.execute("SELECT postroom.set_group_weight('" + queue.name() + "', 'b', 3)");
        send("a", 9);
        send("b", 9);
        limit("max_starts_per_group => 4, period_per_group => '1 hour'");
        assertThat(groups(claim(4))).containsExactly("b", "b", "b", "a");
        assertThat(groups(claim(10))).containsExactlyInAnyOrder("b", "a", "a", "a");
        assertThat(claim(10).messages()).isEmpty();
    }

    @Test
    void expired_messages_spend_no_start_of_their_group() {
        for (int i = 0; i < 2; i++) {
            fixture.enqueue(new StoreFixture.Plan(queue).group("a").timeToLive(Duration.ofMillis(1)));
        }
        fixture.execute("SELECT pg_sleep(0.005)");
        send("a", 2);
        limit("max_starts_per_group => 2, period_per_group => '1 hour'");
        assertThat(claim(2).messages()).hasSize(2).allMatch(ClaimedMessage::expired);
        assertThat(claim(10).messages()).hasSize(2);
        send("a", 1);
        assertThat(claim(10).messages()).isEmpty();
    }

    @Test
    void suspects_spend_starts_of_their_group_and_pass_by_those_at_their_limit() {
        List<UUID> first = send("a", 2);
        UUID other = send("b", 1).get(0);
        fixture.execute("UPDATE postroom.ready SET crashes = 1 WHERE queue_id = " + queue.id());
        limit("max_starts_per_group => 1, period_per_group => '1 hour', max_in_progress_per_group => 1");
        assertThat(suspect()).extracting(ClaimedMessage::id).containsExactly(first.get(0));
        assertThat(suspect()).extracting(ClaimedMessage::id).containsExactly(other);
        assertThat(suspect()).isEmpty();
        send("a", 1);
        assertThat(claim(10).messages()).as("the suspect spent its start").isEmpty();
        fixture.execute("UPDATE postroom.lease SET crashes = NULL WHERE queue_id = " + queue.id());
        fixture.execute("UPDATE postroom.ready SET crashes = 0 WHERE queue_id = " + queue.id());
    }

    @Test
    void a_lane_whose_groups_are_at_their_limits_does_not_hold_up_a_lower_one() {
        for (int i = 0; i < 3; i++) {
            fixture.enqueue(new StoreFixture.Plan(queue).group("a").priority(9));
        }
        fixture.enqueue(new StoreFixture.Plan(queue).group("a").priority(3));
        fixture.enqueue(new StoreFixture.Plan(queue).group("b").priority(3));
        limit("max_starts_per_group => 1, period_per_group => '1 hour'");
        assertThat(groups(claim(10))).containsExactlyInAnyOrder("a", "b");
    }

    // ---- many groups

    @Test
    void an_open_group_behind_a_thousand_at_their_limits_is_found() {
        fixture.execute("INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)"
                + " SELECT nextval('postroom.ready_seq'), " + queue.id()
                + ", 4, gen_random_uuid(), false, 'made-up' || lpad(i::text, 4, '0') FROM generate_series(1, 1000) i");
        limit("max_starts_per_group => 1, period_per_group => '1 hour'");
        fixture.execute("INSERT INTO postroom.limited_group (limiter_id, group_key, booked_until, booked, free_at)"
                + " SELECT l.id, r.group_key, ARRAY[t.now], ARRAY[1], t.now + 3600000000"
                + " FROM postroom.limiter l JOIN postroom.ready r ON r.queue_id = l.queue_id,"
                + " (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) t (now)"
                + " WHERE l.queue_id = " + queue.id());
        UUID newest = send("a", 1).get(0);
        LimitedClaim looked = claim(10);
        assertThat(looked.messages()).as("the round does not get there").isEmpty();
        assertThat(looked.nextStart()).isLessThan(Duration.ofMillis(10));
        assertThat(claim(10).messages()).extracting(ClaimedMessage::id).containsExactly(newest);

        UUID behind = send("b", 1).get(0);
        fixture.execute("UPDATE postroom.ready SET seq = -1 WHERE message_id = '" + behind + "'");
        fixture.execute("UPDATE postroom.limiter SET looked_at = NULL, looked_key = 'c', looked_priority = 4");
        ClaimRequest fromTheStart = request(queue, 10, ClaimKind.ORDINARY);
        Arrays.fill(fromTheStart.cursors(), -10);
        assertThat(claim(fromTheStart).messages()).isEmpty();
        assertThat(claim(fromTheStart).messages())
                .as("no longer among the newest: found by the look over all")
                .extracting(ClaimedMessage::id)
                .containsExactly(behind);
    }

    /** Lost when the row of a group is found by a join: its plan, made while there were few rows, reads those of all groups. */
    @Test
    void claims_read_the_rows_of_their_groups_alone_also_by_a_plan_from_when_there_were_few() throws SQLException {
        limit("max_starts_per_group => 5, period_per_group => '1 hour'");
        Connection connection = begin();
        send("a", 1);
        assertThat(claimOn(connection, 10).messages()).hasSize(1);
        for (int i = 0; i < 100; i++) {
            send("g" + i, 1);
        }
        assertThat(claimOn(connection, 100).messages()).hasSize(100);
        send("b", 1);
        long before = groupRowsRead(connection);
        assertThat(claimOn(connection, 10).messages()).hasSize(1);
        assertThat(groupRowsRead(connection) - before).isLessThan(20);
        connection.commit();
    }

    /** In the connection's transaction. */
    private static long groupRowsRead(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row =
                        statement.executeQuery("SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables"
                                + " WHERE relid = 'postroom.limited_group'::regclass")) {
            row.next();
            return row.getLong(1);
        }
    }

    // ---- beside others

    @Test
    void two_claims_at_once_start_no_more_of_a_group_than_it_may() throws SQLException {
        send("a", 4);
        limit("max_starts_per_group => 2, period_per_group => '1 hour', max_in_progress_per_group => 2");
        Connection first = begin();
        assertThat(claimOn(first, 1).messages()).hasSize(1);
        LimitedClaim beside = claim(10);
        assertThat(beside.messages()).as("the first may still take all").isEmpty();
        assertThat(beside.heldBack()).isTrue();
        first.commit();
        assertThat(claim(10).messages()).hasSize(1);
        assertThat(claim(10).messages()).isEmpty();
    }

    @Test
    void a_claim_that_rolled_back_has_booked_nothing() throws SQLException {
        send("a", 2);
        limit("max_starts_per_group => 2, period_per_group => '1 hour'");
        Connection first = begin();
        assertThat(claimOn(first, 2).messages()).hasSize(2);
        first.rollback();
        assertThat(claim(10).messages()).hasSize(2);
    }

    @Test
    void what_a_dead_worker_claimed_has_spent_its_starts_and_is_in_progress_until_it_is_rescued() {
        send("a", 3);
        limit("max_starts_per_group => 2, period_per_group => '1 hour'");
        assertThat(claim(2).messages()).hasSize(2);
        fixture.silence(fixture.worker);
        fixture.number("SELECT count(*) FROM postroom.rescue(interval '500 ms', 100)");
        assertThat(claim(10).messages()).isEmpty();
        assertThat(suspect()).isEmpty();
        limit("max_in_progress_per_group => 1");
        assertThat(claim(10).messages()).hasSize(1);
        assertThat(suspect()).as("one of its group is in progress").isEmpty();
    }

    @Test
    void a_message_that_is_released_beside_a_claim_is_counted_until_the_release_is_committed() throws SQLException {
        send("a", 2);
        limit("max_in_progress_per_group => 1");
        ClaimedMessage held = claim(10).messages().get(0);
        Connection release = begin();
        execute(
                release,
                "UPDATE postroom.lease SET open = B'0'::bit varying WHERE id = "
                        + held.lease().id());
        assertThat(claim(10).messages()).as("the release may roll back").isEmpty();
        release.rollback();
        assertThat(claim(10).messages()).isEmpty();
        complete(List.of(held));
        assertThat(claim(10).messages()).hasSize(1);
    }

    @Test
    void a_limit_that_is_lowered_counts_what_is_booked_and_one_that_is_raised_lets_more_start_at_once() {
        send("a", 9);
        send("b", 9);
        limit("max_starts_per_group => 3, period_per_group => '1 hour'");
        assertThat(claim(2).messages()).hasSize(2);
        limit("max_starts_per_group => 1, period_per_group => '1 hour'");
        assertThat(claim(10).messages()).isEmpty();
        limit("max_starts_per_group => 2, period_per_group => '1 hour'");
        assertThat(groups(claim(10))).containsExactlyInAnyOrder("a", "b");
        limit("max_starts_per_group => 4, period_per_group => '2 hours'");
        assertThat(groups(claim(10)))
                .as("those of before count in the new period")
                .hasSize(4);
        assertThat(claim(10).messages()).isEmpty();
    }

    @Test
    void a_limit_that_was_dropped_and_comes_back_does_not_hold_groups_by_the_old_one() {
        send("a", 3);
        limit("max_starts_per_group => 1, period_per_group => '1 day'");
        assertThat(claim(10).messages()).hasSize(1);
        assertThat(claim(10).messages()).isEmpty();
        limit("max_in_progress => 100");
        limit("max_starts_per_group => 2, period_per_group => '1 day'");
        assertThat(groups(claim(10))).containsExactly("a", "a");
    }

    @Test
    void what_is_in_progress_when_groups_get_a_limit_counts() {
        send("a", 3);
        ClaimRequest usual = request(queue, 2, ClaimKind.ORDINARY).withLimiter(false);
        assertThat(fixture.stores.leases().claim(usual)).hasSize(2);
        limit("max_in_progress_per_group => 2");
        assertThat(claim(10).messages()).isEmpty();
    }

    @Test
    void a_message_from_before_the_queue_was_fair_counts_for_its_group() throws SQLException {
        QueueRow plain = fixture.newQueue();
        Connection open = begin();
        fixture.stores.enqueue().enqueue(new StoreFixture.Plan(plain).group("a").build(), open);
        fixture.execute("SELECT postroom.set_fair('" + plain.name() + "', true)");
        fixture.enqueue(new StoreFixture.Plan(plain).group("a"));
        fixture.enqueue(new StoreFixture.Plan(plain).group("b"));
        limit(plain, "max_starts_per_group => 1, period_per_group => '1 hour'");
        open.commit();
        assertThat(groups(claim(request(plain, 10, ClaimKind.ORDINARY)))).containsExactlyInAnyOrder("a", "b");
        assertThat(claim(request(plain, 10, ClaimKind.ORDINARY)).messages()).isEmpty();
    }

    @Test
    void job_gives_keys_to_messages_that_have_none() {
        QueueRow plain = fixture.newQueue();
        for (int i = 0; i < 3; i++) {
            fixture.enqueue(new StoreFixture.Plan(plain).group("a"));
        }
        fixture.execute("SELECT postroom.set_fair('" + plain.name() + "', true)");
        limit(plain, "max_starts_per_group => 1, period_per_group => '1 hour'");
        assertThat(fixture.stores.jobs().tidyGroupLimits(2)).isEqualTo(2);
        fixture.stores.jobs().tidyGroupLimits(10_000);
        assertThat(fixture.number(
                        "SELECT count(*) FROM postroom.ready WHERE group_key = 'a' AND queue_id = " + plain.id()))
                .isEqualTo(3);
    }

    @Test
    void job_removes_groups_at_rest_and_no_other() throws SQLException {
        send("a", 1);
        send("b", 1);
        limit("max_starts_per_group => 1, period_per_group => '1 hour'");
        limiter = fixture.number("SELECT id FROM postroom.limiter WHERE queue_id = " + queue.id());
        complete(claim(10).messages());
        assertThat(rows()).isEqualTo(2);
        fixture.stores.jobs().tidyGroupLimits(10_000);
        assertThat(rows()).isEqualTo(2);
        anHourPasses();
        anHourPasses(); // and the minute for which a released group stays
        send("b", 1);
        Connection claim = begin();
        assertThat(claimOn(claim, 1).messages()).hasSize(1);
        claim.commit();
        fixture.stores.jobs().tidyGroupLimits(10_000);
        assertThat(rows()).isEqualTo(1);
        fixture.execute("SELECT postroom.remove_limiter('" + queue.name() + "')");
        fixture.stores.jobs().tidyGroupLimits(10_000);
        assertThat(rows()).isZero();
    }

    // ---- settings

    @Test
    void groups_are_limited_of_a_fair_queue_alone() throws SQLException {
        QueueRow plain = fixture.newQueue();
        assertThatThrownBy(() -> limit(plain, "max_in_progress_per_group => 1"))
                .hasStackTraceContaining("queue must be the name of a fair queue, where groups are limited");
        limit("max_in_progress_per_group => 1");
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.set_fair('" + queue.name() + "', false)"))
                .hasStackTraceContaining("fair must be true while the limiter of the queue has limits of groups");
        assertThatThrownBy(
                        () -> fixture.execute("SELECT postroom.declare_queue('" + queue.name() + "', fair => false)"))
                .hasStackTraceContaining("fair must be true while the limiter of the queue has limits of groups");
        assertThatThrownBy(() -> fixture.execute(
                        "SELECT postroom.set_limiter(destination => 'bank', max_in_progress_per_group => 1)"))
                .hasStackTraceContaining("left out for a destination");
        assertThatThrownBy(() -> limit("max_starts_per_group => 1"))
                .hasStackTraceContaining("periodPerGroup must be given with maxStartsPerGroup");
        assertThatThrownBy(() -> limit("max_starts_per_group => 0, period_per_group => '1 s'"))
                .hasStackTraceContaining("maxStartsPerGroup must be 1 to 1000000000");
    }

    /** Without the lock on the queue both would hold: a limit of groups, and a queue that is not fair. */
    @Test
    void a_queue_becomes_unfair_or_gets_limits_of_groups_never_both() throws Exception {
        Connection unfair = begin();
        execute(unfair, "SELECT postroom.set_fair('" + queue.name() + "', false)");
        Connection limits = begin();
        execute(limits, "SET LOCAL lock_timeout = '100ms'");
        assertThatThrownBy(() -> execute(limits, limitSql(queue, "max_in_progress_per_group => 1")))
                .hasMessageContaining("lock timeout");
        limits.rollback();
        unfair.commit();
        assertThatThrownBy(() -> limit("max_in_progress_per_group => 1")).hasStackTraceContaining("a fair queue");
    }

    @Test
    void explain_and_views_name_the_limit_of_the_group() {
        List<UUID> many = send("a", 2);
        UUID other = send("b", 1).get(0);
        limit("max_starts_per_group => 1, period_per_group => '1 hour', max_in_progress_per_group => 3");
        assertThat(claim(1).messages()).hasSize(1);
        assertThat(claim(10).messages()).hasSize(1);
        assertThat(other).isNotNull();
        assertThat(fixture.text("SELECT string_agg(e, '; ') FROM postroom.explain('" + many.get(1) + "') e"))
                .contains("limit: its group \"a\" has reached 1 starts in 01:00:00 (sliding) in queue \"" + queue.name()
                        + "\"; the next may start at 2");
        assertThat(fixture.number(
                        "SELECT groups_at_limit FROM postroom.limiters() WHERE queue = '" + queue.name() + "'"))
                .isEqualTo(2);
        assertThat(fixture.text(
                        "SELECT string_agg(group_key || starts || in_progress || (next_start > 3500000000), ' ')"
                                + " FROM postroom.limited_groups('" + queue.name() + "')"))
                .isIn("a11true b11true", "b11true a11true");
        limit("max_in_progress_per_group => 1");
        assertThat(fixture.text("SELECT string_agg(e, '; ') FROM postroom.explain('" + many.get(1) + "') e"))
                .contains("limit: its group \"a\" may have 1 messages in progress in queue \"" + queue.name()
                        + "\", and 1 are");
    }

    // ---- steps

    private void anHourPasses() {
        fixture.execute("UPDATE postroom.limited_group g SET free_at = g.free_at - 3700000000,"
                + " booked_until = ARRAY(SELECT u - 3700000000 FROM unnest(g.booked_until) u)"
                + " FROM postroom.limiter l WHERE l.id = g.limiter_id AND l.queue_id = " + queue.id());
    }

    private long rows() {
        return fixture.number("SELECT count(*) FROM postroom.limited_group WHERE limiter_id = " + limiter);
    }

    private List<UUID> send(String group, int messages) {
        List<UUID> ids = new ArrayList<>();
        for (int i = 0; i < messages; i++) {
            ids.add(fixture.enqueue(new StoreFixture.Plan(queue).group(group)).id());
        }
        return ids;
    }

    private void limit(String arguments) {
        limit(queue, arguments);
    }

    private void limit(QueueRow limited, String arguments) {
        fixture.execute(limitSql(limited, arguments));
    }

    private static String limitSql(QueueRow limited, String arguments) {
        return "SELECT postroom.set_limiter('" + limited.name() + "', " + arguments + ")";
    }

    private ClaimRequest request(QueueRow from, int limit, ClaimKind kind) {
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
                        kind,
                        true)
                .withTurns(kind == ClaimKind.ORDINARY ? new @Nullable String[10] : null);
    }

    private LimitedClaim claim(int limit) {
        return claim(request(queue, limit, ClaimKind.ORDINARY));
    }

    private LimitedClaim claim(ClaimRequest request) {
        return fixture.stores.leases().claimLimited(request, StartReports.NONE);
    }

    private List<ClaimedMessage> suspect() {
        return claim(request(queue, 1, ClaimKind.SUSPECT)).messages();
    }

    private LimitedClaim claimOn(Connection connection, int limit) throws SQLException {
        ClaimRequest request = request(queue, limit, ClaimKind.ORDINARY);
        long sent = System.nanoTime();
        try (Sql.Call call = ClaimSql.CLAIM_LIMITED.on(connection)) {
            return LimitedRows.claim(
                    LimitedRows.set(call, StartReports.NONE)
                            .set("worker", request.workerId())
                            .set("queue", request.queueId())
                            .set("queueName", request.queue())
                            .set("priorities", request.priorities())
                            .set("cursors", request.cursors())
                            .set("limit", request.limit())
                            .set("leaseSize", request.leaseSize())
                            .set("started", request.started())
                            .set("kind", request.kind().code())
                            .set("ordered", false)
                            .set("turns", request.turns())
                            .list(row -> LimitedRows.of(row, request)),
                    sent,
                    Comparator.comparingLong(message -> message.lease().id()));
        }
    }

    private Connection begin() throws SQLException {
        Connection connection = database.connect();
        connection.setAutoCommit(false);
        opened.add(connection);
        return connection;
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private void complete(List<ClaimedMessage> messages) {
        fixture.stores
                .leases()
                .complete(
                        fixture.worker,
                        messages.stream().map(StoreFixture::done).toList());
    }

    private static List<String> groups(LimitedClaim claim) {
        return claim.messages().stream()
                .map(message -> message.content().group())
                .toList();
    }
}
