package io.postroom.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

@PostgresTest
class ViewsTest {
    private final JdbcClient sql;
    private final PlacedMessages messages;
    private final int worker;

    ViewsTest(DataSource pool) {
        sql = JdbcClient.create(pool);
        messages = new PlacedMessages(sql);
        worker = messages.worker("node-1");
    }

    /** The plan is kept, so it must not be one for small tables: these are empty when it is made. */
    @Test
    void message_is_found_by_indexes_alone() throws SQLException {
        try (TestDatabase empty = TestDatabase.create();
                Connection connection = empty.connect()) {
            connection.setAutoCommit(false);
            JdbcClient session = JdbcClient.create(new SingleConnectionDataSource(connection, true));
            assertThat(session.sql("SELECT message_id FROM postroom.find_message(gen_random_uuid())")
                            .query(UUID.class)
                            .list())
                    .isEmpty();
            assertThat(session.sql("""
                            SELECT t.relname || ' ' || t.seq_scan
                            FROM pg_stat_xact_user_tables t
                            WHERE t.schemaname = 'postroom' AND t.seq_scan > 0 AND t.relname <> 'lease'
                            """).query(String.class).list()).isEmpty();
        }
    }

    @Test
    void message_is_one_row_wherever_it_is() {
        UUID fresh = messages.message("places").ready();
        UUID retried =
                messages.message("places").attempt(worker, "retry", "refused").ready();
        UUID delayed =
                messages.message("places").attempt(worker, "retry", "refused").delayed(Duration.ofHours(1), "retry");
        UUID leased =
                messages.message("places").attempt(worker, "crashed", "gone").leased(worker);
        UUID dead = messages.message("places").attempt(worker, "failed", "no").dead("attempts_spent", "X", "no", "f");
        UUID done = messages.message("places")
                .attempt(worker, "retry", "refused")
                .attempt(worker, "done", null)
                .finished();

        assertThat(entryOf(fresh))
                .contains(entry("state", "READY"), entry("failures", 0), entry("deliveries", 0))
                .containsEntry("error", null);
        assertThat(entryOf(retried)).contains(entry("state", "READY"), entry("failures", 1), entry("error", "refused"));
        assertThat(entryOf(delayed))
                .contains(entry("state", "DELAYED"), entry("reason", "retry"), entry("error", "refused"));
        assertThat(entryOf(leased))
                .contains(
                        entry("state", "IN_PROGRESS"),
                        entry("worker", "node-1"),
                        entry("crashes", 1),
                        entry("deliveries", 2));
        assertThat(entryOf(dead)).contains(entry("state", "DEAD"), entry("reason", "attempts_spent"));
        assertThat(entryOf(done))
                .contains(
                        entry("state", "DONE"),
                        entry("failures", 1),
                        entry("crashes", 0),
                        entry("deliveries", 2),
                        entry("error", "refused"))
                .doesNotContainEntry("finished_at", null);
        assertThat(sql.sql("SELECT count(*) FROM postroom.queue_messages WHERE queue = 'places'")
                        .query(Long.class)
                        .single())
                .isEqualTo(6);
    }

    @Test
    void half_finished_lease_shows_only_what_it_still_holds() {
        UUID held = messages.message("half").nowhere();
        UUID finished = messages.message("half").attempt(worker, "done", null).finished();
        sql.sql("INSERT INTO postroom.lease (worker_id, queue_id, priority, message_ids, open)"
                        + " VALUES (?, ?, 4, ARRAY[?, ?], B'01')")
                .params(worker, messages.queue("half"), finished, held)
                .update();
        assertThat(entryOf(held)).containsEntry("state", "IN_PROGRESS");
        assertThat(entryOf(finished)).containsEntry("state", "DONE");
    }

    @Test
    void finished_message_says_when_it_may_be_removed() {
        UUID id = messages.message("kept").age(Duration.ofDays(2)).finishedAgo(worker, "expired", Duration.ofDays(1));
        sql.sql("UPDATE postroom.queue SET retention = interval '3 days' WHERE name = 'kept'")
                .update();
        assertThat(sql.sql("""
                                SELECT removable_at - finished_at = interval '3 days' AND removable_at > now()
                                FROM postroom.queue_messages
                                WHERE message_id = ?
                                """).param(id).query(Boolean.class).single()).isTrue();
    }

    @Test
    void history_names_outcomes_and_counts_no_delivery_where_there_was_none() {
        UUID id = messages.message("told")
                .attempt(worker, "snooze", null)
                .attempt(worker, "retry", "refused")
                .attempt(null, "cancelled", null)
                .finished();
        List<Map<String, Object>> lines = sql.sql(
                        "SELECT number, worker, outcome, error FROM postroom.message_history WHERE message_id = ? ORDER BY finished_at")
                .param(id)
                .query()
                .listOfRows();
        assertThat(lines).extracting(line -> line.get("outcome")).containsExactly("snooze", "retry", "cancelled");
        assertThat(lines).extracting(line -> line.get("number")).containsExactly(1, 2, 0);
        assertThat(lines).extracting(line -> line.get("worker")).containsExactly("node-1", "node-1", "");
    }

