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
import io.postroom.internal.storage.StartBooking;
import io.postroom.internal.storage.StartReports;
import io.postroom.internal.storage.StartReports.Start;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The steps of limited queues, two or three connections in a fixed order of steps: each test loses without the step it is about. */
@PostgresTest
class LimiterTest {
    private final TestDatabase database;
    private final StoreFixture fixture;
    private final QueueRow queue;
    private final Sessions sessions;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Connection> opened = new ArrayList<>();

    LimiterTest(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
        sessions = new Sessions(database.pool());
        queue = fixture.queue;
    }

    @AfterEach
    void endAll() throws SQLException {
        for (Connection connection : opened) {
            connection.rollback(); // a session that is closed keeps its locks for a moment
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

    private void send(int messages) {
        for (int i = 0; i < messages; i++) {
            fixture.enqueue();
        }
    }

    private void limit(String arguments) {
        fixture.execute(limitSql(arguments));
    }

    private String limitSql(String arguments) {
        return "SELECT postroom.set_limiter('" + queue.name() + "', " + arguments + ")";
    }

    private void removeLimit() {
        fixture.execute("SELECT postroom.remove_limiter('" + queue.name() + "')");
    }

    private ClaimRequest request(int limit) {
        return fixture.request(limit).withLimiter(true);
    }

    private LimitedClaim claim(int limit) {
        return fixture.stores.leases().claimLimited(request(limit), StartReports.NONE);
    }

    private LimitedClaim claimOn(Connection connection, int limit) throws SQLException {
        ClaimRequest request = request(limit);
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
                            .set("turns", (String[]) null)
                            .list(row -> LimitedRows.of(row, request)),
                    sent,
                    Comparator.comparingLong(message -> message.lease().id()));
        }
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

    // ---- how many

    @Test
    void claims_bring_no_more_than_may_start_and_say_when_more_may() {
        send(5);
        limit("max_starts => 3, period => '1 hour'");
        LimitedClaim first = claim(2);
        assertThat(first.messages()).hasSize(2);
        assertThat(first.heldBack()).as("two were wanted and two came").isFalse();
        LimitedClaim second = claim(10);
        assertThat(second.messages()).hasSize(1);
        assertThat(second.heldBack()).isTrue();
        assertThat(second.nextStart()).isBetween(Duration.ofMinutes(50), Duration.ofMinutes(70));
        complete(first.messages());
        LimitedClaim third = claim(10);
        assertThat(third.messages())
                .as("a start stays spent when its message has ended")
                .isEmpty();
        assertThat(third.nextStart()).isBetween(Duration.ofMinutes(50), Duration.ofMinutes(70));
    }

    @Test
    void claims_bring_no_more_than_may_be_in_progress() {
        send(5);
        limit("max_in_progress => 2");
        LimitedClaim first = claim(10);
        assertThat(first.messages())
                .hasSize(2)
                .allMatch(message -> message.lease().startBy() == null);
        assertThat(first.heldBack()).isTrue();
        assertThat(first.nextStart()).as("nobody knows when one ends").isNull();
        assertThat(claim(10).messages()).isEmpty();
        complete(first.messages().subList(0, 1));
        assertThat(claim(10).messages()).hasSize(1);
    }

    @Test
    void messages_have_to_start_before_their_booking_ends() {
        send(1);
        limit("max_starts => 3, period => '1 minute'");
        long before = System.nanoTime();
        ClaimedMessage message = claim(1).messages().get(0);
        assertThat(message.lease().startBy() - before)
                .isBetween(
                        Duration.ofSeconds(1).toNanos(), Duration.ofSeconds(1).toNanos() + System.nanoTime() - before);
        assertThat(message.lease().isLate()).isFalse();
    }

    @Test
    void expired_messages_spend_no_start() {
        fixture.enqueue(fixture.message().timeToLive(Duration.ofMillis(1)));
        fixture.execute("SELECT pg_sleep(0.005)");
        send(2);
        limit("max_starts => 2, period => '1 hour'");
        assertThat(claim(2).messages()).hasSize(2).anyMatch(ClaimedMessage::expired);
        assertThat(claim(2).messages()).hasSize(1);
        assertThat(claim(2).messages()).isEmpty();
    }

    @Test
    void suspects_spend_starts_like_others() {
        send(2);
        assertThat(fixture.claim(2)).hasSize(2);
        fixture.silence(fixture.worker);
        fixture.number("SELECT count(*) FROM postroom.rescue(interval '500 ms', 100)");
        limit("max_starts => 1, period => '1 hour'");
        ClaimRequest suspect = new ClaimRequest(
                fixture.worker,
                queue.id(),
                queue.name(),
                false,
                StoreFixture.ALL_LANES,
                new long[10],
                1,
                200,
                1,
                ClaimKind.SUSPECT,
                true);
        assertThat(fixture.stores.leases().claim(suspect)).hasSize(1);
        assertThat(fixture.stores.leases().claim(suspect)).isEmpty();
    }

    @Test
    void an_ordered_queue_is_limited_too() {
        QueueRow ordered = fixture.stores
                .queues()
                .declare(QueueSettings.of(queue.name() + ".ordered").ordered(true));
        for (String group : List.of("a", "a", "b", "c")) {
            fixture.enqueue(new StoreFixture.Plan(ordered).group(group));
        }
        fixture.execute("SELECT postroom.set_limiter('" + ordered.name() + "', max_starts => 2, period => '1 hour')");
        ClaimRequest request = new ClaimRequest(
                fixture.worker,
                ordered.id(),
                ordered.name(),
                true,
                StoreFixture.ALL_LANES,
                new long[10],
                10,
                200,
                10,
                ClaimKind.ORDINARY,
                true);
        LimitedClaim claimed = fixture.stores.leases().claimLimited(request, StartReports.NONE);
        assertThat(claimed.messages())
                .extracting(message -> message.content().group())
                .containsExactly("a", "b");
        assertThat(claimed.messages()).allMatch(message -> message.lease().holdsGroup());
        assertThat(fixture.stores
                        .leases()
                        .claimLimited(request, StartReports.NONE)
                        .messages())
                .isEmpty();
        assertThat(fixture.stores.leases().claim(request.withLimiter(false)))
                .as("by a process that has not heard of the limit")
                .isEmpty();
    }

    // ---- reports

    /** As if the calls had begun and returned at that time. */
    private static void run(LimitedClaim claim, long nanos) {
        for (ClaimedMessage message : claim.messages()) {
            StartBooking booking = message.lease().booking();
            booking.begins(message.id(), true, false, nanos);
            booking.ended(message.id(), nanos);
        }
    }

    private static StartReports reports(LimitedClaim claim, long nanos) {
        Map<StartReports.Start, Integer> counts = new HashMap<>();
        claim.booking()
                .report(nanos, (deadline, started) -> counts.merge(new Start(deadline, started), 1, Integer::sum));
        return new StartReports(claim.booking().limits(), counts);
    }

    private LimitedClaim claimWith(StartReports reports) {
        return fixture.stores.leases().claimLimited(request(10), reports);
    }

    private long lastBooking() {
        return fixture.number(
                "SELECT max(b.until) FROM postroom.limiter l, unnest(l.booked_until, l.booked) b (until, n)"
                        + " WHERE b.n > 0 AND l.queue_id = " + queue.id());
    }

    @Test
    void a_start_that_is_reported_counts_from_its_own_time_on() {
        send(5);
        limit("max_starts => 3, period => '1 minute'");
        long before = System.nanoTime();
        LimitedClaim first = claim(10);
        assertThat(first.messages()).hasSize(3);
        long end = lastBooking();
        run(first, before);
        assertThat(claimWith(reports(first, before)).messages()).isEmpty();
        assertThat(lastBooking()).as("a booking is for 1.1 s, a slice 150 ms").isLessThanOrEqualTo(end - 800_000);
    }

    @Test
    void a_start_that_will_never_be_is_given_back() {
        send(5);
        limit("max_starts => 3, period => '1 hour'");
        LimitedClaim first = claim(10);
        run(new LimitedClaim(first.messages().subList(0, 1), true, null), System.nanoTime());
        StartReports reports =
                reports(first, System.nanoTime() + Duration.ofMinutes(1).toNanos());
        assertThat(claimWith(reports).messages()).hasSize(2);
    }

    @Test
    void no_starts_are_reported_while_half_of_the_limit_is_free() {
        send(3);
        limit("max_starts => 4, period => '1 hour'");
        assertThat(claim(2).booking()).isNull();
        assertThat(claim(1).booking()).isNotNull();
    }

    /** Lost without the limits in the report: another booking has the place of the old one. */
    @Test
    void a_report_about_a_limiter_that_was_set_anew_counts_nothing() {
        send(5);
        limit("max_starts => 1, period => '1 hour'");
        LimitedClaim first = claim(10);
        StartReports reports =
                reports(first, System.nanoTime() + Duration.ofMinutes(1).toNanos());
        limit("max_starts => 1, period => '2 hours'");
        fixture.execute("UPDATE postroom.limiter SET booked_until = ARRAY[postroom.start_slice(7200000000, 'sliding', "
                + reports.counts().keySet().iterator().next().deadline() + ")]");
        assertThat(claimWith(reports).messages()).isEmpty();
    }

    @Test
    void a_claim_that_meets_a_lock_says_that_it_missed_the_reports() throws Exception {
        send(3);
        limit("max_starts => 1, period => '1 hour'");
        LimitedClaim first = claim(10);
        assertThat(first.missedReports()).isFalse();
        StartReports reports =
                reports(first, System.nanoTime() + Duration.ofMinutes(1).toNanos());
        Connection other = begin();
        execute(other, "SELECT FROM postroom.limiter FOR UPDATE");
        LimitedClaim beside = claimWith(reports);
        assertThat(beside.messages()).isEmpty();
        assertThat(beside.missedReports()).isTrue();
        other.rollback();
        assertThat(claimWith(reports).messages()).hasSize(1);
    }

    @Test
    void a_clock_that_was_set_back_gives_no_start_back_early() {
        send(3);
        limit("max_starts => 1, period => '1 hour'");
        assertThat(claim(10).messages()).hasSize(1);
        fixture.execute("UPDATE postroom.limiter SET booked_until = ARRAY[booked_until[1] + 86400000000]");
        LimitedClaim afterwards = claim(10);
        assertThat(afterwards.messages()).isEmpty();
        assertThat(afterwards.nextStart()).isBetween(Duration.ofMinutes(59), Duration.ofMinutes(61));
    }

    @Test
    void a_clock_that_was_set_back_holds_a_queue_for_little_more_than_a_period() {
        send(2);
        limit("max_starts => 1, period => '1 second'");
        assertThat(claim(10).messages()).hasSize(1);
        fixture.execute("UPDATE postroom.limiter SET booked_until = ARRAY[booked_until[1] + 86400000000]");
        await().until(() -> claim(10).messages().size() == 1);
    }

    // ---- what is free soon

    /** As if one start had been booked that counts for so long from now on. */
    private void bookUntil(Duration ahead) {
        fixture.execute("UPDATE postroom.limiter SET booked = ARRAY[1], booked_until = ARRAY["
                + "(extract(epoch FROM clock_timestamp() - period + interval '" + ahead.toMillis()
                + " ms') * 1000000)::bigint]");
    }

    /** Lost when the claim does not say from when on, or the worker reckons from before the claim. */
    @Test
    void a_message_that_is_claimed_before_its_start_is_free_does_not_start_before() throws Exception {
        send(1);
        limit("max_starts => 1, period => '1 minute'");
        int early = 0;
        for (int i = 0; i < 20; i++) {
            bookUntil(Duration.ofMillis(20));
            long free = lastBooking() + TimeUnit.MINUTES.toMicros(1);
            List<ClaimedMessage> claimed = claim(10).messages();
            if (claimed.isEmpty()) {
                continue; // the machine stood still
            }
            Long from = claimed.get(0).lease().startFrom();
            if (from != null) {
                early++;
                TimeUnit.NANOSECONDS.sleep(from - System.nanoTime());
            }
            assertThat(fixture.number("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))
                    .isGreaterThanOrEqualTo(free);
            complete(claimed);
            send(1);
        }
        assertThat(early).as("some came before").isPositive();
    }

    /** Places in progress may be wanted by another queue, so no message waits in one. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "max_starts => 1, period => '1 minute', max_in_progress => 5",
                "max_starts => 1, period => '1 minute', window_kind => 'fixed'"
            })
    void nothing_is_claimed_early_where_more_than_starts_in_sliding_periods_is_limited(String limit) {
        send(1);
        limit(limit);
        bookUntil(Duration.ofMillis(20));
        assertThat(claim(10).messages()).allMatch(message -> message.lease().startFrom() == null);
    }

    // ---- who else takes messages

    @Test
    void a_process_that_has_not_heard_of_a_limiter_takes_nothing() {
        send(2);
        limit("max_starts => 1, period => '1 hour'");
        assertThat(fixture.claim(10)).isEmpty();
        assertThat(fixture.claimSuspect()).isEmpty();
        ClaimRequest one = fixture.request(10);
        ClaimRequest lane = new ClaimRequest(
                one.workerId(),
                one.queueId(),
                one.queue(),
                false,
                new short[] {4},
                new long[1],
                10,
                200,
                10,
                ClaimKind.ORDINARY);
        assertThat(fixture.stores.leases().claimEach(List.of(lane))).isEmpty();
        assertThat(fixture.stores.enqueue().enqueueLeased(fixture.message().build(), fixture.worker))
                .as("sendMessageSync")
                .isEmpty();
        assertThat(fixture.report(new long[10]).hasLimiter()).isTrue();
    }

    @Test
    void a_queue_whose_limiter_is_gone_is_claimed_without_one() {
        send(5);
        limit("max_starts => 1, period => '1 hour'");
        assertThat(claim(10).messages()).hasSize(1);
        removeLimit();
        LimitedClaim claimed = claim(10);
        assertThat(claimed.messages())
                .hasSize(4)
                .allMatch(message -> message.lease().startBy() == null);
        assertThat(claimed.heldBack()).isFalse();
        send(1);
        assertThat(fixture.claim(10)).hasSize(1);
        assertThat(fixture.report(new long[10]).hasLimiter()).isFalse();
    }

    // ---- races

    /** Lost by one statement for the lock and the count: its snapshot is older than the lock. */
    @Test
    void two_claims_do_not_take_the_last_place_twice() throws Exception {
        send(3);
        limit("max_in_progress => 1");
        Connection first = begin();
        assertThat(claimOn(first, 10).messages()).hasSize(1);
        LimitedClaim second = claim(10);
        assertThat(second.messages()).as("beside it").isEmpty();
        assertThat(second.heldBack()).isTrue();
        assertThat(second.nextStart()).isNull();
        first.commit();
        assertThat(claim(10).messages()).as("after it").isEmpty();
    }

    @Test
    void a_count_after_a_lock_sees_what_was_committed_while_it_waited() throws Exception {
        send(3);
        limit("max_starts => 1, period => '1 hour', max_in_progress => 1");
        Connection first = begin();
        Connection second = begin();
        execute(second, "SELECT 1"); // a transaction of READ COMMITTED that is older than the first claim's commit
        assertThat(claimOn(first, 10).messages()).hasSize(1);
        first.commit();
        assertThat(claimOn(second, 10).messages()).isEmpty();
    }

    @Test
    void a_claim_that_rolls_back_spends_nothing() throws Exception {
        send(3);
        limit("max_starts => 1, period => '1 hour', max_in_progress => 1");
        Connection first = begin();
        assertThat(claimOn(first, 10).messages()).hasSize(1);
        first.rollback();
        assertThat(claim(10).messages()).hasSize(1);
    }

    /** A change takes the lock of the claims: it comes before a claim or after it. */
    @Test
    void a_limit_that_is_lowered_beside_a_claim_counts_what_that_claim_takes() throws Exception {
        send(10);
        limit("max_starts => 5, period => '1 hour'");
        Connection claiming = begin();
        assertThat(claimOn(claiming, 3).messages()).hasSize(3);
        Future<?> lowered = threads.submit(() -> limit("max_starts => 2, period => '1 hour'"));
        sessions.awaitWaitingFor(claiming);
        claiming.commit();
        lowered.get(60, TimeUnit.SECONDS);
        assertThat(claim(10).messages()).isEmpty();
        limit("max_starts => 4, period => '1 hour'");
        assertThat(claim(10).messages()).hasSize(1);
    }

    /** The claim thread of a process serves all its queues. */
    @Test
    void an_open_transaction_that_changes_a_limiter_makes_no_claim_wait() throws Exception {
        send(3);
        limit("max_starts => 5, period => '1 hour'");
        assertThat(claim(1).messages()).hasSize(1);
        Connection operator = begin();
        execute(operator, limitSql("max_starts => 1, period => '1 hour'"));
        LimitedClaim beside = claim(10);
        assertThat(beside.messages()).isEmpty();
        assertThat(beside.heldBack()).isTrue();
        operator.rollback();
        assertThat(claim(10).messages()).hasSize(2);
    }

    /** Lost without arm_limiter: the claim from before reads no limiter, and its leases are not committed when they are counted. */
    @Test
    void a_new_limiter_waits_for_claims_from_before() throws Exception {
        send(10);
        Connection before = begin();
        execute(
                before,
                "SELECT count(*) FROM postroom.claim(" + fixture.worker + ", " + queue.id() + ", '" + queue.name()
                        + "', '{9,8,7,6,5,4,3,2,1,0}', array_fill(0, ARRAY[10])::bigint[], 4, 200, 4, 0)");
        limit("max_in_progress => 5");
        LimitedClaim early = claim(10);
        assertThat(early.messages()).isEmpty();
        assertThat(early.nextStart()).isEqualTo(Duration.ofMillis(20));
        before.commit();
        assertThat(claim(10).messages()).hasSize(1);
    }

    @Test
    void a_transaction_that_has_locked_the_leases_stops_a_new_limiter_for_seconds_only() throws Exception {
        send(1);
        Connection other = begin();
        execute(other, "LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE");
        limit("max_in_progress => 5");
        assertThat(claim(10).messages()).isEmpty();
        fixture.execute("UPDATE postroom.limiter SET waits_until = waits_until - interval '15 seconds'");
        assertThat(claim(10).messages()).hasSize(1);
    }

    @Test
    void what_a_dead_worker_holds_counts_until_it_is_rescued() {
        send(4);
        limit("max_in_progress => 2");
        assertThat(claim(10).messages()).hasSize(2);
        int other = fixture.newWorker();
        fixture.silence(fixture.worker);
        ClaimRequest own = request(10);
        ClaimRequest others = new ClaimRequest(
                other,
                own.queueId(),
                own.queue(),
                false,
                own.priorities(),
                own.cursors(),
                10,
                200,
                10,
                ClaimKind.ORDINARY,
                true);
        assertThat(fixture.stores
                        .leases()
                        .claimLimited(others, StartReports.NONE)
                        .messages())
                .isEmpty();
        fixture.number("SELECT count(*) FROM postroom.rescue(interval '500 ms', 100)");
        assertThat(fixture.stores
                        .leases()
                        .claimLimited(others, StartReports.NONE)
                        .messages())
                .hasSize(2);
        assertThat(fixture.stores
                        .leases()
                        .claimLimited(others, StartReports.NONE)
                        .messages())
                .isEmpty();
    }

    /** Two changes at once: the queue is marked whichever of them is second. */
    @Test
    void a_limiter_set_beside_a_removal_is_there_afterwards() throws Exception {
        limit("max_in_progress => 2");
        Connection removing = begin();
        execute(removing, "SELECT postroom.remove_limiter('" + queue.name() + "')");
        Future<?> set = threads.submit(() -> limit("max_in_progress => 3"));
        sessions.awaitWaitingFor(removing);
        removing.commit();
        set.get(60, TimeUnit.SECONDS);
        assertThat(fixture.text("SELECT q.has_limiter || ' ' || l.max_in_progress FROM postroom.queue q"
                        + " JOIN postroom.limiter l ON l.queue_id = q.id WHERE q.id = " + queue.id()))
                .isEqualTo("true 3");
    }

    // ---- explain

    @Test
    void explain_says_which_limit_a_message_waits_for() {
        send(3);
        limit("max_starts => 1, period => '1 hour', max_in_progress => 1");
        assertThat(claim(10).messages()).hasSize(1);
        String waiting = fixture.text("SELECT message_id FROM postroom.ready WHERE queue_id = " + queue.id());
        assertThat(fixture.texts("SELECT postroom.explain('" + waiting + "')"))
                .anyMatch(line -> line.startsWith("limit: queue \"" + queue.name()
                        + "\" lets 1 messages start in 01:00:00 (sliding); the next may start at "))
                .anyMatch(line ->
                        line.equals("limit: queue \"" + queue.name() + "\" lets 1 messages be in progress, and 1 are"));
    }

    // ---- setting

    @Test
    void another_period_keeps_what_was_spent() {
        send(5);
        limit("max_starts => 3, period => '1 hour'");
        assertThat(claim(3).messages()).hasSize(3);
        limit("max_starts => 4, period => '2 hours', window_kind => 'fixed'");
        assertThat(claim(3).messages()).hasSize(1);
        assertThat(fixture.text("SELECT starts FROM postroom.limiters() WHERE queue = '" + queue.name() + "'"))
                .isEqualTo("4");
    }

    /** Lost without counting by the old period first: the starts of weeks ago would fill the new one. */
    @ParameterizedTest
    @CsvSource({"sliding, sliding", "sliding, fixed", "fixed, sliding"})
    void another_period_forgets_starts_that_were_over_before(String before, String after) {
        send(5);
        limit("max_starts => 3, period => '1 second', window_kind => '" + before + "'");
        fixture.execute(
                "UPDATE postroom.limiter SET armed = true, booked = '{3}', booked_until = ARRAY[postroom.start_slice(1000000, '"
                        + before + "', (extract(epoch FROM clock_timestamp() - interval '3 weeks') * 1000000)::bigint)]"
                        + " WHERE queue_id = " + queue.id());
        limit("max_starts => 2, period => '300 days', window_kind => '" + after + "'");
        assertThat(claim(5).messages()).hasSize(2);
        assertThat(claim(5).messages()).isEmpty();
    }

    @Test
    void a_limit_of_starts_that_comes_back_begins_anew() {
        send(5);
        limit("max_starts => 3, period => '1 hour'");
        assertThat(claim(3).messages()).hasSize(3);
        limit("max_in_progress => 100");
        limit("max_starts => 1, period => '2 hours'");
        assertThat(claim(5).messages()).hasSize(1);
    }

    @Test
    void a_declaration_does_not_overwrite_an_operator() {
        limit("max_in_progress => 2, set_by => 'declaration'");
        limit("max_in_progress => 3");
        assertThat(fixture.text(limitSql("max_in_progress => 4, set_by => 'declaration'")))
                .isEqualTo("f");
        assertThat(fixture.text("SELECT max_in_progress || set_by FROM postroom.limiters() WHERE queue = '"
                        + queue.name() + "'"))
                .isEqualTo("3operator");
        assertThat(fixture.text("SELECT count(*) FROM postroom.operator_log WHERE queue = '" + queue.name() + "'"))
                .as("the first declaration, and the operator")
                .isEqualTo("2");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "max_starts => 0, period => '1 s' | maxStarts must be 1 to 1000000000, got \"0\"",
                "max_starts => -1, period => '1 s' | maxStarts must be 1 to 1000000000, got \"-1\"",
                "max_starts => 1000000001, period => '1 s' | maxStarts must be 1 to 1000000000, got \"1000000001\"",
                "max_in_progress => 0 | maxInProgress must be 1 to 1000000000, got \"0\"",
                "max_starts => NULL | maxStarts must be 1 to 1000000000, where the other limits are left out, got \"null\"",
                "max_starts => 1 | period must be given with maxStarts, and left out without, got \"null\"",
                "max_in_progress => 1, period => '1 s' | period must be given with maxStarts, and left out without, got \"00:00:01\"",
                "max_starts => 1, period => '1 ms' | period must be PT0.1S to 400 days, got \"00:00:00.001\"",
                "max_starts => 1, period => '0 s' | period must be PT0.1S to 400 days, got \"00:00:00\"",
                "max_starts => 1, period => '-1 s' | period must be PT0.1S to 400 days, got \"-00:00:01\"",
                "max_starts => 1, period => '401 days' | period must be PT0.1S to 400 days, got \"401 days\"",
                "max_starts => 1, period => '1 s', window_kind => 'tumbling' | window must be fixed or sliding, got \"tumbling\"",
                "max_starts => 1, period => '1 s', window_kind => NULL | window must be fixed or sliding, got \"null\"",
                "destination => 'x', max_in_progress => 1 | queue must be given, or destination, and never both",
            })
    void a_value_that_breaks_a_limit_is_refused_and_nothing_is_written(String arguments, String refusal) {
        assertThatThrownBy(() -> limit(arguments)).rootCause().hasMessageContaining(refusal);
        assertThat(fixture.number("SELECT count(*) FROM postroom.limiter WHERE queue_id = " + queue.id()))
                .isZero();
    }

    @Test
    void a_period_of_400_days_is_allowed() {
        send(2);
        limit("max_starts => 1, period => '400 days', window_kind => 'fixed'");
        assertThat(claim(5).messages()).hasSize(1);
        assertThat(claim(5).nextStart()).isPositive();
    }

    @Test
    void an_unknown_queue_and_a_malformed_destination_are_refused() {
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.set_limiter('nowhere', max_in_progress => 1)"))
                .rootCause()
                .hasMessageContaining("queue must be the name of a queue, got \"nowhere\"");
        assertThatThrownBy(
                        () -> fixture.execute("SELECT postroom.set_limiter(destination => ' x', max_in_progress => 1)"))
                .rootCause()
                .hasMessageContaining("destination must be 1 to 127");
        assertThat(fixture.text("SELECT postroom.remove_limiter('" + queue.name() + "')"))
                .isEqualTo("f");
    }
}
