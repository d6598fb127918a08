package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;

/** A database that is broken in many ways, one after the other, and what doctor says about each. */
@PostgresTest
class DoctorTest {
    private static TestDatabase database;
    private static JdbcClient sql;

    @BeforeAll
    static void start(TestDatabase given) {
        database = given;
        sql = JdbcClient.create(given.pool());
    }

    private static CliRun doctor(String... arguments) {
        return doctorAs(database.user(), database.password(), arguments);
    }

    private static CliRun doctorAs(String user, String password, String... arguments) {
        return CliRun.of(
                Map.of("PGPASSWORD", password),
                CliRun.joined(List.of(arguments), "doctor", "--db", database.url(), "--db-user", user));
    }

    /** Problems beside those of the tests' server, which is not made to last. */
    private static List<JsonNode> problems(CliRun run) {
        return run.json()
                .path("findings")
                .valueStream()
                .filter(finding -> finding.path("level").asString().equals("PROBLEM"))
                .filter(finding -> !finding.path("code").asString().equals("server_settings"))
                .toList();
    }

    private static List<String> codes(CliRun run) {
        return problems(run).stream()
                .map(finding -> finding.path("code").asString())
                .toList();
    }

    private static void change(String... statements) {
        for (String statement : statements) {
            sql.sql(statement).update();
        }
    }

    @Test
    void healthy_database_has_no_problem_and_is_described() {
        CliRun run = doctor("--json");
        assertThat(problems(run)).as("%s", run).isEmpty();
        JsonNode health = run.json();
        assertThat(health.path("tables").findValuesAsString("table")).contains("message", "ready", "attempt");
        assertThat(health.path("days").findValuesAsString("table")).containsExactly("attempt", "message");
        assertThat(Math.abs(health.path("clockSkewMillis").asLong())).isLessThan(2000);
        boolean durable = health.path("healthy").asBoolean();
        assertThat(run.exitCode()).isEqualTo(durable ? 0 : 1);
        assertThat(doctor("--all").out()).contains("PostgreSQL ", "HOLDS THE HORIZON", "DAYS OF", "WORKER");
    }

