-- poll: where to look for READY messages, and up to which seq nothing can appear any more (the low watermark). All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Reads S, the last seq drawn, and then who may still write up to S. One way is an own transaction id: everybody who drew up to S holds a
-- lower one, because enqueue takes its id before it draws. pg_snapshot_xmax is no substitute: it is the latest COMPLETED id + 1. The other
-- way is the locks: who writes to ready now. Each statement has its own snapshot, in this order; needs READ COMMITTED.
CREATE OR REPLACE FUNCTION postroom.sample_watermark(p_by_locks boolean)
RETURNS TABLE (seq bigint, xid text, writers text[], server_started_at timestamptz)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    seq := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0); -- needs USAGE alone, as enqueuing does
    IF p_by_locks THEN
        SELECT coalesce(array_agg(l.virtualtransaction), '{}') INTO writers
        FROM pg_locks l
        WHERE l.relation = 'postroom.ready'::regclass
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.mode = 'RowExclusiveLock';
    ELSE
        xid := pg_current_xact_id()::text;
    END IF;
    server_started_at := pg_postmaster_start_time();
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION postroom.sample_watermark IS
    'Internal: called by workers. A sample for the low watermark: the seq up to which nothing can appear any more once the sample is
settled.';

-- Asks for all queues of a process in one statement. It answers what changed in their settings, and the lowest visible seq of each lane
-- from its low watermark on (null: nothing is there; suspects do not count). One row per queue. Lanes are indexed by priority + 1. next_due
-- is the same in all rows: the microseconds until something delayed is due, in whichever queue. The search begins at p_due_from (see
-- promote). null: nothing is delayed.
--
-- p_empty_at: all of these lanes were seen empty, on the server that was started at p_empty_on, when nobody could add anything up to that
-- seq any more. Whatever is put into ready draws a higher seq. While none was drawn there is nothing to look for, and lowest is null: 0.2
-- instead of 1.2 ms for 64 queues. Another server (a failover) may have lost the claims of what is empty here.
CREATE OR REPLACE FUNCTION postroom.poll(
    p_worker int, p_queues int[], p_watermarks bigint[], p_empty_at bigint, p_empty_on timestamptz, p_due_from timestamptz)
RETURNS TABLE (
    queue_id int, name text, paused boolean, deleted boolean, max_attempts int, retry_after text, settings_by text,
    suspects boolean, elsewhere boolean, lowest bigint[], next_due bigint)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    still_empty boolean := p_empty_at IS NOT NULL
                           AND pg_postmaster_start_time() = p_empty_on
                           AND p_empty_at = coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);
BEGIN
    RETURN QUERY
    SELECT q.id, q.name, q.paused_at IS NOT NULL, q.deleted_at IS NOT NULL, q.max_attempts, q.retry_after, q.settings_by,
           CASE WHEN still_empty THEN false
                ELSE EXISTS (SELECT FROM generate_series(0, 9) x (prio)
                             WHERE EXISTS (SELECT FROM postroom.ready r
                                           WHERE r.queue_id = q.id AND r.priority = x.prio::smallint AND r.crashes > 0))
           END,
           EXISTS (SELECT FROM postroom.consumer c
                   JOIN postroom.worker w ON w.id = c.worker_id
                   WHERE c.queue_id = q.id AND c.worker_id <> p_worker AND w.stopped_at IS NULL
                     AND w.beat_at > statement_timestamp() - interval '1 minute'),
           CASE WHEN NOT still_empty THEN
                ARRAY(SELECT (SELECT r.seq
                              FROM postroom.ready r
                              WHERE r.queue_id = q.id
                                AND r.priority = x.prio::smallint
                                AND r.seq >= p_watermarks[(w.place - 1) * 10 + x.prio + 1]
                                AND r.crashes = 0
                              ORDER BY r.queue_id, r.priority, r.seq
                              LIMIT 1)
                      FROM generate_series(0, 9) x (prio))
           END,
           (SELECT (greatest(extract(epoch FROM d.due_at - clock_timestamp()), 0) * 1000000)::bigint
            FROM postroom.delayed d
            WHERE d.due_at >= p_due_from
            ORDER BY d.due_at
            LIMIT 1)
    FROM unnest(p_queues) WITH ORDINALITY w (id, place)
    JOIN postroom.queue q ON q.id = w.id;
END
$$;
COMMENT ON FUNCTION postroom.poll IS
    'Internal: called by workers. What waits in the lanes of many queues, and what operators changed.';
