package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.Direction;
import io.postroom.api.QueueSettings;
import io.postroom.internal.jobs.ReleaseActiveConsumers;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.ConsumerRow;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.QueueChangedException;
import io.postroom.internal.storage.QueueRow;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.ResultSet;
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
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Queues with a single active consumer: who claims, and when another process takes over. */
@PostgresTest
class ActiveConsumerTest {
    private static final Duration LEASE_TIME = StoreFixture.LEASE_TIME;
    private static final String CLAIM = "claim(%d, %d, '%s', '{4}', '{0}', 1, 1, 1, 0)";

    private final StoreFixture fixture;
    private final Sessions sessions;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final UUID secondInstance = UUID.randomUUID();
    private int first;
    private int second;

    ActiveConsumerTest(DataSource pool) {
        fixture = new StoreFixture(pool);
        sessions = new Sessions(pool);
    }

    @BeforeEach
    void twoProcessesConsume() {
        single(true);
        endChange();
        first = fixture.worker;
        second = fixture.stores.workers().register(secondInstance, "second", "1");
        consume(first);
        consume(second);
        for (int i = 0; i < 10; i++) {
            fixture.enqueue();
        }
    }

    @AfterEach
    void stopThreads() {
        threads.shutdownNow();
    }

    @Test
    void first_one_that_claims_is_the_only_one() {
        assertThat(claim(second)).isEqualTo(1);
        assertThat(claim(first)).isZero();
        assertThat(claimEach(first)).isZero();
        assertThat(claimEach(second)).isEqualTo(1);
        release();
        assertThat(claim(first)).as("nobody has left").isZero();
        assertThat(fixture.text("SELECT active_consumer FROM postroom.queue_stats WHERE queue = '"
                        + fixture.queue.name() + "'"))
                .isEqualTo("second");
        assertThat(fixture.stores.queries().explain(fixture.enqueue()).get(0))
                .isEqualTo("single_active: only one process consumes queue \"" + fixture.queue.name()
                        + "\" at a time, now worker \"second\"");
    }

    @Test
    void successor_starts_when_all_messages_of_the_one_before_are_finished() {
        ClaimedMessage held = fixture.claimOne();
        fixture.stores.workers().deregister(first, fixture.instance);
        release();
        assertThat(claim(second)).as("a message is still in progress").isZero();
        fixture.stores.leases().complete(first, List.of(StoreFixture.done(held)));
        assertThat(claim(second)).isZero();
        release();
        assertThat(claim(second)).isEqualTo(1);
        assertThat(claim(first)).isZero();
    }

    @Test
    void killed_one_is_succeeded_after_the_lease_time_when_its_messages_are_rescued() {
        fixture.claimOne();
        fixture.silence(first);
        new ReleaseActiveConsumers(fixture.stores.jobs(), LEASE_TIME, any -> false, () -> false).run();
        assertThat(claim(second))
                .as("judged by a process that has not sent heartbeats for so long itself")
                .isZero();
        release();
        assertThat(claim(second)).as("not rescued yet").isZero();
        fixture.number("SELECT count(*) FROM postroom.rescue(interval '500 ms', 100)");
        release();
        assertThat(claim(second)).isEqualTo(1);
    }

    @Test
    void one_that_was_told_to_stop_or_consumes_other_queues_now_is_succeeded() {
        assertThat(claimAndFinish(first)).isTrue();
        fixture.execute("INSERT INTO postroom.consumer_stop (worker_id, queue_id) VALUES (" + first + ", "
                + fixture.queue.id() + ")");
        release();
        assertThat(claim(second)).as("it has not answered").isZero();
        fixture.execute("UPDATE postroom.consumer_stop SET stopped_at = now() WHERE worker_id = " + first);
        release();
        assertThat(claimAndFinish(second)).isTrue();

        fixture.execute("DELETE FROM postroom.consumer_stop WHERE worker_id = " + first);
        fixture.stores.workers().announce(second, List.of());
        release();
        assertThat(claim(first)).isEqualTo(1);
    }

    @Test
    void new_message_does_not_begin_under_a_lease_of_whoever_creates_it() {
        NewMessage message = fixture.message().build();
        Assertions.assertThatThrownBy(() -> {
                    try (Connection connection = fixture.pool.getConnection()) {
                        fixture.stores.enqueue().enqueueDirect(List.of(message), second, 10, connection);
                    }
                })
                .isInstanceOf(QueueChangedException.class);
        assertThat(fixture.stores.enqueue().enqueueLeased(message, second)).isEmpty();
    }

