package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.dead;
import static io.postroom.internal.postgres.StoreFixture.done;
import static io.postroom.internal.postgres.StoreFixture.retry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import io.postroom.api.StoreException;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.JobStore;
import io.postroom.internal.storage.JobStore.GroupSweep;
import io.postroom.internal.storage.QueueRow;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The steps of ordered queues, two or three connections in a fixed order of steps: each test loses without the step it is about. */
@PostgresTest
class OrderTest {
    private final TestDatabase database;
    private final StoreFixture fixture;
    private final QueueRow queue;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Connection> opened = new ArrayList<>();

    OrderTest(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
        queue = declared(QueueSettings.of(fixture.queue.name() + ".ordered").ordered(true));
    }

    private QueueRow declared(QueueSettings settings) {
        return fixture.stores.queues().declare(settings);
    }

    @AfterEach
    void endAll() throws SQLException {
        for (Connection connection : opened) {
            connection.close();
        }
        threads.shutdownNow();
        assertThat(Conservation.check(JdbcClient.create(database.pool()))).isEmpty();
    }

    // ---- steps

    private Connection begin() throws SQLException {
        Connection connection = database.connect();
        connection.setAutoCommit(false);
        opened.add(connection);
        return connection;
    }

    private UUID send(String group) {
        return send(new StoreFixture.Plan(queue).group(group));
    }

    private UUID send(StoreFixture.Plan plan) {
        return fixture.enqueue(plan).id();
    }

    private UUID send(String group, Connection connection) {
        return fixture.stores
                .enqueue()
                .enqueue(new StoreFixture.Plan(queue).group(group).build(), connection)
                .id();
    }

    private ClaimRequest request(int limit, ClaimKind kind) {
        return new ClaimRequest(
                fixture.worker,
                queue.id(),
                queue.name(),
                true,
                StoreFixture.ALL_LANES,
                new long[10],
                limit,
                200,
                limit,
                kind);
    }

    private List<ClaimedMessage> claim() {
        return fixture.stores.leases().claim(request(100, ClaimKind.ORDINARY));
    }

    private ClaimedMessage claimOnly(UUID expected) {
        List<ClaimedMessage> claimed = claim();
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(expected);
        return claimed.get(0);
    }

    private List<ClaimedMessage> claimOn(Connection connection) throws SQLException {
        ClaimRequest request = request(100, ClaimKind.ORDINARY);
        try (Sql.Call call = ClaimSql.CLAIM_ORDERED.on(connection)) {
            return call.set("worker", request.workerId())
                    .set("queue", request.queueId())
                    .set("queueName", request.queue())
                    .set("priorities", request.priorities())
                    .set("cursors", request.cursors())
                    .set("limit", request.limit())
                    .set("leaseSize", request.leaseSize())
                    .set("started", request.started())
                    .set("kind", request.kind().code())
                    .list(row -> ClaimedRows.claimed(row, request));
        }
    }

    private void complete(Completion... completions) {
        assertThat(fixture.stores.leases().complete(fixture.worker, Arrays.asList(completions)))
                .isNotEmpty();
    }

    private void completeOn(Connection connection, Completion... completions) {
        fixture.stores.leases().complete(fixture.worker, Arrays.asList(completions), connection);
    }

    private GroupSweep sweep() {
        return fixture.stores.jobs().sweepGroups(null, 1000);
    }

    private @Nullable String holder(String group) {
        List<String> holders = fixture.texts("SELECT coalesce(message_id::text, 'nobody') FROM postroom.message_group"
                + " WHERE NOT is_free AND queue_id = " + queue.id() + " AND group_key = '" + group + "'");
        return holders.isEmpty() ? null : holders.get(0);
    }

    private List<String> places(UUID id) {
        return fixture.places(id);
    }

    private String groupLine(UUID id) {
        List<String> lines =
                fixture.texts("SELECT line FROM postroom.explain('" + id + "') line WHERE line LIKE 'group:%'");
        assertThat(lines).hasSize(1);
        return lines.get(0);
    }

    private static String text(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() ? rows.getString(1) : "";
        }
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private void awaitWaiting() {
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> !fixture.texts("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                                + " AND wait_event_type = 'Lock'")
                        .isEmpty());
    }

    private static <T> T answer(Future<T> future) throws Exception {
        return future.get(30, TimeUnit.SECONDS);
    }

    private void promote() {
        fixture.execute("UPDATE postroom.delayed SET due_at = due_at - interval '1 day'");
        fixture.stores.jobs().promote(null, 1000);
    }

    // ---- one at a time, in order

