package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Overflow;
import io.postroom.api.QueueFullException;
import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.Targets;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Two transactions that use a queue with a maximum length at the same time, step by step. */
@PostgresTest
class QueueLengthRaceTest {
    private final StoreFixture fixture;
    private final Sessions sessions;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    QueueLengthRaceTest(DataSource pool) {
        fixture = new StoreFixture(pool);
        sessions = new Sessions(pool);
    }

    @AfterEach
    void stopThreads() {
        threads.shutdownNow();
    }

    @Test
    void two_producers_do_not_take_the_last_place_twice() throws Exception {
        limit(1, Overflow.REJECT);
        try (Connection open = sessions.begin()) {
            create(fixture.message().build(), open);
            Future<?> second =
                    threads.submit(() -> createAtOnce(fixture.message().build()));
            sessions.awaitWaitingFor(open);
            open.commit();
            assertThatThrownBy(() -> second.get(60, TimeUnit.SECONDS))
                    .isInstanceOf(ExecutionException.class)
                    .hasCauseInstanceOf(QueueFullException.class);
        }
        assertThat(ready()).isEqualTo(1);
    }

    @Test
    void second_producer_gets_the_place_that_a_rollback_gives_back() throws Exception {
        limit(1, Overflow.REJECT);
        try (Connection open = sessions.begin()) {
            create(fixture.message().build(), open);
            Future<?> second =
                    threads.submit(() -> createAtOnce(fixture.message().build()));
            sessions.awaitWaitingFor(open);
            open.rollback();
            second.get(60, TimeUnit.SECONDS);
        }
        assertThat(ready()).isEqualTo(1);
        assertThatThrownBy(() -> createAtOnce(fixture.message().build())).isInstanceOf(QueueFullException.class);
    }

    @Test
    void second_producer_drops_the_message_of_the_first_one() throws Exception {
        limit(1, Overflow.DROP_HEAD);
        NewMessage first = fixture.message().build();
        NewMessage next = fixture.message().build();
        try (Connection open = sessions.begin()) {
            create(first, open);
            Future<?> second = threads.submit(() -> createAtOnce(next));
            sessions.awaitWaitingFor(open);
            open.commit();
            second.get(60, TimeUnit.SECONDS);
        }
        assertThat(fixture.places(first.id())).containsExactly("finished");
        assertThat(fixture.places(next.id())).containsExactly("ready");
    }

    /** Both lock the queues in the order of their numbers: the second one waits, and is not chosen as a deadlock's victim. */
    @Test
    void two_fan_outs_wait_for_one_another_and_never_in_a_circle() throws Exception {
        limit(5, Overflow.DROP_HEAD);
        var other = fixture.newQueue();
        fixture.stores.queues().declare(QueueSettings.of(other.name()).maxLength(5, Overflow.REJECT));
        Targets.Target one = new Targets.Target(fixture.queue.id(), fixture.queue.name(), null);
        Targets.Target two = new Targets.Target(other.id(), other.name(), null);
        try (Connection open = sessions.begin()) {
            create(fanOut(one, two), open);
            Future<?> second = threads.submit(() -> createAtOnce(fanOut(two, one)));
            sessions.awaitWaitingFor(open);
            create(fanOut(two, one), open);
            open.commit();
            second.get(60, TimeUnit.SECONDS);
        }
        assertThat(ready()).isEqualTo(3);
    }

    /** What a claim has locked is on its way out: it is not dropped, nothing is dropped in its stead, and nobody waits. */
    @Test
    void entry_that_is_being_claimed_is_not_dropped() throws SQLException {
        limit(1, Overflow.DROP_HEAD);
        NewMessage claimed = fixture.message().build();
        createAtOnce(claimed);
        NewMessage next = fixture.message().build();
        try (Connection claim = sessions.begin();
                Statement statement = claim.createStatement()) {
            statement.execute("SELECT FROM postroom.claim(%d, %d, '%s', '{4}', '{0}', 1, 1, 1, 0)"
                    .formatted(fixture.worker, fixture.queue.id(), fixture.queue.name()));
            createAtOnce(next);
            claim.commit();
        }
        assertThat(fixture.places(claimed.id())).containsExactly("lease");
        assertThat(fixture.places(next.id())).containsExactly("ready");
    }

    /** A long transaction of a producer must not hold the job up. */
    @Test
    void job_leaves_a_queue_to_the_producer_that_has_it() throws SQLException {
        limit(1, Overflow.DROP_HEAD);
        createAtOnce(fixture.message().build());
        try (Connection open = sessions.begin()) {
            create(fixture.message().build(), open);
            assertThat(fixture.stores.jobs().shortenQueues()).isPositive();
            open.commit();
        }
        assertThat(ready()).isEqualTo(1);
    }

    private void limit(long messages, Overflow overflow) {
        fixture.stores.queues().declare(QueueSettings.of(fixture.queue.name()).maxLength(messages, overflow));
    }

    private NewMessage fanOut(Targets.Target... queues) {
        return fixture.message().build().withTargets(new Targets(null, 0, true, null, List.of(queues)));
    }

    private void create(NewMessage message, Connection connection) {
        fixture.stores.enqueue().enqueueLimited(List.of(message), connection);
    }

    private boolean createAtOnce(NewMessage message) {
        try (Connection connection = fixture.pool.getConnection()) {
            create(message, connection);
            return true;
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private long ready() {
        return fixture.number("SELECT count(*) FROM postroom.ready WHERE queue_id = " + fixture.queue.id());
    }
}
