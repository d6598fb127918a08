package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.postroom.api.MessageIds;
import io.postroom.api.Overflow;
import io.postroom.api.QueueFullException;
import io.postroom.api.QueueSettings;
import io.postroom.internal.jobs.ShortenQueues;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueChangedException;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.Targets;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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

    /** Both take the key first and the queue's row second. In opposite orders, each would wait for what the other one has. */
    @ParameterizedTest
    @CsvSource({"true, false", "false, true", "true, true", "false, false"})
    void one_key_and_the_length_of_a_queue_are_locked_in_the_same_order_by_sql_and_java(
            boolean isFirstSql, boolean isSecondSql) throws Exception {
        limit(5, Overflow.REJECT);
        try (Connection open = sessions.begin()) {
            create(fixture.message().build(), open);
            Future<Boolean> first = threads.submit(() -> createWithKey(isFirstSql));
            sessions.awaitWaiting(1);
            Future<Boolean> second = threads.submit(() -> createWithKey(isSecondSql));
            sessions.awaitWaiting(2);
            open.commit();
            assertThat(first.get(60, TimeUnit.SECONDS)).as("new").isTrue();
            assertThat(second.get(60, TimeUnit.SECONDS)).as("new").isFalse();
        }
        assertThat(ready()).isEqualTo(2);
    }

    /** The place was taken by the message itself, while its repeat waited. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void repeat_that_waited_for_the_first_one_is_recognised_in_the_queue_that_is_full_now(boolean isSql)
            throws Exception {
        limit(1, Overflow.REJECT);
        NewMessage message = fixture.message().id(MessageIds.next()).build();
        try (Connection open = sessions.begin()) {
            create(message, open);
            Future<Boolean> repeat = threads.submit(
                    () -> isSql ? createInSql("message_id => '" + message.id() + "'") : createAtOnce(message));
            sessions.awaitWaitingFor(open);
            open.commit();
            assertThat(repeat.get(60, TimeUnit.SECONDS)).as("new").isFalse();
        }
    }

    @Test
    void messages_of_one_key_in_a_batch_take_one_place() throws SQLException {
        limit(2, Overflow.REJECT);
        NewMessage first = fixture.message().key("k").build();
        assertThat(create(List.of(
                        first,
                        fixture.message().key("k").build(),
                        fixture.message().build())))
                .extracting(EnqueueResult::isNew, EnqueueResult::sameContent)
                .containsExactly(tuple(true, true), tuple(false, true), tuple(true, true));
        limit(3, Overflow.REJECT);
        UUID id = MessageIds.next();
        assertThat(create(List.of(
                        fixture.message().id(id).build(),
                        fixture.message().id(id).build(),
                        fixture.message().key("k").payload("{}").build())))
                .extracting(EnqueueResult::isNew, EnqueueResult::sameContent)
                .containsExactly(tuple(true, true), tuple(false, true), tuple(false, false));
        assertThat(ready()).isEqualTo(3);
    }

    @Test
    void messages_of_one_key_in_a_batch_send_no_other_to_the_dead_letter_exchange() throws SQLException {
        fixture.execute("UPDATE postroom.queue SET max_length = 2, overflow = 'reject_to_dead_letter_exchange',"
                + " dead_letter_exchange = 'gone' WHERE id = " + fixture.queue.id());
        create(List.of(fixture.message().build()));
        NewMessage fits = fixture.message().key("k").build();
        create(List.of(fits, fixture.message().key("k").build()));
        assertThat(fixture.places(fits.id())).containsExactly("ready");
    }

    /** What was counted is remembered: a repeat must not be in it, or the next message is refused for want of a place that is free. */
    @Test
    void repeat_takes_no_place_in_what_was_counted_of_a_long_queue() throws SQLException {
        limit(5000, Overflow.REJECT);
        UUID id = MessageIds.next();
        create(List.of(fixture.message().key("k").id(id).build()));
        fixture.execute("SELECT count(*) FROM generate_series(1, 4998) g CROSS JOIN LATERAL"
                + " postroom.create_message('%s', to_jsonb(g)) m".formatted(fixture.queue.name()));
        fixture.execute("SELECT nextval('postroom.ready_seq') FROM generate_series(1, 5000)"); // of other queues
        create(List.of(fixture.message().key("k").build()));
        create(List.of(fixture.message().id(id).build()));
        assertThat(ready()).isEqualTo(4999);
        assertThat(fixture.number("SELECT waiting FROM postroom.queue_length WHERE queue_id = " + fixture.queue.id()))
                .isLessThanOrEqualTo(ready());
    }

    /** The caller's transaction goes on, and so do the keys of what was refused. */
    @Test
    void refused_message_gives_its_key_back() throws SQLException {
        limit(1, Overflow.REJECT);
        try (Connection open = sessions.begin()) {
            assertThatThrownBy(() -> fixture.stores
                            .enqueue()
                            .enqueueLimited(
                                    List.of(
                                            fixture.message().key("k").build(),
                                            fixture.message().key("l").build()),
                                    open))
                    .isInstanceOf(QueueFullException.class);
            NewMessage stale = fixture.message().key("m").build().withQueueId(999_999);
            assertThatThrownBy(() -> create(stale, open)).isInstanceOf(QueueChangedException.class);
            open.commit();
        }
        assertThat(fixture.number("SELECT count(*) FROM postroom.dedup WHERE queue_id IN (999999, %d)"
                        .formatted(fixture.queue.id())))
                .isZero();
    }

    /** A long transaction of a producer must not hold the job up. */
    @Test
    void job_leaves_a_queue_to_the_producer_that_has_it() throws SQLException {
        limit(1, Overflow.DROP_HEAD);
        createAtOnce(fixture.message().build());
        try (Connection open = sessions.begin()) {
            create(fixture.message().build(), open);
            assertThat(fixture.stores.jobs().shortenQueues().queues()).isPositive();
            open.commit();
        }
        assertThat(ready()).isEqualTo(1);
    }

    /** The server ends a statement of the engine after 10 s: a queue that was long before its limit must not need one statement. */
    @Test
    void queue_far_above_a_new_limit_is_shortened_in_parts() throws SQLException {
        fill(fixture.queue, 3500);
        limit(50, Overflow.DROP_HEAD);
        NewMessage next = fixture.message().build();
        createAtOnce(next);
        assertThat(ready()).as("room for itself, and a part of the surplus").isEqualTo(2500);
        create(List.of(fixture.message().build(), fixture.message().build()));
        assertThat(ready()).isEqualTo(1500);
        ShortenQueues job = new ShortenQueues(fixture.stores.jobs(), () -> false);
        assertThat(job.run()).as("there is more").isZero();
        assertThat(ready()).isEqualTo(500);
        assertThat(job.run()).isPositive();
        assertThat(ready()).isEqualTo(50);
        createAtOnce(fixture.message().build());
        assertThat(ready()).isEqualTo(50);
        assertThat(fixture.places(next.id())).containsExactly("ready");
    }

    @Test
    void queue_that_cannot_be_shortened_keeps_no_other_from_its_turn() {
        QueueRow other = fixture.newQueue();
        for (QueueRow queue : List.of(fixture.queue, other)) {
            fill(queue, 3);
            fixture.stores.queues().declare(QueueSettings.of(queue.name()).maxLength(1, Overflow.DROP_HEAD));
        }
        ShortenQueues job = new ShortenQueues(fixture.stores.jobs(), () -> false);
        fixture.execute("CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS"
                + " $$BEGIN RAISE EXCEPTION 'no room on disk'; END$$;"
                + " CREATE TRIGGER fail BEFORE INSERT ON postroom.attempt FOR EACH ROW WHEN (NEW.queue_id = "
                + fixture.queue.id() + ") EXECUTE FUNCTION public.fail()");
        try {
            assertThatThrownBy(job::run).hasStackTraceContaining("no room on disk");
        } finally {
            fixture.execute("DROP TRIGGER fail ON postroom.attempt; DROP FUNCTION public.fail()");
        }
        assertThat(ready(other)).isEqualTo(1);
        assertThat(ready()).isEqualTo(3);
        job.run();
        assertThat(ready()).isEqualTo(1);
    }

    private void fill(QueueRow queue, int messages) {
        fixture.enqueueAll(IntStream.range(0, messages)
                .mapToObj(i -> new StoreFixture.Plan(queue))
                .toArray(StoreFixture.Plan[]::new));
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

    private boolean createAtOnce(NewMessage message) throws SQLException {
        return create(List.of(message)).get(0).isNew();
    }

    private List<EnqueueResult> create(List<NewMessage> messages) throws SQLException {
        try (Connection connection = fixture.pool.getConnection()) {
            return fixture.stores.enqueue().enqueueLimited(messages, connection);
        }
    }

    private boolean createWithKey(boolean isSql) throws SQLException {
        return isSql
                ? createInSql("deduplication_key => 'k'")
                : createAtOnce(fixture.message().key("k").build());
    }

    private boolean createInSql(String arguments) throws SQLException {
        try (Connection connection = fixture.pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "SELECT is_new FROM postroom.create_message('%s', '{\"number\": 1}', 'test.message', %s)"
                                .formatted(fixture.queue.name(), arguments))) {
            row.next();
            return row.getBoolean(1);
        }
    }

    private long ready() {
        return ready(fixture.queue);
    }

    private long ready(QueueRow queue) {
        return fixture.number("SELECT count(*) FROM postroom.ready WHERE queue_id = " + queue.id());
    }
}
