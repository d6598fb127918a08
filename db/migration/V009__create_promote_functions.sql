-- Why: delayed messages become due, and others expire. The text is that of db/function/promote.sql.
-- Locks: only new objects. Table size: safe at any.
-- Older workers: none exist.

-- promote: what happens to waiting messages when their time comes. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Goes through delayed_by_due_time with SKIP LOCKED, so that every node may run it. p_from is where the last look of the caller ended,
-- minus a margin: under an old snapshot the dead entries before it cannot be cleaned up. The DELETE gives the transaction its id before
-- nextval draws. One row per lane that got messages.
CREATE OR REPLACE FUNCTION postroom.promote(p_from timestamptz, p_limit int)
RETURNS TABLE (queue_id int, priority smallint, lowest_seq bigint, messages int, last_due_at timestamptz)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT d.ctid
        FROM postroom.delayed d
        WHERE d.due_at >= p_from
          AND d.due_at <= statement_timestamp()
        ORDER BY d.due_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM postroom.delayed d
        WHERE d.ctid = ANY (ARRAY(SELECT due.ctid FROM due))
        RETURNING d.due_at, d.queue_id, d.priority, d.failures, d.crashes, d.deliveries, d.message_id
    ), promoted AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id)
        SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id
        FROM removed x
        RETURNING r.queue_id, r.priority, r.seq
    )
    SELECT p.queue_id, p.priority, min(p.seq), count(*)::int, (SELECT max(x.due_at) FROM removed x)
    FROM promoted p
    GROUP BY p.queue_id, p.priority;
END
$$;
COMMENT ON FUNCTION postroom.promote IS
    'Internal: called by a job. Moves up to p_limit due messages from delayed to ready.';

-- Looks at up to p_limit messages behind (p_from, p_after) through message_by_expiry. The next look starts at the last of them. The id is
-- part of that place because all messages of a batch have one instant. Messages in progress are left alone.
CREATE OR REPLACE FUNCTION postroom.expire(p_from timestamptz, p_after uuid, p_limit int)
RETURNS TABLE (looked int, expired int, last_expires_at timestamptz, last_id uuid)
LANGUAGE sql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
    WITH overdue AS MATERIALIZED (
        SELECT m.id, m.queue_id, m.priority, m.seq, m.expires_at
        FROM postroom.message m
        WHERE (m.expires_at, m.id) > (p_from, p_after)
          AND m.expires_at <= statement_timestamp()
        ORDER BY m.expires_at, m.id
        LIMIT p_limit
    ), first_place AS (
        DELETE FROM postroom.ready r
        USING overdue o
        WHERE r.queue_id = o.queue_id AND r.priority = o.priority AND r.seq = o.seq AND r.message_id = o.id
        RETURNING r.queue_id, r.message_id, r.deliveries
    ), moved AS (
        DELETE FROM postroom.ready r
        USING overdue o
        WHERE r.message_id = o.id AND r.moved
        RETURNING r.queue_id, r.message_id, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        USING overdue o
        WHERE d.message_id = o.id
        RETURNING d.queue_id, d.message_id, d.deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
        SELECT x.message_id, clock_timestamp(), clock_timestamp(), x.queue_id, x.deliveries, 2
        FROM (SELECT * FROM first_place UNION ALL SELECT * FROM moved UNION ALL SELECT * FROM put_off) x
        RETURNING 1
    )
    SELECT (SELECT count(*)::int FROM overdue), (SELECT count(*)::int FROM history), l.expires_at, l.id
    FROM (SELECT 1) always
    LEFT JOIN (SELECT o.expires_at, o.id FROM overdue o ORDER BY o.expires_at DESC, o.id DESC LIMIT 1) l ON true
$$;
COMMENT ON FUNCTION postroom.expire IS
    'Internal: called by a job. Waiting messages whose time to live ended become EXPIRED.';

-- The same for entries of messages in several queues: each queue has a time to live of its own. A row of entry_expiry leaves at its time,
-- whatever became of the entry. Entries in progress are left alone; claim looks at the row if one is released before it has left.
CREATE OR REPLACE FUNCTION postroom.expire_entries(p_limit int) RETURNS TABLE (looked int, expired int)
LANGUAGE sql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
    WITH overdue AS MATERIALIZED (
        SELECT x.ctid, x.message_id, x.queue_id
        FROM postroom.entry_expiry x
        WHERE x.expires_at <= statement_timestamp()
          AND NOT EXISTS (SELECT FROM postroom.lease l
                          WHERE l.queue_id = x.queue_id
                            AND x.message_id = ANY (l.message_ids)
                            AND substring(l.open FROM array_position(l.message_ids, x.message_id) FOR 1) = B'1')
        ORDER BY x.expires_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ), noted AS (
        DELETE FROM postroom.entry_expiry x
        WHERE x.ctid = ANY (ARRAY(SELECT o.ctid FROM overdue o))
    ), in_ready AS (
        DELETE FROM postroom.ready r
        USING overdue o
        WHERE r.message_id = o.message_id AND r.queue_id = o.queue_id AND r.moved
        RETURNING r.queue_id, r.message_id, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        USING overdue o
        WHERE d.message_id = o.message_id AND d.queue_id = o.queue_id
        RETURNING d.queue_id, d.message_id, d.deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
        SELECT x.message_id, clock_timestamp(), clock_timestamp(), x.queue_id, x.deliveries, 2
        FROM (SELECT * FROM in_ready UNION ALL SELECT * FROM put_off) x
        RETURNING 1
    )
    SELECT (SELECT count(*)::int FROM overdue), (SELECT count(*)::int FROM history)
$$;
COMMENT ON FUNCTION postroom.expire_entries IS
    'Internal: called by a job. Waiting entries whose queue''s time to live ended become EXPIRED.';
