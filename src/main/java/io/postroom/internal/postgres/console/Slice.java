package io.postroom.internal.postgres.console;

import java.util.List;
import java.util.Optional;

/**
 * A part of a list.
 *
 * @param next where the next part begins; empty: nothing follows. Opaque to callers, without content of messages
 */
public record Slice<T>(List<T> rows, Optional<String> next) {}
