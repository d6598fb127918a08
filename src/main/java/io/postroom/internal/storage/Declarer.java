package io.postroom.internal.storage;

import io.postroom.api.Reason;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Who declares queues, and how.
 *
 * @param owner the process that exclusive queues belong to, as it is registered; null: a process that is not registered, which owns none
 * @param strict whether settings that differ from those of the last declaration are refused
 * @param reason of the change, for the record; null: the login of the database, without a reason
 */
public record Declarer(
        @Nullable UUID owner, boolean strict, @Nullable Reason reason) {
    /** A process that owns no queue, and whose declarations win. */
    public static final Declarer ANYBODY = new Declarer(null, false);

    public Declarer(@Nullable UUID owner, boolean strict) {
        this(owner, strict, null);
    }
}
