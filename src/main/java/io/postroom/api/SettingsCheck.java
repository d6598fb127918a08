package io.postroom.api;

import java.util.Optional;

/**
 * Checks and tests the entries of one channel. Given to the builder, in Spring as a bean; a channel has one at most in a process.
 * Thread-safe.
 *
 * <p>An entry that it refuses cannot be stored by this process, and messages wait for one that was stored elsewhere.
 */
public interface SettingsCheck {
    /** The channel whose entries it checks, as in {@link SettingsEntry#channel()}. */
    String channel();

    /**
     * Checks an entry without asking any other system. Called before an entry is stored and before each attempt, so it should remember what
     * it has checked.
     *
     * @throws InvalidMessageException something breaks a limit. The text names the field and never shows a secret
     */
    void require(SettingsEntry entry);

    /**
     * Asks the external system whether the entry works, and changes nothing there. Returns within the time limits of the channel.
     *
     * @param secret that the entry points at; empty: it names none. The verdict does not show it
     */
    SettingsVerdict test(SettingsEntry entry, Optional<String> secret);
}
