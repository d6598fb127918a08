package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.ConsumerState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Listing, stopping and starting consumers over HTTP. */
@PostgresTest
class ConsumersOverHttpTest {
    private static final String CONSUMERS = "/api/v1/queues/http.consumed/consumers";

    private static RunningServer server;
    private static RestClient client;
    private static Postroom worker;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database);
        client = new RestClient(server);
        worker = Postroom.on(database.pool())
                .schema(SchemaMode.NONE)
                .handler(Handler.send("http.consumed", String.class, (payload, context) -> Outcome.done()))
                .start();
    }

    @AfterAll
    static void stop() {
        worker.close();
        server.close();
    }

    private static HttpResponse<String> post(String path) {
        return client.post(path, BodyPublishers.noBody());
    }

    @Test
    void consumers_are_listed_stopped_and_started() {
        JsonNode listed = consumer();
        assertThat(listed.get("state").asString()).isEqualTo("RUNNING");
        assertThat(listed.get("handlers").get(0).asString()).startsWith("http.consumed");
        assertThat(listed.get("inFlight").asInt()).isZero();

        HttpResponse<String> stopped = post(CONSUMERS + "/stop?howMany=all&deadline=60s");
        assertThat(stopped.statusCode()).as(stopped.body()).isEqualTo(200);
        assertThat(stopped.headers().firstValue("Cache-Control")).hasValue("no-store");
        assertThat(stopped.body())
                .isEqualTo("{\"queue\":\"http.consumed\",\"stopped\":1,\"of\":1,\"inFlight\":0,\"silent\":[]}\n");
        assertThat(consumer().get("state").asString()).isEqualTo("STOPPED");
        assertThat(worker.consumers().list("http.consumed").get(0).state()).isEqualTo(ConsumerState.STOPPED);

        assertThat(post(CONSUMERS + "/start").body()).isEqualTo("{\"queue\":\"http.consumed\",\"started\":1}\n");
        assertThat(consumer().get("state").asString()).isEqualTo("RUNNING");
        JsonNode silent = RestClient.json(post(CONSUMERS + "/stop?howMany=3&deadline=0s"));
        assertThat(silent.get("of").asInt()).isEqualTo(1);
        post(CONSUMERS + "/start");
    }

    private static JsonNode consumer() {
        JsonNode consumers = RestClient.json(client.get(CONSUMERS)).get("consumers");
        assertThat(consumers.size()).isEqualTo(1);
        return consumers.get(0);
    }

    /** A misspelt parameter, or a body that nobody reads, must not stop all. */
    @ParameterizedTest
    @CsvSource({
        "'', howMany",
        "?howMany=, howMany",
        "?howMany=0, howMany",
        "?howMany=-1, howMany",
        "?howMany=two, howMany",
        "?howMany=99999999999, howMany",
        "?howMany=1&howMany=2, howMany",
        "?howmany=2, howmany",
        "?howMany=1&deadlin=5s, deadlin",
        "?howMany=1&deadline=soon, deadline",
        "?howMany=1&deadline=-1s, deadline",
        "?howMany=1&deadline=PT-1S, deadline",
        "?howMany=1&deadline=61s, deadline"
    })
    void senseless_request_names_its_field_and_stops_nobody(String query, String field) {
        HttpResponse<String> refused =
                client.post(CONSUMERS + "/stop" + query, BodyPublishers.ofString("{\"howMany\": 1}"));
        JsonNode problem = RestClient.problem(refused, 422);
        assertThat(problem.get("type").asString()).isEqualTo("urn:postroom:problem:invalid-request");
        assertThat(problem.get("field").asString()).isEqualTo(field);
        assertThat(worker.consumers().list("http.consumed").get(0).state()).isEqualTo(ConsumerState.RUNNING);
    }

    @Test
    void unknown_queue_is_said() {
        for (HttpResponse<String> refused : List.of(
                client.get("/api/v1/queues/nowhere/consumers"),
                post("/api/v1/queues/nowhere/consumers/stop?howMany=all"),
                post("/api/v1/queues/no%20name/consumers/stop?howMany=1"),
                post("/api/v1/queues/nowhere/consumers/start"))) {
            JsonNode problem = RestClient.problem(refused, 404);
            assertThat(problem.get("type").asString()).isEqualTo("urn:postroom:problem:unknown-queue");
        }
    }
}
