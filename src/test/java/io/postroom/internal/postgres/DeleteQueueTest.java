package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Direction;
import io.postroom.api.MessageState;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.internal.jobs.ExpireMessages;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.Declarer;
import io.postroom.internal.storage.Stores;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.util.PSQLException;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Deleting and declaring queues by SQL, and what happens to whoever uses a queue in the moment of its deletion. */
@PostgresTest
class DeleteQueueTest {
    private final StoreFixture fixture;
    private final Stores stores;
    private final Sessions sessions;
    private final JdbcClient sql;
    private final String queue;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    DeleteQueueTest(DataSource pool) {
        fixture = new StoreFixture(pool);
        stores = fixture.stores;
        sessions = new Sessions(pool);
        sql = JdbcClient.create(pool);
        queue = fixture.queue.name();
    }

    @AfterEach
    void stopThreads() {
        threads.shutdownNow();
    }

    // ---- if_empty

    @Test
    void queue_with_anything_in_it_is_not_deleted_if_it_has_to_be_empty() {
        UUID delayed =
                fixture.enqueue(fixture.message().delay(Duration.ofHours(1))).id();
        assertRefused("is not empty: messages wait in it");
        stores.operator().cancel(delayed);
        fixture.enqueue();
        assertRefused("is not empty: messages wait in it");
        ClaimedMessage held = fixture.claimOne();
        assertRefused("is not empty: messages are in progress");
        stores.leases().complete(fixture.worker, List.of(StoreFixture.dead(held, "no")));
        assertRefused("is not empty: it has dead letters");
        stores.operator().redrive(held.id());
        stores.leases().complete(fixture.worker, List.of(StoreFixture.done(fixture.claimOne())));
        assertThat(stores.operator().delete(queue, true, true)).isTrue();
    }

    /** Its transaction is not committed when the queue is found empty: the message ends visibly, and is not lost. */
    @Test
    void message_whose_transaction_is_open_while_the_queue_is_deleted_is_cancelled_with_the_reason()
            throws SQLException {
        UUID late;
        try (Connection open = sessions.begin()) {
            late = stores.enqueue().enqueue(fixture.message().build(), open).id();
            assertThat(stores.operator().delete(queue, true, false)).isTrue();
            open.commit();
        }
        assertThat(fixture.places(late)).containsExactly("ready");
        assertThat(stores.queries().explain(late).get(0)).startsWith("queue_deleted: ");
        fixture.execute("UPDATE postroom.queue SET deleted_at = deleted_at - interval '16 seconds' WHERE name = '"
                + queue + "'");
        new ExpireMessages(stores.jobs()).run();
        assertThat(stores.queries().states(List.of(late))).containsEntry(late, MessageState.CANCELLED);
        assertThat(fixture.text("SELECT error FROM postroom.message_history WHERE message_id = '" + late + "'"))
                .isEqualTo("queue_deleted");
    }

    @Test
    void message_that_is_created_after_the_deletion_makes_the_queue_anew() {
        stores.operator().delete(queue, true, false);
        UUID next = sql.sql("SELECT id FROM postroom.create_message(?)")
                .param(queue)
                .query(UUID.class)
                .single();
        stores.jobs().cancelDeleted(Duration.ZERO, 100, true);
        assertThat(fixture.places(next)).containsExactly("ready");
    }

    @Test
    void message_in_progress_ends_as_it_would_have_and_one_that_comes_back_is_cancelled() {
        fixture.enqueue();
        fixture.enqueue();
        List<ClaimedMessage> held = fixture.claim(2);
        assertThat(stores.operator().delete(queue, false, false)).isTrue();
        stores.leases()
                .complete(fixture.worker, List.of(StoreFixture.done(held.get(0)), Completion.release(held.get(1))));
        fixture.execute("UPDATE postroom.queue SET deleted_at = deleted_at - interval '16 seconds' WHERE name = '"
                + queue + "'");
        new ExpireMessages(stores.jobs()).run();
        assertThat(stores.queries().states(List.of(held.get(0).id(), held.get(1).id())))
                .containsEntry(held.get(0).id(), MessageState.DONE)
                .containsEntry(held.get(1).id(), MessageState.CANCELLED);
    }

    // ---- if_unused

    @Test
    void consumer_that_registers_first_keeps_an_unused_queue_from_being_deleted() throws Exception {
        try (Connection open = sessions.begin()) {
            PostgresWorkerStore.announce(fixture.worker, consumer(), open);
            Future<Boolean> deleted = threads.submit(() -> stores.operator().delete(queue, false, true));
            sessions.awaitWaitingFor(open);
            open.commit();
            assertThatThrownBy(() -> deleted.get(60, TimeUnit.SECONDS))
                    .isInstanceOf(ExecutionException.class)
                    .hasRootCauseInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("is consumed by test");
        }
        assertThat(stores.queues().queue(queue)).isPresent();
    }

