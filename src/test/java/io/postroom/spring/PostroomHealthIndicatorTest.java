package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;

@PostgresTest
class PostroomHealthIndicatorTest {
    @Test
    void troubles_are_DOWN_and_named() {
        Postroom troubled = (Postroom) Proxy.newProxyInstance(
                Postroom.class.getClassLoader(),
                new Class<?>[] {Postroom.class},
                (proxy, method, arguments) -> List.of("no heartbeat was confirmed for PT40S"));

        Health health = new PostroomHealthIndicator(troubled).health();

        assertThat(health.getStatus()).isEqualTo(Status.DOWN);
        assertThat(health.getDetails()).containsEntry("problems", List.of("no heartbeat was confirmed for PT40S"));
    }

    @Test
    void a_queue_that_nobody_consumes_is_shown_and_stays_UP(TestDatabase database) {
        try (Host.Running host =
                Host.on(database).with("postroom.workers.enabled", false).start()) {
            host.queueMessages().createMessage("ordres", "x");

            await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
                host.kit().advance(Duration.ofSeconds(61));
                Health health = host.bean(PostroomHealthIndicator.class).health();
                assertThat(health.getStatus()).isEqualTo(Status.UP);
                assertThat(String.valueOf(health.getDetails().get("warnings")))
                        .contains("queue \"ordres\" has READY messages");
            });
        }
    }

    @Test
    void a_backlog_is_no_trouble(TestDatabase database) {
        try (Host.Running host =
                Host.on(database).with("postroom.workers.enabled", false).start()) {
            host.queueMessages()
                    .createMessages(Collections.nCopies(
                            5000, CreateMessage.to("nobody-handles-it").payload("x")));

            assertThat(host.bean(PostroomHealthIndicator.class).health().getStatus())
                    .isEqualTo(Status.UP);
        }
    }
}
