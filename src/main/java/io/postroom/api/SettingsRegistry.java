package io.postroom.api;

import java.util.List;
import java.util.Optional;

/**
 * The entries of external systems: look, change, history. Thread-safe. Each call runs in a transaction of its own, whatever transaction the
 * caller has open. A change counts for attempts that start after it: in this process at once, in others from their next poll on ({@code
 * postroom.poll-interval}, 1 second). Failures of the database are {@link StoreException}s.
 *
 * <p>No method answers a secret: an entry only says where one is found.
 */
public interface SettingsRegistry {
    /** Reads an entry from the database; empty: there is none. */
    Optional<StoredSettings> find(String name);

    /** Reads all entries from the database, by name. */
    List<StoredSettings> list();

    /**
     * Reads what was changed, the last change first.
     *
     * @param most lines, 1 to 1000
     * @throws InvalidMessageException {@code name} or {@code most} breaks a limit
     */
    List<SettingsChange> history(String name, int most);

    /**
     * Makes the entry, or replaces all of it, whoever changed it last. A repeat writes nothing.
     *
     * @return the entry as it is stored now
     * @throws InvalidMessageException a value breaks a limit; nothing was written
     */
    StoredSettings set(SettingsEntry entry);

    /**
     * Makes or replaces the entry if nobody has changed it since.
     *
     * @param expectedVersion the version that was read; 0: the entry must be new
     * @throws SettingsChangedException it has another version; nothing was written
     * @throws InvalidMessageException a value breaks a limit; nothing was written
     */
    StoredSettings set(SettingsEntry entry, long expectedVersion);

    /**
     * Makes the entry if it is missing, and changes one that was declared with other values. What an operator has set stays. The starter
     * does this with {@code postroom.settings.*}.
     *
     * @return whether it is new
     * @throws InvalidMessageException a value breaks a limit; nothing was written
     */
    boolean declare(SettingsEntry entry);

    /**
     * Deletes the entry, whoever changed it last. Its history stays, and messages that need it wait. A program that declares it makes it
     * anew at its next start: to keep it from being used, disable it.
     *
     * @return false: there was none
     */
    boolean delete(String name);

    /**
     * Deletes the entry if nobody has changed it since.
     *
     * @throws SettingsChangedException it has another version, or is gone; nothing was written
     */
    boolean delete(String name, long expectedVersion);

    /**
     * Asks the external system whether the entry works, from this process and now. Creates no message, parks nothing, changes nothing in
     * the database. Tests an entry that is disabled or out of its validity, too. Another process may have another network, other
     * certificates and other secrets.
     *
     * @return empty: there is no such entry
     * @throws InvalidMessageException no channel of this process can test it: see {@link SettingsCheck}
     */
    Optional<SettingsVerdict> test(String name);

    /**
     * Answers the same registry, which names this person in the history instead of the database user.
     *
     * @throws InvalidMessageException the name is not 1 to 200 characters without control characters
     */
    SettingsRegistry by(String person);

    /**
     * Answers the same registry, which gives the ledger this reason. Its actor, if it has one, takes the place of the person of an earlier
     * {@link #by}; a later one takes its place in turn.
     */
    SettingsRegistry because(Reason reason);
}
