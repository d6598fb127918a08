package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A fair queue from the declaration to the handlers of a process. */
@PostgresTest
class FairQueueFlowTest {
    private final HikariDataSource pool;
    private final List<String> runs = new CopyOnWriteArrayList<>();

    FairQueueFlowTest(TestDatabase database) {
        this.pool = database.pool();
    }

    @AfterEach
    void nothingIsLost() {
        assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
    }

    private Handler handler(String queue) {
        return Handler.process(queue, String.class, (payload, context) -> {
            runs.add(context.group().orElse(""));
            Thread.sleep(1);
            return Outcome.done();
        });
    }

    private static List<CreateMessage> messages(String queue, String group, int count) {
        return Collections.nCopies(
                count, CreateMessage.to(queue).json("text", 1, "\"x\"").group(group));
    }

    @Test
    void message_of_another_group_starts_long_before_those_that_wait() {
        try (Postroom postroom =
                Postroom.on(pool).handler(handler("busy").concurrency(4)).start()) {
            postroom.queues().declare(QueueSettings.of("busy").fair(true));
            postroom.queueMessages().createMessages(messages("busy", "large", 1500));
            Awaitility.await().until(() -> runs.size() > 50);
            postroom.queueMessages().createMessages(messages("busy", "small", 20));
            Awaitility.await().until(() -> Collections.frequency(runs, "small") == 20);
            assertThat(Collections.frequency(runs, "large"))
                    .as("messages of the large group that have run by then")
                    .isLessThan(1000);
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> runs.size() == 1520);
        }
    }

    @Test
    void all_that_waits_is_run_when_a_queue_becomes_fair_and_when_it_is_no_more() {
        try (Postroom postroom = Postroom.on(pool).handler(handler("live")).start()) {
            for (boolean isFair : List.of(false, true, false)) {
                postroom.queues().declare(QueueSettings.of("live").fair(isFair));
                postroom.queueMessages().createMessages(messages("live", "a", 100));
                postroom.queueMessages().createMessages(messages("live", "b", 100));
            }
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> runs.size() == 600);
            Awaitility.await()
                    .until(() -> postroom.queues().stats("live").orElseThrow().inProgress() == 0);
        }
    }

    /** Who sends it would wait for the handler otherwise, which ends when the answer is there, or after 20 s. */
    @Test
    void message_sent_synchronously_is_stored_only() {
        CountDownLatch answered = new CountDownLatch(1);
        Handler handler = Handler.process("sync", String.class, (payload, context) -> {
            answered.await(20, TimeUnit.SECONDS);
            runs.add("");
            return Outcome.done();
        });
        try (Postroom postroom = Postroom.on(pool).handler(handler).start()) {
            postroom.queues().declare(QueueSettings.of("sync").fair(true));
            MessageState state = postroom.queueMessages()
                    .sendMessageSync(
                            CreateMessage.to("sync").json("text", 1, "\"x\"").group("a"))
                    .state();
            answered.countDown();
            assertThat(state).isIn(MessageState.READY, MessageState.IN_PROGRESS);
            Awaitility.await().until(() -> runs.size() == 1);
        }
    }

    @Test
    void kit_runs_the_messages_of_a_fair_queue() {
        AtomicBoolean ran = new AtomicBoolean();
        Handler handler = Handler.process("kit", String.class, (payload, context) -> {
            ran.set(true);
            return Outcome.done();
        });
        try (Postroom postroom =
                Postroom.on(pool).workers(false).handler(handler).start()) {
            postroom.queues().declare(QueueSettings.of("kit").fair(true));
            postroom.queueMessages().createMessages(messages("kit", "a", 3));
            assertThat(PostroomKit.of(postroom).drain()).isEqualTo(3);
            assertThat(ran).isTrue();
        }
    }
}
