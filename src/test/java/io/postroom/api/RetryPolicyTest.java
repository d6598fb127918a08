package io.postroom.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RetryPolicyTest {
    private static final List<Long> SERIES = List.of(
            10L, 20L, 40L, 80L, 160L, 320L, 640L, 1280L, 2560L, 5120L, 10240L, 20480L, 21600L, 21600L, 21600L, 21600L,
            21600L, 21600L, 21600L);

    @Test
    void default_waits_are_the_series_of_the_guide() {
        assertThat(RetryPolicy.DEFAULT.attempts()).isEqualTo(SERIES.size() + 1);
        assertThat(waits(drawing(1))).isEqualTo(SERIES);
        assertThat(sum(drawing(1))).isEqualTo(Duration.ofSeconds(192_150)); // 53 h 22 min 30 s
        assertThat(sum(drawing(0.5))).isBetween(Duration.ofHours(40), Duration.ofMinutes(40 * 60 + 2));
        assertThat(sum(drawing(0))).isEqualTo(Duration.ofSeconds(96_075)); // 26 h 41 min 15 s
    }

    @Test
    void default_lasts_a_day_whatever_is_drawn() {
        for (int failures = 1; failures < RetryPolicy.DEFAULT.attempts(); failures++) {
            assertThat(RetryPolicy.DEFAULT.delayAfter(failures).toMillis())
                    .isBetween(SERIES.get(failures - 1) * 500, SERIES.get(failures - 1) * 1000);
        }
        assertThat(sum(RetryPolicy.DEFAULT)).isGreaterThan(Duration.ofDays(1));
    }

    @Test
    void default_survives_its_text_form() {
        assertThat(RetryPolicy.DEFAULT.describe()).isEqualTo("10s..6h");
        assertThat(RetryPolicy.parse(20, "10s..6h")).isEqualTo(RetryPolicy.DEFAULT);
    }

    @Test
    void three_tries_ten_seconds_apart_stay_one_line() {
        RetryPolicy policy = RetryPolicy.parse(3, "10s");
        assertThat(policy).isEqualTo(RetryPolicy.fixed(3, Duration.ofSeconds(10)));
        assertThat(waits(policy)).containsExactly(10L, 10L);
    }

    private static RetryPolicy drawing(double random) {
        return new RetryPolicies.Exponential(20, Duration.ofSeconds(10), Duration.ofHours(6), () -> random);
    }

    private static List<Long> waits(RetryPolicy policy) {
        return IntStream.range(1, policy.attempts())
                .mapToObj(failures -> policy.delayAfter(failures).toSeconds())
                .toList();
    }

    private static Duration sum(RetryPolicy policy) {
        return IntStream.range(1, policy.attempts())
                .mapToObj(policy::delayAfter)
                .reduce(Duration.ZERO, Duration::plus);
    }
}
