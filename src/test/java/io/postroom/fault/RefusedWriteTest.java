package io.postroom.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.api.Attempt;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.QueueSettings;
import io.postroom.api.StoreException;
import io.postroom.handler.Handler;
import io.postroom.handler.HandlerMode;
import io.postroom.internal.postgres.PostgresJobLocks;
import io.postroom.testing.NotThroughPooler;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TcpProxy;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.LockProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.jdbc.core.simple.JdbcClient;

/** What a caller is told when the server refuses a write or cuts a connection, and that it costs no message an attempt. */
@PostgresTest
@Timeout(120)
class RefusedWriteTest {
    private final TestDatabase database;
    private final JdbcClient sql;

    RefusedWriteTest(TestDatabase database) {
        this.database = database;
        this.sql = JdbcClient.create(database.pool());
    }

    @Test
    void atomic_transaction_that_the_server_cuts_off_spends_no_attempt() {
        sql.sql("CREATE TABLE IF NOT EXISTS public.written (id uuid, delivery int)")
                .update();
        try (Postroom postroom = Postroom.on(database.pool())
                .handler(Handler.process("cut", String.class, (payload, context) -> {
                            int backend = write(context.connection(), context.id(), context.deliveries());
                            if (context.deliveries() == 1) {
                                awaitEnd(backend);
                            }
                            return Outcome.done();
                        })
                        .mode(HandlerMode.ATOMIC))
                .start()) {
            UUID id = postroom.queueMessages().createMessage("cut", "x").id();

            await().atMost(Duration.ofSeconds(60)).until(() -> state(postroom, id) == MessageState.DONE);

            assertThat(postroom.queueMessages().history(id))
                    .extracting(Attempt::outcome)
                    .containsExactly("done");
            assertThat(sql.sql("SELECT delivery FROM public.written WHERE id = ?")
                            .param(id)
                            .query(Integer.class)
                            .list())
                    .containsExactly(2);
        }
    }

