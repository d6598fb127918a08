package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.done;
import static io.postroom.internal.postgres.StoreFixture.retry;
import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/**
 * What a claim of an ordered queue takes, two or three connections in a fixed order of steps: each test loses without the step it is
 * about.
 */
@PostgresTest
class OrderClaimTest extends OrderSteps {
    OrderClaimTest(TestDatabase database) {
        super(database);
    }

    // ---- one at a time, in order

    @Test
    void one_of_a_group_at_a_time_in_the_order_sent_and_groups_side_by_side() {
        UUID a1 = send("a");
        UUID a2 = send("a");
        UUID b1 = send("b");
        UUID a3 = send("a");
        List<ClaimedMessage> first = claim();
        assertThat(first).extracting(ClaimedMessage::id).containsExactly(a1, b1);
        assertThat(first).extracting(message -> message.content().group()).containsExactly("a", "b");
        assertThat(places(a2)).containsExactly("grouped");
        assertThat(claim()).isEmpty();

        complete(done(first.get(0)));
        ClaimedMessage second = claimOnly(a2);
        assertThat(claim()).isEmpty();
        complete(done(second), done(first.get(1)));
        complete(done(claimOnly(a3)));
        assertThat(fixture.number("SELECT count(*) FROM postroom.message_group WHERE NOT is_free"))
                .isZero();
        assertThat(fixture.number("SELECT count(*) FROM postroom.grouped")).isZero();
    }

    @Test
    void messages_without_a_group_wait_for_nobody() {
        UUID one = send(new StoreFixture.Plan(queue));
        UUID two = send(new StoreFixture.Plan(queue));
        List<ClaimedMessage> claimed = claim();
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(one, two);
        claimed.forEach(message -> complete(done(message)));
    }

