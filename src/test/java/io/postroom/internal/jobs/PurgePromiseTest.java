package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.internal.postgres.PostgresJobLocks;
import io.postroom.internal.postgres.purge.PostgresMaintenance;
import io.postroom.internal.storage.MaintenanceStore;
import io.postroom.internal.storage.MaintenanceStore.Batch;
import io.postroom.internal.storage.MaintenanceStore.Day;
import io.postroom.internal.storage.MaintenanceStore.Kind;
import io.postroom.testing.Conservation;
import io.postroom.testing.Days;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import net.javacrumbs.shedlock.core.LockConfiguration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/** What the purge keeps to, whatever partitions, publications and clocks are like. Retention is a week unless said. */
@PostgresTest
@Timeout(60)
class PurgePromiseTest {
    private static final Duration WIDE = Duration.ofDays(30);

    private final TestDatabase database;
    private final JdbcClient sql;
    private final PlacedMessages messages;
    private final MaintenanceStore maintenance;
    /** Takes every day for large. */
    private final RemoveQueueMessages wholeDays;

    private int worker;

    PurgePromiseTest(DataSource pool, TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(pool);
        messages = new PlacedMessages(sql);
        maintenance = new PostgresMaintenance(pool);
        wholeDays = new RemoveQueueMessages(maintenance, 1);
    }

    @AfterEach
    void nothing_was_lost_or_left_behind() {
        assertThat(Conservation.check(sql)).isEmpty();
    }

    // ---- days that are wider than a day

    @Test
    void message_leaves_two_days_after_its_retention_however_wide_its_day_is() {
        wideDay();
        queue("year", "400 days");
        UUID overdue = finished("week", Duration.ofDays(24));
        UUID twoDays = finished("week", Duration.ofDays(9));
        UUID spared = finished("week", Duration.ofDays(8));
        UUID kept = finished("week", Duration.ofDays(6));
        UUID year = finished("year", Duration.ofDays(24));

        wholeDays.run();

        assertThat(stored()).containsExactlyInAnyOrder(spared, kept, year).doesNotContain(overdue, twoDays);
    }

    @Test
    void large_day_that_cannot_be_freed_keeps_no_message_for_longer_than_two_days() throws SQLException {
        Days.installedAgo(sql, Duration.ofDays(12));
        worker = messages.worker("node-1");
        UUID overdue = finished("week", Duration.ofDays(10));
        UUID due = finished("week", Duration.ofDays(8));
        try (Connection dump = database.connect()) {
            dump.setAutoCommit(false);
            dump.createStatement().execute("SELECT count(*) FROM postroom.message");

            wholeDays.run();
        }
        assertThat(stored()).containsExactly(due).doesNotContain(overdue);
    }

    @Test
    void large_day_is_gone_on_with_where_the_turn_before_ended() {
        wideDay();
        history(500 * 201);

        assertThat(wholeDays.run()).as("more is left").isEqualTo(Duration.ofSeconds(1));
        assertThat(wholeDays.run()).isEqualTo(Duration.ofMinutes(2));

        assertThat(lines()).isZero();
    }

    @Test
    void batches_read_each_line_of_a_day_a_few_times_however_many_there_are() throws SQLException {
        wideDay();
        int lines = 20_000;
        history(lines);
        Day day = maintenance.days(Kind.HISTORY).stream()
                .filter(each -> each.bytes() > 0)
                .findFirst()
                .orElseThrow();
        try (Connection connection = database.connect()) {
            connection.setAutoCommit(false);
            JdbcClient own = JdbcClient.create(new SingleConnectionDataSource(connection, true));
            for (String after = Batch.START; after != null; ) {
                after = own.sql("SELECT last_looked::text FROM postroom.purge_batch(?, ?::tid, 500, '{}', '{}', '0')")
                        .params(day.name(), after)
                        .query(String.class)
                        .optional()
                        .orElse(null);
            }
            assertThat(own.sql("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = ?")
                            .param(day.name())
                            .query(Long.class)
                            .single())
                    .isLessThan(5L * lines);
            connection.commit();
        }
        assertThat(lines()).isZero();
    }

    // ---- publications

