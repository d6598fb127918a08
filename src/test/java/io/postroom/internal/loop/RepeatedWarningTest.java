package io.postroom.internal.loop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import ch.qos.logback.classic.Level;
import io.postroom.testing.LogRecorder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

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

    @Test
    void failure_is_logged_with_its_stack_trace_once_then_with_its_number_when_that_is_due() {
        String name = RepeatedWarningTest.class.getName();
        RepeatedWarning warning = new RepeatedWarning(() -> now);
        try (LogRecorder recorder = LogRecorder.of(name, Level.DEBUG)) {
            IllegalStateException error = new IllegalStateException("full");
            warning.log(LoggerFactory.getLogger(name), "the sweep", error);
            warning.log(LoggerFactory.getLogger(name), "the sweep", error);
            now += Duration.ofMinutes(1).toNanos();
            warning.log(LoggerFactory.getLogger(name), "the sweep", error);

            assertThat(recorder.events())
                    .extracting(
                            event -> event.getLevel() + " " + event.getFormattedMessage(),
                            event -> event.getThrowableProxy() != null)
                    .containsExactly(
                            tuple("WARN the sweep failed and is tried again: " + error, true),
                            tuple("DEBUG the sweep failed again", true),
                            tuple("WARN the sweep still fails, 3 times in a row, and is tried again: " + error, false));
        }
    }
}
