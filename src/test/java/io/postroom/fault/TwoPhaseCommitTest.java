package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.DatabaseHealth;
import io.postroom.api.Outcome;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.internal.postgres.admin.PostgresHome;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.Conservation;
import io.postroom.testing.CrashingServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * A message that is created in a transaction which a transaction manager prepares ({@code PREPARE TRANSACTION}) and ends later. The server
 * allows prepared transactions, as no server does by default.
 */
@Timeout(180)
class TwoPhaseCommitTest {
    /** What a prepared transaction may not do, or what would keep a lock of the session behind it. */
    private static final String REFUSED_WHEN_PREPARED =
            "\\m(notify|listen|unlisten|pg_notify|pg_advisory_lock|pg_try_advisory_lock|pg_export_snapshot|temp|temporary)\\M";

    private static CrashingServer server;
    private static HikariDataSource pool;
    private static JdbcClient sql;
    private static Postroom postroom;
    private static final Set<String> handled = ConcurrentHashMap.newKeySet();

    @BeforeAll
    static void start() throws Exception {
        server = CrashingServer.start();
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(server.url());
        config.setMaximumPoolSize(5);
        config.setMinimumIdle(0);
        config.setConnectionTimeout(5_000);
        pool = new HikariDataSource(config);
        sql = JdbcClient.create(pool);
        postroom = Postroom.on(pool)
                .handler(Handler.process("invoices", String.class, (payload, context) -> {
                    handled.add(payload.replace("\"", "")); // a String is the JSON text
                    return Outcome.done();
                }))
                .start();
        change("CREATE TABLE invoice (number text PRIMARY KEY)");
    }

    @AfterAll
    static void stop() {
        postroom.close();
        pool.close();
        server.close();
    }

    private static Connection begin() throws SQLException {
        Connection connection = DriverManager.getConnection(server.url());
        connection.setAutoCommit(false);
        execute(connection, "SET LOCAL statement_timeout = '60s'"); // a wait without end fails the test
        return connection;
    }

    private static void execute(Connection connection, String statement) throws SQLException {
        try (Statement execution = connection.createStatement()) {
            execution.execute(statement);
        }
    }

    private static void change(String statement) throws SQLException {
        try (Connection connection = DriverManager.getConnection(server.url())) {
            execute(connection, statement);
        }
    }

    private static void prepareInvoice(String number) throws SQLException {
        try (Connection connection = begin()) {
            execute(connection, "INSERT INTO invoice VALUES ('" + number + "')");
            execute(connection, "SELECT id FROM postroom.create_message('invoices', '\"" + number + "\"')");
            execute(connection, "PREPARE TRANSACTION '" + number + "'");
        }
    }

    private static void create(String payload) {
        postroom.queueMessages().createMessage(CreateMessage.to("invoices").payload(payload));
    }

    private static void awaitHandled(String payload) {
        await().atMost(Duration.ofSeconds(60)).until(() -> handled.contains(payload));
    }

    private static List<String> invoices(String like) {
        return sql.sql("SELECT number FROM invoice WHERE number LIKE ? ORDER BY number")
                .param(like)
                .query(String.class)
                .list();
    }

    /** A queue that it makes could take messages after its commit: see io.postroom.homes. */
    @Test
    void change_of_the_rules_of_homes_waits_for_prepared_messages_and_queues() throws Exception {
        prepareInvoice("moving");
        try (Connection connection = begin()) {
            execute(connection, "SELECT postroom.declare_queue('prepared')");
            execute(connection, "PREPARE TRANSACTION 'queue'");
        }
        try {
            assertThat(new PostgresHome(pool).openTransactions(0))
                    .contains("prepared transaction \"moving\"", "prepared transaction \"queue\"");
        } finally {
            change("ROLLBACK PREPARED 'moving'");
            change("ROLLBACK PREPARED 'queue'");
        }
    }

    @Test
    void prepared_message_is_handled_after_its_commit_and_others_meanwhile_with_a_crash_between() throws Exception {
        prepareInvoice("kept");
        prepareInvoice("given-up");
        create("while prepared");
        awaitHandled("while prepared");

        server.crash();
        server.restart();
        await().atMost(Duration.ofSeconds(60))
                .pollDelay(Duration.ZERO)
                .ignoreExceptions()
                .until(() -> {
                    create("after the crash");
                    return true;
                });
        awaitHandled("after the crash");
        assertThat(handled).doesNotContain("kept", "given-up");

        change("COMMIT PREPARED 'kept'");
        change("ROLLBACK PREPARED 'given-up'");
        awaitHandled("kept");
        create("after both");
        awaitHandled("after both");
        assertThat(handled).doesNotContain("given-up");
        assertThat(invoices("%")).containsExactly("kept");
        assertThat(Conservation.check(sql)).isEmpty();
    }

