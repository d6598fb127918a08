package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class PrefetchPolicyTest {
    private final PrefetchPolicy pace = new PrefetchPolicy(4, 1);

    @Test
    void holds_as_many_as_threads_while_nothing_is_known_or_handlers_are_slow() {
        assertThat(pace.target()).isEqualTo(4);
        pace.took(1, Duration.ofSeconds(2).toNanos());
        assertThat(pace.target()).isEqualTo(4);
        assertThat(pace.isWorthAClaim(4)).isFalse();
        assertThat(pace.isWorthAClaim(3)).isTrue();
    }

    @Test
    void holds_many_of_what_fast_handlers_will_have_done_soon() {
        pace.took(100, Duration.ofMillis(1).toNanos());
        assertThat(pace.target()).isEqualTo(PrefetchPolicy.MOST);
        assertThat(pace.isWorthAClaim(PrefetchPolicy.MOST - 10)).isFalse();
        assertThat(pace.isWorthAClaim(PrefetchPolicy.MOST / 2 - 10)).isTrue();
    }

    @Test
    void holds_no_more_large_messages_than_memory_allows() {
        pace.took(100, Duration.ofMillis(1).toNanos());
        pace.weighed(4, 4L * 1024 * 1024);
        assertThat(pace.target() * 1024L * 1024).isLessThanOrEqualTo(PrefetchPolicy.MOST_BYTES);
        pace.weighed(1, 200);
        assertThat(pace.target()).isLessThan(50);
    }
}
