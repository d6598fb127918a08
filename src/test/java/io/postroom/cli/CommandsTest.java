package io.postroom.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.server.RunningServer;
import io.postroom.testing.NotThroughPooler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;

/** Each command, over HTTP and straight to the database of the same server: the same answer, the same exit code. */
@PostgresTest
class CommandsTest {
    private static final String TOKEN = "a token of sixteen";
    private static final String UNKNOWN = "0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f";

    private static RunningServer server;
    private static TestDatabase database;
    private static JdbcClient sql;

    @TempDir
    private static Path folder;

    @BeforeAll
    static void start(TestDatabase given) {
        database = given;
        server = RunningServer.on(given, "--postroom.token=" + TOKEN, "--postroom.workers.enabled=false");
        sql = JdbcClient.create(given.pool());
        sql.sql("SELECT postroom.declare_queue('mail'), postroom.declare_queue('idle')")
                .query((row, number) -> true)
                .list();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static List<String> overHttp(String... arguments) {
        return CliRun.joined(List.of("--url", "http://127.0.0.1:" + server.port()), arguments);
    }

    private static List<String> toDatabase(String... arguments) {
        return CliRun.joined(List.of("--db", database.url(), "--db-user", database.user()), arguments);
    }

    private static CliRun http(String... arguments) {
        return CliRun.of(Map.of("POSTROOM_TOKEN", TOKEN), overHttp(arguments));
    }

    private static CliRun sql(String... arguments) {
        return CliRun.of(Map.of("PGPASSWORD", database.password()), toDatabase(arguments));
    }

    /** Runs a command that changes nothing in both ways. */
    private static CliRun both(String... arguments) {
        CliRun http = http(arguments);
        CliRun sql = sql(arguments);
        assertThat(sql).as("over HTTP: %s", http).isEqualTo(http);
        return http;
    }

    private static String message(String queue, String payload) {
        return sql.sql("SELECT id FROM postroom.create_message(?, ?::jsonb, 'order.paid', correlation_id => 'order-1')")
                .params(queue, payload)
                .query(String.class)
                .single();
    }

    private static String deadLetter(String error) {
        String id = message("mail", "1");
        sql.sql("""
                WITH gone AS (DELETE FROM postroom.ready WHERE message_id = ?::uuid RETURNING *)
                INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason, error_class,
                                                  error, fingerprint)
                SELECT queue_id, priority, 1, 0, 1, message_id, 'attempts_spent', 'java.io.IOException', ?, 'f3a9' FROM gone
                """).params(id, error).update();
        sql.sql("""
                INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, number, outcome, error)
                SELECT d.message_id, d.dead_at, d.dead_at, 1, d.queue_id, 1, 7, d.error
                FROM postroom.dead_letter d
                WHERE d.message_id = ?::uuid
                """).param(id).update();
        return id;
    }

    @Test
    void queues_and_status_are_shown_as_tables_and_as_json() {
        message("mail", "1");
        JsonNode queues = both("queues", "--json").json().path("queues");
        assertThat(queues.findValuesAsString("queue")).contains("mail", "idle");
        assertThat(http("queues").out()).startsWith("QUEUE").contains("mail", "idle");
        JsonNode status = both("status", "--json").json();
        assertThat(status.path("ready").asInt()).isPositive();
        assertThat(status.path("attention").toString()).contains("queue mail has", "and no consumer");
        assertThat(http("status").out()).contains("in progress", "! queue mail has");
    }

    @Test
    void tokens_are_made_listed_and_revoked_in_both_ways() {
        CliRun made = http("token", "create", "--name", "ci", "--role", "producer", "--queues", "orders.*,mail");
        assertThat(made.exitCode()).as("%s", made).isZero();
        assertThat(made.out()).matches("postroom_[A-Za-z0-9_-]{43}\n");
        CliRun other = sql("token", "create", "--name", "night", "--role", "reader", "--expires", "90d", "--json");
        assertThat(other.json().path("token").asString("")).startsWith("postroom_");
        CliRun list = both("token", "list");
        assertThat(list.out())
                .startsWith("NAME")
                .contains("ci", "producer", "orders.*,mail", "night", "never")
                .doesNotContain(made.out().strip());
        assertThat(both("token", "list", "--json").json().path("tokens").size()).isEqualTo(2);

        for (String[] wrong : new String[][] {
            {"token", "create", "--name", "ci", "--role", "reader"},
            {"token", "create", "--name", "x", "--role", "producer"},
            {"token", "create", "--name", "x y", "--role", "reader"},
            {"token", "revoke", "nobody"}
        }) {
            CliRun refused = both(wrong);
            assertThat(refused.exitCode()).as("%s", refused).isEqualTo(1);
            assertThat(refused.err()).contains(" must be ");
        }
        assertThat(both("token", "create", "--name", "x", "--role", "admin").exitCode())
                .isEqualTo(2);
        assertThat(both("token", "create", "--name", "x", "--role", "reader", "--expires", "soon")
                        .exitCode())
                .isEqualTo(2);
        assertThat(http("token").exitCode()).isEqualTo(2);

        assertThat(http("token", "revoke", "ci", "--reason", "over").out()).isEqualTo("revoked\n");
        assertThat(both("token", "revoke", "ci").out()).isEqualTo("it was revoked before\n");
        assertThat(both("token", "list").out()).doesNotContain("orders");
        assertThat(both("token", "list", "--all").out()).contains("REVOKED");
        assertThat(both("ledger", "--action", "revoke_token", "--json").out()).contains("\"token\":\"ci\"", "over");
    }

    @Test
    void limiters_are_shown_and_where_a_destination_takes_nothing() {
        sql.sql("SELECT postroom.declare_queue('bills', fair => true), postroom.declare_queue('refunds')")
                .query((row, number) -> true)
                .list();
        sql.sql("SELECT postroom.set_limiter('bills', max_starts => 5, period => '1 hour', max_in_progress => 2,"
                        + " max_starts_per_group => 3, period_per_group => '1 minute'),"
                        + " postroom.set_destination('refunds', 'bank'), postroom.park('bank', 3600000000)")
                .query((row, number) -> true)
                .list();
        CliRun shown = both("limiters");
        assertThat(shown.out())
                .startsWith("OF")
                .contains("0 of 5 in PT1H", "0 of 2", "3 starts in PT1M")
                .containsPattern("destination +bank .* in PT|destination +bank +0 +0 +now +20");
        JsonNode limiters = both("limiters", "--json").json().path("limiters");
        assertThat(limiters.get(0).path("freeStarts").asInt()).isEqualTo(5);
        assertThat(limiters.get(1).path("parkedUntil").asString()).isNotEmpty();
        assertThat(http("queues").out()).contains("limited", "parked");
        assertThat(both("status", "--json").json().path("attention").toString())
                .contains("queue refunds waits until ", ": its destination bank takes nothing");
        sql.sql("SELECT postroom.remove_limiter('bills'), postroom.unpark('bank')")
                .query((row, number) -> true)
                .list();
    }

    @Test
    void limiters_are_set_and_removed_in_both_ways_on_record() {
        for (Way way : List.<Way>of(CommandsTest::http, CommandsTest::sql)) {
            CliRun set = way.run(
                    "limiters",
                    "set",
                    "--destination",
                    "bank",
                    "--max-starts",
                    "10",
                    "--period",
                    "1m",
                    "--max-in-progress",
                    "3",
                    "--reason",
                    "they asked",
                    "--actor",
                    "cid");
            assertThat(set.exitCode()).as("%s", set).isZero();
            assertThat(set.out()).isEqualTo("destination bank is limited\n");
            assertThat(both("limiters").out()).containsPattern("destination +bank +0 of 10 in PT1M +0 of 3");
            assertThat(way.run("ledger", "--actor", "cid", "--limit", "1").out())
                    .contains("they asked", "bank");
            assertThat(way.run("limiters", "remove", "--destination", "bank").out())
                    .isEqualTo("destination bank is not limited any more\n");
        }
        assertThat(both("limiters", "remove", "--queue", "idle").out()).isEqualTo("queue idle was not limited\n");
        for (String wrong : List.of(
                "--queue idle",
                "--queue nobody --max-in-progress 1",
                "--queue idle --max-starts 5",
                "--queue idle --max-in-progress 0",
                "--queue idle --max-starts 5 --period soon",
                "--queue idle --max-in-progress 1 --window round")) {
            CliRun refused = both(("limiters set " + wrong).split(" "));
            assertThat(refused.exitCode()).as("%s", refused).isNotZero();
        }
        assertThat(both("limiters", "set", "--queue", "a", "--destination", "b").exitCode())
                .isEqualTo(2);
    }

    @Test
    void entries_are_set_in_part_shown_and_deleted_in_both_ways_on_record() {
        int version = 0;
        for (Way way : List.<Way>of(CommandsTest::http, CommandsTest::sql)) {
            CliRun made = way.run(
                    "settings",
                    "set",
                    "erp",
                    "--channel",
                    "own",
                    "--endpoint",
                    "https://a.example",
                    "--secret",
                    "env:KEY",
                    "--property",
                    "a=1",
                    "--property",
                    "b=2",
                    "--reason",
                    "new",
                    "--actor",
                    "dot");
            assertThat(made.exitCode()).as("%s", made).isZero();
            CliRun changed = way.run("settings", "set", "erp", "--attempts", "7", "--property", "a=", "--endpoint", "");
            assertThat(changed.exitCode()).as("%s", changed).isZero();
            JsonNode entry = both("settings", "show", "erp", "--json").json();
            assertThat(entry.path("attempts").asInt()).isEqualTo(7);
            assertThat(entry.path("properties").toString()).isEqualTo("{\"b\":\"2\"}");
            assertThat(entry.has("endpoint")).isFalse();
            assertThat(entry.path("secret").asString()).isEqualTo("env:KEY");
            assertThat(entry.path("version").asInt()).isGreaterThan(version);
            version = entry.path("version").asInt();
            assertThat(both("settings", "list").out()).startsWith("NAME").containsPattern("erp +own");
            assertThat(both("settings", "show", "erp").out()).contains("channel: own\n", "attempts: 7\n");
            assertThat(both("ledger", "--actor", "dot", "--limit", "1").out()).contains("new", "settings erp");
            assertThat(way.run("settings", "delete", "erp", "--reason", "over", "--actor", "eve")
                            .out())
                    .isEqualTo("settings erp are deleted\n");
        }
        for (String wrong : List.of(
                "show erp",
                "delete erp",
                "set erp --endpoint https://a.example",
                "set erp --channel own --secret hunter2",
                "set erp --channel own --attempts 0",
                "set erp --channel own --valid-from soon",
                "set a@b --channel own")) {
            CliRun refused = both(("settings " + wrong).split(" "));
            assertThat(refused.exitCode()).as("%s", refused).isEqualTo(1);
            assertThat(refused.err()).doesNotContain("hunter2");
        }
        assertThat(http("settings").exitCode()).isEqualTo(2);
        assertThat(both("settings", "set", "erp", "--attempts", "x").exitCode()).isEqualTo(2);
        assertThat(sql("settings", "test", "erp").err()).contains("needs a server");
        assertThat(http("settings", "test", "erp").exitCode()).isEqualTo(1);
    }

    @Test
    void messages_are_listed_in_pages_and_shown_whole() {
        String first = message("paged", "{\"n\": 1.10}");
        String second = message("paged", "2");
        String third = message("paged", "3");
        CliRun page = both("messages", "--queue", "paged", "--limit", "2", "--json");
        assertThat(page.json().path("messages").findValuesAsString("id")).containsExactly(third, second);
        CliRun rest = both("messages", "--queue", "paged", "--before", second, "--json");
        assertThat(rest.json().path("messages").findValuesAsString("id")).containsExactly(first);
        assertThat(both("messages", "--queue", "paged", "--state", "DEAD,DONE", "--json")
                        .json()
                        .path("messages"))
                .isEmpty();
        assertThat(both(
                                "messages",
                                "--correlation-id",
                                "order-1",
                                "--type",
                                "order.paid",
                                "--created-from",
                                "2020-01-01T00:00:00Z")
                        .out())
                .contains(first, "READY", "order.paid");
        sql.sql("UPDATE postroom.message SET headers = '{\"from\": \"a=b, c\", \"n\": \"1\"}' WHERE id = ?::uuid")
                .param(second)
                .update();
        assertThat(both("messages", "--header", "from=a=b, c", "--header", "n=1", "--json")
                        .json()
                        .path("messages")
                        .findValuesAsString("id"))
                .containsExactly(second);
        assertThat(both("message", first).out()).contains("id: " + first, "payload: {\"n\":1.10}", "READY");
        assertThat(both("message", first, "--json")
                        .json()
                        .path("entries")
                        .get(0)
                        .path("queue")
                        .asString())
                .isEqualTo("paged");
        assertThat(both("explain", first).out()).contains("no_consumer");
    }

    @Test
    void texts_of_messages_do_not_reach_the_terminal_as_commands() {
        String id = deadLetter("\u001b[2J\u202egone\nline");
        assertThat(both("dead-letters", "--header", "no=such").out()).doesNotContain("gone");
        assertThat(both("dead-letters", "--header", "=such").err()).contains("headers must be names of 1 to 100");
        assertThat(both("dead-letters", "--queue", "mail").out()).contains("\\u001b[2J\\u202egone");
        assertThat(both("message", id).out()).contains("\\u001b[2J\\u202egone\\nline");
        assertThat(both("message", id, "--json")
                        .json()
                        .path("entries")
                        .get(0)
                        .path("error")
                        .asString())
                .isEqualTo("\u001b[2J\u202egone\nline");
    }

    @Test
    void message_is_created_with_the_payload_as_it_was_given() throws IOException {
        Path payload = Files.writeString(folder.resolve("payload.json"), "{\"amount\": 1.10}");
        for (CliRun created : List.of(
                http(
                        "create",
                        "made",
                        "--payload-file",
                        payload.toString(),
                        "--type",
                        "order.paid",
                        "--header",
                        "a=b",
                        "--priority",
                        "9"),
                sql(
                        "create",
                        "made",
                        "--payload",
                        "{\"amount\": 1.10}",
                        "--type",
                        "order.paid",
                        "--header",
                        "a=b",
                        "--priority",
                        "9"))) {
            assertThat(created.exitCode()).as("%s", created).isZero();
            JsonNode message = http("message", created.out().strip(), "--json").json();
            assertThat(message.path("payload").toString()).isEqualTo("{\"amount\":1.10}");
            assertThat(message.path("headers").toString()).isEqualTo("{\"a\":\"b\"}");
            assertThat(message.path("priority").asInt()).isEqualTo(9);
        }
        CliRun refused = both("create", "made", "--payload", "1, \"queue\": \"other\"");
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.err()).contains("payload must be JSON");
        assertThat(both("create", "made", "--priority", "12").err()).contains("priority must be 0 to 9");
    }