    @Test
    void one_of_a_group_at_a_time_in_the_order_sent_and_groups_side_by_side() {
        UUID a1 = send("a");
        UUID a2 = send("a");
        UUID b1 = send("b");
        UUID a3 = send("a");
        List<ClaimedMessage> first = claim();
        assertThat(first).extracting(ClaimedMessage::id).containsExactly(a1, b1);
        assertThat(first).extracting(message -> message.content().group()).containsExactly("a", "b");
        assertThat(places(a2)).containsExactly("grouped");
        assertThat(claim()).isEmpty();

        complete(done(first.get(0)));
        ClaimedMessage second = claimOnly(a2);
        assertThat(claim()).isEmpty();
        complete(done(second), done(first.get(1)));
        complete(done(claimOnly(a3)));
        assertThat(fixture.number("SELECT count(*) FROM postroom.message_group WHERE NOT is_free"))
                .isZero();
        assertThat(fixture.number("SELECT count(*) FROM postroom.grouped")).isZero();
    }

    @Test
    void messages_without_a_group_wait_for_nobody() {
        UUID one = send(new StoreFixture.Plan(queue));
        UUID two = send(new StoreFixture.Plan(queue));
        List<ClaimedMessage> claimed = claim();
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(one, two);
        claimed.forEach(message -> complete(done(message)));
    }

