package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.Binding;
import io.postroom.api.CreateMessage;
import io.postroom.api.Exchange;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueEntry;
import io.postroom.api.QueueSettings;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.server.RunningServer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** One change for three systems, one of which fails three times: docs/guide.md, "Several systems kept in step". */
@PostgresTest
class SeveralTargetsTest {
    private static final List<String> TARGETS = List.of("crm", "billing", "archive");

    private final Queue<String> calls = new ConcurrentLinkedQueue<>();

    @Test
    void target_that_fails_is_retried_alone_and_each_has_its_own_state(TestDatabase database) throws Exception {
        Postroom.Builder builder = Postroom.on(database.pool());
        for (String target : TARGETS) {
            builder.queue(QueueSettings.of(target)).handler(handler(target));
        }
        try (Postroom postroom = builder.start()) {
            postroom.exchanges().declare(Exchange.fanout("customer-changes"));
            TARGETS.forEach(target ->
                    postroom.exchanges().bind(Binding.from("customer-changes").to(target)));
            UUID id = postroom.queueMessages()
                    .createMessage(CreateMessage.via("customer-changes", "").payload("ann moved"))
                    .id();

            await(() -> states(postroom, id), Map.of("archive", "DONE 0", "billing", "DELAYED 3", "crm", "DONE 0"));
            assertThat(inSql(database, id)).isEqualTo(states(postroom, id));
            assertThat(overHttp(database, id)).isEqualTo(states(postroom, id));

            assertThat(postroom.queueMessages().reschedule(id, Instant.now())).isEqualTo(1);
            await(() -> states(postroom, id), Map.of("archive", "DONE 0", "billing", "DONE 3", "crm", "DONE 0"));
            assertThat(calls)
                    .as("only the target that failed is called again")
                    .containsExactlyInAnyOrder("crm", "archive", "billing", "billing", "billing", "billing");
            assertThat(postroom.queueMessages().history(id))
                    .filteredOn(attempt -> attempt.queue().equals("billing"))
                    .extracting(attempt -> attempt.outcome())
                    .containsExactly("retry", "retry", "retry", "done");
        }
    }

    /** Billing waits for the test after its third failure. */
    private Handler handler(String target) {
        return Handler.send(target, String.class, (change, context) -> {
                    calls.add(target);
                    boolean away = target.equals("billing") && context.failures() < 3;
                    return !away
                            ? Outcome.done()
                            : context.failures() == 2
                                    ? Outcome.retry(Duration.ofHours(1), "billing is away")
                                    : Outcome.retry("billing is away");
                })
                .retry(RetryPolicy.fixed(10, Duration.ofMillis(20)));
    }

    private static Map<String, String> states(Postroom postroom, UUID id) {
        Map<String, String> states = new TreeMap<>();
        for (QueueEntry entry : postroom.queueMessages().find(id).orElseThrow().entries()) {
            states.put(entry.queue(), entry.state() + " " + entry.failures());
            boolean waits = entry.state() == MessageState.DELAYED;
            assertThat(waits && entry.failures() == 3 ? entry.error().orElseThrow() : "billing is away")
                    .contains("billing is away");
        }
        return states;
    }

    private static Map<String, String> inSql(TestDatabase database, UUID id) {
        Map<String, String> states = new TreeMap<>();
        JdbcClient.create(database.pool())
                .sql("SELECT queue, state, failures FROM postroom.queue_messages WHERE message_id = ?")
                .param(id)
                .query(row -> {
                    states.put(row.getString(1), row.getString(2) + " " + row.getInt(3));
                });
        return states;
    }

    private static Map<String, String> overHttp(TestDatabase database, UUID id) throws Exception {
        try (RunningServer server = RunningServer.on(database, "--postroom.workers.enabled=false")) {
            String url = "http://127.0.0.1:" + server.port() + "/api/v1/messages/" + id;
            String answer = HttpClient.newHttpClient()
                    .send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString())
                    .body();
            Map<String, String> states = new TreeMap<>();
            for (JsonNode entry : JsonMapper.shared().readTree(answer).get("entries")) {
                states.put(
                        entry.get("queue").asString(),
                        entry.get("state").asString() + " "
                                + entry.get("failures").asInt());
            }
            return states;
        }
    }

    private static void await(java.util.concurrent.Callable<Map<String, String>> states, Map<String, String> wanted) {
        Awaitility.await().atMost(Duration.ofMinutes(1)).until(states, wanted::equals);
    }
}
