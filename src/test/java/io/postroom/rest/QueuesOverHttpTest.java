package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;

/** Declaring, counting and deleting queues over HTTP. */
@PostgresTest
class QueuesOverHttpTest {
    private static final String QUEUES = "/api/v1/queues/";

    private static RunningServer server;
    private static RestClient client;
    private static Postroom other;
    private static JdbcClient sql;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database);
        client = new RestClient(server);
        sql = JdbcClient.create(database.pool());
        other = Postroom.on(database.pool())
                .schema(SchemaMode.NONE)
                .workers(false)
                .start();
    }

    @AfterAll
    static void stop() {
        other.close();
        server.close();
    }

    @Test
    void queue_is_declared_with_its_settings_and_what_is_left_out_stays() {
        HttpResponse<String> declared = client.put(QUEUES + "http.made", """
                {"kind": "auto_delete", "attempts": 5, "retryAfter": "10s, 1m", "timeToLive": "2d", "retention": "PT1H",
                 "crashLimit": 2, "deadLetterExchange": "dead", "deadLetterRoutingKey": "k", "ordered": true, "onDeadLetter": "block"}
                """);
        assertThat(declared.statusCode()).as(declared.body()).isEqualTo(200);
        assertThat(declared.body()).isEqualTo("{\"declared\":\"http.made\"}\n");
        assertThat(client.put(QUEUES + "http.made", "{\"attempts\": 6}").statusCode())
                .isEqualTo(200);

        assertThat(sql.sql("""
                        SELECT concat_ws('|', q.kind, q.max_attempts, q.retry_after, q.time_to_live, q.retention, q.crash_limit,
                                         q.dead_letter_exchange, q.dead_letter_routing_key, q.ordered, q.on_dead_letter)
                        FROM postroom.queue q WHERE q.name = 'http.made'
                        """).query(String.class).single())
                .isEqualTo("auto_delete|6|10s, 1m|48:00:00|01:00:00|2|dead|k|t|block");

        client.put(
                QUEUES + "http.short",
                "{\"maxLength\": 5, \"overflow\": \"reject\", \"singleActiveConsumer\": true, \"expiresAfter\": \"1h\"}");
        assertThat(sql.sql("""
                        SELECT concat_ws('|', q.max_length, q.overflow, q.single_active_consumer, q.expires_after)
                        FROM postroom.queue q WHERE q.name = 'http.short'
                        """).query(String.class).single()).isEqualTo("5|reject|t|01:00:00");
        client.put(QUEUES + "http.short", "{\"maxLength\": 0}");
        assertThat(sql.sql("SELECT max_length IS NULL FROM postroom.queue q WHERE q.name = 'http.short'")
                        .query(Boolean.class)
                        .single())
                .isTrue();
        JsonNode below = RestClient.problem(client.put(QUEUES + "http.short", "{\"maxLength\": -1}"), 422);
        assertThat(below.get("detail").asString()).contains("maxLength must be 1 to 1000000000, or 0 for none");
    }

    @Test
    void queue_is_counted_and_deleted_under_its_conditions() {
        client.put(QUEUES + "http.full", "{}");
        other.queueMessages().createMessage(CreateMessage.to("http.full").json("1"));
        JsonNode counted = RestClient.json(client.get(QUEUES + "http.full"));
        assertThat(counted.get("ready").asInt()).isEqualTo(1);
        assertThat(counted.get("paused").asBoolean()).isFalse();
        assertThat(RestClient.json(client.get("/api/v1/queues")).get("queues").findValuesAsString("queue"))
                .contains("http.full");

        JsonNode full = RestClient.problem(client.delete(QUEUES + "http.full?ifEmpty=true"), 409);
        assertThat(full.get("type").asString()).isEqualTo("urn:postroom:problem:in-use");
        assertThat(full.get("detail").asString()).contains("http.full", "messages wait in it");
        JsonNode misspelt = RestClient.problem(client.delete(QUEUES + "http.full?if_empty=true"), 422);
        assertThat(misspelt.get("field").asString()).isEqualTo("if_empty");

        assertThat(client.delete(QUEUES + "http.full?ifUnused=true").body()).isEqualTo("{\"deleted\":\"http.full\"}\n");
        RestClient.problem(client.delete(QUEUES + "http.full"), 404);
        RestClient.problem(client.get(QUEUES + "http.full"), 404);
    }

    @Test
    void queue_is_purged_as_an_operation_after_a_preview() {
        client.put(QUEUES + "http.purged", "{}");
        other.queueMessages().createMessage(CreateMessage.to("http.purged").json("1"));
        JsonNode preview = RestClient.json(client.get(QUEUES + "http.purged/purge"));
        assertThat(preview.get("count").asInt()).isEqualTo(1);
        assertThat(preview.get("more").asBoolean()).isFalse();
        assertThat(preview.get("first").get(0).get("state").asString()).isEqualTo("READY");

        JsonNode refused = RestClient.problem(client.postTo(QUEUES + "http.purged/purge", "{}"), 422);
        assertThat(refused.get("detail").asString()).contains("reason must be given");
        RestClient.problem(client.postTo(QUEUES + "http.nowhere/purge", "{\"reason\": \"x\"}"), 404);
        HttpResponse<String> begun =
                client.postTo(QUEUES + "http.purged/purge", "{\"reason\": \"sent by mail\", \"perSecond\": 5000}");
        assertThat(begun.statusCode()).as(begun.body()).isEqualTo(202);
        JsonNode operation = RestClient.json(begun);
        assertThat(operation.get("verb").asString()).isEqualTo("purge");
        assertThat(operation.get("reason").asString()).isEqualTo("sent by mail");
        await().until(() -> client.get(
                        "/api/v1/operations/" + operation.get("id").asString())
                .body()
                .contains("\"state\":\"finished\""));
        assertThat(RestClient.json(client.get(QUEUES + "http.purged"))
                        .get("ready")
                        .asInt())
                .isZero();
    }

    @Test
    void reason_and_actor_of_a_deletion_are_on_record() {
        client.put(QUEUES + "http.reasoned", "{}");
        assertThat(client.delete(QUEUES + "http.reasoned?reason=not%20used&actor=ann")
                        .statusCode())
                .isEqualTo(200);
        assertThat(sql.sql("SELECT actor || ': ' || reason FROM postroom.operator_log WHERE queue = 'http.reasoned'"
                                + " AND action = 'delete'")
                        .query(String.class)
                        .single())
                .isEqualTo("ann: not used");
    }

    @Test
    void queue_is_paused_and_resumed_and_the_ledger_tells_it() {
        client.put(QUEUES + "http.paused", "{}");
        assertThat(client.postTo(QUEUES + "http.paused/pause", "").body()).isEqualTo("{\"paused\":\"http.paused\"}\n");
        client.postTo(QUEUES + "http.paused/pause", ""); // a repeat changes nothing
        assertThat(RestClient.json(client.get(QUEUES + "http.paused"))
                        .get("paused")
                        .asBoolean())
                .isTrue();
        assertThat(client.postTo(QUEUES + "http.paused/resume", "").body())
                .isEqualTo("{\"resumed\":\"http.paused\"}\n");
        assertThat(RestClient.json(client.get(QUEUES + "http.paused"))
                        .get("paused")
                        .asBoolean())
                .isFalse();
        RestClient.problem(client.postTo(QUEUES + "http.unknown/pause", ""), 404);
        RestClient.problem(client.postTo(QUEUES + "-a/resume", ""), 422);

        JsonNode lines =
                RestClient.json(client.get("/api/v1/ledger?queue=http.paused")).get("lines");
        assertThat(lines.findValuesAsString("action")).containsExactly("resume", "pause");
        String newest = lines.get(0).get("id").asString();
        assertThat(RestClient.json(client.get("/api/v1/ledger?queue=http.paused&limit=1&before=" + newest))
                        .get("lines")
                        .findValuesAsString("action"))
                .containsExactly("pause");
        JsonNode check = RestClient.json(client.get("/api/v1/ledger/check"));
        assertThat(check.get("whole").asBoolean()).isTrue();
        assertThat(check.has("problem")).isFalse();
        assertThat(RestClient.json(client.get("/api/v1/ledger/check?knownNumber=1000000&knownHash=" + "0".repeat(64)))
                        .get("problem")
                        .asString())
                .startsWith("it is missing; the last line is ");
    }

    @ParameterizedTest
    @CsvSource({
        "before, /api/v1/ledger?before=0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f",
        "before, /api/v1/ledger?before=1",
        "message, /api/v1/ledger?message=1",
        "queue, /api/v1/ledger?queue=a%20b",
        "actor, /api/v1/ledger?actor=a%00b",
        "limit, /api/v1/ledger?limit=1001",
        "limit, /api/v1/ledger?limit=0",
        "knownNumber, /api/v1/ledger/check?knownHash=00",
        "knownHash, /api/v1/ledger/check?knownNumber=1",
        "knownHash, /api/v1/ledger/check?knownNumber=1&knownHash=00",
        "limit, /api/v1/messages/search?limit=201",
        "state, /api/v1/messages/search?state=LOST",
        "createdFrom, /api/v1/messages/search?createdFrom=2030-01-31T08:00:00",
        "before, /api/v1/messages/search?before=x",
        "header, /api/v1/messages/search?header=source",
        "header, /api/v1/messages/search?header=a=1&header=a=2",
        "headers, /api/v1/messages/search?header==shell",
        "headers, /api/v1/messages/search?header=a%20b=shell",
        "headers, /api/v1/messages/search?header=a=%01",
        "stat, /api/v1/messages/search?stat=DEAD",
        "queue, /api/v1/messages/search?queue=a%20b",
        "olderThan, /api/v1/database?olderThan=soon",
        "olderThan, /api/v1/database?olderThan=2d",
        "olderThan, /api/v1/database?olderThan=-PT1S"
    })
    void wrong_parameter_of_a_look_is_refused_by_its_name(String field, String path) {
        JsonNode problem = RestClient.problem(client.get(path), 422);
        assertThat(problem.get("field").asString()).isEqualTo(field);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/api/v1/queues/http.misspelt/pause",
                "/api/v1/queues/http.misspelt/resume",
                "/api/v1/queues/http.misspelt/consumers/start",
                "/api/v1/queues/http.misspelt/consumers/stop",
                "/api/v1/messages/0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f/cancel",
                "/api/v1/dead-letters/0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f/redrive"
            })
    void misspelt_reason_is_refused_instead_of_lost(String path) {
        client.put(QUEUES + "http.misspelt", "{}");
        JsonNode problem = RestClient.problem(client.postTo(path + "?resaon=late", ""), 422);
        assertThat(problem.get("field").asString()).isEqualTo("resaon");
        assertThat(sql.sql("SELECT count(*) FROM postroom.operator_log WHERE queue = 'http.misspelt'")
                        .query(Long.class)
                        .single())
                .isZero();
    }

    @Test
    void messages_are_searched_in_pages_without_their_payloads() {
        for (int i = 0; i < 3; i++) {
            other.queueMessages()
                    .createMessage(
                            CreateMessage.to("http.searched").json("\"secret\"").correlationId("c-1"));
        }
        String path = "/api/v1/messages/search?queue=http.searched&state=READY&state=DEAD&correlationId=c-1&limit=2";
        JsonNode page = RestClient.json(client.get(path)).get("messages");
        assertThat(page).hasSize(2);
        assertThat(page.toString()).doesNotContain("secret").contains("READY", "http.searched");
        JsonNode rest = RestClient.json(
                        client.get(path + "&before=" + page.get(1).get("id").asString()))
                .get("messages");
        assertThat(rest).hasSize(1);
        assertThat(page.findValuesAsString("id"))
                .doesNotContain(rest.get(0).get("id").asString());
    }

    @Test
    void messages_are_searched_by_headers_whose_values_have_any_character() {
        String id = other.queueMessages()
                .createMessage(CreateMessage.to("http.searched")
                        .json("1")
                        .header("source", "a=b, c&d")
                        .header("tenant", "7"))
                .id()
                .toString();
        other.queueMessages()
                .createMessage(CreateMessage.to("http.searched").json("1").header("source", "a=b, c&d"));
        String path = "/api/v1/messages/search?queue=http.searched&header=source=a%3Db,%20c%26d";
        assertThat(RestClient.json(client.get(path)).get("messages").size()).isEqualTo(2);
        assertThat(RestClient.json(client.get(path + "&header=tenant=7"))
                        .get("messages")
                        .findValuesAsString("id"))
                .containsExactly(id);
        assertThat(RestClient.json(client.get(path + "&header=tenant=8")).get("messages"))
                .isEmpty();
    }

    @Test
    void database_says_how_it_stands() {
        JsonNode health = RestClient.json(client.get("/api/v1/database?olderThan=10m"));
        assertThat(health.get("version").asString()).isNotEmpty();
        assertThat(health.get("tables").findValuesAsString("table")).contains("ready");
        assertThat(health.get("workers")).isNotEmpty();
        assertThat(health.get("findings").findValuesAsString("code")).doesNotContain("not_seen", "no_worker");
    }

    @Test
    void queue_of_another_process_is_neither_declared_nor_deleted() {
        other.queues().declare(QueueSettings.of("http.owned").kind(QueueKind.EXCLUSIVE));
        JsonNode declared = RestClient.problem(client.put(QUEUES + "http.owned", "{}"), 409);
        assertThat(declared.get("type").asString()).isEqualTo("urn:postroom:problem:exclusive");
        RestClient.problem(client.delete(QUEUES + "http.owned"), 409);
    }

    @Test
    void change_that_the_queue_cannot_take_is_refused_by_its_name() {
        client.put(QUEUES + "http.limited", "{\"maxLength\": 5}");
        JsonNode limited = RestClient.problem(client.put(QUEUES + "http.limited", "{\"ordered\": true}"), 422);
        assertThat(limited.get("field").asString()).isEqualTo("maxLength");
        other.queueMessages().createMessage("http.filled", "x");
        JsonNode filled = RestClient.problem(client.put(QUEUES + "http.filled", "{\"ordered\": true}"), 422);
        assertThat(filled.get("field").asString()).isEqualTo("ordered");
        assertThat(filled.get("detail").asString()).contains("holds messages", "Empty the queue first");
    }

    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource(delimiter = '|', textBlock = """
            kind                 | {"kind": "exclusive"}
            kind                 | {"kind": "Durable"}
            attempts             | {"attempts": 0}
            attempts             | {"attempts": 2147483648}
            attempts             | {"attempts": 1.5}
            attempts             | {"attempts": "5"}
            retryAfter           | {"retryAfter": "soon"}
            timeToLive           | {"timeToLive": "0s"}
            timeToLive           | {"timeToLive": 5}
            retention            | {"retention": "401d"}
            crashLimit           | {"crashLimit": -1}
            deadLetterExchange   | {"deadLetterExchange": "a b"}
            deadLetterRoutingKey | {"deadLetterRoutingKey": "k"}
            ordered              | {"ordered": "yes"}
            onDeadLetter         | {"onDeadLetter": "wait"}
            ttl                  | {"ttl": 1}
            request              | []
            """)
    void wrong_value_is_refused_by_its_name_and_nothing_is_declared(String field, String settings) {
        JsonNode problem = RestClient.problem(client.put(QUEUES + "http.refused", settings), 422);
        assertThat(problem.get("field").asString()).isEqualTo(field);
        RestClient.problem(client.get(QUEUES + "http.refused"), 404);
    }

    /** Names that an interpreter, a path, a file system or a shell would take for something else. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "a'%3B%20drop%20table%20x%3B--",
                "%22",
                "%25I",
                "$1",
                "abc%0A",
                "%D0%B0bc",
                "a%E2%80%8Bb",
                "%E2%80%AEabc",
                "%F0%9F%98%80",
                "__proto__",
                "-a"
            })
    void wrong_name_is_refused(String name) {
        HttpResponse<String> refused = client.put(QUEUES + name, "{}");
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(422);
        assertThat(RestClient.json(refused).get("field").asString()).isEqualTo("queue");
    }

    /** PostgreSQL cuts identifiers at 63 bytes; a name is no identifier. */
    @Test
    void names_that_differ_in_their_last_character_alone_are_two_queues() {
        String name = "n".repeat(126);
        client.put(QUEUES + name + "a", "{}");
        client.put(QUEUES + name + "b", "{}");
        client.delete(QUEUES + name + "a");
        assertThat(client.get(QUEUES + name + "b").statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"con", "null", "undefined", "0", "true", "consumers", "longest"})
    void name_that_looks_like_a_word_is_a_name(String name) {
        String queue = name.equals("longest") ? "q".repeat(127) : name;
        assertThat(client.put(QUEUES + queue, "{}").statusCode()).isEqualTo(200);
        assertThat(RestClient.json(client.get(QUEUES + queue)).get("queue").asString())
                .isEqualTo(queue);
    }
}
