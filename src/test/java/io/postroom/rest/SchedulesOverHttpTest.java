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
import tools.jackson.databind.JsonNode;

/** Schedules over HTTP. */
@PostgresTest
class SchedulesOverHttpTest {
    private static final String SCHEDULES = "/api/v1/schedules";
    private static final String NIGHTLY = SCHEDULES + "/nightly";

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

    @Test
    void schedule_is_set_shown_paused_run_and_deleted() {
        String message =
                "{\"queue\": \"reports\", \"type\": \"report\", \"payload\": {\"n\": 12345678901234567890.10}}";
        JsonNode made = json(client.put(
                NIGHTLY,
                "{\"cron\": \"30 2 * * *\", \"zone\": \"Europe/Berlin\", \"missed\": \"ALL\", \"missedLimit\": 7,"
                        + " \"overlap\": \"SKIP\", \"message\": " + message + "}"));
        assertThat(made.get("state").asString()).isEqualTo("ACTIVE");
        assertThat(made.get("settingsBy").asString()).isEqualTo("operator");
        assertThat(made.get("missedLimit").asInt()).isEqualTo(7);
        assertThat(made.get("queue").asString()).isEqualTo("reports");
        assertThat(json(client.get(NIGHTLY + "/next")).get("next").size()).isEqualTo(10);
        assertThat(json(client.get(NIGHTLY + "/next?howMany=3")).get("next").size())
                .isEqualTo(3);

        assertThat(json(client.postTo(NIGHTLY + "/pause", "")).get("state").asString())
                .isEqualTo("PAUSED");
        assertThat(client.postTo(NIGHTLY + "/run", "").statusCode()).isEqualTo(200);
        await().until(() -> json(client.get(NIGHTLY + "/runs")).get("runs").size() == 1);
        JsonNode run = json(client.get(NIGHTLY + "/runs")).get("runs").get(0);
        assertThat(run.get("outcome").asString()).isEqualTo("FIRED");
        HttpResponse<String> shown =
                client.get("/api/v1/messages/" + run.get("messageId").asString());
        assertThat(shown.body()).contains("12345678901234567890.10");
        JsonNode created = json(shown);
        assertThat(created.get("direction").asString()).isEqualTo("OUTGOING");
        assertThat(json(client.postTo(NIGHTLY + "/resume", "")).get("state").asString())
                .isEqualTo("ACTIVE");

        assertThat(json(client.put(NIGHTLY, "{\"every\": \"10m\", \"message\": {\"queue\": \"reports\"}}"))
                        .get("every")
                        .asString())
                .isEqualTo("PT10M");
        assertThat(client.delete(NIGHTLY).statusCode()).isEqualTo(200);
        RestClient.problem(client.delete(NIGHTLY), 404);
    }

    @Test
    void list_goes_on_after_a_name() {
        for (String name : new String[] {"list-a", "list-b", "list-c"}) {
            json(client.put(SCHEDULES + "/" + name, "{\"afterEnd\": \"PT1H\", \"message\": {\"queue\": \"q\"}}"));
        }
        JsonNode page = json(client.get(SCHEDULES + "?after=list-a&limit=1")).get("schedules");
        assertThat(page.size()).isEqualTo(1);
        assertThat(page.get(0).get("name").asString()).isEqualTo("list-b");
        assertThat(page.get(0).get("afterEnd").asString()).isEqualTo("PT1H");
    }

