package io.postroom.checks;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.Conservation;
import io.postroom.testing.Conservation.Violation;
import io.postroom.testing.LedgerLines;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import org.assertj.core.api.ListAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Every check with its violation planted: what a wrong engine, a wrong purge or a hand in the tables would leave. */
@PostgresTest
class ConservationTest {
    private static final Duration HOUR = Duration.ofHours(1);

    private final JdbcClient sql;
    private final PlacedMessages messages;
    private int worker;

    ConservationTest(DataSource pool) {
        sql = JdbcClient.create(pool);
        messages = new PlacedMessages(sql);
    }

    @BeforeEach
    void empty() {
        sql.sql("""
                        TRUNCATE postroom.message, postroom.ready, postroom.grouped, postroom.message_group, postroom.delayed,
                            postroom.lease, postroom.dead_letter, postroom.attempt,
                            postroom.queue, postroom.worker, postroom.dedup, postroom.purge_ledger
                        """).update();
        LedgerLines.removeAll(sql);
        worker = messages.worker("node-1");
    }

    @Test
    void one_message_in_each_place_is_well() {
        messages.message("q").ready();
        messages.message("q")
                .attempt(worker, "retry", "x")
                .attempt(worker, "snooze", null)
                .ready();
        messages.message("q").attempt(worker, "retry", "x").delayed(HOUR, "retry");
        messages.message("q").attempt(worker, "crashed", "x").leased(worker);
        messages.message("q")
                .attempt(worker, "retry", "x")
                .attempt(worker, "failed", "x")
                .dead("attempts_spent", "X", "x", "f");
        messages.message("q").attempt(worker, "reject", "x").dead("rejected", "X", "x", "f");
        messages.message("q").dead("undecodable", "X", "x", "f");
        messages.message("q")
                .attempt(worker, "retry", "x")
                .attempt(worker, "done", null)
                .finished();
        messages.message("q").finishedAgo(worker, "expired", HOUR);
        sql.sql(
                        "INSERT INTO postroom.dedup (queue_id, key, message_id) SELECT queue_id, 'key', id FROM postroom.message LIMIT 1")
                .update();
        assertThat(Conservation.check(sql)).isEmpty();
    }

    @Test
    void message_that_vanished_from_its_place_is_found() {
        UUID id = messages.message("q").ready();
        sql.sql("DELETE FROM postroom.ready").update();
        assertFound("no_place").satisfiesExactly(violation -> {
            assertThat(violation.queue()).isEqualTo("q");
            assertThat(violation.messageId()).isEqualTo(id);
        });
    }

    @Test
    void dead_letter_that_failed_to_be_written_is_found() {
        UUID id = messages.message("q").attempt(worker, "failed", "x").dead("attempts_spent", "X", "x", "f");
        sql.sql("DELETE FROM postroom.dead_letter").update();
        assertFound("no_place").extracting(Violation::messageId).containsExactly(id);
    }

    @Test
    void message_moved_by_copying_is_found_in_two_places() {
        UUID delayed = messages.message("q").delayed(HOUR, "delay");
        sql.sql("""
                        INSERT INTO postroom.ready (seq, queue_id, priority, message_id)
                        SELECT nextval('postroom.ready_seq'), queue_id, priority, message_id FROM postroom.delayed
                        """).update();
        assertFound("two_places")
                .extracting(Violation::messageId, Violation::detail)
                .containsExactly(row(delayed, "delayed, ready"));
    }

    @Test
    void message_completed_without_asking_its_lease_is_found() {
        UUID id = messages.message("q").leased(worker);
        finish(id, 0);
        assertFound("two_places").extracting(Violation::messageId).containsExactly(id);
        sql.sql("DELETE FROM postroom.lease").update();
        finish(id, 0);
        assertFound("finished_twice").extracting(Violation::messageId).containsExactly(id);
    }

