package io.postroom.internal.postgres;

import static io.postroom.internal.postgres.StoreFixture.dead;
import static io.postroom.internal.postgres.StoreFixture.done;
import static io.postroom.internal.postgres.StoreFixture.retry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import io.postroom.api.MessageIds;
import io.postroom.internal.storage.Arrival;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Completion;
import io.postroom.internal.storage.Failure;
import io.postroom.internal.storage.LeasePart;
import io.postroom.testing.PostgresTest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** Claim, complete, rescue: who holds a message, and that only he can end it. */
@PostgresTest
class LeaseTest {
    private final StoreFixture fixture;

    LeaseTest(DataSource pool) {
        fixture = new StoreFixture(pool);
    }

    private List<LeasePart> complete(Completion... completions) {
        return fixture.stores.leases().complete(fixture.worker, List.of(completions));
    }

    private static int count(List<LeasePart> parts) {
        return parts.stream().mapToInt(part -> part.completed().cardinality()).sum();
    }

    @Test
    void a_claimed_message_is_not_claimed_twice() {
        UUID id = fixture.enqueue();
        assertThat(fixture.claim(10)).extracting(ClaimedMessage::id).containsExactly(id);
        assertThat(fixture.claim(10)).isEmpty();
        assertThat(fixture.places(id)).containsExactly("lease");
    }

    @Test
    void the_limit_is_a_limit_over_all_lanes() {
        for (int i = 0; i < 30; i++) {
            fixture.enqueue(fixture.message().priority(i % 10));
        }
        List<ClaimedMessage> claimed = fixture.claim(7);
        assertThat(claimed).hasSize(7);
        assertThat(claimed).extracting(ClaimedMessage::priority).containsExactly(9, 9, 9, 8, 8, 8, 7);
    }

    @Test
    void a_claim_is_cut_into_leases_of_the_size_asked_for() {
        for (int i = 0; i < 5; i++) {
            fixture.enqueue();
        }
        List<ClaimedMessage> claimed = fixture.stores
                .leases()
                .claim(new ClaimRequest(
                        fixture.worker,
                        fixture.queue.id(),
                        fixture.queue.name(),
                        false,
                        StoreFixture.ALL_LANES,
                        new long[10],
                        10,
                        2,
                        10,
                        ClaimKind.ORDINARY));
        assertThat(claimed).extracting(message -> message.lease().count()).containsExactlyInAnyOrder(2, 2, 2, 2, 1);
        assertThat(claimed.stream().map(message -> message.lease().id()).distinct())
                .hasSize(3);
    }

    @Test
    void a_claim_starts_at_its_cursor() {
        fixture.enqueue();
        long second = fixture.enqueue(fixture.message()).seq();
        List<ClaimedMessage> claimed = fixture.stores
                .leases()
                .claim(new ClaimRequest(
                        fixture.worker,
                        fixture.queue.id(),
                        fixture.queue.name(),
                        false,
                        new short[] {4},
                        new long[] {second},
                        10,
                        200,
                        10,
                        ClaimKind.ORDINARY));
        assertThat(claimed).extracting(ClaimedMessage::laneSeq).containsExactly(second);
    }

    @Test
    void a_lease_is_completed_in_parts_and_dropped_with_the_last() {
        fixture.enqueueAll(fixture.message(), fixture.message(), fixture.message());
        List<ClaimedMessage> held = fixture.claim(3);
        assertThat(count(complete(done(held.get(1))))).isOne();
        assertThat(fixture.places(held.get(1).id())).containsExactly("finished");
        assertThat(fixture.places(held.get(0).id())).containsExactly("lease");
        assertThat(count(complete(done(held.get(0)), done(held.get(2))))).isEqualTo(2);
        assertThat(fixture.number("SELECT count(*) FROM postroom.lease WHERE worker_id = " + fixture.worker))
                .isZero();
    }

    @Test
    void a_repeated_completion_writes_nothing() {
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> held = fixture.claim(2);
        complete(done(held.get(0)));
        assertThat(count(complete(done(held.get(0))))).isZero();
        complete(done(held.get(1)));
        assertThat(complete(done(held.get(1)))).isEmpty();
        assertThat(fixture.number("SELECT count(*) FROM postroom.attempt WHERE queue_id = " + fixture.queue.id()))
                .isEqualTo(2);
    }

