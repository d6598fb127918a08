package io.postroom.internal.mailboxes;

import jakarta.mail.FetchProfile;
import jakarta.mail.Flags;
import jakarta.mail.Folder;
import jakarta.mail.Message;
import jakarta.mail.MessageRemovedException;
import jakarta.mail.MessagingException;
import jakarta.mail.UIDFolder;
import jakarta.mail.event.MessageCountAdapter;
import jakarta.mail.event.MessageCountEvent;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.Date;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.eclipse.angus.mail.imap.IMAPFolder;
import org.eclipse.angus.mail.imap.IMAPMessage;
import org.eclipse.angus.mail.imap.IMAPStore;
import org.jspecify.annotations.Nullable;

/** A folder of an IMAP server. */
final class ImapMailbox implements OpenMailbox {
    /** The keyword of mails that were put aside. */
    static final String REJECTED = "postroom-rejected";

    private static final int MOST_AT_ONCE = 500;

    private final MailboxEntry entry;
    private final CutSockets sockets;
    private final IMAPStore store;
    private final IMAPFolder folder;
    /**
     * Whether the server told of a mail since the last look began. It may do so in the answer to any command, also to the IDLE that would
     * wait for it; nobody is told a second time.
     */
    private volatile boolean hasArrived;

    private ImapMailbox(MailboxEntry entry, CutSockets sockets, IMAPStore store, IMAPFolder folder) {
        this.entry = entry;
        this.sockets = sockets;
        this.store = store;
        this.folder = folder;
        folder.addMessageCountListener(new MessageCountAdapter() {
            @Override
            public void messagesAdded(MessageCountEvent event) {
                hasArrived = true;
            }
        });
    }

    /** Connects, logs in and opens the folder. */
    static ImapMailbox open(MailboxEntry entry, String secret, boolean readOnly, CutSockets sockets)
            throws MailboxException {
        IMAPStore store = (IMAPStore) MailServer.connect(entry, secret, sockets);
        try {
            IMAPFolder folder = (IMAPFolder) store.getFolder(entry.folder());
            folder.open(readOnly ? Folder.READ_ONLY : Folder.READ_WRITE);
            return new ImapMailbox(entry, sockets, store, folder);
        } catch (MessagingException failed) {
            sockets.cut();
            throw MailServer.failure(entry, failed);
        }
    }

    /** A step that talks to the server. */
    private interface Step<T> {
        T run() throws MessagingException, IOException;
    }

    private <T> T run(Step<T> step) throws MailboxException {
        try {
            return step.run();
        } catch (MessagingException | IOException failed) {
            throw MailServer.failure(entry, failed);
        } catch (IllegalStateException closed) { // the library says so of a folder that the server closed
            throw MailServer.failure(entry, closed);
        }
    }

    @Override
    public long uidValidity() throws MailboxException {
        return run(folder::getUIDValidity);
    }

    /** Some servers do not say it when the folder is opened. The largest UID of now plus one does as well. */
    @Override
    public long uidNext() throws MailboxException {
        return run(() -> {
            long next = folder.getUIDNext();
            if (next > 0) {
                return next;
            }
            int count = folder.getMessageCount();
            return count == 0 ? 1 : folder.getUID(folder.getMessage(count)) + 1;
        });
    }

    @Override
    public int count() throws MailboxException {
        return run(folder::getMessageCount);
    }

    @Override
    public List<FoundMail> look(long position) throws MailboxException {
        return run(() -> {
            hasArrived = false; // before the look: what arrives meanwhile is told again
            List<Message> behind = new ArrayList<>();
            for (Message message : folder.getMessagesByUID(position + 1, UIDFolder.LASTUID)) {
                // A server answers n:* with its last mail although that has a smaller UID than n (RFC 3501, 6.4.8).
                if (message != null && folder.getUID(message) > position) {
                    behind.add(message);
                }
            }
            behind.sort(Comparator.comparingInt(Message::getMessageNumber));
            Message[] some = behind.stream().limit(MOST_AT_ONCE).toArray(Message[]::new);
            FetchProfile profile = new FetchProfile();
            profile.add(FetchProfile.Item.FLAGS);
            profile.add(FetchProfile.Item.SIZE);
            profile.add(IMAPFolder.FetchProfileItem.INTERNALDATE);
            folder.fetch(some, profile);
            List<FoundMail> found = new ArrayList<>();
            for (Message message : some) {
                found.add(found(message));
            }
            return found;
        });
    }

