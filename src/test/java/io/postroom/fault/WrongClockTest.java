package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.Limiter;
import io.postroom.api.Schedule;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import io.postroom.testing.WrongClock;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two processes whose own clocks are wrong, one by an hour ahead, the other by an hour behind. The database's clock is right. */
@PostgresTest
@Tag("reliability")
class WrongClockTest {
    private static final int LIMIT = 15;
    private static final Duration HOUR = Duration.ofHours(1);

    private final TestDatabase database;
    private final Ledger ledger;

    @TempDir
    private Path folder;

    WrongClockTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    @BeforeEach
    void emptyLedger() {
        WrongClock.assumeInstalled();
        ledger.create();
        ledger.createStarts();
    }

    @Test
    void nothing_is_early_late_or_twice_and_a_killed_process_is_rescued() throws Exception {
        int messages = 200; // more than a process takes ahead
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer =
                        Postroom.on(pool).schema(SchemaMode.NONE).workers(false).start();
                JvmProcess ahead = worker(HOUR, "work", 50);
                JvmProcess behind = worker(HOUR.negated(), "work", 50)) {
            producer.schedules()
                    .declare(Schedule.every("each-second", Duration.ofSeconds(1))
                            .missedUpTo(1000)
                            .message(CreateMessage.to("plain").json("1")));
            CreateMessage delayed = CreateMessage.to("atomic").json("1").delay(Duration.ofSeconds(3));
            producer.queueMessages().createMessages(Collections.nCopies(messages, delayed));
            awaitSoon(() -> fired() > 4 && ledger.count("effect") == messages);
            assertThat(ledger.number("SELECT count(DISTINCT pid) FROM public.effect"))
                    .isEqualTo(2);
            assertThat(ledger.number("""
                    SELECT count(*)
                    FROM public.effect e
                    JOIN postroom.message m ON m.id = e.message_id
                    WHERE e.at NOT BETWEEN m.created_at + interval '3 seconds' AND m.created_at + interval '1 minute'
                    """)).as("early or late").isZero();

            CreateMessage plain = CreateMessage.to("atomic").json("1");
            producer.queueMessages().createMessages(Collections.nCopies(messages, plain));
            awaitSoon(() -> ledger.count("effect") > messages + messages / 4);
            ahead.kill();
            awaitSoon(() -> ledger.count("effect") == 2 * messages && fired() > 10);
            producer.schedules().delete("each-second");
            awaitSoon(() -> ledger.waitingOrHeld() == 0);
            behind.terminate();
        }
        assertThat(ledger.twiceIn("effect")).isZero();
        assertThat(ledger.number("""
                SELECT count(*) - count(DISTINCT p.at) + (extract(epoch FROM max(p.at) - min(p.at)) + 1 - count(*))::bigint
                FROM (SELECT (headers ->> 'postroom-planned-at')::timestamptz AS at
                      FROM postroom.message
                      WHERE headers ? 'postroom-schedule') p
                """))
                .as("times with two messages or with none")
                .isZero();
        assertThat(ledger.violations()).isEmpty();
    }

    /** The worker writes down its starts by its own clock, from which the error is taken away again here. */
    @Test
    void no_second_has_more_starts_than_allowed() throws Exception {
        int messages = 6 * LIMIT;
        long pidAhead;
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer = Postroom.on(pool)
                        .schema(SchemaMode.NONE)
                        .workers(false)
                        .limiter(Limiter.ofQueue("limited").maxStarts(LIMIT, Duration.ofSeconds(1)))
                        .start();
                JvmProcess ahead = worker(HOUR, "limited", 5);
                JvmProcess behind = worker(HOUR.negated(), "limited", 5)) {
            pidAhead = ahead.pid();
            producer.queueMessages()
                    .createMessages(Collections.nCopies(
                            messages, CreateMessage.to("limited").json("1")));
            awaitSoon(() -> ledger.count("start") == messages && ledger.waitingOrHeld() == 0);
            ahead.terminate();
            behind.terminate();
        }
        ledger.execute("UPDATE public.start SET at = at + CASE pid WHEN " + pidAhead
                + " THEN -1 ELSE 1 END * interval '1 hour'");
        assertThat(
                        ledger.number(
                                "SELECT count(*) FROM public.start WHERE at NOT BETWEEN now() - interval '5 minutes' AND now()"))
                .as("starts by a clock that is not what it should be")
                .isZero();
        assertThat(ledger.number("SELECT count(DISTINCT pid) FROM public.start"))
                .isEqualTo(2);
        assertThat(ledger.mostStartsInASecond()).isBetween(1L, (long) LIMIT);
        assertThat(ledger.violations()).isEmpty();
    }

    private JvmProcess worker(Duration ahead, String mode, long pauseMillis) throws Exception {
        return WorkerProcess.startWith(WrongClock.in(folder, ahead), database, mode, pauseMillis);
    }

    private static void awaitSoon(Callable<Boolean> condition) {
        await().atMost(60, TimeUnit.SECONDS).until(condition);
    }

    private long fired() {
        return ledger.number("SELECT count(*) FROM postroom.message WHERE headers ? 'postroom-schedule'");
    }
}
