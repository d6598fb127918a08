package io.postroom.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.Postroom;
import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.Deduplication;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.Outcome;
import io.postroom.api.Overflow;
import io.postroom.api.QueueFullException;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueSettings;
import io.postroom.api.Transactions;
import io.postroom.handler.Handler;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.producer.DirectTransactions;
import io.postroom.internal.storage.JobStore;
import io.postroom.test.PostroomKit;
import io.postroom.testing.BlockedSessions;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Deduplication keys beside open transactions, jobs, lost answers and limits: no message may be left out that nothing stands for. */
@PostgresTest
class DeduplicationRaceTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);

    private final TestDatabase database;
    private final JdbcClient sql;
    private final JobStore jobs;
    private final Postroom postroom;
    private final QueueMessages messages;
    private final PostroomKit kit;
    private final List<String> handled = new ArrayList<>();
    private final ExecutorService other = Executors.newFixedThreadPool(2);

    DeduplicationRaceTest(TestDatabase database) {
        this.database = database;
        sql = JdbcClient.create(database.pool());
        jobs = PostgresStores.on(database.pool()).jobs();
        postroom = Postroom.on(database.pool())
                .workers(false)
                .handler(Handler.send("sync", String.class, (payload, context) -> {
                    handled.add(payload);
                    return Outcome.done();
                }))
                .start();
        messages = postroom.queueMessages();
        kit = PostroomKit.of(postroom);
    }

    @AfterEach
    void close() {
        other.shutdownNow();
        assertThat(Conservation.check(sql)).isEmpty();
        kit.reset();
        postroom.close();
    }

    private static CreateMessage message(int content, Deduplication deduplication) {
        return message("customer-42", content, deduplication);
    }

    private static CreateMessage message(String key, int content, Deduplication deduplication) {
        return CreateMessage.to("sync").json(String.valueOf(content)).deduplicate(key, deduplication);
    }

    private Created create(int content, Deduplication deduplication) {
        return messages.createMessage(message(content, deduplication));
    }

    private MessageState state(UUID id) {
        return messages.find(id).orElseThrow().entries().get(0).state();
    }

    private Connection open() throws SQLException {
        Connection open = database.connect();
        open.setAutoCommit(false);
        return open;
    }

    private static void run(Connection connection, String statement, Object parameter) throws SQLException {
        try (var prepared = connection.prepareStatement(statement)) {
            prepared.setObject(1, parameter);
            prepared.execute();
        }
    }

    // ---- beside an open cancel

    /** Left out because the first one still waits, and then the first one is cancelled: nobody would handle either. */
    @ParameterizedTest
    @EnumSource(names = {"END", "START"})
    void message_that_replaces_one_whose_cancel_is_open_is_stored_whoever_wins(Deduplication.Until until)
            throws Exception {
        Deduplication replacing = new Deduplication(until, Deduplication.OnDuplicate.REPLACE);
        for (boolean commits : List.of(true, false)) {
            Created first = create(1, replacing);
            try (Connection open = open()) {
                run(open, "SELECT postroom.cancel(?)", first.id());
                Future<Created> second = other.submit(() -> create(2, replacing));
                BlockedSessions.awaitBehind(open, database.pool(), 1);
                if (commits) {
                    open.commit();
                } else {
                    open.rollback();
                }
                assertThat(second.get(30, TimeUnit.SECONDS).isNew()).isTrue();
            }
            assertThat(state(first.id())).isEqualTo(MessageState.CANCELLED);
            kit.drain("sync");
        }
        assertThat(handled).containsExactly("2", "2");
    }

    @Test
    void message_is_put_off_although_a_cancel_that_fails_was_open() throws Exception {
        Deduplication quiet = Deduplication.untilStart().rescheduleWaiting();
        Created first = create(1, quiet);
        try (Connection open = open()) {
            run(open, "SELECT postroom.cancel(?)", first.id());
            Future<Created> second =
                    other.submit(() -> messages.createMessage(message(2, quiet).delay(MINUTE)));
            BlockedSessions.awaitBehind(open, database.pool(), 1);
            open.rollback();
            assertThat(second.get(30, TimeUnit.SECONDS).id()).isEqualTo(first.id());
        }
        assertThat(state(first.id())).isEqualTo(MessageState.DELAYED);
    }

    // ---- time to live

    /** Put off beyond its end it would expire, and what the later ones told would be handled by nobody. */
    @ParameterizedTest
    @EnumSource
    void message_that_would_expire_before_its_new_due_time_is_replaced(Deduplication.Until until) {
        Deduplication quiet = new Deduplication(until, Deduplication.OnDuplicate.RESCHEDULE);
        Created first = messages.createMessage(message(1, quiet).delay(MINUTE).timeToLive(Duration.ofMinutes(3)));
        assertThat(messages.createMessage(message(2, quiet).delay(Duration.ofMinutes(2)))
                        .id())
                .isEqualTo(first.id());
        Created third = messages.createMessage(message(3, quiet).delay(Duration.ofMinutes(4)));
        assertThat(third.isNew()).isTrue();
        assertThat(state(first.id())).isEqualTo(MessageState.CANCELLED);
        kit.advance(Duration.ofMinutes(5));
        kit.drain("sync");
        assertThat(handled).containsExactly("3");
    }

    // ---- beside jobs

    @Test
    void job_expires_other_messages_while_an_open_transaction_holds_one() throws Exception {
        Deduplication untilStart = Deduplication.untilStart().keepFirst();
        Created held = create(1, untilStart);
        Created free = messages.createMessage(message("other", 1, untilStart));
        try (Connection open = open()) {
            messages.createMessage(message(2, untilStart), open);
            sql.sql(
                            "UPDATE postroom.message SET expires_at = clock_timestamp() - interval '1 second' WHERE id IN (?, ?)")
                    .params(held.id(), free.id())
                    .update();
            expireInTime();
            assertThat(state(free.id())).isEqualTo(MessageState.EXPIRED);
            assertThat(state(held.id())).isEqualTo(MessageState.READY);
            open.commit();
        }
        expireInTime();
        assertThat(state(held.id())).isEqualTo(MessageState.EXPIRED);
    }

    private void expireInTime() throws Exception {
        other.submit(() -> jobs.expire(null, null, 100)).get(30, TimeUnit.SECONDS);
    }

    @Test
    void purge_passes_by_a_key_that_an_open_transaction_holds() throws Exception {
        postroom.queues().declare(QueueSettings.of("sync").retention(Duration.ZERO));
        Deduplication untilEnd = Deduplication.untilEnd().keepFirst();
        Created held = create(1, untilEnd);
        Created free = messages.createMessage(message("other", 1, untilEnd));
        kit.drain("sync");
        try (Connection open = open()) {
            messages.createMessage(message(2, untilEnd), open); // it takes the key, and its commit is not certain
            purgeInTime();
            assertThat(messages.find(free.id())).isEmpty();
            assertThat(messages.find(held.id())).isPresent();
            open.rollback();
        }
        assertThat(create(1, Deduplication.untilPurged()).id()).isEqualTo(held.id());
        purgeInTime();
        assertThat(messages.find(held.id())).isEmpty();
    }

    private void purgeInTime() throws Exception {
        other.submit(() -> sql.sql("""
                        SELECT b.removed
                        FROM pg_class c
                        CROSS JOIN LATERAL postroom.purge_batch(c.relname, '(0,0)', 100, '{}', '{}', '0') b
                        WHERE c.oid IN (SELECT tableoid FROM postroom.attempt)
                        """).query(Integer.class).list()).get(30, TimeUnit.SECONDS);
    }

    // ---- many at once

    /** A batch that has one key twice is written one by one, in its own order: the keys must be locked before, in the order of all. */
    @Test
    void batches_with_the_same_keys_in_other_orders_do_not_deadlock() throws Exception {
        Deduplication replacing = Deduplication.untilStart().replaceWaiting();
        messages.createMessages(List.of(message("a", 0, replacing), message("b", 0, replacing)));
        List<CreateMessage> forth =
                List.of(message("a", 1, replacing), message("b", 1, replacing), message("a", 2, replacing));
        List<CreateMessage> back =
                List.of(message("b", 3, replacing), message("a", 3, replacing), message("b", 4, replacing));
        HostTransactions host = new HostTransactions(new DirectTransactions(database.pool()));
        try (Postroom hosted = Postroom.on(database.pool())
                        .workers(false)
                        .transactions(host)
                        .start();
                Connection blocker = open();
                Connection one = open();
                Connection two = open()) {
            run(blocker, "SELECT FROM postroom.dedup WHERE key = ? FOR UPDATE", "a");
            Future<List<Created>> first =
                    other.submit(() -> host.in(one, () -> hosted.queueMessages().createMessages(forth)));
            BlockedSessions.awaitBlocked(one, database.pool());
            Future<List<Created>> second =
                    other.submit(() -> host.in(two, () -> hosted.queueMessages().createMessages(back)));
            BlockedSessions.awaitBlocked(two, database.pool());
            blocker.rollback();
            assertThat(first.get(30, TimeUnit.SECONDS))
                    .extracting(Created::isNew)
                    .containsExactly(true, true, true);
            one.commit();
            assertThat(second.get(30, TimeUnit.SECONDS))
                    .extracting(Created::isNew)
                    .containsExactly(true, true, true);
            two.commit();
        }
        kit.drain("sync");
        assertThat(handled).containsExactly("3", "4");
    }

    @Test
    void batch_with_one_free_key_twice_follows_the_rules_of_one_by_one() {
        Deduplication replacing = Deduplication.untilEnd().replaceWaiting();
        List<Created> created = messages.createMessages(List.of(
                message("new", 1, Deduplication.untilPurged()),
                message("new", 2, replacing),
                message("new", 3, replacing)));
        assertThat(created).extracting(Created::isNew).containsExactly(true, true, true);
        kit.drain("sync");
        assertThat(handled).containsExactly("3");
    }

    // ---- a lost answer

    /** The commit took place, its answer was lost, and a later message has the key by now. The repeat must find its own message. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void repeat_of_a_message_that_another_one_replaced_finds_itself_whatever_its_own_mode(boolean inBatch) {
        CreateMessage old = message(1, Deduplication.untilPurged()).id(MessageIds.next());
        messages.createMessage(old);
        Created newer = create(2, Deduplication.untilStart().replaceWaiting());
        Created repeat = inBatch
                ? messages.createMessages(List.of(old, message("x", 3, Deduplication.untilEnd())))
                        .get(0)
                : messages.createMessage(old);
        assertThat(repeat.id()).isEqualTo(old.id().orElseThrow());
        assertThat(repeat.isNew()).isFalse();
        assertThat(repeat.state()).contains(MessageState.CANCELLED);
        assertThat(state(newer.id())).isEqualTo(MessageState.READY);
        assertThat(sql.sql("SELECT id FROM postroom.create_message('sync', '1', message_id => :id,"
                                + " deduplication_key => 'customer-42')")
                        .param("id", repeat.id())
                        .query(UUID.class)
                        .single())
                .isEqualTo(repeat.id());
    }

    // ---- a full queue

    /** A long queue is counted now and then. A message that takes the place of another one makes it no longer. */
    @Test
    void message_is_replaced_in_a_long_queue_that_was_found_full() {
        postroom.queues().declare(QueueSettings.of("long").maxLength(5000, Overflow.REJECT));
        CreateMessage keyed = CreateMessage.to("long")
                .json("1")
                .deduplicate("k", Deduplication.untilStart().replaceWaiting());
        Created first = messages.createMessage(keyed);
        sql.sql("SELECT count(*) FROM postroom.create_messages((SELECT jsonb_agg('{\"queue\": \"long\"}'::jsonb)"
                        + " FROM generate_series(1, 4999)))")
                .query(Long.class)
                .single();
        assertThatThrownBy(() -> messages.createMessage(CreateMessage.to("long").json("2")))
                .isInstanceOf(QueueFullException.class);
        sql.sql("UPDATE postroom.queue_length SET waiting = 5000, counted_at = clock_timestamp() + interval '1 minute'")
                .update();
        assertThat(messages.createMessage(keyed).isNew()).isTrue();
        assertThat(state(first.id())).isEqualTo(MessageState.CANCELLED);
        assertThatThrownBy(() -> messages.createMessage(CreateMessage.to("long").json("2")))
                .isInstanceOf(QueueFullException.class);
    }

    /** Transactions of a host, in which nothing is repeated: a deadlock is seen by the caller. */
    private record HostTransactions(Transactions others, ThreadLocal<Connection> bound) implements Transactions {
        HostTransactions(Transactions others) {
            this(others, new ThreadLocal<>());
        }

        <T> T in(Connection connection, Supplier<T> call) {
            bound.set(connection);
            try {
                return call.get();
            } finally {
                bound.remove();
            }
        }

        @Override
        public boolean isOpen() {
            return bound.get() != null;
        }

        @Override
        public <T> T join(Work<T> work) {
            Connection connection = bound.get();
            if (connection == null) {
                return others.join(work);
            }
            try {
                return work.run(new HostTransaction(connection));
            } catch (RuntimeException refused) {
                throw refused;
            } catch (Exception failed) {
                throw new IllegalStateException(failed);
            }
        }

        @Override
        public <T> T joinOrCommitAtOnce(Work<T> oneStatement) {
            return join(oneStatement);
        }

        @Override
        public <T> T begin(Work<T> work) throws Exception {
            return others.begin(work);
        }
    }

    private record HostTransaction(Connection connection) implements Transactions.Open {
        @Override
        public boolean isCallers() {
            return true;
        }

        @Override
        public void afterCommit(Runnable action) {}

        @Override
        public void afterRollback(Runnable action) {}
    }
}
