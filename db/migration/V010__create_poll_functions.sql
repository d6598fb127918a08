-- Why: workers find what no NOTIFY told them of. The text is that of db/function/poll.sql.
-- Locks: only new objects. Table size: safe at any.
-- Older workers: none exist.

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

-- The summary that each process that consumes asks for once a second: one row, however many queues it consumes.
--
-- queues: a digest over the row versions of postroom.queue. Each change of a row makes a new version, with another place (ctid) or writer
-- (xmin), also where the writer began long ago and commits late. Row locks change nothing. 10,000 queues take 3 ms.
-- horizon: every row version that this snapshot does not see has a writer with at least this id. It is of the same snapshot as queues.
-- settings: the same over postroom.settings. A process reads the entries anew only when it differs.
-- batches: whether any batch is not completed. Where none is, no process asks for them.
-- others: a digest over the other processes that are alive; null: there is none.
-- last_seq: the last seq drawn. next_due: the microseconds until something delayed is due, in whichever queue; null: nothing is delayed.
-- The search begins at p_due_from (see promote). cancelled: messages that this process held when they were cancelled (see cancel_running).
-- next_schedule: the microseconds until a schedule is due; null: none will be. Processes and SQL that declare one need not tell anybody.
-- active_consumers, max_lengths, operations: whether there are any. Without these columns the jobs for them would ask in each process, some
-- 20 times a minute. The ORDER BY keeps to the partial index, because the table grows. Each table read here stops polls while it is locked,
-- so what grows fast or is mended by hand, such as the ledger, is left out.
CREATE OR REPLACE FUNCTION postroom.poll_summary(p_worker int, p_due_from timestamptz)
RETURNS TABLE (queues bigint, horizon text, others bigint, last_seq bigint, next_due bigint, cancelled uuid[], settings bigint,
               batches boolean, next_schedule bigint, active_consumers boolean, max_lengths boolean, operations boolean)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT (SELECT coalesce(bit_xor(hashtidextended(q.ctid, q.xmin::text::bigint)), 0) FROM postroom.queue q),
           pg_snapshot_xmin(pg_current_snapshot())::text,
           (SELECT bit_xor(hashint4extended(w.id, 0))
            FROM postroom.worker w
            WHERE w.id <> p_worker AND w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute'),
           coalesce(pg_sequence_last_value('postroom.ready_seq'), 0),
           (SELECT (greatest(extract(epoch FROM d.due_at - clock_timestamp()), 0) * 1000000)::bigint
            FROM postroom.delayed d
            WHERE d.due_at >= p_due_from
            ORDER BY d.due_at
            LIMIT 1),
           ARRAY(SELECT c.message_id FROM postroom.cancelled_run c WHERE c.worker_id = p_worker),
           (SELECT coalesce(bit_xor(hashtidextended(s.ctid, s.xmin::text::bigint)), 0) FROM postroom.settings s),
           EXISTS (SELECT FROM postroom.batch_progress),
           (SELECT (greatest(extract(epoch FROM s.due_at - clock_timestamp()), 0) * 1000000)::bigint
            FROM postroom.schedule s
            WHERE s.due_at IS NOT NULL
            ORDER BY s.due_at
            LIMIT 1),
           EXISTS (SELECT FROM postroom.active_consumer),
           EXISTS (SELECT FROM postroom.queue q WHERE q.max_length IS NOT NULL AND q.deleted_at IS NULL),
           coalesce((SELECT true FROM postroom.operation o WHERE o.finished_at IS NULL ORDER BY o.created_at LIMIT 1), false);
END
$$;
COMMENT ON FUNCTION postroom.poll_summary IS
    'Internal: called by workers. Whether anything changed that a poll would report.';

-- Asks for all queues of a process in one statement. A row comes back for each queue that may be news: its row was changed or is gone (null
-- name), it is one of p_tell, or something waits in it. lowest is the lowest visible seq of each lane from its low watermark on (null:
-- nothing is there; suspects do not count); null where nothing is in any lane. Lanes are indexed by priority + 1.
--
-- p_queues: queues whose ten lanes share the low watermark p_watermark, which most do. One look finds out whether any lane holds something.
-- p_uneven: queues with ten low watermarks each, in p_watermarks. Their lanes are looked at one by one: from the least of the ten on, a
-- look would walk over the dead entries of the other lanes.
-- p_since: an earlier horizon of poll_summary, as xid. Rows of queues that were changed since then have a writer that is not older. null:
-- each queue is told.
-- p_look: whether to look into the lanes. A process that knows them to be empty need not.
-- deleted: not of a queue that moves to another home, whose deletion lies ahead: what is here is still worked off (see home).
-- stop_confirmed: null, the consumer of this process may go on; else it is told to stop, and whether it has answered (see consumers).
CREATE OR REPLACE FUNCTION postroom.poll(
    p_worker int, p_queues int[], p_watermark bigint, p_uneven int[], p_watermarks bigint[], p_tell int[], p_since xid, p_look boolean)
RETURNS TABLE (
    queue_id int, name text, paused boolean, deleted boolean, max_attempts int, retry_after text, settings_by text,
    suspects boolean, elsewhere boolean, lowest bigint[], ordered boolean, stop_confirmed boolean, has_limiter boolean, fair boolean)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    look_for_suspects boolean := p_look AND EXISTS (SELECT FROM postroom.ready r WHERE r.crashes > 0);
    others constant int[] := ARRAY(
        SELECT w.id
        FROM postroom.worker w
        WHERE w.id <> p_worker AND w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute');
BEGIN
    RETURN QUERY
    SELECT s.id, q.name, q.paused_at IS NOT NULL, coalesce(q.deleted_at < 'infinity', false), q.max_attempts, q.retry_after, q.settings_by,
           s.suspects,
           CASE WHEN cardinality(others) = 0 THEN false
                ELSE EXISTS (SELECT FROM postroom.consumer c WHERE c.queue_id = s.id AND c.worker_id = ANY (others))
           END,
           CASE WHEN s.waiting THEN
                ARRAY(SELECT (SELECT r.seq
                              FROM postroom.ready r
                              WHERE r.queue_id = s.id
                                AND r.priority = x.prio::smallint
                                AND r.seq >= coalesce(p_watermarks[(s.place - 1) * 10 + x.prio + 1], p_watermark)
                                AND r.crashes = 0
                              ORDER BY r.queue_id, r.priority, r.seq
                              LIMIT 1)
                      FROM generate_series(0, 9) x (prio))
           END,
           q.ordered,
           coalesce((SELECT c.stopped_at IS NOT NULL FROM postroom.consumer_stop c WHERE c.worker_id = p_worker AND c.queue_id = s.id),
                    CASE WHEN q.consumers_stopped_at IS NOT NULL THEN false END),
           q.has_limiter, q.fair
    FROM (SELECT w.id, w.place,
                 CASE WHEN NOT p_look THEN false
                      WHEN w.place IS NOT NULL THEN true
                      ELSE coalesce((SELECT true -- not EXISTS, which may become a hash of all that waits anywhere
                                     FROM postroom.ready r
                                     WHERE r.queue_id = w.id
                                       AND r.priority = ANY ('{0,1,2,3,4,5,6,7,8,9}'::smallint[])
                                       AND r.seq >= p_watermark
                                     LIMIT 1), false)
                 END AS waiting,
                 CASE WHEN NOT look_for_suspects THEN false
                      ELSE EXISTS (SELECT FROM generate_series(0, 9) x (prio)
                                   WHERE EXISTS (SELECT FROM postroom.ready r
                                                 WHERE r.queue_id = w.id AND r.priority = x.prio::smallint AND r.crashes > 0))
                 END AS suspects
          FROM (SELECT e.id, NULL::bigint AS place FROM unnest(p_queues) e (id)
                UNION ALL
                SELECT u.id, u.place FROM unnest(p_uneven) WITH ORDINALITY u (id, place)) w
          OFFSET 0) s
    LEFT JOIN postroom.queue q ON q.id = s.id
    WHERE s.waiting OR s.suspects OR q.id IS NULL OR p_since IS NULL
       OR age(q.xmin) <= age(p_since)
       OR s.id = ANY (p_tell);
END
$$;
COMMENT ON FUNCTION postroom.poll IS
    'Internal: called by workers. What waits in the lanes of many queues, and what operators changed.';
