package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.EngineSettings;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.handler.Handler;
import io.postroom.test.PostroomKit;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.sql.DataSource;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.dao.PessimisticLockingFailureException;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * The database changes under a running process, so that every number which the process remembers belongs to something else: tables are
 * truncated, a dump is restored. No message goes to another queue's handler, and all of them are handled.
 */
@PostgresTest
class ChangedDatabaseTest {
    private static final EngineSettings QUICK = new EngineSettings(
            "quick", Duration.ofMillis(1_500), Duration.ofMillis(250), Duration.ofMillis(200), true, true);

    private final DataSource pool;
    private final JdbcClient sql;
    private final List<String> handled = new CopyOnWriteArrayList<>();

    ChangedDatabaseTest(TestDatabase database) {
        this.pool = database.pool();
        this.sql = JdbcClient.create(pool);
    }

    @BeforeEach
    @AfterEach
    void leaveNoQueues() {
        truncate();
    }

    /** Statements of the running process lock the same tables in another order: the DROP may be the one that a deadlock ends. */
    private void dropSchema() {
        Awaitility.await()
                .ignoreExceptionsMatching(error -> error instanceof PessimisticLockingFailureException)
                .until(() -> sql.sql("DROP SCHEMA postroom CASCADE").update() >= 0);
    }

    @Test
    void numbers_of_two_queues_are_exchanged_by_a_truncate() {
        try (Postroom postroom = start(true)) {
            create(postroom, "mail", "before");
            awaitHandled("mail before");
            truncate();
            useAtFirst("orders");
            useAtFirst("mail");
            String[] expected = new String[20];
            for (int i = 0; i < 10; i++) {
                createBySql("orders", "o" + i);
                create(postroom, "mail", "m" + i); // the process still has the numbers of before
                expected[2 * i] = "orders o" + i;
                expected[2 * i + 1] = "mail m" + i;
            }
            awaitHandled(expected);
            assertThat(Conservation.check(sql)).isEmpty();
        }
    }

    @Test
    void numbers_of_two_queues_are_exchanged_by_a_restore() {
        try (Postroom postroom = start(true)) {
            create(postroom, "orders", "before");
            awaitHandled("orders before");
            dropSchema();
            Postroom.on(pool).workers(false).start().close(); // migrates
            useAtFirst("orders");
            useAtFirst("mail");
            createBySql("orders", "o");
            createBySql("mail", "m");
            create(postroom, "orders", "p");
            awaitHandled("orders o", "mail m", "orders p");
        }
    }

    @Test
    void a_queue_that_is_gone_is_declared_again_for_producer_and_consumer() {
        try (Postroom postroom = start(true)) {
            create(postroom, "mail", "before");
            awaitHandled("mail before");
            sql.sql("DELETE FROM postroom.queue").update();
            UUID id = create(postroom, "mail", "after");
            awaitHandled("mail after");
            assertThat(sql.sql(
                                    "SELECT count(*) FROM postroom.message m JOIN postroom.queue q ON q.id = m.queue_id WHERE m.id = ?")
                            .param(id)
                            .query(Integer.class)
                            .single())
                    .isEqualTo(1);
        }
    }

    @Test
    void a_process_that_does_not_poll_drains_the_right_queue() {
        try (Postroom postroom = start(false)) {
            create(postroom, "mail", "before");
            assertThat(PostroomKit.of(postroom).drain()).isEqualTo(1);
            truncate();
            createBySql("orders", "o");
            createBySql("mail", "m");
            assertThat(PostroomKit.of(postroom).drain()).isEqualTo(2);
            assertThat(handled).containsExactlyInAnyOrder("mail before", "orders o", "mail m");
            assertThat(postroom.queueMessages()
                            .sendMessageSync(message("orders", "s"))
                            .state())
                    .isEqualTo(MessageState.DONE);
        }
    }

    @Test
    void the_first_message_of_a_new_queue_may_come_in_a_transaction_that_is_older_than_the_queue() throws SQLException {
        try (Postroom postroom = start(false);
                Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            connection.createStatement().execute("SELECT 1"); // the snapshot is taken here
            UUID id = postroom.queueMessages()
                    .createMessage(message("new.queue", "x"), connection)
                    .id();
            connection.commit();
            assertThat(postroom.queueMessages().find(id)).isPresent();
        }
    }

    private Postroom start(boolean workers) {
        return Postroom.on(pool)
                .settings(QUICK)
                .workers(workers)
                .handler(handler("mail"))
                .handler(handler("orders"))
                .start();
    }

    private Handler handler(String queue) {
        return Handler.send(queue, String.class, (payload, context) -> {
            handled.add(queue + " " + payload.replace("\"", "")); // the JSON of a text
            return Outcome.done();
        });
    }

    private static CreateMessage message(String queue, String payload) {
        return CreateMessage.to(queue).payload(payload);
    }

    private static UUID create(Postroom postroom, String queue, String payload) {
        return postroom.queueMessages().createMessage(message(queue, payload)).id();
    }

    /** A transaction for each queue: one for both could meet the running process, which declares them in another order, in a deadlock. */
    private void useAtFirst(String queue) {
        sql.sql("SELECT postroom.queue_for_use(?)").param(queue).query().singleRow();
    }

    private void createBySql(String queue, String payload) {
        sql.sql("SELECT postroom.create_message(?, to_jsonb(?::text))")
                .params(queue, payload)
                .query()
                .singleRow();
    }

    private void awaitHandled(String... expected) {
        await().atMost(Duration.ofSeconds(60))
                .untilAsserted(() -> assertThat(handled).contains(expected));
        assertThat(handled).doesNotHaveDuplicates();
        assertThat(handled).allMatch(line -> !line.matches("mail [op].*|orders m.*"));
    }

    /**
     * Takes the locks of all tables one after the other, so it can meet a statement of a running process in a deadlock. PostgreSQL then
     * ends one of the two. The long deadlock_timeout makes it end the statement of the process, which repeats it, and not this TRUNCATE.
     */
    private void truncate() {
        String tables = sql.sql("SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables"
                        + " WHERE schemaname = 'postroom' AND tablename NOT IN ('schema_history', 'operator_action')")
                .query(String.class)
                .single();
        sql.sql("SET deadlock_timeout = '60s'; TRUNCATE " + tables + " RESTART IDENTITY; RESET deadlock_timeout")
                .update();
    }
}