    @Test
    void queue_that_a_prepared_transaction_makes_is_refused_to_others_with_its_name() throws Exception {
        try (Connection first = begin()) {
            execute(first, "SELECT id FROM postroom.create_message('made-prepared', '1')");
            execute(first, "PREPARE TRANSACTION 'tm-7 branch 1'");
        }
        try (Connection other = begin()) {
            for (String use : List.of(
                    "SELECT id FROM postroom.create_message('made-prepared', '2')",
                    "SELECT postroom.declare_queue('made-prepared')")) {
                execute(other, "SAVEPOINT before");
                assertThatThrownBy(() -> execute(other, use))
                        .isInstanceOf(SQLException.class)
                        .hasMessageContaining(
                                "queue \"made-prepared\" cannot be made before transaction \"tm-7 branch 1\" ends")
                        .hasMessageContaining("declare queues before")
                        .extracting(refused -> ((SQLException) refused).getSQLState())
                        .isEqualTo("55P03");
                execute(other, "ROLLBACK TO before");
            }
            execute(other, "SELECT id FROM postroom.create_message('another-new-queue', '2')");
            other.commit();
        }
        assertThatThrownBy(() -> postroom.queueMessages()
                        .createMessage(CreateMessage.to("made-prepared").payload("x")))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("tm-7 branch 1");

        change("COMMIT PREPARED 'tm-7 branch 1'");
        postroom.queueMessages().createMessage(CreateMessage.to("made-prepared").payload("x"));
        assertThat(postroom.queues().stats().stream()
                        .filter(queue -> queue.queue().equals("made-prepared"))
                        .mapToLong(queue -> queue.ready()))
                .containsExactly(2L);
    }

    /** Its row is locked by the prepared transaction, which tells nobody who holds it. */
    @Test
    void queue_that_comes_back_in_a_prepared_transaction_is_refused_to_others_with_its_name() throws Exception {
        change("SELECT postroom.declare_queue('back-prepared')");
        change("SELECT postroom.delete_queue('back-prepared')");
        try (Connection first = begin()) {
            execute(first, "SELECT postroom.declare_queue('back-prepared')");
            execute(first, "PREPARE TRANSACTION 'tm-8'");
        }
        try (Connection other = begin()) {
            execute(other, "SET LOCAL statement_timeout = '20s'");
            assertThatThrownBy(() -> execute(other, "SELECT id FROM postroom.create_message('back-prepared', '2')"))
                    .hasMessageContaining("queue \"back-prepared\" cannot be made before transaction \"tm-8\" ends");
        } finally {
            change("ROLLBACK PREPARED 'tm-8'");
        }
    }

    /** The table of locks has 6400 places for all sessions where nobody has set it. */
    @Test
    void one_transaction_makes_thousands_of_queues_with_a_thousand_locks() throws Exception {
        try (Connection connection = begin()) {
            execute(connection, "SELECT postroom.declare_queue('many.' || n) FROM generate_series(1, 4000) n");
            assertThat(Integer.parseInt(text(connection, "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()")))
                    .isLessThan(1_100);
            connection.rollback();
        }
    }

    @Test
    void first_use_works_with_the_longest_time_before_a_search_for_deadlocks() throws Exception {
        try (Connection connection = begin()) {
            execute(connection, "SET LOCAL deadlock_timeout = 2147483647");
            execute(connection, "SELECT id FROM postroom.create_message('patient', '1')");
            connection.rollback();
        }
    }

