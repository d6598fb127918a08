package io.postroom.internal.storage;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a poll says.
 *
 * @param queues one report per queue that still exists
 * @param stillEmpty nothing entered READY since the number the poll was asked to compare with, so the lanes were not looked at
 * @param nextDue how long until the next delayed message of whichever queue is due, zero when it is; null: nothing is delayed
 * @param serverStartedAt of the server that answered; null: none of the queues exists
 */
public record PollResult(
        List<QueueReport> queues,
        boolean stillEmpty,
        @Nullable Duration nextDue,
        @Nullable Instant serverStartedAt) {}
