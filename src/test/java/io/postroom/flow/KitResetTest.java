package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.api.SendResult;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A context that several tests share: {@code reset} between them, and the same process goes on. */
@PostgresTest
class KitResetTest {
    private static final List<String> TABLES =
            List.of("message", "ready", "delayed", "lease", "attempt", "dead_letter", "dedup", "purge_ledger");

    private final HikariDataSource pool;
    private final JdbcClient sql;

    KitResetTest(TestDatabase database) {
        pool = database.pool();
        sql = JdbcClient.create(pool);
    }

    @Test
    void leaves_no_message_in_any_place_and_the_workers_go_on() throws Exception {
        try (Postroom postroom = Postroom.on(pool)
                .handler(Handler.send(
                        "reset",
                        String.class,
                        (text, context) -> text.contains("bad") ? Outcome.reject("bad") : Outcome.done()))
                .start()) {
            PostroomKit kit = PostroomKit.of(postroom);
            CompletableFuture<SendResult> open = fillEachPlace(postroom, kit);

            kit.reset();

            TABLES.forEach(table -> assertThat(rows(table)).as(table).isZero());
            assertThat(rows("operator_action")).as("the ledger stays").isPositive();
            assertThatThrownBy(() -> open.get(30, TimeUnit.SECONDS)).hasMessageContaining("removed by a reset");
            assertThat(postroom.queues().stats("reset.paused").orElseThrow().paused())
                    .isFalse();
            Created again = postroom.queueMessages()
                    .createMessage(CreateMessage.to("reset").payload("good").deduplicate("key"));
            assertThat(again.isNew()).as("its key is forgotten").isTrue();
            kit.await(again.id(), MessageState.DONE);
            kit.reset();
            kit.reset();
            assertThat(postroom.queueMessages().find(MessageFilter.queue("reset")))
                    .isEmpty();
            assertThat(Conservation.check(sql)).isEmpty();
        }
    }

    private static CompletableFuture<SendResult> fillEachPlace(Postroom postroom, PostroomKit kit) {
        QueueMessages messages = postroom.queueMessages();
        postroom.queues().declare(QueueSettings.of("reset.paused"));
        postroom.queues().pause("reset.paused");
        messages.createMessage("reset.paused", "ready");
        messages.createMessage(CreateMessage.to("reset").payload("later").delay(Duration.ofHours(1)));
        Created done =
                messages.createMessage(CreateMessage.to("reset").payload("good").deduplicate("key"));
        kit.await(done.id(), MessageState.DONE);
        kit.await(messages.createMessage("reset", "bad").id(), MessageState.DEAD);
        return messages.sendMessageAsync(CreateMessage.to("reset.paused").payload("never"));
    }

    private int rows(String table) {
        return sql.sql("SELECT count(*) FROM postroom." + table)
                .query(Integer.class)
                .single();
    }
}
