package io.postroom.api;

import java.time.Instant;

/**
 * An entry as it is stored.
 *
 * @param version rises with each change, also over a deletion
 * @param byOperator whether a person has set it: then no declaration changes it any more
 * @param changedAt when it was changed last, by the database's clock
 * @param changedBy the person if the caller named one, else the database user
 */
public record StoredSettings(
        SettingsEntry entry, long version, boolean byOperator, Instant changedAt, String changedBy) {}
