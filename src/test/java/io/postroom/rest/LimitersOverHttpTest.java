package io.postroom.rest;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Setting, listing and removing limiters over HTTP. */
@PostgresTest
class LimitersOverHttpTest {
    private static final String QUEUES = "/api/v1/limiters/queues/";

    private static RunningServer server;
    private static RestClient client;

    @BeforeAll
    static void start(TestDatabase database) {
        server = RunningServer.on(database);
        client = new RestClient(server);
        client.put("/api/v1/queues/paid", "{}");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void limiter_is_set_listed_and_removed() {
        HttpResponse<String> set =
                client.put(QUEUES + "paid", "{\"maxStarts\": 5, \"period\": \"1s\", \"maxInProgress\": 2}");
        assertThat(set.body())
                .isEqualTo(
                        "{\"queue\":\"paid\",\"maxStarts\":5,\"period\":\"PT1S\",\"window\":\"sliding\",\"maxInProgress\":2}\n");
        assertThat(client.get("/api/v1/limiters").body())
                .contains(
                        "\"queue\":\"paid\"",
                        "\"starts\":0,\"inProgress\":0,\"nextStart\":\"PT0S\",\"groupsAtLimit\":0,\"byOperator\":true");
        assertThat(client.delete(QUEUES + "paid").body()).isEqualTo("{\"removed\":true}\n");
        assertThat(client.delete(QUEUES + "paid").body()).isEqualTo("{\"removed\":false}\n");
        assertThat(client.get("/api/v1/limiters").body()).isEqualTo("{\"limiters\":[]}\n");
    }

    @Test
    void groups_of_a_fair_queue_are_limited() {
        client.put("/api/v1/queues/shared", "{\"fair\": true}");
        String limits = "{\"maxStartsPerGroup\": 5, \"periodPerGroup\": \"1m\", \"maxInProgressPerGroup\": 2}";
        assertThat(client.put(QUEUES + "shared", limits).body())
                .isEqualTo("{\"queue\":\"shared\",\"window\":\"sliding\",\"maxStartsPerGroup\":5,"
                        + "\"periodPerGroup\":\"PT1M\",\"maxInProgressPerGroup\":2}\n");
        assertThat(client.get("/api/v1/limiters").body())
                .contains("\"maxStartsPerGroup\":5,\"periodPerGroup\":\"PT1M\",\"maxInProgressPerGroup\":2");
        client.delete(QUEUES + "shared");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "paid | {} | 422 | maxStarts",
                "paid | {\"maxStarts\": 0, \"period\": \"1s\"} | 422 | maxStarts",
                "paid | {\"maxStarts\": 5} | 422 | period",
                "paid | {\"maxStarts\": 5, \"period\": \"1ms\"} | 422 | period",
                "paid | {\"maxInProgress\": 1, \"window\": \"round\"} | 422 | window",
                "paid | {\"maxProgress\": 1} | 422 | maxProgress",
                "paid | {\"maxStartsPerGroup\": 5} | 422 | periodPerGroup",
                "paid | {\"maxInProgressPerGroup\": 1} | 422 | a fair queue",
                "nowhere | {\"maxInProgress\": 1} | 404 | nowhere",
            })
    void what_is_wrong_is_named(String queue, String body, int status, String named) {
        HttpResponse<String> refused = client.put(QUEUES + queue, body);
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(status);
        assertThat(refused.body()).contains(named);
    }
}
