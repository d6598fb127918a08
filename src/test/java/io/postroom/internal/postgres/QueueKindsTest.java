package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.Direction;
import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageState;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.internal.jobs.DeleteAbandonedQueues;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.Declarer;
import io.postroom.internal.storage.DeletedQueue;
import io.postroom.internal.storage.QueueName;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.Stores;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Exclusive and auto-delete queues: who owns them, and when they go. */
@PostgresTest
class QueueKindsTest {
    private static final Duration LEASE_TIME = StoreFixture.LEASE_TIME;
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final StoreFixture fixture;
    private final Stores stores;
    private final Sessions sessions;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    QueueKindsTest(DataSource pool) {
        fixture = new StoreFixture(pool);
        stores = fixture.stores;
        sessions = new Sessions(pool);
    }

    @AfterEach
    void stopThreads() {
        threads.shutdownNow();
    }

    // ---- declaring

    @Test
    void queue_keeps_its_kind_and_another_one_is_refused_with_both_named() {
        for (QueueKind kind : QueueKind.values()) {
            Process process = new Process("a");
            String queue = process.declares(kind).name();
            process.declare(QueueSettings.of(queue).kind(kind));
            process.declare(QueueSettings.of(queue).attempts(3));
            assertThat(kindOf(queue)).isEqualTo(kind.code());
            for (QueueKind other : QueueKind.values()) {
                if (other != kind) {
                    assertThatThrownBy(() -> process.declare(
                                    QueueSettings.of(queue).kind(other).attempts(7)))
                            .isInstanceOf(InvalidMessageException.class)
                            .hasMessage(
                                    "kind must be " + kind.code() + ", as queue \"" + queue + "\" was declared, got \""
                                            + other.code()
                                            + "\". Delete the queue first, or declare one with another name");
                }
            }
            assertThat(fixture.number("SELECT max_attempts FROM postroom.queue WHERE name = '" + queue + "'"))
                    .as("nothing of what is refused is written")
                    .isEqualTo(3);
        }
    }

    /** A producer may be faster than the consumer that declares. */
    @Test
    void queue_that_was_only_used_so_far_may_become_auto_delete_and_nothing_else() {
        String used = stores.queues().use("only-used").name();
        assertThatThrownBy(() -> new Process("a").declare(QueueSettings.of(used).kind(QueueKind.EXCLUSIVE)))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("kind must be durable");
        stores.queues().declare(QueueSettings.of(used).kind(QueueKind.AUTO_DELETE));
        assertThat(kindOf(used)).isEqualTo("auto_delete");
    }

    @Test
    void queue_that_comes_back_keeps_what_may_be_kept_of_its_kind() {
        Process process = new Process("a");
        String auto = process.declares(QueueKind.AUTO_DELETE).name();
        String exclusive = process.declares(QueueKind.EXCLUSIVE).name();
        for (String queue : List.of(auto, exclusive)) {
            assertThat(stores.operator().delete(queue, false, false, process.instance, null))
                    .isTrue();
            stores.queues().declare(QueueSettings.of(queue).attempts(2));
        }
        assertThat(kindOf(auto)).isEqualTo("auto_delete");
        assertThat(kindOf(exclusive)).as("without its owner").isEqualTo("durable");
    }

    @Test
    void strict_declaration_names_all_that_differs_and_compares_by_value() {
        String queue = newName();
        stores.queues()
                .declare(QueueSettings.of(queue).attempts(3).retryAfter("60s").retention(Duration.ofHours(24)));
        Declarer strict = new Declarer(null, true);
        stores.queues()
                .declareAll(
                        List.of(QueueSettings.of(queue)
                                .attempts(3)
                                .retryAfter("1m")
                                .retention(Duration.ofDays(1))),
                        strict);
        QueueSettings other = QueueSettings.of(queue)
                .attempts(4)
                .retryAfter("1m, 2m")
                .timeToLive(Duration.ofSeconds(5))
                .retention(Duration.ofDays(2))
                .crashLimit(3)
                .ordered(true)
                .onDeadLetter(QueueSettings.OnDeadLetter.BLOCK);
        assertThatThrownBy(() -> stores.queues().declareAll(List.of(QueueSettings.of(newName()), other), strict))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("attempts, retryAfter, timeToLive, retention, ordered, onDeadLetter"
                        + " must be 3, 1m, never, 24:00:00, false, release, as queue")
                .hasMessageContaining("got \"4, 1m, 2m, 00:00:05, 48:00:00, true, block\"");
        assertThat(stores.queues().queue(queue).orElseThrow().timeToLive()).isNull();
        fixture.execute("UPDATE postroom.queue SET settings_by = 'operator' WHERE name = '" + queue + "'");
        stores.queues().declareAll(List.of(other), strict); // an operator's values are not compared, and stay
        assertThat(stores.queues().queue(queue).orElseThrow().timeToLive()).isNull();
        stores.queues().declareAll(List.of(QueueSettings.of(newName()).attempts(9)), strict);
    }