    @Test
    void all_ends_of_one_batch_are_written_together() {
        for (int i = 0; i < 5; i++) {
            fixture.enqueue();
        }
        List<ClaimedMessage> held = fixture.claim(5);
        List<LeasePart> parts = complete(
                done(held.get(0)),
                retry(held.get(1), Duration.ofSeconds(10), "no luck"),
                dead(held.get(2), "no use"),
                Completion.release(held.get(3)),
                done(held.get(4)));
        assertThat(count(parts)).isEqualTo(5);
        assertThat(held.stream().map(message -> fixture.places(message.id()).toString()))
                .containsExactly("[finished]", "[delayed]", "[dead]", "[ready]", "[finished]");
        assertThat(fixture.texts("SELECT error FROM postroom.attempt WHERE message_id = '"
                        + held.get(1).id() + "'"))
                .containsExactly("no luck");
    }

    @Test
    void counts_follow_a_message_through_retries() {
        fixture.enqueue();
        ClaimedMessage first = fixture.claimOne();
        complete(retry(first, Duration.ZERO, "once"));
        fixture.stores.jobs().promote(null, 100);
        ClaimedMessage second = fixture.claimOne();
        assertThat(second.counters().failures()).isOne();
        assertThat(second.counters().deliveries()).isOne();
        assertThat(second.number()).isEqualTo(2);
        complete(Completion.release(second));
        ClaimedMessage third = fixture.claimOne();
        assertThat(third.counters().failures()).as("a release spends nothing").isOne();
        assertThat(third.number()).isEqualTo(3);
    }

    /** Their ids are of an opposite order here, as those of several producers can be. */
    @Test
    void messages_are_claimed_in_the_order_in_which_they_came() {
        List<UUID> ids =
                new ArrayList<>(Stream.generate(MessageIds::next).limit(300).toList());
        Collections.reverse(ids);
        ids.forEach(id -> fixture.enqueue(fixture.message().id(id)));
        assertThat(fixture.claim(1)).extracting(ClaimedMessage::id).containsExactly(ids.get(0));
        assertThat(fixture.claim(300)).extracting(ClaimedMessage::id).containsExactlyElementsOf(ids.subList(1, 300));
    }

    @Test
    void messages_claimed_together_keep_their_own_counts() {
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> first = fixture.claim(2);
        complete(retry(first.get(0), Duration.ZERO, "once"), Completion.release(first.get(1)));
        fixture.stores.jobs().promote(null, 100);
        UUID fresh = fixture.enqueue();
        List<ClaimedMessage> together = fixture.claim(10);
        assertThat(together)
                .extracting(
                        ClaimedMessage::id,
                        message -> message.counters().failures(),
                        message -> message.counters().deliveries())
                .containsExactlyInAnyOrder(
                        tuple(first.get(0).id(), 1, 1), tuple(first.get(1).id(), 0, 1), tuple(fresh, 0, 0));
        together.forEach(message -> complete(done(message)));
        assertThat(fixture.places(fresh)).containsExactly("finished");
    }

    /** Alone and among others, which are claimed in different ways. */
    @Test
    void a_message_whose_payload_is_not_there_is_claimed_and_says_so() {
        UUID alone = fixture.enqueue();
        forget(alone);
        assertThat(fixture.claim(10))
                .extracting(ClaimedMessage::id, ClaimedMessage::stored)
                .containsExactly(tuple(alone, false));
        UUID first = fixture.enqueue();
        UUID second = fixture.enqueue();
        forget(first);
        assertThat(fixture.claim(10))
                .extracting(ClaimedMessage::id, ClaimedMessage::stored)
                .containsExactlyInAnyOrder(tuple(first, false), tuple(second, true));
    }

    private void forget(UUID message) {
        fixture.execute("DELETE FROM postroom.message WHERE id = '" + message + "'");
    }

    @Test
    void a_failure_that_cannot_be_stored_holds_up_nobody() {
        fixture.enqueueAll(fixture.message(), fixture.message(), fixture.message());
        List<ClaimedMessage> held = fixture.claim(3);
        Failure poison = new Failure("x", "a NUL \0 and half a pair \uD800", "p");
        List<LeasePart> parts = complete(
                done(held.get(0)),
                retry(held.get(1), Duration.ofSeconds(1), poison),
                retry(held.get(2), Duration.ofSeconds(1), "plain"));
        assertThat(count(parts)).isEqualTo(3);
        assertThat(fixture.places(held.get(1).id())).containsExactly("delayed");
        assertThat(fixture.text("SELECT error FROM postroom.attempt WHERE message_id = '"
                        + held.get(1).id() + "'"))
                .isEqualTo("the error's own text could not be stored");
        assertThat(fixture.text("SELECT error FROM postroom.attempt WHERE message_id = '"
                        + held.get(2).id() + "'"))
                .isEqualTo("plain");
    }

