package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.QueueSettings;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Two processes consume a queue with a single active consumer, and the active one is killed. */
@PostgresTest
class TakeOverTest {
    private final TestDatabase database;
    private final Ledger ledger;

    TakeOverTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    @BeforeEach
    void emptyLedger() {
        ledger.create();
    }

    @Test
    @Tag("fault-long")
    void one_process_consumes_and_another_takes_over_when_it_is_killed() throws Exception {
        try (HikariDataSource pool = database.newPool(8);
                Postroom producer =
                        Postroom.on(pool).schema(SchemaMode.NONE).workers(false).start()) {
            producer.queues().declare(QueueSettings.of("plain").singleActiveConsumer(true));
            try (JvmProcess killed = WorkerProcess.start(database, "work", 20)) {
                create(producer, 1);
                await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.runsBy(killed.pid()) == 1);
                Postroom second = Postroom.on(pool)
                        .schema(SchemaMode.NONE)
                        .settings(FaultWorker.settings("second"))
                        .handler(FaultWorker.plain(pool, Duration.ZERO))
                        .start();
                long own = ProcessHandle.current().pid();
                try (second) {
                    create(producer, 10);
                    await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("run") >= 11);
                    assertThat(ledger.runsBy(own)).isZero();
                    create(producer, 10);
                    killed.kill();
                    ledger.endLeaseTime(killed);
                    ledger.awaitAllFinished(21, Duration.ofSeconds(60));
                    assertThat(ledger.runsBy(own)).isPositive();
                }
            }
        }
        assertThat(ledger.violations()).isEmpty();
    }

    private static void create(Postroom producer, int messages) {
        for (int i = 0; i < messages; i++) {
            producer.queueMessages().createMessage("plain", "x");
        }
    }
}
