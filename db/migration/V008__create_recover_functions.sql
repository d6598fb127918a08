-- Why: messages of workers that died come back. The text is that of db/function/recover.sql.
-- Locks: only new objects. Table size: safe at any.
-- Older workers: none exist.

-- recover: out of the leases of workers that died, and out of leases that their worker does not know of. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- null as p_lease_time: null.
CREATE OR REPLACE FUNCTION postroom.has_just_started(p_lease_time interval) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_postmaster_start_time() BETWEEN statement_timestamp() - p_lease_time AND statement_timestamp()
$$;
COMMENT ON FUNCTION postroom.has_just_started IS
    'Internal: whether the server started within the last lease time, so that missing heartbeats say nothing.';

-- Takes leases whose worker is missing, has stopped, or has sent no heartbeat for p_lease_time. A message that may have started goes back
-- to ready with one more crash; at the crash limit of its queue it becomes a dead letter. The others go back as if released. Starts from
-- leases, not from dead workers: a claim in flight would leave an orphan. A worker that is only slow finds its lease gone when it
-- completes. After a restart of the server no worker has sent a heartbeat yet, so rescue waits one lease time. A dead letter that is there
-- already stays as it is, and malformed leases (written by hand) are given up, too. p_only: this lease alone, for when a batch failed. One
-- row per lane that got messages or lost them to the dead letters.
--
-- When the clock was set back, the server may have started later than it is now, and the last heartbeat of a dead worker may be to come.
-- Rescue would wait for both, for an hour or a year. So such a start does not count, and such a heartbeat counts as one of now: whoever
-- lives sends the next one within a lease time.
CREATE OR REPLACE FUNCTION postroom.rescue(p_lease_time interval, p_limit int, p_only bigint DEFAULT NULL)
RETURNS TABLE (queue_id int, priority smallint, lowest_seq bigint, messages int, buried int)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    IF postroom.has_just_started(p_lease_time) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM postroom.worker w WHERE w.stopped_at IS NULL AND w.beat_at > clock_timestamp()) THEN
        UPDATE postroom.worker w
        SET beat_at = clock_timestamp()
        WHERE w.id IN (SELECT x.id
                       FROM postroom.worker x
                       WHERE x.stopped_at IS NULL AND x.beat_at > clock_timestamp()
                       FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    RETURN QUERY
    WITH lost AS MATERIALIZED (
        SELECT l.id, l.claimed_at, l.worker_id, l.queue_id, l.priority, l.message_ids, l.open, l.failures, l.crashes, l.deliveries,
               l.started
        FROM postroom.lease l
        WHERE NOT EXISTS (
            SELECT FROM postroom.worker w
            WHERE w.id = l.worker_id
              AND w.stopped_at IS NULL
              AND w.beat_at > statement_timestamp() - p_lease_time)
          AND (p_only IS NULL OR l.id = p_only)
        ORDER BY l.id
        LIMIT p_limit
        FOR UPDATE OF l SKIP LOCKED
    ), held AS MATERIALIZED (
        SELECT l.id AS lease_id, l.claimed_at, l.worker_id, l.queue_id, l.priority, u.message_id,
               coalesce(u.failures, 0::smallint) AS failures,
               least(coalesce(u.crashes, 0::smallint) + s.started::int, 32767)::smallint AS crashes,
               least(coalesce(u.deliveries, 0::smallint) + 1, 32767)::smallint AS deliveries,
               s.started AS is_started,
               s.started AND coalesce(u.crashes, 0) + 1 >= coalesce(q.crash_limit, 3) AS is_spent
        FROM lost l
        CROSS JOIN LATERAL unnest(l.message_ids, l.failures, l.crashes, l.deliveries)
            WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)
        CROSS JOIN LATERAL (SELECT l.started IS NULL OR u.place <= l.started AS started) s
        LEFT JOIN postroom.queue q ON q.id = l.queue_id
        WHERE substring(l.open FROM u.place::int FOR 1) = B'1'
          AND u.message_id IS NOT NULL
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome, error)
        SELECT h.message_id, h.claimed_at, clock_timestamp(), h.lease_id, h.queue_id, h.worker_id, h.deliveries, 8,
               'the worker holding it stopped sending heartbeats'
        FROM held h
        WHERE h.is_started
    ), back AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), h.queue_id, h.priority, h.failures, h.crashes, h.deliveries, h.message_id,
               CASE WHEN h.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(h.message_id) ELSE '' END
        FROM held h
        WHERE NOT h.is_spent
        RETURNING r.queue_id, r.priority, r.seq
    ), dead AS (
        INSERT INTO postroom.dead_letter AS d
            (queue_id, priority, failures, crashes, deliveries, message_id, reason, error, fingerprint)
        SELECT h.queue_id, h.priority, h.failures, h.crashes, h.deliveries, h.message_id, 'crash_limit',
               'its worker died ' || h.crashes || ' times after it had started', 'crash_limit'
        FROM held h
        WHERE h.is_spent
        ON CONFLICT DO NOTHING
        RETURNING d.queue_id, d.priority
    ), dropped AS (
        DELETE FROM postroom.lease l USING lost WHERE l.id = lost.id
    )
    SELECT x.queue_id, x.priority, min(x.seq), count(x.seq)::int, count(*) FILTER (WHERE x.seq IS NULL)::int
    FROM (SELECT b.queue_id, b.priority, b.seq FROM back b
          UNION ALL SELECT d.queue_id, d.priority, NULL FROM dead d) x
    GROUP BY x.queue_id, x.priority;
