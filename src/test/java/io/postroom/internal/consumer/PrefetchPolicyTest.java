package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class PrefetchPolicyTest {
    private long nanos;
    private final PrefetchPolicy prefetch = new PrefetchPolicy(4, 1, () -> nanos, () -> false);

    @Test
    void holds_as_many_as_threads_while_nothing_is_known_or_handlers_are_slow() {
        assertThat(prefetch.target()).isEqualTo(4);
        prefetch.ran(1, Duration.ofSeconds(2).toNanos());
        assertThat(prefetch.target()).isEqualTo(4);
        assertThat(prefetch.isWorthAClaim(4)).isFalse();
        assertThat(prefetch.isWorthAClaim(3)).isTrue();
    }

    @Test
    void holds_many_of_what_fast_handlers_will_have_done_soon() {
        prefetch.ran(100, Duration.ofMillis(1).toNanos());
        assertThat(prefetch.target()).isEqualTo(PrefetchPolicy.MOST);
        assertThat(prefetch.isWorthAClaim(PrefetchPolicy.MOST - 10)).isFalse();
        assertThat(prefetch.isWorthAClaim(PrefetchPolicy.MOST / 2 - 10)).isTrue();
    }

    @Test
    void holds_no_more_large_messages_than_memory_allows() {
        prefetch.ran(100, Duration.ofMillis(1).toNanos());
        prefetch.received(4, 4L * 1024 * 1024);
        assertThat(prefetch.target() * 1024L * 1024).isLessThanOrEqualTo(PrefetchPolicy.MOST_BYTES);
        prefetch.received(1, 200);
        assertThat(prefetch.target()).isLessThan(50);
    }

    @Test
    void holds_nothing_beyond_the_threads_before_the_first_message_was_run() {
        PrefetchPolicy batches = new PrefetchPolicy(4, 10, () -> nanos, () -> false);

        assertThat(batches.threadCapacity()).isEqualTo(40);
        assertThat(batches.target()).isEqualTo(40);
        assertThat(batches.messagesPerTake()).isEqualTo(10);
    }

    @Test
    void holds_what_the_threads_run_within_the_time_ahead() {
        prefetch.ran(1, Duration.ofMillis(1).toNanos());

        assertThat(prefetch.target()).isEqualTo(4 * 50);
    }

    @Test
    void never_holds_fewer_than_the_threads_take_however_slow_or_large_the_messages_are() {
        prefetch.ran(1, Duration.ofHours(1).toNanos());
        prefetch.received(1, 10 * PrefetchPolicy.MOST_BYTES);

        assertThat(prefetch.target()).isEqualTo(4);
    }

    @Test
    void never_holds_more_than_two_large_claims_apart_from_what_the_threads_take() {
        prefetch.ran(1_000_000, 1);
        assertThat(prefetch.target()).isEqualTo(2 * Claimer.LARGEST_CLAIM);

        PrefetchPolicy manyThreads = new PrefetchPolicy(1_000, 10, () -> nanos, () -> false);
        manyThreads.ran(1_000_000, 1);
        assertThat(manyThreads.target()).isEqualTo(10_000);
    }

    @Test
    void time_of_a_message_is_a_moving_average() {
        prefetch.ran(1, Duration.ofMillis(1).toNanos());
        prefetch.ran(1, Duration.ofMillis(11).toNanos()); // counts for a tenth: 2 ms

        assertThat(prefetch.target()).isEqualTo(4 * 50 / 2);

        prefetch.ran(10, Duration.ofMillis(20).toNanos()); // 2 ms each
        assertThat(prefetch.target()).isEqualTo(4 * 50 / 2);
    }

    @Test
    void size_of_a_message_rises_at_once_and_falls_slowly() {
        prefetch.ran(100, Duration.ofMillis(1).toNanos());
        prefetch.received(10, 10 * 100_000);
        int withLargeOnes = prefetch.target();

        prefetch.received(1_000, 0);
        int afterOneClaimOfSmallOnes = prefetch.target();
        for (int i = 0; i < 100; i++) {
            prefetch.received(1_000, 0);
        }

        assertThat(withLargeOnes).isEqualTo((int) (PrefetchPolicy.MOST_BYTES / 100_000));
        assertThat(afterOneClaimOfSmallOnes).isEqualTo((int) (PrefetchPolicy.MOST_BYTES / 90_000));
        assertThat(prefetch.target()).isEqualTo(PrefetchPolicy.MOST);
    }

    @Test
    void claim_is_worth_it_when_one_thread_is_free_and_nothing_is_held_beyond_the_threads() {
        assertThat(prefetch.isWorthAClaim(0)).isTrue();
        assertThat(prefetch.isWorthAClaim(3)).isTrue();
        assertThat(prefetch.isWorthAClaim(4)).isFalse();
        assertThat(prefetch.isWorthAClaim(5)).isFalse();
    }

    @Test
    void claim_is_worth_it_when_half_of_what_is_held_beyond_the_threads_has_ended() {
        prefetch.ran(1, Duration.ofMillis(1).toNanos()); // 200 to hold, 196 of them beyond the threads

        assertThat(prefetch.isWorthAClaim(102)).isTrue();
        assertThat(prefetch.isWorthAClaim(103)).isFalse();
    }

    @Test
    void thread_takes_several_at_once_only_when_a_message_takes_less_than_the_buffer_costs() {
        assertThat(prefetch.messagesPerTake()).isOne();
        prefetch.ran(1, PrefetchPolicy.FAST.toNanos());
        assertThat(prefetch.messagesPerTake()).isOne();

        PrefetchPolicy fast = new PrefetchPolicy(4, 1, () -> nanos, () -> false);
        fast.ran(1, PrefetchPolicy.FAST.toNanos() - 1);
        assertThat(fast.messagesPerTake()).isEqualTo(PrefetchPolicy.TAKEN_AT_ONCE_WHEN_FAST);

        PrefetchPolicy largeBatches = new PrefetchPolicy(4, 100, () -> nanos, () -> false);
        largeBatches.ran(1, 1);
        assertThat(largeBatches.messagesPerTake()).isEqualTo(100);
    }

    @Test
    void all_starts_soon_with_very_fast_handlers_until_a_call_is_long_and_again_ten_seconds_after_it() {
        prefetch.ran(1_000, Duration.ofMillis(10).toNanos());
        assertThat(prefetch.startsAllSoon()).isTrue();

        prefetch.ran(10_000, PrefetchPolicy.AHEAD.toNanos() + 1);
        assertThat(prefetch.startsAllSoon()).isFalse();
        nanos += PrefetchPolicy.NO_LONG_CALL_FOR.toNanos() - 1;
        assertThat(prefetch.startsAllSoon()).isFalse();
        nanos++;
        assertThat(prefetch.startsAllSoon()).isTrue();
    }

    @Test
    void not_all_starts_soon_with_handlers_that_are_slower_or_not_known() {
        assertThat(prefetch.startsAllSoon()).isFalse();

        prefetch.ran(10, Duration.ofMillis(20).toNanos());

        assertThat(prefetch.target()).isEqualTo(100);
        assertThat(prefetch.startsAllSoon()).isFalse();
    }
}
