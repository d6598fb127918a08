package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * One line of a message's history.
 *
 * @param id the message
 * @param number the delivery that the line belongs to, from 1; 0 for a line without one (cancelled or expired while waiting)
 * @param worker name of the process that ran it; empty text when none did
 * @param startedAt when the handler began, by the database's clock
 * @param finishedAt when the attempt ended, by the same clock
 * @param outcome {@code done}, {@code retry}, {@code snooze}, {@code not_now}, {@code reject}, {@code failed} (last attempt spent),
 *     {@code crashed}, {@code undecodable} (could not be read, the first time), {@code cancelled} or {@code expired}
 * @param error what went wrong, at most 8 KB; empty when nothing did
 * @param note what the handler noted of a message that it finished, by {@link Outcome#done(String)}; at most 8 KB; empty: nothing
 */
public record Attempt(
        UUID id,
        String queue,
        int number,
        String worker,
        Instant startedAt,
        Instant finishedAt,
        String outcome,
        Optional<String> error,
        Optional<String> note) {}
