package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * What somebody did: a line of the view {@code operator_log}.
 *
 * @param actor the person if the way in knew it, else the database user
 * @param dbUser the login of the session; empty for lines of versions that did not note it
 * @param action pause, resume, stop_consumers, start_consumers, cancel, reschedule, redrive, discard, purge, declare, delete, run,
 *     unpark, stop_operation, end_operation, create_token or revoke_token
 * @param queue the queue it was about
 * @param message the message it was about
 * @param operation the operation that it began, stopped or ended
 * @param filter as a JSON object
 * @param planned messages that it was about
 * @param done messages that it moved
 * @param reason why, in the words of the actor
 * @param note what else is to be said
 */
public record LedgerLine(
        UUID id,
        Instant at,
        String actor,
        Optional<String> dbUser,
        String action,
        Optional<String> queue,
        Optional<UUID> message,
        Optional<UUID> operation,
        Optional<String> filter,
        Optional<Long> planned,
        long done,
        Optional<String> reason,
        Optional<String> note) {}
