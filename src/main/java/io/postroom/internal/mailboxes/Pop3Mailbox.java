package io.postroom.internal.mailboxes;

import jakarta.mail.FetchProfile;
import jakarta.mail.Flags;
import jakarta.mail.Folder;
import jakarta.mail.Message;
import jakarta.mail.MessageRemovedException;
import jakarta.mail.MessagingException;
import jakarta.mail.Store;
import jakarta.mail.UIDFolder;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.angus.mail.pop3.POP3Folder;
import org.eclipse.angus.mail.pop3.POP3Message;
import org.jspecify.annotations.Nullable;

/** The mails of a POP3 session. They are known by their UIDL; a server without it is refused. */
final class Pop3Mailbox implements OpenMailbox {
    private final MailboxEntry entry;
    private final CutSockets sockets;
    private final Store store;
    private final POP3Folder folder;
    private final Map<String, Message> byId = new HashMap<>();
    private boolean deletes;

    private Pop3Mailbox(MailboxEntry entry, CutSockets sockets, Store store, POP3Folder folder) {
        this.entry = entry;
        this.sockets = sockets;
        this.store = store;
        this.folder = folder;
    }

    /** Connects and logs in. */
    static Pop3Mailbox open(MailboxEntry entry, String secret, boolean readOnly, CutSockets sockets)
            throws MailboxException {
        Store store = MailServer.connect(entry, secret, sockets);
        try {
            POP3Folder folder = (POP3Folder) store.getFolder(entry.folder());
            folder.open(readOnly ? Folder.READ_ONLY : Folder.READ_WRITE);
            return new Pop3Mailbox(entry, sockets, store, folder);
        } catch (MessagingException failed) {
            sockets.cut();
            throw MailServer.failure(entry, failed);
        }
    }

    @Override
    public long uidValidity() {
        return 0;
    }

    @Override
    public long uidNext() {
        return Long.MAX_VALUE;
    }

    @Override
    public int count() throws MailboxException {
        try {
            return folder.getMessageCount();
        } catch (MessagingException failed) {
            throw MailServer.failure(entry, failed);
        }
    }

    @Override
    public List<FoundMail> look(long position) throws MailboxException {
        try {
            Message[] messages = folder.getMessages();
            FetchProfile profile = new FetchProfile();
            profile.add(UIDFolder.FetchProfileItem.UID);
            folder.fetch(messages, profile);
            int[] sizes = folder.getSizes();
            List<FoundMail> found = new ArrayList<>();
            for (int i = 0; i < messages.length; i++) {
                String id = folder.getUID(messages[i]);
                if (id == null) {
                    throw new MessagingException("the server has no UIDL, by which mails are told from one another");
                }
                byId.put(id, messages[i]);
                found.add(new FoundMail(id, 0, sizes[i], Optional.empty(), false, messages[i]));
            }
            return found;
        } catch (MessagingException | IllegalStateException failed) {
            throw MailServer.failure(entry, failed);
        }
    }

    /** The protocol has no way to read a part: a mail whose size the server says is too large is not read at all. */
    @Override
    public byte @Nullable [] read(FoundMail mail, int most) throws MailboxException {
        POP3Message message = (POP3Message) mail.message();
        try (InputStream bytes = message.getMimeStream()) {
            return bytes.readNBytes(most + 1);
        } catch (MessageRemovedException gone) {
            return null;
        } catch (MessagingException | IOException | IllegalStateException failed) {
            throw MailServer.failure(entry, failed);
        } finally {
            message.invalidate(true); // keeps nothing of a mail that is read
        }
    }

    @Override
    public void mark(Collection<String> ids) throws MailboxException {
        if (entry.after() != MailboxEntry.After.DELETE) {
            return;
        }
        try {
            for (String id : ids) {
                Message message = byId.get(id);
                if (message != null) {
                    message.setFlag(Flags.Flag.DELETED, true);
                    deletes = true;
                }
            }
        } catch (MessagingException | IllegalStateException failed) {
            throw MailServer.failure(entry, failed);
        }
    }

    /** POP3 has no flags. The mail stays where it is. */
    @Override
    public void markRejected(Collection<String> ids) {}

    @Override
    public boolean canIdle() {
        return false;
    }

    @Override
    public void idle() {
        throw new IllegalStateException("POP3 has no IDLE");
    }

    @Override
    public void wake(boolean anyway) {}

    @Override
    public boolean isLasting() {
        return false;
    }

    @Override
    public void abort() {
        sockets.cut();
    }

    /** Deletes what is marked: a server does so at the end of a session alone. */
    @Override
    public void close() {
        try {
            folder.close(deletes);
            store.close();
        } catch (MessagingException | IllegalStateException gone) {
            // what was to be deleted is there at the next look, is known, and is deleted then
        } finally {
            sockets.cut();
        }
    }
}