    @Test
    void a_message_that_is_dead_or_delayed_already_still_leaves_its_lease() {
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> held = fixture.claim(2);
        String copied = " (queue_id, priority, failures, crashes, deliveries, message_id, reason%s)"
                + " SELECT queue_id, 4, 0, 0, 0, id, '%s'%s FROM postroom.message WHERE id = '%s'";
        fixture.execute("INSERT INTO postroom.dead_letter"
                + copied.formatted("", "rejected", "", held.get(0).id()));
        fixture.execute("INSERT INTO postroom.delayed"
                + copied.formatted(", due_at", "delay", ", now()", held.get(1).id()));
        assertThat(count(complete(dead(held.get(0), "no use")))).isOne();
        assertThat(count(complete(retry(held.get(1), Duration.ofHours(1), "no luck"))))
                .isOne();
        assertThat(fixture.places(held.get(0).id())).containsExactly("dead");
        assertThat(fixture.places(held.get(1).id())).containsExactly("delayed");
    }

    @Test
    void an_end_that_is_refused_is_answered_as_lost() {
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> held = fixture.claim(2);
        fixture.execute("UPDATE postroom.lease SET open = B'111' WHERE worker_id = " + fixture.worker);
        assertThat(complete(dead(held.get(0), "no use"))).isEmpty();
        assertThat(complete(done(held.get(0)), dead(held.get(1), "no use"))).isEmpty();
        assertThat(fixture.places(held.get(0).id())).containsExactly("lease");
    }

