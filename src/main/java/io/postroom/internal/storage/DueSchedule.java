package io.postroom.internal.storage;

import io.postroom.api.MissedRuns;
import io.postroom.api.Overlap;
import io.postroom.api.Schedule;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A schedule that a worker looks at, locked by its transaction.
 *
 * @param message the members of the message, without its payload
 * @param payload as JSON; null: none
 * @param delay of the message
 * @param timeToLive of the message
 * @param afterAt the next planned time is the first one after this
 * @param plannedAt null: it has to be planned
 * @param askedAt when a run of its own was asked for; null: none is
 * @param lastMessageId null: it has created none
 * @param isUnfinished whether that message waits or is in progress; known only where it matters
 * @param endedAt when that message ended; null: unknown
 * @param runs how many runs it has had
 */
public record DueSchedule(
        int id,
        String name,
        Schedule.Timing timing,
        String message,
        @Nullable String payload,
        @Nullable Duration delay,
        @Nullable Duration timeToLive,
        MissedRuns missed,
        int missedLimit,
        Overlap overlap,
        boolean paused,
        boolean ended,
        Instant afterAt,
        @Nullable Instant plannedAt,
        @Nullable Instant askedAt,
        @Nullable UUID lastMessageId,
        boolean isUnfinished,
        @Nullable Instant endedAt,
        long runs) {

    /** Whether it matters what became of its last message. */
    public boolean asksForLastMessage() {
        return lastMessageId != null && (overlap != Overlap.QUEUE || timing instanceof Schedule.Timing.AfterEnd);
    }

    /** The same schedule with what became of its last message. */
    public DueSchedule withLastMessage(boolean unfinished, @Nullable Instant end) {
        return new DueSchedule(
                id,
                name,
                timing,
                message,
                payload,
                delay,
                timeToLive,
                missed,
                missedLimit,
                overlap,
                paused,
                ended,
                afterAt,
                plannedAt,
                askedAt,
                lastMessageId,
                unfinished,
                end,
                runs);
    }
}
