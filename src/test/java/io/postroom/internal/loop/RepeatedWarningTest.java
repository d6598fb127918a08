package io.postroom.internal.loop;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RepeatedWarningTest {
    private long now = Long.MAX_VALUE - 5; // the clock runs over

    @Test
    void trouble_that_goes_on_is_said_at_growing_intervals_up_to_an_hour() {
        RepeatedWarning warning = new RepeatedWarning(() -> now);
        List<Integer> minutes = new ArrayList<>();
        for (int minute = 0; minute <= 240; minute++) {
            if (warning.isDue()) {
                minutes.add(minute);
            }
            now += Duration.ofMinutes(1).toNanos();
        }
        assertThat(minutes).containsExactly(0, 1, 3, 7, 15, 31, 63, 123, 183);
        assertThat(warning.times()).isEqualTo(241);
    }

    @Test
    void trouble_that_begins_anew_is_said_at_once() {
        RepeatedWarning warning = new RepeatedWarning(() -> now);
        assertThat(warning.isDue()).isTrue();
        assertThat(warning.isDue()).isFalse();
        warning.reset();
        assertThat(warning.isDue()).isTrue();
        assertThat(warning.times()).isOne();
    }
}