    @Test
    void queue_is_paused_and_resumed_on_record() {
        assertThat(http("pause", "idle").out()).isEqualTo("queue idle is paused\n");
        assertThat(sql("queues").out()).contains("paused");
        assertThat(sql("resume", "idle").out()).isEqualTo("queue idle is resumed\n");
        JsonNode lines = both("ledger", "--queue", "idle", "--json", "--limit", "2")
                .json()
                .path("lines");
        assertThat(lines.findValuesAsString("action")).containsExactly("resume", "pause");
        assertThat(both(
                                "ledger",
                                "--queue",
                                "idle",
                                "--before",
                                lines.get(0).path("id").asString(),
                                "--json")
                        .json()
                        .path("lines")
                        .findValuesAsString("action"))
                .startsWith("pause");
        assertThat(both("ledger", "--before", UNKNOWN).err()).contains("before must be the id of a line");
        assertThat(both("ledger", "--action", "pause").out()).contains("AT", "pause", "idle");
        assertThat(both("ledger", "--check", "--json").json().path("whole").asBoolean())
                .isTrue();
        assertThat(http("ledger", "--check").out()).startsWith("The chain is whole: ");
        CliRun gone = both("ledger", "--check", "--known-number", "1000000", "--known-hash", "0".repeat(64));
        assertThat(gone.exitCode()).isEqualTo(1);
        assertThat(gone.out()).startsWith("BROKEN at line 1000000: it is missing");
        assertThat(http("pause", "none").exitCode()).isEqualTo(1);
        assertThat(sql("pause", "none").exitCode()).isEqualTo(1);
    }

