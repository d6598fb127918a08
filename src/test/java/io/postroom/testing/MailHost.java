package io.postroom.testing;

import com.icegreen.greenmail.store.FolderException;
import com.icegreen.greenmail.store.MailFolder;
import com.icegreen.greenmail.store.StoredMessage;
import com.icegreen.greenmail.user.GreenMailUser;
import com.icegreen.greenmail.util.GreenMail;
import com.icegreen.greenmail.util.ServerSetup;
import jakarta.mail.Flags;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.internet.MimeMessage;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Date;
import java.util.List;
import java.util.Properties;
import org.awaitility.Awaitility;

/** A mail server with IMAP and POP3 and the mailbox of Ann. */
public final class MailHost implements AutoCloseable {
    public static final String USER = "ann@example.org";
    public static final String PASSWORD = "ann-password";

    private static final Session SESSION = Session.getInstance(new Properties());

    private final GreenMail server;
    private final GreenMailUser ann;

    public MailHost() {
        ServerSetup imap = new ServerSetup(0, "127.0.0.1", ServerSetup.PROTOCOL_IMAP);
        ServerSetup pop3 = new ServerSetup(0, "127.0.0.1", ServerSetup.PROTOCOL_POP3);
        server = new GreenMail(new ServerSetup[] {imap, pop3});
        server.start();
        ann = server.setUser(USER, USER, PASSWORD);
    }

    public int imapPort() {
        return server.getImap().getPort();
    }

    public int pop3Port() {
        return server.getPop3().getPort();
    }

    /** Lets a mail arrive. */
    public void deliver(String rfc822) {
        ann.deliver(mail(rfc822.getBytes(StandardCharsets.UTF_8)));
    }

    /** Lets a mail arrive that somebody has read already. */
    public void deliverRead(String rfc822) throws FolderException {
        inbox().appendMessage(mail(rfc822.getBytes(StandardCharsets.UTF_8)), new Flags(Flags.Flag.SEEN), new Date());
    }

    /** Lets a short mail arrive. */
    public void deliver(String id, String subject, String text) {
        deliver(plain(id, subject, text));
    }

    /** Writes a short mail. */
    public static String plain(String id, String subject, String text) {
        return """
                From: Bob <bob@example.com>
                To: ann@example.org
                Subject: %s
                Message-ID: <%s>
                Date: Mon, 2 Nov 2026 10:00:00 +0100

                %s
                """.formatted(subject, id, text);
    }

    private static MimeMessage mail(byte[] bytes) {
        try {
            return new MimeMessage(SESSION, new ByteArrayInputStream(bytes));
        } catch (MessagingException e) {
            throw new IllegalStateException(e);
        }
    }

    public MailFolder inbox() throws FolderException {
        return server.getManagers().getImapHostManager().getInbox(ann);
    }

    /** Makes a folder of Ann's. */
    public MailFolder folder(String name) throws Exception {
        return server.getManagers().getImapHostManager().createMailbox(ann, name);
    }

    /** Lets an unread mail arrive in another folder than the inbox. */
    public void deliverTo(MailFolder folder, String rfc822) {
        folder.appendMessage(mail(rfc822.getBytes(StandardCharsets.UTF_8)), new Flags(), new Date());
    }

    /** Deletes a folder and makes it anew with the mails it had: it has another UIDVALIDITY then. */
    public MailFolder rebuild(MailFolder folder) throws Exception {
        List<StoredMessage> mails = List.copyOf(folder.getMessages());
        server.getManagers().getImapHostManager().deleteMailbox(ann, folder.getName());
        // GreenMail takes the UIDVALIDITY from its clock, in seconds.
        Awaitility.await().until(() -> System.currentTimeMillis() / 1000 > folder.getUidValidity());
        MailFolder made = folder(folder.getName());
        for (StoredMessage mail : mails) {
            made.appendMessage(mail.getMimeMessage(), mail.getFlags(), new Date());
        }
        return made;
    }

    @Override
    public void close() {
        server.stop();
    }
}
