package io.postroom.internal.storage;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Who declares queues, and how.
 *
 * @param owner the process that exclusive queues belong to, as it is registered; null: a process that is not registered, which owns none
 * @param strict whether settings that differ from those of the last declaration are refused
 */
public record Declarer(@Nullable UUID owner, boolean strict) {
    /** A process that owns no queue, and whose declarations win. */
    public static final Declarer ANYBODY = new Declarer(null, false);
}
