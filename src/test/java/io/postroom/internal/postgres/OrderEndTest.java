package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.dead;
import static io.postroom.internal.postgres.StoreFixture.done;
import static io.postroom.internal.postgres.StoreFixture.retry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.JobStore;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** How a group goes on when its holder ends, and where a holder keeps it: each test loses without the step it is about. */
@PostgresTest
class OrderEndTest extends OrderSteps {
    OrderEndTest(TestDatabase database) {
        super(database);
    }

    // ---- step 3: a message goes behind a busy group, or stays in ready

    @Test
    void message_that_comes_while_its_group_ends_is_not_left_behind() throws Exception {
        ClaimedMessage first = claimOnly(send("a"));
        Connection ending = begin();
        completeOn(ending, done(first));
        UUID next = send("a");
        assertThat(claim()).as("its group may be free soon").isEmpty();
        assertThat(places(next)).containsExactly("ready");
        ending.commit();
        assertThat(holder("a")).isNull();
        complete(done(claimOnly(next)));
    }

    @Test
    void end_of_a_group_waits_for_the_claim_that_puts_a_message_behind_it() throws Exception {
        ClaimedMessage first = claimOnly(send("a"));
        UUID next = send("a");
        Connection claiming = begin();
        assertThat(claimOn(claiming)).isEmpty();
        Future<?> ending = threads.submit(() -> complete(done(first)));
        awaitWaiting(); // without the lock it would see nothing behind the group and make it free
        claiming.commit();
        answer(ending);
        assertThat(holder("a")).isEqualTo(next.toString());
        complete(done(claimOnly(next)));
    }

    @Test
    void end_of_a_group_that_rolls_back_keeps_it() throws Exception {
        ClaimedMessage first = claimOnly(send("a"));
        UUID next = send("a");
        assertThat(claim()).isEmpty();
        Connection ending = begin();
        completeOn(ending, done(first));
        ending.rollback();
        assertThat(claim()).isEmpty();
        assertThat(holder("a")).isEqualTo(first.id().toString());
        complete(done(first));
        complete(done(claimOnly(next)));
    }

    @Test
    void atomic_handler_with_an_old_snapshot_loses_nothing_behind_its_group() throws Exception {
        ClaimedMessage first = claimOnly(send("a"));
        Connection ending = begin();
        ending.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        text(ending, "SELECT count(*) FROM postroom.grouped");
        UUID next = send("a");
        assertThat(claim()).isEmpty();
        assertThat(places(next)).containsExactly("grouped");
        completeOn(ending, done(first));
        ending.commit();
        assertThat(holder("a")).isEqualTo("nobody");
        assertThat(sweep().advanced()).isEqualTo(1);
        complete(done(claimOnly(next)));
    }

    // ---- steps 4 and 5: a cancel in an open transaction

    @Test
    void open_cancel_of_a_waiting_message_holds_back_those_behind_it_and_no_other_group() throws Exception {
        UUID first = send("a");
        UUID second = send("a");
        UUID other = send("b");
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + first + "')");
        ClaimedMessage ofOther = claimOnly(other);
        cancelling.rollback();
        complete(done(claimOnly(first)), done(ofOther));
        complete(done(claimOnly(second)));

