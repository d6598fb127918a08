package io.postroom.internal.mailboxes;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.StoreException;
import io.postroom.internal.imports.ImportedMessages;
import io.postroom.internal.mailboxes.MailParts.RejectedException;
import io.postroom.internal.storage.MailboxStore;
import io.postroom.internal.storage.MailboxStore.DecidedMail;
import io.postroom.internal.storage.MailboxStore.Decision;
import io.postroom.internal.storage.MailboxStore.Generation;
import io.postroom.internal.storage.MailboxStore.Reader;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.StoreErrors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides about the mails of one open folder: each becomes a message, is put aside, or is left alone. One thread may use it.
 *
 * <p>A decision is one transaction, in this order:
 *
 * <ol>
 *   <li>The row of the mailbox is locked if this reader holds its lease. Prevents that a reader that was suspended goes on beside the next
 *       one.
 *   <li>The row of the mail is written, unless it is there. Prevents that a mail is made twice: after a kill between the commit and the
 *       mark, and when two readers have seen it.
 *   <li>The message is created, and the position moves.
 * </ol>
 */
final class MailboxReading {
    private static final Logger log = LoggerFactory.getLogger(MailboxReading.class);
    private static final int MARKED_AT_ONCE = 50;
    private static final int LONGEST_ERROR = 1_000;

    private final MailboxEntry entry;
    private final MailReader mails;
    private final OpenMailbox open;
    private final MailboxStore store;
    private final ImportedMessages messages;
    private final Reader reader;
    private final BooleanSupplier stopped;
    private final Generation generation;
    private long position;

    /** @param stopped asked before each mail */
    MailboxReading(
            MailboxEntry entry,
            OpenMailbox open,
            MailboxStore store,
            ImportedMessages messages,
            Reader reader,
            BooleanSupplier stopped)
            throws MailboxException {
        this.entry = entry;
        this.mails = new MailReader(entry);
        this.open = open;
        this.store = store;
        this.messages = messages;
        this.reader = reader;
        this.stopped = stopped;
        List<String> present = new ArrayList<>();
        if (!entry.protocol().isImap()) {
            open.look(0).forEach(mail -> present.add(mail.id()));
        }
        this.generation = store.begin(reader, entry.source(), open.uidValidity(), open.uidNext(), present);
        this.position = generation.position();
    }

    /**
     * Decides about all mails that are there, and marks them.
     *
     * @return false: this reader may go on no more
     * @throws io.postroom.api.QueueFullException the queue takes no more now
     * @throws StoreException the database takes no mail now, or the queue moves to another home
     */
    boolean readAll() throws MailboxException {
        mark(); // what a killed process left
        while (true) {
            List<FoundMail> found = open.look(position);
            Map<String, Boolean> known = known(found);
            int undecided = 0;
            for (FoundMail mail : found) {
                if (stopped.getAsBoolean()) {
                    return false;
                } else if (known.containsKey(mail.id())) {
                    markAgain(mail, known.get(mail.id()));
                } else if (!decide(mail)) {
                    return false;
                } else if (++undecided % MARKED_AT_ONCE == 0) {
                    mark();
                }
            }
            if (undecided > 0) {
                mark();
            }
            if (found.isEmpty() || !entry.protocol().isImap()) {
                return true;
            }
        }
    }

    private Map<String, Boolean> known(List<FoundMail> found) {
        return entry.protocol().isImap() || found.isEmpty()
                ? Map.of()
                : store.known(
                        reader,
                        generation.number(),
                        found.stream().map(FoundMail::id).toList());
    }

    /** POP3: it was decided in an earlier session, whose deletion may have failed. */
    private void markAgain(FoundMail mail, boolean isRejected) throws MailboxException {
        if (!isRejected) {
            open.mark(List.of(mail.id()));
        }
    }

