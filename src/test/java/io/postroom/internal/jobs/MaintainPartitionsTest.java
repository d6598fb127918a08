package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import java.sql.SQLWarning;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
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
                .isEqualTo(today().plusDays(10));
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
                .isEqualTo(today().plusDays(10));
        assertThat(job.run()).isEqualTo(HOUR);
    }

    @Test
    void client_whose_clock_is_a_year_ahead_does_not_keep_the_tail_from_moving() {
        Days.installedAgo(sql, Duration.ofDays(20));
        UUID ahead = messages.message("q").age(Duration.ofDays(-365)).ready();
        UUID now = messages.message("q").ready();
        assertThat(job.run()).isEqualTo(HOUR);
        assertThat(rowsOf("message_tail")).isZero();
        assertThat(states(ahead, now, messages.message("q").ready())).containsExactly("READY", "READY", "READY");
        assertThat(job.run()).isEqualTo(HOUR);
    }

    @ParameterizedTest
    @EnumSource
    void filled_tail_is_not_read_while_others_wait(Kind kind, TestDatabase database) throws SQLException {
        Days.installedAgo(sql, Duration.ofDays(20));
        messages.message("q").finishedAgo(messages.worker("node-1"), "done", Duration.ZERO);
        String parent = kind == Kind.MESSAGES ? "message" : "attempt";
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT postroom.bound_tail('" + parent + "')");
            statement.execute("SELECT postroom.validate_tail('" + parent + "')");
            statement.execute("SET client_min_messages = debug1");
            statement.execute("SELECT postroom.move_tail('" + parent + "')");
            List<String> said = new ArrayList<>();
            for (SQLWarning each = statement.getWarnings(); each != null; each = each.getNextWarning()) {
                said.add(each.getMessage());
            }
            assertThat(said)
                    .anyMatch(text -> text.matches("partition constraint for table \"" + parent
                            + "_\\d+\" is implied by existing constraints"));
        }
    }

    /** A backup role with SELECT on all tables failed at the first new day. */
    @ParameterizedTest
    @EnumSource
    void new_days_have_the_owner_rights_and_replica_identity_of_their_parent(Kind kind, TestDatabase database) {
        Days.installedAgo(sql, Duration.ofDays(6));
        String parent = kind == Kind.MESSAGES ? "message" : "attempt";
        String owner = "owner_" + database.name();
        String backup = "backup_" + database.name();
        List<String> old = maintenance.days(kind).stream().map(Day::name).toList();
        execute(
                "CREATE ROLE " + owner,
                "CREATE ROLE " + backup,
                "GRANT ALL ON SCHEMA postroom TO " + owner,
                "ALTER TABLE postroom." + parent + " OWNER TO " + owner,
                "GRANT SELECT ON postroom." + parent + " TO " + backup + " WITH GRANT OPTION",
                "GRANT UPDATE (queue_id) ON postroom." + parent + " TO " + backup,
                "GRANT TRIGGER ON postroom." + parent + " TO PUBLIC",
                "ALTER DEFAULT PRIVILEGES IN SCHEMA postroom GRANT DELETE ON TABLES TO " + backup);
        if (kind == Kind.MESSAGES) {
            execute("ALTER TABLE postroom.message REPLICA IDENTITY USING INDEX message_pk");
        }
        try {
            assertThat(job.run()).isEqualTo(HOUR);
            List<String> made = maintenance.days(kind).stream()
                    .map(Day::name)
                    .filter(name -> !old.contains(name))
                    .toList();
            assertThat(made).hasSize(7);
            for (String partition : made) {
                assertThat(traits(partition)).as(partition).isEqualTo(traits(parent));
            }
            assertThat(traits(parent)).contains(owner, backup + ":SELECT:t", kind == Kind.HISTORY ? "f" : "i");
        } finally {
            execute(
                    "ALTER TABLE postroom." + parent + " OWNER TO CURRENT_USER",
                    "ALTER TABLE postroom.message REPLICA IDENTITY DEFAULT",
                    "REVOKE TRIGGER ON postroom." + parent + " FROM PUBLIC",
                    "REASSIGN OWNED BY " + owner + " TO CURRENT_USER",
                    "DROP OWNED BY " + owner + ", " + backup,
                    "DROP ROLE " + owner,
                    "DROP ROLE " + backup);
        }
    }

    private List<String> traits(String table) {
        return sql.sql("""
                        SELECT unnest(
                            ARRAY[pg_get_userbyid(c.relowner)::text, c.relreplident::text]
                            || ARRAY(
                                SELECT concat_ws(':', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
                                           a.privilege_type, a.is_grantable, a.attname)
                                FROM (SELECT x.grantee, x.privilege_type, x.is_grantable, NULL AS attname
                                      FROM aclexplode(c.relacl) x
                                      UNION ALL
                                      SELECT x.grantee, x.privilege_type, x.is_grantable, t.attname
                                      FROM pg_attribute t
                                      CROSS JOIN LATERAL aclexplode(t.attacl) x
                                      WHERE t.attrelid = c.oid) a
                                WHERE a.grantee <> c.relowner
                                ORDER BY 1))
                        FROM pg_class c
                        WHERE c.oid = ('postroom.' || ?)::regclass
                        """).param(table).query(String.class).list();
    }

    private void execute(String... statements) {
        for (String statement : statements) {
            sql.sql(statement).update();
        }
    }

    @Test
    void tail_is_moved_also_where_transactions_overlap_all_the_time(TestDatabase database) throws Exception {
        Days.installedAgo(sql, Duration.ofDays(5)); // a tail that begins within the hour is left alone
        messages.queue("busy");
        try (OverlappingTransactions hosts = new OverlappingTransactions(database)) {
            hosts.awaitMore(4);
            assertThat(job.run()).as("no moment without a transaction").isLessThan(HOUR);
            new MaintainPartitions(maintenance, Duration.ZERO).run(); // folding past days goes on to wait
            hosts.awaitMore(4);
        }
        for (Kind kind : Kind.values()) {
            assertThat(lastDayStarts(kind)).isEqualTo(today().plusDays(9));
        }
        assertThat(sql.sql(
                                "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid::regclass::text LIKE '%_tail'")
                        .query(Long.class)
                        .single())
                .as("constraints that an insert would pay for")
                .isZero();
    }

    @Test
    void tail_stays_while_a_transaction_does_not_end(TestDatabase database) throws Exception {
        Days.installedAgo(sql, Duration.ofDays(5)); // a tail that begins within the hour is left alone
        messages.queue("busy");
        try (Connection open = database.connect()) {
            open.setAutoCommit(false);
            Holder.DUMP.hold(open);
            assertThat(new PostgresMaintenance(database.pool(), Duration.ofSeconds(1)).detachEmptyEnd(Kind.MESSAGES))
                    .isFalse();
            assertThat(maintenance.detachEmptyEnd(Kind.HISTORY))
                    .as("nobody uses that")
                    .isTrue();
        }
        assertThat(job.run()).isEqualTo(HOUR);
        assertThat(lastDayStarts(Kind.HISTORY)).isEqualTo(today().plusDays(9));
    }

    @Test
    void detachment_that_was_cut_off_is_ended_by_the_next_turn(TestDatabase database) throws Exception {
        Days.installedAgo(sql, Duration.ofDays(6));
        messages.queue("busy");
        try (Connection open = database.connect();
                Connection own = database.connect();
                Statement statement = own.createStatement()) {
            open.setAutoCommit(false);
            Holder.DUMP.hold(open);
            statement.execute("SET statement_timeout = '200ms'");
            assertThatThrownBy(() -> statement.execute(
                            "ALTER TABLE postroom.message DETACH PARTITION postroom.message_tail CONCURRENTLY"))
                    .isInstanceOf(SQLException.class);
        }
        assertThat(job.run()).isEqualTo(HOUR);
        assertThat(lastDayStarts(Kind.MESSAGES)).isEqualTo(today().plusDays(8));
    }

    /** Two hosts that enqueue: each transaction ends only after the other host has begun its next one. */
    private static final class OverlappingTransactions implements AutoCloseable {
        private final AtomicBoolean on = new AtomicBoolean(true);
        private final AtomicInteger count = new AtomicInteger();
        private final Semaphore first = new Semaphore(0);
        private final Semaphore second = new Semaphore(0);
        private final List<CompletableFuture<Void>> hosts;

        OverlappingTransactions(TestDatabase database) {
            // Threads of their own: on JDK 25 the common pool of two cores runs one task at a time, and the hosts wait
            // for one
            // another.
            Executor threads = task -> new Thread(task, "host").start();
            hosts = List.of(
                    CompletableFuture.runAsync(() -> host(database, first, second, false), threads),
                    CompletableFuture.runAsync(() -> host(database, second, first, true), threads));
        }

        private void host(TestDatabase database, Semaphore begun, Semaphore others, boolean waits) {
            try (Connection connection = database.connect()) {
                connection.setAutoCommit(false);
                if (waits) {
                    others.acquire();
                }
                while (on.get()) {
                    connection.createStatement().execute("SELECT postroom.create_message('busy', '1')");
                    connection.createStatement().execute("SELECT FROM postroom.attempt LIMIT 1");
                    connection.createStatement().execute("SELECT pg_sleep(0.05)");
                    begun.release();
                    others.tryAcquire(10, TimeUnit.SECONDS);
                    connection.commit();
                    count.incrementAndGet();
                }
                begun.release(2);
            } catch (SQLException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        void awaitMore(int transactions) {
            int enough = count.get() + transactions;
            org.awaitility.Awaitility.await()
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> hosts.stream().anyMatch(CompletableFuture::isDone) || count.get() >= enough);
        }

        @Override
        public void close() throws Exception {
            on.set(false);
            for (CompletableFuture<Void> host : hosts) {
                host.get(30, TimeUnit.SECONDS);
            }
        }
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

    /** A queue that keeps much for long would else make as many partitions as it keeps days. */
    @Test
    void days_are_wider_the_more_past_ones_cannot_be_folded() {
        Days.installedAgo(sql, Duration.ofDays(24), 26);
        assertThat(maintenance.makeDaysAhead(Kind.MESSAGES)).isEqualTo(2);
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
            // It gives way to those who enqueue, too, where they do not get the processor within 50 ms.
            org.awaitility.Awaitility.await()
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> job.run().equals(HOUR));
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
