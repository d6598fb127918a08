package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.ConsumerInfo;
import io.postroom.api.Receipts;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** An order to stop that some processes cannot follow: the answer says which, and what they hold. */
@PostgresTest
class StoppedConsumersTest {
    private static final String QUEUE = "plain";

    private final TestDatabase database;
    private final Ledger ledger;

    StoppedConsumersTest(TestDatabase database) {
        this.database = database;
        ledger = new Ledger(database);
    }

    @BeforeEach
    void emptyLedger() {
        ledger.create();
    }

    @Test
    @Tag("fault-long")
    void frozen_and_killed_process_are_named_with_what_they_hold_and_the_frozen_one_stops_when_it_wakes_up()
            throws Exception {
        try (HikariDataSource pool = database.newPool(4);
                JvmProcess frozen = WorkerProcess.start(database, "hold", 600_000);
                JvmProcess killed = WorkerProcess.start(database, "hold", 600_000)) {
            try (Postroom producer =
                    Postroom.on(pool).schema(SchemaMode.NONE).workers(false).start()) {
                for (int i = 0; i < 4; i++) { // two for each: a handler of theirs takes one at a time
                    producer.queueMessages().createMessage(QUEUE, "x");
                    int started = i + 1;
                    await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("run") == started);
                }
            }
            frozen.freeze();
            killed.kill();
            try (Postroom healthy = Postroom.on(pool)
                    .schema(SchemaMode.NONE)
                    .settings(FaultWorker.longLease("healthy"))
                    .handler(FaultWorker.plain(pool, Duration.ZERO))
                    .start()) {
                Receipts receipts = healthy.consumers().stopAll(QUEUE, Duration.ofSeconds(2));

                assertThat(receipts.of()).isEqualTo(3);
                assertThat(receipts.stopped()).isEqualTo(1);
                assertThat(receipts.inFlight()).isEqualTo(4);
                assertThat(receipts.silent())
                        .extracting(Receipts.Silent::worker)
                        .containsExactlyInAnyOrder(
                                FaultWorker.holderName(frozen.pid()), FaultWorker.holderName(killed.pid()));
                assertThat(receipts.silent().stream()
                                .mapToInt(Receipts.Silent::holds)
                                .sum())
                        .isEqualTo(4);

                healthy.queueMessages().createMessage(QUEUE, "nobody takes it");
                frozen.thaw();
                await().atMost(60, TimeUnit.SECONDS)
                        .until(() -> answered(healthy).contains(FaultWorker.holderName(frozen.pid())));
                assertThat(healthy.queues().stats(QUEUE).orElseThrow().ready()).isEqualTo(1);
                assertThat(ledger.count("run")).isEqualTo(4);
                assertThat(ledger.violations()).isEmpty();
            }
        }
    }

    /** Names of the live consumers that are not silent. */
    private static List<String> answered(Postroom postroom) {
        List<String> silent = postroom.consumers().stopAll(QUEUE, Duration.ZERO).silent().stream()
                .map(Receipts.Silent::worker)
                .toList();
        return postroom.consumers().list(QUEUE).stream()
                .map(ConsumerInfo::worker)
                .filter(worker -> !silent.contains(worker))
                .toList();
    }
}