    @Test
    void purge_works_under_a_publication_for_all_tables_also_in_days_made_later() {
        Days.installedAgo(sql, Duration.ofDays(20));
        assertThat(new MaintainPartitions(maintenance).run()).isEqualTo(Duration.ofHours(1));
        worker = messages.worker("node-1");
        queue("now", "0");
        sql.sql("CREATE PUBLICATION everything FOR ALL TABLES").update();
        try {
            for (int days = 0; days < 14; days += 3) {
                finished("now", Duration.ofDays(days).plusSeconds(60));
                messages.message("now")
                        .age(Duration.ofDays(days).plusSeconds(60))
                        .attempt(worker, "retry", "no")
                        .finishedAgo(worker, "done", Duration.ofDays(days).plusSeconds(30));
            }
            UUID waits = messages.message("now").age(Duration.ofDays(12)).ready();

            new RemoveQueueMessages(maintenance).run();

            assertThat(stored()).containsExactly(waits);
            assertThat(lines()).isZero();
        } finally {
            sql.sql("DROP PUBLICATION everything").update();
        }
    }

    @Test
    void every_table_that_rows_are_deleted_from_has_a_replica_identity() {
        assertThat(sql.sql("""
                        SELECT c.relname
                        FROM pg_class c
                        WHERE c.relnamespace = 'postroom'::regnamespace
                          AND c.relkind IN ('r', 'p')
                          AND NOT (c.relreplident = 'f'
                                   OR c.relreplident = 'd' AND EXISTS (
                                       SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))
                        """).query(String.class).list()).isEmpty();
    }

    // ---- clocks

    @Test
    void jobs_run_again_after_the_clock_of_the_server_was_a_year_ahead() {
        Days.installedAgo(sql, Duration.ofDays(1));
        sql.sql("""
                        INSERT INTO postroom.shedlock (name, lock_until, locked_at, locked_by)
                        VALUES ('postroom.ahead', timezone('utc', now()) + interval '1 year', timezone('utc', now()), 'node-1'),
                               ('postroom.held', timezone('utc', now()) + interval '9 minutes', timezone('utc', now()), 'node-1')
                        """).update();
        assertThat(PostgresJobLocks.on(database.pool()).lock(lock("postroom.ahead")))
                .isPresent();
        assertThat(PostgresJobLocks.on(database.pool()).lock(lock("postroom.held")))
                .as("a node works under it")
                .isEmpty();
    }

    @Test
    void one_node_holds_a_lock_whatever_the_time_zones_of_the_nodes_are() throws SQLException {
        Days.installedAgo(sql, Duration.ofDays(1));
        try (Connection tokyo = inZone("Asia/Tokyo");
                Connection honolulu = inZone("Pacific/Honolulu")) {
            assertThat(PostgresJobLocks.on(new SingleConnectionDataSource(tokyo, true))
                            .lock(lock("postroom.zones")))
                    .isPresent();
            assertThat(PostgresJobLocks.on(new SingleConnectionDataSource(honolulu, true))
                            .lock(lock("postroom.zones")))
                    .isEmpty();
        }
    }

    private Connection inZone(String zone) throws SQLException {
        Connection connection = database.connect();
        connection.createStatement().execute("SET timezone = '" + zone + "'");
        return connection;
    }

    private static LockConfiguration lock(String name) {
        return new LockConfiguration(Instant.now(), name, Duration.ofMinutes(10), Duration.ZERO);
    }

    // ---- keys

    /** A caller repeats the id of a finished message, with a key; the message is purged before that caller commits. */
    @Test
    void deduplication_key_that_outlived_its_message_is_free_again() throws SQLException {
        Days.installedAgo(sql, Duration.ofDays(1));
        worker = messages.worker("node-1");
        queue("now", "0");
        UUID id = finished("now", Duration.ofSeconds(1));
        RemoveQueueMessages job = new RemoveQueueMessages(maintenance);
        try (Connection connection = database.connect()) {
            connection.setAutoCommit(false);
            JdbcClient caller = JdbcClient.create(new SingleConnectionDataSource(connection, true));
            assertThat(caller.sql("SELECT is_new FROM postroom.create_message('now', '{\"a\": 1}', message_id => ?,"
                                    + " deduplication_key => 'order-7')")
                            .param(id)
                            .query(Boolean.class)
                            .single())
                    .isFalse();
            job.run();
            assertThat(stored()).isEmpty();
            connection.commit();
        }
        assertThat(Conservation.check(sql))
                .extracting(Conservation.Violation::check)
                .containsExactly("dedup_without_message");

        new RemoveQueueMessages(maintenance).run(); // as on the next day

        assertThat(sql.sql("SELECT is_new FROM postroom.create_message('now', deduplication_key => 'order-7')")
                        .query(Boolean.class)
                        .single())
                .isTrue();
    }

