package io.postroom.api;

import java.util.Optional;

/**
 * Finds the secrets that entries point at, for code that receives from an external system. A handler is given the secret of its entry by
 * its context instead. Thread-safe; asks no database.
 */
public interface EntrySecrets {
    /**
     * Looks the secret up anew, so that a rotated one is used without a restart. Nothing is kept and nothing logged.
     *
     * @return empty: the entry names none
     * @throws SecretNotFoundException this process does not find it; another one may
     */
    Optional<String> find(SettingsEntry entry);
}
