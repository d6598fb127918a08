package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

/** Creating, sealing, cancelling and looking at batches over HTTP. */
@PostgresTest
class BatchesOverHttpTest {
    private static final String BATCHES = "/api/v1/batches";

    private static RunningServer server;
    private static RestClient client;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database);
        client = new RestClient(server);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String create(String body) {
        HttpResponse<String> created = client.postTo(BATCHES, body);
        assertThat(created.statusCode()).as(created.body()).isEqualTo(201);
        return JsonMapper.shared().readTree(created.body()).get("batch").asString();
    }

    @Test
    void batch_is_created_filled_sealed_cancelled_and_completed() {
        String batch =
                create("{\"name\": \"report 42\", \"completion\": {\"queue\": \"ends\", \"payload\": {\"a\": 1.50}}}");
        HttpResponse<String> member =
                client.postTo("/api/v1/messages", "{\"queue\": \"parts\", \"batch\": \"" + batch + "\"}");
        assertThat(member.statusCode()).as(member.body()).isEqualTo(201);
        assertThat(client.get(BATCHES + "/" + batch).body())
                .contains("\"name\":\"report 42\",\"state\":\"OPEN\",\"total\":1,\"waiting\":1,\"inProgress\":0");
        assertThat(client.get(BATCHES).body()).contains(batch);
        assertThat(client.postTo(BATCHES + "/" + batch + "/seal", "{}").body()).isEqualTo("{\"sealed\":true}\n");
        assertThat(client.postTo("/api/v1/messages", "{\"queue\": \"parts\", \"batch\": \"" + batch + "\"}")
                        .body())
                .contains("\"field\":\"batch\"", "(sealed)");
        assertThat(client.postTo(BATCHES + "/" + batch + "/cancel", "{}").body())
                .isEqualTo("{\"cancelled\":true}\n");
        await().until(() -> client.get(BATCHES + "/" + batch).body().contains("\"state\":\"COMPLETED\""));
        assertThat(client.get(BATCHES + "/" + batch).body())
                .contains("\"total\":1", "\"cancelled\":1", "\"completionMessage\":\"");
        assertThat(client.get(BATCHES).body()).doesNotContain(batch);
        assertThat(client.get(BATCHES + "?completed=true").body()).contains(batch);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{} | name",
                "{\"name\": \"\"} | name",
                "{\"name\": \"x\", \"parent\": \"1\"} | parent",
                "{\"name\": \"x\", \"parent\": \"01a226ea-9f80-7e10-9454-eb86737c93fe\"} | parent",
                "{\"name\": \"x\", \"completion\": \"q\"} | completion",
                "{\"name\": \"x\", \"completion\": {\"queue\": \"q q\"}} | queue",
                "{\"name\": \"x\", \"completion\": {\"queue\": \"q\", \"deduplicationKey\": \"k\"}} | deduplicationKey",
                "{\"title\": \"x\"} | title",
            })
    void what_is_wrong_is_named(String body, String named) {
        HttpResponse<String> refused = client.postTo(BATCHES, body);
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(422);
        assertThat(refused.body()).contains("\"field\":\"" + named + "\"");
    }

    @Test
    void unknown_batch_is_answered_with_404() {
        for (String id : new String[] {UUID.randomUUID().toString(), "x"}) {
            assertThat(client.get(BATCHES + "/" + id).statusCode()).isEqualTo(404);
            assertThat(client.postTo(BATCHES + "/" + id + "/seal", "{}").body()).contains("unknown-batch");
            assertThat(client.postTo(BATCHES + "/" + id + "/cancel", "{}").statusCode())
                    .isEqualTo(404);
        }
    }
}
