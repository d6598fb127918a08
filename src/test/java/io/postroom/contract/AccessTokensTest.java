package io.postroom.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.AccessRole;
import io.postroom.api.AccessToken;
import io.postroom.api.AccessTokens;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.LedgerFilter;
import io.postroom.api.LedgerLine;
import io.postroom.api.NewAccessToken;
import io.postroom.api.Reason;
import io.postroom.internal.postgres.admin.PostgresAccessTokens;
import io.postroom.internal.storage.AccessTokenStore;
import io.postroom.testing.LogRecorder;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Tokens by SQL and by Java: what is kept of them, what is refused, and what two that change them at once see. */
@PostgresTest
class AccessTokensTest {
    private static TestDatabase database;
    private static JdbcClient sql;
    private static Postroom postroom;
    private static AccessTokens tokens;

    @BeforeAll
    static void open(TestDatabase given) {
        database = given;
        sql = JdbcClient.create(given.pool());
        postroom = Postroom.on(given.pool())
                .schema(SchemaMode.VALIDATE)
                .workers(false)
                .prepare();
        tokens = postroom.accessTokens();
    }

    @AfterAll
    static void close() {
        postroom.close();
    }

    @Test
    void token_is_told_once_and_kept_as_a_hash() {
        String token = tokens.create(
                NewAccessToken.producer("shop", "orders.*", "mail"),
                Reason.of("new").by("ann"));
        assertThat(token).matches("postroom_[A-Za-z0-9_-]{43}");
        assertThat(tokens.create(NewAccessToken.reader("shop.2"))).isNotEqualTo(token);
        assertThat(sql.sql("SELECT hash = sha256(convert_to(?, 'UTF8')) FROM postroom.access_token WHERE name = 'shop'")
                        .param(token)
                        .query(Boolean.class)
                        .single())
                .isTrue();
        assertThat(sql.sql("SELECT t::text || o::text FROM postroom.access_token t, postroom.operator_action o")
                        .query(String.class)
                        .list())
                .noneMatch(row -> row.contains(token));
        AccessToken known = tokens.list("shoo", 1).get(0);
        assertThat(known.name()).isEqualTo("shop");
        assertThat(known.role()).isEqualTo(AccessRole.PRODUCER);
        assertThat(known.queues()).containsExactly("orders.*", "mail");
        assertThat(known.createdBy()).isEqualTo("ann");
        assertThat(known.state()).isEqualTo(AccessToken.State.IN_USE);
    }

