package io.postroom.api;

import java.util.List;

/**
 * Lists the mailboxes whose mails become messages, as all processes left them. Thread-safe. Failures of the database are {@link
 * StoreException}s. A mailbox is an entry of {@link SettingsRegistry} with the channel {@code mailbox}; it is declared, changed, disabled
 * and tested there.
 */
public interface Mailboxes {
    /** Reads the mailboxes that were tried at least once, by name. */
    List<Mailbox> list();

    /**
     * Reads the mails that were put aside in the last 90 days, the last one first. To have one tried again, move it out of the folder and
     * back.
     *
     * @param most mails, 1 to 1000
     * @throws InvalidMessageException the name or {@code most} breaks its limit
     */
    List<RejectedMail> rejected(String name, int most);
}
