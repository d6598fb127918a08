package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.Limiter;
import io.postroom.api.QueueSettings;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A limited queue under processes that are killed, seen from outside: the handlers write down when they start. */
@PostgresTest
class LimitedStartsTest {
    private static final int MESSAGES = 90;
    private static final int STARTS = 15;
    private static final int IN_PROGRESS = 4;

    private final TestDatabase database;
    private final Ledger ledger;

    LimitedStartsTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    @BeforeEach
    void emptyLedger() {
        ledger.create();
        ledger.createStarts();
    }

    @Test
    @Tag("fault-long")
    void no_second_has_more_starts_than_allowed_while_workers_are_killed() throws Exception {
        AtomicLong mostInProgress = new AtomicLong();
        AtomicBoolean ended = new AtomicBoolean();
        Thread watch = new Thread(() -> {
            while (!ended.get()) {
                long now = ledger.number("SELECT coalesce(sum(bit_count(open)), 0) FROM postroom.lease");
                mostInProgress.accumulateAndGet(now, Math::max);
                LockSupport.parkNanos(Duration.ofMillis(5).toNanos()); // a message is in progress for 30 ms at least
            }
        });
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer = Postroom.on(pool)
                        .schema(SchemaMode.NONE)
                        .workers(false)
                        .limiter(Limiter.ofQueue("limited")
                                .maxStarts(STARTS, Duration.ofSeconds(1))
                                .maxInProgress(IN_PROGRESS))
                        .start()) {
            producer.queueMessages()
                    .createMessages(IntStream.range(0, MESSAGES)
                            .mapToObj(number -> CreateMessage.to("limited").json("number", 1, String.valueOf(number)))
                            .toList());
            watch.start();
            try (JvmProcess first = WorkerProcess.start(database, "limited", 30);
                    JvmProcess second = WorkerProcess.start(database, "limited", 30)) {
                await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("start") >= 2 * STARTS);
                first.kill();
                ledger.endLeaseTime(first);
                await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("start") >= 4 * STARTS);
                second.kill();
                try (JvmProcess third = WorkerProcess.start(database, "limited", 30)) {
                    ledger.endLeaseTime(second);
                    ledger.awaitAllFinished(MESSAGES, Duration.ofSeconds(60));
                    third.kill();
                }
            }
        } finally {
            ended.set(true);
            watch.join();
        }
        assertThat(ledger.finished("limited", "DONE")).isEqualTo(MESSAGES);
        assertThat(ledger.mostStartsInASecond()).isBetween(1L, (long) STARTS);
        assertThat(mostInProgress.get()).isBetween(1L, (long) IN_PROGRESS);
        assertThat(ledger.violations()).isEmpty();
    }

    /** What a process has claimed when it is stopped is late when it goes on, and its starts count for the others meanwhile. */
    @Test
    @Tag("fault-long")
    void no_second_has_more_starts_than_allowed_while_workers_stall() throws Exception {
        int starts = 100;
        int messages = 500;
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer = Postroom.on(pool)
                        .schema(SchemaMode.NONE)
                        .workers(false)
                        .limiter(Limiter.ofQueue("limited").maxStarts(starts, Duration.ofSeconds(1)))
                        .start();
                JvmProcess first = WorkerProcess.start(database, "limited", 0);
                JvmProcess second = WorkerProcess.start(database, "limited", 0);
                JvmProcess third = WorkerProcess.start(database, "limited", 0)) {
            producer.queueMessages()
                    .createMessages(IntStream.range(0, messages)
                            .mapToObj(number -> CreateMessage.to("limited").json("number", 1, String.valueOf(number)))
                            .toList());
            List<JvmProcess> workers = List.of(first, second, third);
            for (int round = 1; round <= 4; round++) {
                int begun = round * messages / 6;
                await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("start") >= begun);
                JvmProcess stalled = workers.get(round % workers.size());
                stalled.freeze();
                long before = ledger.count("start");
                await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("start") >= before + messages / 20);
                stalled.thaw();
            }
            ledger.awaitAllFinished(messages, Duration.ofSeconds(60));
            workers.forEach(JvmProcess::close);
        }
        assertThat(ledger.mostStartsInASecond()).isBetween(1L, (long) starts);
        assertThat(ledger.violations()).isEmpty();
    }

    /** The groups are those of the messages, read from outside. */
    @Test
    @Tag("fault-long")
    void no_group_starts_more_than_it_may_while_workers_are_killed() throws Exception {
        int starts = 4;
        List<String> groups = List.of("a", "b", "c");
        int messages = 16 * groups.size();
        AtomicLong mostInProgress = new AtomicLong();
        AtomicBoolean ended = new AtomicBoolean();
        Thread watch = new Thread(() -> {
            while (!ended.get()) {
                mostInProgress.accumulateAndGet(mostInProgressOfAGroup(), Math::max);
                LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
            }
        });
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer = Postroom.on(pool)
                        .schema(SchemaMode.NONE)
                        .workers(false)
                        .queue(QueueSettings.of("limited").fair(true))
                        .limiter(Limiter.ofQueue("limited")
                                .maxStartsPerGroup(starts, Duration.ofSeconds(1))
                                .maxInProgressPerGroup(2))
                        .start()) {
            producer.queueMessages()
                    .createMessages(IntStream.range(0, messages)
                            .mapToObj(number -> CreateMessage.to("limited")
                                    .group(groups.get(number % groups.size()))
                                    .json("number", 1, String.valueOf(number)))
                            .toList());
            watch.start();
            try (JvmProcess first = WorkerProcess.start(database, "limited", 30);
                    JvmProcess second = WorkerProcess.start(database, "limited", 30)) {
                await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("start") >= messages / 3);
                first.kill();
                ledger.endLeaseTime(first);
                await().atMost(60, TimeUnit.SECONDS).until(() -> ledger.count("start") >= messages * 2 / 3);
                second.freeze();
                await().atMost(60, TimeUnit.SECONDS).until(() -> mostInProgress.get() > 0);
                second.thaw();
                ledger.awaitAllFinished(messages, Duration.ofSeconds(60));
                second.kill();
            }
        } finally {
            ended.set(true);
            watch.join();
        }
        assertThat(ledger.finished("limited", "DONE")).isEqualTo(messages);
        assertThat(ledger.number("""
                SELECT max((SELECT count(*)
                            FROM public.start y
                            JOIN postroom.message n ON n.id = y.message_id
                            WHERE n.group_key = m.group_key AND y.at >= x.at AND y.at < x.at + interval '1 second'))
                FROM public.start x
                JOIN postroom.message m ON m.id = x.message_id
                """)).isBetween(1L, (long) starts);
        assertThat(mostInProgress.get()).isBetween(1L, 2L);
        assertThat(ledger.violations()).isEmpty();
    }

    private long mostInProgressOfAGroup() {
        return ledger.number("""
                SELECT coalesce(max(n), 0)
                FROM (SELECT count(*) AS n
                      FROM postroom.lease l
                      CROSS JOIN LATERAL unnest(l.message_ids) WITH ORDINALITY u (id, place)
                      JOIN postroom.message m ON m.id = u.id
                      WHERE substring(l.open FROM u.place::int FOR 1) = B'1'
                      GROUP BY m.group_key) x
                """);
    }
}