    @Test
    void open_transaction_is_named_with_its_session() throws SQLException {
        try (Connection held = database.connect();
                Statement statement = held.createStatement()) {
            statement.execute("SET application_name = 'report'");
            held.setAutoCommit(false);
            statement.execute("SELECT txid_current()");
            CliRun run = doctor("--older-than", "0s", "--json");
            assertThat(run.exitCode()).isEqualTo(1);
            JsonNode problem = problems(run).stream()
                    .filter(finding -> finding.path("what").asString().contains("(report,"))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError(run.toString()));
            assertThat(problem.path("code").asString()).isEqualTo("horizon");
            assertThat(problem.path("todo").asString()).contains("pg_terminate_backend(" + pid(statement) + ")");
            assertThat(run.json().path("horizon").findValuesAsString("kind")).contains("SESSION");
            assertThat(codes(doctor("--older-than", "10m", "--json"))).doesNotContain("horizon");
            held.rollback();
        }
    }

    private static int pid(Statement statement) throws SQLException {
        try (var row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            return row.getInt(1);
        }
    }

    @Test
    void slot_that_nobody_consumes_is_named() {
        String slot =
                "doctor_" + database.name().toLowerCase(java.util.Locale.ROOT).replaceAll("[^a-z0-9_]", "_");
        sql.sql("SELECT pg_create_physical_replication_slot(?, true)")
                .param(slot)
                .query((row, n) -> true)
                .list();
        try {
            CliRun run = doctor();
            assertThat(run.exitCode()).isEqualTo(1);
            assertThat(run.out())
                    .contains(
                            "PROBLEM replication_slot",
                            "replication slot \"" + slot + "\" is not consumed",
                            "pg_drop_replication_slot('" + slot + "')");
        } finally {
            sql.sql("SELECT pg_drop_replication_slot(?)")
                    .param(slot)
                    .query((row, n) -> true)
                    .list();
        }
    }

    @Test
    void missing_right_is_named_and_the_other_looks_go_on() {
        String role = "doctor_" + Long.toHexString(System.nanoTime());
        change(
                "CREATE ROLE " + role + " LOGIN PASSWORD 'x'",
                "GRANT USAGE ON SCHEMA postroom TO " + role,
                "GRANT SELECT ON ALL TABLES IN SCHEMA postroom TO " + role,
                "REVOKE SELECT ON postroom.operations FROM " + role);
        try {
            CliRun run = doctorAs(role, "x", "--json");
            assertThat(run.exitCode()).isEqualTo(1);
            JsonNode rights = problems(run).stream()
                    .filter(finding -> finding.path("code").asString().equals("rights"))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError(run.toString()));
            assertThat(rights.path("what").asString()).contains(role, "INSERT on table postroom.message", "GRANT");
            List<String> notes = run.json()
                    .path("findings")
                    .valueStream()
                    .filter(finding -> finding.path("code").asString().equals("not_seen"))
                    .map(finding -> finding.path("what").asString())
                    .toList();
            assertThat(notes)
                    .anyMatch(note -> note.contains("could not look at operations"))
                    .anyMatch(note -> note.contains("sees its own sessions alone"));
            assertThat(run.json().path("tables")).isNotEmpty();
        } finally {
            change("DROP OWNED BY " + role, "DROP ROLE " + role);
        }
    }

    @Test
    void late_purge_is_told_by_the_oldest_message() {
        sql.sql("SELECT postroom.declare_queue('kept')").query((row, n) -> true).list();
        change("""
                INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
                SELECT gen_random_uuid(), now() - age, now() - age, q.id, 1, 0
                FROM postroom.queue q, unnest(ARRAY[interval '9 days', interval '11 days']) age
                WHERE q.name = 'kept'
                """);
        try {
            JsonNode problem = problems(doctor("--json")).get(0);
            assertThat(problem.path("code").asString()).isEqualTo("purge");
            assertThat(problem.path("what").asString()).startsWith("1 finished messages");
        } finally {
            change("DELETE FROM postroom.attempt");
        }
    }

    @Test
    void queue_that_nobody_consumes_is_told_while_others_are_consumed() {
        sql.sql("SELECT (postroom.create_message(q, '1')).id FROM unnest(ARRAY['left', 'fresh']) q")
                .query((row, n) -> true)
                .list();
        change("""
                UPDATE postroom.message SET created_at = now() - interval '2 minutes'
                WHERE queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = 'left')
                """, """
                INSERT INTO postroom.worker (instance, name, version) VALUES (gen_random_uuid(), 'host:18', 'dev')
                """);
        try {
            CliRun run = doctor("--json");
            assertThat(codes(run)).contains("no_consumer").doesNotContain("no_worker");
            assertThat(run.out())
                    .contains("messages of queue left wait, and no live process has a handler for it")
                    .doesNotContain("queue fresh");
        } finally {
            change("DELETE FROM postroom.worker", "DELETE FROM postroom.ready", "DELETE FROM postroom.message");
        }
    }

    @Test
    void silent_worker_waiting_messages_and_an_operation_without_steps_are_told() {
        sql.sql("SELECT id FROM postroom.create_message('left', '1')")
                .query((row, n) -> true)
                .list();
        change("""
                INSERT INTO postroom.worker (instance, name, version, beat_at)
                VALUES (gen_random_uuid(), 'host:17', 'dev', now() - interval '5 minutes')
                """, """
                INSERT INTO postroom.operation (stepped_at, planned, per_second, canary, canary_threshold, verb, actor, reason, filter)
                VALUES (now() - interval '5 minutes', 3, 100, 0, 0, 'redrive', 'ann', 'x', '{"all": true}')
                """);
        try {
            CliRun run = doctor("--json");
            assertThat(codes(run)).contains("no_worker", "operation");
            assertThat(run.out()).contains("host:17 has sent no heartbeat");
        } finally {
            change(
                    "DELETE FROM postroom.worker",
                    "DELETE FROM postroom.operation",
                    "DELETE FROM postroom.ready",
                    "DELETE FROM postroom.message");
        }
    }

    @Test
    void dead_letter_exchange_that_is_missing_is_a_contradiction() {
        sql.sql("SELECT postroom.declare_queue('contradicts')")
                .query((row, n) -> true)
                .list();
        change("UPDATE postroom.queue SET dead_letter_exchange = 'nowhere' WHERE name = 'contradicts'");
        try {
            assertThat(codes(doctor("--json"))).containsExactly("dead_letter_exchange");
        } finally {
            change("UPDATE postroom.queue SET dead_letter_exchange = NULL");
        }
    }

    @Test
    void autovacuum_that_is_off_for_a_table_is_told() {
        change("ALTER TABLE postroom.ready SET (autovacuum_enabled = off)");
        try {
            assertThat(codes(doctor("--json"))).containsExactly("autovacuum");
        } finally {
            change("ALTER TABLE postroom.ready RESET (autovacuum_enabled)");
        }
    }

    @Test
    void database_without_the_schema_is_told_to_be_migrated() {
        String bare = database.url().replace("/" + database.name(), "/postgres");
        CliRun run = CliRun.of(
                Map.of("PGPASSWORD", database.password()),
                List.of("doctor", "--json", "--db", bare, "--db-user", database.user()));
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(codes(run)).contains("start");
        assertThat(run.out()).contains("Run the migrations");
    }
}
