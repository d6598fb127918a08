package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Counts of the messages of queues. */
final class QueueStatsSql {
    private QueueStatsSql() {}

    /** Counts up to a bound: see the view. One row a queue. */
    static final Sql STATS = Sql.of("""
            -- name: stats
            SELECT s.queue, s.ready, s.delayed, s.in_progress, s.dead, s.paused, s.oldest_ready_at, s.consumers,
                   s.ready_more, s.delayed_more, s.dead_more
            FROM postroom.queue_stats s
            WHERE :queue::text IS NULL
               OR s.queue = :queue
            ORDER BY s.queue
            """);

    /** No row: another worker counts, or there is no queue. */
    static final Sql PUBLISHED_STATS = Sql.of("""
            -- name: published_stats
            SELECT s.queue, s.ready, s.delayed, s.in_progress, s.dead, s.paused, s.oldest_ready_at, s.consumers,
                   s.ready_more, s.delayed_more, s.dead_more
            FROM postroom.published_stats(:worker, :mostQueues, :most) s
            """);
}