    @Test
    void dead_letters_are_redriven_and_discarded_one_by_one() {
        String one = deadLetter("refused");
        String other = deadLetter("refused");
        assertThat(http("redrive", one).out()).isEqualTo("Redrive in 1 queues\n");
        assertThat(sql("redrive", one).exitCode()).isEqualTo(1);
        assertThat(sql("discard", other, "--reason", "no use", "--actor", "ann").exitCode())
                .isZero();
        assertThat(both("ledger", "--message", other).out()).contains("ann", "discard", "no use");
        assertThat(both("discard", other).err()).contains("--reason must be given");
    }

    private interface Way {
        CliRun run(String... arguments);
    }

    @Test
    void reason_and_actor_of_single_verbs_go_on_record() {
        String[] record = {"--reason", "maintenance", "--actor", "bea"};
        List<List<String>> verbs = List.of(
                List.of("pause", "idle"),
                List.of("resume", "idle"),
                List.of("consumers", "idle", "--stop", "all", "--deadline", "0s"),
                List.of("consumers", "idle", "--stop", "2", "--deadline", "0s"),
                List.of("consumers", "idle", "--start"));
        for (Way way : List.<Way>of(CommandsTest::http, CommandsTest::sql)) {
            for (List<String> verb : verbs) {
                CliRun run = way.run(CliRun.joined(List.of(record), verb.toArray(String[]::new))
                        .toArray(String[]::new));
                assertThat(run.exitCode()).as("%s", run).isZero();
            }
            JsonNode lines = way.run("ledger", "--queue", "idle", "--limit", "5", "--json")
                    .json()
                    .path("lines");
            assertThat(lines.findValuesAsString("action"))
                    .containsExactly("start_consumers", "stop_consumers", "stop_consumers", "resume", "pause");
            assertThat(lines.findValuesAsString("reason")).hasSize(5).containsOnly("maintenance");
            assertThat(lines.findValuesAsString("actor")).containsOnly("bea");

            String id = deadLetter("refused");
            assertThat(way.run("redrive", id, "--actor", "bea").exitCode()).isZero();
            assertThat(way.run("ledger", "--message", id).out()).contains("bea", "redrive", "not given");
        }
    }

