package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.internal.storage.Upkeep;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

/** What polls say of jobs that have something to do: each for its own cause, and as soon as it is committed. */
@PostgresTest
class UpkeepTest {
    private static final Upkeep NOTHING = new Upkeep(false, false, false);

    private final TestDatabase database;
    private final JdbcClient sql;
    private StoreFixture fixture;

    UpkeepTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        fixture = new StoreFixture(database.pool());
    }

    @BeforeEach
    void nothingToDo() {
        sql.sql("TRUNCATE postroom.active_consumer, postroom.operation").update();
        sql.sql("UPDATE postroom.queue SET max_length = NULL WHERE max_length IS NOT NULL")
                .update();
        assertThat(upkeep()).isEqualTo(NOTHING);
    }

    private Upkeep upkeep() {
        return fixture.summary().upkeep();
    }

    @Test
    void queue_with_an_active_consumer_is_told() {
        sql.sql("INSERT INTO postroom.active_consumer (queue_id, worker_id) VALUES (?, ?)")
                .params(fixture.queue.id(), fixture.worker)
                .update();
        assertThat(upkeep()).isEqualTo(new Upkeep(true, false, false));
    }

    @Test
    void queue_with_a_maximum_length_is_told_until_it_is_deleted() {
        sql.sql("SELECT postroom.declare_queue(?, max_length => 10)")
                .param(fixture.queue.name())
                .query((row, number) -> true)
                .list();
        assertThat(upkeep()).isEqualTo(new Upkeep(false, true, false));
        sql.sql("UPDATE postroom.queue SET deleted_at = now() WHERE id = ?")
                .param(fixture.queue.id())
                .update();
        assertThat(upkeep()).isEqualTo(NOTHING);
        fixture = new StoreFixture(database.pool());
    }

    @Test
    void operation_is_told_until_it_is_finished() {
        fixture.enqueue();
        sql.sql("SELECT postroom.purge_queue(?, 'a test')")
                .param(fixture.queue.name())
                .query((row, number) -> true)
                .list();
        assertThat(upkeep()).isEqualTo(new Upkeep(false, false, true));
        await().until(() ->
                !fixture.stores.jobs().stepOperations(Duration.ofSeconds(1)).underWay());
        assertThat(upkeep()).isEqualTo(NOTHING);
    }

    /** The plan is made while the table is empty, and must not read it whole when it has grown. */
    @Test
    void finished_operations_are_not_read() throws SQLException {
        try (Connection session = database.connect()) {
            session.setAutoCommit(false);
            JdbcClient own = JdbcClient.create(new SingleConnectionDataSource(session, true));
            summarize(own);
            session.commit();
            fixture.enqueue();
            sql.sql("SELECT postroom.purge_queue(?, 'a test')")
                    .param(fixture.queue.name())
                    .query((row, number) -> true)
                    .list();
            await().until(() ->
                    !fixture.stores.jobs().stepOperations(Duration.ofSeconds(1)).underWay());
            own.sql("""
                    INSERT INTO postroom.operation
                    SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid()))).*
                    FROM postroom.operation o, generate_series(1, 300)
                    """).update();
            session.commit();
            long before = read(own);
            summarize(own);
            assertThat(read(own) - before).isZero();
            session.rollback();
        }
    }

    private void summarize(JdbcClient own) {
        own.sql("SELECT queues FROM postroom.poll_summary(?, '-infinity')")
                .param(fixture.worker)
                .query(Long.class)
                .single();
    }

    /** Rows that this transaction has read, whole or through an index. */
    private static long read(JdbcClient own) {
        return own.sql("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'operation'")
                .query(Long.class)
                .single();
    }
}
