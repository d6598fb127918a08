package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.RetryPolicy;
import io.postroom.handler.Handler;
import io.postroom.internal.jobs.InspectDatabase;
import io.postroom.internal.jobs.MaintainPartitions;
import io.postroom.internal.jobs.RemoveQueueMessages;
import io.postroom.internal.postgres.PostgresInspection;
import io.postroom.internal.postgres.purge.PostgresMaintenance;
import io.postroom.internal.storage.MaintenanceStore;
import io.postroom.test.PostroomKit;
import io.postroom.testing.LogRecorder;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.UUID;
import javax.sql.DataSource;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Settings of a queue that slipped in past the rules of its table, and one that keeps messages for ever: jobs and processes go on. */
@PostgresTest
class OddQueueSettingsTest {
    private final DataSource pool;
    private final JdbcClient sql;

    OddQueueSettingsTest(TestDatabase database) {
        pool = database.pool();
        sql = JdbcClient.create(pool);
    }

    @ParameterizedTest
    @ValueSource(strings = {"infinity", "-infinity", "-1 hour"})
    void process_starts_handles_and_purges_with_times_outside_the_limits_and_says_them(String time) {
        boolean hasInfinity = sql.sql("SELECT current_setting('server_version_num')::int >= 170000")
                .query(Boolean.class)
                .single();
        String stored =
                hasInfinity || !time.endsWith("infinity") ? time : time.startsWith("-") ? "-4000 years" : "9999 years";
        withoutRules(() -> {
            sql.sql(
                            "INSERT INTO postroom.queue (name, time_to_live, retention) VALUES ('odd', ?::interval, ?::interval)")
                    .params(stored, stored)
                    .update();
            try (Postroom postroom = Postroom.on(pool)
                            .workers(false)
                            .handler(Handler.send("odd", String.class, (payload, context) -> Outcome.done()))
                            .start();
                    LogRecorder said = LogRecorder.of("io.postroom.internal.jobs.InspectDatabase", Level.WARN)) {
                UUID fromJava = postroom.queueMessages()
                        .createMessage(CreateMessage.to("odd").payload("x"))
                        .id();
                UUID fromSql = sql.sql("SELECT id FROM postroom.create_message('odd', '1')")
                        .query(UUID.class)
                        .single();
                PostroomKit.of(postroom).drain();
                assertThat(state(postroom, fromJava)).isEqualTo(MessageState.DONE);
                assertThat(state(postroom, fromSql)).isEqualTo(MessageState.DONE);

                runTheJobs();
                InspectDatabase inspect = new InspectDatabase(new PostgresInspection(pool));
                inspect.run();
                inspect.run();

                assertThat(said.lines()).hasSize(2);
                assertThat(said.count("queue \"odd\" has the time_to_live ")).isOne();
                assertThat(said.count("queue \"odd\" has the retention ")).isOne();
                assertThat(inspect.obstacles()).isEmpty();
            }
        });
    }

    @Test
    void waits_that_cannot_be_read_are_said_and_those_of_the_handler_hold() {
        withoutRules(() -> {
            RetryPolicy own = RetryPolicy.delays(Duration.ofMinutes(1), Duration.ofMinutes(2))
                    .rejectOn(IllegalArgumentException.class);
            sql.sql("INSERT INTO postroom.queue (name, retry_after, max_attempts, settings_by)"
                            + " VALUES ('waits', '10 minutes', 2, 'operator')")
                    .update();
            try (Postroom postroom = Postroom.on(pool)
                            .handler(Handler.send("waits", String.class, (payload, context) -> {
                                        throw payload.contains("hopeless")
                                                ? new IllegalArgumentException(payload)
                                                : new IllegalStateException(payload);
                                    })
                                    .retry(own))
                            .start();
                    LogRecorder said = LogRecorder.of("io.postroom.internal.jobs.InspectDatabase", Level.WARN)) {
                PostroomKit kit = PostroomKit.of(postroom);
                UUID id = postroom.queueMessages().createMessage("waits", "x").id();
                UUID hopeless = postroom.queueMessages()
                        .createMessage("waits", "hopeless")
                        .id();
                kit.await(hopeless, MessageState.DEAD); // what the handler's policy rejects
                kit.await(id, MessageState.DELAYED);
                kit.advance(Duration.ofMinutes(1)); // the handler's first wait
                kit.await(id, MessageState.DEAD); // after the operator's two attempts
                Awaitility.await()
                        .atMost(Duration.ofSeconds(60))
                        .until(() ->
                                said.count("queue \"waits\" has the retry_after \"10 minutes\", which cannot be read")
                                        == 1);
            }
        });
    }

    @Test
    void what_is_kept_for_ever_is_not_purged() {
        sql.sql(
                        "INSERT INTO postroom.queue (name, retention) VALUES ('kept', interval '365000 days'), ('short', interval '1 day')")
                .update();
        PlacedMessages messages = new PlacedMessages(pool);
        int worker = messages.worker("w");
        UUID kept =
                messages.message("kept").age(Duration.ofDays(300)).finishedAgo(worker, "done", Duration.ofDays(300));
        UUID old = messages.message("short").age(Duration.ofDays(3)).finishedAgo(worker, "done", Duration.ofDays(3));

        runTheJobs();

        assertThat(sql.sql("SELECT id FROM postroom.message").query(UUID.class).list())
                .contains(kept)
                .doesNotContain(old);
    }

    private void runTheJobs() {
        MaintenanceStore maintenance = new PostgresMaintenance(pool);
        new MaintainPartitions(maintenance).run();
        new RemoveQueueMessages(maintenance).run();
    }

    private static MessageState state(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }

    /** Removes the constraints meanwhile, as a restore of an older dump would. */
    private void withoutRules(Runnable test) {
        sql.sql(
                        "ALTER TABLE postroom.queue DROP CONSTRAINT queue_time_to_live_range, DROP CONSTRAINT queue_retention_range,"
                                + " DROP CONSTRAINT queue_retry_after_readable")
                .update();
        try {
            test.run();
        } finally {
            sql.sql("DELETE FROM postroom.queue").update();
            sql.sql("ALTER TABLE postroom.queue"
                            + " ADD CONSTRAINT queue_time_to_live_range CHECK (true), ADD CONSTRAINT queue_retention_range CHECK (true),"
                            + " ADD CONSTRAINT queue_retry_after_readable CHECK (true)")
                    .update();
        }
    }
}
