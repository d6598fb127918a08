package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Message;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.Overlap;
import io.postroom.api.Schedule;
import io.postroom.api.ScheduleRun;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A schedule that fires each second, with a handler that takes a minute. */
@PostgresTest
class CrowdedScheduleTest {
    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final Duration SOON = Duration.ofSeconds(60);

    private final Semaphore mayEnd = new Semaphore(0);
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger atOnce = new AtomicInteger();
    private final JdbcClient sql;
    private final Postroom postroom;

    CrowdedScheduleTest(TestDatabase database) {
        sql = JdbcClient.create(database.pool());
        postroom = Postroom.on(database.pool())
                .handler(Handler.send("crowd", String.class, (text, context) -> {
                            atOnce.accumulateAndGet(running.incrementAndGet(), Math::max);
                            mayEnd.acquire();
                            running.decrementAndGet();
                            return Outcome.done();
                        })
                        .concurrency(1))
                .start();
        PostroomKit.of(postroom).reset();
    }

    @AfterEach
    void close() {
        mayEnd.release(10_000);
        postroom.schedules().delete("crowd");
        postroom.close();
    }

    private void fireUntilRuns(int howMany, Overlap overlap) {
        postroom.schedules()
                .declare(Schedule.every("crowd", SECOND)
                        .overlap(overlap)
                        .message(CreateMessage.to("crowd").json("\"x\"")));
        while (runs() < howMany) {
            int before = runs();
            PostroomKit.of(postroom).advance(SECOND);
            await().pollDelay(Duration.ZERO)
                    .pollInterval(Duration.ofMillis(5))
                    .atMost(SOON)
                    .until(() -> runs() > before);
        }
    }

    private int runs() {
        return postroom.schedules().runs("crowd").size();
    }

    private List<Message> messages() {
        return postroom.queueMessages().find(MessageFilter.queue("crowd"));
    }

    private long finished() {
        return messages().stream()
                .filter(message -> message.state() == MessageState.DONE)
                .count();
    }

    @Test
    void skip_keeps_one_message_and_notes_each_run_that_was_left_out() {
        fireUntilRuns(15, Overlap.SKIP);

        assertThat(messages()).hasSize(1);
        assertThat(postroom.schedules().runs("crowd"))
                .filteredOn(run -> run.outcome() == ScheduleRun.Outcome.FIRED)
                .hasSizeLessThanOrEqualTo(1);
        mayEnd.release();
        await().atMost(SOON).until(() -> messages().size() == 2);
        assertThat(finished()).isOne();
        assertThat(atOnce).hasValue(1);
    }

    @Test
    void queue_keeps_every_message_and_they_run_one_by_one() {
        fireUntilRuns(15, Overlap.QUEUE);
        postroom.schedules().pause("crowd");
        int created = messages().size();
        assertThat(created).isGreaterThanOrEqualTo(15);
        assertThat(finished()).isZero();

        mayEnd.release(created);

        await().atMost(SOON).until(() -> finished() == created);
        assertThat(atOnce).hasValue(1);
        assertThat(Conservation.check(sql)).isEmpty();
    }

    @Test
    void cancel_leaves_the_newest_message_alone() {
        fireUntilRuns(15, Overlap.CANCEL);
        postroom.schedules().pause("crowd");

        mayEnd.release(10_000);

        await().atMost(SOON)
                .until(() -> messages().stream()
                        .allMatch(message ->
                                message.state() == MessageState.DONE || message.state() == MessageState.CANCELLED));
        assertThat(messages().get(0).state()).isEqualTo(MessageState.DONE);
        assertThat(finished()).isOne();
        assertThat(Conservation.check(sql)).isEmpty();
    }
}