END
$$;
COMMENT ON FUNCTION postroom.rescue IS
    'Internal: called by a job. Puts messages of dead workers back.';

-- Releases leases of p_worker older than p_older_than that are not in p_known: the answer of their claim was lost on the way. Only the
-- delivery is counted against their messages. Locks lease rows with SKIP LOCKED; a row lock gives the transaction its id before nextval
-- draws. With p_only it releases just the leases that hold one of these messages. One row per lane that got messages.
CREATE OR REPLACE FUNCTION postroom.release_unknown(p_worker int, p_known bigint[], p_older_than interval, p_only uuid[] DEFAULT NULL)
RETURNS TABLE (queue_id int, priority smallint, lowest_seq bigint, messages int)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH unknown AS MATERIALIZED (
        SELECT l.id, l.queue_id, l.priority, l.message_ids, l.open, l.failures, l.crashes, l.deliveries
        FROM postroom.lease l
        WHERE l.worker_id = p_worker
          AND l.id <> ALL (p_known)
          AND l.claimed_at < statement_timestamp() - p_older_than
          AND (p_only IS NULL OR l.message_ids && p_only)
        ORDER BY l.id
        FOR UPDATE SKIP LOCKED
    ), back AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), k.queue_id, k.priority, coalesce(u.failures, 0::smallint), coalesce(u.crashes, 0::smallint),
               least(coalesce(u.deliveries, 0::smallint) + 1, 32767)::smallint, u.message_id,
               CASE WHEN k.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(u.message_id) ELSE '' END
        FROM unknown k
        CROSS JOIN LATERAL unnest(k.message_ids, k.failures, k.crashes, k.deliveries)
            WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)
        WHERE substring(k.open FROM u.place::int FOR 1) = B'1'
        RETURNING r.queue_id, r.priority, r.seq
    ), dropped AS (
        DELETE FROM postroom.lease l USING unknown k WHERE l.id = k.id
    )
    SELECT b.queue_id, b.priority, min(b.seq), count(*)::int FROM back b GROUP BY b.queue_id, b.priority;
END
$$;
COMMENT ON FUNCTION postroom.release_unknown IS
    'Internal: called by workers. Puts messages back that this worker holds without knowing it.';