    /** Writes, and lets the transaction idle for a moment only. Answers the process of the session. */
    private static int write(Connection connection, UUID id, int delivery) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("INSERT INTO public.written VALUES ('" + id + "', " + delivery + ")");
            if (delivery == 1) {
                statement.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'");
            }
        }
        return connection.unwrap(org.postgresql.PGConnection.class).getBackendPID();
    }

    private void awaitEnd(int backend) {
        await().atMost(Duration.ofSeconds(30))
                .until(() -> sql.sql("SELECT count(*) FROM pg_stat_activity WHERE pid = ?")
                                .param(backend)
                                .query(Integer.class)
                                .single()
                        == 0);
    }

    private static MessageState state(Postroom postroom, UUID id) {
        return postroom.queueMessages().find(id).orElseThrow().state();
    }

    @Test
    void full_disk_is_told_as_such_and_leaves_no_doubt() {
        try (Postroom postroom = Postroom.on(database.pool()).workers(false).start()) {
            postroom.queues().declare(QueueSettings.of("full"));
            refuseMessages("53100");
            try {
                assertThatThrownBy(() -> postroom.queueMessages().createMessage("full", "x"))
                        .isInstanceOfSatisfying(
                                StoreException.class,
                                error -> assertThat(error.state()).isEqualTo("53100"))
                        .hasMessageContaining("nothing was stored")
                        .hasMessageContaining("disk is full")
                        .hasMessageNotContaining("not known");
            } finally {
                acceptMessages();
            }
            assertThat(postroom.queueMessages().createMessage("full", "x").isNew())
                    .isTrue();
        }
    }

    @Test
    void each_message_of_a_group_whose_fate_is_unknown_names_its_own_id() {
        try (Postroom postroom = Postroom.on(database.pool()).workers(false).start()) {
            postroom.queues().declare(QueueSettings.of("unknown"));
            refuseMessages("57P02");
            try {
                List<UUID> ids = List.of(MessageIds.next(), MessageIds.next(), MessageIds.next());
                List<CompletableFuture<Created>> futures = ids.stream()
                        .map(id -> postroom.queueMessages()
                                .createMessageAsync(
                                        CreateMessage.to("unknown").payload("x").id(id)))
                        .toList();
                for (int i = 0; i < ids.size(); i++) {
                    CompletableFuture<Created> future = futures.get(i);
                    assertThatThrownBy(future::get)
                            .isInstanceOf(ExecutionException.class)
                            .cause()
                            .hasMessageContaining("is not known")
                            .hasMessageContaining("find(\"" + ids.get(i) + "\")");
                }
            } finally {
                acceptMessages();
            }
        }
    }

    private void refuseMessages(String state) {
        sql.sql("""
                CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    RAISE EXCEPTION 'refused' USING ERRCODE = '%s';
                END
                $$
                """.formatted(state)).update();
        sql.sql("CREATE TRIGGER refuse BEFORE INSERT ON postroom.message FOR EACH ROW EXECUTE FUNCTION public.refuse()")
                .update();
    }

    private void acceptMessages() {
        sql.sql("DROP FUNCTION public.refuse CASCADE").update();
    }

    @Test
    @NotThroughPooler("the driver knows the process id that the pooler made up")
    void connection_that_was_ended_is_not_told_as_a_savepoint() throws SQLException {
        try (Postroom postroom = Postroom.on(database.pool()).workers(false).start();
                Connection connection = database.connect()) {
            connection.setAutoCommit(false);
            int backend = write(connection);
            sql.sql("SELECT pg_terminate_backend(?)").param(backend).query().singleRow();
            awaitEnd(backend);

            UUID id = MessageIds.next();
            assertThatThrownBy(() -> postroom.queueMessages()
                            .createMessage(
                                    CreateMessage.to("ended").payload("x").id(id), connection))
                    .isInstanceOf(StoreException.class)
                    .hasMessageContaining("could not enqueue message " + id + " in the open transaction")
                    .hasMessageContaining("the connection");
        }
    }

    private static int write(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE TEMP TABLE written (id int) ON COMMIT DROP");
        }
        return connection.unwrap(org.postgresql.PGConnection.class).getBackendPID();
    }

    @Test
    void interrupted_thread_stores_its_message_and_stays_interrupted() {
        try (HikariDataSource host = database.newPool(4);
                HikariDataSource engine = database.newPool(4);
                Postroom postroom = Postroom.on(host)
                        .engineDataSource(engine)
                        .workers(false)
                        .start()) {
            for (String queue : List.of("interrupted.first", "interrupted.second")) {
                // No connection is left in either pool: each has to open one, and the thread to wait for it.
                host.getHikariPoolMXBean().softEvictConnections();
                engine.getHikariPoolMXBean().softEvictConnections();
                Thread.currentThread().interrupt();
                try {
                    assertThat(postroom.queueMessages()
                                    .createMessage(queue, "x")
                                    .isNew())
                            .isTrue();
                    assertThat(postroom.queueMessages()
                                    .createMessageAsync(CreateMessage.to(queue).payload("x"))
                                    .isCompletedExceptionally())
                            .isFalse();
                } finally {
                    assertThat(Thread.interrupted()).isTrue();
                }
            }
        }
    }

    @Test
    void job_whose_first_lock_meets_no_database_is_told_so_and_gets_it_later() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(database.host(), database.port());
                HikariDataSource pool = new HikariDataSource()) {
            pool.setJdbcUrl("jdbc:postgresql://127.0.0.1:" + proxy.port() + "/" + database.name());
            pool.setUsername(database.user());
            pool.setPassword(database.password());
            pool.setMinimumIdle(0);
            pool.setInitializationFailTimeout(-1);
            pool.setConnectionTimeout(500);
            LockProvider locks = PostgresJobLocks.on(pool);
            LockConfiguration once = new LockConfiguration(Instant.now(), "job", Duration.ofMinutes(1), Duration.ZERO);
            proxy.refuseNew();
            assertThatThrownBy(() -> locks.lock(once))
                    .isNotInstanceOf(UnsupportedOperationException.class)
                    .hasMessageContaining("JDBC Connection")
                    .hasMessageNotContaining("UNKNOWN");
            proxy.resume();
            await().atMost(Duration.ofSeconds(30))
                    .ignoreExceptions()
                    .until(() -> locks.lock(once).isPresent());
        }
    }
}
