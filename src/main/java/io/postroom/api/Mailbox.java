package io.postroom.api;

import java.time.Instant;
import java.util.Optional;

/**
 * A mailbox whose mails become messages, and how it stands.
 *
 * @param name the entry of the settings
 * @param source user, host and folder as they were read last; empty text: never yet
 * @param worker the process that reads it or did so last
 * @param isHeld whether a process reads it now
 * @param readAt when all its mails were decided last, by the database's clock
 * @param failingSince since when it cannot be read
 * @param error why it cannot be read; empty text: it can
 * @param messages mails of the last 90 days that became messages
 * @param rejected mails of the last 90 days that were put aside
 */
public record Mailbox(
        String name,
        String source,
        String worker,
        boolean isHeld,
        Optional<Instant> readAt,
        Optional<Instant> failingSince,
        String error,
        long messages,
        long rejected) {}
