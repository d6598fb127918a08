package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A process is killed that owns an exclusive queue and is the only consumer of an auto-delete queue: both go, nothing is lost. */
@PostgresTest
class KilledOwnerTest {
    private final TestDatabase database;
    private final Ledger ledger;

    KilledOwnerTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    @BeforeEach
    void emptyLedger() {
        ledger.create();
    }

    @Test
    @Tag("fault-long")
    void queues_of_a_killed_process_go_after_the_lease_time_and_what_waited_is_cancelled() throws Exception {
        Handler another = Handler.process("another", String.class, (payload, context) -> Outcome.done());
        try (HikariDataSource pool = database.newPool(6);
                Postroom survivor = Postroom.on(pool)
                        .schema(SchemaMode.NONE)
                        .settings(FaultWorker.settings("survivor"))
                        .handler(another)
                        .start();
                JvmProcess killed = WorkerProcess.start(database, "kinds", 0)) {
            assertThat(survivor.queues().stats(FaultWorker.OWNED)).isPresent();
            killed.kill();
            List<CreateMessage> created = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                created.add(CreateMessage.to(FaultWorker.OWNED).payload("x"));
                created.add(CreateMessage.to(FaultWorker.AUTO).payload("x"));
            }
            List<UUID> waiting = survivor.queueMessages().createMessages(created).stream()
                    .map(Created::id)
                    .toList();
            await().atMost(60, TimeUnit.SECONDS)
                    .until(() -> survivor.queues().stats(FaultWorker.OWNED).isEmpty()
                            && survivor.queues().stats(FaultWorker.AUTO).isEmpty());
            for (UUID id : waiting) {
                await().atMost(60, TimeUnit.SECONDS)
                        .untilAsserted(() -> assertThat(survivor.queueMessages().history(id))
                                .extracting(Attempt::outcome, Attempt::error)
                                .containsExactly(tuple("cancelled", Optional.of("queue_deleted"))));
            }
        }
        assertThat(ledger.violations()).isEmpty();
    }
}
