package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** A message is cancelled while its handler runs, from another process. */
@PostgresTest
class CancelRunningFlowTest {
    private final TestDatabase database;

    CancelRunningFlowTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void handler_is_told_and_its_result_is_refused() throws Exception {
        CompletableFuture<Boolean> stillOurs = new CompletableFuture<>();
        CountDownLatch running = new CountDownLatch(1);
        Handler handler = Handler.send("cancelled", String.class, (payload, context) -> {
                    if (payload.contains("next")) {
                        return Outcome.done();
                    }
                    running.countDown();
                    try {
                        new CountDownLatch(1).await();
                    } catch (InterruptedException told) {
                        stillOurs.complete(context.isStillOurs());
                    }
                    return Outcome.done();
                })
                .concurrency(1);
        EngineSettings quick = new EngineSettings(
                "worker", Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofMillis(200), true, true);
        try (Postroom worker = Postroom.on(database.pool())
                        .settings(quick)
                        .handler(handler)
                        .start();
                Postroom operator =
                        Postroom.on(database.newPool(3)).workers(false).start()) {
            UUID id = worker.queueMessages().createMessage("cancelled", "long").id();
            running.await();

            assertThat(operator.queueMessages().cancel(id)).isZero();
            assertThat(operator.queueMessages().cancelRunning(id)).isEqualTo(1);

            assertThat(operator.queueMessages().find(id).orElseThrow().state()).isEqualTo(MessageState.CANCELLED);
            assertThat(stillOurs.get(60, TimeUnit.SECONDS)).isFalse();
            PostroomKit.of(worker)
                    .await(
                            worker.queueMessages()
                                    .createMessage("cancelled", "next")
                                    .id(),
                            MessageState.DONE);
            assertThat(operator.queueMessages().find(id).orElseThrow().state()).isEqualTo(MessageState.CANCELLED);
            assertThat(operator.queueMessages().history(id))
                    .singleElement()
                    .satisfies(attempt -> assertThat(attempt.outcome()).isEqualTo("cancelled"));
            await().atMost(Duration.ofSeconds(60))
                    .until(() ->
                            worker.queues().stats("cancelled").orElseThrow().inProgress() == 0);
        }
    }
}
