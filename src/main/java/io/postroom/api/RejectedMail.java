package io.postroom.api;

import java.time.Instant;

/**
 * A mail that was put aside because no message can be made of it. The server still has it, unread.
 *
 * @param mailId its UID in the folder, or its UIDL
 * @param messageId its Message-ID, without the angle brackets and cut at 200 characters; empty text: it has none or was not read
 * @param size in bytes, as the server says
 * @param rejectedAt by the database's clock
 * @param error why
 */
public record RejectedMail(String mailId, String messageId, long size, Instant rejectedAt, String error) {}
