package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.done;
import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.QueueSettings;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.JobStore.GroupSweep;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What sweep_groups mends, and what it leaves alone: a lock is never a poison pill. */
@PostgresTest
class OrderSweepTest extends OrderSteps {
    OrderSweepTest(TestDatabase database) {
        super(database);
    }

    @Test
    void lost_and_strange_rows_of_groups_do_not_stop_a_group() {
        UUID first = send("a");
        UUID second = send("a");
        ClaimedMessage running = claimOnly(first);
        assertThat(claim()).isEmpty();
        fixture.execute("DELETE FROM postroom.message_group");
        complete(done(running));
        assertThat(places(second)).containsExactly("grouped");
        sweep();
        complete(done(claimOnly(second)));

        UUID third = send("b");
        fixture.execute("INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch) VALUES ("
                + queue.id() + ", 'b', gen_random_uuid(), 5000000000, 0)");
        assertThat(claim()).isEmpty();
        sweep();
        sweep();
        complete(done(claimOnly(third)));

        UUID fourth = send("c");
        fixture.execute("UPDATE postroom.ready SET moved = true, deliveries = 3 WHERE message_id = '" + fourth + "'");
        complete(done(claimOnly(fourth)));
        assertThat(fixture.number("SELECT count(*) FROM postroom.message_group WHERE NOT is_free"))
                .isZero();
    }

    @Test
    void worker_that_does_not_hand_on_leaves_that_to_the_sweep() {
        UUID first = send("a");
        UUID second = send("a");
        ClaimedMessage running = claimOnly(first);
        assertThat(claim()).isEmpty();
        fixture.execute("SELECT postroom.complete_one(" + fixture.worker + ", "
                + running.lease().id() + ", '" + first + "', 1::int2, 1, 1)");
        assertThat(claim()).isEmpty();
        sweep();
        complete(done(claimOnly(second)));
    }

    /** The sweep holds the lock of the claims here: to wait for a user's transaction would stop the whole queue. */
    @Test
    void sweep_does_not_wait_for_a_transaction_that_ends_a_group_of_a_strange_row() throws Exception {
        UUID first = send("a");
        UUID second = send("a");
        ClaimedMessage running = claimOnly(first);
        assertThat(claim()).isEmpty();
        fixture.execute("UPDATE postroom.message_group SET low = 5000000000"); // the sweep has to mend it
        Connection ending = begin();
        completeOn(ending, done(running));
        Future<GroupSweep> sweeping = threads.submit(this::sweep);
        answer(sweeping);
        UUID other = send("b");
        complete(done(claimOnly(other)));
        ending.commit();
        sweep();
        complete(done(claimOnly(second)));
    }

    /** The sweep decides on a snapshot. The holder that was dead there may be claimed again before the group's row is locked. */
    @Test
    void holder_that_comes_back_while_the_sweep_looks_keeps_its_group() throws Exception {
        declared(QueueSettings.of(queue.name()).crashLimit(1));
        UUID first = send("a");
        UUID second = send("a");
        bury(first);
        assertThat(claim()).isEmpty();
        assertThat(places(second)).containsExactly("grouped");

        Connection coming = begin();
        run(coming, "LOCK TABLE postroom.message_group IN EXCLUSIVE MODE"); // the sweep may look and not lock
        Future<GroupSweep> sweeping = threads.submit(this::sweep);
        awaitWaiting();
        text(coming, "SELECT postroom.redrive('" + first + "')");
        List<ClaimedMessage> running = claimOn(coming);
        coming.commit();
        answer(sweeping);
        assertThat(running).extracting(ClaimedMessage::id).containsExactly(first);
        assertThat(claim()).as("two messages of one group at once").isEmpty();
        assertThat(holder("a")).isEqualTo(first.toString());
        complete(done(running.get(0)));
        complete(done(claimOnly(second)));
    }

    @Test
    void holder_that_was_buried_and_redriven_after_the_sweep_waits_for_its_turn() {
        declared(QueueSettings.of(queue.name()).crashLimit(1));
        UUID first = send("a");
        UUID second = send("a");
        UUID third = send("a");
        bury(first);
        assertThat(claim()).isEmpty();
        sweep();
        fixture.stores.operator().redrive(first);
        ClaimedMessage running = claimOnly(second);
        complete(done(running));
        complete(done(claimOnly(first)));
        complete(done(claimOnly(third)));
    }

    /** A worker claims the message and dies; at a crash limit of 1 the rescue makes it a dead letter, which still holds its group. */
    private void bury(UUID id) {
        int other = fixture.newWorker();
        ClaimRequest own = request(1, ClaimKind.ORDINARY);
        assertThat(fixture.stores
                        .leases()
                        .claim(new ClaimRequest(
                                other,
                                queue.id(),
                                queue.name(),
                                true,
                                own.priorities(),
                                own.cursors(),
                                1,
                                200,
                                1,
                                ClaimKind.ORDINARY)))
                .extracting(ClaimedMessage::id)
                .containsExactly(id);
        fixture.silence(other);
        Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> {
            fixture.stores.jobs().rescue(StoreFixture.LEASE_TIME, 10);
            return places(id).equals(List.of("dead"));
        });
    }
}
