package io.postroom.internal.execution;

import io.postroom.api.SettingsEntry;
import java.util.Optional;

/**
 * The entry that a handler names and its secret, as of the start of an attempt.
 *
 * @param secret empty: the entry names none
 */
record AttemptSettings(SettingsEntry entry, Optional<String> secret) {
    @Override
    public String toString() {
        return "settings " + entry.name();
    }
}