    /** Tells the server of what is committed. */
    private void mark() throws MailboxException {
        if (!entry.protocol().isImap()) {
            return;
        }
        Map<String, Boolean> unmarked = store.unmarked(reader, generation.number());
        if (unmarked.isEmpty()) {
            return;
        }
        List<String> rejected = unmarked.keySet().stream().filter(unmarked::get).toList();
        List<String> taken =
                unmarked.keySet().stream().filter(id -> !unmarked.get(id)).toList();
        open.mark(taken);
        if (!rejected.isEmpty()) {
            open.markRejected(rejected);
        }
        store.marked(reader, generation.number(), unmarked.keySet());
    }

    /** Returns false: this reader holds the mailbox no more. */
    private boolean decide(FoundMail mail) throws MailboxException {
        if (mail.isSeen() && !entry.all() && mail.uid() < generation.knownBelow()) {
            return leave(mail);
        }
        MailReader.Read read = null;
        NewMessage message = null;
        String error = "";
        try {
            if (mail.size() > entry.maxMail()) {
                throw new RejectedException(tooLarge(mail.size()));
            }
            byte[] bytes = open.read(mail, entry.maxMail());
            if (bytes == null) {
                return leave(mail); // somebody has deleted it
            } else if (bytes.length > entry.maxMail()) {
                throw new RejectedException(tooLarge(bytes.length));
            }
            read = mails.read(mail, bytes);
            message = messages.encode(read.message());
        } catch (RejectedException | InvalidMessageException refused) {
            error = MailText.line(String.valueOf(refused.getMessage()), LONGEST_ERROR);
        }
        try {
            return write(mail, read, message, error);
        } catch (StoreException refused) {
            // A failure that every mail would meet is none of this mail. A queue that moves to another home refuses
            // all.
            if (message == null || !StoreErrors.mayBeOfOneRow(refused) || StoreErrors.isOfMovedQueue(refused)) {
                throw refused;
            }
            return write(mail, read, null, MailText.line(String.valueOf(refused.getMessage()), LONGEST_ERROR));
        }
    }

    private String tooLarge(long size) {
        return "it has " + size + " bytes or more; at most " + entry.maxMail() + " are allowed (properties.maxMail)";
    }

    private boolean write(FoundMail mail, MailReader.@Nullable Read read, @Nullable NewMessage message, String error) {
        boolean isImap = entry.protocol().isImap();
        // Mails of an earlier life of the folder have other numbers now; so they are recognised by what they are.
        boolean asks = read != null && generation.number() > 1 && mail.uid() < generation.knownBelow();
        DecidedMail decided = new DecidedMail(
                mail.id(),
                mail.uid(),
                message == null ? null : message.id(),
                mail.size(),
                !isImap || error.isEmpty() && entry.after() == MailboxEntry.After.KEEP,
                read == null ? null : read.fingerprint(),
                asks,
                read == null ? "" : read.internetId(),
                error);
        AtomicReference<Runnable> created = new AtomicReference<>(() -> {});
        Decision decision = store.decide(reader, generation.number(), decided, connection -> {
            if (message != null) {
                created.set(messages.create(List.of(message), connection));
            }
        });
        if (decision == Decision.NOT_HELD) {
            return false;
        }
        created.get().run();
        position = Math.max(position, mail.uid());
        if (!error.isEmpty()) {
            log.warn("Mail {} of mailbox {} is put aside: {}", mail.id(), entry.name(), error);
        } else if (!isImap) {
            deleteLater(mail);
        }
        return true;
    }

    private void deleteLater(FoundMail mail) {
        try {
            open.mark(List.of(mail.id()));
        } catch (MailboxException lost) {
            log.debug("Mail {} of mailbox {} is deleted at the next look", mail.id(), entry.name(), lost);
        }
    }

    /** Writes nothing: the position moves with the next decision, and until then these mails are looked at again. */
    private boolean leave(FoundMail mail) {
        position = Math.max(position, mail.uid());
        return true;
    }

    /** Writes how far it is, also past mails that were left alone. */
    void report() {
        if (entry.protocol().isImap()) {
            store.leave(reader, generation.number(), position);
        }
        store.report(reader, "");
    }
}
