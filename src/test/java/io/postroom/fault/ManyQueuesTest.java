package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.testing.Conservation;
import io.postroom.testing.CrashingServer;
import io.postroom.testing.JvmProcess;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.ReplicatedServers;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Many queues in one process: what is killed, restarted or failed over loses no message of any queue, and none commits twice. */
@PostgresTest
class ManyQueuesTest {
    private static final int BLOCK = 1000;
    /** A short lease time: a new process rescues others after one, and looks for messages of lost answers after two. */
    private static final EngineSettings QUICK = new EngineSettings(
            "many", Duration.ofMillis(1_500), Duration.ofMillis(250), Duration.ofMillis(500), true, true);

    private final TestDatabase database;
    private final Ledger ledger;

    ManyQueuesTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    // ---- killed workers

    @Test
    @Tag("fault-long")
    void killed_process_leaves_the_messages_of_its_queues_to_another() throws Exception {
        killWhileDraining(24, 25, 1);
    }

    @Test
    @Tag("fault-long")
    void thousand_queues_are_drained_although_three_processes_are_killed() throws Exception {
        killWhileDraining(1_000, 20, 3);
    }

    private void killWhileDraining(int queues, int each, int kills) throws Exception {
        ledger.create();
        int messages = queues * each;
        try (HikariDataSource pool = database.newPool(4);
                Postroom producer =
                        Postroom.on(pool).schema(SchemaMode.NONE).workers(false).start()) {
            create(producer, ids(messages), queues);
        }
        for (int kill = 1; kill <= kills; kill++) {
            long enough = (long) messages * kill / (kills + 3);
            try (JvmProcess worker = WorkerProcess.start(database, "many:" + queues, 50)) {
                await().atMost(90, TimeUnit.SECONDS)
                        .pollInterval(20, TimeUnit.MILLISECONDS)
                        .until(() -> started() > enough);
                worker.kill();
                ledger.endLeaseTime(worker);
            }
            assertThat(ledger.violations()).isEmpty();
        }
        assertThat(ledger.waitingOrHeld()).isPositive();
        try (HikariDataSource pool = database.newPool(12);
                Postroom last = FaultWorker.many(pool, queues, Duration.ZERO)
                        .settings(QUICK)
                        .start()) {
            ledger.awaitAllFinished(messages, Duration.ofSeconds(180));
        }
        assertThat(ended("DONE") + ended("DEAD")).isEqualTo(messages);
        assertThat(ledger.twiceIn("effect")).isZero();
        assertThat(ledger.number("SELECT count(*) FROM postroom.queue_messages m WHERE m.state = 'DONE'"
                        + " AND NOT EXISTS (SELECT FROM public.run r WHERE r.message_id = m.message_id)"
                        + " AND NOT EXISTS (SELECT FROM public.effect e WHERE e.message_id = m.message_id)"))
                .as("done without a run")
                .isZero();
        assertThat(ledger.number("SELECT count(*) FROM public.effect e JOIN postroom.queue_messages m"
                        + " ON m.message_id = e.message_id WHERE m.state <> 'DONE'"))
                .as("effects of messages that are not done")
                .isZero();
        assertThat(ledger.violations()).isEmpty();
    }

    private long started() {
        return ledger.count("run") + ledger.count("effect");
    }

    private long ended(String state) {
        return ledger.number("SELECT count(*) FROM postroom.queue_messages WHERE state = '" + state + "'");
    }

    // ---- the server

    @Test
    @Tag("fault-long")
    void messages_of_many_queues_survive_a_crash_of_the_database() throws Exception {
        crashWhileDraining(24, 25);
    }

    @Test
    @Tag("fault-long")
    void messages_of_a_thousand_queues_survive_a_crash_of_the_database() throws Exception {
        crashWhileDraining(1_000, 10);
    }

    private static void crashWhileDraining(int queues, int each) throws Exception {
        Runs runs = new Runs();
        try (CrashingServer server = CrashingServer.start();
                HikariDataSource pool = pool(server.url());
                Postroom postroom = start(pool, queues, runs)) {
            List<UUID> before = ids(queues * each);
            create(postroom, before, queues);
            awaitStarted(runs, before, before.size() / 4);
            server.crash();
            server.restart();
            List<UUID> after = ids(queues * 2);
            createWhenever(postroom, after, queues);
            awaitDone(pool, runs, before);
            awaitDone(pool, runs, after);
            assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
        }
    }

