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
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a killed process held: what it had begun comes back as suspects, which run soon and take no other message with them. */
@PostgresTest
class SuspectsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    /** Messages with a crash in their history. */
    private static final String CRASHED = "SELECT DISTINCT message_id FROM postroom.attempt WHERE outcome = 8";

    private final TestDatabase database;
    private final Ledger ledger;

    SuspectsTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    @BeforeEach
    void emptyLedger() {
        ledger.create();
    }

    @Test
    @Tag("fault-long")
    void suspects_are_what_a_killed_worker_had_begun_and_start_soon_under_steady_load_while_others_go_on()
            throws Exception {
        try (HikariDataSource pool = database.newPool(12)) {
            long held;
            long killedPid;
            try (JvmProcess killed = WorkerProcess.start(database, "mixed", 60_000)) {
                create(pool, "0".repeat(300) + "1".repeat(8) + "0".repeat(300));
                await().atMost(PATIENCE).until(() -> ledger.count("run") == 8); // all threads are busy for long
                held = ledger.number("SELECT sum(bit_count(open)) FROM postroom.lease");
                killedPid = killed.pid();
                killed.kill();
                ledger.endLeaseTime(killed);
            }
            ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
            try (Postroom survivor = Postroom.on(pool)
                    .schema(SchemaMode.NONE)
                    .settings(FaultWorker.settings("survivor"))
                    .handler(FaultWorker.mixedHandler(pool, Duration.ofSeconds(1)))
                    .start()) {
                AtomicInteger created = new AtomicInteger();
                clock.scheduleWithFixedDelay( // three of eight threads are busy with these
                        () -> survivor.queueMessages()
                                .createMessage(CreateMessage.to("mixed")
                                        .json("what", 1, created.incrementAndGet() % 8 == 0 ? "1" : "0")),
                        0,
                        40,
                        TimeUnit.MILLISECONDS);
                await().atMost(PATIENCE)
                        .until(() -> ledger.number("SELECT count(*) FROM (" + CRASHED + ") x") > 0
                                && ledger.number("SELECT count(*) FROM postroom.ready WHERE crashes > 0") == 0
                                && ledger.number("SELECT count(*) FROM postroom.lease WHERE crashes IS NOT NULL") == 0);
                clock.shutdown();
                assertThat(clock.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
                ledger.awaitAllFinished(608 + created.get(), PATIENCE);
            } finally {
                clock.shutdownNow();
            }
            assertThat(ledger.number("SELECT count(*) FROM public.run WHERE pid = " + killedPid
                            + " AND message_id NOT IN (" + CRASHED + ")"))
                    .as("each that had begun counts a crash")
                    .isZero();
            assertThat(ledger.number("SELECT count(*) FROM (" + CRASHED + ") x"))
                    .as("what was only prefetched of %d counts none", held)
                    .isBetween(8L, held - 1);
            assertThat(secondsFromRescueToStart()).isLessThan(15); // 5 are promised where the machine is not overloaded
            assertThat(startedBesideSuspects()).isPositive();
        }
        assertThat(ledger.violations()).isEmpty();
    }

    /** The longest, over the eight that the killed worker had begun. */
    private long secondsFromRescueToStart() {
        return ledger.number("""
                SELECT extract(epoch FROM max(r.at - a.finished_at))
                FROM public.run r
                JOIN postroom.attempt a ON a.message_id = r.message_id AND a.outcome = 8
                WHERE r.at > a.finished_at
                """);
    }

    /** How many other messages began while a suspect ran. */
    private long startedBesideSuspects() {
        return ledger.number("""
                WITH crashed AS (%s)
                SELECT count(DISTINCT other.message_id)
                FROM postroom.attempt suspect
                JOIN postroom.attempt other ON other.started_at BETWEEN suspect.started_at AND suspect.finished_at
                WHERE suspect.outcome = 0
                  AND suspect.message_id IN (SELECT message_id FROM crashed)
                  AND other.message_id NOT IN (SELECT message_id FROM crashed)
                """.formatted(CRASHED));
    }

    @Test
    @Tag("fault-long")
    void poison_message_is_dead_at_its_crash_limit_and_its_neighbours_are_done() throws Exception {
        List<JvmProcess> workers = new CopyOnWriteArrayList<>();
        Handler nothing = Handler.process("other", String.class, (payload, context) -> Outcome.done());
        try (HikariDataSource pool = database.newPool(4);
                Postroom rescuer = Postroom.on(pool)
                        .schema(SchemaMode.NONE)
                        .settings(FaultWorker.settings("rescuer"))
                        .handler(nothing)
                        .start()) {
            CompletableFuture.allOf(Stream.generate(() -> CompletableFuture.runAsync(() -> workers.add(start(300))))
                            .limit(4)
                            .toArray(CompletableFuture[]::new))
                    .join();
            create(pool, "1".repeat(4) + "2" + "1".repeat(35));
            await().atMost(PATIENCE).until(() -> {
                workers.stream().filter(worker -> !worker.isAlive()).forEach(ledger::endLeaseTime);
                return ledger.waitingOrHeld() == 0;
            });
            assertThat(workers).filteredOn(JvmProcess::isAlive).hasSize(1);
        } finally {
            workers.forEach(JvmProcess::close);
        }
        assertThat(ledger.finished("mixed", "DONE")).isEqualTo(39);
        assertThat(ledger.number("SELECT count(*) FROM postroom.dead_letter WHERE reason = 'crash_limit'"))
                .isOne();
        assertThat(ledger.number("SELECT max(n) FROM (SELECT count(*) AS n FROM postroom.attempt a WHERE outcome = 8"
                        + " AND EXISTS (SELECT FROM postroom.attempt b WHERE b.message_id = a.message_id AND b.outcome = 0)"
                        + " GROUP BY message_id) x"))
                .as("crashes of a neighbour")
                .isLessThan(3);
        assertThat(ledger.violations()).isEmpty();
    }

    private JvmProcess start(long pauseMillis) {
        try {
            return WorkerProcess.start(database, "mixed", pauseMillis);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void create(HikariDataSource pool, String payloads) {
        try (Postroom producer =
                Postroom.on(pool).schema(SchemaMode.NONE).workers(false).start()) {
            producer.queueMessages()
                    .createMessages(payloads.chars()
                            .mapToObj(payload ->
                                    CreateMessage.to("mixed").json("what", 1, String.valueOf((char) payload)))
                            .toList());
        }
    }
}
