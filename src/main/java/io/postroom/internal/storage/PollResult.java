package io.postroom.internal.storage;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a poll answers.
 *
 * @param queues one report a queue that still exists
 * @param stillEmpty whether nothing entered READY since the sample that the poll was given, so that the lanes were not looked at
 * @param nextDue how long until the next delayed message of any queue is due, zero when one is due now; null: nothing is delayed
 * @param answeredBy which state of the store answered; null: none of the queues exists
 */
public record PollResult(
        List<QueueReport> queues,
        boolean stillEmpty,
        @Nullable Duration nextDue,
        @Nullable StoreIdentity answeredBy) {}