    @Test
    void all_processes_claim_again_where_the_queue_needs_no_single_one() {
        assertThat(claim(first)).isEqualTo(1);
        single(false);
        assertThat(claim(second)).isEqualTo(1);
        single(true);
        endChange();
        assertThat(claim(second)).isZero();
        assertThat(claim(first)).as("messages of both are in progress").isZero();
        fixture.execute("DELETE FROM postroom.lease WHERE worker_id = " + second);
        assertThat(claim(second)).isZero();
        assertThat(claim(first)).isEqualTo(1);
    }

    @Test
    void ordered_queue_has_a_single_active_consumer_too() {
        var ordered = fixture.newQueue();
        fixture.stores
                .queues()
                .declare(QueueSettings.of(ordered.name()).ordered(true).singleActiveConsumer(true));
        endChange();
        fixture.enqueue(new StoreFixture.Plan(ordered));
        fixture.enqueue(new StoreFixture.Plan(ordered));
        String claim = "SELECT count(*) FROM postroom.claim_ordered(%d, " + ordered.id() + ", '" + ordered.name()
                + "', '{4}', '{0}', 1, 1, 1, 0)";
        assertThat(fixture.number(claim.formatted(first))).isEqualTo(1);
        assertThat(fixture.number(claim.formatted(second))).isZero();
    }

    // ---- races

    /** The claim has the row, so its lease is seen afterwards. Without that lock two processes would have messages in progress. */
    @Test
    void claim_that_is_under_way_is_not_overtaken_by_a_take_over() throws Exception {
        assertThat(claimAndFinish(first)).isTrue();
        try (Connection open = sessions.begin()) {
            claim(first, open);
            fixture.stores.workers().deregister(first, fixture.instance);
            release();
            assertThat(claim(second)).isZero();
            open.commit();
        }
        release();
        assertThat(claim(second)).as("what the claim took is in progress").isZero();
    }

    @Test
    void claim_takes_nothing_while_a_take_over_is_under_way() throws Exception {
        assertThat(claimAndFinish(first)).isTrue();
        fixture.stores.workers().announce(first, List.of());
        try (Connection open = sessions.begin();
                Statement statement = open.createStatement()) {
            statement.execute("SELECT postroom.release_active(interval '1 hour')");
            assertThat(claim(first)).as("and does not wait").isZero();
            open.commit();
        }
        assertThat(claim(second)).isEqualTo(1);
        assertThat(claim(first)).isZero();
    }

    @Test
    void two_first_claims_at_once_make_one_active_process() throws Exception {
        try (Connection open = sessions.begin()) {
            assertThat(claim(first, open)).isEqualTo(1);
            Future<Long> other = threads.submit(() -> claim(second));
            sessions.awaitWaitingFor(open);
            open.commit();
            assertThat(other.get(60, TimeUnit.SECONDS)).isZero();
        }
    }

    /** The claim read the queue before the change. What it takes is in progress, and no snapshot shows it before its commit. */
    @Test
    void claim_from_before_the_change_is_waited_for() throws Exception {
        single(false);
        try (Connection open = sessions.begin()) {
            assertThat(claim(second, open)).isEqualTo(1);
            single(true);
            assertThat(claim(first))
                    .as("a message may be in progress elsewhere")
                    .isZero();
            endChange();
            assertThat(claim(first)).as("the other claim is still open").isZero();
            open.commit();
        }
        release();
        assertThat(claim(first)).as("a message is in progress").isZero();
        fixture.execute("DELETE FROM postroom.lease");
        assertThat(claim(first)).isEqualTo(1);
        assertThat(claim(second)).isZero();
    }

    @Test
    void change_ends_after_the_clock_was_set_back() {
        single(false);
        single(true);
        fixture.execute(
                "UPDATE postroom.active_consumer SET active_at = active_at + interval '1 hour' WHERE worker_id = 0");
        release();
        assertThat(claim(first)).isEqualTo(1);
    }

    @Test
    void transaction_that_began_after_the_change_is_not_waited_for() throws Exception {
        single(false);
        single(true);
        var other = fixture.newQueue();
        fixture.enqueue(new StoreFixture.Plan(other));
        try (Connection before = sessions.begin();
                Connection after = sessions.begin()) {
            claimElsewhere(before, other);
            endChange();
            claimElsewhere(after, other);
            assertThat(claim(first)).isZero();
            before.rollback();
            release();
            assertThat(claim(first)).as("others always claim somewhere").isEqualTo(1);
        }
    }

