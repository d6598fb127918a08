package io.postroom.api;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * One step on the way of a business process, whose messages share a correlation id: a message was created, or an attempt ended.
 *
 * @param at when, by the database's clock
 * @param messageId the message
 * @param queue where it happened; empty for the creation of a message that an exchange routed to several queues
 * @param type of the message; empty text when it has none
 * @param event {@code created}, or an outcome as in {@link Attempt#outcome()}
 * @param who name of the process that ran it, empty when none did; of a creation the database user, where the SQL function was called
 * @param error what went wrong, at most 8 KB; empty when nothing did
 * @param note as in {@link Attempt#note()}
 */
public record PathStep(
        Instant at,
        UUID messageId,
        Optional<String> queue,
        String type,
        String event,
        Optional<String> who,
        Optional<String> error,
        Optional<String> note) {}
