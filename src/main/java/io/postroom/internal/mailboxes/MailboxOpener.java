package io.postroom.internal.mailboxes;

/** Opens the mailbox of an entry, if the mail libraries are there. */
final class MailboxOpener {
    private MailboxOpener() {}

    /**
     * Connects, logs in and opens the folder.
     *
     * @param secret the password
     * @param readOnly whether nothing is to change on the server
     * @param sockets lets another thread end all waits
     */
    static OpenMailbox open(MailboxEntry entry, String secret, boolean readOnly, CutSockets sockets)
            throws MailboxException {
        requireLibrary("jakarta.mail.Session", "jakarta.mail:jakarta.mail-api");
        requireLibrary("org.eclipse.angus.mail.imap.IMAPStore", "org.eclipse.angus:angus-mail");
        return entry.protocol().isImap()
                ? ImapMailbox.open(entry, secret, readOnly, sockets)
                : Pop3Mailbox.open(entry, secret, readOnly, sockets);
    }

    private static void requireLibrary(String className, String artifact) throws MailboxException {
        try {
            Class.forName(className, false, MailboxOpener.class.getClassLoader());
        } catch (ClassNotFoundException | LinkageError missing) {
            throw new MailboxException("a library is not on the class path. Add " + artifact, false, missing);
        }
    }
}
