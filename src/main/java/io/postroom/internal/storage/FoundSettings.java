package io.postroom.internal.storage;

import io.postroom.api.StoredSettings;
import org.jspecify.annotations.Nullable;

/**
 * An entry as a worker finds it. One that this version cannot read must not keep the others from being used.
 *
 * @param stored null: it cannot be read
 * @param unreadable why, as the end of a sentence, without any of its values; null: it can be read
 */
public record FoundSettings(
        String name,
        @Nullable StoredSettings stored,
        @Nullable String unreadable) {}
