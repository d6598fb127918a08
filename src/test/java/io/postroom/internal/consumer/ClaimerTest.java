package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.api.StoreException;
import io.postroom.internal.storage.ClaimKind;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ClaimerTest {
    private final ClaimFixture fixture = new ClaimFixture();

    @Test
    void claims_no_more_than_the_threads_take_while_handlers_are_slow() {
        fixture.becomeReady(10);

        fixture.step();
        fixture.step();

        assertThat(fixture.requests).hasSize(1);
        assertThat(fixture.requests.peek().limit()).isEqualTo(ClaimFixture.THREADS);
        assertThat(fixture.held.count()).isEqualTo(ClaimFixture.THREADS);
    }

    @Test
    void claims_for_each_thread_that_becomes_free() {
        fixture.becomeReady(10);
        fixture.step();

        fixture.held.letGo(1, 0);
        fixture.step();

        assertThat(limits()).containsExactly(ClaimFixture.THREADS, 1);
        assertThat(fixture.held.count()).isEqualTo(ClaimFixture.THREADS);
    }

    @Test
    void claims_no_more_at_once_than_the_largest_claim_and_no_more_in_all_than_the_target() {
        fixture.prefetch.ran(100, Duration.ofMillis(1).toNanos());
        fixture.becomeReady(5_000);

        fixture.step();
        fixture.step();
        fixture.step();

        assertThat(limits()).containsExactly(Claimer.LARGEST_CLAIM, Claimer.LARGEST_CLAIM);
        assertThat(fixture.held.count()).isEqualTo(PrefetchPolicy.MOST);
    }

    @Test
    void claims_nothing_while_nothing_has_come() {
        fixture.step();

        assertThat(fixture.requests).isEmpty();
    }

    @Test
    void what_was_claimed_is_counted_and_its_leases_are_known_before_a_thread_gets_it() {
        fixture.becomeReady(2);

        fixture.step();

        assertThat(fixture.leases.ids()).containsExactlyInAnyOrder(100L, 101L);
        assertThat(fixture.held.take().begin(16)).hasSize(1);
        assertThat(fixture.held.count()).isEqualTo(2);
    }

    @Test
    void asks_as_the_worker_that_holds_the_leases_now() {
        fixture.becomeReady(1);

        fixture.step();

        ClaimRequest request = fixture.requests.remove();
        assertThat(request.workerId()).isEqualTo(ClaimFixture.WORKER);
        assertThat(request.queueId()).isEqualTo(ClaimFixture.QUEUE);
        assertThat(request.leaseSize()).isEqualTo(fixture.queue.handled().leaseSize());
        assertThat(request.kind()).isEqualTo(ClaimKind.ORDINARY);
    }

    @Test
    void lingers_after_a_claim_that_brought_less_than_it_asked_for() {
        List<Long> claimedAt = new ArrayList<>();
        fixture.answer = request -> {
            claimedAt.add(System.nanoTime());
            return List.of(ClaimFixture.message(claimedAt.size()));
        };
        fixture.becomeReady(1);
        fixture.step();
        fixture.queue.cursors().arrived(4, 101);

        while (claimedAt.size() < 2) {
            fixture.step();
        }

        assertThat(claimedAt.get(1) - claimedAt.get(0)).isGreaterThanOrEqualTo(QueueClaims.AFTER_SHORT_CLAIM.toNanos());
    }

    @Test
    void does_not_linger_after_a_claim_that_brought_all_it_asked_for() {
        fixture.becomeReady(2 * ClaimFixture.THREADS);
        fixture.step();
        fixture.held.letGo(ClaimFixture.THREADS, 0);

        fixture.step();

        assertThat(fixture.requests).hasSize(2); // with a wait between, the second step would only have waited
    }

    @Test
    void failed_claim_keeps_its_lanes_and_counts_nothing() {
        fixture.becomeReady(1);
        fixture.answer = request -> {
            throw new StoreException(
                    "no database", StoreException.Kind.UNAVAILABLE, "08006", new IllegalStateException("cut"));
        };

        assertThatThrownBy(fixture::step).hasMessage("no database");

        assertThat(fixture.queue.cursors().mayHaveWork()).isTrue();
        assertThat(fixture.held.count()).isZero();
        assertThat(fixture.held.tryAdd(ClaimFixture.THREADS)).isTrue(); // no claim counts as under way
        fixture.held.letGo(ClaimFixture.THREADS, 0);
        assertThatThrownBy(fixture::step).hasMessage("no database");
        List<ClaimRequest> requests = List.copyOf(fixture.requests);
        assertThat(requests.get(1).priorities()).isEqualTo(requests.get(0).priorities());
        assertThat(requests.get(1).cursors()).isEqualTo(requests.get(0).cursors());
    }

    @Test
    void what_the_claim_under_way_may_bring_counts_until_it_has_answered() {
        fixture.becomeReady(1);
        List<Boolean> mayAdd = new ArrayList<>();
        fixture.answer = request -> {
            mayAdd.add(fixture.held.tryAdd(1));
            return List.of();
        };

        fixture.step();

        assertThat(mayAdd).containsExactly(false);
        assertThat(fixture.held.tryAdd(ClaimFixture.THREADS)).isTrue();
    }

    @Test
    void suspect_is_claimed_before_others_and_they_are_claimed_in_the_same_step() {
        fixture.becomeReady(1);
        fixture.suspects.add(ClaimFixture.suspect(1));
        fixture.reported(false, true);

        fixture.step();

        assertThat(kinds()).containsExactly(ClaimKind.SUSPECT, ClaimKind.ORDINARY);
        assertThat(fixture.held.count()).isEqualTo(2);
    }

    @Test
    void others_are_claimed_while_a_suspect_has_to_wait() {
        fixture.becomeReady(1);
        fixture.reported(false, true);
        fixture.leases.suspectPlaces().enterAlone(); // one of another queue

        fixture.step();

        assertThat(kinds()).containsExactly(ClaimKind.ORDINARY);
    }

    @Test
    void claim_that_fails_for_a_suspect_holds_up_no_other_message() {
        fixture.becomeReady(1);
        fixture.reported(false, true);
        fixture.answer = request -> {
            if (request.kind() == ClaimKind.ORDINARY) {
                return List.of(fixture.ready.remove());
            }
            throw new IllegalStateException("bad row");
        };

        assertThatThrownBy(fixture::step).hasMessage("bad row");
        fixture.step();

        assertThat(kinds()).containsExactly(ClaimKind.SUSPECT, ClaimKind.ORDINARY);
        assertThat(fixture.leases.suspectPlaces().enterAlone()).isTrue();
    }

    @Test
    void claim_counts_all_as_started_while_handlers_are_very_fast_and_no_call_was_long() {
        fixture.prefetch.ran(1_000, Duration.ofMillis(10).toNanos());
        fixture.becomeReady(5_000);

        fixture.step();
        fixture.held.take();

        assertThat(fixture.requests).first().satisfies(request -> {
            assertThat(request.limit()).isEqualTo(1_000);
            assertThat(request.started()).isGreaterThanOrEqualTo(request.limit());
        });
        assertThat(fixture.announced).isEmpty();
    }

    @Test
    void claim_leaves_what_is_beyond_free_threads_unannounced_while_a_long_call_goes_on() {
        fixture.prefetch.ran(1_000, Duration.ofMillis(10).toNanos());
        fixture.longCallRuns = true;
        fixture.becomeReady(5_000);

        fixture.step();

        assertThat(fixture.requests).extracting(ClaimRequest::started).containsExactly(ClaimFixture.THREADS + 1);
    }

    @Test
    void claim_counts_as_started_what_free_threads_take_and_what_they_take_next_after_a_long_call() {
        fixture.prefetch.ran(100, Duration.ofMillis(100).toNanos());
        fixture.becomeReady(5_000);

        fixture.step();
        fixture.held.letGo(150, 0); // of 200, so that 50 are left for four threads
        fixture.step();

        assertThat(fixture.requests).extracting(ClaimRequest::limit).containsExactly(200, 150);
        assertThat(fixture.requests).extracting(ClaimRequest::started).containsExactly(ClaimFixture.THREADS + 1, 0);
    }

    @Test
    void thread_claims_when_it_is_signalled_and_ends_when_it_is_stopped() throws Exception {
        CountDownLatch claimed = new CountDownLatch(1);
        fixture.answer = request -> {
            claimed.countDown();
            return List.of(fixture.ready.remove());
        };
        fixture.claimer.start();

        fixture.becomeReady(1);
        fixture.claimer.signal(fixture.claims);

        assertThat(claimed.await(20, TimeUnit.SECONDS)).isTrue();
        fixture.rules.stop();
        fixture.claimer.stop();
        fixture.claimer.awaitEnd();
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().equals("postroom-claim"));
    }

    @Test
    void what_a_claim_brings_after_the_stop_goes_back_untouched() {
        List<ClaimedMessage> late = List.of(ClaimFixture.message(1), ClaimFixture.message(2));
        fixture.becomeReady(1);
        fixture.answer = request -> {
            fixture.rules.stop();
            fixture.claimer.stop();
            fixture.held.close();
            return late;
        };

        fixture.step();

        assertThat(fixture.released).containsExactlyElementsOf(late);
        assertThat(fixture.held.count()).isZero();
        fixture.step();
        assertThat(fixture.requests).hasSize(1);
    }

    private List<ClaimKind> kinds() {
        return fixture.requests.stream().map(ClaimRequest::kind).toList();
    }

    private List<Integer> limits() {
        return fixture.requests.stream().map(ClaimRequest::limit).toList();
    }
}
