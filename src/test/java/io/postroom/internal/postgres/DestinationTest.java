package io.postroom.internal.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.LimiterState;
import io.postroom.api.QueueStats;
import io.postroom.internal.storage.AttemptOutcome;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.LimitedClaim;
import io.postroom.internal.storage.NextState;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.StartReports;
import io.postroom.testing.Conservation;
import io.postroom.testing.PostgresTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Two queues that name one destination: its limiter, and what happens when it takes nothing. */
@PostgresTest
class DestinationTest {
    private final DataSource pool;
    private final StoreFixture fixture;
    private final Sessions sessions;
    private final QueueRow payments;
    private final QueueRow refunds;
    private final String bank;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    DestinationTest(DataSource pool) {
        this.pool = pool;
        fixture = new StoreFixture(pool);
        sessions = new Sessions(pool);
        payments = fixture.queue;
        refunds = fixture.newQueue();
        bank = "bank." + payments.name();
        List.of(payments, refunds).forEach(queue -> {
            for (int i = 0; i < 10; i++) {
                fixture.enqueue(new StoreFixture.Plan(queue));
            }
            setDestination(queue);
        });
    }

    @AfterEach
    void nothingIsLost() {
        threads.shutdownNow();
        assertThat(Conservation.check(JdbcClient.create(pool))).isEmpty();
    }

    private void setDestination(QueueRow queue) {
        fixture.execute("SELECT postroom.set_destination('" + queue.name() + "', '" + bank + "')");
    }

    private void limit(String arguments) {
        fixture.execute("SELECT postroom.set_limiter(destination => '" + bank + "', " + arguments + ")");
    }

    private void park(Duration time) {
        fixture.stores.leases().park(bank, time);
    }

    private void parkIsOver() {
        fixture.execute(
                "UPDATE postroom.limiter SET parked_until = clock_timestamp() WHERE destination = '" + bank + "'");
    }

    private LimitedClaim claimOf(QueueRow queue) {
        return fixture.stores
                .leases()
                .claimLimited(
                        new ClaimRequest(
                                fixture.worker,
                                queue.id(),
                                queue.name(),
                                false,
                                StoreFixture.ALL_LANES,
                                new long[10],
                                10,
                                200,
                                10,
                                ClaimKind.ORDINARY,
                                true),
                        StartReports.NONE);
    }

    private void complete(List<ClaimedMessage> messages) {
        fixture.stores
                .leases()
                .complete(
                        fixture.worker,
                        messages.stream().map(StoreFixture::done).toList());
    }

    private void release(List<ClaimedMessage> messages) {
        fixture.stores
                .leases()
                .complete(
                        fixture.worker,
                        messages.stream().map(Completion::release).toList());
    }

    @Test
    void stats_show_what_limits_a_queue_and_until_when_it_waits() {
        assertThat(stats(payments))
                .extracting(QueueStats::destination, QueueStats::limited, QueueStats::parkedUntil)
                .as("a destination that nobody limits")
                .containsExactly(Optional.of(bank), false, Optional.empty());
        park(Duration.ofMinutes(5));
        assertThat(stats(refunds))
                .matches(stats -> !stats.limited() && stats.parkedUntil().isPresent());
        limit("max_in_progress => 2");
        assertThat(stats(refunds).limited()).isTrue();
        assertThat(fixture.stores
                        .operator()
                        .publishedStats(fixture.worker, 1000, 1000)
                        .orElseThrow())
                .filteredOn(stats -> stats.queue().equals(payments.name()))
                .singleElement()
                .isEqualTo(stats(payments));
        parkIsOver();
        assertThat(stats(payments).parkedUntil()).isEmpty();
    }

    @Test
    void limiter_says_what_is_free() {
        limit("max_starts => 3, period => '1 hour', max_in_progress => 2");
        assertThat(state()).matches(state -> state.freeStarts().equals(Optional.of(3)));
        claimOf(payments);
        assertThat(state().freeStarts()).contains(1);
        assertThat(state().freeInProgress()).contains(0L);
        limit("max_in_progress => 1");
        assertThat(state().freeStarts()).isEmpty();
        assertThat(state().freeInProgress()).as("a limit that was lowered").contains(0L);
    }

    private QueueStats stats(QueueRow queue) {
        return fixture.stores.operator().stats(queue.name()).get(0);
    }