    @Test
    void message_in_progress_that_does_not_hold_its_group_is_found() {
        messages.queue("q");
        sql.sql("UPDATE postroom.queue SET ordered = true").update(); // which is refused once it holds messages
        UUID id = messages.message("q").leased(worker);
        sql.sql("UPDATE postroom.message SET group_key = 'a'").update();
        assertFound("group_not_held").extracting(Violation::messageId).containsExactly(id);
        sql.sql(
                        "INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch) VALUES (?, 'a', ?, 0, 0)")
                .params(messages.queue("q"), id)
                .update();
        assertThat(Conservation.check(sql)).isEmpty();
    }

    @Test
    void group_that_nobody_holds_any_more_is_found() {
        sql.sql("INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch, held_since)"
                        + " VALUES (?, 'a', ?, 0, 0, now() - interval '1 hour')")
                .params(messages.queue("q"), UUID.randomUUID())
                .update();
        assertFound("group_without_holder");
    }

    @Test
    void message_behind_its_group_is_in_one_place() {
        UUID id = messages.message("q").nowhere();
        sql.sql(
                        "INSERT INTO postroom.grouped (seq, queue_id, priority, message_id, group_key) VALUES (1, ?, 4, ?, 'a')")
                .params(messages.queue("q"), id)
                .update();
        assertThat(Conservation.check(sql)).isEmpty();
    }

    @Test
    void message_listed_twice_in_one_lease_is_found() {
        UUID id = messages.message("q").nowhere();
        sql.sql("INSERT INTO postroom.lease (worker_id, queue_id, priority, message_ids, open)"
                        + " VALUES (?, ?, 4, ARRAY[?, ?], B'11')")
                .params(worker, messages.queue("q"), id, id)
                .update();
        assertFound("two_places").extracting(Violation::messageId).containsExactly(id);
    }

    @Test
    void purge_that_takes_unfinished_messages_is_found() {
        UUID waits = messages.message("q").ready();
        UUID held = messages.message("q").leased(worker);
        UUID dead = messages.message("q").attempt(worker, "reject", "x").dead("rejected", "X", "x", "f");
        sql.sql("DELETE FROM postroom.message").update();
        assertThat(Conservation.check(sql))
                .filteredOn(violation -> violation.check().equals("no_message"))
                .extracting(Violation::messageId)
                .containsExactlyInAnyOrder(waits, held, dead);
        sql.sql("TRUNCATE postroom.ready, postroom.lease, postroom.dead_letter").update();
        assertFound("purged_unfinished").extracting(Violation::messageId).containsExactly(dead);
    }

    @Test
    void deduplication_key_that_outlives_its_message_is_found() {
        sql.sql("INSERT INTO postroom.dedup (queue_id, key, message_id) VALUES (?, 'order-42', gen_random_uuid())")
                .param(messages.queue("q"))
                .update();
        assertFound("dedup_without_message")
                .singleElement()
                .satisfies(violation -> assertThat(violation.detail()).contains("order-42"));
    }

    @Test
    void ready_row_that_look_ups_would_miss_is_found() {
        UUID id = messages.message("q").ready();
        sql.sql("UPDATE postroom.message SET seq = seq - 1").update();
        assertFound("not_found_in_ready").extracting(Violation::messageId).containsExactly(id);
    }

    @Test
    void lease_older_than_any_handler_may_take_is_found() {
        messages.message("q").leased(worker);
        sql.sql("UPDATE postroom.lease SET claimed_at = now() - interval '26 hours'")
                .update();
        assertFound("lease_too_old").hasSize(1);
    }

    @Test
    void message_of_a_priority_that_does_not_exist_is_found() {
        UUID id = messages.message("q").ready();
        sql.sql("UPDATE postroom.ready SET priority = 10, moved = true").update();
        assertFound("no_such_priority").extracting(Violation::messageId).containsExactly(id);
    }

