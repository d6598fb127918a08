package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageIds;
import io.postroom.api.Outcome;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.testing.Conservation;
import io.postroom.testing.PgBouncer;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * A PgBouncer in front of two databases is killed and started again while both are busy. What was acknowledged is noted outside of the
 * database, and each such message must be stored and handled, in its own database.
 */
@PostgresTest
@Timeout(180)
class RestartedPoolerTest {
    private static final int RESTARTS = 3;

    private final TestDatabase database;

    RestartedPoolerTest(TestDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void needsPgBouncer() {
        PgBouncer.assumeInstalled();
    }

    @ParameterizedTest
    @ValueSource(strings = {"transaction", "session"})
    @Tag("fault-long")
    void no_acknowledged_message_is_lost_when_the_pooler_is_killed_under_load(String mode) throws Exception {
        String parameters = mode.equals("transaction") ? "?prepareThreshold=0" : "";
        boolean listen = mode.equals("session");
        try (TestDatabase other = TestDatabase.create();
                PgBouncer bouncer = PgBouncer.inFrontOf(database, mode);
                Half one = new Half(database, bouncer.url(database) + parameters, listen);
                Half two = new Half(other, bouncer.url(other) + parameters, listen)) {
            for (int i = 0; i < RESTARTS; i++) {
                int had = i;
                for (Half half : List.of(one, two)) {
                    int before = half.acknowledged.size();
                    await().atMost(Duration.ofSeconds(60))
                            .until(() -> half.acknowledged.size() >= before + 20 * (had + 1));
                }
                bouncer.killAndRestart();
            }
            for (Half half : List.of(one, two)) {
                half.checkAll();
            }
        }
    }

    /** A process with a producer and handlers on one of the databases. */
    private static final class Half implements AutoCloseable {
        final Set<UUID> acknowledged = ConcurrentHashMap.newKeySet();
        private final Set<UUID> handled = ConcurrentHashMap.newKeySet();
        private final AtomicBoolean stops = new AtomicBoolean();
        private final TestDatabase database;
        private final HikariDataSource pool;
        private final Postroom postroom;
        private final List<CompletableFuture<Void>> producers = new ArrayList<>();

        Half(TestDatabase database, String url, boolean listen) {
            this.database = database;
            pool = pool(database, url);
            EngineSettings defaults = EngineSettings.defaults("pooled");
            postroom = Postroom.on(pool)
                    .settings(new EngineSettings(
                            defaults.name(),
                            Duration.ofSeconds(3),
                            Duration.ofMillis(500),
                            Duration.ofMillis(100),
                            listen,
                            true))
                    .handler(Handler.process("pooled", String.class, (payload, context) -> {
                        handled.add(context.id());
                        return Outcome.done();
                    }))
                    .start();
            for (int i = 0; i < 2; i++) {
                producers.add(CompletableFuture.runAsync(this::produce));
            }
        }

        /** Repeats a message under its id until it is acknowledged, as a caller does. */
        private void produce() {
            while (!stops.get()) {
                UUID id = MessageIds.next();
                boolean isStored = false;
                while (!isStored && !stops.get()) {
                    try {
                        postroom.queueMessages()
                                .createMessage(
                                        CreateMessage.to("pooled").payload("x").id(id));
                        isStored = true;
                        acknowledged.add(id);
                    } catch (StoreException cut) { // the answer was lost, or there was no connection: the same id again
                    }
                }
            }
        }

        void checkAll() throws Exception {
            stops.set(true);
            for (CompletableFuture<Void> producer : producers) {
                producer.get(60, TimeUnit.SECONDS);
            }
            await().atMost(Duration.ofSeconds(60)).until(() -> handled.containsAll(acknowledged));
            JdbcClient sql = JdbcClient.create(database.pool());
            assertThat(sql.sql("SELECT count(*) FROM postroom.message WHERE id = ANY (?)")
                            .param(acknowledged.toArray(UUID[]::new))
                            .query(Integer.class)
                            .single())
                    .isEqualTo(acknowledged.size());
            await().atMost(Duration.ofSeconds(60))
                    .untilAsserted(() -> assertThat(Conservation.check(sql)).isEmpty());
        }

        private static HikariDataSource pool(TestDatabase database, String url) {
            HikariDataSource pool = new HikariDataSource();
            pool.setJdbcUrl(url);
            pool.setUsername(database.user());
            pool.setPassword(database.password());
            pool.setMaximumPoolSize(5);
            pool.setMinimumIdle(0);
            pool.setConnectionTimeout(5_000);
            return pool;
        }

        @Override
        public void close() {
            stops.set(true);
            postroom.close();
            pool.close();
        }
    }
}
