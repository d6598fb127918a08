package io.postroom.internal.storage;

import io.postroom.api.Mailbox;
import io.postroom.api.RejectedMail;
import java.sql.Connection;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Stores how far mailboxes are read. Thread-safe. Times are the database's; failures are StoreExceptions. */
public interface MailboxStore {
    /**
     * A reader of a mailbox, which holds its lease or wants to.
     *
     * @param name of the entry
     * @param holder differs for each reader, also in one process
     * @param worker the process, for people
     */
    record Reader(String name, UUID holder, String worker) {}

    /**
     * What mails of one folder are compared within.
     *
     * @param knownBelow mails with smaller UIDs were there when it began
     * @param position mails with UIDs up to it are decided
     */
    record Generation(int number, long knownBelow, long position) {}

    /**
     * A mail that is decided.
     *
     * @param mailId UID or UIDL
     * @param position up to which mails are decided with it; 0: POP3
     * @param messageId null: it becomes none
     * @param isMarked whether the server need not be told
     * @param fingerprint null: it was not read
     * @param asksFingerprint whether a mail with this fingerprint is the same mail
     * @param error why it is put aside; empty text: it is not
     */
    record DecidedMail(
            String mailId,
            long position,
            @Nullable UUID messageId,
            long size,
            boolean isMarked,
            byte @Nullable [] fingerprint,
            boolean asksFingerprint,
            String internetId,
            String error) {}

    /** What became of a decision. */
    enum Decision {
        /** It is committed. */
        STORED,
        /** The mail was decided before, and nothing was created. */
        KNOWN,
        /** The reader holds the lease no more, or the generation is over. Nothing was written. */
        NOT_HELD
    }

    /** Runs once for each try, within the transaction. */
    @FunctionalInterface
    interface Work {
        void run(Connection connection);
    }

    /** Reads the names of the entries of the channel mailbox. */
    List<String> entries();

    /** Takes the lease for 30 s, or extends it. Returns false while another reader holds it. */
    boolean hold(Reader reader);

    /** Gives the lease back, so that another reader may take it at once. */
    void release(Reader reader);

    /**
     * Finds the generation of a folder, and begins one where the folder or its validity is not that of the last one. Forgets rows that are
     * no more needed.
     *
     * @param uidNext of the folder now
     * @param present mails of POP3 that the server has, whose rows are kept
     */
    Generation begin(Reader reader, String source, long uidValidity, long uidNext, Collection<String> present);

    /** Reads which of these mails are decided in the generation, each with whether it was put aside. */
    Map<String, Boolean> known(Reader reader, int generation, Collection<String> mailIds);

    /** Reads up to 500 mails that the server has not been told about, each with whether it was put aside. */
    Map<String, Boolean> unmarked(Reader reader, int generation);

    /** Notes that the server was told. */
    void marked(Reader reader, int generation, Collection<String> mailIds);

    /**
     * Notes the mail and runs {@code work}, in one transaction. {@code work} runs while the row of the mailbox is locked, only for a mail
     * that was not decided before.
     */
    Decision decide(Reader reader, int generation, DecidedMail mail, Work work);

    /** Moves the position past mails that are left alone. */
    void leave(Reader reader, int generation, long position);

    /** Notes that all mails are decided, or why they cannot be read. */
    void report(Reader reader, String error);

    /** Reads all mailboxes, by name. */
    List<Mailbox> list();

    /** Reads the mails that were put aside, the last one first. */
    List<RejectedMail> rejected(String name, int most);
}
