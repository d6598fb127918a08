/**
 * Mailboxes whose mails become messages: the channel "mailbox" of the settings. The job {@code ReceiveMails} keeps a {@link
 * io.postroom.internal.mailboxes.MailboxLoop} for each entry that can be used. Start reading there, then {@link
 * io.postroom.internal.mailboxes.MailboxReading}, which decides about each mail.
 *
 * <pre>
 * lease ─► open folder ─► begin or find the generation ─► look ─► read ─► decide (message, row, position: one commit) ─► mark
 *                                                          ▲                                                              │
 *                                                          └──────────────── IDLE, or wait ◄──────────────────────────────┘
 * </pre>
 *
 * <p>The mail server is told last. A process that dies between the commit and the mark leaves a row that says so, and the next look marks
 * the mail without making it again.
 *
 * <p>The database's clock decides when a lease ends, and {@code System.nanoTime} how long a reader trusts its own. No clock of a mail
 * server decides anything.
 *
 * <p>Looks wrong, is right:
 *
 * <ul>
 *   <li>New mails are those with larger UIDs, not those without the flag {@code \Seen}: a person who reads the folder with another program
 *       must not keep a mail from becoming a message.
 *   <li>The whole mail is fetched and parsed here. The server's own description of its parts (BODYSTRUCTURE) differs between servers, and
 *       is wrong where the mail is broken.
 *   <li>A deletion by POP3 is not noted as done. The library hides a failed QUIT, which deletes nothing; so the next look deletes what is
 *       still there.
 *   <li>jakarta.mail is optional. Only {@code ImapMailbox}, {@code Pop3Mailbox}, {@code MailServer} and {@code MailReader} name its
 *       classes; they are loaded when a mailbox is opened.
 * </ul>
 */
@NullMarked
package io.postroom.internal.mailboxes;

import org.jspecify.annotations.NullMarked;
