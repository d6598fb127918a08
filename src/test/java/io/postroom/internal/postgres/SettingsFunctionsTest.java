package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.SettingsEntry;
import io.postroom.api.StoreException;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.util.PSQLException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.datasource.DelegatingDataSource;

/** Entries of external systems as an SQL client changes them, and two clients that change one at once. */
@PostgresTest
class SettingsFunctionsTest {
    private final TestDatabase database;
    private final Sessions sessions;
    private final JdbcClient sql;

    SettingsFunctionsTest(TestDatabase database) {
        this.database = database;
        this.sessions = new Sessions(database.pool());
        sql = JdbcClient.create(database.pool());
    }

    @AfterEach
    void removeAll() {
        sql.sql("DELETE FROM postroom.settings").update();
        sql.sql("DELETE FROM postroom.settings_change").update();
    }

    @Test
    void entry_is_made_changed_in_part_and_deleted_and_its_history_says_who_when_from_what_to_what() {
        assertThat(set("{\"channel\": \"http\", \"endpoint\": \"https://a.example\", \"headers\": {\"X-A\": \"1\"}}"))
                .isEqualTo(1);
        assertThat(set("{\"endpoint\": \"https://b.example\", \"headers\": null}"))
                .isEqualTo(2);
        assertThat(set("{\"endpoint\": \"https://b.example\"}")).as("a repeat").isEqualTo(2);
        assertThat(text("SELECT channel || ' ' || endpoint || ' ' || headers FROM postroom.settings"))
                .isEqualTo("http https://b.example {}");
        assertThat(text("SELECT postroom.delete_settings('billing', actor => 'Ann')"))
                .isEqualTo("t");
        assertThat(text("SELECT postroom.delete_settings('billing')")).isEqualTo("f");
        assertThat(sql.sql(
                                "SELECT version || ' ' || action || ' ' || changed::text || ' ' || changed_by || ' '"
                                        + " || coalesce(before ->> 'endpoint', '-') || ' ' || coalesce(after ->> 'endpoint', '-')"
                                        + " FROM postroom.settings_history WHERE changed_at > now() - interval '1 hour' ORDER BY version")
                        .query(String.class)
                        .list())
                .containsExactly(
                        "1 create {channel,enabled,endpoint,headers,properties,templates} " + database.user()
                                + " - https://a.example",
                        "2 change {endpoint,headers} " + database.user() + " https://a.example https://b.example",
                        "3 delete {channel,enabled,endpoint,headers,properties,templates} Ann https://b.example -");
        assertThat(set("{\"channel\": \"http\"}")).as("no version twice").isEqualTo(4);
    }

