-- Why: a look at the queues costs the same whether 1,000 or 10,000,000 messages wait. Counts stop, and say so.
-- Locks: the view exclusively, for a moment.
-- Table size: with 1,000,000 READY messages and 300,000 delayed ones in one of three queues a look took 0.13 s on two busy cores.
-- Older workers: survive; they read the columns that they know.

-- Each count of a queue stops at 100,000; with more than 10 queues at 1,000,000 divided by their number, and never below 1,000. The lanes
-- and the order of the rows let the planner use the indexes whatever its statistics say. delayed has no index by queue, so no more than
-- 100,000 messages of all queues are looked at, those due first.
CREATE OR REPLACE VIEW postroom.queue_stats AS
SELECT q.name AS queue,
       least(r.ready, b.most) AS ready,
       coalesce(d.delayed, 0) AS delayed,
       coalesce(l.in_progress, 0) AS in_progress,
       least(x.dead, b.most) AS dead,
       q.paused_at IS NOT NULL AS paused,
       h.oldest_ready_at,
       c.consumers,
       q.kind,
       w.name AS owner,
       q.max_length,
       q.overflow,
       q.single_active_consumer,
       aw.name AS active_consumer,
       q.expires_after,
       q.fair,
       r.ready > b.most AS ready_more,
       (SELECT count(*) > 100000 FROM (SELECT FROM postroom.delayed y ORDER BY y.due_at LIMIT 100001) y) AS delayed_more,
       x.dead > b.most AS dead_more,
       q.destination,
       EXISTS (SELECT
               FROM postroom.limiter y
               WHERE (y.queue_id = q.id OR y.destination = q.destination)
                 AND num_nonnulls(y.max_starts, y.max_in_progress, y.max_starts_per_group, y.max_in_progress_per_group) > 0) AS limited,
       (SELECT y.parked_until
        FROM postroom.limiter y
        WHERE y.destination = q.destination
          AND y.parked_until > statement_timestamp()) AS parked_until
FROM postroom.queue q
CROSS JOIN (
    SELECT greatest(1000, 1000000 / greatest(10, count(*))) AS most
    FROM postroom.queue y
    WHERE y.deleted_at IS NULL
    OFFSET 0) b
CROSS JOIN LATERAL (
    SELECT (SELECT count(*)
            FROM (SELECT FROM postroom.ready y WHERE y.queue_id = q.id ORDER BY y.queue_id, y.priority, y.seq LIMIT b.most + 1) y)
           + (SELECT count(*)
              FROM (SELECT FROM postroom.grouped y WHERE y.queue_id = q.id ORDER BY y.queue_id, y.group_key LIMIT b.most + 1) y)
           AS ready
    OFFSET 0) r -- so that it is counted once
CROSS JOIN LATERAL (
    SELECT count(*) AS dead
    FROM (SELECT FROM postroom.dead_letter y WHERE y.queue_id = q.id ORDER BY y.queue_id, y.dead_at LIMIT b.most + 1) y
    OFFSET 0) x
CROSS JOIN LATERAL (
    SELECT count(*)::int AS consumers
    FROM postroom.consumer c
    JOIN postroom.worker w ON w.id = c.worker_id
    WHERE c.queue_id = q.id
      AND w.stopped_at IS NULL
      AND w.beat_at > statement_timestamp() - interval '1 minute') c
CROSS JOIN LATERAL (
    SELECT min((SELECT m.created_at FROM postroom.message m WHERE m.id = head.message_id LIMIT 1)) AS oldest_ready_at
    FROM generate_series(0, 9) lane (priority)
    CROSS JOIN LATERAL (
        SELECT r.message_id
        FROM postroom.ready r
        WHERE r.queue_id = q.id AND r.priority = lane.priority::smallint
        ORDER BY r.seq
        LIMIT 1) head) h
LEFT JOIN (
    SELECT y.queue_id, count(*) AS delayed
    FROM (SELECT d.queue_id FROM postroom.delayed d ORDER BY d.due_at LIMIT 100000) y
    GROUP BY y.queue_id) d ON d.queue_id = q.id
LEFT JOIN (
    SELECT l.queue_id, sum(bit_count(l.open))::bigint AS in_progress FROM postroom.lease l GROUP BY l.queue_id) l ON l.queue_id = q.id
LEFT JOIN postroom.worker w ON w.instance = q.owner
LEFT JOIN postroom.active_consumer ac ON ac.queue_id = q.id
LEFT JOIN postroom.worker aw ON aw.id = ac.worker_id
WHERE q.deleted_at IS NULL;
COMMENT ON VIEW postroom.queue_stats IS
    'one row per queue: how much is in each place now; finished messages are not counted. Counts stop at 100,000, with more than 10 queues '
    'at 1,000,000 divided by their number, and never below 1,000; ready_more, delayed_more and dead_more say so';
COMMENT ON COLUMN postroom.queue_stats.ready_more IS 'whether ready is at least that many: the count stopped';
COMMENT ON COLUMN postroom.queue_stats.delayed_more IS
    'whether delayed is at least that many: of all queues together the 100,000 that are due first were counted';
COMMENT ON COLUMN postroom.queue_stats.dead_more IS 'whether dead is at least that many: the count stopped';
COMMENT ON COLUMN postroom.queue_stats.destination IS 'the external system that its messages go to; null: none is named';
COMMENT ON COLUMN postroom.queue_stats.limited IS 'whether the queue or its destination has a limit: SELECT * FROM postroom.limiters()';
COMMENT ON COLUMN postroom.queue_stats.parked_until IS 'until when its destination takes nothing; null: it is not parked';
