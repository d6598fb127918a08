package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;

/** What people do to dead letters over HTTP. */
@PostgresTest
class DeadLettersOverHttpTest {
    private static final String LETTERS = "/api/v1/dead-letters";

    private static RunningServer server;
    private static RestClient client;
    private static JdbcClient sql;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database);
        client = new RestClient(server);
        sql = JdbcClient.create(database.pool());
        client.put("/api/v1/queues/letters", "{}");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String deadLetter() {
        String id = sql.sql("SELECT id FROM postroom.create_message('letters', '{}')")
                .query(String.class)
                .single();
        sql.sql("""
                WITH gone AS (DELETE FROM postroom.ready WHERE message_id = ?::uuid RETURNING *)
                INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason, error_class,
                                                  error, fingerprint)
                SELECT queue_id, priority, 1, 0, 1, message_id, 'attempts_spent', 'java.io.IOException', 'refused', 'f3a9' FROM gone
                """).param(id).update();
        return id;
    }

    @Test
    void dead_letter_is_discarded_for_a_reason() {
        String id = deadLetter();
        String body = "{\"reason\": \"no use\", \"queue\": \"letters\", \"actor\": \"ann\"}";
        assertThat(client.postTo(LETTERS + "/" + id + "/discard", body).body()).isEqualTo("{\"discarded\":1}\n");
        assertThat(client.postTo(LETTERS + "/" + id + "/discard", "{\"reason\": \"no use\"}")
                        .body())
                .isEqualTo("{\"discarded\":0}\n");
        assertThat(client.get("/api/v1/messages/" + id).body()).contains("CANCELLED");
        assertThat(sql.sql("SELECT actor || ': ' || reason FROM postroom.operator_log WHERE message_id = ?::uuid")
                        .param(id)
                        .query(String.class)
                        .list())
                .containsExactly("ann: no use");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{}|reason must be given",
                "{\"reason\": \"\"}|reason must be 1 to 200 characters",
                "{\"reason\": \"a\\nb\"}|reason must be no control characters",
                "{\"reason\": \"x\", \"queue\": \"none\"}|queue must be one that exists",
                "{\"reason\": \"x\", \"quene\": \"letters\"}|quene must be left out"
            })
    void discard_with_a_bad_member_is_refused_and_changes_nothing(String body, String expected) {
        String id = deadLetter();
        JsonNode problem = RestClient.problem(client.postTo(LETTERS + "/" + id + "/discard", body), 422);
        assertThat(problem.get("detail").asString()).contains(expected);
        assertThat(sql.sql("SELECT count(*) FROM postroom.dead_letter WHERE message_id = ?::uuid")
                        .param(id)
                        .query(Long.class)
                        .single())
                .isOne();
    }

    @Test
    void single_dead_letter_is_redriven_once() {
        String id = deadLetter();
        assertThat(client.postTo(LETTERS + "/" + id + "/redrive", "").body()).isEqualTo("{\"redriven\":1}\n");
        assertThat(client.postTo(LETTERS + "/" + id + "/redrive", "").body()).isEqualTo("{\"redriven\":0}\n");
        RestClient.problem(client.postTo(LETTERS + "/17/redrive", ""), 400);
    }

    @Test
    void many_are_previewed_redriven_and_looked_at() {
        String id = deadLetter();
        String filter = "{\"filter\": {\"queue\": \"letters\", \"fingerprint\": \"f3a9\"}";
        JsonNode preview = RestClient.json(client.postTo(LETTERS + "/preview", filter + "}"));
        assertThat(preview.get("count").asInt()).isPositive();
        assertThat(preview.get("first").toString()).contains(id, "java.io.IOException");
        assertThat(preview.get("fingerprints").toString()).contains("f3a9");
        HttpResponse<String> begun =
                client.postTo(LETTERS + "/redrive", filter + ", \"reason\": \"it is back\", \"canary\": 0}");
        assertThat(begun.statusCode()).as(begun.body()).isEqualTo(202);
        String operation = "/api/v1/operations/"
                + RestClient.json(client.get("/api/v1/operations"))
                        .get("operations")
                        .get(0)
                        .get("id")
                        .asString();
        await().until(() -> client.get(operation).body().contains("\"state\":\"finished\""));
        assertThat(client.postTo(operation + "/stop", "{\"reason\": \"late\"}").body())
                .isEqualTo("{\"stopped\":false}\n");
        RestClient.problem(client.get("/api/v1/operations/" + id), 404);
        assertThat(RestClient.problem(client.postTo(LETTERS + "/discard", "{\"reason\": \"x\", \"filter\": {}}"), 422)
                        .get("detail")
                        .asString())
                .contains("filter must be one condition at least");
    }
}
