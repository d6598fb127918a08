package io.postroom.internal.storage;

import io.postroom.api.SettingsChange;
import io.postroom.api.SettingsEntry;
import io.postroom.api.StoredSettings;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Entries of external systems. Thread-safe. Failures are StoreExceptions; refusals are those of {@link io.postroom.api.SettingsRegistry}.
 */
public interface SettingsStore {
    Optional<StoredSettings> find(String name);

    /** Reads all entries, by name. */
    List<StoredSettings> list();

    /** Reads those of these names that are there, for a worker: once, without a repeat, and each by itself. */
    List<FoundSettings> find(Collection<String> names);

    /** Reads the last changes of an entry, the last one first. */
    List<SettingsChange> history(String name, int most);

    /**
     * Makes or replaces an entry.
     *
     * @param expectedVersion null: any
     * @param person null: the database user
     * @param reason for the ledger; null: none is given
     */
    StoredSettings set(
            SettingsEntry entry, @Nullable Long expectedVersion, @Nullable String person, @Nullable String reason);

    /** Answers whether the entry is new. */
    boolean declare(SettingsEntry entry);

    /** Answers whether there was one; the arguments are those of {@link #set}. */
    boolean delete(String name, @Nullable Long expectedVersion, @Nullable String person, @Nullable String reason);
}
