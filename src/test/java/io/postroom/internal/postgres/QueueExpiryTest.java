package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Direction;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageState;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.DeletedQueue;
import io.postroom.internal.storage.QueueRow;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Queues that are deleted when nobody has used them for a while. */
@PostgresTest
class QueueExpiryTest {
    private static final Duration LEASE_TIME = StoreFixture.LEASE_TIME;

    private final StoreFixture fixture;
    private final Sessions sessions;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final QueueRow queue;

    QueueExpiryTest(DataSource pool) {
        fixture = new StoreFixture(pool);
        sessions = new Sessions(pool);
        queue = fixture.queue;
        // The server of these tests has just started, and the time in which it was away does not count.
        fixture.stores.queues().declare(QueueSettings.of(queue.name()).expiresAfter(Duration.ofMillis(500)));
    }

    @AfterEach
    void stopThreads() {
        threads.shutdownNow();
    }

    @Test
    void unused_queue_is_deleted_and_what_waits_is_cancelled_although_messages_came() {
        UUID waiting = fixture.enqueue();
        fixture.execute("SELECT postroom.declare_exchange('expiry', 'fanout'); SELECT postroom.bind('expiry', '"
                + queue.name() + "')");
        letTimePass();
        assertThat(deleted())
                .filteredOn(gone -> gone.name().equals(queue.name()))
                .singleElement()
                .satisfies(gone -> assertThat(gone.because()).isEqualTo("it was not used for 00:00:00.5"));
        assertThat(isThere()).isFalse();
        assertThat(fixture.stores.queries().states(List.of(waiting))).containsEntry(waiting, MessageState.CANCELLED);
        assertThat(fixture.number("SELECT count(*) FROM postroom.binding WHERE queue_id = " + queue.id()))
                .isZero();

        fixture.stores.queues().use(queue.name());
        deleted();
        assertThat(isThere()).as("it came back, and its time begins anew").isTrue();
    }

    @Test
    void declaring_it_again_counts_as_use_from_Java_and_SQL() {
        letTimePass();
        fixture.stores.queues().declare(QueueSettings.of(queue.name()));
        deleted();
        assertThat(isThere()).isTrue();
        letTimePass();
        fixture.execute("SELECT postroom.declare_queue('" + queue.name() + "')");
        deleted();
        assertThat(isThere()).isTrue();
        fixture.stores.queues().declare(QueueSettings.of(queue.name()).neverExpires());
        letTimePass();
        deleted();
        assertThat(isThere()).isTrue();
    }

    @Test
    void time_that_an_operator_sets_begins_then() {
        QueueRow old = fixture.newQueue();
        fixture.execute("UPDATE postroom.queue SET used_at = now() - interval '1 year' WHERE id = " + old.id());
        fixture.execute("UPDATE postroom.queue SET expires_after = interval '1 hour' WHERE id = " + old.id());
        deleted();
        assertThat(fixture.stores.queues().queue(old.name())).isPresent();
    }

    @Test
    void queue_with_a_consumer_stays_and_its_time_begins_when_the_consumer_leaves() {
        consume();
        letTimePass();
        deleted();
        assertThat(isThere()).isTrue();
        letTimePass();
        fixture.stores.workers().deregister(fixture.worker, fixture.instance);
        deleted();
        assertThat(isThere()).as("left just now").isTrue();
        letTimePass();
        deleted();
        assertThat(isThere()).isFalse();
    }

    @Test
    void auto_delete_queue_that_never_had_a_consumer_expires() {
        QueueRow another = fixture.stores
                .queues()
                .declare(QueueSettings.of(queue.name() + ".auto")
                        .kind(QueueKind.AUTO_DELETE)
                        .expiresAfter(Duration.ofMillis(500)));
        deleted();
        assertThat(fixture.stores.queues().queue(another.name())).isPresent();
        letTimePass();
        deleted();
        assertThat(fixture.stores.queues().queue(another.name())).isEmpty();
    }

