package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.StoreException;
import io.postroom.api.StoreException.Kind;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.postgres.statement.UuidArrays;
import io.postroom.internal.storage.StoreErrors;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@PostgresTest
class SqlTest {
    @Test
    void names_become_question_marks_and_nothing_else_does() {
        Sql sql = Sql.of("""
                -- name: try_out
                SELECT :a::text, ':b' || "c:d", $$:e$$ -- :f it's
                /* :g */ WHERE x = :a AND y = ANY (:list::int8[])
                """);
        assertThat(sql.name()).isEqualTo("try_out");
        assertThat(sql.positional()).isEqualTo("""
                        -- name: try_out
                        SELECT ?::text, ':b' || "c:d", $$:e$$ -- :f it's
                        /* :g */ WHERE x = ? AND y = ANY (?::int8[])
                        """);
    }

    @Test
    void a_statement_without_a_name_or_with_a_question_mark_is_refused() {
        assertThatThrownBy(() -> Sql.of("SELECT 1")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Sql.of("-- name: x\nSELECT '{}'::jsonb ? 'a'"))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void values_of_every_kind_arrive(DataSource pool) throws SQLException {
        Sql sql = Sql.of("""
                -- name: kinds
                SELECT concat_ws('|', :i, :l, :b, :t, :t, encode(:y, 'hex'), :u, :s::int2[], :is::int4[], :ls::int8[], :ts::text[],
                    :us::uuid[], :none::text IS NULL)
                """);
        UUID id = UUID.fromString("01234567-89ab-7def-8123-456789abcdef");
        try (Connection connection = pool.getConnection();
                Sql.Call call = sql.on(connection)) {
            String text = call.set("i", 1)
                    .set("l", 2L)
                    .set("b", true)
                    .set("t", "x")
                    .set("y", new byte[] {10})
                    .set("u", id)
                    .set("s", new short[] {1, 2})
                    .set("is", new int[] {3})
                    .set("ls", new long[] {4, 5})
                    .set("ts", new String[] {"a,b", null})
                    .set("us", new UUID[] {id, id})
                    .set("none", (String) null)
                    .one(row -> row.getString(1));
            assertThat(text)
                    .isEqualTo("1|2|t|x|x|0a|" + id + "|{1,2}|{3}|{4,5}|{\"a,b\",NULL}|{" + id + "," + id + "}|t");
            assertThatThrownBy(() -> call.set("unknown", 1)).hasMessageContaining("kinds");
        }
    }

    @Test
    void uuid_arrays_are_written_as_the_server_reads_them() {
        UUID id = UUID.randomUUID();
        assertThat(UuidArrays.text(new UUID[] {})).isEqualTo("{}");
        assertThat(UuidArrays.text(new UUID[] {id, new UUID(-1, 0)}))
                .isEqualTo("{" + id + ",ffffffff-ffff-ffff-0000-000000000000}");
    }

    /** {@code -- name} lines show in pg_stat_activity who is speaking, so each is there once. */
    @ParameterizedTest
    @ValueSource(
            classes = {
                EnqueueSql.class,
                RepeatSql.class,
                ClaimSql.class,
                CompleteSql.class,
                WorkerSql.class,
                JobSql.class,
                QueueSql.class,
                RegistrySql.class,
                OperateSql.class
            })
    void every_statement_has_the_name_of_its_constant(Class<?> texts) throws IllegalAccessException {
        for (var field : texts.getDeclaredFields()) {
            if (field.getType() == Sql.class) {
                field.setAccessible(true);
                Sql sql = (Sql) field.get(null);
                assertThat(sql.name()).matches("[a-z_]+");
                assertThat(sql.positional()).startsWith("-- name: " + sql.name() + "\n");
                assertThat(Pattern.compile("[^:]:[a-z]")
                                .matcher(sql.positional().replaceAll("--.*|'[^']*'", ""))
                                .find())
                        .as("a parameter was left over in " + sql.name())
                        .isFalse();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "40001, TRY_AGAIN",
        "40P01, TRY_AGAIN",
        "55P03, TRY_AGAIN",
        "57P01, UNAVAILABLE",
        "57P03, UNAVAILABLE",
        "53300, UNAVAILABLE",
        "53100, UNAVAILABLE",
        "08006, UNAVAILABLE",
        "25006, UNAVAILABLE",
        "57014, UNAVAILABLE",
        "58030, UNAVAILABLE",
        "22021, REFUSED",
        "22P02, REFUSED",
        "23505, REFUSED",
        "42P01, BROKEN",
        "42501, BROKEN",
        "XX000, BROKEN"
    })
    void an_error_says_what_may_be_done_about_it(String state, Kind kind) {
        StoreException translated = StoreErrors.translate("claim from queue 4", new SQLException("boom", state));
        assertThat(translated.kind()).isEqualTo(kind);
        assertThat(translated.state()).isEqualTo(state);
        assertThat(translated.getMessage()).contains("could not claim from queue 4: boom", state);
    }

    @Test
    void a_pool_without_a_free_connection_is_unavailable_whatever_its_cause() {
        assertThat(StoreErrors.translate("x", new SQLTransientConnectionException("timeout"))
                        .kind())
                .isEqualTo(Kind.UNAVAILABLE);
        SQLException wrapped =
                new SQLTransientConnectionException("timeout", null, new SQLException("too many clients", "53300"));
        assertThat(StoreErrors.translate("x", wrapped).state()).isEqualTo("53300");
    }

    @Test
    void the_store_commits_on_a_pool_without_auto_commit_and_with_another_isolation(
            io.postroom.testing.TestDatabase database) throws SQLException {
        com.zaxxer.hikari.HikariConfig config = new com.zaxxer.hikari.HikariConfig();
        config.setJdbcUrl(database.url());
        config.setUsername(database.user());
        config.setPassword(database.password());
        config.setAutoCommit(false);
        config.setMaximumPoolSize(2);
        config.setTransactionIsolation("TRANSACTION_SERIALIZABLE");
        try (var pool = new com.zaxxer.hikari.HikariDataSource(config)) {
            StoreFixture odd = new StoreFixture(pool);
            StoreFixture plain = new StoreFixture(database.pool());
            assertThat(plain.stores.queues().queue(odd.queue.name()))
                    .as("declared and committed")
                    .isPresent();
            assertThat(plain.stores.workers().beat(odd.worker, odd.instance))
                    .as("registered and committed")
                    .isTrue();
            try (Connection connection = pool.getConnection()) {
                odd.stores.enqueue().enqueue(odd.message().build(), connection);
                connection.commit();
            }
            assertThat(odd.claim(10)).hasSize(1);
            assertThat(plain.number("SELECT count(*) FROM postroom.lease WHERE worker_id = " + odd.worker))
                    .isOne();
            String level = new StoreTransactions(pool).single("look", connection -> {
                try (var statement = connection.createStatement();
                        var rows = statement.executeQuery("SHOW transaction_isolation")) {
                    rows.next();
                    return rows.getString(1);
                }
            });
            assertThat(level).isEqualTo("read committed");
        }
    }

    @Test
    void a_failed_transaction_leaves_nothing_and_its_connection_is_fit_for_use(DataSource pool) {
        StoreTransactions transactions = new StoreTransactions(pool);
        StoreFixture fixture = new StoreFixture(pool);
        assertThatThrownBy(() -> transactions.several("try", connection -> {
                    try (var statement = connection.createStatement()) {
                        statement.execute(
                                "UPDATE postroom.queue SET max_attempts = 5 WHERE id = " + fixture.queue.id());
                        statement.execute("SELECT 1 / 0");
                    }
                    return true;
                }))
                .isInstanceOfSatisfying(
                        StoreException.class, e -> assertThat(e.kind()).isEqualTo(Kind.REFUSED));
        assertThat(fixture.texts("SELECT max_attempts FROM postroom.queue WHERE id = " + fixture.queue.id()))
                .isEqualTo(List.of("20"));
    }
}
