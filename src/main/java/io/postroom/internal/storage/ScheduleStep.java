package io.postroom.internal.storage;

import io.postroom.api.ScheduleRun.Outcome;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * How a schedule goes on.
 *
 * @param dueAt when a worker looks at it again; null: never
 * @param plannedAt its next planned time; null: none is known
 * @param afterAt the next planned time after that is the first one after this
 * @param ended whether it had only one time, which has passed
 * @param error why it cannot be planned; null: it can
 * @param zoneVersion the time zone rules of this plan; null: it needs none
 * @param runs what is done now, in the order of their planned times
 * @param cancelled the message that is cancelled; null: none
 */
public record ScheduleStep(
        int id,
        @Nullable Instant dueAt,
        @Nullable Instant plannedAt,
        Instant afterAt,
        boolean ended,
        @Nullable String error,
        @Nullable String zoneVersion,
        List<Run> runs,
        @Nullable UUID cancelled) {

    /** @param messageId of its message; null: it has none, or none yet */
    public record Run(
            Instant plannedAt, Outcome outcome, @Nullable UUID messageId) {
        public Run withMessage(UUID id) {
            return new Run(plannedAt, outcome, id);
        }
    }

    public ScheduleStep withRuns(List<Run> stored) {
        return new ScheduleStep(id, dueAt, plannedAt, afterAt, ended, error, zoneVersion, stored, cancelled);
    }
}
