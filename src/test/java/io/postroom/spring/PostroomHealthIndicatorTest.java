package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.RecentFailures;
import io.postroom.handler.ProcessingMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.springframework.boot.health.actuate.endpoint.HealthEndpoint;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;

@PostgresTest
class PostroomHealthIndicatorTest {
    private static final PostroomProperties.Health DEFAULTS =
            new PostroomProperties.Health("DEGRADED", Duration.ofMinutes(5), 1, 100);

    private final TestDatabase database;

    PostroomHealthIndicatorTest(TestDatabase database) {
        this.database = database;
    }

    static class Failing {
        @ProcessingMessage("failing")
        Outcome work(String order) {
            return Outcome.reject("on purpose");
        }
    }

    @Test
    void a_queue_that_nobody_consumes_is_shown_and_stays_UP() {
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
    void troubles_are_DOWN_and_named() {
        Health health = new PostroomHealthIndicator(
                        with(List.of("no heartbeat was confirmed for PT40S"), 5, 5), DEFAULTS)
                .health();

        assertThat(health.getStatus()).isEqualTo(Status.DOWN);
        assertThat(health.getDetails())
                .containsEntry("problems", List.of("no heartbeat was confirmed for PT40S"))
                .containsEntry("deadLetters", 5L)
                .containsEntry("failedAttempts", 5L)
                .containsEntry("within", "5m");
    }

    @Test
    void thresholds_decide_when_failures_show_and_0_switches_one_off() {
        assertThat(status(DEFAULTS, 0, 99)).isEqualTo("UP");
        assertThat(status(DEFAULTS, 0, 100)).isEqualTo("DEGRADED");
        assertThat(status(DEFAULTS, 1, 1)).isEqualTo("DEGRADED");
        PostroomProperties.Health off = new PostroomProperties.Health("DOWN", Duration.ofMinutes(5), 0, 0);
        assertThat(status(off, 1000, 1000)).isEqualTo("UP");
        PostroomProperties.Health few = new PostroomProperties.Health("DOWN", Duration.ofMinutes(5), 10, 0);
        assertThat(status(few, 9, 1000)).isEqualTo("UP");
        assertThat(status(few, 10, 1000)).isEqualTo("DOWN");
    }

    @Test
    void settings_outside_their_limits_are_refused() {
        assertThatThrownBy(() -> new PostroomProperties.Health("DOWN", Duration.ofHours(2), 1, 1))
                .hasMessageContaining("postroom.health.within must be 10 seconds to 1 hour, got PT2H");
        assertThatThrownBy(() -> new PostroomProperties.Health("DOWN", Duration.ofHours(1), -1, 1))
                .hasMessageContaining("must be 0 or more, got -1 and 1");
        assertThatThrownBy(() -> new PostroomProperties.Health(" ", Duration.ofHours(1), 1, 1))
                .hasMessageContaining("postroom.health.status");
    }

    @Test
    void a_dead_letter_shows_in_its_component_and_neither_in_the_whole_nor_in_liveness() {
        try (Host.Running host = Host.on(database)
                .with(Failing.class)
                .with("management.endpoint.health.probes.enabled", true)
                .start()) {
            HealthEndpoint health = host.bean(HealthEndpoint.class);
            assertThat(statusOf(health, "postroom")).isEqualTo("UP");

            fail(host);

            Awaitility.await().until(() -> statusOf(health, "postroom").equals("DEGRADED"));
            assertThat(health.health().getStatus()).isEqualTo(Status.UP);
            assertThat(statusOf(health, "liveness")).isEqualTo("UP");
            assertThat(statusOf(health, "readiness")).isEqualTo("UP");
        }
    }

    @Test
    void status_of_the_hosts_choice_is_never_that_of_liveness() {
        try (Host.Running host = Host.on(database)
                .with(Failing.class)
                .with("management.endpoint.health.probes.enabled", true)
                .with("postroom.health.status", "DOWN")
                .with("postroom.health.dead-letters", 2)
                .start()) {
            HealthEndpoint health = host.bean(HealthEndpoint.class);
            fail(host);
            assertThat(host.bean(PostroomHealthIndicator.class).health().getStatus())
                    .isEqualTo(Status.UP);
            fail(host);

            Awaitility.await().until(() -> statusOf(health, "postroom").equals("DOWN"));
            assertThat(health.health().getStatus()).isEqualTo(Status.DOWN);
            assertThat(statusOf(health, "liveness")).isEqualTo("UP");
        }
    }

    @Test
    void a_backlog_is_no_trouble() {
        try (Host.Running host =
                Host.on(database).with("postroom.workers.enabled", false).start()) {
            host.queueMessages()
                    .createMessages(Collections.nCopies(
                            5000, CreateMessage.to("nobody-handles-it").payload("x")));

            assertThat(host.bean(PostroomHealthIndicator.class).health().getStatus())
                    .isEqualTo(Status.UP);
        }
    }

    private static void fail(Host.Running host) {
        Created created = host.queueMessages().createMessage("failing", "x");
        host.await(created, MessageState.DEAD);
    }

    private static String statusOf(HealthEndpoint health, String component) {
        return health.healthForPath(component).getStatus().getCode();
    }

    private static String status(PostroomProperties.Health settings, long deadLetters, long failedAttempts) {
        return new PostroomHealthIndicator(with(List.of(), deadLetters, failedAttempts), settings)
                .health()
                .getStatus()
                .getCode();
    }

    private static Postroom with(List<String> problems, long deadLetters, long failedAttempts) {
        return (Postroom) Proxy.newProxyInstance(
                Postroom.class.getClassLoader(),
                new Class<?>[] {Postroom.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "problems" -> problems;
                    case "warnings" -> List.of();
                    default -> new RecentFailures(deadLetters, failedAttempts, (Duration) arguments[0]);
                });
    }
}
