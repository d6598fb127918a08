package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.SettingsEntry;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Two processes with the same handlers, and one of them was started without the secret that the entry names. */
@PostgresTest
class SecretOfOneProcessTest {
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final String WHY =
            "secret: its handler needs the secret of the settings \"billing\", which was not found by the process"
                    + " that tried it last: property:billing.key";

    private final List<String> with = new CopyOnWriteArrayList<>();
    private final List<String> without = new CopyOnWriteArrayList<>();
    private final TestDatabase database;
    private final JdbcClient sql;

    SecretOfOneProcessTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
    }

    private Postroom process(Map<String, String> secrets, List<String> handled) {
        return Postroom.on(database.pool())
                .secretProperties(secrets::get)
                .handler(Handler.send("bills", String.class, (text, context) -> {
                            handled.add(text.replace("\"", "") + " "
                                    + context.secret().orElseThrow());
                            return Outcome.done();
                        })
                        .settings("billing"))
                .start();
    }

    @Test
    void message_waits_with_its_reason_until_the_process_with_the_secret_takes_it() {
        try (Postroom lacking = process(Map.of(), without)) {
            lacking.settings().set(SettingsEntry.of("billing", "http").secret("property:billing.key"));
            List<UUID> ids = IntStream.range(0, 20)
                    .mapToObj(i -> lacking.queueMessages()
                            .createMessage(CreateMessage.to("bills").json("text", 1, "\"" + i + "\""))
                            .id())
                    .toList();
            await().atMost(SOON).untilAsserted(() -> assertThat(ids).allSatisfy(id -> assertWaits(lacking, id)));

            try (Postroom having = process(Map.of("billing.key", "hunter2"), with)) {
                await().atMost(SOON).until(() -> {
                    // The process without the secret may take them first, each time, and they wait a while longer.
                    PostroomKit.of(having).advance(Duration.ofMinutes(11));
                    return ids.stream().allMatch(id -> isDone(having, id));
                });
                assertThat(settingsOf(having.warnings())).isEmpty();
                assertThat(settingsOf(lacking.warnings()))
                        .singleElement()
                        .asString()
                        .contains("its secret was not found: the property billing.key is not set");
            }
            assertThat(with)
                    .containsExactlyInAnyOrderElementsOf(
                            IntStream.range(0, 20).mapToObj(i -> i + " hunter2").toList());
            assertThat(without).isEmpty();
            assertThat(ids)
                    .as("no attempt was spent on the way")
                    .allSatisfy(id ->
                            assertThat(lacking.queueMessages().history(id)).hasSize(1));
            assertThat(Conservation.check(sql)).isEmpty();
        }
    }

    private static void assertWaits(Postroom postroom, UUID id) {
        assertThat(postroom.queueMessages().find(id).orElseThrow().state()).isEqualTo(MessageState.DELAYED);
        assertThat(postroom.queueMessages().explain(id)).anyMatch(line -> line.startsWith(WHY));
    }

    private static boolean isDone(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state() == MessageState.DONE;
    }

    private static List<String> settingsOf(List<String> warnings) {
        return warnings.stream()
                .filter(warning -> warning.startsWith("settings "))
                .toList();
    }
}
