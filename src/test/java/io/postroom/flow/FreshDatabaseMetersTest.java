package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.postroom.Postroom;
import io.postroom.metrics.PostroomMetrics;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What a Prometheus reads of a database in which nobody has made a queue yet. */
@PostgresTest
class FreshDatabaseMetersTest {
    private final TestDatabase database;

    FreshDatabaseMetersTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void process_that_measures_says_so_without_a_queue() {
        PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        try (Postroom measuring = Postroom.on(database.pool())
                .queueStatsListener(new PostroomMetrics(meters))
                .start()) {
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> meters.scrape().lines().anyMatch("postroom_queues 0.0"::equals));
            assertThat(measuring.queues().stats()).isEmpty();
        }
    }
}
