package io.postroom.internal.storage;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a process knows of starts that it has booked. A report counts once, so one that was sent is not sent again, whatever the answer.
 *
 * @param limits which limits the claim met that booked them
 * @param counts how many starts there were of each
 */
public record StartReports(String limits, Map<Start, Integer> counts) {
    public static final StartReports NONE = new StartReports("", Map.of());

    /**
     * Starts with the same times, in microseconds since 1970 by the database's clock.
     *
     * @param deadline the end of their booking
     * @param started by when they have happened; null: they never will
     */
    public record Start(long deadline, @Nullable Long started) {}
}
