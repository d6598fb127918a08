package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.server.RunningServer;
import io.postroom.testing.HttpStub;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpRequest.BodyPublishers;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;

/** Entries of external systems over HTTP. */
@PostgresTest
class SettingsOverHttpTest {
    private static final String BILLING = "/api/v1/settings/billing";

    private static RunningServer server;
    private static RestClient client;
    private static JdbcClient sql;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database);
        client = new RestClient(server);
        sql = JdbcClient.create(database.pool());
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void entry_is_made_changed_by_version_shown_with_its_history_and_deleted() {
        String entry =
                "{\"channel\": \"own\", \"endpoint\": \"https://a.example\", \"attempts\": 5, \"retryAfter\": \"10s\","
                        + " \"secret\": \"env:PATH\", \"headers\": {\"X-A\": \"1\"}, \"validFrom\": \"2026-01-01T00:00:00Z\"}";
        JsonNode made = RestClient.json(client.put(BILLING + "?expectedVersion=0", entry));
        assertThat(made.get("version").asLong()).isEqualTo(1);
        assertThat(made.get("secret").asString()).isEqualTo("env:PATH");
        RestClient.problem(client.put(BILLING + "?expectedVersion=0", entry), 409);
        JsonNode changed = RestClient.json(
                client.put(BILLING + "?expectedVersion=1", "{\"channel\": \"own\", \"enabled\": false}"));
        assertThat(changed.get("enabled").asBoolean()).isFalse();
        assertThat(changed.has("endpoint")).as("left out: taken away").isFalse();
        JsonNode history = RestClient.json(client.get(BILLING + "/history")).get("changes");
        assertThat(history.size()).isEqualTo(2);
        assertThat(history.get(0).get("changed").toString())
                .isEqualTo(
                        "[\"attempts\",\"enabled\",\"endpoint\",\"headers\",\"retryAfter\",\"secret\",\"validFrom\"]");
        assertThat(history.get(0).get("before").get("endpoint").asString()).isEqualTo("https://a.example");
        assertThat(client.get("/api/v1/settings").body())
                .contains("\"name\":\"billing\"")
                .doesNotContain(System.getenv("PATH"));
        RestClient.problem(client.delete(BILLING + "?expectedVersion=1"), 409);
        assertThat(client.delete(BILLING + "?expectedVersion=2&reason=out%20of%20use&actor=ann")
                        .statusCode())
                .isEqualTo(200);
        assertThat(client.get("/api/v1/ledger?action=delete&actor=ann").body())
                .contains("\"actor\":\"ann\"", "\"reason\":\"out of use\"", "\"note\":\"settings billing\"");
        RestClient.problem(client.get(BILLING), 404);
        RestClient.problem(client.delete(BILLING), 404);
    }

    @Test
    void rejected_mails_of_an_unknown_mailbox_are_not_found() {
        assertThat(RestClient.problem(client.get("/api/v1/mailboxes/nowhere/rejected"), 404)
                        .get("detail")
                        .asString())
                .contains("nowhere");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | {} | channel",
                "'' | {\"channel\": \"own\", \"secret\": \"hunter2\"} | secret",
                "'' | {\"channel\": \"own\", \"secret\": [\"hunter2\"]} | secret",
                "'' | {\"channel\": \"own\", \"endpoint\": \"a b\"} | endpoint",
                "'' | {\"channel\": \"own\", \"validFrom\": \"soon\"} | validFrom",
                "'' | {\"channel\": \"own\", \"headers\": {\"A\": null}} | headers",
                "'' | {\"channel\": \"own\", \"maximum\": 1} | maximum",
                "?expectedversion=1 | {\"channel\": \"own\"} | expectedversion",
                "?expectedVersion=-1 | {\"channel\": \"own\"} | expectedVersion",
            })
    void bad_entry_is_refused_with_its_field(String parameters, String body, String field) {
        JsonNode problem = RestClient.problem(client.put("/api/v1/settings/bad" + parameters, body), 422);
        assertThat(problem.get("field").asString()).isEqualTo(field);
        assertThat(problem.toString()).doesNotContain("hunter2");
        RestClient.problem(client.get("/api/v1/settings/bad"), 404);
    }

    @Test
    void entry_is_tested_and_the_verdict_shows_no_secret() {
        try (HttpStub stub = new HttpStub()) {
            client.put(
                    "/api/v1/settings/erp",
                    "{\"channel\": \"http\", \"endpoint\": \"" + stub.url() + "\", \"secret\": \"env:PATH\","
                            + " \"properties\": {\"allowPrivate\": \"true\", \"auth\": \"bearer\"}}");
            JsonNode well = RestClient.json(client.post("/api/v1/settings/erp/test", BodyPublishers.noBody()));
            assertThat(well.get("ok").asBoolean()).isTrue();
            assertThat(well.get("text").asString()).isEqualTo("127.0.0.1 answered 200 to HEAD");
            assertThat(well.get("tookMs").asLong()).isNotNegative();
            assertThat(stub.last().header("Authorization")).isEqualTo("Bearer " + System.getenv("PATH"));

            stub.answers(401, Map.of(), System.getenv("PATH"));
            String refused = client.post("/api/v1/settings/erp/test", BodyPublishers.noBody())
                    .body();
            assertThat(refused).contains("\"ok\":false").doesNotContain(System.getenv("PATH"));
        }
        RestClient.problem(client.post("/api/v1/settings/nobody/test", BodyPublishers.noBody()), 404);
        client.put("/api/v1/settings/files", "{\"channel\": \"file\"}");
        RestClient.problem(client.post("/api/v1/settings/files/test", BodyPublishers.noBody()), 422);
        JsonNode problem = RestClient.problem(
                client.put("/api/v1/settings/bad", "{\"channel\": \"http\", \"endpoint\": \"http://127.0.0.1/\"}"),
                422);
        assertThat(problem.get("field").asString()).isEqualTo("endpoint");
    }

    /** Entries that Java would refuse, written by SQL. The test of an entry goes the way of its messages. */
    @Test
    void test_of_an_entry_that_sql_wrote_reaches_no_private_address() {
        try (HttpStub stub = new HttpStub()) {
            String port = stub.url().substring(stub.url().lastIndexOf(':') + 1);
            for (String host : new String[] {
                "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"
            }) {
                sql.sql(
                                "SELECT postroom.set_settings('guarded', jsonb_build_object('channel', 'http', 'endpoint', ?::text))")
                        .param("http://" + host + ":" + port + "/")
                        .query(Long.class)
                        .single();
                String verdict = client.post("/api/v1/settings/guarded/test", BodyPublishers.noBody())
                        .body();
                assertThat(verdict).as(host).contains("\"ok\":false");
            }
            assertThat(stub.requests()).isEmpty();
        }
    }

    @Test
    void name_and_number_of_lines_are_checked() {
        RestClient.problem(client.get("/api/v1/settings/a%20b"), 422);
        RestClient.problem(client.get(BILLING + "/history?most=0"), 422);
        RestClient.problem(client.get(BILLING + "/history?most=many"), 400);
    }
}
