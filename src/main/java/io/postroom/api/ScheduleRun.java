package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A run of a schedule. The last 20 of each schedule are kept.
 *
 * @param plannedAt its planned time; of a run that was asked for, when it was
 * @param firedAt when it was decided on, by the database's clock
 * @param outcome what was done
 * @param messageId of the message that was created; empty: none was
 */
public record ScheduleRun(Instant plannedAt, Instant firedAt, Outcome outcome, Optional<UUID> messageId) {
    /** What was done at a planned time. */
    public enum Outcome {
        /** The message was created. */
        FIRED,
        /** Nothing: the message before was unfinished, and {@link Overlap#SKIP} holds. */
        SKIPPED,
        /** Nothing: the time had passed, and {@link MissedRuns#NONE} holds. */
        MISSED
    }
}