    // ---- auto-delete

    @Test
    void auto_delete_queue_goes_with_its_last_consumer_and_never_before_it_had_one() {
        QueueRow queue = new Process("declarer").declares(QueueKind.AUTO_DELETE);
        UUID waiting = enqueueIn(queue);
        UUID delayed = fixture.enqueue(new StoreFixture.Plan(queue).delay(Duration.ofHours(1)))
                .id();
        fixture.execute("INSERT INTO postroom.exchange (name, kind) VALUES ('auto', 'fanout')");
        fixture.execute("SELECT postroom.bind('auto', '" + queue.name() + "')");
        assertThat(stores.jobs().deleteAbandoned(LEASE_TIME)).isEmpty();
        Process first = new Process("first").consumes(queue);
        Process second = new Process("second").consumes(queue);

        first.leaves();
        assertThat(stores.jobs().deleteAbandoned(LEASE_TIME)).isEmpty();
        assertThat(isThere(queue)).isTrue();
        second.leaves();

        assertThat(isThere(queue)).isFalse();
        assertThat(fixture.number("SELECT count(*) FROM postroom.binding WHERE queue_id = " + queue.id()))
                .isZero();
        for (UUID id : List.of(waiting, delayed)) {
            assertThat(stores.queries().states(List.of(id))).containsEntry(id, MessageState.CANCELLED);
            assertThat(fixture.text("SELECT outcome || ' ' || error FROM postroom.message_history WHERE message_id = '"
                            + id + "'"))
                    .isEqualTo("cancelled queue_deleted");
            assertThat(fixture.text("SELECT reason FROM postroom.queue_messages WHERE message_id = '" + id + "'"))
                    .isEqualTo("queue_deleted");
            assertThat(stores.queries().explain(id).get(0))
                    .startsWith("cancelled: ")
                    .contains("(queue_deleted)");
        }
        assertThat(fixture.text(
                        "SELECT done || ' ' || note FROM postroom.operator_log WHERE queue = '" + queue.name() + "'"))
                .isEqualTo("2 its last consumer left");
    }

    @Test
    void process_that_goes_on_without_its_consumer_has_left_the_queue() {
        QueueRow queue = new Process("declarer").declares(QueueKind.AUTO_DELETE);
        Process process = new Process("a").consumes(queue, fixture.queue);
        process.consumes(fixture.queue);
        assertThat(isThere(queue)).isFalse();
        assertThat(isThere(fixture.queue)).isTrue();
    }

    @Test
    void killed_consumer_counts_as_left_after_the_lease_time_and_not_when_the_queue_comes_back() {
        QueueRow queue = new Process("declarer").declares(QueueKind.AUTO_DELETE);
        Process killed = new Process("killed").consumes(queue);
        assertThat(stores.jobs().deleteAbandoned(LEASE_TIME)).isEmpty();
        killed.dies();
        new DeleteAbandonedQueues(stores.jobs(), LEASE_TIME, Duration.ofSeconds(1), any -> false).run();
        assertThat(isThere(queue))
                .as("a process that has not sent heartbeats for so long itself")
                .isTrue();

        new DeleteAbandonedQueues(stores.jobs(), LEASE_TIME, Duration.ofSeconds(1), any -> true).run();
        assertThat(isThere(queue)).isFalse();

        assertThat(stores.queues().use(queue.name()).id()).isEqualTo(queue.id());
        UUID late = enqueueIn(queue);
        assertThat(stores.jobs().deleteAbandoned(LEASE_TIME)).isEmpty();
        assertThat(fixture.places(late)).containsExactly("ready");
        assertThat(kindOf(queue.name())).isEqualTo("auto_delete");
    }

    /** Each sees the consumer of the other in its snapshot. Without the lock before the look, the queue would stay for ever. */
    @Test
    void two_consumers_that_leave_at_once_leave_no_queue_behind() throws Exception {
        QueueRow queue = new Process("declarer").declares(QueueKind.AUTO_DELETE);
        Process first = new Process("first").consumes(queue);
        Process second = new Process("second").consumes(queue);
        try (Connection one = sessions.begin();
                Connection two = sessions.begin()) {
            int[] leftByFirst = first.forget(one);
            int[] leftBySecond = second.forget(two);
            assertThat(QueueDeletion.markAbandoned(null, leftByFirst, one))
                    .as("the other one is still there")
                    .isEmpty();
            Future<List<QueueDeletion.Abandoned>> last = threads.submit(() -> {
                List<QueueDeletion.Abandoned> marked = QueueDeletion.markAbandoned(null, leftBySecond, two);
                two.commit();
                return marked;
            });
            sessions.awaitWaitingFor(one);
            one.commit();
            assertThat(last.get(60, TimeUnit.SECONDS))
                    .extracting(QueueDeletion.Abandoned::name)
                    .containsExactly(queue.name());
        }
        assertThat(isThere(queue)).isFalse();
    }

