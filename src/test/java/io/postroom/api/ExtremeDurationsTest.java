package io.postroom.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.handler.Handler;
import java.time.Duration;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Durations of no length, of negative length, and too long to be counted in milliseconds. The refusal names field and limit. */
class ExtremeDurationsTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "PT30S | PT0S | PT1S | leaseTime must be at least three times beatInterval, and that at least 10 ms",
                "PT30S | PT-1S | PT1S | leaseTime must be at least three times beatInterval, and that at least 10 ms",
                "PT30S | PT10.001S | PT1S | leaseTime must be at least three times beatInterval",
                "PT30S | PT9223372036854775807S | PT1S | leaseTime must be at least three times beatInterval",
                "PT0S | PT0.01S | PT1S | leaseTime must be at least three times beatInterval",
                "PT-9223372036854775808S | PT0.01S | PT1S | leaseTime must be at least three times beatInterval",
                "PT24H0.001S | PT5S | PT1S | leaseTime must be at most 1 day",
                "PT9223372036854775807S | PT9223372036854775807S | PT1S | leaseTime must be at most 1 day",
                "PT30S | PT5S | PT0S | pollInterval must be 10 ms to 1 minute",
                "PT30S | PT5S | PT-1S | pollInterval must be 10 ms to 1 minute",
                "PT30S | PT5S | PT9223372036854775807S | pollInterval must be 10 ms to 1 minute",
            })
    void times_of_an_engine_are_refused_with_their_rule(Duration lease, Duration beat, Duration poll, String rule) {
        assertThatThrownBy(() -> new EngineSettings("x", lease, beat, poll, true, true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(rule);
    }

    @Test
    void times_of_an_engine_at_their_limits_are_taken() {
        new EngineSettings("x", Duration.ofMillis(30), Duration.ofMillis(10), Duration.ofMillis(10), true, true);
        new EngineSettings("x", Duration.ofDays(1), Duration.ofHours(8), Duration.ofMinutes(1), true, true);
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT0S", "PT-1S", "PT0.000999999S", "PT24H0.001S", "PT9223372036854775807S"})
    void time_limit_of_a_handler_is_refused_with_its_limit(Duration limit) {
        Handler handler = Handler.send("q", String.class, (text, context) -> Outcome.done());
        assertThatThrownBy(() -> handler.timeLimit(limit))
                .isInstanceOf(InvalidMessageException.class)
                .hasMessageContaining("timeLimit must be 1 ms to 24 h");
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT-0.001S", "PT9600H0.001S", "PT9223372036854775807S"})
    void waits_between_attempts_and_times_of_queues_are_refused_with_their_limit(Duration time) {
        assertRefused(time, given -> RetryPolicy.fixed(3, given));
        assertRefused(time, given -> RetryPolicy.exponential(3, given, Duration.ofDays(1)));
        assertRefused(time, given -> QueueSettings.of("q").timeToLive(given));
        assertRefused(time, given -> QueueSettings.of("q").retention(given));
        assertRefused(time, given -> Limiter.ofQueue("q").maxStarts(1, given));
        assertRefused(time, given -> Schedule.every("s", given));
        assertRefused(time, given -> CreateMessage.to("q").delay(given));
    }

    private static void assertRefused(Duration time, Consumer<Duration> taker) {
        assertThatThrownBy(() -> taker.accept(time))
                .isNotInstanceOf(ArithmeticException.class)
                .hasMessageContaining("must be");
    }

    @Test
    void texts_that_are_no_durations_name_their_field() {
        for (String text :
                new String[] {"", " ", "1", "s", "-1s", "1.5s", "1e12s", "9999999999s", "10 parsecs", "PT", "soon"}) {
            assertThatThrownBy(() -> Durations.parse("delay", text))
                    .as(text)
                    .isInstanceOf(InvalidMessageException.class)
                    .hasMessageContaining("delay must be a duration such as 500ms");
        }
        assertThat(Durations.parse("delay", " 999999999D ")).isEqualTo(Duration.ofDays(999_999_999));
    }
}
