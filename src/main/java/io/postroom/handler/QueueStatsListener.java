package io.postroom.handler;

import io.postroom.api.DatabaseHealth;
import io.postroom.api.QueueStats;
import java.util.List;

/**
 * Receives the counts of all queues every 15 s, for metrics. The cost does not grow with the backlog: 1,000 queues are counted, by name,
 * and a count stops at 100,000. With more than 10 queues it stops at 1,000,000 divided by their number, and never below 1,000. DELAYED
 * messages are counted among the 100,000 of all queues that are due first. Called by a thread of the engine. What it throws is logged.
 */
@FunctionalInterface
public interface QueueStatsListener {
    /**
     * Receives the counts. Of the processes that handle messages and have such a listener, the one that started first counts, so that each
     * count is published once. Another one takes over a minute after its last heartbeat. A process without handlers counts while none of
     * them does.
     *
     * @param queues by name; empty: there is no queue, another process counts, or the database could not be asked
     */
    void onStats(List<QueueStats> queues);

    /**
     * Receives the counts, and whether this process has counted. An empty list alone does not say whether there is no queue yet. Calls
     * {@link #onStats(List)} by default, which is not called otherwise.
     *
     * @param queues as in {@link #onStats(List)}
     * @param counted false: another process counts, or the database could not be asked
     */
    default void onStats(List<QueueStats> queues, boolean counted) {
        onStats(queues);
    }

    /**
     * Receives who holds the database's horizon, after each {@link #onStats(List)}, the one that holds most first. Rows that were deleted
     * since stay in every table, and claims read past them.
     *
     * @param holders up to 50; empty: nobody holds it, another process looks, or the database could not be asked
     */
    default void onHorizon(List<DatabaseHealth.Holder> holders) {}

    /**
     * Returns the listener for one of several homes. The starter asks it of each listener that is a bean, for each home, and again where
     * the start of a home is repeated. By default that is this object, which then gets the lists of all homes in turn: override this where
     * the last list is kept.
     *
     * @param home its name
     */
    default QueueStatsListener ofHome(String home) {
        return this;
    }
}
