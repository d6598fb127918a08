package io.postroom.internal.postgres.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
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
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
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
        PgBouncer.assumeInstalled();
    }

    @Test
    void a_pooler_that_shares_sessions_is_refused_and_both_settings_are_named() {
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "transaction");
                HikariDataSource prepared = pool(bouncer.url(database));
                HikariDataSource plain = pool(bouncer.url(database) + "?" + SETTINGS);
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

    /** The engine's pools set time limits for their sessions. Of 20 shared sessions 2 had them after a refused start. */
    @Test
    void refused_start_leaves_the_shared_sessions_as_they_were() throws Exception {
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "transaction");
                HikariDataSource prepared = pool(bouncer.url(database));
                HikariDataSource plain = pool(bouncer.url(database) + "?" + SETTINGS)) {
            for (int i = 0; i < 3; i++) {
                assertRefused(Postroom.on(prepared).settings(listening(false)).schema(SchemaMode.NONE));
            }
            assertThat(textsOfSessions(plain, "SHOW statement_timeout")).containsOnly("0");
            assertThat(textsOfSessions(plain, "SHOW lock_timeout")).containsOnly("0");
        }
    }

    @Test
    void pooler_without_transactions_is_refused_and_its_setting_is_named() {
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "statement");
                HikariDataSource plain = pool(bouncer.url(database) + "?" + SETTINGS)) {
            for (SchemaMode mode : SchemaMode.values()) {
                assertThatThrownBy(() -> Postroom.on(plain)
                                .settings(listening(false))
                                .schema(mode)
                                .start()
                                .close())
                        .as(mode.name())
                        .isInstanceOf(PostroomException.class)
                        .hasMessageContaining("pool_mode");
            }
        }
    }

    /** The lock of the migrations is held by a transaction, which a pooler keeps together. */
    @Test
    void two_processes_migrate_an_empty_database_at_once_through_shared_sessions() throws Exception {
        try (TestDatabase empty = TestDatabase.createEmpty();
                PgBouncer bouncer = PgBouncer.inFrontOf(empty, "transaction");
                HikariDataSource first = pool(bouncer.url(database) + "?" + SETTINGS);
                HikariDataSource second = pool(bouncer.url(database) + "?" + SETTINGS)) {
            List<CompletableFuture<Void>> starts = new ArrayList<>();
            for (HikariDataSource pool : List.of(first, second)) {
                starts.add(CompletableFuture.runAsync(() ->
                        Postroom.on(pool).settings(listening(false)).start().close()));
            }
            for (CompletableFuture<Void> start : starts) {
                start.get(100, TimeUnit.SECONDS);
            }
            assertThat(JdbcClient.create(first)
                            .sql("SELECT count(*) FROM postroom.schema_history WHERE NOT success OR version IS NULL")
                            .query(Integer.class)
                            .single())
                    .as("migrations that failed, beside the line of the schema itself")
                    .isLessThanOrEqualTo(1);
        }
    }

    @Test
    void with_both_settings_every_acknowledged_message_is_stored_and_handled() throws Exception {
        Set<UUID> handled = ConcurrentHashMap.newKeySet();
        List<UUID> acknowledged = new ArrayList<>();
        try (PgBouncer bouncer = PgBouncer.inFrontOf(database, "transaction");
                HikariDataSource pool = pool(bouncer.url(database) + "?" + SETTINGS);
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
                HikariDataSource pool = pool(bouncer.url(database))) {
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

    /** Asks in as many sessions as the pool gives at a time. */
    private static List<String> textsOfSessions(HikariDataSource pool, String sql) throws SQLException {
        List<Connection> held = new ArrayList<>();
        List<String> texts = new ArrayList<>();
        try {
            for (int i = 0; i < pool.getMaximumPoolSize(); i++) {
                Connection connection = pool.getConnection();
                connection.setAutoCommit(false);
                held.add(connection);
                try (Statement statement = connection.createStatement();
                        ResultSet row = statement.executeQuery(sql)) {
                    row.next();
                    texts.add(row.getString(1));
                }
            }
        } finally {
            for (Connection connection : held) {
                connection.rollback();
                connection.close();
            }
        }
        return texts;
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
