package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

/** A misspelt name makes a queue that nobody consumes. The first use says so, a start says so, and health shows it after a minute. */
@PostgresTest
@ExtendWith(OutputCaptureExtension.class)
class UnconsumedQueueTest {
    private static final Duration LONGEST = Duration.ofSeconds(60);

    private final HikariDataSource pool;

    UnconsumedQueueTest(TestDatabase database) {
        pool = database.pool();
    }

    @Test
    void the_first_use_of_an_undeclared_queue_is_said_once(CapturedOutput output) {
        try (Postroom producer = Postroom.on(pool).workers(false).start()) {
            producer.queueMessages().createMessage("reprots", "x");
            producer.queueMessages().createMessage("reprots", "y");

            assertThat(output).containsOnlyOnce("queue \"reprots\" was not declared before");
        }
        try (Postroom next = Postroom.on(pool).workers(false).start()) {
            next.queueMessages().createMessage("reprots", "z");
            next.queues().delete("reprots", false, true);
        }
        assertThat(output).as("by this process too").containsOnlyOnce("queue \"reprots\" was not declared before");
    }

    @Test
    void messages_without_a_consumer_are_said_at_start_and_are_a_warning_after_a_minute(CapturedOutput output) {
        try (Postroom producer = Postroom.on(pool).workers(false).start()) {
            producer.queueMessages().createMessage("ordres", "x");
            assertThat(producer.warnings()).isEmpty();

            try (Postroom worker = worker("orders")) {
                producer.queueMessages().createMessage("orders", "x"); // not earlier: nobody consumed it then
                await().atMost(LONGEST)
                        .untilAsserted(() -> assertThat(output)
                                .contains("queue \"ordres\" has READY messages, and no running process consumes it"));
                assertThat(worker.warnings()).as("too early").isEmpty();

                await().atMost(LONGEST)
                        .untilAsserted(
                                () -> { // the line may be the producer's, and the worker has not looked yet
                                    PostroomKit.of(worker).advance(Duration.ofSeconds(61));
                                    assertThat(worker.warnings())
                                            .singleElement()
                                            .asString()
                                            .startsWith("queue \"ordres\"");
                                });
                await().atMost(LONGEST).untilAsserted(() -> {
                    PostroomKit.of(producer).advance(Duration.ofSeconds(61));
                    assertThat(producer.warnings()).hasSize(1);
                });

                try (Postroom missing = worker("ordres")) {
                    await().atMost(LONGEST).untilAsserted(() -> {
                        PostroomKit.of(worker).advance(Duration.ofMillis(1));
                        assertThat(worker.warnings()).isEmpty();
                    });
                }
            }
            assertThat(output).doesNotContain("queue \"orders\" has READY messages");
        }
    }

    private Postroom worker(String queue) {
        return Postroom.on(pool)
                .handler(Handler.send(queue, String.class, (payload, context) -> Outcome.done()))
                .start();
    }
}
