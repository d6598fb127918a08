package io.postroom.internal.postgres.console;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * A part of a list.
 *
 * @param next where the next part begins; empty: nothing follows. Opaque to callers, without content of messages
 */
public record Slice<T>(List<T> rows, Optional<String> next) {
    /** Makes a part of at most so many rows; a full one is followed by the next, which begins behind the key of the last row. */
    public static <T> Slice<T> of(List<T> rows, int limit, Function<? super T, String> key) {
        return new Slice<>(
                rows, rows.size() < limit ? Optional.empty() : Optional.of(key.apply(rows.get(rows.size() - 1))));
    }
}