    // ---- settings and rights that change

    /** The look may take minutes. */
    @Test
    void retention_that_is_raised_during_the_look_keeps_the_day() throws SQLException {
        Days.installedAgo(sql, Duration.ofDays(12));
        worker = messages.worker("node-1");
        UUID id = finished("q", Duration.ofDays(8));
        String leaf = sql.sql("SELECT tableoid::regclass::text FROM postroom.message")
                .query(String.class)
                .single()
                .substring("postroom.".length());
        try (Connection connection = database.connect()) {
            connection.setAutoCommit(false);
            JdbcClient purger = JdbcClient.create(new SingleConnectionDataSource(connection, true));
            String retentions = purger.sql("SELECT postroom.close_day(?)")
                    .param(leaf)
                    .query(String.class)
                    .single();
            queue("q", "9 days");
            assertThat(purger.sql(
                                    "SELECT postroom.free_day(?, ?::jsonb, '{}', ARRAY[?], '{0}', '{1}', ARRAY[?], ARRAY[?])")
                            .params(leaf, retentions, messages.queue("q"), id, id)
                            .query(String.class)
                            .single())
                    .isEqualTo("busy");
            connection.commit();
        }
        assertThat(stored()).containsExactly(id);
    }

    /** Rows that a policy hides would be taken for rows that are not there. */
    @Test
    void nothing_is_truncated_that_row_security_hides() throws SQLException {
        Days.installedAgo(sql, Duration.ofDays(1));
        UUID waits = messages.message("q").ready();
        String role = "purger_" + database.name();
        sql.sql("CREATE ROLE " + role).update();
        sql.sql("GRANT USAGE ON SCHEMA postroom TO " + role).update();
        sql.sql("GRANT ALL ON ALL TABLES IN SCHEMA postroom TO " + role).update();
        sql.sql("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom TO " + role).update();
        sql.sql("ALTER TABLE postroom.ready ENABLE ROW LEVEL SECURITY").update();
        try (Connection connection = database.connect()) {
            connection.createStatement().execute("SET ROLE " + role);
            JdbcClient purger = JdbcClient.create(new SingleConnectionDataSource(connection, true));
            assertThatThrownBy(() -> purger.sql("SELECT postroom.truncate_ready(0)")
                            .query(Boolean.class)
                            .single())
                    .hasStackTraceContaining("row-level security");
        } finally {
            sql.sql("ALTER TABLE postroom.ready DISABLE ROW LEVEL SECURITY").update();
            sql.sql("DROP OWNED BY " + role).update();
            sql.sql("DROP ROLE " + role).update();
        }
        assertThat(sql.sql("SELECT message_id FROM postroom.ready")
                        .query(UUID.class)
                        .list())
                .containsExactly(waits);
    }

    // ---- help

    private void wideDay() {
        Days.oneWideDay(sql, WIDE, Duration.ofDays(20));
        worker = messages.worker("node-1");
    }

    private UUID finished(String queue, Duration ago) {
        return messages.message(queue).age(ago.plusSeconds(5)).finishedAgo(worker, "done", ago);
    }

    private void queue(String name, String retention) {
        messages.queue(name);
        sql.sql("UPDATE postroom.queue SET retention = ?::interval WHERE name = ?")
                .params(retention, name)
                .update();
    }

    /** Ends of messages that left long ago. */
    private void history(int lines) {
        sql.sql("""
                        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
                        SELECT gen_random_uuid(), now() - interval '20 days', now() - interval '20 days', ?, 1, 0
                        FROM generate_series(1, ?)
                        """).params(messages.queue("q"), lines).update();
    }

    private List<UUID> stored() {
        return sql.sql("SELECT id FROM postroom.message").query(UUID.class).list();
    }

    private long lines() {
        return sql.sql("SELECT count(*) FROM postroom.attempt")
                .query(Long.class)
                .single();
    }
}
