package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.postroom.api.StoreException;
import io.postroom.internal.postgres.purge.PostgresMaintenance;
import io.postroom.internal.storage.MaintenanceStore;
import io.postroom.internal.storage.MaintenanceStore.Day;
import io.postroom.internal.storage.MaintenanceStore.Freed;
import io.postroom.internal.storage.MaintenanceStore.Kind;
import io.postroom.testing.Conservation;
import io.postroom.testing.Days;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/** The purge on a database with days of the last two weeks. Retention is a week unless said. */
@PostgresTest
@Timeout(60)
class RemoveQueueMessagesTest {
    private static final Duration EIGHT_DAYS = Duration.ofDays(8);
    private static final Duration TEN_DAYS = Duration.ofDays(10);
    private static final Duration HOUR = Duration.ofHours(1);

    private final DataSource pool;
    private final JdbcClient sql;
    private final PlacedMessages messages;
    private final MaintenanceStore maintenance;
    /** Takes every day for small, and every day for large. */
    private final RemoveQueueMessages oneByOne;

    private final RemoveQueueMessages wholeDays;
    private int worker;

    RemoveQueueMessagesTest(DataSource pool) {
        this.pool = pool;
        sql = JdbcClient.create(pool);
        messages = new PlacedMessages(sql);
        maintenance = new PostgresMaintenance(pool);
        oneByOne = new RemoveQueueMessages(maintenance);
        wholeDays = new RemoveQueueMessages(maintenance, 1);
    }

    @BeforeEach
    void twoWeeksOld() {
        Days.installedAgo(sql, Duration.ofDays(12));
        for (Kind kind : Kind.values()) {
            maintenance.makeDaysAhead(kind);
        }
        worker = messages.worker("node-1");
    }

    @AfterEach
    void nothing_was_lost_or_left_behind() {
        assertThat(Conservation.check(sql)).isEmpty();
    }

    // ---- what leaves and what stays

    @Test
    void line_of_a_small_day_leaves_when_its_message_left_with_a_large_one() {
        UUID gone = messages.message("week")
                .age(TEN_DAYS)
                .attempt(worker, "retry", "first try, on the day before its end")
                .finishedAgo(worker, "done", Duration.ofDays(9));
        sql.sql("DELETE FROM postroom.message WHERE id = ?").param(gone).update();
        sql.sql("DELETE FROM postroom.attempt WHERE message_id = ? AND outcome = 0")
                .param(gone)
                .update();
        assertThat(Conservation.check(sql)).as("looks like a lost message").hasSize(1);
        oneByOne.run();
        assertThat(sql.sql("SELECT count(*) FROM postroom.attempt")
                        .query(Integer.class)
                        .single())
                .isZero();
    }

    @Test
    void finished_messages_leave_when_the_retention_of_their_queue_is_over() {
        UUID old = done("week", EIGHT_DAYS);
        UUID young = done("week", Duration.ofDays(6));
        UUID kept = done("month", EIGHT_DAYS);
        UUID gone = done("hour", Duration.ofHours(2));
        retention("month", "30 days");
        retention("hour", "1 hour");
        assertThat(removable()).containsExactlyInAnyOrder(old, gone);
        oneByOne.run();
        assertThat(stored()).containsExactlyInAnyOrder(young, kept);
        assertThat(sql.sql("SELECT DISTINCT message_id FROM postroom.attempt")
                        .query(UUID.class)
                        .list())
                .containsExactlyInAnyOrder(young, kept);
    }

    @Test
    void retention_of_nothing_lets_messages_go_at_once() {
        done("at-once", Duration.ZERO);
        retention("at-once", "0");
        oneByOne.run();
        assertThat(stored()).isEmpty();
    }

