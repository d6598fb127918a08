package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.LimitedClaim;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LimiterWaitTest {
    private long now = 1_000;
    private final LimiterWait wait = new LimiterWait(() -> now);

    private void heldBack(@Nullable Duration nextStart) {
        wait.claimBegins();
        wait.claimed(new LimitedClaim(List.of(), true, nextStart), null);
    }

    private Duration left() {
        return Duration.ofNanos(wait.nanos(now));
    }

    @Test
    void no_claim_waits_before_a_limiter_has_held_one_back() {
        assertThat(left()).isZero();
        wait.claimBegins();
        wait.claimed(new LimitedClaim(List.of(), false, null), null);
        assertThat(left()).isZero();
    }

    @Test
    void claims_wait_until_the_next_start_is_free() {
        heldBack(Duration.ofMillis(300));
        now += Duration.ofMillis(100).toNanos();
        assertThat(left()).isEqualTo(Duration.ofMillis(200));
        wait.messageEnded();
        assertThat(left()).as("an end brings no start back").isEqualTo(Duration.ofMillis(200));
    }

    @Test
    void somebody_may_raise_the_limit_so_no_wait_is_longer_than_a_second() {
        heldBack(Duration.ofDays(400));
        assertThat(left()).isEqualTo(Duration.ofSeconds(1));
    }

    @Test
    void a_claim_that_has_starts_to_report_comes_earlier() {
        wait.claimBegins();
        wait.claimed(new LimitedClaim(List.of(), true, Duration.ofMillis(300)), Duration.ofMillis(25));
        assertThat(left()).isEqualTo(Duration.ofMillis(25));
        wait.claimed(new LimitedClaim(List.of(), true, Duration.ofMillis(3)), Duration.ofMillis(25));
        assertThat(left()).isEqualTo(Duration.ofMillis(3));
    }

    @Test
    void claims_that_do_not_know_when_wait_longer_each_time() {
        heldBack(null);
        assertThat(left()).isEqualTo(LimiterWait.FIRST);
        heldBack(null);
        assertThat(left()).isEqualTo(LimiterWait.FIRST.multipliedBy(2));
        for (int i = 0; i < 20; i++) {
            heldBack(null);
        }
        assertThat(left()).isEqualTo(LimiterWait.LONGEST_UNKNOWN);
    }

    @Test
    void the_end_of_a_message_ends_a_wait_for_ends() {
        heldBack(null);
        heldBack(null);
        wait.messageEnded();
        assertThat(left()).isZero();
        heldBack(null);
        assertThat(left()).isEqualTo(LimiterWait.FIRST);
    }

    /** The claim's snapshot may be older than the end, and nobody says it again. */
    @Test
    void an_end_while_the_claim_is_under_way_is_not_forgotten() {
        wait.claimBegins();
        wait.messageEnded();
        wait.claimed(new LimitedClaim(List.of(), true, null), null);
        assertThat(left()).isZero();
    }
}
