package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** How long a process leaves messages to others after claims that found nothing. */
class ClaimRacesTest {
    private static final long LONGEST = Duration.ofMillis(50).toNanos();

    private final ClaimRaces races = new ClaimRaces();
    private long now = System.nanoTime();

    @Test
    void nothing_waits_before_a_race_is_lost() {
        assertThat(races.nanosToWait(now)).isZero();
        claim(true);
        assertThat(races.nanosToWait(now)).isZero();
    }

    @Test
    void each_lost_race_makes_the_next_wait_longer_up_to_a_bound() {
        for (int lost = 1; lost <= 10; lost++) {
            claim(false);
            long full = Math.min(LONGEST, Duration.ofMillis(1L << lost).toNanos());
            assertThat(races.nanosToWait(now)).isBetween(full / 2, full);
        }
    }

    @Test
    void wait_begins_when_it_is_asked_for_and_does_not_begin_again() {
        claim(false);
        now += LONGEST; // nothing came meanwhile
        long wait = races.nanosToWait(now);
        assertThat(wait).isPositive();
        assertThat(races.nanosToWait(now + wait - 1)).isOne();
        assertThat(races.nanosToWait(now + wait)).isZero();
    }

    @Test
    void message_that_this_process_made_ready_ends_the_wait_for_one_claim() {
        claim(false);
        assertThat(races.nanosToWait(now)).isPositive();

        races.becameReadyHere();

        assertThat(races.nanosToWait(now)).isZero();
        claim(false);
        assertThat(races.nanosToWait(now)).isPositive();
    }

    @Test
    void wake_while_a_claim_is_under_way_counts_for_the_next_one() {
        races.claimBegins();
        races.becameReadyHere();
        races.claimEnds(false);

        assertThat(races.nanosToWait(now)).isZero();
    }

    @Test
    void claim_that_finds_something_ends_all_waits() {
        claim(false);
        claim(false);
        claim(true);
        assertThat(races.nanosToWait(now)).isZero();
        claim(false);
        assertThat(races.nanosToWait(now)).isBetween(1L, Duration.ofMillis(2).toNanos());
    }

    private void claim(boolean foundSome) {
        races.claimBegins();
        races.claimEnds(foundSome);
    }
}
