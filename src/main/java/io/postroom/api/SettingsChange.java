package io.postroom.api;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * One line of an entry's history.
 *
 * @param version that the change made
 * @param byOperator false: a program declared it
 * @param changedBy the person if the caller named one, else the database user
 * @param changed the members that differ, as in JSON
 * @param before empty: the change made the entry
 * @param after empty: the change deleted it
 */
public record SettingsChange(
        String name,
        long version,
        Instant changedAt,
        String changedBy,
        boolean byOperator,
        List<String> changed,
        Optional<SettingsEntry> before,
        Optional<SettingsEntry> after) {}
