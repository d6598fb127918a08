package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.util.PSQLException;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Exchanges and bindings as an SQL client declares them, and the queues that a message would reach. */
@PostgresTest
class ExchangeFunctionsTest {
    /** As queues.delete does it. */
    private static final String DELETE_QUEUE_A = "SELECT FROM postroom.queue WHERE name = 'a' FOR UPDATE;"
            + " DELETE FROM postroom.binding WHERE queue_id = (SELECT id FROM postroom.queue WHERE name = 'a');"
            + " UPDATE postroom.queue SET deleted_at = now() WHERE name = 'a'";

    private final TestDatabase database;
    private final JdbcClient sql;

    ExchangeFunctionsTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
    }

    @BeforeEach
    void declareQueues() {
        run("INSERT INTO postroom.queue (name) VALUES ('a'), ('b'), ('c')");
    }

    @AfterEach
    void removeAll() {
        run("DELETE FROM postroom.binding; DELETE FROM postroom.exchange; DELETE FROM postroom.queue");
    }

    @Test
    void direct_exchange_reaches_the_queues_bound_with_the_key() {
        exchange("x", "direct");
        run("SELECT postroom.bind('x', 'a', 'k'), postroom.bind('x', 'b', 'k'), postroom.bind('x', 'c', 'K')");
        assertThat(route("x", "k")).containsExactly("a", "b");
        assertThat(route("x", "#"))
                .as("* and # are plain words in a routing key")
                .isEmpty();
        assertThat(route("x", "")).isEmpty();
    }

    @Test
    void topic_exchange_reaches_a_queue_once_however_many_bindings_match_and_names_them() {
        exchange("x", "topic");
        run(
                "SELECT postroom.bind('x', 'a', 'order.*'), postroom.bind('x', 'a', '#'), postroom.bind('x', 'b', 'bill.#')");
        assertThat(route("x", "order.1")).containsExactly("a");
        assertThat(sql.sql("SELECT array_to_string(bindings, ', ') FROM postroom.route('x', 'order.1')")
                        .query(String.class)
                        .single())
                .isEqualTo("x [#], x [order.*]");
    }

    @Test
    void fanout_exchange_ignores_keys_and_headers_exchange_compares_headers() {
        exchange("f", "fanout");
        exchange("h", "headers");
        run("SELECT postroom.bind('f', 'a', 'k'), postroom.bind('f', 'b')");
        run("SELECT postroom.bind('h', 'a', arguments => '{\"x-match\": \"any\", \"kind\": \"bill\", \"vip\": null}')");
        assertThat(route("f", "other")).containsExactly("a", "b");
        assertThat(routeHeaders("h", "{\"vip\": \"yes\"}")).containsExactly("a");
        assertThat(routeHeaders("h", "{\"kind\": \"offer\"}")).isEmpty();
    }

    @Test
    void default_exchange_reaches_the_queue_that_the_key_names_and_cannot_be_changed() {
        assertThat(route("", "a")).containsExactly("a");
        assertThat(route("", "unknown")).isEmpty();
        for (String call : List.of("declare_exchange('')", "delete_exchange('')", "bind('', 'a')", "unbind('', 'a')")) {
            assertRefused("SELECT postroom." + call, "exchange must be 1 to 127 of", "22023");
        }
    }

    @Test
    void message_passes_other_exchanges_each_once_so_a_cycle_ends() {
        exchange("x", "topic");
        exchange("y", "topic");
        exchange("z", "fanout");
        run("SELECT postroom.bind('x', to_exchange => 'y', routing_key => 'a.#')");
        run("SELECT postroom.bind('y', to_exchange => 'z', routing_key => '*.b')");
        run("SELECT postroom.bind('z', to_exchange => 'x'), postroom.bind('z', 'a')");
        run("SELECT postroom.bind('x', 'a', '#'), postroom.bind('y', 'b', 'a')");
        assertThat(route("x", "a.b")).containsExactly("a");
        assertThat(route("x", "a")).containsExactly("a", "b");
        assertThat(route("z", "q")).containsExactly("a");
    }

    @Test
    void alternate_exchange_is_taken_where_no_binding_matches_and_may_be_missing_or_a_cycle() {
        run("SELECT postroom.declare_exchange('x', 'direct', alternate => 'spare')");
        run("SELECT postroom.bind('x', 'a', 'k')");
        assertThat(route("x", "other")).as("the alternate exchange is missing").isEmpty();
        run("SELECT postroom.declare_exchange('spare', 'fanout', alternate => 'x')");
        assertThat(route("x", "other")).as("a cycle").isEmpty();
        run("SELECT postroom.bind('spare', 'b')");
        assertThat(route("x", "other")).containsExactly("b");
        assertThat(route("x", "k")).containsExactly("a");
        run("SELECT postroom.declare_exchange('self', 'direct', alternate => 'self')");
        assertThat(route("self", "k")).isEmpty();
    }

    @Test
    void alternate_exchange_of_an_exchange_on_the_way_is_taken_too() {
        exchange("x", "fanout");
        run("SELECT postroom.declare_exchange('y', 'direct', alternate => 'spare')");
        exchange("spare", "fanout");
        run("SELECT postroom.bind('x', to_exchange => 'y'), postroom.bind('x', 'a'), postroom.bind('spare', 'b')");
        assertThat(route("x", "k")).containsExactly("a", "b");
    }

    @Test
    void repeats_change_nothing() {
        assertThat(answer("declare_exchange('x', 'topic')")).isTrue();
        assertThat(answer("declare_exchange('x', 'topic')")).isFalse();
        assertThat(answer("bind('x', 'a', 'k')")).isTrue();
        assertThat(answer("bind('x', 'a', 'k')")).isFalse();
        assertThat(answer("bind('x', 'a', 'l')"))
                .as("another key is another binding")
                .isTrue();
        assertThat(answer("unbind('x', 'a', 'k')")).isTrue();
        assertThat(answer("unbind('x', 'a', 'k')")).isFalse();
        assertThat(answer("unbind('x', 'unknown', 'k')")).isFalse();
        assertThat(answer("unbind('unknown', 'a', 'k')")).isFalse();
        assertThat(route("x", "l")).containsExactly("a");
        assertThat(answer("delete_exchange('x')")).isTrue();
        assertThat(answer("delete_exchange('x')")).isFalse();
    }

    @Test
    void repeated_declarations_draw_no_ids() {
        exchange("x", "fanout");
        exchange("y", "fanout");
        run("SELECT postroom.bind('x', to_exchange => 'y')");
        String drawn = "SELECT pg_sequence_last_value(pg_get_serial_sequence('postroom.exchange', 'id')::regclass)"
                + " + pg_sequence_last_value(pg_get_serial_sequence('postroom.binding', 'id')::regclass)";
        long before = sql.sql(drawn).query(Long.class).single();

        assertThat(answer("declare_exchange('x', 'fanout')")).isFalse();
        assertThat(answer("bind('x', to_exchange => 'y')")).isFalse();

        assertThat(sql.sql(drawn).query(Long.class).single()).isEqualTo(before);
    }

    @Test
    void nulls_are_read_with_caution() {
        exchange("x", "headers");
        exchange("y", "fanout");
        run("SELECT postroom.bind('x', to_exchange => 'y', arguments => '{\"kind\": \"invoice\"}')");
        assertRefused(
                "SELECT postroom.delete_exchange('x', if_unused => NULL)", "exchange \"x\" has bindings", "55006");
        assertThat(answer("headers_match('{\"kind\": \"invoice\"}', NULL)")).isFalse();
    }

    @Test
    void delete_if_unused_refuses_an_exchange_with_bindings_of_its_own() {
        exchange("x", "fanout");
        exchange("y", "fanout");
        run("SELECT postroom.bind('x', to_exchange => 'y')");
        assertRefused(
                "SELECT postroom.delete_exchange('x', if_unused => true)", "exchange \"x\" has bindings", "55006");
        assertThat(answer("delete_exchange('y', if_unused => true)"))
                .as("a destination is not in use")
                .isTrue();
        assertThat(answer("delete_exchange('x', if_unused => true)")).isTrue();
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            declare_exchange('x', 'direct') | kind must be topic, as exchange "x" was declared, got "direct"
            declare_exchange('x', 'topic', 'spare') | alternate must be left out, as exchange "x" was declared
            declare_exchange('new', 'x-delayed') | kind must be direct, topic, fanout or headers, got "x-delayed"
            declare_exchange('new', NULL) | kind must be direct, topic, fanout or headers, got "null"
            declare_exchange(repeat('x', 128)) | exchange must be 1 to 127 of
            declare_exchange(E'a\\nb') | exchange must be 1 to 127 of
            declare_exchange('new', alternate => '') | alternate must be 1 to 127 of
            bind('missing', 'a') | exchange "missing" does not exist
            bind('x', 'missing') | queue "missing" does not exist
            bind('x', to_exchange => 'missing') | to_exchange "missing" does not exist
            bind('x') | queue must be given if to_exchange is not
            bind('x', 'a', to_exchange => 'x') | queue must be given if to_exchange is not
            bind('x', 'a', repeat('k', 256)) | routingKey must be 0 to 255 bytes
            bind('x', 'a', repeat('é', 128)) | routingKey must be 0 to 255 bytes
            bind('x', 'a', E'a\\nb') | routingKey must be no control characters
            bind('x', 'a', NULL) | routingKey must be 0 to 255 bytes
            bind('x', 'a', arguments => '{"a": "1"}') | arguments must be left out with an exchange of kind topic
            bind('h', 'a', arguments => '[]') | arguments must be a JSON object
            bind('h', 'a', arguments => '{"x-match": "some"}') | x-match must be all, any, all-with-x or any-with-x, got "some"
            bind('h', 'a', arguments => '{"x-match": 1}') | x-match must be all, any, all-with-x or any-with-x, got "1"
            bind('h', 'a', arguments => '{"a": 1}') | arguments must be texts, or null for any value, got "a: 1"
            bind('h', 'a', arguments => jsonb_build_object('a', repeat('v', 1024))) | arguments must be at most 1024 bytes
            route('missing', 'k') | exchange "missing" does not exist
            route('x', repeat('k', 256)) | routingKey must be 0 to 255 bytes
            route('x', 'k', '{"a": 1}') | headers must be texts
            """)
    void bad_input_names_field_and_limit(String call, String message) {
        exchange("x", "topic");
        exchange("h", "headers");
        assertRefused("SELECT postroom." + call, message, "22023");
        assertThat(sql.sql("SELECT count(*) FROM postroom.binding")
                        .query(Integer.class)
                        .single())
                .isZero();
    }

    @Test
    void longest_names_keys_and_arguments_are_taken() {
        String name = "n".repeat(127);
        exchange(name, "headers");
        assertThat(answer("bind('" + name
                        + "', 'a', repeat('é', 127) || 'k', jsonb_build_object('a', repeat('v', 1015)))"))
                .isTrue();
        exchange("x", "topic");
        String key = "w.".repeat(127) + "w";
        assertThat(answer("bind('x', 'a', '" + key + "')")).isTrue();
        assertThat(route("x", key)).containsExactly("a");
    }

    /** A statement routes by the bindings that were committed when it began: neither a later bind nor a later unbind counts for it. */
    @Test
    void what_commits_after_a_snapshot_counts_for_the_next_statement() throws SQLException {
        exchange("x", "fanout");
        run("SELECT postroom.bind('x', 'a')");
        try (Connection connection = database.pool().getConnection()) {
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                statement.execute("SELECT postroom.unbind('x', 'a'), postroom.bind('x', 'b')");
                assertThat(route("x", "k")).containsExactly("a");
                connection.commit();
            }
        }
        assertThat(route("x", "k")).containsExactly("b");
    }

    @Test
    void deleted_queue_loses_its_bindings_and_comes_back_without_them() {
        exchange("x", "fanout");
        run("SELECT postroom.bind('x', 'a'), postroom.bind('x', 'b')");
        try (Postroom postroom = Postroom.on(database.pool()).workers(false).start()) {
            postroom.queues().delete("a", false, false);
        }
        run("SELECT * FROM postroom.create_message('a', '1')");
        assertThat(route("x", "k")).containsExactly("b");
        run("DELETE FROM postroom.message; DELETE FROM postroom.ready");
    }

    /** Checks both orders; one side waits each time. Without the locks, a binding to a deleted queue or exchange could stay. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT postroom.bind('x', 'a') | " + DELETE_QUEUE_A,
                "SELECT postroom.bind('x', to_exchange => 'y') | SELECT postroom.delete_exchange('y')",
                "SELECT postroom.bind('x', to_exchange => 'y') | SELECT postroom.delete_exchange('x')"
            })
    void bind_and_deletion_wait_for_one_another(String both) throws Exception {
        String bind = both.split(" \\| ")[0];
        String deletion = both.split(" \\| ")[1];
        exchange("x", "fanout");
        exchange("y", "fanout");
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute(deletion);
            CompletableFuture<Void> bound = CompletableFuture.runAsync(() -> run(bind));
            BlockedSessions.await(database.pool(), 1);
            connection.commit();
            assertThatThrownBy(() -> bound.get(30, TimeUnit.SECONDS)).hasMessageContaining("does not exist");
        }
        run("UPDATE postroom.queue SET deleted_at = NULL");
        run("SELECT postroom.declare_exchange('x', 'fanout'), postroom.declare_exchange('y', 'fanout')");
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute(bind);
            CompletableFuture<Void> deleted = CompletableFuture.runAsync(() -> run(deletion));
            BlockedSessions.await(database.pool(), 1);
            connection.commit();
            deleted.get(30, TimeUnit.SECONDS);
        }
        assertThat(sql.sql("SELECT count(*) FROM postroom.binding")
                        .query(Integer.class)
                        .single())
                .isZero();
    }

    private void exchange(String name, String kind) {
        sql.sql("SELECT postroom.declare_exchange(?, ?)")
                .params(name, kind)
                .query(Boolean.class)
                .single();
    }

    private boolean answer(String call) {
        return sql.sql("SELECT postroom." + call).query(Boolean.class).single();
    }

    private List<String> route(String exchange, String key) {
        return sql.sql("SELECT queue FROM postroom.route(?, ?)")
                .params(exchange, key)
                .query(String.class)
                .list();
    }

    private List<String> routeHeaders(String exchange, String headers) {
        return sql.sql("SELECT queue FROM postroom.route(?, headers => ?::jsonb)")
                .params(exchange, headers)
                .query(String.class)
                .list();
    }

    private void assertRefused(String statement, String message, String state) {
        assertThatThrownBy(() -> run(statement))
                .hasMessageContaining(message)
                .rootCause()
                .isInstanceOfSatisfying(
                        PSQLException.class,
                        error -> assertThat(error.getSQLState()).isEqualTo(state));
    }

    private void run(String statement) {
        try (Connection connection = database.pool().getConnection();
                Statement running = connection.createStatement()) {
            running.execute(statement);
        } catch (SQLException error) {
            throw new IllegalStateException(error.getMessage(), error);
        }
    }
}
