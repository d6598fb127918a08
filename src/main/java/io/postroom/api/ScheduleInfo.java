package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A schedule and where it stands.
 *
 * @param queue that its messages name; empty: they name an exchange
 * @param exchange that its messages name; empty: they name a queue
 * @param nextAt the next planned time; empty: it is being planned (within two seconds), the message before is unfinished, or it does not
 *     fire
 * @param lastPlannedAt the planned time of the last run
 * @param lastFiredAt when that was fired
 * @param lastMessageId of the last message
 * @param error why the last try failed; it is repeated while the state is ACTIVE
 * @param byOperator whether an operator set it last, so that declarations leave it as it is
 */
public record ScheduleInfo(
        String name,
        ScheduleState state,
        Schedule.Timing timing,
        MissedRuns missed,
        int missedLimit,
        Overlap overlap,
        Optional<String> queue,
        Optional<String> exchange,
        Optional<Instant> nextAt,
        Optional<Instant> lastPlannedAt,
        Optional<Instant> lastFiredAt,
        Optional<UUID> lastMessageId,
        Optional<String> error,
        boolean byOperator) {}