    private FoundMail found(Message message) throws MessagingException {
        long uid = folder.getUID(message);
        try {
            Date arrived = message.getReceivedDate();
            return new FoundMail(
                    String.valueOf(uid),
                    uid,
                    message.getSize(),
                    Optional.ofNullable(arrived).map(Date::toInstant),
                    message.isSet(Flags.Flag.SEEN),
                    message);
        } catch (MessageRemovedException gone) {
            return new FoundMail(String.valueOf(uid), uid, 0, Optional.empty(), false, message);
        }
    }

    @Override
    public byte @Nullable [] read(FoundMail mail, int most) throws MailboxException {
        IMAPMessage message = (IMAPMessage) mail.message();
        message.setPeek(true); // leaves \Seen alone
        try {
            return run(() -> {
                try (InputStream bytes = message.getMimeStream()) {
                    return bytes.readNBytes(most + 1);
                } catch (MessagingException | IOException failed) {
                    if (message.isExpunged()) {
                        return null;
                    }
                    throw failed;
                }
            });
        } finally {
            message.invalidateHeaders(); // keeps nothing of a mail that is read
        }
    }

    @Override
    public void mark(Collection<String> ids) throws MailboxException {
        run(() -> {
            Message[] messages = messages(ids);
            if (messages.length == 0) { // also those that are gone
                return null;
            }
            switch (entry.after()) {
                case SEEN -> folder.setFlags(messages, new Flags(Flags.Flag.SEEN), true);
                case MOVE -> move(messages);
                case DELETE -> delete(messages);
                case KEEP -> {
                    // nothing
                }
            }
            return null;
        });
    }

    private void move(Message[] messages) throws MessagingException {
        Folder target = store.getFolder(entry.moveTo());
        if (can("MOVE")) {
            folder.moveMessages(messages, target);
        } else {
            folder.copyMessages(messages, target);
            delete(messages);
        }
    }

    /** Without UIDPLUS only all deleted mails of the folder can be removed, also those of other programs; so they stay, flagged. */
    private void delete(Message[] messages) throws MessagingException {
        folder.setFlags(messages, new Flags(Flags.Flag.DELETED), true);
        if (can("UIDPLUS")) {
            folder.expunge(messages);
        }
    }

    @Override
    public void markRejected(Collection<String> ids) throws MailboxException {
        run(() -> {
            Flags permanent = folder.getPermanentFlags();
            if (permanent != null && (permanent.contains(Flags.Flag.USER) || permanent.contains(REJECTED))) {
                folder.setFlags(messages(ids), new Flags(REJECTED), true);
            }
            return null;
        });
    }

    private Message[] messages(Collection<String> ids) throws MessagingException {
        if (ids.isEmpty()) {
            return new Message[0];
        }
        long[] uids = ids.stream().mapToLong(Long::parseLong).toArray();
        return Arrays.stream(folder.getMessagesByUID(uids))
                .filter(Objects::nonNull)
                .filter(message -> !message.isExpunged())
                .toArray(Message[]::new);
    }

    @Override
    public boolean canIdle() throws MailboxException {
        return entry.idle() && run(() -> can("IDLE"));
    }

    /** Asks the connection of the folder: the store would open another one for the question. */
    private boolean can(String capability) throws MessagingException {
        return Boolean.TRUE.equals(folder.doCommand(protocol -> protocol.hasCapability(capability)));
    }

    @Override
    public void idle() throws MailboxException {
        run(() -> {
            if (!hasArrived) {
                folder.idle(true);
            }
            return null;
        });
    }

    @Override
    public void wake(boolean anyway) {
        if (!anyway && !hasArrived) {
            return;
        }
        try {
            folder.doCommandIgnoreFailure(protocol -> {
                protocol.noop();
                return null;
            });
        } catch (MessagingException | IllegalStateException lost) {
            abort(); // the thread that waits in IDLE learns of it
        }
    }

    @Override
    public boolean isLasting() {
        return true;
    }

    @Override
    public void abort() {
        sockets.cut();
    }

    @Override
    public void close() {
        try {
            folder.close(false);
            store.close();
        } catch (MessagingException | IllegalStateException gone) {
            // nothing is lost: all that counts is committed
        } finally {
            sockets.cut();
        }
    }
}