    @Test
    void priority_orders_groups_and_not_the_messages_of_a_group() {
        UUID low = send(new StoreFixture.Plan(queue).group("a").priority(1));
        UUID high = send(new StoreFixture.Plan(queue).group("a").priority(9));
        UUID other = send(new StoreFixture.Plan(queue).group("b").priority(8));
        List<ClaimedMessage> one = fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY));
        assertThat(one).extracting(ClaimedMessage::id).containsExactly(other);
        List<ClaimedMessage> first = claim();
        assertThat(first).extracting(ClaimedMessage::id).containsExactly(low);
        complete(done(first.get(0)));
        complete(done(claimOnly(high)), done(one.get(0)));
    }

    @Test
    void group_of_an_unordered_queue_is_a_label() {
        fixture.enqueue(fixture.message().group("a"));
        fixture.enqueue(fixture.message().group("a"));
        List<ClaimedMessage> both = fixture.claim(10);
        assertThat(both)
                .hasSize(2)
                .allMatch(message -> "a".equals(message.content().group()));
        complete(done(both.get(0)), done(both.get(1)));
        assertThat(fixture.number("SELECT count(*) FROM postroom.message_group WHERE NOT is_free"))
                .isZero();
    }

    @Test
    void statements_of_unordered_queues_take_nothing_from_an_ordered_one() {
        UUID id = send("a");
        assertThat(fixture.stores
                        .leases()
                        .claim(new ClaimRequest(
                                fixture.worker,
                                queue.id(),
                                queue.name(),
                                false,
                                StoreFixture.ALL_LANES,
                                new long[10],
                                10,
                                200,
                                10,
                                ClaimKind.ORDINARY)))
                .as("a consumer that does not know yet")
                .isEmpty();
        assertThat(fixture.stores
                        .enqueue()
                        .enqueueLeased(new StoreFixture.Plan(queue).group("a").build(), fixture.worker))
                .as("sendMessageSync")
                .isEmpty();
        complete(done(claimOnly(id)));
    }

    // ---- step 1: claims come one after the other

    @Test
    void claim_that_rolls_back_does_not_let_a_younger_message_go_first() throws Exception {
        UUID older = send("a");
        Connection claiming = begin();
        assertThat(claimOn(claiming)).hasSize(1);
        UUID younger = send("a");
        Future<List<ClaimedMessage>> other = threads.submit(this::claim);
        awaitWaiting(); // beside the first one, it would skip the older message and take the younger
        claiming.rollback();
        List<ClaimedMessage> claimed = answer(other);
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(older);
        complete(done(claimed.get(0)));
        complete(done(claimOnly(younger)));
    }

    @Test
    void claim_that_commits_leaves_nothing_of_its_groups_to_the_next() throws Exception {
        send("a");
        Connection claiming = begin();
        List<ClaimedMessage> first = claimOn(claiming);
        UUID younger = send("a");
        Future<List<ClaimedMessage>> other = threads.submit(this::claim);
        awaitWaiting();
        claiming.commit();
        assertThat(answer(other)).isEmpty();
        complete(done(first.get(0)));
        complete(done(claimOnly(younger)));
    }

    // ---- step 2: all lanes, from the low watermark on, up to one seq

    @Test
    void message_committed_late_goes_before_one_sent_after_that() throws Exception {
        Connection slow = begin();
        UUID late = send("a", slow);
        complete(done(claimOnly(send("b")))); // a cursor would stand above the late one now
        slow.commit();
        UUID after = send("a");
        complete(done(claimOnly(late)));
        complete(done(claimOnly(after)));
    }

    @Test
    void look_that_ends_in_a_lane_with_more_takes_nothing_younger_of_another_lane() {
        UUID old = null;
        for (int i = 0; i < 40; i++) { // a claim of one looks at 17 rows of a lane
            UUID id = send(new StoreFixture.Plan(queue).group("busy").priority(1));
            old = old == null ? id : old;
        }
        UUID first = send(new StoreFixture.Plan(queue).group("x").priority(1));
        UUID second = send(new StoreFixture.Plan(queue).group("x").priority(9));
        List<UUID> order = new ArrayList<>();
        List<ClaimedMessage> held = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY)).forEach(message -> {
                order.add(message.id());
                if ("busy".equals(message.content().group())) {
                    held.add(message);
                } else {
                    complete(done(message));
                }
            });
        }
        assertThat(order).containsExactly(old, first, second);
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(39);
        complete(done(held.get(0)));
    }

    /** The second look of a claim begins behind the first one, so it cannot see what is committed below that meanwhile. */
    @Test
    void message_committed_late_between_two_looks_of_a_claim_goes_before_one_sent_after_that() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        Connection slow = begin();
        UUID late = send("b", slow);
        for (int i = 0; i < 40; i++) { // a claim of one looks at 17 rows first
            send("a");
        }
        Connection pausing = begin();
        run(pausing, "LOCK TABLE postroom.grouped IN SHARE ROW EXCLUSIVE MODE"); // keeps the claim from its second look
        Future<List<ClaimedMessage>> claiming =
                threads.submit(() -> fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY)));
        awaitWaiting();
        slow.commit();
        UUID after = send("b");
        pausing.commit();
        assertThat(answer(claiming)).extracting(ClaimedMessage::id).doesNotContain(after);
        complete(done(claimOnly(late)));
        complete(done(claimOnly(after)));
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(40);
        complete(done(running));
    }

    // ---- step 3: a message goes behind a busy group, or stays in ready

    @Test
    void message_that_comes_while_its_group_ends_is_not_left_behind() throws Exception {
        ClaimedMessage first = claimOnly(send("a"));
        Connection ending = begin();
        completeOn(ending, done(first));
        UUID next = send("a");
        assertThat(claim()).as("its group may be free soon").isEmpty();
        assertThat(places(next)).containsExactly("ready");
        ending.commit();
        assertThat(holder("a")).isNull();
        complete(done(claimOnly(next)));
    }

    @Test
    void end_of_a_group_waits_for_the_claim_that_puts_a_message_behind_it() throws Exception {
        ClaimedMessage first = claimOnly(send("a"));
        UUID next = send("a");
        Connection claiming = begin();
        assertThat(claimOn(claiming)).isEmpty();
        Future<?> ending = threads.submit(() -> complete(done(first)));
        awaitWaiting(); // without the lock it would see nothing behind the group and make it free
        claiming.commit();
        answer(ending);
        assertThat(holder("a")).isEqualTo(next.toString());
        complete(done(claimOnly(next)));
    }

    @Test
    void end_of_a_group_that_rolls_back_keeps_it() throws Exception {
        ClaimedMessage first = claimOnly(send("a"));
        UUID next = send("a");
        assertThat(claim()).isEmpty();
        Connection ending = begin();
        completeOn(ending, done(first));
        ending.rollback();
        assertThat(claim()).isEmpty();
        assertThat(holder("a")).isEqualTo(first.id().toString());
        complete(done(first));
        complete(done(claimOnly(next)));
    }

    @Test
    void atomic_handler_with_an_old_snapshot_loses_nothing_behind_its_group() throws Exception {
        ClaimedMessage first = claimOnly(send("a"));
        Connection ending = begin();
        ending.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        text(ending, "SELECT count(*) FROM postroom.grouped");
        UUID next = send("a");
        assertThat(claim()).isEmpty();
        assertThat(places(next)).containsExactly("grouped");
        completeOn(ending, done(first));
        ending.commit();
        assertThat(holder("a")).isEqualTo("nobody");
        assertThat(sweep().advanced()).isEqualTo(1);
        complete(done(claimOnly(next)));
    }

    // ---- steps 4 and 5: a cancel in an open transaction

    @Test
    void open_cancel_of_a_waiting_message_holds_back_those_behind_it_and_no_other_group() throws Exception {
        UUID first = send("a");
        UUID second = send("a");
        UUID other = send("b");
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + first + "')");
        ClaimedMessage ofOther = claimOnly(other);
        cancelling.rollback();
        complete(done(claimOnly(first)), done(ofOther));
        complete(done(claimOnly(second)));

        UUID third = send("a");
        UUID fourth = send("a");
        Connection again = begin();
        text(again, "SELECT postroom.cancel('" + third + "')");
        assertThat(claim()).isEmpty();
        again.commit();
        complete(done(claimOnly(fourth)));
    }

    @Test
    void group_whose_next_message_is_being_cancelled_goes_on_when_that_has_ended() throws Exception {
        for (boolean commits : new boolean[] {false, true}) {
            ClaimedMessage first = claimOnly(send("a"));
            UUID second = send("a");
            UUID third = send("a");
            assertThat(claim()).isEmpty();
            Connection cancelling = begin();
            text(cancelling, "SELECT postroom.cancel('" + second + "')");
            complete(done(first)); // does not wait for it
            assertThat(holder("a")).isEqualTo("nobody");
            assertThat(claim()).isEmpty();
            sweep();
            assertThat(holder("a")).as("while it is open").isEqualTo("nobody");
            if (commits) {
                cancelling.commit();
            } else {
                cancelling.rollback();
            }
            sweep();
            if (!commits) {
                complete(done(claimOnly(second)));
            }
            complete(done(claimOnly(third)));
        }
    }

    // ---- where a holder may go

    @Test
    void retry_and_release_block_the_group() {
        UUID first = send("a");
        UUID second = send("a");
        complete(retry(claimOnly(first), Duration.ofHours(1), "no"));
        assertThat(places(first)).containsExactly("delayed");
        assertThat(claim()).isEmpty();
        sweep();
        assertThat(claim()).as("a DELAYED holder still holds").isEmpty();
        promote();
        complete(Completion.release(claimOnly(first)));
        complete(done(claimOnly(first)));
        complete(done(claimOnly(second)));
    }

    @Test
    void delayed_message_joins_its_group_when_it_is_due() {
        UUID delayed = send(new StoreFixture.Plan(queue).group("a").delay(Duration.ofHours(1)));
        ClaimedMessage first = claimOnly(send("a"));
        promote();
        assertThat(claim()).isEmpty();
        assertThat(places(delayed)).containsExactly("grouped");
        complete(done(first));
        complete(done(claimOnly(delayed)));
    }

    @Test
    void dead_letter_releases_its_group_and_goes_in_front_when_redriven() {
        UUID first = send("a");
        UUID second = send("a");
        UUID third = send("a");
        complete(dead(claimOnly(first), "no"));
        ClaimedMessage running = claimOnly(second);
        fixture.stores.operator().redrive(first);
        assertThat(claim()).isEmpty();
        complete(done(running));
        complete(done(claimOnly(first)));
        complete(done(claimOnly(third)));
    }

    @Test
    void dead_letter_blocks_its_group_if_the_queue_says_so_until_it_is_redriven_or_released() {
        declared(QueueSettings.of(queue.name()).onDeadLetter(OnDeadLetter.BLOCK));
        UUID first = send("a");
        UUID second = send("a");
        UUID third = send("a");
        complete(dead(claimOnly(first), "no"));
        sweep();
        assertThat(claim()).isEmpty();
        assertThat(groupLine(second))
                .startsWith("group: message " + first + " holds group \"a\"")
                .contains(
                        "it is a dead letter (attempts_spent), for which this queue blocks the group",
                        "this one is next");
        fixture.stores.operator().redrive(first);
        complete(dead(claimOnly(first), "no"));
        declared(QueueSettings.of(queue.name()).onDeadLetter(OnDeadLetter.RELEASE));
        sweep();
        complete(done(claimOnly(second)));
        complete(done(claimOnly(third)));
    }

    @Test
    void dead_worker_gives_its_message_back_as_the_first_of_its_group() {
        UUID first = send("a");
        UUID second = send("a");
        int other = fixture.newWorker();
        ClaimRequest request = request(10, ClaimKind.ORDINARY);
        assertThat(fixture.stores
                        .leases()
                        .claim(new ClaimRequest(
                                other,
                                queue.id(),
                                queue.name(),
                                true,
                                request.priorities(),
                                request.cursors(),
                                10,
                                200,
                                10,
                                ClaimKind.ORDINARY)))
                .hasSize(1);
        fixture.silence(other);
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> !fixture.stores
                        .jobs()
                        .rescue(StoreFixture.LEASE_TIME, 10)
                        .isEmpty());
        assertThat(claim()).as("a suspect is claimed by itself").isEmpty();
        List<ClaimedMessage> suspect = fixture.stores.leases().claim(request(1, ClaimKind.SUSPECT));
        assertThat(suspect).extracting(ClaimedMessage::id).containsExactly(first);
        complete(done(suspect.get(0)));
        complete(done(claimOnly(second)));
    }

    @Test
    void cancelled_holder_lets_its_group_go_on_at_once() {
        UUID first = send("a");
        UUID second = send("a");
        complete(retry(claimOnly(first), Duration.ofHours(1), "no"));
        assertThat(claim()).isEmpty();
        assertThat(fixture.stores.operator().cancel(first)).isEqualTo(1);
        complete(done(claimOnly(second)));
    }

    @Test
    void expired_holder_lets_its_group_go_on() {
        UUID first = send(new StoreFixture.Plan(queue).group("a").timeToLive(Duration.ofHours(2)));
        UUID behind = send(new StoreFixture.Plan(queue).group("a").timeToLive(Duration.ofHours(2)));
        UUID third = send("a");
        complete(retry(claimOnly(first), Duration.ofHours(1), "no"));
        assertThat(claim()).isEmpty();
        fixture.execute(
                "UPDATE postroom.message SET expires_at = now() - interval '1 second' WHERE expires_at IS NOT NULL");
        assertThat(fixture.stores.jobs().expire(null, null, 10_000)).isEqualTo(new JobStore.Expiry(null, null));
        assertThat(places(first)).containsExactly("finished");
        assertThat(places(behind)).containsExactly("finished");
        sweep();
        complete(done(claimOnly(third)));
    }

    @Test
    void rescheduled_message_leaves_its_place() {
        ClaimedMessage first = claimOnly(send("a"));
        UUID second = send("a");
        UUID third = send("a");
        assertThat(claim()).isEmpty();
        assertThat(fixture.stores.operator().reschedule(second, Instant.now().plusSeconds(3600)))
                .isEqualTo(1);
        complete(done(first));
        complete(done(claimOnly(third)));
        promote();
        complete(done(claimOnly(second)));
    }

    @Test
    void purge_and_delete_empty_the_groups() {
        ClaimedMessage running = claimOnly(send("a"));
        send("a");
        send("a");
        assertThat(claim()).isEmpty();
        assertThatThrownBy(() -> fixture.stores.operator().delete(queue.name(), true, false))
                .hasMessageContaining("not empty");
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(2);
        complete(done(running));
        ClaimedMessage next = claimOnly(send("a"));
        send("a");
        assertThat(claim()).isEmpty();
        fixture.stores.operator().delete(queue.name(), false, false);
        assertThat(fixture.number("SELECT count(*) FROM postroom.grouped")).isZero();
        complete(done(next));
    }

    // ---- a lock is never a poison pill

    @Test
    void lost_and_strange_rows_of_groups_do_not_stop_a_group() {
        UUID first = send("a");
        UUID second = send("a");
        ClaimedMessage running = claimOnly(first);
        assertThat(claim()).isEmpty();
        fixture.execute("DELETE FROM postroom.message_group");
        complete(done(running));
        assertThat(places(second)).containsExactly("grouped");
        sweep();
        complete(done(claimOnly(second)));

        UUID third = send("b");
        fixture.execute("INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch) VALUES ("
                + queue.id() + ", 'b', gen_random_uuid(), 5000000000, 0)");
        assertThat(claim()).isEmpty();
        sweep();
        sweep();
        complete(done(claimOnly(third)));

        UUID fourth = send("c");
        fixture.execute("UPDATE postroom.ready SET moved = true, deliveries = 3 WHERE message_id = '" + fourth + "'");
        complete(done(claimOnly(fourth)));
        assertThat(fixture.number("SELECT count(*) FROM postroom.message_group WHERE NOT is_free"))
                .isZero();
    }

    @Test
    void worker_that_does_not_hand_on_leaves_that_to_the_sweep() {
        UUID first = send("a");
        UUID second = send("a");
        ClaimedMessage running = claimOnly(first);
        assertThat(claim()).isEmpty();
        fixture.execute("SELECT postroom.complete_one(" + fixture.worker + ", "
                + running.lease().id() + ", '" + first + "', 1::int2, 1, 1)");
        assertThat(claim()).isEmpty();
        sweep();
        complete(done(claimOnly(second)));
    }

    /** The sweep holds the lock of the claims here: to wait for a user's transaction would stop the whole queue. */
    @Test
    void sweep_does_not_wait_for_a_transaction_that_ends_a_group_of_a_strange_row() throws Exception {
        UUID first = send("a");
        UUID second = send("a");
        ClaimedMessage running = claimOnly(first);
        assertThat(claim()).isEmpty();
        fixture.execute("UPDATE postroom.message_group SET low = 5000000000"); // the sweep has to mend it
        Connection ending = begin();
        completeOn(ending, done(running));
        Future<GroupSweep> sweeping = threads.submit(this::sweep);
        answer(sweeping);
        UUID other = send("b");
        complete(done(claimOnly(other)));
        ending.commit();
        sweep();
        complete(done(claimOnly(second)));
    }

    /** The sweep decides on a snapshot. The holder that was dead there may be claimed again before the group's row is locked. */
    @Test
    void holder_that_comes_back_while_the_sweep_looks_keeps_its_group() throws Exception {
        declared(QueueSettings.of(queue.name()).crashLimit(1));
        UUID first = send("a");
        UUID second = send("a");
        bury(first);
        assertThat(claim()).isEmpty();
        assertThat(places(second)).containsExactly("grouped");

        Connection coming = begin();
        run(coming, "LOCK TABLE postroom.message_group IN EXCLUSIVE MODE"); // the sweep may look and not lock
        Future<GroupSweep> sweeping = threads.submit(this::sweep);
        awaitWaiting();
        text(coming, "SELECT postroom.redrive('" + first + "')");
        List<ClaimedMessage> running = claimOn(coming);
        coming.commit();
        answer(sweeping);
        assertThat(running).extracting(ClaimedMessage::id).containsExactly(first);
        assertThat(claim()).as("two messages of one group at once").isEmpty();
        assertThat(holder("a")).isEqualTo(first.toString());
        complete(done(running.get(0)));
        complete(done(claimOnly(second)));
    }

    @Test
    void holder_that_was_buried_and_redriven_after_the_sweep_waits_for_its_turn() {
        declared(QueueSettings.of(queue.name()).crashLimit(1));
        UUID first = send("a");
        UUID second = send("a");
        UUID third = send("a");
        bury(first);
        assertThat(claim()).isEmpty();
        sweep();
        fixture.stores.operator().redrive(first);
        ClaimedMessage running = claimOnly(second);
        complete(done(running));
        complete(done(claimOnly(first)));
        complete(done(claimOnly(third)));
    }

    /** A worker claims the message and dies; at a crash limit of 1 the rescue makes it a dead letter, which still holds its group. */
    private void bury(UUID id) {
        int other = fixture.newWorker();
        ClaimRequest own = request(1, ClaimKind.ORDINARY);
        assertThat(fixture.stores
                        .leases()
                        .claim(new ClaimRequest(
                                other,
                                queue.id(),
                                queue.name(),
                                true,
                                own.priorities(),
                                own.cursors(),
                                1,
                                200,
                                1,
                                ClaimKind.ORDINARY)))
                .extracting(ClaimedMessage::id)
                .containsExactly(id);
        fixture.silence(other);
        Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> {
            fixture.stores.jobs().rescue(StoreFixture.LEASE_TIME, 10);
            return places(id).equals(List.of("dead"));
        });
    }

    // ---- a purge beside a live consumer

    @Test
    void purge_finds_what_a_claim_puts_behind_its_group_after_the_purge_looked_there() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        UUID waiting = send("a");
        QueuePurge purge = QueuePurge.of(queue.id());
        Connection purging = begin();
        assertThat(step(purge, purging)).isTrue();
        assertThat(claim()).isEmpty();
        assertThat(places(waiting)).containsExactly("grouped");
        UUID later = send("a");
        assertThat(claim()).isEmpty();
        finish(purge, purging);
        assertThat(places(waiting)).containsExactly("finished");
        assertThat(places(later)).as("sent after the purge began").containsExactly("grouped");
        assertThat(purge.cancelled()).isEqualTo(1);
        complete(done(running));
        complete(done(claimOnly(later)));
    }

    @Test
    void purge_finds_what_becomes_ready_from_behind_its_group_meanwhile() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        UUID waiting = send("a");
        assertThat(claim()).isEmpty();
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + waiting + "')");
        QueuePurge purge = QueuePurge.of(queue.id());
        Connection purging = begin();
        assertThat(step(purge, purging)).isTrue();
        cancelling.rollback();
        complete(done(running));
        assertThat(places(waiting)).containsExactly("ready");
        finish(purge, purging);
        assertThat(places(waiting)).containsExactly("finished");
        sweep();
        complete(done(claimOnly(send("a"))));
    }

    /** Its row in ready is locked while the purge looks there. Afterwards it is behind its group. */
    @Test
    void purge_finds_what_a_claim_is_moving_while_the_purge_looks() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        UUID waiting = send("a");
        QueuePurge purge = QueuePurge.of(queue.id());
        Connection purging = begin();
        Connection claiming = begin();
        assertThat(claimOn(claiming)).isEmpty();
        for (int look = 0; look < 4; look++) { // behind groups, READY twice, and what has moved
            assertThat(step(purge, purging)).isTrue();
        }
        claiming.commit();
        assertThat(places(waiting)).containsExactly("grouped");
        finish(purge, purging);
        assertThat(places(waiting)).containsExactly("finished");
        complete(done(running));
    }

    @Test
    void purge_ends_while_a_message_is_locked_by_an_open_transaction() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        UUID locked = send("a");
        UUID waiting = send("a");
        assertThat(claim()).isEmpty();
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + locked + "')");
        assertThat(answer(threads.submit(() -> fixture.stores.operator().purge(queue.name()))))
                .isEqualTo(1);
        assertThat(places(waiting)).containsExactly("finished");
        cancelling.rollback();
        complete(done(running));
        complete(done(claimOnly(locked)));
    }

    private static boolean step(QueuePurge purge, Connection connection) throws SQLException {
        boolean goesOn = purge.step(connection);
        connection.commit();
        return goesOn;
    }

    private static void finish(QueuePurge purge, Connection connection) throws SQLException {
        while (step(purge, connection)) {
            // the next batch
        }
    }

    // ---- more in READY than one look sees

    @Test
    void open_cancel_in_front_of_thousands_of_its_group_does_not_stop_other_groups() throws Exception {
        UUID first = send("a");
        for (int part = 0; part < 6; part++) {
            StoreFixture.Plan[] plans = new StoreFixture.Plan[1000];
            Arrays.setAll(plans, i -> new StoreFixture.Plan(queue).group("a"));
            fixture.enqueueAll(plans);
        }
        UUID other = send("b");
        UUID afterOther = send("b");
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + first + "')");
        ClaimedMessage running = claimOnly(other);
        assertThat(places(afterOther)).containsExactly("grouped");
        assertThat(fixture.number("SELECT count(*) FROM postroom.grouped WHERE group_key = 'a'"))
                .as("went past the one in front of them")
                .isZero();
        cancelling.rollback();
        List<ClaimedMessage> claimed = claim();
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(first);
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(6001);
        assertThat(places(afterOther)).containsExactly("finished");
        complete(done(running), done(claimed.get(0)));
    }

    @Test
    void claim_of_one_finds_what_is_free_behind_what_others_have_locked() throws Exception {
        UUID grouped = send("a");
        UUID alone = send(new StoreFixture.Plan(queue));
        UUID other = send("b");
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + grouped + "')");
        text(cancelling, "SELECT postroom.cancel('" + alone + "')");
        List<ClaimedMessage> claimed = fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY));
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(other);
        cancelling.rollback();
        List<ClaimedMessage> rest = claim();
        assertThat(rest).extracting(ClaimedMessage::id).containsExactly(grouped, alone);
        complete(done(claimed.get(0)), done(rest.get(0)), done(rest.get(1)));
    }

    @Test
    void claim_of_one_finds_what_is_free_behind_more_locked_rows_than_it_has_looks() throws Exception {
        StoreFixture.Plan[] plans = new StoreFixture.Plan[60];
        Arrays.setAll(plans, i -> new StoreFixture.Plan(queue).group(i % 2 == 0 ? "g" + i : null));
        fixture.enqueueAll(plans);
        UUID free = send("free");
        Connection cancelling = begin();
        run(
                cancelling,
                "SELECT FROM postroom.ready WHERE queue_id = " + queue.id() + " ORDER BY seq LIMIT 60 FOR UPDATE");
        List<ClaimedMessage> claimed = fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY));
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(free);
        cancelling.rollback();
        complete(done(claimed.get(0)));
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(60);
    }

    @Test
    void suspect_whose_group_somebody_is_ending_does_not_stop_the_other_suspects() throws Exception {
        UUID first = send("a");
        UUID other = send("b");
        int dying = fixture.newWorker();
        fixture.execute("SELECT FROM postroom.claim_ordered(%d, %d, '%s', '{4}', '{0}', 10, 1, 10, 0)"
                .formatted(dying, queue.id(), queue.name()));
        fixture.silence(dying);
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> !fixture.stores
                        .jobs()
                        .rescue(StoreFixture.LEASE_TIME, 10)
                        .isEmpty());
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + first + "')");
        List<ClaimedMessage> claimed = fixture.stores.leases().claim(request(1, ClaimKind.SUSPECT));
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(other);
        cancelling.rollback();
        complete(done(claimed.get(0)));
        complete(done(
                fixture.stores.leases().claim(request(1, ClaimKind.SUSPECT)).get(0)));
    }

    // ---- declarations

    /** Whoever changes that in a long transaction must not keep all processes from all queues. */
    @Test
    void ordered_changed_in_an_open_transaction_stops_nobody_else() throws Exception {
        Connection open = begin();
        assertThat(text(open, "SELECT postroom.set_ordered('" + queue.name() + "', false)"))
                .isEqualTo("t");
        UUID elsewhere = answer(threads.submit(() -> fixture.enqueue()));
        ClaimedMessage claimed = answer(threads.submit(fixture::claimOne));
        assertThat(claimed.id()).isEqualTo(elsewhere);
        UUID here = answer(threads.submit(() -> send("a")));
        ClaimedMessage running = answer(threads.submit(() -> claimOnly(here)));
        assertThatThrownBy(open::commit).hasMessageContaining("while queue \"" + queue.name() + "\" holds messages");
        assertThat(fixture.text("SELECT ordered FROM postroom.queue WHERE id = " + queue.id()))
                .isEqualTo("t");
        complete(done(claimed), done(running));
        assertThat(fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', false)"))
                .isEqualTo("t");
    }

    @Test
    void ordered_does_not_change_while_a_claim_is_not_committed() throws Exception {
        send("a");
        Connection claiming = begin();
        List<ClaimedMessage> claimed = claimOn(claiming);
        assertThatThrownBy(() -> fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', false)"))
                .hasStackTraceContaining("holds messages");
        claiming.commit();
        complete(done(claimed.get(0)));
    }

    /** A message that goes from a lease to delayed while the change waits for its lock is seen only by a look after that. */
    @Test
    void ordered_does_not_change_over_a_message_that_is_delayed_while_the_lock_is_awaited() throws Exception {
        // time for the steps in between
        fixture.execute("ALTER FUNCTION postroom.require_empty() SET lock_timeout = '30s'");
        try {
            Connection sending = begin();
            fixture.stores
                    .enqueue()
                    .enqueue(
                            new StoreFixture.Plan(queue)
                                    .group("a")
                                    .delay(Duration.ofHours(1))
                                    .build(),
                            sending);
            Future<String> changed =
                    threads.submit(() -> fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', false)"));
            awaitWaiting();
            sending.commit();
            assertThatThrownBy(() -> answer(changed)).hasStackTraceContaining("holds messages");
        } finally {
            fixture.execute("ALTER FUNCTION postroom.require_empty() SET lock_timeout = '50ms'");
        }
        promote();
        complete(done(claim().get(0)));
    }

    @Test
    void transaction_that_makes_a_queue_ordered_may_send_to_it() throws Exception {
        QueueRow usual = fixture.newQueue();
        Connection open = begin();
        assertThat(text(open, "SELECT postroom.set_ordered('" + usual.name() + "', true)"))
                .isEqualTo("t");
        for (String delay : List.of("NULL", "interval '1 hour'")) {
            text(
                    open,
                    "SELECT id FROM postroom.create_message(queue => '%s', type => 't', payload => '1', group_key => 'a', delay => %s)"
                            .formatted(usual.name(), delay));
        }
        open.commit();
        assertThat(fixture.text("SELECT ordered FROM postroom.queue WHERE id = " + usual.id()))
                .isEqualTo("t");
        assertThat(fixture.stores.operator().purge(usual.name())).isEqualTo(2);
    }

    @Test
    void transaction_that_makes_a_queue_ordered_may_send_to_it_after_a_savepoint() throws Exception {
        QueueRow usual = fixture.newQueue();
        Connection open = begin();
        text(open, "SELECT postroom.set_ordered('" + usual.name() + "', true)");
        for (String delay : List.of("NULL", "interval '1 hour'")) {
            run(open, "SAVEPOINT before_sending");
            text(
                    open,
                    "SELECT id FROM postroom.create_message(queue => '%s', type => 't', payload => '1', group_key => 'a', delay => %s)"
                            .formatted(usual.name(), delay));
            run(open, "RELEASE before_sending");
        }
        fixture.enqueue(); // draws a number of a transaction that has ended before this one
        open.commit();
        assertThat(fixture.text("SELECT ordered FROM postroom.queue WHERE id = " + usual.id()))
                .isEqualTo("t");
        assertThat(fixture.stores.operator().purge(usual.name())).isEqualTo(2);
    }

    /** It began later and ended earlier: its number alone does not tell it from a savepoint of the change. */
    @Test
    void ordered_does_not_change_over_a_message_of_a_younger_transaction() throws Exception {
        QueueRow usual = fixture.newQueue();
        Connection open = begin();
        text(open, "SELECT postroom.set_ordered('" + usual.name() + "', true)");
        fixture.enqueue(new StoreFixture.Plan(usual).group("a"));
        assertThatThrownBy(open::commit).hasMessageContaining("holds messages");
        assertThat(fixture.stores.operator().purge(usual.name())).isEqualTo(1);
    }

    @Test
    void ordered_changes_only_while_the_queue_is_empty() throws Exception {
        QueueSettings unordered = QueueSettings.of(queue.name()).ordered(false);
        UUID id = send("a");
        assertThatThrownBy(() -> declared(unordered))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("ordered must be left true while queue \"" + queue.name() + "\" holds messages");
        complete(done(claimOnly(id)));
        Connection open = begin();
        text(open, "SELECT count(*) FROM postroom.queue");
        assertThatThrownBy(() -> declared(unordered))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("transactions that use queues are open");
        open.commit();
        assertThat(declared(unordered).ordered()).isFalse();
        assertThat(fixture.text("SELECT ordered FROM postroom.queue WHERE id = " + queue.id()))
                .isEqualTo("f");
        assertThat(fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', true)"))
                .isEqualTo("t");
        assertThat(fixture.text("SELECT postroom.set_ordered('" + queue.name() + "', true)"))
                .isEqualTo("f");
    }

    @Test
    void explain_says_who_holds_the_group() {
        UUID first = send("a");
        UUID second = send("a");
        UUID third = send("a");
        ClaimedMessage running = claimOnly(first);
        assertThat(claim()).isEmpty();
        assertThat(groupLine(third))
                .startsWith("group: message " + first + " holds group \"a\" of queue \"" + queue.name() + "\" since ")
                .contains("worker \"test\" works on it", "1 message of the group waits before this one");
        complete(retry(running, Duration.ofHours(1), "no"));
        assertThat(groupLine(second)).contains("it waits until ", "because of retry; this one is next");
        promote();
        complete(done(claimOnly(first)));
        complete(done(claimOnly(second)));
        complete(done(claimOnly(third)));
    }
}