    @Test
    void bulk_verbs_show_first_and_ask() {
        deadLetter("refused");
        List<String> discard =
                overHttp("discard", "--fingerprint", "f3a9", "--dead-to", "2020-01-01T00:00:00Z", "--reason", "x");
        CliRun none = CliRun.of(Map.of("POSTROOM_TOKEN", TOKEN), discard);
        assertThat(none.out()).contains("0 dead letters", "Nothing was begun");
        assertThat(none.exitCode()).isZero();
        CliRun unasked = both("discard", "--queue", "mail", "--reason", "x");
        assertThat(unasked.exitCode()).isEqualTo(2);
        assertThat(unasked.out()).contains("dead letters", "refused");
        assertThat(unasked.err()).contains("--yes");
        List<String> asked = overHttp("redrive", "--queue", "mail", "--reason", "x");
        CliRun no = CliRun.of(Map.of("POSTROOM_TOKEN", TOKEN), "no\n", true, asked);
        assertThat(no.exitCode()).isEqualTo(1);
        assertThat(http("operations", "--json").json().path("operations")).isEmpty();
        CliRun yes = CliRun.of(Map.of("POSTROOM_TOKEN", TOKEN), "yes\n", true, asked);
        assertThat(yes.exitCode()).as("%s", yes).isZero();
        String id = http("operations", "--json")
                .json()
                .path("operations")
                .get(0)
                .path("id")
                .asString();
        assertThat(both("operations", id).out()).contains("redrive", "running", "filter {\"queue\":\"mail\"}");
        assertThat(sql("operations", id, "--stop", "--reason", "wrong").out()).isEqualTo("stopped\n");
        assertThat(http("operations", id, "--stop", "--reason", "wrong").out()).isEqualTo("it had ended before\n");
        assertThat(both("operations").out()).contains("stopped");
    }