    @Test
    void consumed_queue_that_never_expires_is_not_locked() throws Exception {
        QueueRow auto = fixture.stores
                .queues()
                .declare(QueueSettings.of(queue.name() + ".auto").kind(QueueKind.AUTO_DELETE));
        consume(auto);
        fixture.execute("UPDATE postroom.queue SET had_consumer = true WHERE id = " + auto.id());
        letTimePass();
        try (Connection open = sessions.begin();
                Statement binding = open.createStatement();
                Connection connection = fixture.pool.getConnection();
                Statement deletion = connection.createStatement()) {
            binding.execute("SELECT FROM postroom.queue WHERE id = " + auto.id() + " FOR NO KEY UPDATE");
            deletion.execute("SET lock_timeout = '1s'");
            deletion.execute("SELECT postroom.delete_abandoned(interval '1 millisecond', '{}')");
            deletion.execute("RESET lock_timeout");
        }
        assertThat(fixture.stores.queues().queue(auto.name())).isPresent();
    }

    /** The consumer that registers holds the queue's row; the deletion waits, and looks again in a later statement. */
    @Test
    void consumer_that_registers_at_the_same_moment_keeps_the_queue() throws Exception {
        letTimePass();
        try (Connection open = sessions.begin()) {
            PostgresWorkerStore.announce(fixture.worker, rows(queue), open);
            Future<List<DeletedQueue>> deletion = threads.submit(this::deleted);
            sessions.awaitWaitingFor(open);
            open.commit();
            deletion.get(60, TimeUnit.SECONDS);
        }
        assertThat(isThere()).isTrue();
    }

    @Test
    void time_is_declared_in_SQL_within_its_limits_and_shown() throws SQLException {
        fixture.execute("SELECT postroom.declare_queue('" + queue.name() + "', expires_after => '2 hours', "
                + "single_active_consumer => true)");
        assertThat(fixture.text("SELECT expires_after || ' ' || single_active_consumer FROM postroom.queue_stats"
                        + " WHERE queue = '" + queue.name() + "'"))
                .isEqualTo("02:00:00 true");
        try (Connection connection = fixture.pool.getConnection();
                Statement statement = connection.createStatement()) {
            assertThatThrownBy(() -> statement.execute(
                            "SELECT postroom.declare_queue('" + queue.name() + "', expires_after => '401 days')"))
                    .hasMessageContaining("expiresAfter must be 1 ms to 400 days, or 0 for never");
            assertThatThrownBy(() -> statement.execute("SELECT postroom.declare_queue('" + queue.name()
                            + "', strict => true, expires_after => '1 h'," + " single_active_consumer => false)"))
                    .hasMessageContaining("singleActiveConsumer, expiresAfter must be true, 02:00:00");
        }
        assertThatThrownBy(() -> QueueSettings.of("x").expiresAfter(Duration.ZERO))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("expiresAfter must be PT0.001S to 400 days");
    }

    // ---- steps

    private void consume() {
        consume(queue);
    }

    private void consume(QueueRow consumed) {
        fixture.stores.workers().announce(fixture.worker, rows(consumed));
        fixture.execute("UPDATE postroom.worker SET beat_at = now() + interval '1 hour' WHERE id = " + fixture.worker);
    }

    private static List<ConsumerRow> rows(QueueRow consumed) {
        return List.of(new ConsumerRow(consumed.id(), "h", Direction.INCOMING, 4, "LEASED", List.of("*")));
    }

    private void letTimePass() {
        fixture.execute("UPDATE postroom.queue SET used_at = used_at - interval '1 hour' WHERE name LIKE '"
                + queue.name() + "%'");
    }

    private List<DeletedQueue> deleted() {
        return fixture.stores.jobs().deleteAbandoned(LEASE_TIME);
    }

    private boolean isThere() {
        return fixture.stores.queues().queue(queue.name()).isPresent();
    }
}
