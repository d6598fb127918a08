package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Times that no clock of the JVM counts, given to a running process. */
@PostgresTest
class EndlessDrainTest {
    private final TestDatabase database;

    EndlessDrainTest(TestDatabase database) {
        this.database = database;
    }

    /** An engine that is half stopped goes on with its heartbeats, and nobody rescues what it holds. */
    @ParameterizedTest
    @ValueSource(longs = {Long.MAX_VALUE, Long.MIN_VALUE})
    void process_stops_as_a_whole(long seconds) {
        try (Postroom postroom = Postroom.on(database.pool())
                .handler(Handler.send("ending", String.class, (text, context) -> Outcome.done()))
                .start()) {
            PostroomKit.of(postroom)
                    .await(
                            postroom.queueMessages()
                                    .createMessage(CreateMessage.to("ending").payload("x"))
                                    .id(),
                            MessageState.DONE);
            assertThat(postroom.recentFailures(Duration.ofSeconds(Long.MAX_VALUE))
                            .failedAttempts())
                    .isZero();

            postroom.stop(Duration.ofSeconds(seconds));

            assertThat(JdbcClient.create(database.pool())
                            .sql("SELECT count(*) FROM postroom.worker WHERE stopped_at IS NULL")
                            .query(Long.class)
                            .single())
                    .isZero();
        }
    }
}
