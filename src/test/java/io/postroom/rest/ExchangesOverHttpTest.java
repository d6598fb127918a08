package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Declaring, binding and looking at exchanges over HTTP, and creating a message through one. */
@PostgresTest
class ExchangesOverHttpTest {
    private static final String EXCHANGES = "/api/v1/exchanges";

    private static RunningServer server;
    private static RestClient client;
    private static JdbcClient sql;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database);
        client = new RestClient(server);
        sql = JdbcClient.create(database.pool());
        sql.sql("INSERT INTO postroom.queue (name) VALUES ('mail'), ('audit')").update();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void exchange_is_declared_bound_used_and_deleted() {
        assertThat(client.put(EXCHANGES + "/orders", "{\"kind\": \"topic\"}").statusCode())
                .isEqualTo(201);
        assertThat(client.put(EXCHANGES + "/orders", "{\"kind\": \"topic\"}").statusCode())
                .as("a repeat")
                .isEqualTo(200);
        String binding = "{\"queue\": \"mail\", \"routingKey\": \"order.*.paid\"}";
        assertThat(client.postTo(EXCHANGES + "/orders/bind", binding).statusCode())
                .isEqualTo(201);
        assertThat(client.postTo(EXCHANGES + "/orders/bind", binding).statusCode())
                .isEqualTo(200);
        client.postTo(EXCHANGES + "/orders/bind", "{\"queue\": \"audit\", \"routingKey\": \"#\"}");

        JsonNode routes =
                RestClient.json(client.postTo(EXCHANGES + "/orders/route", "{\"routingKey\": \"order.1.paid\"}"));
        assertThat(routes.toString())
                .isEqualTo("{\"routes\":[{\"queue\":\"audit\",\"bindings\":[\"orders [#]\"]},"
                        + "{\"queue\":\"mail\",\"bindings\":[\"orders [order.*.paid]\"]}]}");

        HttpResponse<String> created =
                client.post("{\"exchange\": \"orders\", \"routingKey\": \"order.1.paid\", \"payload\": 1}");
        assertThat(created.statusCode()).as(created.body()).isEqualTo(201);
        assertThat(created.body()).contains("\"queues\":[\"audit\",\"mail\"]");
        JsonNode found = RestClient.json(
                client.get(created.headers().firstValue("Location").orElseThrow()));
        assertThat(found.get("exchange").asString()).isEqualTo("orders");
        assertThat(found.get("routingKey").asString()).isEqualTo("order.1.paid");
        assertThat(found.get("entries").size()).isEqualTo(2);

        assertThat(RestClient.json(client.get(EXCHANGES)).toString())
                .contains("\"exchange\":\"orders\",\"kind\":\"topic\"");
        assertThat(RestClient.json(client.get(EXCHANGES + "/orders/bindings"))
                        .get("bindings")
                        .size())
                .isEqualTo(2);
        assertThat(client.postTo(EXCHANGES + "/orders/unbind", binding).body()).contains("\"removed\":true");
        JsonNode refused = RestClient.problem(client.delete(EXCHANGES + "/orders?ifUnused=true"), 409);
        assertThat(refused.get("detail").asString()).isEqualTo("exchange \"orders\" has bindings; nothing was deleted");
        assertThat(client.delete(EXCHANGES + "/orders").statusCode()).isEqualTo(200);
        RestClient.problem(client.delete(EXCHANGES + "/orders"), 404);
    }

    @Test
    void definitions_file_is_tried_imported_and_given_back() {
        String file = "{\"queues\": [{\"name\": \"from rabbit\", \"arguments\": {}}],"
                + " \"exchanges\": [{\"name\": \"rabbit\", \"type\": \"fanout\", \"arguments\": {}}]}";
        String path = "/api/v1/definitions/rabbitmq";
        assertThat(client.postTo(path + "?dryRun=true", file).body())
                .startsWith(
                        "{\"dryRun\":true,\"lines\":[{\"result\":\"TAKEN_OVER\",\"definition\":\"exchange rabbit\"},")
                .contains("\"result\":\"REFUSED\",\"definition\":\"queue from rabbit\"");
        assertThat(client.get(EXCHANGES).body()).doesNotContain("rabbit");
        assertThat(client.postTo(path + "?rename=from%20rabbit=from.rabbit", file)
                        .statusCode())
                .isEqualTo(200);
        assertThat(client.get(path + "?virtualHost=shop").body())
                .contains("\"from.rabbit\"", "\"rabbit\"", "\"vhost\" : \"shop\"");
        RestClient.problem(client.postTo(path, "{\"queues\": 1}"), 422);
        RestClient.problem(client.postTo(path + "?rename=x", file), 422);
        RestClient.problem(client.postTo(path + "?dryRun=maybe", file), 400);
    }

    @Test
    void definitions_are_given_and_taken_back() {
        String path = "/api/v1/definitions";
        client.put(EXCHANGES + "/given", "{\"kind\": \"fanout\"}");
        String file = client.get(path).body();
        assertThat(file).contains("\"postroomDefinitions\" : 1", "\"exchange\" : \"given\"");
        assertThat(client.postTo(path + "?dryRun=true&rename=given=taken", file).body())
                .startsWith("{\"dryRun\":true,\"lines\":[")
                .contains("{\"result\":\"TAKEN_OVER\",\"definition\":\"exchange taken\"}");
        assertThat(client.get(EXCHANGES).body()).doesNotContain("taken");
        assertThat(client.postTo(path + "?rename=given=taken", file).statusCode())
                .isEqualTo(200);
        assertThat(client.get(EXCHANGES).body()).contains("\"taken\"");
        RestClient.problem(client.postTo(path, "{}"), 422);
        RestClient.problem(client.postTo(path, "{\"postroomDefinitions\": 1, \"queues\": [{}]}"), 422);
    }

    @Test
    void what_an_import_changes_is_on_record_with_who_imported_it() {
        String path = "/api/v1/definitions?actor=ann&reason=new%20limits";
        String first = """
                {"postroomDefinitions": 1, "queues": [{"queue": "imported.http", "attempts": 3}]}""";
        String then = """
                {"postroomDefinitions": 1,
                 "queues": [{"queue": "imported.http", "attempts": 7, "fair": true, "groupWeights": {"a": 3},
                             "destination": "bank.http"}],
                 "limiters": [{"queue": "imported.http", "maxInProgress": 2}]}""";
        assertThat(client.postTo(path, first).body()).startsWith("{\"dryRun\":false");
        assertThat(client.postTo(path + "&dryRun=true", then).body()).startsWith("{\"dryRun\":true");
        assertThat(client.postTo(path, then).body()).startsWith("{\"dryRun\":false");

        List<String> lines = new ArrayList<>();
        RestClient.json(client.get("/api/v1/ledger?queue=imported.http"))
                .get("lines")
                .forEach(line -> {
                    assertThat(line.get("actor").asString()).isEqualTo("ann");
                    assertThat(line.get("reason").asString()).isEqualTo("new limits");
                    lines.add(line.get("note").asString());
                });
        assertThat(lines).hasSize(4);
        assertThat(String.join("; ", lines))
                .contains(
                        "max attempts 3 -> 7",
                        "weight of group \"a\"",
                        "destination none -> bank.http",
                        "2 in progress, declared");
    }

    /** HTTP shows the arguments of a binding also where it has none. */
    @Test
    void exchanges_and_bindings_have_the_same_members_in_a_file() {
        client.put(EXCHANGES + "/shown", "{\"kind\": \"headers\", \"alternate\": \"none\"}");
        client.postTo(EXCHANGES + "/shown/bind", "{\"queue\": \"mail\", \"arguments\": {\"a\": \"b\"}}");
        client.put(EXCHANGES + "/other", "{\"kind\": \"fanout\"}");
        client.postTo(EXCHANGES + "/shown/bind", "{\"toExchange\": \"other\", \"routingKey\": \"k\"}");
        JsonNode file = RestClient.json(client.get("/api/v1/definitions"));
        assertThat(file.get("exchanges"))
                .isEqualTo(RestClient.json(client.get(EXCHANGES)).get("exchanges"));
        JsonNode bindings =
                RestClient.json(client.get(EXCHANGES + "/shown/bindings")).get("bindings");
        assertThat(bindings.size()).isEqualTo(2);
        for (JsonNode shown : bindings) {
            ObjectNode expected = (ObjectNode) shown.deepCopy();
            if (expected.get("arguments").isEmpty()) {
                expected.remove("arguments");
            }
            assertThat(file.get("bindings")).contains(expected);
        }
        client.delete(EXCHANGES + "/shown");
        client.delete(EXCHANGES + "/other");
    }

    @Test
    void message_that_reaches_no_queue_is_refused_or_dropped() {
        client.put(EXCHANGES + "/empty", "{\"kind\": \"headers\"}");
        JsonNode problem = RestClient.problem(client.post("{\"exchange\": \"empty\", \"payload\": 1}"), 422);
        assertThat(problem.get("type").asString()).endsWith(":unroutable");
        assertThat(problem.get("field").asString()).isEqualTo("exchange");
        HttpResponse<String> dropped = client.post("{\"exchange\": \"empty\", \"mandatory\": false, \"payload\": 1}");
        assertThat(dropped.statusCode()).isEqualTo(200);
        assertThat(dropped.body()).contains("\"isNew\":false,\"queues\":[]");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "PUT  | /orders%20x     | {\"kind\": \"topic\"}                          | 422 | exchange",
                "PUT  | /x              | {\"kind\": \"tropic\"}                         | 422 | kind",
                "PUT  | /x              | {\"type\": \"topic\"}                          | 422 | type",
                "PUT  | /x              | {\"kind\": 1}                                  | 422 | kind",
                "PUT  | /x              | [1]                                            | 422 | request",
                "POST | /none/bind      | {\"queue\": \"mail\"}                          | 404 | ''",
                "POST | /empty2/bind    | {\"toExchange\": \"none\"}                     | 422 | toExchange",
                "POST | /empty2/route   | {\"headers\": {\"a\": null}}                  | 422 | headers",
                "POST | /none/route     | {}                                             | 404 | ''",
                "POST | /empty2/bind    | {\"queue\": \"missing\"}                       | 422 | queue",
                "POST | /empty2/bind    | {}                                             | 422 | queue",
                "POST | /empty2/bind    | {\"queue\": \"mail\", \"arguments\": {\"a\": 1}} | 422 | arguments",
                "POST | /empty2/bind    | {\"queue\": \"mail\", \"arguments\": {\"x-match\": \"some\"}} | 422 | x-match",
                "POST | /empty2/bind    | {\"queue\":                                    | 400 | ''"
            })
    void bad_input_is_refused_by_name(String method, String path, String body, int status, String field) {
        client.put(EXCHANGES + "/empty2", "{\"kind\": \"headers\"}");
        HttpResponse<String> answer =
                method.equals("PUT") ? client.put(EXCHANGES + path, body) : client.postTo(EXCHANGES + path, body);
        JsonNode problem = RestClient.problem(answer, status);
        assertThat(problem.has("field") ? problem.get("field").asString() : "").isEqualTo(field);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"queue\": \"a\", \"exchange\": \"b\"}        | queue",
                "{\"queue\": \"a\", \"routingKey\": \"b\"}      | routingKey",
                "{\"exchange\": \"none\"}                       | exchange",
                "{\"exchange\": \"empty3\", \"mandatory\": 1}   | mandatory"
            })
    void bad_address_is_refused_by_name(String body, String field) {
        JsonNode problem = RestClient.problem(client.post(body), 422);
        assertThat(problem.get("field").asString()).isEqualTo(field);
    }
}
