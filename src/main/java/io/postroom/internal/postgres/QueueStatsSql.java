package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Counts of the messages of queues. */
final class QueueStatsSql {
    private QueueStatsSql() {}

    static final Sql STATS = Sql.of("""
            -- name: stats
            SELECT s.queue, s.ready, s.delayed, s.in_progress, s.dead, s.paused, s.oldest_ready_at, s.consumers
            FROM postroom.queue_stats s
            WHERE :queue::text IS NULL
               OR s.queue = :queue
            ORDER BY s.queue
            """);

    /**
     * Counts as {@link #STATS} does, and stops at :most for each queue and place, so that it costs the same whatever the backlog is. Of
     * DELAYED it looks at the :mostDelayed messages due first. No row: a worker that started earlier is alive, and counts.
     */
    static final Sql PUBLISHED_STATS = Sql.of("""
            -- name: published_stats
            WITH due AS MATERIALIZED (
                SELECT x.queue_id, count(*) AS delayed
                FROM (SELECT d.queue_id FROM postroom.delayed d ORDER BY d.due_at LIMIT :mostDelayed) x
                GROUP BY x.queue_id
            ), leased AS MATERIALIZED (
                SELECT l.queue_id, sum(bit_count(l.open))::bigint AS in_progress FROM postroom.lease l GROUP BY l.queue_id
            ), consuming AS MATERIALIZED (
                SELECT c.queue_id, count(*)::int AS consumers
                FROM postroom.consumer c
                JOIN postroom.worker w ON w.id = c.worker_id
                WHERE w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute'
                GROUP BY c.queue_id
            )
            SELECT q.name,
                   (SELECT count(*) FROM (SELECT FROM postroom.ready r WHERE r.queue_id = q.id LIMIT :most) x),
                   coalesce(d.delayed, 0),
                   coalesce(l.in_progress, 0),
                   (SELECT count(*) FROM (SELECT FROM postroom.dead_letter x WHERE x.queue_id = q.id LIMIT :most) x),
                   q.paused_at IS NOT NULL,
                   h.oldest_ready_at,
                   coalesce(c.consumers, 0)
            FROM postroom.queue q
            CROSS JOIN LATERAL (
                SELECT min(m.created_at) AS oldest_ready_at
                FROM generate_series(0, 9) lane (priority)
                CROSS JOIN LATERAL (
                    SELECT r.message_id
                    FROM postroom.ready r
                    WHERE r.queue_id = q.id AND r.priority = lane.priority::smallint
                    ORDER BY r.seq
                    LIMIT 1) head
                JOIN postroom.message m ON m.id = head.message_id) h
            LEFT JOIN due d ON d.queue_id = q.id
            LEFT JOIN leased l ON l.queue_id = q.id
            LEFT JOIN consuming c ON c.queue_id = q.id
            WHERE q.deleted_at IS NULL
              AND NOT EXISTS (
                  SELECT
                  FROM postroom.worker w
                  WHERE w.id < :worker AND w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute')
            ORDER BY q.name
            LIMIT :mostQueues
            """);
}
