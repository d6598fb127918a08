package io.postroom.internal.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What is reported of booked starts: never a moment before the start. */
class StartBookingTest {
    private static final long SENT = 7_000_000_000L;
    /** A claim at 5.0 s of the database's time; its messages may start within 250 ms, and the booking ends 25 ms later. */
    private static final long BOOKED_AT = 5_000_000;

    private static final long DEADLINE = 5_275_000;
    private static final UUID ONE = new UUID(0, 1);
    private static final UUID TWO = new UUID(0, 2);

    private final StartBooking booking =
            new StartBooking("1@then ", SENT, BOOKED_AT, Duration.ofMillis(250), Duration.ofMillis(25), 2);
    private final List<String> reports = new ArrayList<>();

    private static long at(long millis) {
        return SENT + millis * 1_000_000;
    }

    private boolean reportAt(long millis) {
        return booking.report(at(millis), (deadline, started) -> reports.add(deadline + " " + started));
    }

    @Test
    void a_start_is_over_when_its_call_has_returned() {
        assertThat(booking.begins(ONE, true, false, at(10))).isTrue();
        assertThat(reportAt(12)).isFalse();
        assertThat(reports).as("it may not have come to its first line").isEmpty();
        booking.ended(ONE, at(13));
        reportAt(13);
        assertThat(reports).containsExactly(DEADLINE + " 5015000"); // a millisecond more, and the rest of that one
        reportAt(14);
        assertThat(reports).as("once").hasSize(1);
    }

    @Test
    void the_start_of_a_long_call_is_over_after_twice_the_guard() {
        booking.begins(ONE, true, false, at(10));
        reportAt(59);
        assertThat(reports).isEmpty();
        reportAt(61);
        assertThat(reports).containsExactly(DEADLINE + " 5062000");
        booking.ended(ONE, at(200));
        reportAt(200);
        assertThat(reports).hasSize(1);
    }

    @Test
    void a_first_call_begins_in_the_first_half_and_is_over_at_the_end_unless_it_returns() {
        assertThat(booking.begins(ONE, true, true, at(126))).isFalse();
        assertThat(booking.begins(ONE, true, true, at(125))).isTrue();
        assertThat(booking.begins(TWO, true, true, at(20))).isTrue();
        booking.ended(TWO, at(90));
        reportAt(274);
        assertThat(reports).containsExactly(DEADLINE + " 5092000");
        reportAt(275);
        assertThat(reports).contains(DEADLINE + " " + DEADLINE);
    }

    @Test
    void no_report_is_later_than_the_end_of_the_booking() {
        booking.begins(ONE, true, false, at(249));
        reportAt(299);
        assertThat(reports).contains(DEADLINE + " " + DEADLINE);
    }

    @Test
    void what_has_not_begun_by_the_end_never_begins_once_that_is_said() {
        booking.begins(ONE, true, false, at(10));
        booking.ended(ONE, at(11));
        assertThat(reportAt(275)).isFalse();
        assertThat(reports).hasSize(1);
        assertThat(reportAt(276)).isTrue();
        assertThat(reports).hasSize(2).contains(DEADLINE + " null");
        assertThat(booking.begins(TWO, true, false, at(276))).isFalse();
    }

    @Test
    void a_batch_stays_booked_because_its_messages_may_be_called_again() {
        booking.begins(ONE, false, false, at(10));
        booking.begins(TWO, false, false, at(10));
        booking.ended(ONE, at(11));
        booking.ended(TWO, at(11));
        booking.begins(ONE, true, false, at(12));
        booking.ended(ONE, at(13));
        assertThat(reportAt(300)).isTrue();
        assertThat(reports).isEmpty();
    }

    @Test
    void a_message_that_starts_twice_stays_booked() {
        booking.begins(ONE, true, false, at(10));
        booking.ended(ONE, at(11));
        booking.begins(ONE, true, false, at(12));
        booking.ended(ONE, at(13));
        reportAt(50);
        assertThat(reports).isEmpty();
    }

    @Test
    void all_is_said_when_each_message_has_started() {
        for (UUID message : List.of(ONE, TWO)) {
            booking.begins(message, true, false, at(1));
            booking.ended(message, at(2));
        }
        assertThat(reportAt(3)).isTrue();
        assertThat(reports).hasSize(2);
    }
}
