package io.postroom.internal.consumer;

import io.postroom.internal.storage.StartBooking;
import io.postroom.internal.storage.StartReports;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The bookings of a queue with limiters of which not all is reported yet. The next claim takes the reports along, so that a start counts
 * from its own time on, not from the end of its booking. For the claimer's thread.
 */
final class BookedStarts {
    private final Deque<StartBooking> open = new ArrayDeque<>();
    private Map<StartReports.Start, Integer> unsent = new HashMap<>();
    private String limits = "";

    /** Notes the booking of a claim. Reports about other limits are dropped: they count no more. */
    void booked(StartBooking booking) {
        if (!booking.limits().equals(limits)) {
            open.clear();
            unsent.clear();
            limits = booking.limits();
        }
        open.add(booking);
    }

    /** Takes what there is to report. It is forgotten here, because nobody may count it twice. */
    StartReports take(long now) {
        open.removeIf(booking -> booking.report(now, this::add));
        if (unsent.isEmpty()) {
            return StartReports.NONE;
        }
        StartReports reports = new StartReports(limits, unsent);
        unsent = new HashMap<>();
        return reports;
    }

    private void add(long deadline, @Nullable Long started) {
        unsent.merge(new StartReports.Start(deadline, started), 1, Integer::sum);
    }

    /** Keeps reports for the next claim: this one surely did not count them. */
    void putBack(StartReports reports) {
        if (reports.limits().equals(limits)) {
            reports.counts().forEach((start, count) -> unsent.merge(start, count, Integer::sum));
        }
    }

    /** Returns when to report the rest at the latest, so that other processes learn of free starts; null: there is none. */
    @Nullable
    Duration reportWithin() {
        return open.isEmpty() ? null : open.getLast().guard();
    }
}