    @Test
    void preview_needs_no_message_and_stores_nothing() {
        JsonNode next =
                json(client.postTo(SCHEDULES + "/preview?howMany=2", "{\"at\": \"2030-01-31T09:00:00+01:00\"}"));
        assertThat(next.get("next").toString()).isEqualTo("[\"2030-01-31T08:00:00Z\"]");
        assertThat(json(client.postTo(SCHEDULES + "/preview", "{\"cron\": \"@daily\"}"))
                        .get("next")
                        .size())
                .isEqualTo(10);
        RestClient.problem(client.get(SCHEDULES + "/preview"), 404);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{} | cron",
                "{\"cron\": \"@daily\", \"every\": \"1h\"} | cron",
                "{\"cron\": \"61 * * * *\", \"message\": {\"queue\": \"q\"}} | cron",
                "{\"cron\": \"0 0 31 2 *\", \"message\": {\"queue\": \"q\"}} | cron",
                "{\"cron\": 5} | cron",
                "{\"cron\": \"@daily\", \"zone\": \"Mars/Olympus\", \"message\": {\"queue\": \"q\"}} | zone",
                "{\"every\": \"1h\", \"zone\": \"UTC\"} | zone",
                "{\"every\": \"soon\"} | every",
                "{\"every\": \"500ms\"} | every",
                "{\"afterEnd\": \"401d\"} | afterEnd",
                "{\"at\": \"2030-02-30T08:00:00Z\"} | at",
                "{\"at\": \"2030-01-31T08:00:00\"} | at",
                "{\"at\": \"+10000-01-31T08:00:00Z\"} | at",
                "{\"at\": \"1969-12-31T23:59:59Z\"} | at",
                "{\"every\": \"1h\", \"missed\": \"some\"} | missed",
                "{\"every\": \"1h\", \"missedLimit\": 5} | missedLimit",
                "{\"every\": \"1h\", \"missed\": \"ALL\", \"missedLimit\": 1001} | missedLimit",
                "{\"every\": \"1h\", \"overlap\": \"skip\"} | overlap",
                "{\"every\": \"1h\", \"queue\": \"q\"} | queue",
                "{\"every\": \"1h\", \"message\": \"q\"} | message",
                "{\"every\": \"1h\", \"message\": {}} | queue",
                "{\"every\": \"1h\", \"message\": {\"queue\": \"q\", \"at\": \"2030-01-31T08:00:00Z\"}} | at",
                "{\"every\": \"1h\", \"message\": {\"queue\": \"q\", \"deduplicationKey\": \"k\"}} | deduplicationKey",
                "{\"every\": \"1h\", \"message\": {\"queue\": \"q\", \"priority\": 10}} | priority",
                "{\"every\": \"1h\", \"message\": {\"queue\": \"q\", \"prority\": 1}} | prority",
                "{\"every\": \"1h\"} | message",
            })
    void bad_schedule_is_refused_with_its_field(String body, String field) {
        JsonNode problem = RestClient.problem(client.put(SCHEDULES + "/bad", body), 422);
        assertThat(problem.get("field").asString()).isEqualTo(field);
        RestClient.problem(client.get(SCHEDULES + "/bad"), 404);
    }

    @Test
    void text_that_is_no_json_names_that_are_none_and_numbers_out_of_range_are_refused() {
        RestClient.problem(client.put(SCHEDULES + "/bad", "{\"every\": "), 400);
        RestClient.problem(client.put(SCHEDULES + "/bad", "[]"), 422);
        RestClient.problem(
                client.put(SCHEDULES + "/a%20b", "{\"every\": \"1h\", \"message\": {\"queue\": \"q\"}}"), 422);
        RestClient.problem(client.get(SCHEDULES + "?limit=0"), 422);
        RestClient.problem(client.get(SCHEDULES + "?limit=many"), 400);
        RestClient.problem(client.postTo(SCHEDULES + "/preview?howMany=1001", "{\"every\": \"1h\"}"), 422);
        for (String verb : new String[] {"pause", "resume", "run"}) {
            RestClient.problem(client.postTo(SCHEDULES + "/nobody/" + verb, ""), 404);
        }
        RestClient.problem(client.get(SCHEDULES + "/nobody/runs"), 404);
        RestClient.problem(client.get(SCHEDULES + "/nobody/next"), 404);
    }

    private static JsonNode json(HttpResponse<String> response) {
        return RestClient.json(response);
    }
}
