package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.postgres.purge.PostgresMaintenance;
import io.postroom.internal.storage.MaintenanceStore;
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
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;

@PostgresTest
@Timeout(60)
class MaintainPartitionsTest {
    private static final Duration HOUR = Duration.ofHours(1);

    private final JdbcClient sql;
    private final PlacedMessages messages;
    private final MaintenanceStore maintenance;
    private final MaintainPartitions job;

    MaintainPartitionsTest(DataSource pool) {
        sql = JdbcClient.create(pool);
        messages = new PlacedMessages(sql);
        maintenance = new PostgresMaintenance(pool);
        job = new MaintainPartitions(maintenance);
    }

    @AfterEach
    void days_are_without_gaps_and_every_message_is_in_one_place() {
        for (Kind kind : Kind.values()) {
            List<Day> days = maintenance.days(kind);
            assertThat(days.get(0).from()).isEqualTo(Instant.MIN);
            assertThat(days.get(days.size() - 1).to()).isEqualTo(Instant.MAX);
            for (int i = 1; i < days.size(); i++) {
                assertThat(days.get(i).from()).isEqualTo(days.get(i - 1).to());
            }
        }
        assertThat(Conservation.check(sql)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void fresh_installation_needs_no_further_days(Kind kind) {
        Days.installedAgo(sql, Duration.ZERO);
        assertThat(maintenance.makeDaysAhead(kind)).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void tail_is_moved_a_week_when_less_than_two_days_are_ahead(Kind kind) {
        Days.installedAgo(sql, Duration.ofDays(5));
        assertThat(maintenance.makeDaysAhead(kind)).isBetween(5, 7); // 7 unless the machine is slow
        assertThat(lastDayStarts(kind)).isBetween(today().plusDays(7), today().plusDays(9));
        assertThat(maintenance.makeDaysAhead(kind)).isZero();
    }

    /** Nine steps of 25 ms each would keep whoever enqueues waiting for longer than 100 ms. */
    @Test
    void slow_machine_moves_the_tail_by_fewer_days_at_a_time() {
        Days.installedAgo(sql, Duration.ofDays(5));
        sql.sql(
                        "CREATE FUNCTION public.slow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.025); END $$")
                .update();
        sql.sql(
                        "CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION public.slow()")
                .update();
        try {
            org.awaitility.Awaitility.await()
                    .ignoreExceptionsMatching(error -> error.getMessage().contains("waiting for too long"))
                    .atMost(Duration.ofSeconds(50))
                    .untilAsserted(() -> assertThat(sql.sql("SELECT postroom.move_tail('message')")
                                    .query(Integer.class)
                                    .single())
                            .isBetween(1, 3));
        } finally {
            sql.sql("DROP FUNCTION public.slow CASCADE").update();
        }
    }

    @Test
    void tail_with_messages_becomes_a_day_of_its_own() {
        Days.installedAgo(sql, Duration.ofDays(20));
        int worker = messages.worker("node-1");
        UUID ready = messages.message("q").ready();
        UUID done = messages.message("q")
                .age(Duration.ofDays(9))
                .attempt(worker, "done", null)
                .finished();
        assertThat(job.run()).isEqualTo(HOUR);
        assertThat(rowsOf("message_tail")).isZero();
        assertThat(rowsOf("attempt_tail")).isZero();
        assertThat(states(ready, done)).containsExactlyInAnyOrder("READY", "DONE");
        assertThat(lastDayStarts(Kind.MESSAGES)).isAfterOrEqualTo(today().plusDays(7));
        UUID next = messages.message("q").ready();
        assertThat(states(next)).containsExactly("READY");
        assertThat(job.run()).isEqualTo(HOUR);
        assertThat(sql.sql("SELECT count(*) FROM pg_constraint WHERE conname LIKE '%_ends'")
                        .query(Long.class)
                        .single())
                .as("promises are taken back")
                .isZero();
    }

    @Test
    void promise_of_the_tail_is_renewed_so_that_it_never_refuses_a_message() {
        Days.installedAgo(sql, Duration.ofDays(20));
        messages.message("q").ready();
        assertThat(sql.sql("SELECT postroom.bound_tail('message')")
                        .query(Boolean.class)
                        .single())
                .isTrue();
        assertThat(sql.sql("SELECT postroom.bound_tail('message')")
                        .query(Boolean.class)
                        .single())
                .isFalse();
        assertThat(sql.sql("SELECT postroom.promised_end('message')")
                        .query(LocalDate.class)
                        .single())
                .isEqualTo(today().plusDays(3));
        // As if it had been made two days ago, and no move had succeeded since.
        sql.sql("ALTER TABLE postroom.message_tail DROP CONSTRAINT message_tail_ends")
                .update();
        sql.sql("ALTER TABLE postroom.message_tail ADD CONSTRAINT message_tail_ends CHECK (id IS NOT NULL)")
                .update();
        sql.sql("COMMENT ON CONSTRAINT message_tail_ends ON postroom.message_tail IS '" + today().plusDays(1) + "'")
                .update();
        assertThat(sql.sql("SELECT postroom.bound_tail('message')")
                        .query(Boolean.class)
                        .single())
                .isTrue();
        assertThat(sql.sql("SELECT postroom.promised_end('message')")
                        .query(LocalDate.class)
                        .single())
                .isEqualTo(today().plusDays(3));
        assertThat(job.run()).isEqualTo(HOUR);
    }

    @Test
    void installation_that_was_idle_for_months_gets_one_day_for_all_that_time() {
        Days.installedAgo(sql, Duration.ofDays(90));
        job.run();
        assertThat(lastDayStarts(Kind.MESSAGES)).isAfterOrEqualTo(today().plusDays(7));
        assertThat(maintenance.days(Kind.MESSAGES)).hasSizeLessThanOrEqualTo(MaintainPartitions.MOST_DAYS + 2);
        assertThat(messages.message("q").ready()).isNotNull();
    }

    @Test
    void days_are_wider_when_most_queues_keep_their_messages_longer() {
        Days.installedAgo(sql, Duration.ofDays(6));
        messages.queue("long");
        sql.sql("UPDATE postroom.queue SET retention = interval '30 days'").update();
        assertThat(maintenance.makeDaysAhead(Kind.MESSAGES)).isEqualTo(2); // or one by one on a slow machine
        List<Day> days = maintenance.days(Kind.MESSAGES);
        Day made = days.get(days.size() - 2);
        assertThat(Duration.between(made.from(), made.to())).isEqualTo(Duration.ofDays(4));
    }

    @Test
    void oldest_days_are_folded_into_the_past_with_what_they_still_hold() {
        Days.installedAgo(sql, Duration.ofDays(30));
        int worker = messages.worker("node-1");
        UUID dead = messages.message("q")
                .age(Duration.ofDays(29))
                .attempt(worker, "reject", "no")
                .dead("rejected", "X", "no", "f");
        for (int week = 0; week < 3; week++) {
            job.run();
            sql.sql("SELECT postroom.move_tail(p) FROM unnest(ARRAY['message', 'attempt']) p")
                    .query()
                    .listOfRows();
        }
        assertThat(maintenance.foldPastDays(Kind.MESSAGES, 5, 100)).isPositive();
        assertThat(maintenance.foldPastDays(Kind.HISTORY, 5, 100)).isPositive();
        assertThat(rowsOf("message_old")).isEqualTo(1);
        assertThat(rowsOf("attempt_old")).isEqualTo(1);
        assertThat(states(dead)).containsExactly("DEAD");
        assertThat(maintenance.days(Kind.MESSAGES))
                .noneMatch(day -> day.past() && !day.from().equals(Instant.MIN));
    }

    @Test
    void day_that_holds_much_is_not_folded_and_stops_those_after_it() {
        Days.installedAgo(sql, Duration.ofDays(30));
        messages.message("q").age(Duration.ofDays(29)).ready();
        messages.message("q").age(Duration.ofDays(29)).ready();
        int before = maintenance.days(Kind.MESSAGES).size();
        maintenance.foldPastDays(Kind.MESSAGES, 2, 1);
        assertThat(maintenance.days(Kind.MESSAGES).size()).isBetween(before - 2, before); // those before it only
        assertThat(rowsOf("message_old")).isZero();
        assertThat(maintenance.foldPastDays(Kind.MESSAGES, 2, 2)).isPositive();
        assertThat(rowsOf("message_old")).isEqualTo(2);
    }

    @Test
    void days_are_not_folded_while_there_are_few() {
        Days.installedAgo(sql, Duration.ofDays(8));
        int before = maintenance.days(Kind.MESSAGES).size();
        assertThat(maintenance.foldPastDays(Kind.MESSAGES, MaintainPartitions.MOST_DAYS, 100))
                .isZero();
        assertThat(maintenance.days(Kind.MESSAGES)).hasSize(before);
    }

    /** A dump or a long host transaction holds the table: the move gives way each time, and those who enqueue hardly notice. */
    @ParameterizedTest
    @EnumSource(Holder.class)
    void nobody_who_enqueues_waits_long_for_a_tail_that_cannot_be_moved(Holder holder, TestDatabase database)
            throws Exception {
        Days.installedAgo(sql, Duration.ofDays(6));
        messages.queue("busy");
        try (Connection open = database.connect();
                Enqueuer enqueuer = new Enqueuer(database)) {
            open.setAutoCommit(false);
            holder.hold(open);
            enqueuer.awaitMore(20);
            for (int attempt = 0; attempt < 3; attempt++) {
                assertThat(job.run()).as("gave way").isLessThan(HOUR);
                enqueuer.awaitMore(20);
            }
            open.rollback();
            assertThat(job.run()).isEqualTo(HOUR);
            enqueuer.awaitMore(20);
            // 50 ms of waiting for the lock at most, and the move itself; far more only to be safe on a machine shared
            // with others.
            assertThat(enqueuer.worst()).isLessThan(Duration.ofMillis(1500));
        }
        assertThat(lastDayStarts(Kind.MESSAGES)).isBetween(today().plusDays(7), today().plusDays(8));
    }

    enum Holder {
        DUMP {
            @Override
            void hold(Connection connection) throws SQLException {
                connection.createStatement().execute("LOCK TABLE postroom.message IN ACCESS SHARE MODE");
            }
        },
        HOST_TRANSACTION {
            @Override
            void hold(Connection connection) throws SQLException {
                connection.createStatement().execute("SELECT postroom.create_message('busy', '1')");
            }
        };

        abstract void hold(Connection connection) throws SQLException;
    }

    /** Enqueues without pause and keeps the longest it took. */
    private static final class Enqueuer implements AutoCloseable {
        private final AtomicBoolean on = new AtomicBoolean(true);
        private final AtomicInteger count = new AtomicInteger();
        private volatile long worstNanos;
        private final CompletableFuture<Void> loop;

        Enqueuer(TestDatabase database) {
            loop = CompletableFuture.runAsync(() -> {
                try (Connection connection = database.connect()) {
                    JdbcClient own = JdbcClient.create(new SingleConnectionDataSource(connection, true));
                    while (on.get()) {
                        long begin = System.nanoTime();
                        own.sql("SELECT id FROM postroom.create_message('busy', '1')")
                                .query(UUID.class)
                                .single();
                        worstNanos = Math.max(worstNanos, System.nanoTime() - begin);
                        count.incrementAndGet();
                    }
                } catch (SQLException e) {
                    throw new IllegalStateException(e);
                }
            });
        }

        void awaitMore(int messages) {
            int enough = count.get() + messages;
            org.awaitility.Awaitility.await().until(() -> loop.isDone() || count.get() >= enough);
        }

        Duration worst() {
            return Duration.ofNanos(worstNanos);
        }

        @Override
        public void close() throws Exception {
            on.set(false);
            loop.get(10, TimeUnit.SECONDS);
        }
    }

    private static LocalDate today() {
        return LocalDate.now(ZoneOffset.UTC);
    }

    private LocalDate lastDayStarts(Kind kind) {
        List<Day> days = maintenance.days(kind);
        return LocalDate.ofInstant(days.get(days.size() - 1).from(), ZoneOffset.UTC);
    }

    private long rowsOf(String partition) {
        return sql.sql("SELECT count(*) FROM postroom." + partition)
                .query(Long.class)
                .single();
    }

    private List<String> states(UUID... ids) {
        return sql.sql("SELECT state FROM postroom.queue_messages WHERE message_id = ANY (?)")
                .param(ids)
                .query(String.class)
                .list();
    }
}
