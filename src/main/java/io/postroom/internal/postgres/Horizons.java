package io.postroom.internal.postgres;

import org.jspecify.annotations.Nullable;

/** Horizons of changes, as statements take them. */
final class Horizons {
    private Horizons() {}

    /** The low 32 bits of a transaction id, as rows carry them; null: none. */
    static @Nullable String xid(@Nullable String horizon) {
        return horizon == null ? null : Long.toString(Long.parseLong(horizon) & 0xFFFF_FFFFL);
    }
}
