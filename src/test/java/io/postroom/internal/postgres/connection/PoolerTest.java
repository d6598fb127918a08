package io.postroom.internal.postgres.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.handler.Handler;
import io.postroom.testing.PgBouncer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Behind a real PgBouncer. It is skipped where none is installed. */
@PostgresTest
@Timeout(120)
class PoolerTest {
    private static final String SETTINGS = "prepareThreshold=0";

    private final TestDatabase database;

    PoolerTest(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void needsPgBouncer() {
        assumeThat(PgBouncer.binary())
                .as("pgbouncer is not installed: apt-get install pgbouncer")
                .isPresent();
    }

    @Test
    void a_pooler_that_shares_sessions_is_refused_and_both_settings_are_named() {
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "transaction");
                HikariDataSource prepared = pool(bouncer.url());
                HikariDataSource plain = pool(bouncer.url() + "?" + SETTINGS);
                HikariDataSource direct = pool(database.url())) {
            assertRefused(Postroom.on(prepared).settings(listening(false)));
            assertRefused(Postroom.on(prepared).settings(listening(false)).schema(SchemaMode.NONE));
            assertRefused(Postroom.on(plain).settings(listening(true)));
            assertRefused(Postroom.on(prepared)
                    .settings(listening(false))
                    .schema(SchemaMode.NONE)
                    .engineDataSource(direct));
            assertRefused(Postroom.on(direct).settings(listening(false)).engineDataSource(prepared));
            assertThatThrownBy(() -> SchemaMode.VALIDATE.prepare(prepared)).hasMessageContaining(SETTINGS);
        }
    }

    private static void assertRefused(Postroom.Builder builder) {
        assertThatThrownBy(() -> builder.start().close())
                .isInstanceOf(PostroomException.class)
                .hasMessageContaining(SETTINGS)
                .hasMessageContaining("postroom.listen=false");
    }

    @Test
    void with_both_settings_every_acknowledged_message_is_stored_and_handled() throws Exception {
        Set<UUID> handled = ConcurrentHashMap.newKeySet();
        List<UUID> acknowledged = new ArrayList<>();
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "transaction");
                HikariDataSource pool = pool(bouncer.url() + "?" + SETTINGS);
                Postroom postroom = Postroom.on(pool)
                        .settings(listening(false))
                        .handler(Handler.process("pooled", String.class, (payload, context) -> {
                            handled.add(context.id());
                            return Outcome.done();
                        }))
                        .start()) {
            List<CompletableFuture<List<UUID>>> producers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                producers.add(CompletableFuture.supplyAsync(() -> create(postroom, 25)));
            }
            for (CompletableFuture<List<UUID>> producer : producers) {
                acknowledged.addAll(producer.get(60, TimeUnit.SECONDS));
            }
            await().atMost(Duration.ofSeconds(60)).until(() -> handled.containsAll(acknowledged));
            assertThat(text(pool, "SHOW statement_timeout"))
                    .as("a session that others use has none of the engine's settings")
                    .isEqualTo("0");
        }
        assertThat(JdbcClient.create(database.pool())
                        .sql("SELECT count(*) FROM postroom.message WHERE id = ANY (?)")
                        .param(acknowledged.toArray(UUID[]::new))
                        .query(Integer.class)
                        .single())
                .isEqualTo(100);
    }

    private static List<UUID> create(Postroom postroom, int messages) {
        List<UUID> ids = new ArrayList<>();
        for (int i = 0; i < messages; i++) {
            ids.add(postroom.queueMessages()
                    .createMessage(CreateMessage.to("pooled").payload("x"))
                    .id());
        }
        return ids;
    }

    @Test
    void a_pooler_that_gives_each_client_a_session_of_its_own_is_accepted() {
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "session");
                HikariDataSource pool = pool(bouncer.url())) {
            assertThatCode(() -> Postroom.on(pool).workers(false).start().close())
                    .doesNotThrowAnyException();
        }
    }

    private HikariDataSource pool(String url) {
        HikariDataSource pool = new HikariDataSource();
        pool.setJdbcUrl(url);
        pool.setUsername(database.user());
        pool.setPassword(database.password());
        pool.setMaximumPoolSize(5);
        pool.setMinimumIdle(0);
        return pool;
    }

    private static EngineSettings listening(boolean on) {
        EngineSettings defaults = EngineSettings.defaults("pooler-test");
        return new EngineSettings(
                defaults.name(),
                defaults.leaseTime(),
                defaults.beatInterval(),
                Duration.ofMillis(100),
                on,
                defaults.declareOnUse());
    }

    private static String text(DataSource pool, String sql) throws SQLException {
        try (Connection connection = pool.getConnection()) {
            return JdbcClient.create(
                            new org.springframework.jdbc.datasource.SingleConnectionDataSource(connection, true))
                    .sql(sql)
                    .query(String.class)
                    .single();
        }
    }
}