    @Test
    void lease_without_open_bits_or_with_too_few_of_them_is_found() {
        UUID done = messages.message("q").finishedAgo(worker, "done", Duration.ZERO);
        sql.sql(
                        "INSERT INTO postroom.lease (worker_id, queue_id, priority, message_ids, open) VALUES (?, ?, 4, ARRAY[?], B'0')")
                .params(worker, messages.queue("q"), done)
                .update();
        assertFound("lease_malformed")
                .singleElement()
                .satisfies(violation -> assertThat(violation.detail()).endsWith("none open"));

        UUID held = messages.message("q").nowhere();
        sql.sql("UPDATE postroom.lease SET open = B'1', message_ids = ARRAY[?, ?]")
                .params(held, done)
                .update();
        assertFound("lease_malformed").hasSize(1);
        sql.sql("UPDATE postroom.lease SET open = B'10'").update();
        assertThat(Conservation.check(sql)).isEmpty();
        sql.sql("UPDATE postroom.lease SET failures = ARRAY[0::smallint]").update();
        assertFound("lease_malformed").hasSize(1);
    }

    @Test
    void lease_that_rescue_forgot_is_found_whether_its_worker_is_missing_stopped_or_silent() {
        int stopped = messages.worker("stopped");
        int silent = messages.worker("silent");
        sql.sql("UPDATE postroom.worker SET stopped_at = now() - interval '1 hour' WHERE id = ?")
                .param(stopped)
                .update();
        sql.sql("UPDATE postroom.worker SET beat_at = now() - interval '1 hour' WHERE id = ?")
                .param(silent)
                .update();
        for (int each : List.of(stopped, silent, 987654, worker)) {
            messages.message("q").leased(each);
        }
        assertThat(Conservation.check(sql)).as("freshly claimed").isEmpty();
        sql.sql("UPDATE postroom.lease SET claimed_at = now() - interval '1 hour'")
                .update();
        // Right after a start of the server, nothing is overdue yet.
        String check = "SELECT pg_postmaster_start_time() < now() - interval '90 seconds'";
        if (sql.sql(check).query(Boolean.class).single()) {
            assertFound("lease_overdue").hasSize(3);
        } else {
            assertThat(Conservation.check(sql)).isEmpty();
        }
    }

    @Test
    void promoter_that_stopped_is_found_while_workers_live() {
        messages.message("q").delayed(Duration.ofMinutes(-11), "delay");
        assertThat(Conservation.check(sql)).as("the worker has just started").isEmpty();
        sql.sql("UPDATE postroom.worker SET started_at = now() - interval '1 hour'")
                .update();
        assertFound("not_promoted").hasSize(1);
        sql.sql("UPDATE postroom.worker SET beat_at = now() - interval '1 hour'")
                .update();
        assertThat(Conservation.check(sql)).as("no worker lives").isEmpty();
    }

    @Test
    void dead_letter_that_its_history_does_not_explain_is_found() {
        messages.message("q").dead("attempts_spent", "X", "x", "f");
        messages.message("q").dead("crash_limit", "X", "x", "f");
        messages.message("q").dead("rejected", "X", "x", "f");
        messages.message("q").dead("undecodable", "X", "x", "f");
        messages.message("q").attempt(worker, "retry", "x").dead("attempts_spent", "X", "x", "f");
        assertThat(Conservation.check(sql))
                .filteredOn(v -> v.check().equals("dead_letter_unexplained"))
                .hasSize(4);
    }

    @Test
    void dead_letter_under_the_limit_that_was_in_force_is_found() {
        UUID crashed = messages.message("q")
                .attempt(worker, "crashed", "x")
                .attempt(worker, "crashed", "x")
                .dead("crash_limit", "X", "x", "f");
        messages.message("q").attempt(worker, "failed", "x").dead("attempts_spent", "X", "x", "f");
        assertFound("dead_letter_under_limit")
                .as("attempts are the handler's unless an operator set them")
                .extracting(Violation::messageId)
                .containsExactly(crashed);
        operatorSets("strict", 3);
        UUID failed = messages.message("strict").attempt(worker, "failed", "x").dead("attempts_spent", "X", "x", "f");
        assertFound("dead_letter_under_limit")
                .extracting(Violation::messageId)
                .containsExactlyInAnyOrder(crashed, failed);
        operatorSets("strict", 4);
        assertFound("dead_letter_under_limit")
                .as("the limit came later")
                .extracting(Violation::messageId)
                .containsExactly(crashed);
        sql.sql("UPDATE postroom.queue SET settings_by = 'declaration'").update();
        assertThat(Conservation.check(sql)).as("each start may have changed it").isEmpty();
    }