    /** The race: the second one waits while the first is open, so nothing tells it then that the first will be prepared. */
    @Test
    void who_waits_for_a_new_queue_goes_on_when_the_other_commits_and_is_refused_when_it_prepares() throws Exception {
        for (boolean prepares : List.of(false, true)) {
            String queue = "waited-for-" + prepares;
            String use = "SELECT id FROM postroom.create_message('" + queue + "', '1')";
            try (Connection first = begin();
                    Connection second = begin()) {
                execute(first, use);
                CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> {
                    try {
                        execute(second, use);
                        second.commit();
                    } catch (SQLException e) {
                        throw new IllegalStateException(e.getMessage(), e);
                    }
                });
                BlockedSessions.awaitBlocked(second, pool);
                if (prepares) {
                    execute(first, "PREPARE TRANSACTION 'later'");
                    assertThatThrownBy(() -> waiting.get(60, TimeUnit.SECONDS))
                            .hasMessageContaining("before transaction \"later\" ends");
                    change("ROLLBACK PREPARED 'later'");
                } else {
                    first.commit();
                    waiting.get(60, TimeUnit.SECONDS);
                }
            }
        }
    }

    @Test
    void limit_for_locks_of_the_caller_is_kept_and_stays_as_it_was() throws Exception {
        try (Connection first = begin();
                Connection second = begin()) {
            String use = "SELECT id FROM postroom.create_message('limited-wait', '1')";
            execute(first, use);
            execute(second, "SET LOCAL lock_timeout = '50ms'");
            execute(second, "SAVEPOINT before");
            assertThatThrownBy(() -> execute(second, use))
                    .isInstanceOf(SQLException.class)
                    .hasMessageContaining("lock timeout");
            first.rollback();
            execute(second, "ROLLBACK TO before");
            execute(second, use);
            assertThat(text(second, "SHOW lock_timeout")).isEqualTo("50ms");
            execute(second, "SET LOCAL lock_timeout = 0");
            execute(second, "SELECT id FROM postroom.create_message('limited-wait-2', '1')");
            assertThat(text(second, "SHOW lock_timeout")).isEqualTo("0");
            second.rollback();
        }
    }

    private static String text(Connection connection, String question) throws SQLException {
        try (Statement statement = connection.createStatement();
                var row = statement.executeQuery(question)) {
            row.next();
            return row.getString(1);
        }
    }

    @Test
    void prepared_transaction_that_nobody_ends_is_a_finding_with_its_name() throws Exception {
        prepareInvoice("forgotten");
        try {
            assertThat(postroom.database().health(Duration.ZERO).findings())
                    .filteredOn(finding -> finding.code().equals("horizon"))
                    .extracting(DatabaseHealth.Finding::todo)
                    .anyMatch(todo -> todo.contains("ROLLBACK PREPARED 'forgotten'"));
        } finally {
            change("ROLLBACK PREPARED 'forgotten'");
        }
    }

    @Test
    void no_function_does_what_a_prepared_transaction_may_not_do() throws Exception {
        try (Connection connection = begin()) {
            assertThat(text(connection, refusedFunctions())).isNull();
            execute(connection, """
                    CREATE FUNCTION postroom.loud() RETURNS void LANGUAGE sql
                    BEGIN ATOMIC SELECT pg_notify('x', 'y'); END
                    """);
            execute(connection, """
                    CREATE FUNCTION postroom.loud_too() RETURNS void LANGUAGE plpgsql AS 'BEGIN NOTIFY x; END'
                    """);
            assertThat(text(connection, refusedFunctions())).isEqualTo("loud loud_too");
            connection.rollback();
        }
    }

    private static String refusedFunctions() {
        return "SELECT string_agg(f.proname, ' ' ORDER BY f.proname) FROM pg_proc f"
                + " WHERE f.pronamespace = 'postroom'::regnamespace"
                + " AND regexp_replace(coalesce(nullif(f.prosrc, ''), pg_get_functiondef(f.oid)), '--[^\\n]*', '', 'g') ~* '"
                + REFUSED_WHEN_PREPARED + "'";
    }

    @Test
    void what_sql_clients_do_can_be_prepared() throws Exception {
        try (Connection connection = begin()) {
            for (String statement : List.of(
                    "SELECT postroom.declare_queue('door')",
                    "SELECT postroom.declare_queue('door-set')",
                    "SELECT postroom.declare_queue('door-ordered', ordered => true)",
                    "SELECT postroom.declare_queue('door-limited', max_length => 5)",
                    "SELECT postroom.declare_exchange('door-x', 'topic')",
                    "SELECT postroom.bind('door-x', 'door', 'a.#')",
                    "SELECT * FROM postroom.create_message(exchange => 'door-x', routing_key => 'a.b', payload => '1')",
                    "SELECT * FROM postroom.create_message('door', '1', deduplication_key => 'k', delay => '1 hour')",
                    "SELECT * FROM postroom.create_message('door-ordered', '1', group_key => 'g')",
                    "SELECT * FROM postroom.create_message('door-limited', '1')",
                    "SELECT postroom.pause_queue('door')",
                    "SELECT postroom.resume_queue('door')",
                    "SELECT * FROM postroom.create_batch('door')",
                    "SELECT postroom.set_ordered('door-set', true)",
                    "SELECT postroom.unbind('door-x', 'door', 'a.#')",
                    "SELECT postroom.delete_queue('door-limited')")) {
                execute(connection, statement);
            }
            execute(connection, "PREPARE TRANSACTION 'door'");
        }
        change("ROLLBACK PREPARED 'door'");
    }
}