    /** A claim of an ordered queue waits for the one before it, and so comes to its lease long after it read the queue. */
    @Test
    void claim_from_before_the_change_that_waits_for_its_turn_is_waited_for() throws Exception {
        var ordered = fixture.newQueue();
        QueueSettings settings = QueueSettings.of(ordered.name());
        fixture.stores.queues().declare(settings.ordered(true));
        fixture.enqueue(new StoreFixture.Plan(ordered));
        fixture.enqueue(new StoreFixture.Plan(ordered));
        String claim = "SELECT count(*) FROM postroom.claim_ordered(%d, " + ordered.id() + ", '" + ordered.name()
                + "', '{4}', '{0}', 1, 1, 1, 0)";
        try (Connection turn = sessions.begin();
                Statement statement = turn.createStatement()) {
            statement.execute("SELECT pg_advisory_xact_lock(1349481332, " + ordered.id() + ")");
            Future<Long> old = threads.submit(() -> fixture.number(claim.formatted(second)));
            sessions.awaitWaitingFor(turn);
            fixture.stores.queues().declare(settings.singleActiveConsumer(true));
            endChange();
            Future<Long> next = threads.submit(() -> fixture.number(claim.formatted(first)));
            turn.rollback();
            assertThat(old.get(60, TimeUnit.SECONDS) + next.get(60, TimeUnit.SECONDS))
                    .as("two processes have messages")
                    .isEqualTo(1);
        }
    }

    private void claimElsewhere(Connection connection, QueueRow other) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("SELECT count(*) FROM postroom." + CLAIM.formatted(second, other.id(), other.name()));
            statement.execute(
                    "UPDATE postroom.lease SET started = started WHERE false"); // where the claim found nothing
        }
    }

    /** After a restore the number of one queue may belong to another. */
    @Test
    void process_that_knows_an_old_number_does_not_become_the_active_one_of_another_queue() {
        fixture.number(
                "SELECT count(*) FROM postroom.claim_each(%d, '{%d}', '{another name}', '{4}', '{0}', '{1}', '{1}', '{1}')"
                        .formatted(second, fixture.queue.id()));
        fixture.number("SELECT count(*) FROM postroom." + CLAIM.formatted(second, fixture.queue.id(), "another name"));
        assertThat(claim(first)).isEqualTo(1);
    }

    @Test
    void claim_that_rolls_back_leaves_the_place_to_the_one_that_waits() throws Exception {
        try (Connection open = sessions.begin()) {
            assertThat(claim(first, open)).isEqualTo(1);
            Future<Long> other = threads.submit(() -> claim(second));
            sessions.awaitWaitingFor(open);
            open.rollback();
            assertThat(other.get(60, TimeUnit.SECONDS)).isEqualTo(1);
        }
        assertThat(claim(first)).isZero();
    }

    // ---- steps

    private void consume(int worker) {
        fixture.execute("UPDATE postroom.worker SET beat_at = now() + interval '30 minutes' WHERE id = " + worker);
        fixture.stores
                .workers()
                .announce(
                        worker,
                        List.of(new ConsumerRow(
                                fixture.queue.id(), "h", Direction.INCOMING, 4, "LEASED", List.of("*"))));
    }

    private void single(boolean isSingle) {
        fixture.stores.queues().declare(QueueSettings.of(fixture.queue.name()).singleActiveConsumer(isSingle));
    }

    /** The job a second after the change. */
    private void endChange() {
        fixture.execute(
                "UPDATE postroom.active_consumer SET active_at = active_at - interval '1 minute' WHERE worker_id = 0");
        release();
    }

    private void release() {
        new ReleaseActiveConsumers(fixture.stores.jobs(), LEASE_TIME, any -> true, () -> false).run();
    }

    private long claim(int worker) {
        return fixture.number(
                "SELECT count(*) FROM postroom." + CLAIM.formatted(worker, fixture.queue.id(), fixture.queue.name()));
    }

    private long claim(int worker, Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT count(*) FROM postroom."
                        + CLAIM.formatted(worker, fixture.queue.id(), fixture.queue.name()))) {
            row.next();
            return row.getLong(1);
        }
    }

    private long claimEach(int worker) {
        return fixture.number(
                "SELECT count(*) FROM postroom.claim_each(%d, '{%d}', '{%s}', '{4}', '{0}', '{1}', '{1}', '{1}')"
                        .formatted(worker, fixture.queue.id(), fixture.queue.name()));
    }

    /** Whether the process could claim a message; afterwards it holds none. */
    private boolean claimAndFinish(int worker) {
        boolean isActive = claim(worker) == 1;
        fixture.execute("DELETE FROM postroom.lease WHERE worker_id = " + worker);
        return isActive;
    }
}