    private LimiterState state() {
        return fixture.stores.limiters().list().stream()
                .filter(one -> one.limiter().destination().equals(Optional.of(bank)))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void queues_share_the_limiter_of_their_destination() {
        limit("max_starts => 3, period => '1 hour', max_in_progress => 2");
        List<ClaimedMessage> first = claimOf(payments).messages();
        assertThat(first).hasSize(2);
        assertThat(claimOf(refunds).messages()).isEmpty();
        complete(first);
        assertThat(claimOf(refunds).messages()).hasSize(1);
        assertThat(claimOf(payments).messages()).isEmpty();
    }

    @Test
    void a_queue_is_limited_by_its_own_limiter_and_that_of_its_destination() {
        limit("max_starts => 5, period => '1 hour'");
        fixture.execute("SELECT postroom.set_limiter('" + payments.name() + "', max_starts => 2, period => '1 hour')");
        assertThat(claimOf(payments).messages()).hasSize(2);
        assertThat(claimOf(payments).messages()).isEmpty();
        assertThat(claimOf(refunds).messages()).hasSize(3);
        assertThat(claimOf(refunds).messages()).isEmpty();
    }

    @Test
    void nothing_starts_for_a_parked_destination_in_any_of_its_queues() {
        park(Duration.ofMinutes(5));
        park(Duration.ofMinutes(1)); // shortens nothing
        for (QueueRow queue : List.of(payments, refunds)) {
            LimitedClaim claim = claimOf(queue);
            assertThat(claim.messages()).isEmpty();
            assertThat(claim.heldBack()).isTrue();
            assertThat(claim.nextStart()).isBetween(Duration.ofMinutes(4), Duration.ofMinutes(5));
        }
        String waiting =
                fixture.text("SELECT message_id FROM postroom.ready WHERE queue_id = " + refunds.id() + " LIMIT 1");
        assertThat(fixture.texts("SELECT postroom.explain('" + waiting + "')"))
                .anyMatch(line -> line.startsWith("limit: destination \"" + bank + "\" takes nothing until "));
        assertThat(fixture.text("SELECT postroom.unpark('" + bank + "')")).isEqualTo("t");
        assertThat(claimOf(refunds).messages()).hasSize(10);
        assertThat(fixture.text("SELECT postroom.unpark('" + bank + "')")).isEqualTo("f");
    }

    @Test
    void one_message_tries_a_parked_destination_then_two_then_four() {
        park(Duration.ZERO);
        List<ClaimedMessage> one = claimOf(payments).messages();
        assertThat(one).hasSize(1);
        LimitedClaim meanwhile = claimOf(refunds);
        assertThat(meanwhile.messages()).as("the first one has not ended").isEmpty();
        assertThat(meanwhile.nextStart()).isNull();
        complete(one);
        List<ClaimedMessage> two = claimOf(refunds).messages();
        assertThat(two).hasSize(2);
        complete(two.subList(0, 1));
        assertThat(claimOf(payments).messages()).as("one of two has ended").isEmpty();
        complete(two.subList(1, 2));
        assertThat(claimOf(payments).messages()).hasSize(4);
    }

    /** A handler may run for an hour. It began before the park, so its end says nothing of the tries. */
    @Test
    void tries_do_not_wait_for_what_started_before_the_park() {
        List<ClaimedMessage> before = claimOf(payments).messages();
        assertThat(before).isNotEmpty();
        park(Duration.ZERO);
        List<ClaimedMessage> one = claimOf(refunds).messages();
        assertThat(one).hasSize(1);
        assertThat(claimOf(refunds).messages()).as("the try has not ended").isEmpty();
        complete(one);
        List<ClaimedMessage> two = claimOf(refunds).messages();
        assertThat(two).hasSize(2);
        complete(before);
        assertThat(claimOf(refunds).messages())
                .as("the two tries have not ended")
                .isEmpty();
        complete(two);
        assertThat(claimOf(refunds).messages()).hasSize(4);
    }

    /** Tries of a clock that was set back seem to be from before the park. */
    @Test
    void tries_wait_for_one_another_after_the_clock_was_set_back() {
        park(Duration.ZERO);
        fixture.execute(
                "UPDATE postroom.limiter SET probes_since = clock_timestamp() + interval '1 hour' WHERE destination = '"
                        + bank + "'");
        List<ClaimedMessage> one = claimOf(refunds).messages();
        assertThat(one).hasSize(1);
        assertThat(claimOf(refunds).messages()).isEmpty();
        complete(one);
        assertThat(claimOf(refunds).messages()).hasSize(2);
    }

    @Test
    void a_try_that_is_told_to_wait_parks_the_destination_again_and_the_next_try_is_one() {
        park(Duration.ZERO);
        complete(claimOf(payments).messages());
        List<ClaimedMessage> two = claimOf(payments).messages();
        park(Duration.ofMinutes(1));
        complete(two);
        assertThat(claimOf(payments).messages()).isEmpty();
        parkIsOver();
        assertThat(claimOf(payments).messages()).hasSize(1);
    }

    /** A process that stops gives back what it has not begun. That says nothing of the destination. */
    @Test
    void a_try_that_is_given_back_without_a_start_is_tried_again_by_as_many() {
        park(Duration.ZERO);
        List<ClaimedMessage> one = claimOf(payments).messages();
        for (int i = 0; i < 3; i++) {
            release(one);
            one = claimOf(payments).messages();
            assertThat(one).hasSize(1);
        }
        complete(one);
        List<ClaimedMessage> two = claimOf(payments).messages();
        assertThat(two).hasSize(2);
        release(two.subList(0, 1));
        complete(two.subList(1, 2));
        assertThat(claimOf(payments).messages())
                .as("one of them has begun and was not told to wait")
                .hasSize(4);
    }

    /** The message was handled before the park, and that it began then says nothing of the try. */
    @Test
    void a_message_that_parked_its_destination_and_is_given_back_as_a_try_is_tried_again_alone() {
        List<ClaimedMessage> before = claimOf(payments).messages();
        park(Duration.ZERO);
        fixture.stores
                .leases()
                .complete(
                        fixture.worker,
                        before.stream()
                                .map(message -> new Completion(
                                        message,
                                        AttemptOutcome.NOT_NOW,
                                        NextState.READY,
                                        Duration.ZERO,
                                        null,
                                        null,
                                        message.counters().failures(),
                                        System.nanoTime(),
                                        System.nanoTime()))
                                .toList());
        List<ClaimedMessage> one = claimOf(payments).messages();
        assertThat(one).hasSize(1);
        release(one);
        assertThat(claimOf(payments).messages()).hasSize(1);
    }

    @Test
    void all_go_on_after_64_that_were_not_told_to_wait() {
        park(Duration.ZERO);
        fixture.execute(
                "UPDATE postroom.limiter SET probes = 64, probes_started = 64 WHERE destination = '" + bank + "'");
        assertThat(claimOf(payments).messages()).hasSize(10);
        assertThat(claimOf(refunds).messages()).hasSize(10);
    }

    /** A park waits for the claim that has the lock: what that claim takes counts as running when the tries begin. */
    @Test
    void a_park_beside_a_claim_holds_for_the_next_claim() throws Exception {
        limit("max_in_progress => 3");
        assertThat(claimOf(payments).messages()).hasSize(3);
        try (Connection claiming = sessions.begin();
                Statement statement = claiming.createStatement()) {
            statement.execute(
                    "SELECT FROM postroom.limiter WHERE destination = '" + bank + "' FOR UPDATE"); // as a claim does
            Future<?> parked = threads.submit(() -> park(Duration.ofMinutes(1)));
            sessions.awaitWaitingFor(claiming);
            claiming.commit();
            parked.get(60, TimeUnit.SECONDS);
        }
        assertThat(claimOf(refunds).messages()).isEmpty();
    }

    /** Lost without arming the limiter anew: the claim from before has not read the destination. */
    @Test
    void a_destination_that_is_new_to_a_queue_waits_for_claims_from_before() throws SQLException {
        limit("max_in_progress => 5");
        assertThat(claimOf(payments).messages()).hasSize(5);
        complete(fixture.stores
                .leases()
                .claimLimited(fixture.request(1).withLimiter(true), StartReports.NONE)
                .messages());
        QueueRow third = fixture.newQueue();
        fixture.enqueue(new StoreFixture.Plan(third));
        try (Connection before = sessions.begin();
                Statement statement = before.createStatement()) {
            statement.execute("SELECT count(*) FROM postroom.claim(" + fixture.worker + ", " + third.id() + ", '"
                    + third.name() + "', '{9,8,7,6,5,4,3,2,1,0}', array_fill(0, ARRAY[10])::bigint[], 4, 200, 4, 0)");
            setDestination(third);
            assertThat(claimOf(refunds).nextStart()).isEqualTo(Duration.ofMillis(20));
            before.rollback();
        }
        assertThat(claimOf(refunds).nextStart())
                .as("armed, and the limit is reached")
                .isNull();
    }

    @Test
    void a_destination_that_no_queue_names_is_not_parked() {
        fixture.stores.leases().park("nobody." + bank, Duration.ofMinutes(1));
        assertThat(fixture.number("SELECT count(*) FROM postroom.limiter WHERE destination = 'nobody." + bank + "'"))
                .isZero();
    }

    @Test
    void a_queue_without_its_destination_is_claimed_as_before() {
        limit("max_in_progress => 1");
        fixture.execute("SELECT postroom.set_destination('" + payments.name() + "', NULL)");
        assertThat(fixture.claim(10)).hasSize(10);
        assertThatThrownBy(() -> fixture.execute("SELECT postroom.set_destination('" + payments.name() + "', 'a b')"))
                .rootCause()
                .hasMessageContaining("destination must be 1 to 127");
    }
}
