package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.Limiter;
import io.postroom.api.Outcome;
import io.postroom.api.Schedule;
import io.postroom.handler.Handler;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PlacedMessages;
import io.postroom.testing.SteppedServer;
import io.postroom.testing.TestDatabase;
import io.postroom.testing.WrongClock;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Two processes on a server whose clock steps. The account is kept outside of that server, by a clock that cannot be set. The server
 * starts with its clock an hour ahead, as one does whose clock is set right later.
 */
@Tag("reliability")
class SteppedClockTest {
    private static final int LIMIT = 15;
    private static final String PLANNED_MICROS =
            "(extract(epoch FROM (headers ->> 'postroom-planned-at')::timestamptz) * 1000000)::bigint";
    private static final String CRASHED = "SELECT count(*) FROM postroom.attempt WHERE outcome = 8";
    private static final long SECOND = Duration.ofSeconds(1).toNanos();

    /** Apart from the intervals of heartbeats and looks, so that a step comes between any two of them. */
    private static final Duration STEP_EVERY = Duration.ofMillis(170);

    private static SteppedServer server;
    private static TestDatabase database;

    private final Ledger ledger = new Ledger(database);

    @BeforeAll
    static void startServer() throws IOException, SQLException {
        WrongClock.assumeInstalled();
        server = SteppedServer.start(Duration.ofHours(1));
        server.clock().set(Duration.ZERO);
        database = server.database();
    }

    @AfterAll
    static void stopServer() throws IOException, InterruptedException {
        if (server != null) {
            if (database != null) {
                database.close();
            }
            server.close();
        }
    }

    @BeforeEach
    void emptyLedger() {
        server.clock().set(Duration.ZERO);
        ledger.create();
    }

    @Test
    void planned_times_fire_once_and_limits_hold_while_the_clock_steps() {
        LimitedStarts starts = new LimitedStarts();
        try (Postroom first = engine("first", starts);
                Postroom second = engine("second", starts)) {
            declare(first, Schedule.every("all", Duration.ofSeconds(1)).missedUpTo(1000));
            declare(first, Schedule.cron("once", "* * * * * *"));
            create(first, "atomic", 40, Duration.ofSeconds(3));
            create(first, "limited", 10 * LIMIT, Duration.ZERO);
            awaitSoon(() -> starts.size() > LIMIT && fired("all") > 1 && fired("once") > 1);

            starts.stepForward(Duration.ofMinutes(5));
            awaitSoon(() -> starts.size() > 5 * LIMIT && fired("all") > 300);

            long farthest = now();
            server.clock().set(Duration.ofMinutes(2));
            create(second, "atomic", 40, Duration.ofMillis(500));
            awaitSoon(() -> starts.size() == 10 * LIMIT && ledger.count("effect") == 80);
            assertThat(ledger.number("SELECT max(" + PLANNED_MICROS + ") FROM postroom.message"))
                    .as("nothing is planned for the time that comes a second time")
                    .isLessThan(farthest + 1_000_000);

            long before = fired("once");
            starts.stepForward(Duration.ofMinutes(5).plusSeconds(5));
            awaitSoon(() -> fired("once") > before + 1);
            List.of("all", "once").forEach(name -> first.schedules().delete(name));
            awaitSoon(() -> ledger.waitingOrHeld() == 0);
        }
        System.out.printf(
                "%d times planned, %d starts, most in a second %d, around a step forward %d%n",
                fired("%"), starts.size(), starts.mostInASecond(false), starts.mostInASecond(true));
        assertThat(starts.mostInASecond(false)).isBetween(1L, (long) LIMIT);
        assertThat(starts.mostInASecond(true)).as("around a step forward").isLessThanOrEqualTo(2 * LIMIT);
        assertThat(ledger.twiceIn("effect")).isZero();
        assertEachTimeHasOneMessage();
        assertThat(ledger.violations()).isEmpty();
    }

