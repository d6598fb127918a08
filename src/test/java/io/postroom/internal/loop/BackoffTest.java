package io.postroom.internal.loop;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class BackoffTest {
    private final Backoff backoff = new Backoff(Duration.ofMillis(200), Duration.ofSeconds(1));

    @RepeatedTest(20)
    void waits_double_up_to_the_longest_and_half_of_each_is_jitter() {
        for (long full : new long[] {200, 400, 800, 1_000, 1_000}) {
            assertThat(backoff.next()).isBetween(Duration.ofMillis(full / 2), Duration.ofMillis(full));
        }
    }

    @Test
    void success_begins_again_at_the_first_wait() {
        backoff.next();
        backoff.next();
        assertThat(backoff.isFirst()).isFalse();

        backoff.reset();

        assertThat(backoff.isFirst()).isTrue();
        assertThat(backoff.next()).isBetween(Duration.ofMillis(100), Duration.ofMillis(200));
        assertThat(backoff.isFirst()).isTrue();
    }
}
