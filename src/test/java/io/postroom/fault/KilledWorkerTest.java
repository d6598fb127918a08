package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Processes that die, freeze and share: every message ends done or dead, and none commits twice. */
@PostgresTest
class KilledWorkerTest {
    private final TestDatabase database;
    private final Ledger ledger;

    KilledWorkerTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    @BeforeEach
    void emptyLedger() {
        ledger.create();
    }

    @Test
    void killed_workers_messages_are_finished_by_another_and_none_commits_twice() throws Exception {
        create("atomic", 600);
        create("plain", 600);
        try (JvmProcess first = WorkerProcess.start(database, "work", 5)) {
            await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("effect") > 50 && ledger.count("run") > 50);
            first.kill();
        }
        assertThat(ledger.waitingOrHeld()).isPositive();
        try (JvmProcess second = WorkerProcess.start(database, "work", 0)) {
            ledger.awaitAllFinished(1200, Duration.ofSeconds(90));
        }
        assertThat(ledger.count("effect")).isEqualTo(ledger.finished("atomic", "DONE"));
        assertThat(ledger.twiceIn("effect")).isZero();
        assertThat(ledger.finished("plain", "DONE") + ledger.finished("plain", "DEAD"))
                .isEqualTo(600);
        assertThat(ledger.violations()).isEmpty();
    }

    @Test
    @Tag("fault-long")
    void frozen_worker_that_wakes_up_late_commits_nothing_of_what_others_took() throws Exception {
        create("atomic", 400);
        try (JvmProcess frozen = WorkerProcess.start(database, "work", 20)) {
            await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("effect") > 10);
            frozen.freeze();
            try (JvmProcess second = WorkerProcess.start(database, "work", 1)) {
                // The frozen one's open transactions hold row locks on their leases until they end: those messages wait
                // for it.
                await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.finished("atomic", "DONE") > 390);
                frozen.thaw();
                ledger.awaitAllFinished(400, Duration.ofSeconds(90));
            }
        }
        assertThat(ledger.count("effect")).isEqualTo(400);
        assertThat(ledger.twiceIn("effect")).isZero();
        assertThat(ledger.violations()).isEmpty();
    }

    @Test
    @Tag("fault-long")
    void two_processes_share_many_messages_and_none_runs_twice_while_its_lease_is_valid() throws Exception {
        share(8_000);
    }

    @Test
    @Tag("fault-long")
    void two_processes_share_a_hundred_thousand_messages_and_none_runs_twice() throws Exception {
        share(100_000);
    }

    private void share(int messages) throws Exception {
        try (JvmProcess one = WorkerProcess.start(database, "work", 0);
                JvmProcess two = WorkerProcess.start(database, "work", 0)) {
            // Else the first may have run all when the second begins.
            await().atMost(60, TimeUnit.SECONDS)
                    .until(() -> ledger.consumes(one, "plain") && ledger.consumes(two, "plain"));
            create("plain", messages);
            ledger.awaitAllFinished(messages, Duration.ofMinutes(4));
            assertThat(ledger.runsBy(one.pid())).isPositive();
            assertThat(ledger.runsBy(two.pid())).isPositive();
        }
        assertThat(ledger.finished("plain", "DONE")).isEqualTo(messages);
        assertThat(ledger.count("run")).isEqualTo(messages);
        assertThat(ledger.twiceIn("run")).isZero();
        assertThat(ledger.violations()).isEmpty();
    }

    @Test
    void process_killed_inside_send_message_sync_leaves_the_sending_to_another() throws Exception {
        try (JvmProcess sender = WorkerProcess.start(database, "sync", 0)) {
            assertThat(ledger.count("postroom.lease", "")).isEqualTo(1);
            sender.kill();
        }
        CompletableFuture<String> sent = new CompletableFuture<>();
        Handler handler = Handler.send("sync", String.class, (payload, context) -> {
            sent.complete(payload);
            return Outcome.done();
        });
        try (HikariDataSource pool = database.newPool(4);
                Postroom other = Postroom.on(pool)
                        .schema(SchemaMode.NONE)
                        .settings(FaultWorker.settings("other"))
                        .handler(handler)
                        .start()) {
            assertThat(sent.get(60, TimeUnit.SECONDS)).isEqualTo("\"hello\"");
            ledger.awaitAllFinished(1, Duration.ofSeconds(10));
        }
        assertThat(ledger.finished("sync", "DONE")).isEqualTo(1);
        assertThat(ledger.violations()).isEmpty();
    }

    private void create(String queue, int count) {
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer =
                        Postroom.on(pool).schema(SchemaMode.NONE).workers(false).start()) {
            List<CreateMessage> block = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                block.add(CreateMessage.to(queue).json("number", 1, String.valueOf(i)));
                if (block.size() == 5000 || i == count - 1) {
                    producer.queueMessages().createMessages(block);
                    block.clear();
                }
            }
        }
    }
}
