package io.postroom.internal.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PollerTest {
    @ParameterizedTest
    @CsvSource({"1, 1000", "50, 1000", "100, 2000", "25000, 5000", "600000, 5000"})
    void rest_grows_with_what_a_poll_took_but_not_beyond_five_seconds(long tookMillis, long restMillis) {
        long took = Duration.ofMillis(tookMillis).toNanos();

        assertThat(Poller.dutyCycle(Duration.ofSeconds(1)).restNanosAfter(took))
                .isEqualTo(Duration.ofMillis(restMillis).toNanos());
    }

    @ParameterizedTest
    @CsvSource({"1", "25000"})
    void a_longer_interval_is_kept(long tookMillis) {
        Duration interval = Duration.ofSeconds(30);

        assertThat(Poller.dutyCycle(interval)
                        .restNanosAfter(Duration.ofMillis(tookMillis).toNanos()))
                .isEqualTo(interval.toNanos());
    }
}
