package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Counts of the messages of queues. */
final class QueueStatsSql {
    private QueueStatsSql() {}

    /** Counts up to a bound: see the view. One row a queue. */
    static final Sql STATS = Sql.of("""
            -- name: stats
            SELECT s.queue, s.ready, s.delayed, s.in_progress, s.dead, s.paused, s.oldest_ready_at, s.consumers,
                   s.ready_more, s.delayed_more, s.dead_more,
                   s.destination, s.limited, s.parked_until
            FROM postroom.queue_stats s
            WHERE :queue::text IS NULL
               OR s.queue = :queue
            ORDER BY s.queue
            """);

    /** No row: another worker counts. One row without a queue: there is none. */
    static final Sql PUBLISHED_STATS = Sql.of("""
            -- name: published_stats
            SELECT s.queue, s.ready, s.delayed, s.in_progress, s.dead, s.paused, s.oldest_ready_at, s.consumers,
                   s.ready_more, s.delayed_more, s.dead_more,
                   q.destination,
                   EXISTS (SELECT
                           FROM postroom.limiter y
                           WHERE (y.queue_id = q.id OR y.destination = q.destination)
                             AND num_nonnulls(y.max_starts, y.max_in_progress, y.max_starts_per_group, y.max_in_progress_per_group) > 0),
                   (SELECT y.parked_until
                    FROM postroom.limiter y
                    WHERE y.destination = q.destination
                      AND y.parked_until > statement_timestamp())
            FROM postroom.published_stats(:worker, :mostQueues, :most) s
            LEFT JOIN postroom.queue q ON q.name = s.queue
            """);
}
