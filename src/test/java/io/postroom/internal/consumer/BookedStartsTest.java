package io.postroom.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.StartBooking;
import io.postroom.internal.storage.StartReports;
import io.postroom.internal.storage.StartReports.Start;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Which reports a claim takes along. */
class BookedStartsTest {
    private static final Duration GUARD = Duration.ofMillis(25);

    private final BookedStarts starts = new BookedStarts();

    private static StartBooking booking(String limits, int messages) {
        return new StartBooking(limits, 0, 1_000_000, Duration.ofMillis(250), GUARD, messages);
    }

    private static void run(StartBooking booking, int message, long atMillis) {
        booking.begins(new UUID(0, message), true, false, atMillis * 1_000_000);
        booking.ended(new UUID(0, message), atMillis * 1_000_000);
    }

    private StartReports takeAt(long millis) {
        return starts.take(millis * 1_000_000);
    }

    @Test
    void starts_of_the_same_millisecond_are_one_report() {
        StartBooking booking = booking("a", 3);
        starts.booked(booking);
        run(booking, 1, 4);
        run(booking, 2, 4);
        assertThat(takeAt(5)).isEqualTo(new StartReports("a", Map.of(new Start(1_275_000, 1_006_000L), 2)));
        assertThat(starts.reportWithin()).as("one is left").isEqualTo(GUARD);
        assertThat(takeAt(6)).as("nobody may count a report twice").isEqualTo(StartReports.NONE);
        assertThat(takeAt(300)).isEqualTo(new StartReports("a", Map.of(new Start(1_275_000, null), 1)));
        assertThat(starts.reportWithin()).isNull();
    }

    @Test
    void reports_that_surely_did_not_count_are_taken_again() {
        StartBooking booking = booking("a", 2);
        starts.booked(booking);
        run(booking, 1, 4);
        StartReports first = takeAt(5);
        run(booking, 2, 4);
        starts.putBack(first);
        assertThat(takeAt(6).counts()).isEqualTo(Map.of(new Start(1_275_000, 1_006_000L), 2));
    }

    @Test
    void reports_about_limits_that_were_changed_are_dropped() {
        StartBooking before = booking("a", 1);
        starts.booked(before);
        run(before, 1, 4);
        StartReports reports = takeAt(5);
        starts.booked(booking("b", 1));
        starts.putBack(reports);
        assertThat(takeAt(6)).isEqualTo(StartReports.NONE);
    }
}