    /** Without postroom.set_settings. Nobody who read the entry before may overwrite it, and no line of its history is missing. */
    @Test
    void change_by_hand_has_its_version_and_its_line_of_history() {
        set("{\"channel\": \"http\", \"endpoint\": \"https://a.example\"}");
        sql.sql(
                        "UPDATE postroom.settings SET endpoint = 'https://b.example', version = 9, changed_by = 'somebody else'")
                .update();
        assertThatThrownBy(() -> text("SELECT postroom.set_settings('billing', '{\"enabled\": false}', 1)"))
                .hasMessageContaining("are at version 9, not 1: changed by " + database.user());
        sql.sql("DELETE FROM postroom.settings").update();
        sql.sql("INSERT INTO postroom.settings (name, channel) VALUES ('billing', 'http')")
                .update();
        assertThat(sql.sql("SELECT version || ' ' || action || ' ' || changed_by || ' ' || settings_by"
                                + " FROM postroom.settings_history ORDER BY version")
                        .query(String.class)
                        .list())
                .containsExactly(
                        "1 create " + database.user() + " operator",
                        "9 change " + database.user() + " operator",
                        "10 delete " + database.user() + " operator",
                        "11 create " + database.user() + " operator");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            secret = 'env:no name'                       | secret must be a reference
            retry_after = 'soon'                         | retryAfter must be
            headers = '{"X-A": {"a": 1}}'                | headers must be texts
            valid_from = 'infinity'                      | settings_valid_from_finite
            valid_until = '10000-01-01 00:00:00+00'      | validUntil must be
            """)
    void change_by_hand_that_no_process_could_read_is_refused(String change, String refusal) {
        set("{\"channel\": \"http\"}");
        assertThatThrownBy(
                        () -> sql.sql("UPDATE postroom.settings SET " + change).update())
                .rootCause()
                .hasMessageContaining(refusal)
                .hasMessageNotContaining("no name");
        assertThat(text("SELECT version FROM postroom.settings")).isEqualTo("1");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"validUntil\": \"9999-12-31T23:59:59-12:00\"",
                "\"validFrom\": \"0001-01-01T00:00:00+14:00\"",
                "\"endpoint\": \"ann:hunter2@smtp.example:25\"",
                "\"headers\": {\"X-API-Key\": \"hunter2\"}"
            })
    void entry_that_no_process_could_read_or_that_holds_a_secret_is_refused(String member) {
        assertThatThrownBy(() -> set("{\"channel\": \"http\", " + member + "}"))
                .hasMessageContaining(member.substring(1, member.indexOf(':') - 1) + " must be")
                .hasMessageNotContaining("hunter2");
        assertThat(set("{\"channel\": \"mail\", \"endpoint\": \"mailto:ann@example.com\"}"))
                .isEqualTo(1);
    }

    @Test
    void declaration_makes_and_changes_its_own_entry_and_leaves_the_one_of_an_operator() {
        assertThat(declare("{\"channel\": \"http\", \"endpoint\": \"https://a.example\"}"))
                .isEqualTo("t");
        assertThat(declare("{\"channel\": \"http\", \"endpoint\": \"https://a.example\"}"))
                .isEqualTo("f");
        assertThat(declare("{\"channel\": \"http\", \"endpoint\": \"https://b.example\"}"))
                .isEqualTo("f");
        assertThat(text("SELECT version || ' ' || endpoint FROM postroom.settings"))
                .isEqualTo("2 https://b.example");
        assertThat(set("{\"enabled\": false}")).isEqualTo(3);
        assertThat(declare("{\"channel\": \"http\", \"endpoint\": \"https://c.example\"}"))
                .isEqualTo("f");
        assertThat(text("SELECT version || ' ' || endpoint || ' ' || enabled FROM postroom.settings"))
                .isEqualTo("3 https://b.example false");
    }

    @Test
    void declaration_with_an_instant_in_another_zone_is_a_repeat() {
        declare("{\"channel\": \"http\", \"validFrom\": \"2026-01-01T01:00:00+01:00\"}");
        declare("{\"channel\": \"http\", \"validFrom\": \"2026-01-01T00:00:00Z\"}");
        assertThat(text("SELECT version FROM postroom.settings")).isEqualTo("1");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"channel\": \"HTTP\"}                          | channel must be 1 to 63 of",
                "{\"endpoint\": \"https://a\"}                    | channel must be 1 to 63 of",
                "{\"channel\": \"http\", \"endpoint\": \"a b\"}   | endpoint must be 1 to 2000",
                "{\"channel\": \"http\", \"endpoint\": 7}         | endpoint must be a text",
                "{\"channel\": \"http\", \"attempts\": 0}         | attempts must be 1 to 1000",
                "{\"channel\": \"http\", \"attempts\": 1.5}       | attempts must be 1 to 1000",
                "{\"channel\": \"http\", \"attempts\": \"3\"}     | attempts must be 1 to 1000",
                "{\"channel\": \"http\", \"retryAfter\": \"soon\"} | retryAfter must be 10s",
                "{\"channel\": \"http\", \"retryAfter\": \"9999d\"} | retryAfter must be waits of at most 400 days",
                "{\"channel\": \"http\", \"retryAfter\": \"2h..1h\"} | retryAfter must be as in 1s..1h",
                "{\"channel\": \"http\", \"enabled\": \"yes\"}    | enabled must be true or false",
                "{\"channel\": \"http\", \"validFrom\": \"soon\"} | validFrom must be an instant",
                "{\"channel\": \"http\", \"validFrom\": \"2026-02-30T00:00:00Z\"} | validFrom must be an instant",
                "{\"channel\": \"http\", \"validFrom\": \"2026-02-02T00:00Z\", \"validUntil\": \"2026-02-01T00:00Z\"}"
                        + " | validUntil must be later",
                "{\"channel\": \"http\", \"headers\": {\"a b\": \"1\"}} | headers must be texts of at most 2000",
                "{\"channel\": \"http\", \"headers\": {\"a\": 1}} | headers must be texts of at most 2000",
                "{\"channel\": \"http\", \"headers\": {\"a\": \"1\\n2\"}} | headers must be values without line breaks",
                "{\"channel\": \"http\", \"headers\": {\"Authorization\": \"x\"}} | headers must be headers that hold no secret",
                "{\"channel\": \"http\", \"headers\": [1]}        | headers must be a JSON object",
                "{\"channel\": \"http\", \"max\": 1}              | settings must be an object with members",
                "[]                                               | change must be a JSON object",
            })
    void value_that_breaks_a_limit_is_refused_and_nothing_is_written(String change, String refusal) {
        assertThatThrownBy(() -> set(change))
                .hasMessageContaining(refusal)
                .rootCause()
                .hasFieldOrPropertyWithValue("SQLState", "22023");
        assertThat(text("SELECT count(*) FROM postroom.settings")).isEqualTo("0");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hunter2-very-secret",
                "env:",
                "env:hunter2 secret",
                "file:hunter2",
                "property:",
                "vault:hunter2",
                "env:OK\\nhunter2"
            })
    void secret_that_is_no_reference_is_refused_and_not_shown(String secret) {
        assertThatThrownBy(() -> set("{\"channel\": \"http\", \"secret\": \"" + secret + "\"}"))
                .rootCause()
                .hasMessageContaining("secret must be a reference")
                .hasMessageNotContaining("hunter2");
        assertThatThrownBy(() -> set("{\"channel\": \"http\", \"endpoint\": \"https://ann:hunter2@a.example\"}"))
                .rootCause()
                .hasMessageContaining("endpoint must be an address without a user and password")
                .hasMessageNotContaining("hunter2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"env:BILLING_SECRET", "file:/run/secrets/billing", "property:billing.secret"})
    void secret_reference_is_kept(String reference) {
        set("{\"channel\": \"http\", \"secret\": \"" + reference + "\"}");
        assertThat(text("SELECT secret FROM postroom.settings")).isEqualTo(reference);
    }

    @Test
    void expected_version_is_compared_also_with_an_entry_that_is_new_or_gone() {
        assertRefused(
                "SELECT postroom.set_settings('billing', '{\"channel\": \"http\"}', 1)", "are at version 0, not 1");
        assertThat(text("SELECT postroom.set_settings('billing', '{\"channel\": \"http\"}', 0)"))
                .isEqualTo("1");
        assertRefused(
                "SELECT postroom.set_settings('billing', '{\"channel\": \"http\"}', 0)", "are at version 1, not 0");
        assertRefused("SELECT postroom.delete_settings('billing', 2)", "are at version 1, not 2");
        assertThat(text("SELECT postroom.delete_settings('billing', 1)")).isEqualTo("t");
        assertRefused("SELECT postroom.delete_settings('billing', 1)", "are at version 0, not 1");
    }

    /** Both read version 1. Whoever comes second waits for the first, and is refused when that one commits. */
    @ParameterizedTest
    @CsvSource({"set,set", "set,delete", "delete,set"})
    void second_of_two_changes_of_one_version_is_refused(String first, String second) throws Exception {
        set("{\"channel\": \"http\"}");
        try (Connection one = sessions.begin()) {
            execute(one, change(first, "a"));
            CompletableFuture<Void> other = inBackground(change(second, "b"));
            sessions.awaitWaitingFor(one);
            one.commit();
            assertThatThrownBy(() -> other.get(30, TimeUnit.SECONDS))
                    .rootCause()
                    .isInstanceOf(PSQLException.class)
                    .hasMessageContaining("nothing was changed");
        }
        assertThat(text("SELECT max(version) FROM postroom.settings_change")).isEqualTo("2");
    }

    /** The first one is rolled back: the second one goes on, as if it had been alone. */
    @Test
    void second_of_two_changes_goes_on_when_the_first_is_rolled_back() throws Exception {
        set("{\"channel\": \"http\"}");
        try (Connection one = sessions.begin()) {
            execute(one, change("set", "a"));
            CompletableFuture<Void> other = inBackground(change("set", "b"));
            sessions.awaitWaitingFor(one);
            one.rollback();
            other.get(30, TimeUnit.SECONDS);
        }
        assertThat(text("SELECT version || ' ' || channel FROM postroom.settings"))
                .isEqualTo("2 b");
    }

    /** Two new entries of one name meet at the primary key. With an expected version the second is refused; without, it is the last. */
    @ParameterizedTest
    @CsvSource({"', 0', refused", "'', 2"})
    void two_new_entries_of_one_name_follow_one_another(String expected, String end) throws Exception {
        String call = "SELECT postroom.set_settings('billing', '{\"channel\": \"%s\"}'" + expected + ")";
        try (Connection one = sessions.begin()) {
            execute(one, call.formatted("a"));
            CompletableFuture<Void> other = inBackground(call.formatted("b"));
            sessions.awaitWaitingFor(one);
            one.commit();
            if (end.equals("refused")) {
                assertThatThrownBy(() -> other.get(30, TimeUnit.SECONDS))
                        .hasMessageContaining("are at version 1, not 0");
            } else {
                other.get(30, TimeUnit.SECONDS);
                assertThat(text("SELECT version || ' ' || channel FROM postroom.settings"))
                        .isEqualTo("2 b");
            }
        }
    }

    /** A declaration that looked before the operator's commit must not overwrite what the operator set. */
    @Test
    void declaration_that_waited_for_an_operator_leaves_the_entry() throws Exception {
        declare("{\"channel\": \"a\"}");
        try (Connection operator = sessions.begin()) {
            execute(operator, "SELECT postroom.set_settings('billing', '{\"channel\": \"b\"}')");
            CompletableFuture<Void> process =
                    inBackground("SELECT postroom.declare_settings('billing', '{\"channel\": \"c\"}')");
            sessions.awaitWaitingFor(operator);
            operator.commit();
            process.get(30, TimeUnit.SECONDS);
        }
        assertThat(text("SELECT version || ' ' || channel FROM postroom.settings"))
                .isEqualTo("2 b");
    }

    private static String change(String kind, String channel) {
        return kind.equals("set")
                ? "SELECT postroom.set_settings('billing', '{\"channel\": \"" + channel + "\"}', 1)"
                : "SELECT postroom.delete_settings('billing', 1)";
    }

    private CompletableFuture<Void> inBackground(String statement) {
        return CompletableFuture.runAsync(() -> {
            try (Connection connection = database.connect()) {
                execute(connection, statement);
            } catch (SQLException failed) {
                throw new IllegalStateException(failed);
            }
        });
    }

    private static void execute(Connection connection, String statement) throws SQLException {
        try (Statement one = connection.createStatement()) {
            one.execute(statement);
        }
    }

    private void assertRefused(String statement, String refusal) {
        assertThatThrownBy(() -> text(statement))
                .hasMessageContaining(refusal)
                .rootCause()
                .hasFieldOrPropertyWithValue("SQLState", "PR409");
    }

    /** A worker asks once: its poll has a back-off of its own. */
    @Test
    void people_who_read_or_change_entries_outlive_a_short_failure() {
        AtomicInteger refusals = new AtomicInteger();
        PostgresSettingsStore store =
                new PostgresSettingsStore(new StoreTransactions(new DelegatingDataSource(database.pool()) {
                    @Override
                    public Connection getConnection() throws SQLException {
                        if (refusals.getAndDecrement() > 0) {
                            throw new SQLTransientConnectionException("no connection for now");
                        }
                        return super.getConnection();
                    }
                }));
        List<Supplier<Object>> calls = List.of(
                () -> store.set(SettingsEntry.of("billing", "http"), null, null, null)
                        .version(),
                () -> store.find("billing").isPresent(),
                () -> store.list().size(),
                () -> store.history("billing", 10).size());
        for (Supplier<Object> call : calls) {
            refusals.set(2);
            assertThat(call.get()).isIn(1L, 1, true);
        }
        refusals.set(1);
        assertThatThrownBy(() -> store.find(List.of("billing"))).isInstanceOf(StoreException.class);
    }

    private long set(String change) {
        return sql.sql("SELECT postroom.set_settings('billing', :change::jsonb)")
                .param("change", change)
                .query(Long.class)
                .single();
    }

    private String declare(String declaration) {
        return List.of("f", "t")
                .get(
                        sql.sql("SELECT postroom.declare_settings('billing', :declaration::jsonb)")
                                        .param("declaration", declaration)
                                        .query(Boolean.class)
                                        .single()
                                ? 1
                                : 0);
    }

    private String text(String statement) {
        return sql.sql(statement).query(String.class).single();
    }
}
