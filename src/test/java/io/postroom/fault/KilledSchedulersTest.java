package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.Schedule;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Schedules of each second in two processes of different time zones, which are killed. The messages are the account. */
@PostgresTest
class KilledSchedulersTest {
    private static final int SCHEDULES = 40;

    private final TestDatabase database;
    private final Ledger ledger;

    KilledSchedulersTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    @BeforeEach
    void emptyLedger() {
        ledger.create();
    }

    @Test
    @Tag("fault-long")
    void each_planned_time_has_one_message_while_processes_are_killed() throws Exception {
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer =
                        Postroom.on(pool).schema(SchemaMode.NONE).workers(false).start()) {
            for (int i = 0; i < SCHEDULES; i++) {
                producer.schedules()
                        .declare(Schedule.every(name(i), Duration.ofSeconds(1))
                                .missedUpTo(1000)
                                .message(CreateMessage.to("plain").json("1")));
            }
            try (JvmProcess first = WorkerProcess.startIn("Pacific/Kiritimati", database, "work", 1);
                    JvmProcess second = WorkerProcess.startIn("America/St_Johns", database, "work", 1)) {
                awaitSomeMore();
                first.kill();
                awaitSomeMore();
                second.kill();
            }
            try (JvmProcess third = WorkerProcess.start(database, "work", 1)) {
                awaitSomeMore();
                IntStream.range(0, SCHEDULES).forEach(i -> producer.schedules().delete(name(i)));
                third.kill();
            }
        }
        assertThat(ledger.number("SELECT count(DISTINCT headers ->> 'postroom-schedule') FROM postroom.message"))
                .isEqualTo(SCHEDULES);
        assertThat(ledger.number("""
                SELECT count(*)
                FROM (SELECT headers ->> 'postroom-schedule', headers ->> 'postroom-planned-at'
                      FROM postroom.message
                      GROUP BY 1, 2
                      HAVING count(*) > 1) twice
                """)).as("times with two messages").isZero();
        assertThat(ledger.number("""
                SELECT count(*)
                FROM (SELECT min(at) AS first, max(at) AS last, count(*) AS runs
                      FROM (SELECT headers ->> 'postroom-schedule' AS name, (headers ->> 'postroom-planned-at')::timestamptz AS at
                            FROM postroom.message) m
                      GROUP BY name) s
                WHERE last - first <> (runs - 1) * interval '1 second'
                """))
                .as("schedules with a hole, or times beside the seconds")
                .isZero();
    }

    private static String name(int number) {
        return "each-second-" + number;
    }

    /** Waits for some runs, at a moment that differs from one run of this test to the next. */
    private void awaitSomeMore() {
        long messages = ledger.number("SELECT count(*) FROM postroom.message")
                + ThreadLocalRandom.current().nextInt(SCHEDULES, 3 * SCHEDULES);
        await().atMost(60, TimeUnit.SECONDS)
                .pollInterval(Duration.ofMillis(5))
                .until(() -> ledger.number("SELECT count(*) FROM postroom.message") >= messages);
    }
}
