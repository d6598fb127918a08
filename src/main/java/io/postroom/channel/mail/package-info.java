/**
 * The channel "mail": a message becomes a MIME mail and leaves by SMTP, or, where no SMTP server is named, as a file one can open.
 *
 * <pre>
 * Notification ─ MailTemplates ─► Mail ─ MimeComposer ─► bytes ─┬─► SmtpServer (pool of SmtpConnection)
 *                                                               └─► MailFiles
 * </pre>
 *
 * <p>Start with {@link io.postroom.channel.mail.MailChannel}; {@code SmtpServer} is where an answer of the server becomes an outcome.
 *
 * <p>A message is the same mail at each attempt: Message-ID, Date and MIME boundaries come from the message's id and time of creation, so
 * that a repeat after a lost answer has the same bytes as before, and receivers that compare Message-IDs drop it. SMTP has no way to ask
 * "did you take it?": this is the one place where at-least-once shows.
 *
 * <p>Text from messages never reaches a header or an SMTP command unchecked: {@link io.postroom.channel.mail.Mail} refuses line breaks and
 * control characters when it is built. Addresses are ASCII on the wire, one mailbox each, parsed by a grammar smaller than RFC 5322. That
 * also closes CVE-2025-7962 (U+760D and U+760A lose their high byte and become CR and LF in SMTP commands of angus-mail before 2.0.4), with
 * any version.
 *
 * <p>The mail is composed to bytes before the first SMTP command. Composing during DATA, as {@code Transport} does by default, would leave
 * a connection that takes the next command for mail text when a part fails to render.
 *
 * <p>jakarta.mail-api, angus-mail, commons-pool2, thymeleaf and icu4j are left to hosts that use them; no public signature here names
 * their types.
 */
@NullMarked
package io.postroom.channel.mail;

import org.jspecify.annotations.NullMarked;