    @Test
    void definitions_leave_and_come_back() throws IOException {
        CliRun exported = both("export-definitions");
        Path file = Files.writeString(folder.resolve("definitions.json"), exported.out());
        assertThat(both("import-definitions", file.toString(), "--dry-run").out())
                .contains("queue mail", "dry run");
        assertThat(sql("import-definitions", file.toString(), "--rename", "idle=idle2")
                        .exitCode())
                .isZero();
        assertThat(http("queues").out()).contains("idle2");
        Path changed = Files.writeString(
                folder.resolve("changed.json"),
                "{\"postroomDefinitions\": 1, \"queues\": [{\"queue\": \"idle2\", \"attempts\": 3}]}");
        assertThat(sql("import-definitions", changed.toString(), "--reason", "fewer", "--actor", "eve")
                        .exitCode())
                .isZero();
        assertThat(both("ledger", "--actor", "eve").out()).contains("fewer", "-> 3");
        Files.writeString(changed, Files.readString(changed).replace("3}", "4}"));
        assertThat(http("import-definitions", changed.toString(), "--reason", "more")
                        .exitCode())
                .isZero();
        assertThat(both("ledger", "--queue", "idle2").out()).contains("3 -> 4", "more");
        assertThat(both("export-definitions", "--rabbitmq")
                        .json()
                        .path("vhosts")
                        .toString())
                .contains("\"/\"");
        assertThat(both("import-definitions", folder.resolve("none").toString()).exitCode())
                .isEqualTo(2);
    }