    @Test
    void message_over_its_limit_that_still_waits_is_found() {
        UUID waits = messages.message("q")
                .attempt(worker, "crashed", "x")
                .attempt(worker, "crashed", "x")
                .attempt(worker, "crashed", "x")
                .ready();
        messages.message("q")
                .attempt(worker, "retry", "x")
                .attempt(worker, "retry", "x")
                .delayed(HOUR, "retry");
        assertFound("over_limit").extracting(Violation::messageId).containsExactly(waits);
        operatorSets("strict", 2);
        messages.message("strict")
                .attempt(worker, "retry", "x")
                .attempt(worker, "retry", "x")
                .delayed(HOUR, "retry");
        assertFound("over_limit").hasSize(2);
    }

    /** Leaves a line in the ledger, which says since when the limit holds. */
    private void operatorSets(String queue, int maxAttempts) {
        sql.sql("UPDATE postroom.queue SET settings_by = 'operator', max_attempts = ? WHERE id = ?")
                .param(maxAttempts)
                .param(messages.queue(queue))
                .update();
    }

    @Test
    void credit_burnt_by_a_release_is_found() {
        UUID id = messages.message("q").attempt(worker, "retry", "x").ready();
        sql.sql("UPDATE postroom.ready SET failures = failures + 1").update();
        assertFound("credit_unexplained").extracting(Violation::messageId).containsExactly(id);
        sql.sql("UPDATE postroom.ready SET failures = 0, crashes = 1").update();
        assertFound("credit_unexplained").hasSize(1);
        sql.sql("UPDATE postroom.ready SET crashes = 0").update();
        assertThat(Conservation.check(sql)).as("a redrive forgets both").isEmpty();
    }

    @Test
    void ledger_line_that_cannot_be_true_is_found() {
        int queue = messages.queue("q");
        for (long[] line : new long[][] {{2, 1, 2}, {1, 5, 5}}) {
            ledger(queue, line[0], line[1], line[2]);
        }
        assertThat(Conservation.check(sql)).isEmpty();
        ledger(queue, 0, 1, 2);
        ledger(queue, 2, 2, 1);
        ledger(queue, 2, 1, 1);
        ledger(987654, 2, 1, 2);
        assertFound("ledger").hasSize(4);
    }

    @Test
    void sequence_that_fell_back_or_caches_numbers_is_found() {
        messages.message("q").ready();
        messages.message("q").ready();
        long last = sql.sql("SELECT last_value FROM postroom.ready_seq")
                .query(Long.class)
                .single();
        sql.sql("SELECT setval('postroom.ready_seq', ?)")
                .param(last - 1)
                .query(Long.class)
                .single();
        assertFound("sequence").hasSize(1);
        sql.sql("SELECT setval('postroom.ready_seq', ?)")
                .param(last)
                .query(Long.class)
                .single();
        sql.sql("ALTER SEQUENCE postroom.ready_seq CACHE 10").update();
        assertFound("sequence").hasSize(1);
        sql.sql("ALTER SEQUENCE postroom.ready_seq CACHE 1").update();
        assertThat(Conservation.check(sql)).isEmpty();
    }

    private ListAssert<Violation> assertFound(String check) {
        List<Violation> violations = Conservation.check(sql);
        assertThat(violations)
                .isNotEmpty()
                .allSatisfy(violation -> assertThat(violation.check()).isEqualTo(check));
        return assertThat(violations);
    }

    private static org.assertj.core.groups.Tuple row(Object... values) {
        return org.assertj.core.groups.Tuple.tuple(values);
    }

    private void finish(UUID id, int outcome) {
        sql.sql("""
                        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
                        SELECT id, now(), now(), queue_id, 1, ? FROM postroom.message WHERE id = ?
                        """).params(outcome, id).update();
    }

    private void ledger(int queue, long count, long first, long last) {
        sql.sql("INSERT INTO postroom.purge_ledger (queue_id, outcome, messages, first_id, last_id, how)"
                        + " VALUES (?, 0, ?, ?, ?, 'delete')")
                .params(queue, count, new UUID(0, first), new UUID(0, last))
                .update();
    }
}
