package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.LimitedClaim;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** How the claimer deals with a queue that has a limiter. */
class LimitedClaimsTest {
    private final ClaimFixture fixture = new ClaimFixture();

    LimitedClaimsTest() {
        fixture.queue.setLimiter(true);
    }

    private void handlersTake(Duration time) {
        for (int i = 0; i < 100; i++) {
            fixture.prefetch.ran(10, 10 * time.toNanos());
        }
    }

    @Test
    void fast_handlers_get_what_they_start_soon() {
        handlersTake(Duration.ofMillis(2));
        fixture.becomeReady(50);
        fixture.step();
        assertThat(fixture.requests).hasSize(1).allMatch(ClaimRequest::hasLimiter);
        assertThat(fixture.requests)
                .extracting(ClaimRequest::limit)
                .containsExactly(10 * ClaimFixture.THREADS); // 20 ms
        fixture.queue.cursors().arrived(4, 100);
        fixture.step();
        assertThat(fixture.requests).as("enough is held").hasSize(1);
    }

    @Test
    void nothing_is_claimed_ahead_of_the_threads_when_a_call_was_long_just_now() {
        handlersTake(Duration.ofMillis(2));
        fixture.prefetch.ran(1, Duration.ofMillis(60).toNanos());
        fixture.becomeReady(50);
        fixture.step();
        assertThat(fixture.requests).extracting(ClaimRequest::limit).containsExactly(ClaimFixture.THREADS);
        fixture.queue.cursors().arrived(4, 100);
        fixture.step();
        assertThat(fixture.requests).as("all threads have a message").hasSize(1);
    }

    @Test
    void a_claim_that_was_held_back_is_not_repeated_at_once_and_leaves_its_lane_filled() {
        fixture.limitedAnswer = request -> new LimitedClaim(List.of(), true, Duration.ofMinutes(1));
        fixture.becomeReady(3);
        fixture.step();
        assertThat(fixture.requests).hasSize(1);
        for (int i = 0; i < 5; i++) {
            fixture.step();
        }
        assertThat(fixture.requests).hasSize(1);
        assertThat(fixture.queue.cursors().mayHaveWork()).isTrue();
    }

    @Test
    void a_claim_goes_on_when_a_message_has_ended_that_others_waited_for() {
        fixture.limitedAnswer = request -> new LimitedClaim(List.of(), true, null);
        fixture.becomeReady(3);
        fixture.step();
        fixture.claims.limitedEnded();
        Awaitility.await()
                .until(
                        () -> { // after the rest of a claim that brought less than it asked for
                            fixture.step();
                            return fixture.requests.size() == 2;
                        });
    }

    @Test
    void the_claimer_returns_by_itself_when_the_next_start_is_free() throws Exception {
        fixture.limitedAnswer = request -> new LimitedClaim(List.of(), true, Duration.ofMillis(20));
        fixture.becomeReady(3);
        fixture.step();
        long wait = fixture.claimer.turn();
        assertThat(Duration.ofNanos(wait)).isLessThanOrEqualTo(Duration.ofMillis(20));
    }

    @Test
    void what_a_claim_or_a_dispatch_brings_behind_the_poll_that_saw_the_limiter_is_given_back() {
        fixture.queue.setLimiter(false);
        fixture.answer = request -> {
            limiterIsSeen();
            return List.of(ClaimFixture.message(1), ClaimFixture.message(2));
        };
        fixture.becomeReady(2);
        fixture.step();
        assertThat(fixture.released).hasSize(2);

        fixture.queue.setLimiter(false);
        DirectDispatch dispatch = new DirectDispatch(
                fixture.queue,
                fixture.held,
                ClaimFixture.WORKER,
                List.of(ClaimFixture.newMessage(ClaimFixture.QUEUE, 4)),
                ids -> {});
        assertThat(fixture.held.tryAdd(1)).isTrue();
        limiterIsSeen();
        dispatch.fill(List.of(ClaimFixture.message(3)));
        assertThat(fixture.released).hasSize(3);
        assertThat(fixture.held.count()).isZero();
    }

    private void limiterIsSeen() {
        fixture.queue.setLimiter(true);
        fixture.held.giveBackWaiting();
    }

    @Test
    void a_claim_beside_other_queues_takes_nothing_of_it() {
        fixture.becomeReady(1);
        ClaimRequest request = fixture.claims.begin(ClaimFixture.WORKER, 3, 2);
        assertThat(request).isNotNull();
        assertThat(request.hasLimiter()).isFalse();
        fixture.claims.failed();
        assertThat(fixture.claims.mostTogether()).isOne();
    }
}
