package io.postroom.internal.mailboxes;

import jakarta.mail.Message;
import java.time.Instant;
import java.util.Optional;

/**
 * A mail that the server has, not read yet.
 *
 * @param id its UID or UIDL
 * @param uid 0: POP3
 * @param size in bytes, as the server says
 * @param arrivedAt by the server's clock
 * @param isSeen whether somebody has read it
 */
record FoundMail(String id, long uid, long size, Optional<Instant> arrivedAt, boolean isSeen, Message message) {}
