package io.postroom.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;

/** What is given out again is as good as new, and what is not as good as new is not given out again. */
@PostgresTest(migrated = false)
@NotThroughPooler("the driver knows the process id that the pooler made up")
class ReusedSessionsTest {
    private final TestDatabase database;

    ReusedSessionsTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void nothing_of_its_last_user_is_left_on_a_session() throws SQLException {
        int session;
        try (Connection first = database.connect()) {
            session = session(first);
            execute(first, "SET statement_timeout = '1min'");
            execute(first, "CREATE TEMP TABLE left_over (n int)");
            execute(first, "LISTEN left_over");
            execute(first, "SELECT pg_advisory_lock(4711)");
            execute(first, "NOTIFY left_over");
            first.setReadOnly(true);
            first.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            first.setAutoCommit(false);
            execute(first, "SELECT 1");
        }
        try (Connection second = database.connect()) {
            assertThat(session(second)).isEqualTo(session);
            assertThat(second.getAutoCommit()).isTrue();
            assertThat(second.isReadOnly()).isFalse();
            assertThat(second.getTransactionIsolation()).isEqualTo(Connection.TRANSACTION_READ_COMMITTED);
            assertThat(text(second, "SHOW statement_timeout")).isEqualTo("0");
            assertThat(text(second, "SELECT to_regclass('left_over')")).isNull();
            assertThat(text(second, "SELECT count(*) FROM pg_listening_channels()"))
                    .isEqualTo("0");
            assertThat(text(
                            second,
                            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND database ="
                                    + " (SELECT oid FROM pg_database WHERE datname = current_database())"))
                    .isEqualTo("0");
            assertThat(second.unwrap(PGConnection.class).getNotifications()).isEmpty();
        }
    }

    @Test
    void changes_that_were_not_committed_are_gone() throws SQLException {
        try (Connection first = database.connect()) {
            first.setAutoCommit(false);
            execute(first, "CREATE TABLE unfinished (n int)");
        }
        try (Connection second = database.connect()) {
            assertThat(text(second, "SELECT to_regclass('unfinished')")).isNull();
        }
    }

    @Test
    void connection_that_was_closed_is_closed() throws SQLException {
        Connection first = database.connect();
        first.close();
        first.close();
        assertThat(first.isClosed()).isTrue();
        assertThatThrownBy(first::createStatement).isInstanceOf(SQLException.class);
        try (Connection second = database.connect();
                Connection third = database.connect()) {
            assertThat(session(second)).isNotEqualTo(session(third));
            assertThat(second.unwrap(PGConnection.class)).isNotSameAs(first);
        }
    }

    @Test
    void what_a_closed_connection_is_told_does_not_reach_the_next_user() throws SQLException {
        Connection first = database.connect();
        Statement left = first.createStatement();
        first.close();
        try (Connection second = database.connect()) {
            first.abort(Runnable::run);
            assertThatThrownBy(() -> left.execute("SET lock_timeout = '7s'")).isInstanceOf(SQLException.class);
            assertThat(text(second, "SHOW lock_timeout")).isEqualTo("0");
        }
    }

    @Test
    void network_timeout_is_the_one_that_the_session_was_opened_with() throws SQLException {
        Properties properties = new Properties();
        properties.putAll(Map.of("user", database.user(), "password", database.password(), "socketTimeout", "30"));
        int session;
        try (Connection first = DriverManager.getConnection(database.url(), properties)) {
            session = session(first);
            first.setNetworkTimeout(Runnable::run, 7_000);
        }
        try (Connection second = DriverManager.getConnection(database.url(), properties)) {
            assertThat(session(second)).isEqualTo(session);
            assertThat(second.getNetworkTimeout()).isEqualTo(30_000);
        }
    }

    @Test
    void connection_whose_statement_waits_can_be_closed() throws Exception {
        try (Connection holder = database.connect()) {
            execute(holder, "SELECT pg_advisory_lock(4712)");
            Connection waiting = database.connect();
            CompletableFuture<Void> statement = CompletableFuture.runAsync(() -> {
                try {
                    execute(waiting, "SELECT pg_advisory_lock(4712)");
                } catch (SQLException closed) {
                    throw new CompletionException(closed);
                }
            });
            BlockedSessions.awaitBehind(holder, database.pool(), 1);
            waiting.close();
            assertThatThrownBy(() -> statement.get(60, TimeUnit.SECONDS)).hasCauseInstanceOf(SQLException.class);
        }
    }

    @Test
    void killed_session_is_not_given_out() throws SQLException {
        int killed;
        try (Connection first = database.connect()) {
            killed = session(first);
        }
        try (Connection other = DriverManager.getConnection(
                database.url() + "?ApplicationName=other", database.user(), database.password())) {
            execute(other, "SELECT pg_terminate_backend(" + killed + ", 30000)");
        }
        try (Connection second = database.connect()) {
            assertThat(session(second)).isNotEqualTo(killed);
        }
    }

    @Test
    void settings_of_a_database_hold_for_all_who_come_after_them() throws SQLException {
        try (Connection before = database.connect();
                Connection admin = database.connect()) {
            before.close();
            execute(admin, "ALTER DATABASE " + database.name() + " SET lock_timeout = '7s'");
            try (Connection with = database.connect()) {
                assertThat(text(with, "SHOW lock_timeout")).isEqualTo("7s");
            }
            execute(admin, "ALTER DATABASE " + database.name() + " RESET lock_timeout");
            try (Connection after = database.connect()) {
                assertThat(text(after, "SHOW lock_timeout")).isEqualTo("0");
            }
        }
    }

    private static int session(Connection connection) throws SQLException {
        return connection.unwrap(PGConnection.class).getBackendPID();
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String text(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }
}
