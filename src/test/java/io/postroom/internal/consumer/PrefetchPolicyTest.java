package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class PrefetchPolicyTest {
    private final PrefetchPolicy prefetch = new PrefetchPolicy(4, 1);

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
}