    @Test
    void consumers_are_listed_and_told_to_stop() {
        assertThat(both("consumers", "idle").out()).startsWith("WORKER");
        assertThat(http("consumers", "idle", "--stop", "all", "--deadline", "0s")
                        .out())
                .isEqualTo("0 of 0 stopped, 0 in flight\n");
        assertThat(sql("consumers", "idle", "--start").out()).isEqualTo("0 consumers of idle go on\n");
        assertThat(both("consumers", "idle", "--stop", "some").exitCode()).isEqualTo(2);
    }

    @Test
    void destination_is_unparked_on_record() {
        sql.sql("SELECT postroom.set_destination('idle', 'bank'), postroom.park('bank', 60000000)")
                .query((row, number) -> true)
                .list();
        assertThat(http("unpark", "bank", "--reason", "it is up", "--actor", "ann")
                        .out())
                .isEqualTo("messages of bank start again\n");
        assertThat(sql("unpark", "bank").out()).isEqualTo("bank was not parked\n");
        assertThat(both("unpark", "a b").exitCode()).isEqualTo(1);
        assertThat(both("ledger", "--action", "unpark").out()).contains("ann", "it is up", "destination bank");
        sql.sql("SELECT postroom.set_destination('idle', NULL)")
                .query((row, number) -> true)
                .list();
    }

