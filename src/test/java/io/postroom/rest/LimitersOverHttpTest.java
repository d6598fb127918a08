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
import org.springframework.jdbc.core.simple.JdbcClient;

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
                        "\"starts\":0,\"inProgress\":0,\"freeStarts\":5,\"freeInProgress\":2,"
                                + "\"nextStart\":\"PT0S\",\"groupsAtLimit\":0,\"byOperator\":true");
        assertThat(client.delete(QUEUES + "paid").body()).isEqualTo("{\"removed\":true}\n");
        assertThat(client.delete(QUEUES + "paid").body()).isEqualTo("{\"removed\":false}\n");
        assertThat(client.get("/api/v1/limiters").body()).isEqualTo("{\"limiters\":[]}\n");
    }

    @Test
    void changes_and_unparking_go_on_record_with_reason_and_person(TestDatabase database) {
        JdbcClient sql = JdbcClient.create(database.pool());
        String why = "?reason=the%20bank%20asked&actor=ann";
        client.put(QUEUES + "paid" + why, "{\"maxInProgress\": 2}");
        client.delete(QUEUES + "paid" + why);
        client.put("/api/v1/limiters/destinations/bank" + why, "{\"maxInProgress\": 2}");
        sql.sql("SELECT postroom.set_destination('paid', 'bank'), postroom.park('bank', 60000000)")
                .query()
                .singleRow();
        assertThat(client.get("/api/v1/limiters").body()).contains("\"parkedUntil\":\"20");
        String unpark = "/api/v1/limiters/destinations/bank/unpark";
        assertThat(client.postTo(unpark + why, "").body()).isEqualTo("{\"unparked\":true}\n");
        assertThat(client.postTo(unpark, "").body()).isEqualTo("{\"unparked\":false}\n");
        client.delete("/api/v1/limiters/destinations/bank" + why);
        assertThat(client.delete(QUEUES + "paid?because=x").statusCode()).isEqualTo(422);
        assertThat(sql.sql("""
                        SELECT action || ': ' || note FROM postroom.operator_log
                        WHERE actor = 'ann' AND reason = 'the bank asked'
                        ORDER BY at
                        """).query(String.class).list())
                .containsExactly(
                        "declare: limiter, sliding, 2 in progress",
                        "declare: no limiter",
                        "declare: limiter, destination bank, sliding, 2 in progress",
                        "unpark: destination bank",
                        "declare: no limiter, destination bank");
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