    @Test
    void every_way_to_finish_is_put_down_in_the_ledger() {
        for (String outcome : List.of("done", "done", "cancelled", "expired")) {
            messages.message("a").age(TEN_DAYS).finishedAgo(worker, outcome, EIGHT_DAYS);
        }
        done("b", EIGHT_DAYS);
        oneByOne.run();
        assertThat(ledger())
                .containsExactlyInAnyOrder(
                        "a cancelled 1 delete", "a done 2 delete", "a expired 1 delete", "b done 1 delete");
    }

    @Test
    void day_is_freed_as_a_whole_and_what_is_still_needed_is_put_back() {
        List<UUID> gone = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            gone.add(done("q", EIGHT_DAYS));
        }
        retention("month", "30 days");
        UUID ready = messages.message("q").age(TEN_DAYS).ready();
        UUID retried = messages.message("q")
                .age(TEN_DAYS)
                .attempt(worker, "retry", "no")
                .ready();
        UUID delayed = messages.message("q")
                .age(TEN_DAYS)
                .attempt(worker, "retry", "no")
                .delayed(HOUR, "retry");
        UUID leased = messages.message("q").age(TEN_DAYS).leased(worker);
        UUID dead = messages.message("q")
                .age(TEN_DAYS)
                .attempt(worker, "reject", "no")
                .dead("rejected", "X", "no", "f");
        UUID month = done("month", EIGHT_DAYS);
        List<UUID> needed = List.of(ready, retried, delayed, leased, dead, month);
        List<String> before = contents(needed);

