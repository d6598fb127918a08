package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.testing.LogRecorder;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Thousands of queues lose their only consumer at once: the first few are named, and the others are counted. */
@PostgresTest
class WatchUnconsumedQueuesTest {
    private static final int MORE_THAN_ONE_LOOK_SEES = 1_100;

    private final JdbcClient sql;
    private final WatchUnconsumedQueues job;

    WatchUnconsumedQueuesTest(TestDatabase database) {
        sql = JdbcClient.create(database.pool());
        job = new WatchUnconsumedQueues(PostgresStores.on(database.pool()).jobs());
    }

    @Test
    void many_queues_without_a_consumer_are_counted_and_not_taken_for_consumed_when_another_comes_before_them() {
        sql.sql("INSERT INTO postroom.queue (name) SELECT 'tenant.' || n FROM generate_series(10001, 10000 + ?) n")
                .param(MORE_THAN_ONE_LOOK_SEES)
                .update();
        makeReady("tenant.%");
        try (LogRecorder said = LogRecorder.of(WatchUnconsumedQueues.class.getName(), Level.INFO)) {
            job.run();
            assertThat(said.count("and no running process consumes it")).isEqualTo(10);
            assertThat(said.lines()).hasSize(11).last().asString().startsWith("990 more queues have READY messages");

            sql.sql("INSERT INTO postroom.queue (name) VALUES ('a-first')").update();
            makeReady("a-first");
            job.run(); // the thousandth is not in the answer any more
            assertThat(said.lines()).hasSize(11);

            job.advance(Duration.ofSeconds(61));
            assertThat(job.warnings()).hasSize(11).last().asString().startsWith("991 more queues have READY messages");

            sql.sql("DELETE FROM postroom.ready").update();
            job.run();
            assertThat(said.count("has a consumer again")).isEqualTo(10);
            assertThat(said.lines().get(said.lines().size() - 1)).startsWith("990 more queues have a consumer again");
            assertThat(job.warnings()).isEmpty();
        }
    }

    private void makeReady(String queues) {
        sql.sql("INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id)"
                        + " SELECT nextval('postroom.ready_seq'), q.id, 4, 0, 0, 0, gen_random_uuid()"
                        + " FROM postroom.queue q WHERE q.name LIKE ?")
                .param(queues)
                .update();
    }
}
