package io.postroom.internal.loop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DutyCycleTest {
    private final DutyCycle poll = new DutyCycle(20, Duration.ofSeconds(1), Duration.ofSeconds(5));

    @ParameterizedTest
    @CsvSource({"0, 1000", "1, 1000", "50, 1000", "51, 1020", "100, 2000", "250, 5000", "251, 5000", "3600000, 5000"})
    void rest_is_a_multiple_of_what_the_step_took_within_its_bounds(long tookMillis, long restMillis) {
        assertThat(poll.restNanosAfter(nanos(tookMillis))).isEqualTo(nanos(restMillis));
    }

    @Test
    void shortest_rest_wins_over_the_longest() {
        DutyCycle rare = new DutyCycle(20, Duration.ofMinutes(1), Duration.ofSeconds(5));

        assertThat(rare.restNanosAfter(nanos(10))).isEqualTo(nanos(60_000));
        assertThat(rare.restNanosAfter(nanos(10_000))).isEqualTo(nanos(60_000));
    }

    @Test
    void rest_without_an_upper_bound_grows_with_the_step() {
        DutyCycle notify = DutyCycle.of(3, Duration.ofMillis(1));

        assertThat(notify.restNanosAfter(1)).isEqualTo(nanos(1));
        assertThat(notify.restNanosAfter(nanos(20))).isEqualTo(nanos(60));
        assertThat(notify.restNanosAfter(nanos(3_600_000))).isEqualTo(nanos(3 * 3_600_000L));
    }

    @Test
    void step_of_half_a_minute_uses_no_more_than_its_share() {
        long took = nanos(30_000);

        assertThat((double) took / (took + DutyCycle.of(3, Duration.ZERO).restNanosAfter(took)))
                .isEqualTo(0.25);
    }

    @Test
    void negative_rest_is_refused() {
        assertThatThrownBy(() -> new DutyCycle(-1, Duration.ZERO, Duration.ZERO))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new DutyCycle(1, Duration.ofMillis(-1), Duration.ZERO))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new DutyCycle(1, Duration.ZERO, Duration.ofMillis(-1)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static long nanos(long millis) {
        return Duration.ofMillis(millis).toNanos();
    }
}