        UUID third = send("a");
        UUID fourth = send("a");
        Connection again = begin();
        text(again, "SELECT postroom.cancel('" + third + "')");
        assertThat(claim()).isEmpty();
        again.commit();
        complete(done(claimOnly(fourth)));
    }

    @Test
    void group_whose_next_message_is_being_cancelled_goes_on_when_that_has_ended() throws Exception {
        for (boolean commits : new boolean[] {false, true}) {
            ClaimedMessage first = claimOnly(send("a"));
            UUID second = send("a");
            UUID third = send("a");
            assertThat(claim()).isEmpty();
            Connection cancelling = begin();
            text(cancelling, "SELECT postroom.cancel('" + second + "')");
            complete(done(first)); // does not wait for it
            assertThat(holder("a")).isEqualTo("nobody");
            assertThat(claim()).isEmpty();
            sweep();
            assertThat(holder("a")).as("while it is open").isEqualTo("nobody");
            if (commits) {
                cancelling.commit();
            } else {
                cancelling.rollback();
            }
            sweep();
            if (!commits) {
                complete(done(claimOnly(second)));
            }
            complete(done(claimOnly(third)));
        }
    }

    // ---- where a holder may go

    @Test
    void retry_and_release_block_the_group() {
        UUID first = send("a");
        UUID second = send("a");
        complete(retry(claimOnly(first), Duration.ofHours(1), "no"));
        assertThat(places(first)).containsExactly("delayed");
        assertThat(claim()).isEmpty();
        sweep();
        assertThat(claim()).as("a DELAYED holder still holds").isEmpty();
        promote();
        complete(Completion.release(claimOnly(first)));
        complete(done(claimOnly(first)));
        complete(done(claimOnly(second)));
    }

    @Test
    void delayed_message_joins_its_group_when_it_is_due() {
        UUID delayed = send(new StoreFixture.Plan(queue).group("a").delay(Duration.ofHours(1)));
        ClaimedMessage first = claimOnly(send("a"));
        promote();
        assertThat(claim()).isEmpty();
        assertThat(places(delayed)).containsExactly("grouped");
        complete(done(first));
        complete(done(claimOnly(delayed)));
    }

    @Test
    void dead_letter_releases_its_group_and_goes_in_front_when_redriven() {
        UUID first = send("a");
        UUID second = send("a");
        UUID third = send("a");
        complete(dead(claimOnly(first), "no"));
        ClaimedMessage running = claimOnly(second);
        fixture.stores.operator().redrive(first);
        assertThat(claim()).isEmpty();
        complete(done(running));
        complete(done(claimOnly(first)));
        complete(done(claimOnly(third)));
    }

    @Test
    void dead_letter_blocks_its_group_if_the_queue_says_so_until_it_is_redriven_or_released() {
        declared(QueueSettings.of(queue.name()).onDeadLetter(OnDeadLetter.BLOCK));
        UUID first = send("a");
        UUID second = send("a");
        UUID third = send("a");
        complete(dead(claimOnly(first), "no"));
        sweep();
        assertThat(claim()).isEmpty();
        assertThat(groupLine(second))
                .startsWith("group: message " + first + " holds group \"a\"")
                .contains(
                        "it is a dead letter (attempts_spent), for which this queue blocks the group",
                        "this one is next");
        fixture.stores.operator().redrive(first);
        complete(dead(claimOnly(first), "no"));
        declared(QueueSettings.of(queue.name()).onDeadLetter(OnDeadLetter.RELEASE));
        sweep();
        complete(done(claimOnly(second)));
        complete(done(claimOnly(third)));
    }

    @Test
    void dead_worker_gives_its_message_back_as_the_first_of_its_group() {
        UUID first = send("a");
        UUID second = send("a");
        int other = fixture.newWorker();
        ClaimRequest request = request(10, ClaimKind.ORDINARY);
        assertThat(fixture.stores
                        .leases()
                        .claim(new ClaimRequest(
                                other,
                                queue.id(),
                                queue.name(),
                                true,
                                request.priorities(),
                                request.cursors(),
                                10,
                                200,
                                10,
                                ClaimKind.ORDINARY)))
                .hasSize(1);
        fixture.silence(other);
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> !fixture.stores
                        .jobs()
                        .rescue(StoreFixture.LEASE_TIME, 10)
                        .isEmpty());
        assertThat(claim()).as("a suspect is claimed by itself").isEmpty();
        List<ClaimedMessage> suspect = fixture.stores.leases().claim(request(1, ClaimKind.SUSPECT));
        assertThat(suspect).extracting(ClaimedMessage::id).containsExactly(first);
        complete(done(suspect.get(0)));
        complete(done(claimOnly(second)));
    }

    @Test
    void cancelled_holder_lets_its_group_go_on_at_once() {
        UUID first = send("a");
        UUID second = send("a");
        complete(retry(claimOnly(first), Duration.ofHours(1), "no"));
        assertThat(claim()).isEmpty();
        assertThat(fixture.stores.operator().cancel(first)).isEqualTo(1);
        complete(done(claimOnly(second)));
    }

    @Test
    void expired_holder_lets_its_group_go_on() {
        UUID first = send(new StoreFixture.Plan(queue).group("a").timeToLive(Duration.ofHours(2)));
        UUID behind = send(new StoreFixture.Plan(queue).group("a").timeToLive(Duration.ofHours(2)));
        UUID third = send("a");
        complete(retry(claimOnly(first), Duration.ofHours(1), "no"));
        assertThat(claim()).isEmpty();
        fixture.execute(
                "UPDATE postroom.message SET expires_at = now() - interval '1 second' WHERE expires_at IS NOT NULL");
        assertThat(fixture.stores.jobs().expire(null, null, 10_000)).isEqualTo(new JobStore.Expiry(null, null));
        assertThat(places(first)).containsExactly("finished");
        assertThat(places(behind)).containsExactly("finished");
        sweep();
        complete(done(claimOnly(third)));
    }

    @Test
    void rescheduled_message_leaves_its_place() {
        ClaimedMessage first = claimOnly(send("a"));
        UUID second = send("a");
        UUID third = send("a");
        assertThat(claim()).isEmpty();
        assertThat(fixture.stores.operator().reschedule(second, Instant.now().plusSeconds(3600)))
                .isEqualTo(1);
        complete(done(first));
        complete(done(claimOnly(third)));
        promote();
        complete(done(claimOnly(second)));
    }

    @Test
    void purge_and_delete_empty_the_groups() {
        ClaimedMessage running = claimOnly(send("a"));
        send("a");
        send("a");
        assertThat(claim()).isEmpty();
        assertThatThrownBy(() -> fixture.stores.operator().delete(queue.name(), true, false))
                .hasMessageContaining("not empty");
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(2);
        complete(done(running));
        ClaimedMessage next = claimOnly(send("a"));
        send("a");
        assertThat(claim()).isEmpty();
        fixture.stores.operator().delete(queue.name(), false, false);
        assertThat(fixture.number("SELECT count(*) FROM postroom.grouped")).isZero();
        complete(done(next));
    }
}
