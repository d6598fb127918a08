package io.postroom.upgrade;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueSettings;
import io.postroom.handler.Handler;
import io.postroom.internal.jobs.RemoveQueueMessages;
import io.postroom.internal.postgres.purge.PostgresMaintenance;
import io.postroom.testing.Conservation;
import io.postroom.testing.Days;
import io.postroom.testing.PackagedServer;
import io.postroom.testing.PlacedMessages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The recipes for change data capture and for the next major version, between two real servers; times go to target/reliability.txt. */
@Tag("reliability")
@Timeout(600)
class UpgradeRecipesTest {
    private static final int MANY = 2_000;
    private static final Map<String, String> PASSWORD = Map.of("PGPASSWORD", "postgres");

    private final Set<UUID> handled = ConcurrentHashMap.newKeySet();

    @BeforeEach
    void needsPackages() {
        assumeThat(PackagedServer.missing())
                .as("missing here: apt-get install postgresql-15 util-linux")
                .isNull();
    }

    private Postroom start(HikariDataSource pool, boolean works) {
        EngineSettings defaults = EngineSettings.defaults("upgrade");
        return Postroom.on(pool)
                .settings(new EngineSettings(
                        defaults.name(),
                        Duration.ofSeconds(10),
                        Duration.ofSeconds(2),
                        Duration.ofMillis(200),
                        true,
                        true))
                .workers(works)
                .handler(Handler.process("moved", String.class, (payload, context) -> {
                    if (payload.contains("bad")) {
                        return Outcome.reject("bad");
                    }
                    handled.add(context.id());
                    return Outcome.done();
                }))
                .start();
    }

