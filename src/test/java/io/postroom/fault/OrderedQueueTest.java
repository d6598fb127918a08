package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.QueueSettings;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** An ordered queue under processes that are killed: each group runs in order, one message at a time. */
@PostgresTest
class OrderedQueueTest {
    private static final int GROUPS = 25;
    private static final int IN_EACH = 24;
    private static final int MESSAGES = GROUPS * IN_EACH;

    private final TestDatabase database;
    private final Ledger ledger;

    OrderedQueueTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    @BeforeEach
    void emptyLedger() {
        ledger.create();
        ledger.execute("""
                CREATE TABLE public.span (run bigint GENERATED ALWAYS AS IDENTITY, group_key text NOT NULL, number int NOT NULL,
                    started_at timestamptz NOT NULL DEFAULT clock_timestamp(), ended_at timestamptz)
                """);
    }

    @Test
    @Tag("fault-long")
    void groups_run_in_order_and_one_at_a_time_while_workers_are_killed() throws Exception {
        long seed = System.nanoTime();
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer =
                        Postroom.on(pool).schema(SchemaMode.NONE).workers(false).start()) {
            producer.queues().declare(QueueSettings.of("ordered").ordered(true));
            send(producer, new Random(seed), 0);
            JvmProcess first = WorkerProcess.start(database, "ordered", 0);
            try (first;
                    JvmProcess second = WorkerProcess.start(database, "ordered", 0)) {
                await().atMost(90, TimeUnit.SECONDS).until(() -> ledger.count("span") > 40);
                first.kill();
                send(producer, new Random(seed + 1), IN_EACH / 2);
                ledger.endLeaseTime(first);
                long before = ledger.count("span");
                try (JvmProcess third = WorkerProcess.start(database, "ordered", 0)) {
                    await().atMost(90, TimeUnit.SECONDS).until(() -> ledger.count("span") > before + 40);
                    second.kill();
                    ledger.endLeaseTime(second);
                    ledger.awaitAllFinished(MESSAGES, Duration.ofSeconds(120));
                }
            }
        }
        assertThat(ledger.finished("ordered", "DONE")).as("seed %s", seed).isEqualTo(MESSAGES);
        assertThat(ledger.number("""
                SELECT count(*)
                FROM public.span x
                JOIN public.span y ON y.group_key = x.group_key AND y.run <> x.run
                WHERE y.started_at > x.started_at AND y.started_at < x.ended_at
                """))
                .as("two runs of a group at a time, seed %s", seed)
                .isZero();
        assertThat(ledger.number("""
                SELECT count(*)
                FROM (SELECT x.number, lag(x.number) OVER (PARTITION BY x.group_key ORDER BY x.started_at, x.run) AS before
                      FROM public.span x) y
                WHERE y.number NOT IN (coalesce(y.before, -1), coalesce(y.before, -1) + 1)
                """))
                .as("runs that are neither a repeat nor the next of their group, seed %s", seed)
                .isZero();
        assertThat(ledger.violations()).isEmpty();
        assertThat(ledger.count("postroom.message_group", " WHERE NOT is_free")).isZero();
    }

    /** Sends half of the messages of each group, in bulks of random groups; each group in its order. */
    private static void send(Postroom producer, Random random, int from) {
        int[] next = new int[GROUPS];
        List<CreateMessage> bulk = new ArrayList<>();
        for (int left = MESSAGES / 2; left > 0; left--) {
            int group = random.nextInt(GROUPS);
            while (next[group] == IN_EACH / 2) {
                group = (group + 1) % GROUPS;
            }
            int number = from + next[group]++;
            bulk.add(CreateMessage.to("ordered")
                    .json("number", 1, String.valueOf(number))
                    .group("g" + group)
                    .priority(random.nextInt(10)));
            if (bulk.size() > random.nextInt(40) || left == 1) {
                producer.queueMessages().createMessages(bulk);
                bulk.clear();
            }
        }
    }
}
