package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The background cleanup in a running process. */
@PostgresTest
class PurgeTest {
    private final TestDatabase database;

    PurgeTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void finished_messages_leave_by_themselves_when_their_retention_is_over_and_dead_ones_stay() throws SQLException {
        Handler handler = Handler.process(
                "short",
                String.class,
                (payload, context) -> payload.equals("\"bad\"") ? Outcome.reject("bad") : Outcome.done());
        UUID done;
        UUID dead;
        // Finished before the jobs start: the purge looks at once, and then once a minute.
        try (Postroom before =
                Postroom.on(database.pool()).workers(false).handler(handler).start()) {
            before.queues().declare(QueueSettings.of("short").retention(Duration.ZERO));
            done = create(before, "good");
            dead = create(before, "bad");
            PostroomKit.of(before).drain();
            PostroomKit.of(before).await(dead, MessageState.DEAD);
            assertThat(before.queueMessages().find(done)).isPresent();
        }
        try (Postroom postroom = Postroom.on(database.pool()).handler(handler).start()) {
            await().atMost(90, TimeUnit.SECONDS)
                    .until(() -> postroom.queueMessages().find(done).isEmpty());
            assertThat(postroom.queueMessages().find(dead)).isPresent();
            assertThat(postroom.queueMessages().history(done)).isEmpty();
            assertThat(postroom.queueMessages().getMessagesQueueForDelete(MessageFilter.queue("short")))
                    .isEmpty();
            await().atMost(30, TimeUnit.SECONDS).untilAsserted(() -> {
                assertThat(number("SELECT sum(messages) FROM postroom.purge_ledger"))
                        .isEqualTo(1);
                assertThat(number("SELECT count(*) FROM postroom.shedlock")).isEqualTo(2);
            });
        }
    }

    private static UUID create(Postroom postroom, String text) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to("short").json("t", 1, "\"" + text + "\""))
                .id();
    }

    private long number(String sql) throws SQLException {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }
}