    @Test
    void priority_orders_groups_and_not_the_messages_of_a_group() {
        UUID low = send(new StoreFixture.Plan(queue).group("a").priority(1));
        UUID high = send(new StoreFixture.Plan(queue).group("a").priority(9));
        UUID other = send(new StoreFixture.Plan(queue).group("b").priority(8));
        List<ClaimedMessage> one = fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY));
        assertThat(one).extracting(ClaimedMessage::id).containsExactly(other);
        List<ClaimedMessage> first = claim();
        assertThat(first).extracting(ClaimedMessage::id).containsExactly(low);
        complete(done(first.get(0)));
        complete(done(claimOnly(high)), done(one.get(0)));
    }

    @Test
    void group_of_an_unordered_queue_is_a_label() {
        fixture.enqueue(fixture.message().group("a"));
        fixture.enqueue(fixture.message().group("a"));
        List<ClaimedMessage> both = fixture.claim(10);
        assertThat(both)
                .hasSize(2)
                .allMatch(message -> "a".equals(message.content().group()));
        complete(done(both.get(0)), done(both.get(1)));
        assertThat(fixture.number("SELECT count(*) FROM postroom.message_group WHERE NOT is_free"))
                .isZero();
    }

    @Test
    void statements_of_unordered_queues_take_nothing_from_an_ordered_one() {
        UUID id = send("a");
        assertThat(fixture.stores
                        .leases()
                        .claim(new ClaimRequest(
                                fixture.worker,
                                queue.id(),
                                queue.name(),
                                false,
                                StoreFixture.ALL_LANES,
                                new long[10],
                                10,
                                200,
                                10,
                                ClaimKind.ORDINARY)))
                .as("a consumer that does not know yet")
                .isEmpty();
        assertThat(fixture.stores
                        .enqueue()
                        .enqueueLeased(new StoreFixture.Plan(queue).group("a").build(), fixture.worker))
                .as("sendMessageSync")
                .isEmpty();
        complete(done(claimOnly(id)));
    }

    // ---- step 1: claims come one after the other

    @Test
    void claim_that_rolls_back_does_not_let_a_younger_message_go_first() throws Exception {
        UUID older = send("a");
        Connection claiming = begin();
        assertThat(claimOn(claiming)).hasSize(1);
        UUID younger = send("a");
        Future<List<ClaimedMessage>> other = threads.submit(this::claim);
        awaitWaiting(); // beside the first one, it would skip the older message and take the younger
        claiming.rollback();
        List<ClaimedMessage> claimed = answer(other);
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(older);
        complete(done(claimed.get(0)));
        complete(done(claimOnly(younger)));
    }

    @Test
    void claim_that_commits_leaves_nothing_of_its_groups_to_the_next() throws Exception {
        send("a");
        Connection claiming = begin();
        List<ClaimedMessage> first = claimOn(claiming);
        UUID younger = send("a");
        Future<List<ClaimedMessage>> other = threads.submit(this::claim);
        awaitWaiting();
        claiming.commit();
        assertThat(answer(other)).isEmpty();
        complete(done(first.get(0)));
        complete(done(claimOnly(younger)));
    }

    // ---- step 2: all lanes, from the low watermark on, up to one seq

    @Test
    void message_committed_late_goes_before_one_sent_after_that() throws Exception {
        Connection slow = begin();
        UUID late = send("a", slow);
        complete(done(claimOnly(send("b")))); // a cursor would stand above the late one now
        slow.commit();
        UUID after = send("a");
        complete(done(claimOnly(late)));
        complete(done(claimOnly(after)));
    }

    @Test
    void look_that_ends_in_a_lane_with_more_takes_nothing_younger_of_another_lane() {
        UUID old = null;
        for (int i = 0; i < 40; i++) { // a claim of one looks at 17 rows of a lane
            UUID id = send(new StoreFixture.Plan(queue).group("busy").priority(1));
            old = old == null ? id : old;
        }
        UUID first = send(new StoreFixture.Plan(queue).group("x").priority(1));
        UUID second = send(new StoreFixture.Plan(queue).group("x").priority(9));
        List<UUID> order = new ArrayList<>();
        List<ClaimedMessage> held = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY)).forEach(message -> {
                order.add(message.id());
                if ("busy".equals(message.content().group())) {
                    held.add(message);
                } else {
                    complete(done(message));
                }
            });
        }
        assertThat(order).containsExactly(old, first, second);
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(39);
        complete(done(held.get(0)));
    }

    /** The second look of a claim begins behind the first one, so it cannot see what is committed below that meanwhile. */
    @Test
    void message_committed_late_between_two_looks_of_a_claim_goes_before_one_sent_after_that() throws Exception {
        ClaimedMessage running = claimOnly(send("a"));
        Connection slow = begin();
        UUID late = send("b", slow);
        for (int i = 0; i < 40; i++) { // a claim of one looks at 17 rows first
            send("a");
        }
        Connection pausing = begin();
        run(pausing, "LOCK TABLE postroom.grouped IN SHARE ROW EXCLUSIVE MODE"); // keeps the claim from its second look
        Future<List<ClaimedMessage>> claiming =
                threads.submit(() -> fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY)));
        awaitWaiting();
        slow.commit();
        UUID after = send("b");
        pausing.commit();
        assertThat(answer(claiming)).extracting(ClaimedMessage::id).doesNotContain(after);
        complete(done(claimOnly(late)));
        complete(done(claimOnly(after)));
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(40);
        complete(done(running));
    }

    // ---- more in READY than one look sees

    @Test
    void open_cancel_in_front_of_thousands_of_its_group_does_not_stop_other_groups() throws Exception {
        UUID first = send("a");
        for (int part = 0; part < 6; part++) {
            StoreFixture.Plan[] plans = new StoreFixture.Plan[1000];
            Arrays.setAll(plans, i -> new StoreFixture.Plan(queue).group("a"));
            fixture.enqueueAll(plans);
        }
        UUID other = send("b");
        UUID afterOther = send("b");
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + first + "')");
        ClaimedMessage running = claimOnly(other);
        assertThat(places(afterOther)).containsExactly("grouped");
        assertThat(fixture.number("SELECT count(*) FROM postroom.grouped WHERE group_key = 'a'"))
                .as("went past the one in front of them")
                .isZero();
        cancelling.rollback();
        List<ClaimedMessage> claimed = claim();
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(first);
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(6001);
        assertThat(places(afterOther)).containsExactly("finished");
        complete(done(running), done(claimed.get(0)));
    }

    @Test
    void claim_of_one_finds_what_is_free_behind_what_others_have_locked() throws Exception {
        UUID grouped = send("a");
        UUID alone = send(new StoreFixture.Plan(queue));
        UUID other = send("b");
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + grouped + "')");
        text(cancelling, "SELECT postroom.cancel('" + alone + "')");
        List<ClaimedMessage> claimed = fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY));
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(other);
        cancelling.rollback();
        List<ClaimedMessage> rest = claim();
        assertThat(rest).extracting(ClaimedMessage::id).containsExactly(grouped, alone);
        complete(done(claimed.get(0)), done(rest.get(0)), done(rest.get(1)));
    }

    @Test
    void claim_of_one_finds_what_is_free_behind_more_locked_rows_than_it_has_looks() throws Exception {
        StoreFixture.Plan[] plans = new StoreFixture.Plan[60];
        Arrays.setAll(plans, i -> new StoreFixture.Plan(queue).group(i % 2 == 0 ? "g" + i : null));
        fixture.enqueueAll(plans);
        UUID free = send("free");
        Connection cancelling = begin();
        run(
                cancelling,
                "SELECT FROM postroom.ready WHERE queue_id = " + queue.id() + " ORDER BY seq LIMIT 60 FOR UPDATE");
        List<ClaimedMessage> claimed = fixture.stores.leases().claim(request(1, ClaimKind.ORDINARY));
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(free);
        cancelling.rollback();
        complete(done(claimed.get(0)));
        assertThat(fixture.stores.operator().purge(queue.name())).isEqualTo(60);
    }

    @Test
    void suspect_whose_group_somebody_is_ending_does_not_stop_the_other_suspects() throws Exception {
        UUID first = send("a");
        UUID other = send("b");
        int dying = fixture.newWorker();
        fixture.execute("SELECT FROM postroom.claim_ordered(%d, %d, '%s', '{4}', '{0}', 10, 1, 10, 0)"
                .formatted(dying, queue.id(), queue.name()));
        fixture.silence(dying);
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> !fixture.stores
                        .jobs()
                        .rescue(StoreFixture.LEASE_TIME, 10)
                        .isEmpty());
        Connection cancelling = begin();
        text(cancelling, "SELECT postroom.cancel('" + first + "')");
        List<ClaimedMessage> claimed = fixture.stores.leases().claim(request(1, ClaimKind.SUSPECT));
        assertThat(claimed).extracting(ClaimedMessage::id).containsExactly(other);
        cancelling.rollback();
        complete(done(claimed.get(0)));
        complete(done(
                fixture.stores.leases().claim(request(1, ClaimKind.SUSPECT)).get(0)));
    }

    @Test
    void explain_says_who_holds_the_group() {
        UUID first = send("a");
        UUID second = send("a");
        UUID third = send("a");
        ClaimedMessage running = claimOnly(first);
        assertThat(claim()).isEmpty();
        assertThat(groupLine(third))
                .startsWith("group: message " + first + " holds group \"a\" of queue \"" + queue.name() + "\" since ")
                .contains("worker \"test\" works on it", "1 message of the group waits before this one");
        complete(retry(running, Duration.ofHours(1), "no"));
        assertThat(groupLine(second)).contains("it waits until ", "because of retry; this one is next");
        promote();
        complete(done(claimOnly(first)));
        complete(done(claimOnly(second)));
        complete(done(claimOnly(third)));
    }
}
