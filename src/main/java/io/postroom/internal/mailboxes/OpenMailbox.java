package io.postroom.internal.mailboxes;

import java.io.Closeable;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A folder on a mail server, open. One thread may use it; {@link #abort} and {@link #wake} are for others. */
interface OpenMailbox extends Closeable {
    /** What tells one life of the folder from another: UIDs of two are not compared. 0: POP3. */
    long uidValidity() throws MailboxException;

    /** A UID that no mail has yet; POP3: larger than any. */
    long uidNext() throws MailboxException;

    /** How many mails are there, for people. */
    int count() throws MailboxException;

    /** Finds mails with larger UIDs, in their order, up to some hundred; POP3: all. */
    List<FoundMail> look(long position) throws MailboxException;

    /**
     * Reads a mail without a change of its flags.
     *
     * @return null: it is gone; an array of {@code most + 1} bytes: it is larger
     */
    byte @Nullable [] read(FoundMail mail, int most) throws MailboxException;

    /** Marks mails as the entry wants it. Those that are gone are left out. */
    void mark(Collection<String> ids) throws MailboxException;

    /** Marks mails that were put aside. */
    void markRejected(Collection<String> ids) throws MailboxException;

    /** Whether {@link #idle} can be used. Otherwise the caller waits, and looks again if {@link #isLasting}. */
    boolean canIdle() throws MailboxException;

    /** Waits until the server tells of something, or {@link #wake}. Returns at once if it did since the last look. */
    void idle() throws MailboxException;

    /**
     * Ends {@link #idle} if the server told of a mail that the last look may have missed. May wait for an answer of the server.
     *
     * @param anyway whether to end it in any case
     */
    void wake(boolean anyway);

    /** Whether it can be looked into again. A POP3 server shows new mails to a new session only. */
    boolean isLasting();

    /** Cuts the connection, so that whatever waits for the server fails at once. */
    void abort();

    /** Ends the session in order. Never fails. */
    @Override
    void close();
}