    @Test
    void each_change_is_a_line_of_the_ledger_and_a_repeat_is_none() {
        tokens.create(NewAccessToken.reader("lines").until(Instant.now().plus(Duration.ofDays(90))));
        assertThat(tokens.revoke("lines", Reason.of("it was in a log").by("ann")))
                .isTrue();
        assertThat(tokens.revoke("lines")).isFalse();
        List<LedgerLine> lines = postroom.ledger().lines(LedgerFilter.all().limit(50)).stream()
                .filter(line -> line.filter().orElse("").contains("\"lines\""))
                .toList();
        assertThat(lines).extracting(LedgerLine::action).containsExactly("revoke_token", "create_token");
        assertThat(lines.get(0).actor()).isEqualTo("ann");
        assertThat(lines.get(0).reason()).hasValue("it was in a log");
        assertThat(lines.get(1).filter().orElseThrow()).contains("\"role\": \"reader\"", "expiresAt");
        assertThat(tokens.list("linee", 1).get(0).revokedBy()).hasValue("ann");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", ".x", "a b", "ä", "x\n", "property", "a/b", "a'b"})
    void name_that_breaks_a_rule_is_refused(String name) {
        refused("name", NewAccessToken.reader(name));
        refused("name", NewAccessToken.reader("x".repeat(101)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "or*", "a b", "orders..#x", "*x", "-a", "ä"})
    void pattern_that_breaks_a_rule_is_refused(String pattern) {
        refused("queues", NewAccessToken.producer("patterned", pattern));
        refused("queues", NewAccessToken.producer("patterned", "ok", "x".repeat(128)));
    }

    @Test
    void roles_queues_and_ends_that_make_no_sense_are_refused() {
        refused("queues", NewAccessToken.producer("no.queues"));
        refused("queues", new NewAccessToken("r", AccessRole.READER, List.of("orders"), Optional.empty()));
        refused("expiresAt", NewAccessToken.reader("r").until(Instant.now().minusSeconds(1)));
        refused("expiresAt", NewAccessToken.reader("r").until(Instant.now().plus(Duration.ofDays(3651))));
        assertThatThrownBy(() -> AccessRole.of("admin"))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("reader, operator or producer");
        for (String call : List.of(
                "create_access_token('r', 'admin')",
                "create_access_token('r', NULL)",
                "create_access_token(NULL, 'reader')",
                "create_access_token('r', 'producer', ARRAY[NULL])",
                "create_access_token('r', 'reader', expires_at => 'infinity')",
                "create_access_token('r', 'reader', reason => '')",
                "revoke_access_token('nobody')")) {
            assertThatThrownBy(() -> sql.sql("SELECT postroom." + call).query().listOfRows())
                    .as(call)
                    .rootCause()
                    .extracting("SQLState")
                    .isEqualTo("22023");
        }
        assertThatThrownBy(() -> tokens.revoke("nobody"))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("name must be one that exists");
        assertThatThrownBy(() -> tokens.list("", 1001)).isInstanceOf(InvalidMessageException.class);
        assertThat(sql.sql("SELECT count(*) FROM postroom.access_token WHERE name = 'r'")
                        .query(Integer.class)
                        .single())
                .isZero();
    }

    @Test
    void name_is_used_once_even_if_its_token_was_revoked() {
        tokens.create(NewAccessToken.reader("once"));
        refused("name", NewAccessToken.operator("once"));
        tokens.revoke("once");
        refused("name", NewAccessToken.operator("once"));
    }

    @Test
    void ten_thousand_tokens_are_the_most_and_revoked_ones_do_not_count() throws Exception {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("INSERT INTO postroom.access_token (name, hash, role)"
                    + " SELECT 'many.' || i, sha256(i::text::bytea), 'reader' FROM generate_series(1, 10000) i");
            statement.execute("SAVEPOINT full_up");
            assertThatThrownBy(() -> statement.execute("SELECT postroom.create_access_token('one.more', 'reader')"))
                    .hasMessageContaining("10000 tokens");
            statement.execute("ROLLBACK TO full_up");
            statement.execute("UPDATE postroom.access_token SET revoked_at = now(), revoked_by = 'x'");
            statement.execute("SELECT postroom.create_access_token('one.more', 'reader')");
            connection.rollback();
        }
    }

    /** Without the lock on the version both would see no token of the name, or both would give their tokens one version. */
    @Test
    void two_that_create_one_name_at_once_wait_for_each_other() throws Exception {
        try (Connection first = database.pool().getConnection();
                Statement statement = first.createStatement()) {
            first.setAutoCommit(false);
            statement.execute("SELECT postroom.create_access_token('raced', 'reader')");
            CompletableFuture<String> second =
                    CompletableFuture.supplyAsync(() -> tokens.create(NewAccessToken.operator("raced")));
            Awaitility.await()
                    .until(() -> sql.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                            + " AND wait_event_type = 'Lock' AND query LIKE '%create_access_token%'")
                                    .query(Integer.class)
                                    .single()
                            == 1);
            assertThat(second).isNotDone();
            first.commit();
            assertThatThrownBy(second::join)
                    .hasCauseInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("one that no token has or had");
        }
    }

