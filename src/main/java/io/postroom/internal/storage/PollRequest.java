package io.postroom.internal.storage;

import org.jspecify.annotations.Nullable;

/**
 * What a poll asks for.
 *
 * @param workerId this process
 * @param queues ids of queues whose ten lanes share one low watermark
 * @param lowWatermark that low watermark: READY is looked at from there on
 * @param uneven ids of queues whose low watermarks are others
 * @param lowWatermarks theirs, ten a queue, by priority
 * @param tell ids of queues that are reported in any case
 * @param since the {@link PollSummary#horizon} up to which changes of queues are known; null: all queues are reported
 * @param look whether to look into the lanes; false: they are known to be empty
 */
public record PollRequest(
        int workerId,
        int[] queues,
        long lowWatermark,
        int[] uneven,
        long[] lowWatermarks,
        int[] tell,
        @Nullable String since,
        boolean look) {}