    @Test
    void consumer_that_registers_before_the_last_one_leaves_keeps_the_queue() throws Exception {
        QueueRow queue = new Process("declarer").declares(QueueKind.AUTO_DELETE);
        Process leaving = new Process("leaving").consumes(queue);
        Process coming = new Process("coming");
        try (Connection open = sessions.begin()) {
            coming.announce(open, queue);
            Future<?> leaves = threads.submit(leaving::leaves);
            sessions.awaitWaitingFor(open);
            open.commit();
            leaves.get(60, TimeUnit.SECONDS);
        }
        assertThat(isThere(queue)).isTrue();
        coming.leaves();
        assertThat(isThere(queue)).isFalse();
    }

    @Test
    void consumer_that_registers_just_after_the_last_one_left_has_the_queue_back() throws Exception {
        QueueRow queue = new Process("declarer").declares(QueueKind.AUTO_DELETE);
        Process leaving = new Process("leaving").consumes(queue);
        Process coming = new Process("coming");
        try (Connection open = sessions.begin()) {
            assertThat(QueueDeletion.markAbandoned(null, leaving.forget(open), open))
                    .hasSize(1);
            Future<Process> comes = threads.submit(() -> coming.consumes(queue));
            sessions.awaitWaitingFor(open);
            open.commit();
            comes.get(60, TimeUnit.SECONDS);
        }
        assertThat(isThere(queue)).isTrue();
        coming.leaves();
        assertThat(isThere(queue)).as("it had a consumer in its new life").isFalse();
    }

    /** Its consumer did not register again, so nothing but the job notes that it had one. */
    @Test
    void queue_that_comes_back_under_a_living_consumer_goes_with_it() {
        QueueRow queue = new Process("declarer").declares(QueueKind.AUTO_DELETE);
        Process consumer = new Process("a").consumes(queue);
        stores.operator().delete(queue.name(), false, false);
        stores.queues().use(queue.name());
        assertThat(stores.jobs().deleteAbandoned(LEASE_TIME)).isEmpty();
        consumer.dies();
        assertThat(stores.jobs().deleteAbandoned(LEASE_TIME))
                .extracting(DeletedQueue::name)
                .contains(queue.name());
    }

    /** The purge of the old life must not take what came to the new one. */
    @Test
    void messages_of_the_queues_next_life_are_not_cancelled_with_the_old_ones() throws SQLException {
        QueueRow queue = new Process("declarer").declares(QueueKind.AUTO_DELETE);
        Process consumer = new Process("a").consumes(queue);
        UUID old = enqueueIn(queue);
        List<QueueDeletion.Abandoned> marked;
        try (Connection open = sessions.begin()) {
            marked = QueueDeletion.markAbandoned(null, consumer.forget(open), open);
            open.commit();
        }
        stores.queues().use(queue.name());
        UUID ready = enqueueIn(queue);
        UUID delayed = fixture.enqueue(new StoreFixture.Plan(queue).delay(Duration.ofHours(1)))
                .id();

        sessions.deletion().empty(marked);

        assertThat(fixture.places(old)).containsExactly("finished");
        assertThat(fixture.places(ready)).containsExactly("ready");
        assertThat(fixture.places(delayed)).containsExactly("delayed");
    }

    // ---- exclusive

    @Test
    void exclusive_queue_is_refused_to_others_with_its_owner_named_and_goes_with_it() {
        Process owner = new Process("owner-1");
        Process other = new Process("other-1");
        QueueRow queue = owner.declares(QueueKind.EXCLUSIVE);
        owner.consumes(queue);
        enqueueIn(queue);
        for (QueueSettings settings : List.of(
                QueueSettings.of(queue.name()),
                QueueSettings.of(queue.name()).attempts(3),
                QueueSettings.of(queue.name()).kind(QueueKind.EXCLUSIVE))) {
            assertThatThrownBy(() -> other.declare(settings))
                    .isInstanceOf(ExclusiveQueueException.class)
                    .hasMessageContaining("is exclusive to worker \"owner-1\" (")
                    .hasMessageContaining("since 20");
        }
        assertThatThrownBy(() -> stores.operator().delete(queue.name(), false, false, other.instance, null))
                .isInstanceOf(ExclusiveQueueException.class)
                .hasMessageContaining("owner-1");
        assertThat(stores.queues().otherOwner(queue.name(), owner.instance)).isEmpty();
        assertThat(stores.queues().otherOwner(queue.name(), other.instance)).isPresent();
        assertThat(seenDeletedBy(owner, queue)).isFalse();
        assertThat(seenDeletedBy(other, queue)).as("for patterns of handlers").isTrue();
        assertThat(stores.queues().isAbandoned(queue.name(), LEASE_TIME)).isFalse();

        other.leaves();
        assertThat(isThere(queue)).isTrue();
        owner.leaves();
        assertThat(isThere(queue)).isFalse();
    }

