package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.dead;
import static io.postroom.internal.postgres.StoreFixture.done;
import static io.postroom.internal.postgres.StoreFixture.retry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.BulkSettings;
import io.postroom.api.DeadLetterFilter;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Reason;
import io.postroom.api.StoreException;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.LeasePart;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.PollRequest;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.PollSummary;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.StoreIdentity;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.storage.WatermarkSample;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.NotThroughPooler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Two or three connections in a fixed order of steps: what one may do while another has begun and not ended. */
@PostgresTest
class RaceTest {
    private final TestDatabase database;
    private final StoreFixture fixture;
    private final Stores stores;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Connection> opened = new ArrayList<>();

    RaceTest(TestDatabase database) {
        this.database = database;
        fixture = new StoreFixture(database.pool());
        stores = fixture.stores;
    }

    @AfterEach
    void endAll() throws SQLException {
        for (Connection connection : opened) {
            connection.close();
        }
        threads.shutdownNow();
    }

    // ---- steps

    private Connection begin() throws SQLException {
        Connection connection = database.connect();
        connection.setAutoCommit(false);
        opened.add(connection);
        return connection;
    }

    private static String text(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() ? rows.getString(1) : "";
        }
    }

    /** Another's step that will have to wait. */
    private <T> Future<T> start(Callable<T> step) {
        return threads.submit(step);
    }

    private <T> T answer(Future<T> future) throws Exception {
        return future.get(20, TimeUnit.SECONDS);
    }

    /** Waits until somebody in this database waits for a lock. */
    private void awaitWaiting() {
        BlockedSessions.await(fixture.pool, 1);
    }

    /** Somebody else's claim that is not committed yet. */
    private List<UUID> claimOn(Connection connection, int limit) throws SQLException {
        try (Sql.Call call = ClaimSql.CLAIM.on(connection)) {
            ClaimRequest request = fixture.request(limit);
            return call.set("worker", request.workerId())
                    .set("queue", request.queueId())
                    .set("queueName", request.queue())
                    .set("priorities", request.priorities())
                    .set("cursors", request.cursors())
                    .set("limit", request.limit())
                    .set("leaseSize", request.leaseSize())
                    .set("started", request.started())
                    .set("kind", request.kind().code())
                    .list(row -> ClaimedRows.claimed(row, request).id());
        }
    }

    private long lowest(long lowWatermark) {
        long[] lowWatermarks = new long[10];
        lowWatermarks[4] = lowWatermark;
        return fixture.report(lowWatermarks).lowest()[4];
    }

    // ---- the low watermark

    /** Autovacuum may hold an id for a moment. */
    private void awaitSettled(WatermarkSample sample) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(20))
                .until(() -> stores.workers().isSettled(sample));
    }

    @Test
    void an_open_enqueuer_keeps_the_low_watermark_from_being_settled() throws SQLException {
        Connection open = begin();
        long seq = stores.enqueue().enqueue(fixture.message().build(), open).seq();
        WatermarkSample byId = stores.workers().sampleWatermark(false);
        WatermarkSample byWriters = stores.workers().sampleWatermark(true);
        assertThat(byId.seq()).isGreaterThanOrEqualTo(seq);
        assertThat(stores.workers().isSettled(byId)).isFalse();
        assertThat(stores.workers().isSettled(byWriters)).isFalse();
        open.commit();
        awaitSettled(byId);
        assertThat(stores.workers().isSettled(byWriters)).isTrue();
        assertThat(lowest(0)).isEqualTo(seq);
    }

    @Test
    void the_highest_id_of_a_snapshot_will_not_do_for_the_low_watermark() throws SQLException {
        // Why sample_watermark takes an id of its own: xmax is the latest COMPLETED id + 1, and an open enqueuer is not
        // below it.
        Connection open = begin();
        Connection other = begin();
        stores.enqueue().enqueue(fixture.message().build(), open);
        String sampled = text(other, "SELECT pg_snapshot_xmax(pg_current_snapshot())");
        // Not so where somebody else on the server, such as autovacuum, ends a younger transaction in between.
        while (!sampled.equals(text(open, "SELECT pg_current_xact_id()"))) {
            open.rollback();
            stores.enqueue().enqueue(fixture.message().build(), open);
            sampled = text(other, "SELECT pg_snapshot_xmax(pg_current_snapshot())");
        }
        assertThat(text(other, "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= '" + sampled + "'::xid8"))
                .as("would be taken for settled while the enqueuer is open")
                .isEqualTo("t");
    }

    @Test
    void an_enqueuer_in_a_released_savepoint_keeps_the_low_watermark_from_being_settled() throws SQLException {
        Connection open = begin();
        var savepoint = open.setSavepoint();
        stores.enqueue().enqueue(fixture.message().build(), open);
        open.releaseSavepoint(savepoint);
        assertThat(stores.workers().isSettled(stores.workers().sampleWatermark(false)))
                .isFalse();
        assertThat(stores.workers().isSettled(stores.workers().sampleWatermark(true)))
                .isFalse();
    }

    @Test
    void a_writer_elsewhere_holds_the_low_watermark_by_ids_but_not_by_writers() throws SQLException {
        Connection foreign = begin();
        text(foreign, "SELECT pg_current_xact_id()");
        assertThat(stores.workers().isSettled(stores.workers().sampleWatermark(false)))
                .isFalse();
        assertThat(stores.workers().isSettled(stores.workers().sampleWatermark(true)))
                .isTrue();
    }

    @Test
    void a_reader_with_an_old_snapshot_does_not_hold_the_low_watermark() throws SQLException {
        Connection reader = begin();
        reader.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        text(reader, "SELECT count(*) FROM postroom.ready");
        awaitSettled(stores.workers().sampleWatermark(false));
    }

    @Test
    void a_claim_that_rolls_back_leaves_its_row_where_the_lowest_visible_one_was_seen() throws SQLException {
        long seq = fixture.enqueue(fixture.message()).seq();
        WatermarkSample sample = stores.workers().sampleWatermark(false);
        awaitSettled(sample);
        Connection claiming = begin();
        assertThat(claimOn(claiming, 10)).hasSize(1);
        assertThat(lowest(0))
                .as("seen although it is being claimed, so no low watermark goes past it")
                .isEqualTo(seq);
        claiming.rollback();
        assertThat(stores.leases()
                        .claim(new ClaimRequest(
                                fixture.worker,
                                fixture.queue.id(),
                                fixture.queue.name(),
                                false,
                                new short[] {4},
                                new long[] {Math.min(sample.seq(), seq)},
                                10,
                                200,
                                10,
                                ClaimKind.ORDINARY)))
                .hasSize(1);
    }

    @Test
    void nothing_comes_into_lanes_that_were_seen_empty_before_somebody_draws_a_seq() throws SQLException {
        WatermarkSample sample = stores.workers().sampleWatermark(false);
        awaitSettled(sample);
        assertThat(fixture.summary().answeredBy())
                .extracting(StoreIdentity::serverStartedAt)
                .isEqualTo(sample.serverStartedAt());
        assertThat(fixture.summary().lastSeq()).isEqualTo(sample.seq());
        assertThat(fixture.pollEvenly(0, null, true).queues()).hasSize(1).allMatch(QueueReport::nothingReady);

        Connection open = begin();
        long seq = stores.enqueue().enqueue(fixture.message().build(), open).seq();
        assertThat(fixture.summary().lastSeq())
                .as("looks, although there is nothing to see")
                .isGreaterThan(sample.seq());
        assertThat(fixture.pollEvenly(0, null, true).queues()).hasSize(1).allMatch(QueueReport::nothingReady);
        assertThat(stores.workers().isSettled(stores.workers().sampleWatermark(false)))
                .as("so that what was seen empty now is not believed to stay so")
                .isFalse();
        open.commit();
        assertThat(fixture.pollEvenly(0, fixture.summary().horizon(), true)
                        .queues()
                        .get(0)
                        .lowest()[4])
                .isEqualTo(seq);
        assertThat(fixture.pollEvenly(seq + 1, fixture.summary().horizon(), true)
                        .queues())
                .as("below the low watermark")
                .isEmpty();
    }

    @Test
    void summary_differs_after_a_pause_and_the_poll_after_it_reports_the_queue() {
        PollSummary before = fixture.summary();
        assertThat(fixture.summary().queues()).isEqualTo(before.queues());
        fixture.execute("UPDATE postroom.queue SET paused_at = now() WHERE id = " + fixture.queue.id());

        assertThat(fixture.summary().queues()).isNotEqualTo(before.queues());
        assertThat(fixture.pollEvenly(0, before.horizon(), false).queues())
                .hasSize(1)
                .allMatch(QueueReport::paused);
        PollSummary after = fixture.summary();
        assertThat(fixture.pollEvenly(0, after.horizon(), false).queues()).isEmpty();
        fixture.execute("UPDATE postroom.queue SET paused_at = paused_at WHERE id = " + fixture.queue.id());
        assertThat(fixture.summary().queues())
                .as("the same values in a new row")
                .isNotEqualTo(after.queues());
    }

    /** The change began before the horizon and is committed after both reads: its id is not below what the summary could see. */
    @Test
    void pause_that_is_committed_late_is_reported() throws SQLException {
        PollSummary before = fixture.summary();
        Connection late = begin();
        try (Statement statement = late.createStatement()) {
            statement.execute("UPDATE postroom.queue SET paused_at = now() WHERE id = " + fixture.queue.id());
        }
        fixture.newQueue(); // draws a transaction id after it, and is committed before it
        PollSummary meanwhile = fixture.summary();
        assertThat(meanwhile.queues()).isNotEqualTo(before.queues());
        assertThat(fixture.pollEvenly(0, before.horizon(), false).queues()).noneMatch(QueueReport::paused);
        late.commit();

        assertThat(fixture.summary().queues()).isNotEqualTo(meanwhile.queues());
        assertThat(fixture.pollEvenly(0, meanwhile.horizon(), false).queues())
                .hasSize(1)
                .allMatch(QueueReport::paused);
    }

    /** A change between the summary and the poll is reported, and is news for the next summary once more. */
    @Test
    void pause_between_the_summary_and_the_poll_is_not_lost() {
        PollSummary known = fixture.summary();
        fixture.execute("UPDATE postroom.queue SET paused_at = now() WHERE id = " + fixture.queue.id());
        assertThat(fixture.pollEvenly(0, known.horizon(), false).queues())
                .as("the poll's own snapshot is newer")
                .hasSize(1)
                .allMatch(QueueReport::paused);
        fixture.execute("UPDATE postroom.queue SET paused_at = NULL WHERE id = " + fixture.queue.id());

        PollSummary next = fixture.summary();
        assertThat(next.queues()).isNotEqualTo(known.queues());
        assertThat(fixture.pollEvenly(0, known.horizon(), false).queues())
                .hasSize(1)
                .noneMatch(QueueReport::paused);
    }

    @Test
    void rolled_back_changes_and_row_locks_leave_the_summary_as_it_was() throws SQLException {
        PollSummary before = fixture.summary();
        Connection open = begin();
        try (Statement statement = open.createStatement()) {
            statement.execute("SELECT FROM postroom.queue WHERE id = " + fixture.queue.id() + " FOR UPDATE");
            assertThat(fixture.summary().queues()).isEqualTo(before.queues());
            statement.execute("UPDATE postroom.queue SET paused_at = now() WHERE id = " + fixture.queue.id());
        }
        assertThat(fixture.summary().queues()).isEqualTo(before.queues());
        open.rollback();
        assertThat(fixture.summary().queues()).isEqualTo(before.queues());
    }

    @Test
    void poll_tells_of_queues_that_are_gone_and_of_those_it_must_tell() {
        String horizon = fixture.summary().horizon();
        PollResult polled = stores.workers()
                .poll(new PollRequest(
                        fixture.worker,
                        new int[] {fixture.queue.id(), Integer.MAX_VALUE},
                        0,
                        new int[0],
                        new long[0],
                        new int[] {fixture.queue.id()},
                        horizon,
                        true));
        assertThat(polled.gone()).containsExactly(Integer.MAX_VALUE);
        assertThat(polled.queues()).extracting(QueueReport::name).containsExactly(fixture.queue.name());
    }

    /** Each way into READY is stopped where it draws its seq: there it must hold a transaction id and the lock on ready. */
    @Test
    @NotThroughPooler("the driver knows the process id that the pooler made up")
    void whoever_draws_a_seq_holds_an_id_and_the_lock_on_ready() throws Exception {
        NewMessage[] many = {fixture.message().build(), fixture.message().build()};
        NewMessage[] mixed = {
            fixture.message().build(),
            fixture.message().key("k").build(),
            fixture.message().delay(Duration.ofHours(1)).build()
        };
        drawing(
                "enqueue",
                connection -> stores.enqueue().enqueue(fixture.message().build(), connection));
        drawing(
                "enqueue_unnumbered",
                connection ->
                        stores.enqueue().enqueueUnnumbered(fixture.message().build(), connection));
        drawing(
                "enqueue_given",
                connection -> stores.enqueue()
                        .enqueue(fixture.message().id(MessageIds.next()).build(), connection));
        drawing("enqueue_many", connection -> stores.enqueue().enqueue(List.of(many), connection));
        drawing("enqueue_any", connection -> stores.enqueue().enqueue(List.of(mixed), connection));
        drawing("create_message", connection -> text(connection, "SELECT id FROM postroom.create_message('seq-door')"));

        fixture.enqueueAll(fixture.message(), fixture.message(), fixture.message(), fixture.message());
        List<ClaimedMessage> held = fixture.claim(4);
        drawing(
                "release",
                connection ->
                        stores.leases().complete(fixture.worker, List.of(Completion.release(held.get(0))), connection));
        stores.leases()
                .complete(fixture.worker, List.of(retry(held.get(1), Duration.ZERO, "x"), dead(held.get(2), "x")));
        drawing("promote", connection -> {
            try (Sql.Call call = JobSql.PROMOTE.on(connection)) {
                return call.set("from", (java.time.Instant) null)
                        .set("limit", 10)
                        .list(row -> true);
            }
        });
        drawing("promote_one", connection -> {
            try (Sql.Call call = JobSql.PROMOTE_ONE.on(connection)) {
                return call.set("id", held.get(1).id()).update();
            }
        });
        drawing(
                "redrive",
                connection -> text(
                        connection, "SELECT postroom.redrive('" + held.get(2).id() + "')"));
        UUID operation = stores.deadLetters()
                .redrive(
                        DeadLetterFilter.queue(fixture.queue.name()),
                        BulkSettings.because(Reason.of("a test")).canary(0, 0));
        drawing("step_operation", connection -> PostgresJobStore.step(operation, Duration.ofSeconds(1), connection));
        fixture.silence(fixture.worker);
        drawing(
                "rescue",
                connection -> text(connection, "SELECT * FROM postroom.rescue(interval '1 millisecond', 10)"));
    }

    private void drawing(String name, StoreTransactions.Work<?> work) throws Exception {
        Connection holder = begin();
        text(holder, "SELECT 1");
        try (Statement statement = holder.createStatement()) {
            statement.execute("ALTER SEQUENCE postroom.ready_seq CACHE 1"); // nextval waits for the end of this
        }
        Connection drawing = begin();
        int pid = drawing.unwrap(org.postgresql.PGConnection.class).getBackendPID();
        Future<?> work1 = start(() -> work.run(drawing));
        Awaitility.await(name + " draws")
                .atMost(Duration.ofSeconds(20))
                .until(() -> fixture.number(
                                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'postroom.ready_seq'::regclass AND pid = "
                                        + pid)
                        == 1);
        assertThat(fixture.number(
                        "SELECT count(*) FROM pg_locks WHERE granted AND locktype = 'transactionid' AND pid = " + pid))
                .as(name + " has its transaction id")
                .isPositive();
        assertThat(fixture.number("SELECT count(*) FROM pg_locks WHERE granted"
                        + " AND relation = 'postroom.ready'::regclass AND mode = 'RowExclusiveLock' AND pid = "
                        + pid))
                .as(name + " has its lock on ready")
                .isOne();
        holder.rollback();
        answer(work1);
        drawing.rollback();
    }

    // ---- claim

    @Test
    void a_claim_planned_on_an_empty_table_stays_quick_on_a_full_one() throws SQLException {
        Connection connection = begin();
        fixture.execute("TRUNCATE postroom.ready");
        fixture.execute("VACUUM ANALYZE postroom.ready");
        for (int i = 0; i < 10; i++) {
            claimOn(connection, 200);
            lowest(0);
        }
        connection.commit();
        fixture.execute(
                "INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved) SELECT nextval('postroom.ready_seq'), "
                        + fixture.queue.id() + ", 4, gen_random_uuid(), false FROM generate_series(1, 300000)");
        long scans = counted(connection, "seq_scan");
        long rows = counted(connection, "idx_tup_fetch");
        assertThat(claimOn(connection, 200)).hasSize(200);
        assertThat(counted(connection, "seq_scan")).isEqualTo(scans);
        assertThat(counted(connection, "idx_tup_fetch") - rows)
                .as("300,000 with the plan of the empty table, which sorts what is there")
                .isLessThan(2_000);
        connection.rollback();
        fixture.execute("TRUNCATE postroom.ready");
    }

    private static long counted(Connection connection, String column) throws SQLException {
        return Long.parseLong(text(
                connection,
                "SELECT " + column + " FROM pg_stat_xact_user_tables WHERE relid = 'postroom.ready'::regclass"));
    }

    @Test
    void claims_side_by_side_share_the_messages_out() throws Exception {
        StoreFixture.Plan[] plans = new StoreFixture.Plan[2000];
        for (int i = 0; i < plans.length; i++) {
            plans[i] = fixture.message();
        }
        fixture.enqueueAll(plans);
        Set<UUID> seen = ConcurrentHashMap.newKeySet();
        List<Future<Integer>> claimers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            claimers.add(start(() -> {
                int count = 0;
                for (List<ClaimedMessage> claimed = fixture.claim(37);
                        !claimed.isEmpty();
                        claimed = fixture.claim(37)) {
                    assertThat(claimed).hasSizeLessThanOrEqualTo(37);
                    claimed.forEach(message -> seen.add(message.id()));
                    count += claimed.size();
                }
                return count;
            }));
        }
        int total = 0;
        for (Future<Integer> claimer : claimers) {
            total += answer(claimer);
        }
        assertThat(total).isEqualTo(plans.length);
        assertThat(seen).hasSize(plans.length);
    }

    @Test
    void a_claim_passes_over_what_another_is_claiming() throws SQLException {
        UUID first = fixture.enqueue();
        UUID second = fixture.enqueue();
        Connection other = begin();
        assertThat(claimOn(other, 1)).containsExactly(first);
        assertThat(fixture.claim(10)).extracting(ClaimedMessage::id).containsExactly(second);
        other.rollback();
        assertThat(fixture.claim(10)).extracting(ClaimedMessage::id).containsExactly(first);
    }

    @Test
    void cancel_waits_for_a_claim_and_then_finds_the_message_in_progress() throws Exception {
        UUID id = fixture.enqueue();
        Connection claiming = begin();
        claimOn(claiming, 1);
        Future<Integer> cancel = start(() -> stores.operator().cancel(id));
        awaitWaiting();
        claiming.commit();
        assertThat(answer(cancel)).isZero();
        assertThat(fixture.places(id)).containsExactly("lease");
    }

    @Test
    void cancel_waits_for_a_claim_that_rolls_back_and_cancels() throws Exception {
        UUID id = fixture.enqueue();
        Connection claiming = begin();
        claimOn(claiming, 1);
        Future<Integer> cancel = start(() -> stores.operator().cancel(id));
        awaitWaiting();
        claiming.rollback();
        assertThat(answer(cancel)).isOne();
        assertThat(fixture.places(id)).containsExactly("finished");
    }

    @Test
    void cancel_finds_a_message_on_its_way_from_delayed_to_ready() throws Exception {
        UUID id = fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        stores.operator().advance(Duration.ofHours(2));
        Connection promoting = begin();
        text(promoting, "SELECT * FROM postroom.promote('-infinity', 1000)");
        Future<Integer> cancel = start(() -> stores.operator().cancel(id));
        awaitWaiting();
        promoting.commit();
        assertThat(answer(cancel)).as("looked again in a new snapshot").isOne();
        assertThat(fixture.places(id)).containsExactly("finished");
    }

    // ---- complete and rescue

    @Test
    void two_parts_of_one_lease_at_once_are_both_written() throws Exception {
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> held = fixture.claim(2);
        Connection first = begin();
        assertThat(stores.leases().complete(fixture.worker, List.of(done(held.get(0))), first))
                .hasSize(1);
        Future<List<LeasePart>> second =
                start(() -> stores.leases().complete(fixture.worker, List.of(done(held.get(1)))));
        awaitWaiting();
        first.commit();
        assertThat(answer(second).get(0).completed().cardinality()).isOne();
        assertThat(fixture.number("SELECT count(*) FROM postroom.lease WHERE worker_id = " + fixture.worker))
                .isZero();
        assertThat(fixture.number("SELECT count(*) FROM postroom.attempt WHERE queue_id = " + fixture.queue.id()))
                .isEqualTo(2);
    }

    @Test
    void the_same_part_at_once_is_written_once() throws Exception {
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> held = fixture.claim(2);
        Connection first = begin();
        stores.leases().complete(fixture.worker, List.of(done(held.get(0))), first);
        Future<List<LeasePart>> second =
                start(() -> stores.leases().complete(fixture.worker, List.of(done(held.get(0)))));
        awaitWaiting();
        first.commit();
        assertThat(answer(second).get(0).completed().isEmpty()).isTrue();
        assertThat(fixture.number("SELECT count(*) FROM postroom.attempt WHERE queue_id = " + fixture.queue.id()))
                .isOne();
    }

    @Test
    void mixed_completions_of_the_same_leases_do_not_deadlock() throws Exception {
        StoreFixture.Plan[] plans = new StoreFixture.Plan[400];
        for (int i = 0; i < plans.length; i++) {
            plans[i] = fixture.message();
        }
        fixture.enqueueAll(plans);
        List<ClaimedMessage> held = stores.leases()
                .claim(new ClaimRequest(
                        fixture.worker,
                        fixture.queue.id(),
                        fixture.queue.name(),
                        false,
                        new short[] {4},
                        new long[1],
                        400,
                        20,
                        400,
                        ClaimKind.ORDINARY));
        List<Future<Integer>> parts = new ArrayList<>();
        for (int part = 0; part < 4; part++) {
            int mine = part;
            parts.add(start(() -> {
                int written = 0;
                for (int round = 0; round < 10; round++) {
                    List<Completion> ends = new ArrayList<>();
                    for (int i = round * 4 + mine; i < held.size(); i += 40) {
                        ends.add(i % 3 == 0 ? done(held.get(i)) : retry(held.get(i), Duration.ofHours(1), "x"));
                    }
                    java.util.Collections.shuffle(ends);
                    written += stores.leases().complete(fixture.worker, ends).stream()
                            .mapToInt(one -> one.completed().cardinality())
                            .sum();
                }
                return written;
            }));
        }
        int written = 0;
        for (Future<Integer> part : parts) {
            written += answer(part);
        }
        assertThat(written).isEqualTo(400);
        assertThat(fixture.number("SELECT count(*) FROM postroom.lease WHERE worker_id = " + fixture.worker))
                .isZero();
    }

    @Test
    void a_completion_in_flight_is_not_rescued() throws SQLException {
        UUID id = fixture.enqueue();
        ClaimedMessage held = fixture.claimOne();
        Connection completing = begin();
        stores.leases().complete(fixture.worker, List.of(done(held)), completing);
        fixture.silence(fixture.worker);
        stores.jobs().rescue(Duration.ofMillis(1), 1000);
        completing.commit();
        assertThat(fixture.places(id)).containsExactly("finished");
    }

    @Test
    void a_completion_that_meets_a_rescue_is_lost() throws Exception {
        UUID id = fixture.enqueue();
        ClaimedMessage held = fixture.claimOne();
        fixture.silence(fixture.worker);
        Connection rescuing = begin();
        text(rescuing, "SELECT * FROM postroom.rescue(interval '1 millisecond', 1000)");
        Future<List<LeasePart>> completion = start(() -> stores.leases().complete(fixture.worker, List.of(done(held))));
        awaitWaiting();
        rescuing.commit();
        assertThat(answer(completion)).isEmpty();
        assertThat(fixture.places(id)).containsExactly("ready");
    }

    @Test
    void a_claim_that_outlives_its_worker_is_rescued() throws SQLException {
        UUID id = fixture.enqueue();
        Connection claiming = begin();
        claimOn(claiming, 1);
        fixture.execute("DELETE FROM postroom.worker WHERE id = " + fixture.worker);
        stores.jobs().rescue(Duration.ofMillis(1), 1000);
        claiming.commit();
        assertThat(fixture.places(id)).containsExactly("lease");
        stores.jobs().rescue(Duration.ofMillis(1), 1000);
        assertThat(fixture.places(id)).containsExactly("ready");
    }

    @Test
    void a_handlers_writes_go_with_the_lease_it_lost() throws SQLException {
        fixture.enqueue();
        ClaimedMessage held = fixture.claimOne();
        fixture.silence(fixture.worker);
        stores.jobs().rescue(Duration.ofMillis(1), 1000);
        Connection handler = begin();
        assertThat(stores.leases().complete(fixture.worker, List.of(done(held)), handler))
                .as("so the handler rolls back")
                .isEmpty();
    }

    @Test
    void a_failure_that_cannot_be_stored_does_not_cost_the_handlers_writes() throws SQLException {
        UUID id = fixture.enqueue();
        ClaimedMessage held = fixture.claimOne();
        Connection handler = begin();
        UUID sent = stores.enqueue().enqueue(fixture.message().build(), handler).id();
        List<LeasePart> parts = stores.leases()
                .complete(
                        fixture.worker,
                        List.of(retry(
                                held, Duration.ofHours(1), new io.postroom.internal.storage.Failure("x", "\0", "x"))),
                        handler);
        assertThat(parts).hasSize(1);
        handler.commit();
        assertThat(fixture.places(id)).containsExactly("delayed");
        assertThat(fixture.places(sent)).containsExactly("ready");
    }

    @Test
    void promoters_side_by_side_share_what_is_due() throws SQLException {
        stores.operator().advance(Duration.ofDays(1));
        stores.jobs().promote(null, 1000); // what other tests left
        for (int i = 0; i < 10; i++) {
            fixture.enqueue(fixture.message().delay(Duration.ofSeconds(1)));
        }
        stores.operator().advance(Duration.ofHours(1));
        Connection other = begin();
        assertThat(text(other, "SELECT messages FROM postroom.promote('-infinity', 4)"))
                .isEqualTo("4");
        assertThat(stores.jobs().promote(null, 1000).messages()).isEqualTo(6);
        other.commit();
        assertThat(fixture.claim(100)).hasSize(10);
    }

    // ---- the same key or id twice

    @Test
    void a_key_in_an_open_transaction_is_waited_for() throws Exception {
        Connection first = begin();
        UUID id = stores.enqueue()
                .enqueue(fixture.message().key("k").build(), first)
                .id();
        Future<EnqueueResult> second =
                start(() -> fixture.enqueue(fixture.message().key("k")));
        awaitWaiting();
        first.commit();
        assertThat(answer(second))
                .isEqualTo(new EnqueueResult(id, false, true, 0, List.of(fixture.queue.name()), MessageState.READY));
    }

    @Test
    void a_key_whose_transaction_rolled_back_is_free() throws Exception {
        Connection first = begin();
        stores.enqueue().enqueue(fixture.message().key("k").build(), first);
        Future<EnqueueResult> second =
                start(() -> fixture.enqueue(fixture.message().key("k")));
        awaitWaiting();
        first.rollback();
        assertThat(answer(second).isNew()).isTrue();
    }

    @Test
    void an_id_in_an_open_transaction_is_waited_for() throws Exception {
        UUID id = MessageIds.next();
        Connection first = begin();
        stores.enqueue().enqueue(fixture.message().id(id).build(), first);
        Future<EnqueueResult> second =
                start(() -> fixture.enqueue(fixture.message().id(id).payload("{}")));
        awaitWaiting();
        first.commit();
        assertThat(answer(second))
                .isEqualTo(new EnqueueResult(id, false, false, 0, List.of(fixture.queue.name()), MessageState.READY));
    }

    @Test
    void under_repeatable_read_a_key_that_came_meanwhile_is_a_serialisation_failure() throws SQLException {
        Connection late = begin();
        late.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        text(late, "SELECT 1");
        fixture.enqueue(fixture.message().key("k"));
        assertThatThrownBy(() ->
                        stores.enqueue().enqueue(fixture.message().key("k").build(), late))
                .isInstanceOfSatisfying(StoreException.class, e -> {
                    assertThat(e.state()).isEqualTo("40001");
                    assertThat(e.kind()).isEqualTo(StoreException.Kind.TRY_AGAIN);
                });
    }

    @Test
    void keys_taken_in_opposite_orders_deadlock_and_say_so() throws Exception {
        Connection first = begin();
        Connection second = begin();
        stores.enqueue().enqueue(fixture.message().key("a").build(), first);
        stores.enqueue().enqueue(fixture.message().key("b").build(), second);
        Future<String> one = start(() -> stateOf(
                () -> stores.enqueue().enqueue(fixture.message().key("b").build(), first)));
        awaitWaiting();
        String other = stateOf(
                () -> stores.enqueue().enqueue(fixture.message().key("a").build(), second));
        second.rollback();
        assertThat(List.of(answer(one), other)).containsExactlyInAnyOrder("40P01", "");
    }

    private static String stateOf(Callable<?> step) throws Exception {
        try {
            step.call();
            return "";
        } catch (StoreException e) {
            assertThat(e.kind()).isEqualTo(StoreException.Kind.TRY_AGAIN);
            return e.state();
        }
    }

    @Test
    void two_batches_with_the_same_keys_in_opposite_orders_do_not_deadlock() throws Exception {
        for (int round = 0; round < 20; round++) {
            String prefix = "round" + round + "-";
            Future<Long> up = start(() -> countNew(prefix, true));
            Future<Long> down = start(() -> countNew(prefix, false));
            assertThat(answer(up) + answer(down)).isEqualTo(50);
        }
    }

    private long countNew(String prefix, boolean up) {
        StoreFixture.Plan[] plans = new StoreFixture.Plan[50];
        for (int i = 0; i < plans.length; i++) {
            plans[i] = fixture.message().key(prefix + (up ? i : plans.length - 1 - i));
        }
        return fixture.enqueueAll(plans).stream().filter(EnqueueResult::isNew).count();
    }
}
