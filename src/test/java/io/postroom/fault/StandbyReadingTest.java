package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.DatabaseHealth;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueStats;
import io.postroom.api.StoreException;
import io.postroom.cli.CliRun;
import io.postroom.console.ConsoleClient;
import io.postroom.handler.Handler;
import io.postroom.server.RunningServer;
import io.postroom.testing.Conservation;
import io.postroom.testing.ReplicatedServers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Looking at the messages on a standby, which takes no writes. */
@Timeout(180)
class StandbyReadingTest {
    @Test
    @Tag("fault-long")
    void messages_views_health_and_conservation_can_be_read_on_a_standby() throws Exception {
        try (ReplicatedServers servers = ReplicatedServers.start();
                HikariDataSource primary = pool(servers.url());
                HikariDataSource standby = pool(servers.standbyUrl())) {
            UUID done;
            UUID dead;
            UUID waiting;
            try (Postroom postroom = Postroom.on(primary)
                    .handler(Handler.process(
                            "read",
                            String.class,
                            (payload, context) -> payload.contains("bad") ? Outcome.reject("bad") : Outcome.done()))
                    .start()) {
                done = create(postroom, "read", "good");
                dead = create(postroom, "read", "bad");
                waiting = create(postroom, "nobody-consumes", "x");
                await().atMost(Duration.ofSeconds(60))
                        .until(() -> state(postroom, done) == MessageState.DONE
                                && state(postroom, dead) == MessageState.DEAD);
                servers.awaitStandby();
                try (Postroom reader = Postroom.on(standby)
                        .schema(SchemaMode.VALIDATE)
                        .workers(false)
                        .start()) {
                    readAll(reader, done, dead, waiting);
                }
                readBySql(JdbcClient.create(standby));
                readByCommands(servers.standbyUrl(), dead);
                readByConsole(servers.standbyUrl(), dead);
            }
        }
    }

    private static void readAll(Postroom reader, UUID done, UUID dead, UUID waiting) {
        assertThat(state(reader, done)).isEqualTo(MessageState.DONE);
        assertThat(state(reader, dead)).isEqualTo(MessageState.DEAD);
        assertThat(state(reader, waiting)).isEqualTo(MessageState.READY);
        assertThat(reader.queueMessages().history(done)).hasSize(1);
        assertThat(reader.queueMessages().explain(waiting).toString()).isNotEmpty();
        assertThat(reader.queueMessages().find(MessageFilter.queue("read"))).hasSize(2);
        assertThat(reader.queues().stats()).extracting(QueueStats::queue).contains("read", "nobody-consumes");
        DatabaseHealth health = reader.database().health(Duration.ofMinutes(5));
        assertThat(health.findings())
                .extracting(DatabaseHealth.Finding::code)
                .contains("server_settings") // it says that this is a standby
                .doesNotContain("not_seen", "start");
        assertThatThrownBy(() -> create(reader, "read", "x"))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("read-only: a standby");
    }

    private static void readBySql(JdbcClient sql) {
        List<String> views = sql.sql("SELECT table_name FROM information_schema.views WHERE table_schema = 'postroom'")
                .query(String.class)
                .list();
        assertThat(views).isNotEmpty();
        for (String view : views) {
            assertThat(sql.sql("SELECT count(*) FROM postroom." + view)
                            .query(Long.class)
                            .single())
                    .as(view)
                    .isNotNegative();
        }
        assertThat(Conservation.check(sql)).isEmpty();
    }

    private static void readByCommands(String url, UUID dead) {
        String address = url.substring(0, url.indexOf('?'));
        for (List<String> command : List.of(
                List.of("queues"),
                List.of("messages", "--queue", "read"),
                List.of("message", dead.toString()),
                List.of("dead-letters"),
                List.of("ledger"),
                List.of("doctor", "--json"))) {
            CliRun run = CliRun.of(
                    Map.of("PGPASSWORD", "postgres"),
                    CliRun.joined(List.of("--db", address, "--db-user", "postgres"), command.toArray(String[]::new)));
            if (command.get(0).equals("doctor")) {
                assertThat(run.out()).as("%s", run).contains("a standby");
            } else {
                assertThat(run.exitCode()).as("%s: %s", command, run).isZero();
            }
        }
    }

    private static void readByConsole(String url, UUID dead) {
        try (RunningServer server = RunningServer.start(
                "--server.port=0",
                "--spring.datasource.url=" + url,
                "--postroom.schema.mode=validate",
                "--postroom.workers.enabled=false")) {
            ConsoleClient client = new ConsoleClient(server.port(), "/console");
            for (String page : List.of(
                    "/queues",
                    "/queues/read",
                    "/messages?queue=read",
                    "/messages/" + dead,
                    "/dead-letters",
                    "/database")) {
                assertThat(client.page(page)).as(page).contains(page.equals("/database") ? "standby" : "read");
            }
        }
    }

    private static UUID create(Postroom postroom, String queue, String payload) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to(queue).payload(payload))
                .id();
    }

    private static MessageState state(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }

    private static HikariDataSource pool(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(5);
        config.setMinimumIdle(0);
        return new HikariDataSource(config);
    }
}