    @Test
    void exclusive_queue_goes_a_lease_time_after_its_owner_was_killed_and_takes_late_messages_with_it() {
        Process owner = new Process("owner");
        QueueRow queue = owner.declares(QueueKind.EXCLUSIVE);
        assertThat(stores.jobs().deleteAbandoned(LEASE_TIME)).isEmpty();
        owner.dies();
        assertThat(stores.jobs().deleteAbandoned(LEASE_TIME))
                .extracting(DeletedQueue::name, DeletedQueue::because)
                .singleElement()
                .asString()
                .contains(queue.name(), "exclusive to worker \"owner\"");

        stores.queues().use(queue.name()); // a late reply
        UUID late = enqueueIn(queue);
        assertThat(stores.jobs().deleteAbandoned(LEASE_TIME)).hasSize(1);
        assertThat(isThere(queue)).isFalse();
        assertThat(stores.queries().states(List.of(late))).containsEntry(late, MessageState.CANCELLED);
    }

    @Test
    void queue_that_others_consume_cannot_become_exclusive() {
        QueueRow queue = new Process("declarer").declares(QueueKind.DURABLE);
        new Process("busy").consumes(queue);
        stores.operator().delete(queue.name(), false, false);
        assertThatThrownBy(() ->
                        new Process("a").declare(QueueSettings.of(queue.name()).kind(QueueKind.EXCLUSIVE)))
                .isInstanceOf(ExclusiveQueueException.class)
                .hasMessageContaining("cannot become exclusive: it is consumed by worker \"busy\"");
    }

    @Test
    void declared_by_no_process_it_cannot_be_exclusive() {
        assertThatThrownBy(() ->
                        stores.queues().declare(QueueSettings.of(newName()).kind(QueueKind.EXCLUSIVE)))
                .hasMessageContaining("queue_owner_of_exclusive");
    }

    // ---- short words

    private static String newName() {
        return "kind" + NUMBERS.incrementAndGet();
    }

    private UUID enqueueIn(QueueRow queue) {
        return fixture.enqueue(new StoreFixture.Plan(queue)).id();
    }

    private String kindOf(String queue) {
        return fixture.text("SELECT kind FROM postroom.queue_stats WHERE queue = '" + queue + "'");
    }

    private boolean isThere(QueueRow queue) {
        return stores.queues().queue(queue.name()).isPresent();
    }

    private boolean seenDeletedBy(Process process, QueueRow queue) {
        return stores.queues().changedSince(null, process.instance).stream()
                .filter(one -> one.id() == queue.id())
                .findFirst()
                .map(QueueName::deleted)
                .orElseThrow();
    }

    /** A registered process. */
    private final class Process {
        final UUID instance = UUID.randomUUID();
        final int id;

        Process(String name) {
            id = stores.workers().register(instance, name, "1");
            setBeat("now() + interval '1 hour'"); // however slow the machine is, it is alive
        }

        /** Its last heartbeat is long ago. */
        void dies() {
            setBeat("now() - interval '1 hour'");
        }

        private void setBeat(String at) {
            fixture.execute("UPDATE postroom.worker SET beat_at = " + at + " WHERE id = " + id);
        }

        QueueRow declares(QueueKind kind) {
            return declare(QueueSettings.of(newName()).kind(kind));
        }

        QueueRow declare(QueueSettings settings) {
            return stores.queues()
                    .declareAll(List.of(settings), new Declarer(instance, false))
                    .get(0);
        }

        Process consumes(QueueRow... queues) {
            stores.workers().announce(id, rows(queues));
            return this;
        }

        void leaves() {
            stores.workers().deregister(id, instance);
        }

        /** Does the first half of {@link #leaves} in an open transaction, and returns the queues that it left. */
        int[] forget(Connection open) throws SQLException {
            try (Sql.Call call = WorkerSql.FORGET_OWN_CONSUMERS.on(open)) {
                return call.set("worker", id).set("instance", instance).list(row -> row.getInt(1)).stream()
                        .mapToInt(Integer::intValue)
                        .toArray();
            }
        }

        /** Does {@link #consumes} in an open transaction. */
        void announce(Connection open, QueueRow queue) throws SQLException {
            PostgresWorkerStore.announce(id, rows(queue), open);
        }

        private static List<ConsumerRow> rows(QueueRow... queues) {
            return Arrays.stream(queues)
                    .map(queue -> new ConsumerRow(queue.id(), "h", Direction.INCOMING, 4, "LEASED", List.of("*")))
                    .toList();
        }
    }
}