    @Test
    void planned_times_fire_once_while_processes_are_killed_and_the_clock_steps() throws Exception {
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer =
                        Postroom.on(pool).schema(SchemaMode.NONE).workers(false).start()) {
            List<String> names =
                    IntStream.range(0, 20).mapToObj(i -> "all-" + i).toList();
            names.forEach(name -> declare(
                    producer, Schedule.every(name, Duration.ofSeconds(1)).missedUpTo(1000)));
            try (JvmProcess first = WorkerProcess.start(database, "work", 1);
                    JvmProcess second = WorkerProcess.start(database, "work", 1)) {
                awaitMoreFired(40);
                server.clock().set(Duration.ofMinutes(2));
                awaitMoreFired(ThreadLocalRandom.current().nextInt(20, 500)); // in the middle of what is made up
                first.kill();
                awaitSoon(() -> fired("all-%") > 20 * 120);
                server.clock().set(Duration.ofMinutes(1));
                second.kill();
            }
            try (JvmProcess third = WorkerProcess.start(database, "work", 1)) {
                server.clock().set(Duration.ofMinutes(3));
                awaitMoreFired(20 * 30);
                awaitSoon(() -> ledger.waitingOrHeld() < 20);
                names.forEach(producer.schedules()::delete);
                awaitSoon(() -> ledger.waitingOrHeld() == 0);
                third.terminate();
            }
        }
        assertEachTimeHasOneMessage();
        assertThat(ledger.violations()).isEmpty();
    }

    /** A step forward that is longer than the lease time ends leases of processes that live, until they send their next heartbeat. */
    @Test
    void result_of_a_run_whose_lease_ended_by_a_step_is_refused() {
        AtomicInteger runs = new AtomicInteger();
        CountDownLatch taken = new CountDownLatch(1);
        CountDownLatch refused = new CountDownLatch(1);
        Handler held = Handler.process("held", String.class, (payload, context) -> {
            int run = runs.incrementAndGet();
            (run == 1 ? taken : refused).await();
            return Outcome.done("run " + run);
        });
        try (Postroom first = engine("first", held);
                Postroom second = engine("second", held)) {
            create(first, "held", 1, Duration.ZERO);
            awaitSoon(() -> runs.get() == 1);
            AtomicInteger steps = new AtomicInteger();
            await().atMost(60, TimeUnit.SECONDS).pollInterval(STEP_EVERY).until(() -> {
                if (ledger.number(CRASHED) > 0) {
                    return true;
                }
                server.clock().set(FaultWorker.LEASE_TIME.multipliedBy(steps.incrementAndGet()));
                return false; // whoever rescues looked behind the next heartbeat
            });
            awaitSoon(() -> runs.get() == 2);
            taken.countDown();
            create(first, "held", 1, Duration.ZERO);
            refused.countDown();
            awaitSoon(() -> ledger.finished("held", "DONE") == 2);
        }
        assertThat(ledger.number("SELECT count(*) FROM postroom.attempt WHERE error = 'run 1'"))
                .as("results of the first run")
                .isZero();
        assertThat(ledger.number(CRASHED)).isEqualTo(1);
        assertThat(runs.get()).isEqualTo(3);
        assertThat(ledger.violations()).isEmpty();
    }

    /** The server has started later than it is now, and the last heartbeat is to come. */
    @Test
    void messages_of_a_dead_process_are_rescued_after_the_clock_was_set_back() {
        PlacedMessages messages = new PlacedMessages(database.pool());
        messages.message("left").leased(messages.worker("dead"));
        server.clock().set(Duration.ofMinutes(-30));
        CountDownLatch run = new CountDownLatch(1);
        Handler handler = Handler.process("left", String.class, (payload, context) -> {
            run.countDown();
            return Outcome.done();
        });
        try (Postroom ignored = engine("alive", handler)) {
            awaitSoon(() -> run.getCount() == 0);
        }
    }

    private static Postroom engine(String name, LimitedStarts starts) {
        return engine(
                name,
                Handler.process("limited", String.class, (payload, context) -> starts.add())
                        .concurrency(8),
                FaultWorker.atomic(Duration.ZERO),
                FaultWorker.plain(database.pool(), Duration.ZERO));
    }

    private static Postroom engine(String name, Handler... handlers) {
        Postroom.Builder builder = Postroom.on(database.newPool(8))
                .schema(SchemaMode.NONE)
                .settings(FaultWorker.settings(name))
                .limiter(Limiter.ofQueue("limited").maxStarts(LIMIT, Duration.ofSeconds(1)));
        List.of(handlers).forEach(builder::handler);
        return builder.start();
    }

    private static void declare(Postroom postroom, Schedule schedule) {
        postroom.schedules().declare(schedule.message(CreateMessage.to("plain").json("1")));
    }

    private static void create(Postroom postroom, String queue, int messages, Duration delay) {
        CreateMessage message = CreateMessage.to(queue).json("1");
        postroom.queueMessages()
                .createMessages(Collections.nCopies(messages, delay.isZero() ? message : message.delay(delay)));
    }

    private static void awaitSoon(Callable<Boolean> condition) {
        await().atMost(60, TimeUnit.SECONDS).until(condition);
    }

    private void awaitMoreFired(int messages) {
        long before = fired("all-%");
        awaitSoon(() -> fired("all-%") > before + messages);
    }

    private long fired(String schedule) {
        return ledger.number(
                "SELECT count(*) FROM postroom.message WHERE headers ->> 'postroom-schedule' LIKE '" + schedule + "'");
    }

    /** Times of a cron schedule that passed in a step are made up by one message. Those of the others have one each. */
    private void assertEachTimeHasOneMessage() {
        String planned = """
                SELECT headers ->> 'postroom-schedule' AS name, (headers ->> 'postroom-planned-at')::timestamptz AS at
                FROM postroom.message
                WHERE headers ? 'postroom-schedule'
                """;
        assertThat(ledger.number("SELECT count(*) FROM (SELECT FROM (" + planned
                        + ") p GROUP BY name, at HAVING count(*) > 1) x"))
                .as("times with two messages")
                .isZero();
        assertThat(ledger.number(
                        "SELECT count(*) FROM (SELECT FROM (" + planned + ") p WHERE name <> 'once' GROUP BY name"
                                + " HAVING max(at) - min(at) <> (count(*) - 1) * interval '1 second') x"))
                .as("schedules with times without a message")
                .isZero();
    }

    private long now() {
        return ledger.number("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    }

    /** When handlers of the limited queue began, by a clock that cannot be set. */
    private static final class LimitedStarts {
        /** The longest that a message may start after its claim, with a period of a second. */
        private static final long BOOKED = Duration.ofMillis(300).toNanos();

        private final Queue<Long> starts = new ConcurrentLinkedQueue<>();
        private final List<long[]> steps = new ArrayList<>();

        Outcome add() {
            starts.add(System.nanoTime());
            return Outcome.done();
        }

        int size() {
            return starts.size();
        }

        /** Starts that were booked before count no more from here on, and some of them are still to come. */
        void stepForward(Duration ahead) {
            long before = System.nanoTime();
            server.clock().set(ahead);
            steps.add(new long[] {before, System.nanoTime() + BOOKED});
        }

        /** @param aroundSteps of the seconds in which starts count no more that were booked before; false: of the others */
        long mostInASecond(boolean aroundSteps) {
            return starts.stream()
                    .filter(start ->
                            aroundSteps == steps.stream().anyMatch(step -> start < step[1] && start + SECOND > step[0]))
                    .mapToLong(start -> starts.stream()
                            .filter(other -> other >= start && other < start + SECOND)
                            .count())
                    .max()
                    .orElse(0);
        }
    }
}
