package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.CreateMessage;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.QueueMessages;
import io.postroom.handler.MessageInterceptor;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.context.annotation.Bean;
import org.springframework.web.servlet.HandlerInterceptor;
import org.springframework.web.servlet.handler.MappedInterceptor;
import tools.jackson.databind.JsonNode;

/** Creating a message over HTTP, looking it up, explaining and cancelling it. */
@PostgresTest
class MessagesOverHttpTest {
    private static TestDatabase database;
    private static RunningServer server;
    private static RestClient client;

    /** Counts the requests that Spring MVC finds a method for, and fails to create some messages. */
    static class SeenBySpring {
        private final AtomicInteger requests = new AtomicInteger();

        @Bean
        MappedInterceptor seen() {
            return new MappedInterceptor(new String[] {"/**"}, new HandlerInterceptor() {
                @Override
                public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler) {
                    requests.incrementAndGet();
                    return true;
                }
            });
        }

        @Bean
        MessageInterceptor failing() {
            return new MessageInterceptor() {
                @Override
                public CreateMessage beforeCreate(CreateMessage message) {
                    if (message.queue().equals("planted")) {
                        throw new OutOfMemoryError("planted");
                    }
                    return message;
                }
            };
        }
    }

    @BeforeAll
    static void start(TestDatabase given) {
        database = given;
        server = RunningServer.on(given, "--spring.main.sources=" + SeenBySpring.class.getName());
        client = new RestClient(server);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    // ---- with Spring MVC and without it

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"queue\":\"alike\"}",
                "{\"queue\":\"alike\",\"payload\":[1.0],\"deduplicationKey\":\"alike\",\"onDuplicate\":\"return\"}",
                "{\"queue\":\"alike\"",
                "[]",
                "{}",
                "{\"queue\":\"alike\",\"que\\u202eue\":1}",
                "{\"queue\":\"alike\",\"at\":\"tomorrow\"}",
                "{\"exchange\":\"nowhere\"}",
                "{\"queue\":\"alike\",\"id\":\"0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f\",\"payload\":2}"
            })
    void request_is_answered_alike_with_Spring_and_without_it(String body) {
        client.post("{\"queue\":\"alike\",\"id\":\"0197c5a8-7d3e-7c41-9a52-0f6b1c2d3e4f\",\"payload\":1}");
        client.post(body); // for a repeat
        assertAlike(BodyPublishers.ofString(body), "Content-Type", "application/json");
    }

    @ParameterizedTest
    @CsvSource({"Content-Type, text/plain", "Content-Encoding, gzip", "Content-Type, application/json; charset=x"})
    void content_that_is_not_taken_is_refused_alike_with_Spring_and_without_it(String header, String value) {
        assertAlike(BodyPublishers.ofString("{\"queue\":\"alike\"}"), header, value, "Accept", "text/html");
    }

    @Test
    void error_of_the_JVM_is_answered_alike_with_Spring_and_without_it() {
        HttpResponse<String> without = client.post("{\"queue\":\"planted\"}");
        HttpResponse<String> with = client.post(
                "/api/v1/%6Dessages",
                BodyPublishers.ofString("{\"queue\":\"planted\"}"), "Content-Type", "application/json");
        RestClient.problem(without, 500);
        assertThat(without.body().replace("/api/v1/messages", ""))
                .isEqualTo(with.body().replace("/api/v1/%6Dessages", ""));
        assertThat(shown(without)).isEqualTo(shown(with));
    }

    private static void assertAlike(BodyPublisher body, String... headers) {
        int before = seenBySpring();
        HttpResponse<String> without = client.post(body, headers);
        assertThat(seenBySpring()).isEqualTo(before);
        HttpResponse<String> with = client.post("/api/v1/%6Dessages", body, headers);
        assertThat(seenBySpring()).isEqualTo(before + 1);
        assertThat(without.statusCode()).isEqualTo(with.statusCode());
        assertThat(withoutId(without.body())).isEqualTo(withoutId(with.body()));
        assertThat(shown(without)).isEqualTo(shown(with));
    }

    private static int seenBySpring() {
        return server.bean(SeenBySpring.class).requests.get();
    }

    private static String withoutId(String text) {
        return text.replaceAll("[0-9a-f-]{36}", "<id>");
    }

    /** The headers of an answer, but for its time. */
    private static Map<String, String> shown(HttpResponse<String> answer) {
        Map<String, String> shown = new TreeMap<>();
        answer.headers().map().forEach((name, values) -> shown.put(name, withoutId(String.join(" and ", values))));
        assertThat(shown.remove("date")).isNotNull();
        return shown;
    }

    // ---- what a request creates

    @Test
    void a_created_message_is_found_with_all_that_was_said() {
        String id = MessageIds.next().toString();
        HttpResponse<String> created = client.post("""
                {
                  "queue": "orders",
                  "type": "order.paid", "version": 2,
                  "payload": {"total": 9007199254740993, "price": 1.00, "text": "Grüße 🙂 </script>"},
                  "id": "%s",
                  "delay": "5m",
                  "timeToLive": "PT1H",
                  "priority": 7,
                  "correlationId": "order 42",
                  "headers": {"tenant": "a", "Trace": "ü"},
                  "direction": "OUTGOING"
                }
                """.formatted(id));
        assertThat(created.statusCode()).as(created.body()).isEqualTo(201);
        assertThat(created.headers().firstValue("Location")).hasValue("/api/v1/messages/" + id);
        assertThat(created.body()).isEqualTo("{\"id\":\"" + id + "\",\"isNew\":true,\"queue\":\"orders\"}\n");

        HttpResponse<String> found =
                client.get(created.headers().firstValue("Location").orElseThrow());
        assertThat(found.statusCode()).isEqualTo(200);
        assertThat(found.headers().firstValue("X-Content-Type-Options")).hasValue("nosniff");
        assertThat(found.headers().firstValue("Content-Type")).hasValue("application/json");
        assertThat(found.body()).contains("\"total\": 9007199254740993", "\"price\": 1.00");
        JsonNode message = RestClient.json(found);
        assertThat(message.get("id").asString()).isEqualTo(id);
        assertThat(message.get("type").asString()).isEqualTo("order.paid");
        assertThat(message.get("version").asInt()).isEqualTo(2);
        assertThat(message.get("payload").get("text").asString()).isEqualTo("Grüße 🙂 </script>");
        assertThat(message.get("priority").asInt()).isEqualTo(7);
        assertThat(message.get("correlationId").asString()).isEqualTo("order 42");
        assertThat(message.get("headers").get("tenant").asString()).isEqualTo("a");
        assertThat(message.get("headers").get("Trace").asString()).isEqualTo("ü");
        assertThat(message.get("direction").asString()).isEqualTo("OUTGOING");
        Instant createdAt = Instant.parse(message.get("createdAt").asString());
        assertThat(Instant.parse(message.get("expiresAt").asString())).isEqualTo(createdAt.plusSeconds(3600));
        JsonNode entry = message.get("entries").get(0);
        assertThat(entry.get("queue").asString()).isEqualTo("orders");
        assertThat(entry.get("state").asString()).isEqualTo("DELAYED");
        assertThat(entry.get("expiresAt")).isEqualTo(message.get("expiresAt"));
        assertThat(Instant.parse(entry.get("dueAt").asString())).isAfter(createdAt.plusSeconds(290));
        assertThat(entry.get("failures").asInt()).isZero();
        assertThat(message.get("history").isEmpty()).isTrue();
    }

    @Test
    void path_of_a_correlation_id_is_in_the_order_of_time_and_shows_no_other() {
        String question =
                create("{\"queue\":\"path.in\",\"type\":\"ticket.opened\",\"correlationId\":\"T 1\",\"delay\":\"1h\"}");
        create("{\"queue\":\"path.in\",\"correlationId\":\"T 2\"}");
        String answer = create("{\"queue\":\"path.out\",\"correlationId\":\"T 1\"}");
        assertThat(client.post("/api/v1/messages/" + question + "/cancel", BodyPublishers.noBody())
                        .statusCode())
                .isEqualTo(200);

        JsonNode found = RestClient.json(client.get("/api/v1/messages?correlationId=T%201"));
        assertThat(found.get("correlationId").asString()).isEqualTo("T 1");
        assertThat(found.get("path").valueStream())
                .extracting(step -> step.get("message").asString() + " "
                        + step.get("queue").asString() + " " + step.get("event").asString())
                .containsExactly(
                        question + " path.in created", answer + " path.out created", question + " path.in cancelled");
        assertThat(found.get("path").get(0).get("type").asString()).isEqualTo("ticket.opened");
        assertThat(found.get("path").get(1).has("type")).isFalse();

        JsonNode first = RestClient.json(client.get("/api/v1/messages?correlationId=T%201&limit=1"));
        assertThat(first.get("path").size()).isEqualTo(1);
        JsonNode none = RestClient.json(client.get("/api/v1/messages?correlationId=T%203"));
        assertThat(none.get("path").isEmpty()).isTrue();
    }

    @Test
    void path_without_a_correlation_id_or_with_a_limit_out_of_range_names_the_field() {
        String tooLong = "x".repeat(201);
        for (String query : new String[] {"", "?correlationId=", "?correlationId=" + tooLong}) {
            JsonNode problem = RestClient.problem(client.get("/api/v1/messages" + query), 422);
            assertThat(problem.get("field").asString()).isEqualTo("correlationId");
        }
        for (int limit : new int[] {0, 10_001}) {
            JsonNode problem = RestClient.problem(client.get("/api/v1/messages?correlationId=a&limit=" + limit), 422);
            assertThat(problem.get("field").asString()).isEqualTo("limit");
        }
        RestClient.problem(client.get("/api/v1/messages?correlationId=a&limit=many"), 400);
    }

    @Test
    void little_needs_to_be_said() {
        JsonNode message = find(create("{\"queue\":\"least\"}"));
        assertThat(message.get("payload").isNull()).isTrue();
        assertThat(message.get("direction").asString()).isEqualTo("INCOMING");
        assertThat(message.has("type")).isFalse();
        assertThat(message.has("correlationId")).isFalse();
        assertThat(message.get("entries").get(0).get("state").asString()).isEqualTo("READY");
    }

    @Test
    void message_for_a_full_queue_is_refused_with_429() throws SQLException {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT postroom.declare_queue('narrow', max_length => 1, overflow => 'reject')");
        }
        create("{\"queue\":\"narrow\"}");
        HttpResponse<String> refused = client.post("{\"queue\":\"narrow\"}");
        JsonNode problem = RestClient.problem(refused, 429);
        assertThat(problem.get("type").asString()).endsWith(":queue-full");
        assertThat(problem.get("field").asString()).isEqualTo("queue");
        assertThat(refused.headers().firstValue("Retry-After")).hasValue("1");
    }

    @Test
    void members_that_are_null_count_as_left_out() {
        JsonNode message = find(create("""
                {"queue": "least", "payload": 1, "type": null, "version": null, "id": null, "delay": null, "at": null, "timeToLive": null,
                 "priority": null, "deduplicationKey": null, "correlationId": null, "headers": null, "direction": null, "body": null,
                 "contentType": null}
                """));
        assertThat(message.get("payload").asInt()).isEqualTo(1);
        JsonNode bytes = find(create("""
                {"queue": "least", "exchange": null, "routingKey": null, "mandatory": null, "group": null, "body": "AQ==", "payload": null}
                """));
        assertThat(bytes.get("body").asString()).isEqualTo("AQ==");
        assertThat(find(create("{\"queue\": \"least\", \"payload\": null}"))
                        .get("payload")
                        .isNull())
                .isTrue();
    }

    @Test
    void bytes_go_in_and_come_out_as_Base64() {
        byte[] bytes = new byte[1000];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        String base64 = Base64.getEncoder().encodeToString(bytes);
        JsonNode message = find(create(
                "{\"queue\":\"bytes\",\"type\":\"scan\",\"contentType\":\"image/png\",\"body\":\"" + base64 + "\"}"));
        assertThat(message.get("body").asString()).isEqualTo(base64);
        assertThat(message.get("contentType").asString()).isEqualTo("image/png");
        assertThat(message.has("payload")).isFalse();

        JsonNode untyped = find(create("{\"queue\":\"bytes\",\"body\":\"AAEC\"}"));
        assertThat(untyped.get("body").asString()).isEqualTo("AAEC");
        assertThat(untyped.get("contentType").asString()).isEqualTo("application/octet-stream");
    }

    @Test
    void large_payloads_are_cut_out_whole() {
        String text = "я\\\"\\n{[".repeat(60_000);
        JsonNode message = find(
                create("{\"headers\":{\"a\":\"b\"},\"payload\": {\"t\":[ \"" + text + "\" ]} ,\"queue\":\"large\"}"));
        assertThat(message.get("payload").get("t").get(0).asString()).isEqualTo("я\"\n{[".repeat(60_000));
    }

    @Test
    void a_repeat_with_the_same_id_is_recognised() {
        String body = "{\"queue\":\"twice\",\"payload\":1,\"id\":\"" + MessageIds.next() + "\"}";
        assertThat(client.post(body).statusCode()).isEqualTo(201);
        HttpResponse<String> second = client.post(body);
        assertThat(second.statusCode()).isEqualTo(200);
        assertThat(RestClient.json(second).get("isNew").asBoolean()).isFalse();
    }

    @Test
    void a_key_in_the_body_wins_over_the_header() {
        String body = "{\"queue\":\"keyed\",\"payload\":1,\"deduplicationKey\":\"%s\"}";
        client.post(body.formatted("a"), "Idempotency-Key", "same");
        assertThat(client.post(body.formatted("b"), "Idempotency-Key", "same").statusCode())
                .isEqualTo(201);
    }

    @Test
    void a_waiting_message_is_cancelled_once_and_its_history_says_so() {
        String id = create("{\"queue\":\"cancelled\",\"delay\":\"1h\"}");
        HttpResponse<String> first = client.post(RestClient.MESSAGES + "/" + id + "/cancel", BodyPublishers.noBody());
        assertThat(first.statusCode()).as(first.body()).isEqualTo(200);
        assertThat(first.body()).isEqualTo("{\"id\":\"" + id + "\",\"cancelled\":1,\"state\":\"CANCELLED\"}\n");

        HttpResponse<String> second = client.post(RestClient.MESSAGES + "/" + id + "/cancel", BodyPublishers.noBody());
        assertThat(second.body()).isEqualTo("{\"id\":\"" + id + "\",\"cancelled\":0,\"state\":\"CANCELLED\"}\n");
        assertThat(server.bean(QueueMessages.class)
                        .find(UUID.fromString(id))
                        .orElseThrow()
                        .state())
                .isEqualTo(MessageState.CANCELLED);
        JsonNode history = find(id).get("history");
        assertThat(history.size()).isEqualTo(1);
        assertThat(history.get(0).get("outcome").asString()).isEqualTo("cancelled");
    }

    @Test
    void a_message_that_does_not_run_is_explained() {
        String id = create("{\"queue\":\"unheard\"}");
        JsonNode answer = RestClient.json(client.get(RestClient.MESSAGES + "/" + id + "/explain"));
        assertThat(answer.get("id").asString()).isEqualTo(id);
        assertThat(answer.get("explain").get(0).asString()).contains(": ");
    }

    @Test
    void methods_and_paths_that_are_none_are_said_to_be_none() {
        assertThat(client.delete(RestClient.MESSAGES).statusCode()).isEqualTo(405);
        assertThat(client.get("/api/v1/nothing").statusCode()).isEqualTo(404);
        assertThat(client.get(RestClient.MESSAGES + "/" + create("{\"queue\":\"least\"}") + "/cancel")
                        .statusCode())
                .as("nothing is changed by a GET")
                .isEqualTo(405);
    }

    @Test
    void while_the_database_is_away_the_answer_is_503_and_when_to_come_again() throws IOException {
        try (TcpProxy proxy = TcpProxy.to(database.host(), database.port());
                RunningServer away = RunningServer.on(
                        database.through(proxy), "--spring.datasource.hikari.connection-timeout=1500")) {
            RestClient patient = new RestClient(away);
            assertThat(patient.post("{\"queue\":\"known\"}").statusCode()).isEqualTo(201);
            proxy.refuseNew();
            proxy.cutAll();
            HttpResponse<String> post = patient.post("{\"queue\":\"away\",\"payload\":1}", "Idempotency-Key", "away-1");
            RestClient.problem(post, 503);
            assertThat(post.headers().firstValue("Retry-After")).hasValue("5");
            RestClient.problem(patient.post("{\"queue\":\"known\"}"), 503);
            assertThat(patient.get(RestClient.MESSAGES + "/" + MessageIds.next())
                            .statusCode())
                    .isEqualTo(503);

            proxy.resume();
            // The pool waits longer after each try to connect, so the first request may still meet no connection.
            HttpResponse<String> repeated = Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(
                            () -> patient.post("{\"queue\":\"away\",\"payload\":1}", "Idempotency-Key", "away-1"),
                            given -> given.statusCode() != 503);
            assertThat(repeated.statusCode()).as(repeated.body()).isIn(200, 201);
        }
    }

    private static String create(String body) {
        HttpResponse<String> response = client.post(body);
        assertThat(response.statusCode()).as(response.body()).isEqualTo(201);
        return RestClient.json(response).get("id").asString();
    }

    private static JsonNode find(String id) {
        HttpResponse<String> response = client.get(RestClient.MESSAGES + "/" + id);
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return RestClient.json(response);
    }
}