    @Test
    void doctor_asks_the_server_for_what_it_sees() {
        message("mail", "1");
        CliRun run = http("doctor", "--older-than", "1h");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.out())
                .contains(
                        "PostgreSQL ",
                        "PROBLEM no_worker",
                        "messages wait, and no process that handles messages is alive",
                        "To do: ");
        assertThat(both("doctor", "--older-than", "2d").err()).contains("--older-than must be 0 to 1 day");
    }

    @Test
    void migration_goes_to_a_database_alone() {
        assertThat(sql("migrate", "--json").out()).isEqualTo("{\"migrated\":true}\n");
        assertThat(http("migrate").exitCode()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "status --colour",
                "--hlep",
                "stauts",
                "message",
                "message 17",
                "messages --state LOST",
                "messages --header source",
                "messages --header =shell",
                "messages --header a/b=shell",
                "messages --created-from 2020-01-01T00:00:00",
                "redrive --reason x",
                "redrive --all --reason x --per-second 0 --yes",
                "pause idle --reason= ",
                "consumers idle --reason x",
                "consumers idle --stop all --deadline soon",
                "doctor --older-than=abc",
                "doctor --older-than 2d",
                "messages --limit 0",
                "operations --limit 0",
                "ledger --limit 0",
                "ledger --known-number 1",
                "ledger --check --known-hash 00",
                "create made --priority 12",
                "create made --delay soon",
                "import-definitions pom.xml --rename idle",
                "status --watch=0",
                "status --timeout 0",
                "status --token secret",
                ""
            })
    void wrong_usage_ends_with_2_and_says_what_is_wrong(String arguments) {
        CliRun run = arguments.isEmpty()
                ? CliRun.of(Map.of(), List.of())
                : CliRun.of(Map.of("POSTROOM_TOKEN", TOKEN), overHttp(arguments.split(" ")));
        assertThat(run.exitCode()).as("%s", run).isEqualTo(2);
        assertThat(run.err()).isNotBlank();
        assertThat(run.out()).isEmpty();
    }

    @Test
    void what_is_not_known_ends_with_1() {
        CliRun unknown = both("message", UNKNOWN);
        assertThat(unknown.exitCode()).isEqualTo(1);
        assertThat(unknown.err()).contains("There is no message " + UNKNOWN);
        assertThat(both("explain", UNKNOWN).exitCode()).isEqualTo(1);
        assertThat(both("operations", UNKNOWN).err()).contains("There is no operation");
        assertThat(http("dead-letters", "--queue", "none").exitCode()).isEqualTo(1);
        assertThat(sql("dead-letters", "--queue", "none").err()).contains("\"none\" does not exist");
    }

    @Test
    @NotThroughPooler("PgBouncer tells of a missing database with another SQLSTATE")
    void wrong_token_and_wrong_password_are_refused_and_not_shown() throws IOException {
        CliRun without = CliRun.of(Map.of(), overHttp("status"));
        assertThat(without.exitCode()).isEqualTo(1);
        assertThat(without.err()).contains("token");
        assertThat(CliRun.of(Map.of(), overHttp("doctor")).out()).isEmpty(); // no finding about the database
        Path wrong = Files.writeString(folder.resolve("token"), "the wrong token is this\n");
        CliRun withWrong =
                CliRun.of(Map.of("POSTROOM_TOKEN", TOKEN), overHttp("status", "--token-file", wrong.toString()));
        assertThat(withWrong.exitCode()).isEqualTo(1);
        assertThat(withWrong.err()).doesNotContain("wrong token");
        for (String pasted : List.of("secret\u2026", "secret\u00e9")) {
            CliRun refused = CliRun.of(Map.of("POSTROOM_TOKEN", pasted), overHttp("status"));
            assertThat(refused.exitCode()).isEqualTo(2);
            assertThat(refused.err()).contains("ASCII").doesNotContain("secret");
        }
        Path right = Files.writeString(folder.resolve("right"), "\uFEFF" + TOKEN + "\r\n");
        assertThat(CliRun.of(Map.of(), overHttp("status", "--token-file", right.toString()))
                        .exitCode())
                .isZero();
        CliRun visible = CliRun.of(Map.of(), List.of("status", "--db", database.url() + "?password=secret"));
        assertThat(visible.exitCode()).isEqualTo(2);
        assertThat(visible.err()).contains("PGPASSWORD").doesNotContain("secret");
        CliRun nowhere = CliRun.of(
                Map.of("PGPASSWORD", database.password()),
                List.of("status", "--db", database.url() + "_none", "--db-user", database.user()));
        assertThat(nowhere.exitCode()).as("%s", nowhere).isEqualTo(1);
    }

    @Test
    void server_or_database_that_is_away_ends_with_3() throws IOException {
        int free;
        try (ServerSocket socket = new ServerSocket(0)) {
            free = socket.getLocalPort();
        }
        CliRun server = CliRun.of(Map.of(), List.of("status", "--url", "http://127.0.0.1:" + free));
        assertThat(server.exitCode()).isEqualTo(3);
        assertThat(server.err()).contains("cannot be reached");
        CliRun none = CliRun.of(Map.of(), List.of("queues", "--db", "jdbc:postgresql://127.0.0.1:" + free + "/x"));
        assertThat(none.exitCode()).isEqualTo(3);
        CliRun noServer = CliRun.of(
                Map.of("POSTROOM_TOKEN", TOKEN),
                List.of("status", "--url", "http://127.0.0.1:" + CommandsTest.server.port() + "/x"));
        assertThat(noServer.exitCode()).isEqualTo(3);
        assertThat(noServer.err()).contains("no Postroom server");
    }

    @Test
    void watching_looks_again_until_it_is_interrupted() throws InterruptedException {
        java.io.StringWriter out = new java.io.StringWriter();
        Terminal terminal = new Terminal(
                new java.io.PrintWriter(out),
                new java.io.PrintWriter(new java.io.StringWriter()),
                java.io.InputStream.nullInputStream(),
                false,
                Map.of("POSTROOM_TOKEN", TOKEN)::get);
        int[] code = {-1};
        Thread watching = new Thread(() -> code[0] = PostroomCli.commandLine(terminal)
                .execute(overHttp("status", "--watch=1", "--json").toArray(String[]::new)));
        watching.start();
        await().until(() -> out.toString().lines().count() >= 2);
        watching.interrupt();
        watching.join(10_000);
        assertThat(code[0]).isZero();
    }

    @Test
    void help_names_every_command_and_the_exit_codes() {
        CliRun help = CliRun.of(Map.of(), List.of("--help"));
        assertThat(help.exitCode()).isZero();
        assertThat(help.out())
                .contains(
                        "status",
                        "queues",
                        "messages",
                        "message",
                        "explain",
                        "dead-letters",
                        "redrive",
                        "discard",
                        "pause",
                        "resume",
                        "operations",
                        "ledger",
                        "doctor",
                        "migrate",
                        "create",
                        "import-definitions",
                        "export-definitions",
                        "consumers",
                        "completion",
                        "Exit codes");
        assertThat(CliRun.of(Map.of(), List.of("completion")).out())
                .startsWith("#!/usr/bin/env bash")
                .contains("dead-letters");
        assertThat(CliRun.of(Map.of(), List.of("--version")).out()).startsWith("postroom ");
    }
}
