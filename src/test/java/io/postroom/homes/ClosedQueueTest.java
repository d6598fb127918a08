package io.postroom.homes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.internal.postgres.admin.PostgresHome;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Queues that are closed because they get another home: what is there is worked off, also by processes that start now. */
@PostgresTest
class ClosedQueueTest {
    private final TestDatabase database;

    ClosedQueueTest(TestDatabase database) {
        this.database = database;
    }

    private PostroomHomes.Builder home() {
        return PostroomHomes.on(Map.of("a", database.pool()));
    }

    private static Handler handler(String queue) {
        return Handler.send(queue, String.class, (payload, context) -> Outcome.done());
    }

    @Test
    void process_that_starts_now_works_off_what_is_there() {
        UUID order;
        UUID call;
        try (PostroomHomes before = home().queue(QueueSettings.of("calls").kind(QueueKind.AUTO_DELETE))
                .each((home, builder) -> builder.workers(false))
                .start()) {
            order = before.queueMessages().createMessage("orders", "x").id();
            call = before.queueMessages().createMessage("calls", "x").id();
        }
        new PostgresHome(database.pool()).close(Map.of("orders", "home \"b\"", "calls", "home \"b\""));
        try (PostroomHomes now = home().queue(QueueSettings.of("orders").attempts(7))
                .handler(handler("orders"))
                .handler(handler("calls"))
                .start()) {
            PostroomKit.of(now.home("a")).await(order, MessageState.DONE);
            PostroomKit.of(now.home("a")).await(call, MessageState.DONE);
            for (String queue : Set.of("orders", "calls")) {
                assertThatThrownBy(() -> now.queueMessages().createMessage(queue, "x"))
                        .hasMessageContaining("has moved to home \"b\"");
            }
        }
        assertThat(JdbcClient.create(database.pool())
                        .sql(
                                "SELECT count(*) FROM postroom.queue WHERE deleted_at = 'infinity' AND moved_to IS NOT NULL")
                        .query(Long.class)
                        .single())
                .as("closed, as before")
                .isEqualTo(2);
    }

    @Test
    void queue_that_has_moved_keeps_a_restored_database_from_no_other_queue() {
        JdbcClient sql = JdbcClient.create(database.pool());
        try (PostroomHomes old =
                home().handler(handler("gone")).handler(handler("stays")).start()) {
            sql.sql("DELETE FROM postroom.queue").update();
            sql.sql("INSERT INTO postroom.queue (name, moved_to, deleted_at) VALUES ('gone', 'home \"b\"', now())")
                    .update();
            UUID id = old.queueMessages().createMessage("stays", "x").id();
            PostroomKit.of(old.home("a")).await(id, MessageState.DONE);
        }
    }
}