        wholeDays.run();
        assertThat(stored()).containsExactlyInAnyOrderElementsOf(needed);
        assertThat(contents(needed)).isEqualTo(before);
        assertThat(ledger()).containsExactly("q done 10 truncate");
        assertThat(sql.sql("SELECT first_id, last_id FROM postroom.purge_ledger")
                        .query()
                        .singleRow())
                .containsEntry(
                        "first_id",
                        gone.stream()
                                .min((a, b) -> a.toString().compareTo(b.toString()))
                                .orElseThrow())
                .containsEntry(
                        "last_id",
                        gone.stream()
                                .max((a, b) -> a.toString().compareTo(b.toString()))
                                .orElseThrow());
        assertThat(sql.sql("SELECT message_id FROM postroom.attempt")
                        .query(UUID.class)
                        .list())
                .as("history of what stays, and nothing else")
                .containsExactlyInAnyOrder(retried, delayed, dead, month);
        assertThat(states(needed))
                .containsExactlyInAnyOrder("READY", "READY", "DELAYED", "IN_PROGRESS", "DEAD", "DONE");
    }

    @Test
    void large_day_that_is_not_past_is_left_alone() {
        UUID today = done("at-once", Duration.ZERO);
        retention("at-once", "0");
        wholeDays.run();
        assertThat(stored()).containsExactly(today);
    }

    @Test
    void large_day_is_not_picked_apart_while_it_can_be_freed_soon() {
        retention("q", "9 days");
        for (int i = 0; i < 10; i++) {
            done("q", Duration.ofHours(8 * 24)); // for one more day
        }
        UUID over = messages.message("q").age(TEN_DAYS).finishedAgo(worker, "done", Duration.ofHours(9 * 24 + 1));
        wholeDays.run();
        assertThat(stored()).hasSize(11).contains(over);
    }

    @Test
    void large_day_much_of_which_will_last_is_picked_apart() {
        for (int i = 0; i < 10; i++) {
            messages.message("backlog").age(TEN_DAYS).ready();
        }
        UUID gone = done("q", EIGHT_DAYS);
        wholeDays.run();
        assertThat(stored()).hasSize(10).doesNotContain(gone);
        assertThat(ledger()).containsExactly("q done 1 delete");
    }

    @Test
    void lines_to_keep_are_the_same_from_the_messages_and_line_by_line() {
        for (int i = 0; i < 4; i++) {
            done("q", TEN_DAYS);
            messages.message("q")
                    .age(TEN_DAYS)
                    .attempt(worker, "retry", "no")
                    .attempt(worker, "failed", "no")
                    .dead("attempts_spent", "X", "no", "f");
        }
        sql.sql(
                        "DELETE FROM postroom.message m WHERE NOT EXISTS (SELECT FROM postroom.dead_letter d WHERE d.message_id = m.id)")
                .update(); // as a purge does before it comes to the history
        List<String> lineByLine = kept("postroom.history_look(p.name, '(0,0)', 1000) l, unnest(l.kept) k");
        assertThat(kept("unnest(postroom.history_kept(p.name, 4, 1000)) k"))
                .hasSize(8)
                .containsExactlyInAnyOrderElementsOf(lineByLine);
        assertThat(kept("unnest(postroom.history_kept(p.name, 4, 1)) k"))
                .as("no more lines of a day than asked for")
                .hasSizeBetween(1, 2);
        assertThat(kept("unnest(postroom.history_kept(p.name, 0, 1000)) k"))
                .as("too many messages to begin with them")
                .isEmpty();
        sql.sql("TRUNCATE postroom.attempt, postroom.message, postroom.dead_letter")
                .update();
    }

    private List<String> kept(String places) {
        return sql.sql("SELECT p.name || k FROM postroom.partitions('attempt') p, " + places + " WHERE p.bytes > 0")
                .query(String.class)
                .list();
    }

    @Test
    void history_of_a_freed_day_goes_with_the_last_of_its_messages_only() {
        UUID dead = messages.message("q")
                .age(TEN_DAYS)
                .attempt(worker, "retry", "no")
                .attempt(worker, "failed", "no")
                .dead("attempts_spent", "X", "no", "f");
        UUID retriedLong = messages.message("q")
                .age(TEN_DAYS)
                .attempt(worker, "retry", "no")
                .finishedAgo(worker, "done", Duration.ofDays(6));
        for (int i = 0; i < 5; i++) {
            done("q", EIGHT_DAYS);
        }
        wholeDays.run();
        assertThat(sql.sql("SELECT count(*) FROM postroom.attempt WHERE message_id = ?")
                        .param(dead)
                        .query(Long.class)
                        .single())
                .isEqualTo(2);
        assertThat(sql.sql("SELECT count(*) FROM postroom.attempt WHERE message_id = ?")
                        .param(retriedLong)
                        .query(Long.class)
                        .single())
                .isEqualTo(2);
        assertThat(sql.sql("SELECT count(*) FROM postroom.attempt")
                        .query(Long.class)
                        .single())
                .isEqualTo(4);
    }

    /** Those are no longer asked for one by one; the history is then looked through line by line. */
    @Test
    void history_between_many_stored_messages_is_freed_too() {
        UUID gone = messages.message("q").age(TEN_DAYS.plus(HOUR)).finishedAgo(worker, "done", EIGHT_DAYS);
        UUID kept = messages.message("q").age(TEN_DAYS.minus(HOUR)).finishedAgo(worker, "done", EIGHT_DAYS);
        sql.sql("DELETE FROM postroom.message WHERE id = ?").param(gone).update();
        ready(PostgresMaintenance.MOST_STORED_BETWEEN + 1, TEN_DAYS);
        List<Day> told = maintenance.days(Kind.HISTORY).stream()
                .filter(day -> day.bytes() > 0)
                .toList();
        assertThat(told).hasSize(1);
        assertThat(sql.sql("SELECT postroom.history_kept(?, ?, 501) IS NULL")
                        .params(told.get(0).name(), PostgresMaintenance.MOST_STORED_BETWEEN)
                        .query(Boolean.class)
                        .single())
                .as("they are too many to be asked for")
                .isTrue();
        assertThat(maintenance.freeHistory(told.get(0), 500)).isEqualTo(Freed.DONE);
        assertThat(sql.sql("SELECT message_id FROM postroom.attempt")
                        .query(UUID.class)
                        .list())
                .containsExactly(kept);
    }

    private void ready(int count, Duration age) {
        sql.sql("""
                        WITH stored AS (
                            INSERT INTO postroom.message (id, seq, queue_id, priority, direction)
                            SELECT (substring(?::text FOR 24) || lpad(to_hex(g), 12, '0'))::uuid, nextval('postroom.ready_seq'), ?, 4, 0
                            FROM generate_series(1, ?) g
                            RETURNING id, seq, queue_id
                        )
                        INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved)
                        SELECT seq, queue_id, 4, id, false FROM stored
                        """)
                .params(PlacedMessages.idOfAge(age), messages.queue("q"), count)
                .update();
    }

    @Test
    void message_with_two_ends_stays_until_both_may_go() {
        UUID id = done("week", EIGHT_DAYS);
        sql.sql("INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)"
                        + " VALUES (?, now(), now() - interval '8 days', ?, 1, 0)")
                .params(id, messages.queue("month"))
                .update();
        retention("month", "30 days");
        oneByOne.run();
        wholeDays.run();
        assertThat(stored()).containsExactly(id);
        retention("month", "7 days");
        oneByOne.run();
        assertThat(stored()).isEmpty();
        assertThat(ledger()).containsExactlyInAnyOrder("month done 1 delete", "week done 1 delete");
    }

    @Test
    void message_that_ended_and_yet_waits_is_never_taken() {
        UUID id = done("q", EIGHT_DAYS);
        sql.sql("INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)"
                        + " VALUES (now() + interval '1 hour', ?, 4, ?, 'delay')")
                .params(messages.queue("q"), id)
                .update();
        oneByOne.run();
        wholeDays.run();
        assertThat(stored()).containsExactly(id);
        assertThat(Conservation.check(sql))
                .extracting(Conservation.Violation::check)
                .containsExactly("two_places");
        sql.sql("DELETE FROM postroom.delayed").update();
    }

    @Test
    void message_in_no_place_is_kept_for_the_checker_to_find() {
        UUID lost = messages.message("q").age(TEN_DAYS).nowhere();
        for (int i = 0; i < 3; i++) {
            done("q", EIGHT_DAYS);
        }
        wholeDays.run();
        oneByOne.run();
        assertThat(stored()).containsExactly(lost);
        assertThat(Conservation.check(sql))
                .extracting(Conservation.Violation::check, Conservation.Violation::messageId)
                .containsExactly(tuple("no_place", lost));
        sql.sql("DELETE FROM postroom.message").update();
    }

    @Test
    void deduplication_key_is_free_again_once_its_message_has_left() {
        UUID one = done("q", EIGHT_DAYS);
        UUID whole = done("q", EIGHT_DAYS);
        UUID waits = messages.message("q").age(TEN_DAYS).ready();
        for (UUID id : List.of(one, whole, waits)) {
            sql.sql("INSERT INTO postroom.dedup (queue_id, key, message_id) VALUES (?, ?, ?)")
                    .params(messages.queue("q"), id.toString(), id)
                    .update();
        }
        wholeDays.run();
        assertThat(sql.sql("SELECT message_id FROM postroom.dedup")
                        .query(UUID.class)
                        .list())
                .containsExactly(waits);
        done("q", EIGHT_DAYS);
        oneByOne.run();
        assertThat(sql.sql("SELECT is_new FROM postroom.create_message('q', deduplication_key => ?)")
                        .param(one.toString())
                        .query(Boolean.class)
                        .single())
                .isTrue();
    }

    // ---- races

    /** Finding 3: asked place by place, a message moving from one to the other looks finished. */
    @Test
    void purge_never_takes_a_message_that_still_waits(TestDatabase database) throws SQLException {
        UUID moving = messages.message("q").age(TEN_DAYS).delayed(Duration.ofSeconds(-1), "delay");
        done("q", EIGHT_DAYS);
        try (Connection promoter = database.connect()) {
            promoter.setAutoCommit(false);
            assertThat(on(promoter)
                            .sql("SELECT messages FROM postroom.promote('-infinity', 10)")
                            .query(Integer.class)
                            .single())
                    .isEqualTo(1);
            wholeDays.run();
            assertThat(stored()).containsExactly(moving);
            promoter.commit();
        }
        wholeDays.run();
        oneByOne.run();
        assertThat(states(List.of(moving))).containsExactly("READY");
    }

    @Test
    void message_whose_end_is_not_committed_yet_is_put_back() {
        UUID id = messages.message("q").age(TEN_DAYS).leased(worker);
        retention("q", "0");
        try (Connection completer = openTransaction()) {
            long lease =
                    sql.sql("SELECT id FROM postroom.lease").query(Long.class).single();
            on(completer)
                    .sql("""
                            SELECT completed
                            FROM postroom.complete_done(?, ARRAY[?], '{1}', ARRAY[?], '{0}', ARRAY[?], '{1}', '{0}', '{0}')
                            """)
                    .params(worker, lease, lease, id)
                    .query(String.class)
                    .single();
            wholeDays.run();
            assertThat(stored()).containsExactly(id);
            completer.commit();
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
        oneByOne.run();
        assertThat(stored()).isEmpty();
    }

    @Test
    void day_somebody_reads_is_left_for_later_and_soon_tried_again(TestDatabase database) throws SQLException {
        UUID id = done("q", EIGHT_DAYS);
        try (Connection dump = database.connect()) {
            dump.setAutoCommit(false);
            on(dump).sql("SELECT count(*) FROM postroom.message")
                    .query(Long.class)
                    .single();
            assertThat(wholeDays.run()).isEqualTo(Duration.ofSeconds(15));
            assertThat(stored()).containsExactly(id);
            assertThat(maintenance.freeMessages(dayOf(id), 10)).isEqualTo(Freed.BUSY);
            dump.commit();
        }
        assertThat(maintenance.freeMessages(dayOf(id), 10)).isEqualTo(Freed.DONE);
        assertThat(stored()).isEmpty();
    }

    @Test
    void day_is_not_freed_when_more_would_have_to_be_put_back_than_allowed() {
        UUID gone = done("q", EIGHT_DAYS);
        for (int i = 0; i < 3; i++) {
            messages.message("q").age(TEN_DAYS).ready();
        }
        assertThat(maintenance.freeMessages(dayOf(gone), 2)).isEqualTo(Freed.LASTING);
        assertThat(stored()).hasSize(4);
        assertThat(maintenance.freeMessages(dayOf(gone), 3)).isEqualTo(Freed.DONE);
        assertThat(stored()).hasSize(3);
    }

    /** Finding 2: a snapshot older than the lock truncated a committed message. */
    @Test
    void maintenance_refuses_a_snapshot_older_than_its_locks() throws SQLException {
        for (String step : List.of(
                "truncate_ready(0)",
                "close_day('message_old')",
                "move_tail('message')",
                "fold_old('message', '2000-01-01')")) {
            try (Connection connection = openTransaction()) {
                connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
                assertThatThrownBy(() -> on(connection)
                                .sql("SELECT postroom." + step + "::text")
                                .query(String.class)
                                .single())
                        .as(step)
                        .hasMessageContaining("READ COMMITTED");
            }
        }
    }

    @Test
    void ready_is_truncated_only_when_empty_and_unused(TestDatabase database) throws SQLException {
        UUID claimed = messages.message("q").ready();
        assertThat(maintenance.truncateReady(0)).as("not empty").isFalse();
        sql.sql("SELECT message_id FROM postroom.claim(?, ?, 'q', '{4}', '{0}', 10, 10, 10, 0)")
                .params(worker, messages.queue("q"))
                .query(UUID.class)
                .list();
        try (Connection enqueuer = database.connect()) {
            enqueuer.setAutoCommit(false);
            UUID id = on(enqueuer)
                    .sql("SELECT id FROM postroom.create_message('q')")
                    .query(UUID.class)
                    .single();
            assertThat(maintenance.truncateReady(0)).as("somebody enqueues").isFalse();
            enqueuer.commit();
            assertThat(maintenance.truncateReady(0))
                    .as("what was committed meanwhile")
                    .isFalse();
            assertThat(states(List.of(id, claimed))).containsExactlyInAnyOrder("READY", "IN_PROGRESS");
        }
        sql.sql("SELECT postroom.cancel(message_id) FROM postroom.ready")
                .query()
                .listOfRows();
        long seq = sql.sql("SELECT last_value FROM postroom.ready_seq")
                .query(Long.class)
                .single();
        assertThat(maintenance.truncateReady(Long.MAX_VALUE)).as("small").isFalse();
        assertThat(maintenance.truncateReady(0)).isTrue();
        assertThat(sql.sql("SELECT last_value FROM postroom.ready_seq")
                        .query(Long.class)
                        .single())
                .as("never restarted")
                .isEqualTo(seq);
    }

    /** The other order, looking before locking, lost a committed message within a second of this. */
    @Test
    void nothing_committed_just_before_ready_is_truncated_is_lost(TestDatabase database) throws Exception {
        retention("now", "1 day");
        AtomicBoolean on = new AtomicBoolean(true);
        List<CompletableFuture<Integer>> actors = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            actors.add(repeat(database, on, own -> {
                own.sql("SELECT id FROM postroom.create_message('now', '1')")
                        .query(UUID.class)
                        .list();
                workOn(own);
            }));
        }
        int truncated = 0;
        try {
            for (int tries = 0; truncated < 100 && tries < 20_000; tries++) {
                truncated += sql.sql("SELECT postroom.truncate_ready(0)")
                                .query(Boolean.class)
                                .single()
                        ? 1
                        : 0;
                assertThat(actors).noneMatch(CompletableFuture::isDone);
            }
        } finally {
            on.set(false);
        }
        for (CompletableFuture<Integer> actor : actors) {
            assertThat(actor.get(30, TimeUnit.SECONDS)).isPositive();
        }
        assertThat(truncated).isPositive();
        assertThat(Conservation.check(sql)).isEmpty();
    }

    /** Everything at once: enqueue, claim, complete, cancel, purge both ways, READY truncated; the checker looks on without a pause. */
    @Test
    void no_snapshot_shows_a_message_nowhere_while_everything_is_removed(TestDatabase database) throws Exception {
        retention("old", "7 days");
        retention("now", "0");
        AtomicBoolean on = new AtomicBoolean(true);
        List<CompletableFuture<Integer>> actors = new ArrayList<>();
        actors.add(repeat(database, on, own -> {
            own.sql("BEGIN").update();
            if (ThreadLocalRandom.current().nextInt(50) == 0) {
                theirs(own)
                        .attempt(worker, "retry", "no")
                        .attempt(worker, "reject", "no")
                        .dead("rejected", "X", "no", "f");
            } else {
                theirs(own).finishedAgo(worker, "done", EIGHT_DAYS);
            }
            own.sql("COMMIT").update();
        }));
        actors.add(repeat(
                database,
                on,
                own -> own.sql("SELECT id FROM postroom.create_message('now', '1',"
                                + " delay => CASE WHEN random() < 0.3 THEN interval '1 millisecond' END,"
                                + " deduplication_key => gen_random_uuid()::text)")
                        .query(UUID.class)
                        .list()));
        actors.add(repeat(
                database,
                on,
                own -> own.sql("SELECT messages FROM postroom.promote('-infinity', 100)")
                        .query(Integer.class)
                        .list()));
        actors.add(repeat(database, on, own -> workOn(own)));
        CompletableFuture<Integer> whole = repeat(database, on, own -> new RemoveQueueMessages(maintenance, 1).run());
        CompletableFuture<Integer> single = repeat(database, on, own -> {
            if (purged("truncate") > 0) { // before that it would leave the other nothing but dead letters
                oneByOneOrLater();
                maintenance.truncateReady(0);
            }
        });
        actors.add(whole);
        actors.add(single);
        try {
            int looks = 0;
            for (long begin = System.nanoTime();
                    System.nanoTime() - begin < Duration.ofSeconds(2).toNanos() || looks < 20;
                    looks++) {
                assertThat(Conservation.check(sql)).isEmpty();
                assertThat(actors).noneMatch(CompletableFuture::isDone);
            }
        } finally {
            on.set(false);
        }
        for (CompletableFuture<Integer> actor : actors) {
            assertThat(actor.get(30, TimeUnit.SECONDS)).isPositive();
        }
        assertThat(purged("truncate")).isPositive();
        assertThat(purged("delete")).isPositive();
        assertThat(sql.sql("SELECT count(*) FROM postroom.dead_letters WHERE payload IS NULL")
                        .query(Long.class)
                        .single())
                .as("dead letters keep their content")
                .isZero();
    }

    /**
     * The lock of the job keeps two purges apart. Without it the deletion may wait for a day that the other has locked in part, and lose
     * when the two wait for each other: then it is tried again, as the timer does.
     */
    private void oneByOneOrLater() {
        try {
            oneByOne.run();
        } catch (StoreException lost) {
            if (lost.kind() != StoreException.Kind.TRY_AGAIN) {
                throw lost;
            }
        }
    }

    /** Entries in the ledger. */
    private long purged(String how) {
        return sql.sql("SELECT count(*) FROM postroom.purge_ledger WHERE how = ?")
                .param(how)
                .query(Long.class)
                .single();
    }

    @Test
    void ledger_and_what_is_stored_sum_up_to_what_was_created() {
        int created = 0;
        for (int i = 0; i < 40; i++) {
            messages.message("q" + i % 3)
                    .age(TEN_DAYS)
                    .finishedAgo(worker, i % 4 == 0 ? "cancelled" : "done", Duration.ofDays(5 + i % 4));
            created++;
        }
        messages.message("q1").age(TEN_DAYS).ready();
        created++;
        wholeDays.run();
        oneByOne.run();
        wholeDays.run();
        long removed = sql.sql("SELECT sum(messages) FROM postroom.purge_ledger")
                .query(Long.class)
                .single();
        assertThat(removed).isPositive();
        assertThat(removed + stored().size()).isEqualTo(created);
        assertThat(removable()).isEmpty();
    }

    // ---- the rest

    @Test
    void processes_are_forgotten_when_no_history_names_them() {
        int named = messages.worker("named");
        int holding = messages.worker("holding");
        int gone = messages.worker("gone");
        int live = messages.worker("live");
        for (int each : List.of(named, holding, gone, live)) {
            messages.consumer(each, "q", "handler", "*");
        }
        messages.message("q").attempt(named, "retry", "no").ready();
        messages.message("q").leased(holding);
        sql.sql("UPDATE postroom.worker SET stopped_at = now() - interval '2 days' WHERE id IN (?, ?, ?)")
                .params(named, holding, gone)
                .update();
        assertThat(maintenance.forgetWorkers(Duration.ofDays(1))).isEqualTo(1);
        assertThat(sql.sql("SELECT name FROM postroom.worker")
                        .query(String.class)
                        .list())
                .contains("named", "holding", "live")
                .doesNotContain("gone");
        assertThat(sql.sql("SELECT worker_id FROM postroom.consumer")
                        .query(Integer.class)
                        .list())
                .containsExactly(live);
        sql.sql("TRUNCATE postroom.lease").update();
        sql.sql(
                        "DELETE FROM postroom.message m WHERE NOT EXISTS (SELECT FROM postroom.place p WHERE p.message_id = m.id)")
                .update();
    }

    // ---- help

    private UUID done(String queue, Duration ago) {
        return messages.message(queue)
                .age(ago.compareTo(EIGHT_DAYS) >= 0 ? TEN_DAYS : ago.plusSeconds(5))
                .finishedAgo(worker, "done", ago);
    }

    private void retention(String queue, String interval) {
        messages.queue(queue);
        sql.sql("UPDATE postroom.queue SET retention = ?::interval WHERE name = ?")
                .params(interval, queue)
                .update();
    }

    private List<UUID> stored() {
        return sql.sql("SELECT id FROM postroom.message").query(UUID.class).list();
    }

    private List<UUID> removable() {
        return sql.sql("SELECT message_id FROM postroom.queue_messages WHERE removable_at <= now()")
                .query(UUID.class)
                .list();
    }

    private List<String> contents(List<UUID> ids) {
        return sql.sql("SELECT m::text FROM postroom.message m WHERE id = ANY (?) ORDER BY id")
                .param(ids.toArray(UUID[]::new))
                .query(String.class)
                .list();
    }

    private List<String> states(List<UUID> ids) {
        return sql.sql("SELECT state FROM postroom.queue_messages WHERE message_id = ANY (?)")
                .param(ids.toArray(UUID[]::new))
                .query(String.class)
                .list();
    }

    private List<String> ledger() {
        return sql.sql("SELECT concat_ws(' ', queue, outcome, messages, how) FROM postroom.purge_log")
                .query(String.class)
                .list();
    }

    private Day dayOf(UUID id) {
        String name = sql.sql("SELECT tableoid::regclass::text FROM postroom.message WHERE id = ?")
                .param(id)
                .query(String.class)
                .single();
        return maintenance.days(Kind.MESSAGES).stream()
                .filter(day -> name.equals("postroom." + day.name()))
                .findFirst()
                .orElseThrow();
    }

    private Connection openTransaction() throws SQLException {
        Connection connection = pool.getConnection();
        connection.setAutoCommit(false);
        return connection;
    }

    private void workOn(JdbcClient own) {
        record Held(long lease, int ordinal, UUID id) {}
        List<Held> held = own.sql(
                        "SELECT lease_id, ordinal, message_id FROM postroom.claim(?, ?, 'now', '{4}', '{0}', 5, 1, 5, 0)")
                .params(worker, messages.queue("now"))
                .query((row, number) -> new Held(row.getLong(1), row.getInt(2), row.getObject(3, UUID.class)))
                .list();
        for (Held each : held) {
            own.sql(
                            "SELECT completed"
                                    + " FROM postroom.complete_done(?, ARRAY[?], '{1}', ARRAY[?], '{0}', ARRAY[?], '{1}', '{0}', '{0}')")
                    .params(worker, each.lease, each.lease, each.id)
                    .query(String.class)
                    .list();
        }
        own.sql("UPDATE postroom.worker SET beat_at = now() WHERE id = ?")
                .param(worker)
                .update();
    }

    private static PlacedMessages.Draft theirs(JdbcClient own) {
        return new PlacedMessages(own).message("old").age(TEN_DAYS);
    }

    private interface Turn {
        void run(JdbcClient own);
    }

    /** Answers how many turns it took. */
    private static CompletableFuture<Integer> repeat(TestDatabase database, AtomicBoolean on, Turn turn) {
        return CompletableFuture.supplyAsync(
                () -> {
                    int turns = 0;
                    try (Connection connection = database.connect()) {
                        JdbcClient own = on(connection);
                        while (on.get()) {
                            turn.run(own);
                            turns++;
                        }
                    } catch (SQLException e) {
                        throw new IllegalStateException(e);
                    }
                    return turns;
                },
                task -> {
                    Thread thread = new Thread(task);
                    thread.setDaemon(true);
                    thread.start();
                });
    }

    private static JdbcClient on(Connection connection) {
        return JdbcClient.create(new SingleConnectionDataSource(connection, true));
    }
}
