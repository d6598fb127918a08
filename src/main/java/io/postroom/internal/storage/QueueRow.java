package io.postroom.internal.storage;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A queue as it stands.
 *
 * @param id its number; the name counts where a restored server may have given the number again
 * @param timeToLive for messages without one of their own; null: they never expire
 * @param ordered whether the messages of a group run one after the other
 * @param limited whether it has a maximum length
 * @param hasLimiter whether it has a limiter or a destination
 * @param fair whether the groups of its messages take turns
 */
public record QueueRow(
        int id,
        String name,
        @Nullable Duration timeToLive,
        boolean paused,
        boolean ordered,
        boolean limited,
        boolean hasLimiter,
        boolean fair) {

    /** A queue that is not fair and has no limiter. */
    public QueueRow(
            int id, String name, @Nullable Duration timeToLive, boolean paused, boolean ordered, boolean limited) {
        this(id, name, timeToLive, paused, ordered, limited, false, false);
    }
}