    private static UUID create(Postroom postroom, String payload) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to("moved").payload(payload))
                .id();
    }

    private static List<UUID> createMany(Postroom postroom, int messages) {
        return Stream.generate(() -> create(postroom, "x")).limit(messages).toList();
    }

    private static void note(String line) throws IOException {
        Path results = Path.of("target/reliability.txt");
        Files.writeString(results, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        System.out.println(line);
    }

    /** What must be found on the new server: some done, one dead, one delayed, many that wait. */
    private static final class Content {
        final UUID dead;
        final UUID delayed;
        final List<UUID> waiting;

        Content(Postroom idle) {
            dead = create(idle, "bad");
            delayed = idle.queueMessages()
                    .createMessage(CreateMessage.to("moved").payload("later").delay(Duration.ofDays(2)))
                    .id();
            waiting = createMany(idle, MANY);
        }

        void check(Postroom postroom) {
            assertThat(postroom.queueMessages().find(dead).orElseThrow().state())
                    .isEqualTo(MessageState.DEAD);
            assertThat(postroom.queueMessages().find(delayed).orElseThrow().state())
                    .isEqualTo(MessageState.DELAYED);
        }
    }

    private void goesOn(HikariDataSource pool, Content content, List<UUID> all) {
        try (Postroom postroom = start(pool, true)) {
            UUID afterwards = create(postroom, "afterwards");
            await().atMost(Duration.ofSeconds(120))
                    .until(() -> handled.contains(afterwards) && handled.containsAll(all));
            await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> content.check(postroom));
            assertThat(postroom.queueMessages().redrive(content.dead)).isEqualTo(1);
            postroom.queues().declare(QueueSettings.of("made-on-the-new-server"));
        }
        assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
    }

    @Test
    void next_major_version_by_a_dump_has_every_message() throws Exception {
        try (TwoServers servers = TwoServers.start()) {
            Content content;
            try (Postroom idle = start(servers.oldPool(), false)) {
                content = new Content(idle);
            }
            try (Postroom ignored = start(servers.oldPool(), true)) {
                await().atMost(Duration.ofSeconds(60)).until(() -> handled.size() > MANY / 2);
                assertThatThrownBy(() -> PackagedServer.run(
                                PASSWORD, "db/upgrade/dump.sh", servers.oldServer(), servers.newServer("postgres")))
                        .hasMessageContaining("stop them first");
            }
            silence(servers.oldPool());

            long began = System.nanoTime();
            PackagedServer.run(PASSWORD, "db/upgrade/dump.sh", servers.oldServer(), servers.newServer("postgres"));
            note("upgrade by dump             %d messages in %d ms".formatted(MANY + 2, millisSince(began)));

            goesOn(servers.newPool("postgres"), content, content.waiting);
        }
    }

    @Test
    void next_major_version_by_logical_replication_has_every_message() throws Exception {
        try (TwoServers servers = TwoServers.start()) {
            Content content;
            List<UUID> meanwhile;
            try (Postroom idle = start(servers.oldPool(), false)) {
                content = new Content(idle);
            }
            try (Postroom working = start(servers.oldPool(), true)) {
                JdbcClient host = JdbcClient.create(servers.oldPool());
                host.sql("CREATE TABLE public.keyless (text text)").update();
                assertThatThrownBy(() -> step(servers, "begin")).hasMessageContaining("primary key: public.keyless.");
                host.sql("ALTER TABLE public.keyless REPLICA IDENTITY FULL").update();
                step(servers, "begin");
                meanwhile = createMany(working, 200);
                await().atMost(Duration.ofSeconds(60)).until(() -> handled.size() > MANY / 2);
                assertThatThrownBy(() -> step(servers, "finish")).hasMessageContaining("stop them first");
            }
            silence(servers.oldPool());

            long began = System.nanoTime();
            step(servers, "finish");
            note("upgrade by replication      %d messages, finish took %d ms"
                    .formatted(MANY + 202, millisSince(began)));

            List<UUID> all =
                    Stream.concat(content.waiting.stream(), meanwhile.stream()).toList();
            goesOn(servers.newPool("postgres"), content, all);
        }
    }

    private static void step(TwoServers servers, String step) throws IOException, InterruptedException {
        PackagedServer.run(
                PASSWORD, "db/upgrade/replicate.sh", step, servers.oldServer(), servers.newServer("postgres"));
    }

    /** Lets the time pass after which a stopped process counts as gone. */
    private static void silence(HikariDataSource pool) {
        JdbcClient.create(pool)
                .sql("UPDATE postroom.worker SET beat_at = beat_at - interval '1 minute'")
                .update();
    }

    private static long millisSince(long began) {
        return (System.nanoTime() - began) / 1_000_000;
    }

    @Test
    void subscriber_has_each_message_and_its_end_and_the_purge_goes_on() throws Exception {
        try (TwoServers servers = TwoServers.start()) {
            HikariDataSource source = servers.oldPool();
            start(source, false).close();
            JdbcClient sql = JdbcClient.create(source);
            Days.installedAgo(sql, Duration.ofDays(12));
            PostgresMaintenance maintenance = new PostgresMaintenance(source);
            PlacedMessages placed = new PlacedMessages(sql);
            int worker = placed.worker("node");
            sql.sql("UPDATE postroom.queue SET retention = '0' WHERE id = ?")
                    .param(placed.queue("moved"))
                    .update();
            UUID before =
                    placed.message("moved").age(Duration.ofDays(9)).finishedAgo(worker, "done", Duration.ofDays(9));

            PackagedServer.run(
                    PASSWORD,
                    "psql",
                    "-X",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-d",
                    servers.oldServer(),
                    "-f",
                    "db/replication/publish.sql");
            PackagedServer.run(
                    PASSWORD,
                    "psql",
                    "-X",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-d",
                    servers.newServer("postgres"),
                    "-v",
                    "source=" + servers.oldServer(),
                    "-f",
                    "db/replication/subscribe.sql");
            JdbcClient reports = JdbcClient.create(servers.newPool("postgres"));
            assertThat(columns(reports)).containsAll(columns(sql));

            // in a day that the purge will empty: one that ends, one that is put back because it waits
            UUID done = placed.message("moved").age(Duration.ofDays(8)).finishedAgo(worker, "done", Duration.ofDays(8));
            UUID expired =
                    placed.message("moved").age(Duration.ofDays(8)).finishedAgo(worker, "expired", Duration.ofDays(8));
            UUID waits = placed.message("moved").age(Duration.ofDays(8)).ready();
            UUID dead = placed.message("moved").dead("rejected", "java.io.IOException", "no", "abc");
            awaitEnd(reports, before, "DONE");
            awaitEnd(reports, done, "DONE");
            awaitEnd(reports, expired, "EXPIRED");
            awaitEnd(reports, dead, "DEAD");
            awaitEnd(reports, waits, null);

            new RemoveQueueMessages(maintenance, 1).run();
            assertThat(sql.sql("SELECT id FROM postroom.message ORDER BY id")
                            .query(UUID.class)
                            .list())
                    .containsExactlyInAnyOrder(waits, dead);

            try (Postroom postroom = start(source, true)) { // and goes on, also with the message that was put back
                UUID after = create(postroom, "after");
                awaitEnd(reports, after, "DONE");
                awaitEnd(reports, waits, "DONE");
            }
            assertThat(reports.sql("SELECT count(*) FROM postroom.message")
                            .query(Integer.class)
                            .single())
                    .isEqualTo(6);
            assertThat(reports.sql("SELECT ended FROM postroom.history WHERE id = ?")
                            .param(done)
                            .query(String.class)
                            .single())
                    .as("what the purge removed stays")
                    .isEqualTo("DONE");
        }
    }

    private static void awaitEnd(JdbcClient reports, UUID id, @org.jspecify.annotations.Nullable String end) {
        await().atMost(Duration.ofSeconds(60))
                .untilAsserted(() -> assertThat(
                                reports.sql("SELECT coalesce(ended, 'open') FROM postroom.history WHERE id = ?")
                                        .param(id)
                                        .query(String.class)
                                        .list())
                        .containsExactly(end == null ? "open" : end));
    }

    private static List<String> columns(JdbcClient sql) {
        return sql.sql("""
                        SELECT c.table_name || '.' || c.column_name
                        FROM information_schema.columns c
                        WHERE c.table_schema = 'postroom' AND c.table_name IN ('message', 'attempt', 'queue', 'dead_letter')
                        """).query(String.class).list();
    }
}
