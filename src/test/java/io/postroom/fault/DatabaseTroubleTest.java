package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.Outcome;
import io.postroom.api.PostroomException;
import io.postroom.handler.Handler;
import io.postroom.testing.NotThroughPooler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The database goes away and comes back: the engine goes on by itself, nothing is lost, nothing needs a restart. */
@PostgresTest
class DatabaseTroubleTest {
    private static final String TERMINATE_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            + " WHERE datname = current_database() AND pid <> pg_backend_pid()";

    private final TestDatabase database;
    private final Ledger ledger;
    private final Set<UUID> handled = ConcurrentHashMap.newKeySet();

    DatabaseTroubleTest(TestDatabase database) {
        this.database = database;
        this.ledger = new Ledger(database);
    }

    @AfterEach
    void backToNormal() throws SQLException {
        admin("ALTER DATABASE \"" + database.name() + "\" RESET default_transaction_read_only");
    }

    @Test
    void cut_lines_and_a_dead_network_are_survived() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(database.host(), database.port());
                HikariDataSource pool = pool(database.through(proxy));
                Postroom postroom = start(pool, "cut")) {
            createAndAwait(postroom, "cut", 50);
            for (int round = 0; round < 3; round++) {
                proxy.refuseNew();
                proxy.cutAll();
                TimeUnit.MILLISECONDS.sleep(700); // the spell itself
                proxy.resume();
                await().atMost(30, TimeUnit.SECONDS).until(() -> createAndAwait(postroom, "cut", 20));
            }
            // A message whose answer was cut off may be leased although its worker was not told. It comes back
            // sooner than a lost claim.
            await().atMost(20, TimeUnit.SECONDS).until(() -> ledger.waitingOrHeld() == 0);
            assertThat(ledger.violations()).isEmpty();
        }
    }

    @Test
    void half_open_line_is_noticed_and_replaced() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(database.host(), database.port());
                HikariDataSource pool = pool(database.through(proxy));
                Postroom postroom = start(pool, "halfopen")) {
            createAndAwait(postroom, "halfopen", 10);
            proxy.swallow(); // bytes vanish, nobody is told
            TimeUnit.SECONDS.sleep(2);
            proxy.cutAll(); // as a router does in the end
            proxy.resume();
            await().atMost(60, TimeUnit.SECONDS).until(() -> createAndAwait(postroom, "halfopen", 10));
            assertThat(ledger.violations()).isEmpty();
        }
    }

    @Test
    void terminated_backends_cost_nothing_but_a_moment() throws Exception {
        try (HikariDataSource pool = pool(database);
                Postroom postroom = start(pool, "killed")) {
            for (int round = 0; round < 5; round++) {
                UUID id = createWhenever(postroom, "killed");
                admin(TERMINATE_OTHERS);
                await().atMost(30, TimeUnit.SECONDS).until(() -> handled.contains(id));
            }
            await().atMost(30, TimeUnit.SECONDS).until(() -> ledger.waitingOrHeld() == 0);
            assertThat(ledger.violations()).isEmpty();
        }
    }

    @Test
    @NotThroughPooler("a session that the pooler keeps has the settings of its own start")
    void read_only_spell_refuses_creates_with_a_clear_word_and_ends_by_itself() throws Exception {
        try (HikariDataSource pool = pool(database);
                Postroom postroom = start(pool, "readonly")) {
            createAndAwait(postroom, "readonly", 10);
            admin("ALTER DATABASE \"" + database.name() + "\" SET default_transaction_read_only = on");
            admin(TERMINATE_OTHERS);
            assertThatThrownBy(() -> {
                        for (int i = 0; i < 50; i++) {
                            createWhenever(postroom, "readonly");
                        }
                    })
                    .isInstanceOf(PostroomException.class)
                    .hasMessageContaining("read-only");
            admin("SET default_transaction_read_only = off; ALTER DATABASE \"" + database.name()
                    + "\" RESET default_transaction_read_only");
            admin(TERMINATE_OTHERS);
            await().atMost(60, TimeUnit.SECONDS)
                    .ignoreExceptions()
                    .until(() -> createAndAwait(postroom, "readonly", 10));
            await().atMost(30, TimeUnit.SECONDS).until(() -> ledger.waitingOrHeld() == 0);
            assertThat(ledger.violations()).isEmpty();
        }
    }

    @Test
    void host_that_leaks_all_its_connections_keeps_its_leases_and_its_workers() throws Exception {
        try (HikariDataSource pool = pool(database);
                Postroom postroom = start(pool, "leak")) {
            Connection[] leaked = new Connection[pool.getMaximumPoolSize()];
            for (int i = 0; i < leaked.length; i++) {
                leaked[i] = pool.getConnection();
            }
            try (HikariDataSource other = pool(database);
                    Postroom producer = Postroom.on(other).workers(false).start()) {
                createAndAwait(producer, "leak", 50);
                TimeUnit.MILLISECONDS.sleep(FaultWorker.LEASE_TIME.toMillis()); // longer than the others would wait
                assertThat(postroom.problems()).isEmpty();
                createAndAwait(producer, "leak", 50);
            }
            for (Connection connection : leaked) {
                connection.close();
            }
        }
    }

    private Postroom start(HikariDataSource pool, String queue) {
        EngineSettings settings = FaultWorker.settings(queue);
        return Postroom.on(pool)
                .settings(settings)
                .handler(Handler.process(queue, String.class, (payload, context) -> {
                    handled.add(context.id());
                    return Outcome.done();
                }))
                .start();
    }

    private static HikariDataSource pool(TestDatabase database) {
        HikariDataSource pool = database.newPool(4);
        pool.setConnectionTimeout(2_000);
        return pool;
    }

    private boolean createAndAwait(Postroom postroom, String queue, int count) {
        for (int i = 0; i < count; i++) {
            UUID id = createWhenever(postroom, queue);
            await().atMost(Duration.ofSeconds(30))
                    .pollInterval(Duration.ofMillis(2))
                    .until(() -> handled.contains(id));
        }
        return true;
    }

    private static UUID createWhenever(Postroom postroom, String queue) {
        return postroom.queueMessages()
                .createMessage(CreateMessage.to(queue).json("text", 1, "1"))
                .id();
    }

    private void admin(String sql) throws SQLException {
        try (Connection connection = database.connect();
                Statement statement = connection.createStatement()) {
            statement.execute("SET default_transaction_read_only = off");
            statement.execute(sql);
        }
    }
}
