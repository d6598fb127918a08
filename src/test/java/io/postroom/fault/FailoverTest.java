package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.testing.Conservation;
import io.postroom.testing.ReplicatedServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Failover to a standby that lacked the last WAL. Sequences go back there: numbers of leases that a running process still holds would be
 * given to new leases, and the results of the lost ones written onto new messages.
 */
class FailoverTest {
    /** A sequence writes 32 numbers ahead to the WAL, so fewer than that would not repeat. */
    private static final int LOST = 100;

    private final Map<String, CountDownLatch> started = new ConcurrentHashMap<>();
    private final CountDownLatch ends = new CountDownLatch(1);

    @Test
    void results_of_leases_that_were_lost_are_not_written_onto_new_messages() throws Exception {
        try (ReplicatedServers servers = ReplicatedServers.start();
                HikariDataSource pool = pool(servers.url());
                Postroom postroom = Postroom.on(pool)
                        .handler(Handler.send("mail", String.class, (payload, context) -> handle(payload))
                                .concurrency(2 * LOST))
                        .start()) {
            assertThat(sendNow(postroom, "quick 0")).isEqualTo(MessageState.DONE);
            servers.cutReplication();
            for (int i = 1; i <= LOST; i++) {
                sendNow(postroom, "quick " + i); // each takes a lease number that the standby lacks
            }
            createAndAwaitStart(postroom, "retried lost");
            createAndAwaitStart(postroom, "done lost");
            createAndAwaitStart(postroom, "done lost too");

            servers.failOver();
            List<UUID> ids = new ArrayList<>();
            for (int i = 0; i < LOST + 20; i++) {
                ids.add(createAndAwaitStart(postroom, "done " + i));
            }
            ends.countDown();

            await().atMost(Duration.ofSeconds(90))
                    .untilAsserted(() -> assertThat(ids).allMatch(id -> state(postroom, id) == MessageState.DONE));
            assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
        }
    }

    private Outcome handle(String json) throws InterruptedException {
        String payload = json.replace("\"", "");
        if (payload.startsWith("quick")) {
            return Outcome.done();
        }
        started(payload).countDown();
        ends.await();
        return payload.startsWith("retried") ? Outcome.retry("again") : Outcome.done();
    }

    private UUID createAndAwaitStart(Postroom postroom, String payload) throws InterruptedException {
        UUID id = create(postroom, payload);
        assertThat(started(payload).await(60, TimeUnit.SECONDS)).isTrue();
        return id;
    }

    private CountDownLatch started(String payload) {
        return started.computeIfAbsent(payload, unused -> new CountDownLatch(1));
    }

    private static MessageState sendNow(Postroom postroom, String payload) {
        return postroom.queueMessages()
                .sendMessageSync(CreateMessage.to("mail").payload(payload))
                .state();
    }

    /** Repeats under the same id, as a caller does while a failover is under way. */
    private static UUID create(Postroom postroom, String payload) {
        UUID id = MessageIds.next();
        await().atMost(Duration.ofSeconds(60))
                .pollDelay(Duration.ZERO)
                .ignoreExceptions()
                .until(() -> postroom.queueMessages()
                        .createMessage(CreateMessage.to("mail").payload(payload).id(id))
                        .id()
                        .equals(id));
        return id;
    }

    private static MessageState state(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }

    private static HikariDataSource pool(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(8);
        config.setConnectionTimeout(5_000);
        return new HikariDataSource(config);
    }
}
