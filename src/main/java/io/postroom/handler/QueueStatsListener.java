package io.postroom.handler;

import io.postroom.api.QueueStats;
import java.util.List;

/**
 * Is given the counts of all queues every 15 s, for metrics. A count stops at 100,000, and 1,000 queues are counted, by name, so the cost
 * does not grow with the backlog. Called by a thread of the engine. What it throws is logged.
 */
@FunctionalInterface
public interface QueueStatsListener {
    /**
     * Takes notice of the counts. Of the processes that handle messages the one that started first counts, so that each count is published
     * once. Where another one took that over, both may count for up to a minute.
     *
     * @param queues by name; empty: another process counts
     */
    void onStats(List<QueueStats> queues);
}