    @Test
    void rescue_lets_go_of_leases_that_were_tampered_with() {
        List<UUID> ids = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            ids.add(fixture.enqueue());
            fixture.claimOne();
        }
        tamper(ids.get(0), "crashes = ARRAY[5]::smallint[]");
        fixture.execute(
                "INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)"
                        + " SELECT queue_id, 4, 0, 0, 0, id, 'rejected' FROM postroom.message WHERE id = '" + ids.get(0)
                        + "'");
        tamper(ids.get(1), "message_ids = message_ids || gen_random_uuid()");
        tamper(ids.get(2), "failures = ARRAY[0, 0], open = B'11'");
        fixture.silence(fixture.worker);
        rescue();
        assertThat(ids.stream().map(id -> fixture.places(id).toString()))
                .containsExactly("[dead]", "[ready]", "[ready]", "[ready]");
        assertThat(fixture.number("SELECT count(*) FROM postroom.lease WHERE worker_id = " + fixture.worker))
                .isZero();
    }

    @Test
    void a_lease_that_cannot_be_rescued_holds_up_nobody() {
        UUID bad = fixture.enqueue();
        fixture.claimOne();
        UUID good = fixture.enqueue();
        fixture.claimOne();
        fixture.silence(fixture.worker);
        fixture.execute(
                "ALTER TABLE postroom.ready ADD CONSTRAINT not_this CHECK (message_id <> '" + bad + "') NOT VALID");
        try {
            rescue();
            assertThat(fixture.places(bad)).containsExactly("lease");
            assertThat(fixture.places(good)).containsExactly("ready");
        } finally {
            fixture.execute("ALTER TABLE postroom.ready DROP CONSTRAINT not_this");
        }
        rescue();
        assertThat(fixture.places(bad)).containsExactly("ready");
    }

    @Test
    void rescue_answers_also_when_it_only_buried() {
        UUID id = fixture.enqueue();
        fixture.claimOne();
        tamper(id, "crashes = ARRAY[2]::smallint[]");
        fixture.silence(fixture.worker);
        assertThat(rescue())
                .filteredOn(arrival -> arrival.lane().queueId() == fixture.queue.id())
                .extracting(Arrival::count)
                .containsExactly(0);
        assertThat(fixture.places(id)).containsExactly("dead");
    }

    private void tamper(UUID held, String change) {
        fixture.execute("UPDATE postroom.lease SET " + change + " WHERE '" + held + "' = ANY (message_ids)");
    }

    @Test
    void a_foreign_worker_cannot_complete() {
        fixture.enqueue();
        ClaimedMessage held = fixture.claimOne();
        assertThat(fixture.stores.leases().complete(fixture.newWorker(), List.of(done(held))))
                .isEmpty();
        assertThat(fixture.places(held.id())).containsExactly("lease");
    }

    @Test
    void rescue_brings_back_what_a_silent_worker_held_and_fences_it_off() {
        fixture.enqueue();
        ClaimedMessage held = fixture.claimOne();
        fixture.silence(fixture.worker);
        List<Arrival> arrivals = rescue();
        assertThat(arrivals).anyMatch(arrival -> arrival.lane().queueId() == fixture.queue.id());
        assertThat(fixture.places(held.id())).containsExactly("ready");
        assertThat(complete(done(held))).as("its lease is gone").isEmpty();
        assertThat(fixture.claim(10))
                .as("a suspect is left alone by ordinary claims")
                .isEmpty();
        ClaimedMessage suspect = fixture.claimSuspect().get(0);
        assertThat(suspect.counters().crashes()).isOne();
        assertThat(suspect.number()).isEqualTo(2);
    }

    @Test
    void suspects_are_claimed_alone() {
        fixture.enqueueAll(fixture.message(), fixture.message());
        fixture.claim(2);
        fixture.silence(fixture.worker);
        rescue();
        assertThat(fixture.claimSuspect()).hasSize(1);
        assertThat(fixture.claimSuspect()).hasSize(1);
        assertThat(fixture.claimSuspect()).isEmpty();
    }

    @Test
    void rescue_counts_a_crash_only_for_messages_that_may_have_started() {
        fixture.enqueueAll(
                IntStream.range(0, 7).mapToObj(i -> fixture.message()).toArray(StoreFixture.Plan[]::new));
        List<ClaimedMessage> held = claimInLeasesOfThree(2); // under leases of 3, 3 and 1
        announce(held.get(3), 1);
        complete(done(held.get(0)));
        fixture.silence(fixture.worker);

        rescue();

        assertThat(held.stream().map(message -> crashesInReady(message.id())))
                .containsExactly("[]", "[1]", "[0]", "[1]", "[0]", "[0]", "[0]");
        assertThat(held.stream()
                        .map(message -> fixture.texts("SELECT error FROM postroom.attempt WHERE outcome = 8"
                                        + " AND message_id = '" + message.id() + "'")
                                .size()))
                .containsExactly(0, 1, 0, 1, 0, 0, 0);
        assertThat(fixture.claim(10))
                .extracting(ClaimedMessage::id, ClaimedMessage::number)
                .as("those that were only prefetched, as if they had been released")
                .containsExactlyInAnyOrder(
                        tuple(held.get(2).id(), 2),
                        tuple(held.get(4).id(), 2),
                        tuple(held.get(5).id(), 2),
                        tuple(held.get(6).id(), 2));
    }

    @Test
    void what_was_only_prefetched_is_no_dead_letter_at_a_crash_limit_of_one() {
        fixture.execute("UPDATE postroom.queue SET crash_limit = 1 WHERE id = " + fixture.queue.id());
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> held = claimInLeasesOfThree(1);
        fixture.silence(fixture.worker);

        rescue();

        assertThat(fixture.places(held.get(0).id())).containsExactly("dead");
        assertThat(fixture.places(held.get(1).id())).containsExactly("ready");
    }

    @Test
    void announcement_is_never_taken_back_and_needs_the_lease() {
        fixture.enqueueAll(fixture.message(), fixture.message(), fixture.message());
        List<ClaimedMessage> held = claimInLeasesOfThree(0);
        announce(held.get(0), 2);
        announce(held.get(0), 1);
        String started = "SELECT started FROM postroom.lease WHERE id = "
                + held.get(0).lease().id();
        assertThat(fixture.number(started)).isEqualTo(2);
        fixture.stores
                .leases()
                .announceStarts(fixture.newWorker(), Map.of(held.get(0).lease().id(), 3));
        assertThat(fixture.number(started)).isEqualTo(2);
        complete(done(held.get(0)), done(held.get(1)), done(held.get(2)));
        announce(held.get(0), 3);
    }

    private List<ClaimedMessage> claimInLeasesOfThree(int started) {
        return fixture.stores
                .leases()
                .claim(new ClaimRequest(
                        fixture.worker,
                        fixture.queue.id(),
                        fixture.queue.name(),
                        false,
                        StoreFixture.ALL_LANES,
                        new long[10],
                        10,
                        3,
                        started,
                        ClaimKind.ORDINARY));
    }

    private void announce(ClaimedMessage held, int started) {
        fixture.stores
                .leases()
                .announceStarts(fixture.worker, Map.of(held.lease().id(), started));
    }

    private String crashesInReady(UUID id) {
        return fixture.texts("SELECT crashes FROM postroom.ready WHERE message_id = '" + id + "'")
                .toString();
    }

    @Test
    void at_its_crash_limit_a_message_is_a_dead_letter() {
        UUID id = fixture.enqueue();
        fixture.claim(1);
        for (int crash = 1; crash <= 3; crash++) {
            if (crash == 2) {
                assertThat(fixture.claimSuspect(ClaimKind.LAST_CREDIT)).isEmpty();
                assertThat(fixture.claimSuspect(ClaimKind.SUSPECT)).hasSize(1);
            } else if (crash == 3) {
                assertThat(fixture.claimSuspect(ClaimKind.SUSPECT)).isEmpty();
                assertThat(fixture.claimSuspect(ClaimKind.LAST_CREDIT)).hasSize(1);
            }
            fixture.silence(fixture.worker);
            rescue();
        }
        assertThat(fixture.places(id)).containsExactly("dead");
        assertThat(fixture.text("SELECT reason FROM postroom.dead_letter WHERE message_id = '" + id + "'"))
                .isEqualTo("crash_limit");
    }

    @Test
    void rescue_takes_leases_whose_worker_row_is_missing() {
        UUID id = fixture.enqueue();
        fixture.claim(1);
        fixture.execute("DELETE FROM postroom.worker WHERE id = " + fixture.worker);
        rescue();
        assertThat(fixture.places(id)).containsExactly("ready");
    }

    @Test
    void a_worker_that_beats_keeps_its_leases() {
        UUID id = fixture.enqueue();
        fixture.claim(1);
        fixture.silence(fixture.worker);
        assertThat(fixture.stores.workers().beat(fixture.worker, fixture.instance))
                .isTrue();
        rescue();
        assertThat(fixture.places(id)).containsExactly("lease");
        assertThat(fixture.stores.workers().beat(fixture.worker, UUID.randomUUID()))
                .isFalse();
    }

    @Test
    void an_ended_worker_beats_no_more() {
        fixture.stores.workers().deregister(fixture.worker, fixture.instance);
        assertThat(fixture.stores.workers().beat(fixture.worker, fixture.instance))
                .isFalse();
    }

    @Test
    void what_a_worker_holds_without_knowing_goes_back_as_if_released() {
        fixture.enqueueAll(fixture.message(), fixture.message(), fixture.message());
        List<ClaimedMessage> unknown = fixture.claim(3);
        complete(done(unknown.get(0)));
        fixture.enqueue();
        ClaimedMessage known = fixture.claimOne();
        List<Long> knows = List.of(known.lease().id());
        assertThat(fixture.stores.leases().releaseUnknown(fixture.worker, knows, Duration.ofMinutes(1), null))
                .as("a claim may be in flight")
                .isEmpty();
        assertThat(fixture.stores.leases().releaseUnknown(fixture.newWorker(), List.of(), Duration.ZERO, null))
                .as("another's")
                .isEmpty();
        List<Arrival> arrivals = fixture.stores
                .leases()
                .releaseUnknown(fixture.worker, knows, Duration.ZERO, List.of(UUID.randomUUID()));
        assertThat(arrivals).as("those that hold another message").isEmpty();
        arrivals = fixture.stores.leases().releaseUnknown(fixture.worker, knows, Duration.ZERO, null);
        assertThat(arrivals).extracting(Arrival::count).containsExactly(2);
        assertThat(fixture.places(known.id())).containsExactly("lease");
        assertThat(unknown.stream().map(message -> fixture.places(message.id()).toString()))
                .containsExactly("[finished]", "[ready]", "[ready]");
        assertThat(complete(done(unknown.get(1)))).as("its lease is gone").isEmpty();
        List<ClaimedMessage> again = fixture.claim(10);
        assertThat(again).extracting(message -> message.counters().crashes()).containsExactly(0, 0);
        assertThat(again).extracting(ClaimedMessage::number).containsExactly(2, 2);
        assertThat(again.stream().mapToLong(ClaimedMessage::laneSeq).min().getAsLong())
                .isGreaterThanOrEqualTo(arrivals.get(0).lowestSeq());
        assertThat(fixture.stores.operator().cancel(again.get(0).id())).isZero();
    }

    /** RabbitMQ requeues at the old place. Here a cursor may have passed it: see docs/from-rabbitmq.md. */
    @Test
    void message_that_comes_back_stands_behind_those_that_wait() {
        fixture.enqueueAll(fixture.message(), fixture.message());
        List<ClaimedMessage> returned = fixture.claim(1);
        fixture.stores.leases().releaseUnknown(fixture.worker, List.of(), Duration.ZERO, null);
        assertThat(fixture.claim(10))
                .extracting(ClaimedMessage::id)
                .hasSize(2)
                .endsWith(returned.get(0).id());
    }

    /** Nobody is rescued in the first lease time after the server's start. */
    private List<Arrival> rescue() {
        await().until(() -> fixture.number(
                        "SELECT (extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) * 1000)::bigint")
                > StoreFixture.LEASE_TIME.toMillis());
        return fixture.stores.jobs().rescue(StoreFixture.LEASE_TIME, 1000);
    }
}