    @Test
    @Tag("fault-long")
    void messages_of_a_thousand_queues_survive_a_failover() throws Exception {
        int queues = 1_000;
        Runs runs = new Runs();
        try (ReplicatedServers servers = ReplicatedServers.start();
                HikariDataSource pool = pool(servers.url());
                Postroom postroom = start(pool, queues, runs)) {
            List<UUID> kept = ids(queues * 5);
            create(postroom, kept, queues);
            servers.cutReplication();
            List<UUID> lost = ids(queues);
            create(postroom, lost, queues); // acknowledged, and gone with the primary
            servers.failOver();
            List<UUID> after = ids(queues * 2);
            createWhenever(postroom, after, queues);
            awaitDone(pool, runs, kept);
            awaitDone(pool, runs, after);
            assertThat(done(pool, lost))
                    .as("messages that the standby never had")
                    .isZero();
            assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
        }
    }

    /** How often a handler was called with each message. */
    private static final class Runs {
        final Map<UUID, Integer> byMessage = new ConcurrentHashMap<>();

        Outcome handle(UUID id) throws InterruptedException {
            byMessage.merge(id, 1, Integer::sum);
            TimeUnit.MILLISECONDS.sleep(20); // the work
            return Outcome.done();
        }
    }

    private static Postroom start(HikariDataSource pool, int queues, Runs runs) {
        Postroom.Builder builder = Postroom.on(pool).settings(QUICK);
        for (int i = 0; i < queues; i++) {
            builder.handler(Handler.process(
                            FaultWorker.manyQueue(i), String.class, (payload, context) -> runs.handle(context.id()))
                    .concurrency(1));
        }
        return builder.start();
    }

    private static List<UUID> ids(int count) {
        List<UUID> ids = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            ids.add(MessageIds.next());
        }
        return ids;
    }

    private static void create(Postroom postroom, List<UUID> ids, int queues) {
        List<CreateMessage> block = new ArrayList<>();
        for (int i = 0; i < ids.size(); i++) {
            block.add(CreateMessage.to(FaultWorker.manyQueue(i % queues))
                    .payload("x")
                    .id(ids.get(i)));
            if (block.size() == BLOCK || i == ids.size() - 1) {
                postroom.queueMessages().createMessages(block);
                block.clear();
            }
        }
    }

    /** Repeats under the same ids, as a caller does while the database is away. */
    private static void createWhenever(Postroom postroom, List<UUID> ids, int queues) {
        await().atMost(90, TimeUnit.SECONDS)
                .pollDelay(Duration.ZERO)
                .ignoreExceptions()
                .until(() -> {
                    create(postroom, ids, queues);
                    return true;
                });
    }

    private static void awaitStarted(Runs runs, List<UUID> ids, int atLeast) {
        Set<UUID> known = runs.byMessage.keySet();
        await().atMost(60, TimeUnit.SECONDS)
                .pollInterval(10, TimeUnit.MILLISECONDS)
                .until(() -> ids.stream().filter(known::contains).count() >= atLeast);
    }

    private static void awaitDone(HikariDataSource pool, Runs runs, List<UUID> ids) {
        await().atMost(180, TimeUnit.SECONDS)
                .pollInterval(300, TimeUnit.MILLISECONDS)
                .ignoreExceptions()
                .untilAsserted(
                        () -> assertThat(done(pool, ids)).as(() -> states(pool)).isEqualTo(ids.size()));
        assertThat(runs.byMessage.keySet()).containsAll(ids);
    }

    private static String states(HikariDataSource pool) {
        return JdbcClient.create(pool)
                .sql("SELECT string_agg(format('%s %s', count, state), ', ') FROM"
                        + " (SELECT state, count(*) FROM postroom.queue_messages GROUP BY state) s")
                .query(String.class)
                .single();
    }

    private static long done(HikariDataSource pool, List<UUID> ids) {
        return JdbcClient.create(pool)
                .sql("SELECT count(*) FROM postroom.queue_messages"
                        + " WHERE state = 'DONE' AND message_id = ANY (string_to_array(?, ',')::uuid[])")
                .param(ids.stream().map(UUID::toString).collect(Collectors.joining(",")))
                .query(Long.class)
                .single();
    }

    private static HikariDataSource pool(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(8);
        config.setConnectionTimeout(5_000);
        return new HikariDataSource(config);
    }
}