    @Test
    void stats_count_each_place_of_a_queue() {
        messages.message("counted").age(Duration.ofMinutes(3)).ready();
        messages.message("counted").age(Duration.ofMinutes(9)).priority(1).ready();
        messages.message("counted").delayed(Duration.ofHours(1), "delay");
        messages.message("counted").leased(worker);
        messages.message("counted").dead("rejected", "X", "no", "f");
        messages.message("counted").finishedAgo(worker, "done", Duration.ZERO);
        messages.consumer(worker, "counted", "a", "*");
        int gone = messages.worker("gone");
        messages.consumer(gone, "counted", "b", "*");
        sql.sql("UPDATE postroom.worker SET stopped_at = now() WHERE id = ?")
                .param(gone)
                .update();
        sql.sql("UPDATE postroom.queue SET paused_at = now() WHERE name = 'counted'")
                .update();

        assertThat(sql.sql("SELECT *, now() - oldest_ready_at > interval '8 minutes' AS old"
                                + " FROM postroom.queue_stats WHERE queue = 'counted'")
                        .query()
                        .singleRow())
                .contains(
                        entry("ready", 2L),
                        entry("delayed", 1L),
                        entry("in_progress", 1L),
                        entry("dead", 1L),
                        entry("paused", true),
                        entry("consumers", 1),
                        entry("kind", "durable"),
                        entry("owner", null),
                        entry("old", true));
    }

    @Test
    void stats_have_a_row_for_an_empty_queue_and_none_for_a_deleted_one() {
        messages.queue("empty");
        messages.queue("deleted");
        sql.sql("UPDATE postroom.queue SET deleted_at = now() WHERE name = 'deleted'")
                .update();
        assertThat(sql.sql("SELECT queue FROM postroom.queue_stats WHERE queue IN ('empty', 'deleted')"
                                + " AND ready = 0 AND oldest_ready_at IS NULL")
                        .query(String.class)
                        .list())
                .containsExactly("empty");
    }

    @Test
    void look_up_by_id_reads_no_table_of_messages_as_a_whole() {
        int queue = messages.queue("large");
        sql.sql("""
                        WITH ids AS (
                            SELECT g, (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - g), 12, '0') || '7000'
                                       || '8' || substr(md5(g::text), 1, 15))::uuid AS id
                            FROM generate_series(1, 30000) g
                        ), stored AS (
                            INSERT INTO postroom.message (id, seq, queue_id, priority, direction)
                            SELECT id, 1000000 + g, :queue, 4, 0 FROM ids
                        ), placed AS (
                            INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved)
                            SELECT 1000000 + g, :queue, 4, id, g % 3 = 0 FROM ids WHERE g % 3 < 2
                        ), put_off AS (
                            INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)
                            SELECT now() + interval '1 day', :queue, 4, id, 'delay' FROM ids WHERE g % 6 = 2
                        ), buried AS (
                            INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)
                            SELECT :queue, 4, 0, 0, 1, id, 'rejected' FROM ids WHERE g % 12 = 5
                        )
                        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
                        SELECT id, now(), now(), :queue, 1, 0 FROM ids WHERE g % 12 = 11
                        """).param("queue", queue).update();
        sql.sql("ANALYZE").update();
        UUID one = sql.sql("SELECT id FROM postroom.message WHERE queue_id = ? LIMIT 1 OFFSET 15000")
                .param(queue)
                .query(UUID.class)
                .single();
        List<String> plan = sql.sql(
                        "EXPLAIN (COSTS OFF) SELECT * FROM postroom.queue_messages WHERE message_id = '" + one + "'")
                .query(String.class)
                .list();
        String day = sql.sql("SELECT postroom.day_partition('', (now() AT TIME ZONE 'UTC')::date)")
                .query(String.class)
                .single();
        assertThat(plan)
                .noneMatch(line -> line.contains("Seq Scan on ready"))
                .noneMatch(line -> line.contains("Seq Scan on delayed"))
                .noneMatch(line -> line.contains("Seq Scan on dead_letter"))
                .noneMatch(line -> line.contains("Seq Scan on message" + day))
                .noneMatch(line -> line.contains("Seq Scan on attempt" + day))
                .anyMatch(line -> line.contains("using ready_pk"))
                .anyMatch(line -> line.contains("using ready_by_moved_message"));
    }

    @Test
    void every_view_for_users_and_its_less_obvious_columns_are_described() {
        assertThat(sql.sql("""
                                SELECT c.relname
                                FROM pg_class c
                                WHERE c.relkind = 'v'
                                  AND c.relnamespace = 'postroom'::regnamespace
                                  AND obj_description(c.oid) IS NULL
                                """).query(String.class).list()).isEmpty();
    }

    private Map<String, Object> entryOf(UUID id) {
        return sql.sql("SELECT * FROM postroom.queue_messages WHERE message_id = ?")
                .param(id)
                .query()
                .singleRow();
    }
}