    /** The consumer waits for the deletion. Its queue comes back with the next message, under the same number. */
    @Test
    void consumer_that_registers_second_finds_the_queue_deleted_and_goes_on_when_it_comes_back() throws Exception {
        try (Connection open = sessions.begin();
                Connection coming = sessions.begin()) {
            sql(open, "SELECT FROM postroom.mark_deleted('" + queue + "', true, true, NULL)");
            Future<?> registered = threads.submit(() -> {
                PostgresWorkerStore.announce(fixture.worker, consumer(), coming);
                coming.commit();
                return null;
            });
            sessions.awaitWaitingFor(open);
            open.commit();
            registered.get(60, TimeUnit.SECONDS);
        }
        assertThat(stores.queues().queue(queue)).isEmpty();
        assertThat(fixture.report(new long[10]).deleted()).isTrue();
        UUID next = fixture.enqueue(new StoreFixture.Plan(stores.queues().use(queue)))
                .id();
        assertThat(fixture.report(new long[10]).deleted()).isFalse();
        assertThat(fixture.claimOne().id()).isEqualTo(next);
    }

    @Test
    void binding_that_is_made_first_goes_with_the_queue() throws Exception {
        fixture.execute("SELECT postroom.declare_exchange('race', 'fanout')");
        try (Connection open = sessions.begin()) {
            sql(open, "SELECT postroom.bind('race', '" + queue + "')");
            Future<Boolean> deleted = threads.submit(() -> stores.operator().delete(queue, false, false));
            sessions.awaitWaitingFor(open);
            open.commit();
            assertThat(deleted.get(60, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(fixture.number("SELECT count(*) FROM postroom.binding WHERE queue_id = " + fixture.queue.id()))
                .isZero();
    }

    // ---- SQL

    @Test
    void sql_deletes_under_the_same_conditions() {
        fixture.enqueue();
        assertSqlRefused("if_empty => true", "is not empty: messages wait in it; nothing was deleted");
        stores.workers().announce(fixture.worker, consumer());
        assertSqlRefused("if_unused => true", "is consumed by test; nothing was deleted");
        assertSqlRefused("if_unused => NULL", "is consumed by test; nothing was deleted");
        assertThat(deletedBySql("")).isTrue();
        assertThat(deletedBySql("")).as("a repeat").isFalse();
        assertThat(fixture.text("SELECT action FROM postroom.operator_log WHERE queue = '" + queue + "'"))
                .isEqualTo("delete");

        UUID instance = UUID.randomUUID();
        stores.workers().register(instance, "owner-1", "1");
        stores.queues()
                .declareAll(
                        List.of(QueueSettings.of(queue + ".own").kind(QueueKind.EXCLUSIVE)),
                        new Declarer(instance, false));
        assertThatThrownBy(() -> sql.sql("SELECT postroom.delete_queue('" + queue + ".own')")
                        .query()
                        .singleRow())
                .hasMessageContaining("is exclusive to worker \"owner-1\"");
        assertThatThrownBy(() -> sql.sql("SELECT postroom.declare_queue('" + queue + ".own')")
                        .query()
                        .singleRow())
                .hasMessageContaining("is exclusive to worker \"owner-1\"");
    }

    @Test
    void sql_declares_by_the_same_rules() {
        assertThat(declaredBySql("'sql.a', max_attempts => 5, retry_after => '10s, 1m', kind => 'auto_delete'"))
                .isTrue();
        assertThat(declaredBySql("'sql.a', max_attempts => 5")).isFalse();
        assertThat(declaredBySql("'sql.a', time_to_live => '1 day'")).isFalse();
        assertThat(settings("sql.a")).isEqualTo("5 10s, 1m 3 1 day 7 days declaration auto_delete");
        assertThatThrownBy(() -> declaredBySql("'sql.a', kind => 'durable'"))
                .hasMessageContaining("kind must be auto_delete, as queue \"sql.a\" was declared, got \"durable\"");
        assertThatThrownBy(() -> declaredBySql("'sql.a', retry_after => '60s', max_attempts => 5, strict => true"))
                .hasMessageContaining("retryAfter must be 10s, 1m, as queue \"sql.a\" was declared, got \"60s\"");
        assertThat(declaredBySql("'sql.a', retry_after => '10000ms,60s', strict => true"))
                .as("the same waits")
                .isFalse();
        fixture.execute("UPDATE postroom.queue SET settings_by = 'operator' WHERE name = 'sql.a'");
        assertThat(declaredBySql("'sql.a', max_attempts => 9")).isFalse();
        assertThat(settings("sql.a")).startsWith("5 ");
        assertThat(deletedBySql("", "sql.a")).isTrue();
        assertThat(declaredBySql("'sql.a'")).as("it is there again").isTrue();
        assertThat(declaredBySql("'sql.b'")).isTrue();
        assertThat(declaredBySql("'sql.b', kind => 'auto_delete'"))
                .as("only used so far")
                .isFalse();
        assertThat(settings("sql.b")).endsWith(" auto_delete");
    }

    @Test
    void sql_declares_an_ordered_queue() {
        String isOrdered = "SELECT concat_ws(' ', ordered, on_dead_letter) FROM postroom.queue WHERE name = 'sql.o'";
        assertThat(declaredBySql("'sql.o', ordered => true, on_dead_letter => 'block'"))
                .isTrue();
        assertThat(fixture.text(isOrdered)).isEqualTo("t block");
        assertThat(declaredBySql("'sql.o', ordered => true")).isFalse();
        assertThatThrownBy(() -> declaredBySql("'sql.o', ordered => false, strict => true"))
                .hasMessageContaining("ordered must be true, as queue \"sql.o\" was declared, got \"false\"");
        assertThatThrownBy(() -> declaredBySql("'sql.o', on_dead_letter => 'wait'"))
                .hasMessageContaining("onDeadLetter must be block or release, got \"wait\"");
        assertThat(declaredBySql("'sql.o', ordered => false, on_dead_letter => 'release'"))
                .isFalse();
        assertThat(fixture.text(isOrdered)).isEqualTo("f release");
        declaredBySql("'sql.o', ordered => true");
        sql.sql("SELECT postroom.create_message('sql.o', '1')").query().singleRow();
        assertThatThrownBy(() -> declaredBySql("'sql.o', ordered => false, max_attempts => 7"))
                .hasMessageContaining("ordered must be left true while queue \"sql.o\" holds messages");
        assertThat(settings("sql.o")).as("nothing was changed").startsWith("20 ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "'a', kind => 'exclusive' ~ kind must be durable or auto_delete",
                "'a', kind => 'lazy' ~ kind must be durable or auto_delete, got \"lazy\"",
                "'a', kind => '' ~ kind must be durable or auto_delete, got \"\"",
                "'a', max_attempts => 0 ~ attempts must be 1 to 1000, got \"0\"",
                "'a', max_attempts => 1001 ~ attempts must be 1 to 1000, got \"1001\"",
                "'a', crash_limit => 0 ~ crashLimit must be 1 to 1000, got \"0\"",
                "'a', time_to_live => '0' ~ timeToLive must be PT0.001S to 400 days",
                "'a', time_to_live => '401 days' ~ timeToLive must be PT0.001S to 400 days",
                "'a', retention => '-1 s' ~ retention must be PT0S to 400 days, or 365000 days",
                "'a', retention => '401 days' ~ retention must be PT0S to 400 days, or 365000 days",
                "'a', retry_after => 'soon' ~ retryAfter must be 10s, or 10s, 1m, 5m, or 1s..1h",
                "'a', retry_after => '401d' ~ retryAfter must be 10s, or 10s, 1m, 5m, or 1s..1h",
                "'' ~ queue must be 1 to 127 of A-Z a-z 0-9 . _ : -",
                "NULL ~ queue must be 1 to 127 of A-Z a-z 0-9 . _ : -",
                "repeat('a', 128) ~ queue must be 1 to 127 of A-Z a-z 0-9 . _ : -",
                "E'a\\nb' ~ got \"a\\u000ab\"",
                "'.a' ~ first a letter or digit"
            })
    void sql_refuses_bad_settings_and_makes_no_queue(String row) {
        String[] parts = row.split(" ~ ");
        assertThatThrownBy(() -> declaredBySql(parts[0]))
                .isInstanceOf(DataAccessException.class)
                .hasMessageContaining(parts[1])
                .rootCause()
                .isInstanceOfSatisfying(
                        PSQLException.class,
                        refused -> assertThat(refused.getSQLState()).isEqualTo("22023"));
        assertThat(stores.queues().queue("a")).isEmpty();
    }

    private void assertRefused(String because) {
        assertThatThrownBy(() -> stores.operator().delete(queue, true, true))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("queue \"" + queue + "\" " + because + "; nothing was deleted");
    }

    private void assertSqlRefused(String condition, String because) {
        assertThatThrownBy(() -> deletedBySql(", " + condition))
                .hasMessageContaining(because)
                .rootCause()
                .isInstanceOfSatisfying(
                        PSQLException.class,
                        refused -> assertThat(refused.getSQLState()).isEqualTo("55006"));
    }

    private boolean deletedBySql(String conditions) {
        return deletedBySql(conditions, queue);
    }

    private boolean deletedBySql(String conditions, String name) {
        return sql.sql("SELECT postroom.delete_queue('" + name + "'" + conditions + ")")
                .query(Boolean.class)
                .single();
    }

    private boolean declaredBySql(String arguments) {
        return sql.sql("SELECT postroom.declare_queue(" + arguments + ")")
                .query(Boolean.class)
                .single();
    }

    private String settings(String name) {
        return fixture.text(
                "SELECT concat_ws(' ', max_attempts, retry_after, crash_limit, time_to_live, retention, settings_by, kind)"
                        + " FROM postroom.queue WHERE name = '" + name + "'");
    }

    private List<ConsumerRow> consumer() {
        return List.of(new ConsumerRow(fixture.queue.id(), "h", Direction.INCOMING, 4, "LEASED", List.of("*")));
    }

    private static void sql(Connection connection, String statement) throws SQLException {
        try (var call = connection.createStatement()) {
            call.execute(statement);
        }
    }
}