    @Test
    void version_moves_with_each_change_and_also_with_one_by_hand_but_not_with_a_use() {
        PostgresAccessTokens store = new PostgresAccessTokens(database.pool());
        tokens.create(NewAccessToken.reader("moved"));
        long version = store.version();
        store.noteUse(Map.of("moved", Duration.ofSeconds(5), "unknown", Duration.ZERO));
        assertThat(store.version()).isEqualTo(version);
        Instant used = tokens.list("movec", 1).get(0).lastUsedAt().orElseThrow();
        store.noteUse(Map.of("moved", Duration.ofHours(1)));
        assertThat(tokens.list("movec", 1).get(0).lastUsedAt())
                .as("an older use of another process")
                .hasValue(used);
        tokens.revoke("moved");
        assertThat(store.version()).isGreaterThan(version);
        version = store.version();
        sql.sql("DELETE FROM postroom.access_token WHERE name = 'moved'").update();
        assertThat(store.version()).isGreaterThan(version);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "queues = '{NULL}', role = 'producer'",
                "queues = '{mail,NULL}', role = 'producer'",
                "queues = '{{mail}}', role = 'producer'",
                "expires_at = 'infinity'"
            })
    void row_that_no_process_could_read_is_refused_also_by_hand(String change) {
        assertThatThrownBy(() -> sql.sql(
                                "INSERT INTO postroom.access_token (name, hash, role) VALUES ('hand', sha256('hand'), 'reader');"
                                        + " UPDATE postroom.access_token SET " + change + " WHERE name = 'hand'")
                        .update())
                .rootCause()
                .extracting("SQLState")
                .isIn("23514", "0A000");
    }

    @Test
    void lost_row_of_the_version_is_named_with_what_to_do_and_tokens_are_still_read() throws Exception {
        tokens.create(NewAccessToken.reader("orphan"));
        sql.sql("TRUNCATE postroom.access_token_version").update();
        try {
            for (String call : List.of("create_access_token('more', 'reader')", "revoke_access_token('orphan')")) {
                assertThatThrownBy(
                                () -> sql.sql("SELECT postroom." + call).query().listOfRows())
                        .rootCause()
                        .hasMessageContaining("access_token_version has lost its one row")
                        .hasMessageContaining("INSERT INTO postroom.access_token_version DEFAULT VALUES");
            }
            PostgresAccessTokens store = new PostgresAccessTokens(database.pool());
            assertThat(store.version()).isNegative();
            assertThat(store.inUse()).extracting(AccessTokenStore.Known::name).contains("orphan");
        } finally {
            sql.sql("INSERT INTO postroom.access_token_version DEFAULT VALUES").update();
        }
    }

    /** As a row of a newer version could be, or one that was there before the constraint. */
    @Test
    void row_that_cannot_be_read_is_skipped_logged_once_and_keeps_nobody_from_following() {
        PostgresAccessTokens store = new PostgresAccessTokens(database.pool());
        tokens.create(NewAccessToken.reader("readable"));
        sql.sql("ALTER TABLE postroom.access_token DROP CONSTRAINT access_token_queues_known")
                .update();
        try (LogRecorder log = LogRecorder.of(PostgresAccessTokens.class.getName(), Level.WARN)) {
            sql.sql("INSERT INTO postroom.access_token (name, hash, role, queues)"
                            + " VALUES ('unreadable', sha256('u'), 'producer', '{mail,NULL}')")
                    .update();
            for (int i = 0; i < 2; i++) {
                assertThat(store.inUse())
                        .extracting(AccessTokenStore.Known::name)
                        .contains("readable")
                        .doesNotContain("unreadable");
            }
            assertThat(log.lines()).singleElement().asString().contains("\"unreadable\" cannot be read");
        } finally {
            sql.sql("DELETE FROM postroom.access_token WHERE name = 'unreadable'")
                    .update();
            sql.sql("ALTER TABLE postroom.access_token ADD CONSTRAINT access_token_queues_known"
                            + " CHECK (array_position(queues, NULL) IS NULL)")
                    .update();
        }
    }

    private static void refused(String field, NewAccessToken token) {
        assertThatThrownBy(() -> tokens.create(token))
                .isInstanceOfSatisfying(
                        InvalidMessageException.class,
                        refused -> assertThat(refused.field()).isEqualTo(field));
    }
}
