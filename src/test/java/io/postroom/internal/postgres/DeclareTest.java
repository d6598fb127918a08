package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.QueueName;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Declarations of many queues at once. */
@PostgresTest
class DeclareTest {
    private final TestDatabase database;
    private final QueueStore queues;
    private final JdbcClient sql;

    DeclareTest(TestDatabase database) {
        this.database = database;
        queues = PostgresStores.on(database.pool()).queues();
        sql = JdbcClient.create(database.pool());
    }

    @Test
    void thousand_queues_are_declared_at_once_and_a_repeat_writes_nothing() {
        List<QueueSettings> settings = settings("tenant.", 1000);
        List<QueueRow> first = queues.declareAll(settings);
        assertThat(first).extracting(QueueRow::name).containsExactlyElementsOf(names(settings));
        String before = state();

        assertThat(queues.declareAll(settings)).isEqualTo(first);

        assertThat(state()).as("no row version, no row lock and no number").isEqualTo(before);
    }

    @Test
    void only_those_that_are_missing_differ_or_were_deleted_are_written() {
        List<QueueSettings> settings = settings("few.", 5);
        List<QueueRow> first = queues.declareAll(settings);
        sql.sql("UPDATE postroom.queue SET max_attempts = 7, settings_by = 'operator' WHERE name = 'few.1'")
                .update();
        sql.sql("UPDATE postroom.queue SET deleted_at = now() WHERE name = 'few.2'")
                .update();
        String horizon = horizon();
        settings = new ArrayList<>(settings);
        settings.set(3, settings.get(3).timeToLive(Duration.ofDays(1)));
        settings.add(QueueSettings.of("few.5"));

        List<QueueRow> second = queues.declareAll(settings);

        assertThat(queues.changedSince(horizon, null))
                .extracting(QueueName::name)
                .containsExactlyInAnyOrder("few.2", "few.3", "few.5");
        assertThat(second.subList(0, 5))
                .extracting(QueueRow::id)
                .containsExactlyElementsOf(first.stream().map(QueueRow::id).toList());
        assertThat(second.get(3).timeToLive()).isEqualTo(Duration.ofDays(1));
        assertThat(text("SELECT max_attempts || settings_by FROM postroom.queue WHERE name = 'few.1'"))
                .isEqualTo("7operator");
        assertThat(text("SELECT max_attempts || settings_by FROM postroom.queue WHERE name = 'few.2'"))
                .isEqualTo("3declaration");
        assertThat(text("SELECT max_attempts || settings_by FROM postroom.queue WHERE name = 'few.5'"))
                .isEqualTo("20default");
        assertThat(queues.queues(List.of("few.1", "unknown")))
                .extracting(QueueRow::name)
                .containsExactly("few.1");
    }

    /** Two that write the same rows in opposite orders would wait for each other. */
    @Test
    void two_processes_that_start_at_once_with_the_same_new_queues_both_get_them() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            for (int round = 0; round < 4; round++) {
                boolean changed =
                        round % 2 == 1; // every other round finds the rows of the one before, and changes them
                int attempts = 3 + round;
                List<QueueSettings> settings = settings("round" + round / 2 + ".", 250).stream()
                        .map(one -> changed ? one.attempts(attempts) : one)
                        .toList();
                List<QueueSettings> reversed = new ArrayList<>(settings);
                Collections.reverse(reversed);
                CyclicBarrier together = new CyclicBarrier(2);
                List<Future<List<QueueRow>>> declared = List.of(settings, reversed).stream()
                        .map(order -> threads.submit(() -> {
                            together.await(60, TimeUnit.SECONDS);
                            return queues.declareAll(order);
                        }))
                        .toList();
                List<QueueRow> one = declared.get(0).get(60, TimeUnit.SECONDS);
                assertThat(declared.get(1).get(60, TimeUnit.SECONDS)).containsExactlyInAnyOrderElementsOf(one);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    /**
     * The second process comes between two rounds of the first: the first has changed one row, and the other was made meanwhile. With the
     * first row still locked, both would wait for each other.
     */
    @Test
    void two_versions_that_start_at_once_declare_without_a_deadlock() throws Exception {
        queues.declare(QueueSettings.of("versions.2").attempts(1));
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try (Connection maker = database.pool().getConnection();
                Connection holder = database.pool().getConnection()) {
            maker.setAutoCommit(false);
            holder.setAutoCommit(false);
            execute(maker, "INSERT INTO postroom.queue (name) VALUES ('versions.1')");
            execute(holder, "SELECT FROM postroom.queue WHERE name = 'versions.2' FOR UPDATE");

            Future<List<QueueRow>> first = threads.submit(() -> queues.declareAll(versions(2)));
            BlockedSessions.awaitBehind(maker, database.pool(), 1); // for the row that is being made
            maker.commit();
            BlockedSessions.awaitBehind(holder, database.pool(), 1);
            Future<List<QueueRow>> second = threads.submit(() -> queues.declareAll(versions(3)));
            BlockedSessions.awaitBehind(holder, database.pool(), 2); // with versions.1 locked
            holder.commit();

            assertThat(first.get(60, TimeUnit.SECONDS)).hasSize(2);
            assertThat(second.get(60, TimeUnit.SECONDS)).hasSize(2);
        } finally {
            threads.shutdownNow();
        }
    }

    private static List<QueueSettings> versions(int attempts) {
        return List.of(
                QueueSettings.of("versions.1").attempts(attempts),
                QueueSettings.of("versions.2").attempts(attempts));
    }

    private static void execute(Connection connection, String statement) throws SQLException {
        try (Statement call = connection.createStatement()) {
            call.execute(statement);
        }
    }

    private static List<QueueSettings> settings(String prefix, int count) {
        return IntStream.range(0, count)
                .mapToObj(
                        number -> QueueSettings.of(prefix + number).attempts(3).retryAfter("10s"))
                .toList();
    }

    private static List<String> names(List<QueueSettings> settings) {
        return settings.stream().map(QueueSettings::queue).toList();
    }

    private String state() {
        return text(
                "SELECT concat_ws(' ', count(*), bit_xor(hashtidextended(ctid, xmin::text::bigint)),"
                        + " bit_xor(hashtidextended(ctid, xmax::text::bigint)),"
                        + " pg_sequence_last_value(pg_get_serial_sequence('postroom.queue', 'id')::regclass)) FROM postroom.queue");
    }

    private String horizon() {
        return text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text");
    }

    private String text(String query) {
        return sql.sql(query).query(String.class).single();
    }
}
