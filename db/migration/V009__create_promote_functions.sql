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
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id,
               CASE WHEN x.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(x.message_id) ELSE '' END
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

CREATE OR REPLACE FUNCTION postroom.passes_on(p_queue int) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM postroom.queue q WHERE q.id = p_queue AND q.dead_letter_exchange IS NOT NULL)
$$;
COMMENT ON FUNCTION postroom.passes_on IS
    'Internal: whether a queue has a dead letter exchange, through which expired messages go on.';

-- A message that expires in a queue with a dead letter exchange becomes a dead letter, which the trigger of dead_letter sends on.
-- Looks at up to p_limit messages behind (p_from, p_after) through message_by_expiry. The next look starts at the last of them. The id is
-- part of that place because all messages of a batch have one instant. Messages in progress are left alone. So is one that another
-- transaction has locked, such as an open one that leaves a message out for its sake: a job must not wait for people, and what it has
-- locked itself would wait with it. The next turns look back. The group of one that held it goes on by sweep_groups.
CREATE OR REPLACE FUNCTION postroom.expire(p_from timestamptz, p_after uuid, p_limit int)
RETURNS TABLE (looked int, expired int, last_expires_at timestamptz, last_id uuid)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    -- Most looks find nothing. They spare the plan of the statement below, which was a quarter of what a process's start cost the server.
    IF NOT EXISTS (SELECT
                   FROM postroom.message m
                   WHERE (m.expires_at, m.id) > (p_from, p_after)
                     AND m.expires_at <= statement_timestamp()) THEN
        looked := 0;
        expired := 0;
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    WITH overdue AS MATERIALIZED (
        SELECT m.id, m.queue_id, m.queue_ids, m.priority, m.seq, m.expires_at
        FROM postroom.message m
        WHERE (m.expires_at, m.id) > (p_from, p_after)
          AND m.expires_at <= statement_timestamp()
        ORDER BY m.expires_at, m.id
        LIMIT p_limit
    ), in_first_place AS MATERIALIZED (
        SELECT r.ctid
        FROM (SELECT o.id, o.priority, o.seq, e.queue_id
              FROM overdue o
              CROSS JOIN LATERAL unnest(coalesce(o.queue_ids, ARRAY[o.queue_id])) e (queue_id)) o
        JOIN postroom.ready r ON r.queue_id = o.queue_id AND r.priority = o.priority AND r.seq = o.seq AND r.message_id = o.id
        FOR UPDATE OF r SKIP LOCKED
    ), in_moved AS MATERIALIZED (
        SELECT r.ctid FROM overdue o JOIN postroom.ready r ON r.message_id = o.id AND r.moved FOR UPDATE OF r SKIP LOCKED
    ), in_delayed AS MATERIALIZED (
        SELECT d.ctid FROM overdue o JOIN postroom.delayed d ON d.message_id = o.id FOR UPDATE OF d SKIP LOCKED
    ), in_grouped AS MATERIALIZED (
        SELECT w.ctid FROM overdue o JOIN postroom.grouped w ON w.message_id = o.id FOR UPDATE OF w SKIP LOCKED
    ), out_of_ready AS (
        DELETE FROM postroom.ready r
        WHERE r.ctid = ANY (ARRAY(SELECT x.ctid FROM in_first_place x UNION ALL SELECT x.ctid FROM in_moved x))
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.message_id, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        WHERE d.ctid = ANY (ARRAY(SELECT x.ctid FROM in_delayed x))
        RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.message_id, d.deliveries
    ), behind AS (
        DELETE FROM postroom.grouped w
        WHERE w.ctid = ANY (ARRAY(SELECT x.ctid FROM in_grouped x))
        RETURNING w.queue_id, w.priority, w.failures, w.crashes, w.message_id, w.deliveries
    ), removed AS MATERIALIZED (
        SELECT x.*, postroom.passes_on(x.queue_id) AS passes_on
        FROM (SELECT * FROM out_of_ready UNION ALL SELECT * FROM put_off UNION ALL SELECT * FROM behind) x
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
        SELECT x.message_id, clock_timestamp(), clock_timestamp(), x.queue_id, x.deliveries, 2
        FROM removed x
        WHERE NOT x.passes_on
    ), dead AS (
        INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)
        SELECT x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id, 'expired'
        FROM removed x
        WHERE x.passes_on
        ON CONFLICT DO NOTHING
    )
    SELECT (SELECT count(*)::int FROM overdue), (SELECT count(*)::int FROM removed), l.expires_at, l.id
    FROM (SELECT 1) always
    LEFT JOIN (SELECT o.expires_at, o.id FROM overdue o ORDER BY o.expires_at DESC, o.id DESC LIMIT 1) l ON true;
END
$$;
COMMENT ON FUNCTION postroom.expire IS
    'Internal: called by a job. Waiting messages whose time to live ended become EXPIRED.';

-- The same for entries of messages in several queues: each queue has a time to live of its own. A row of entry_expiry stays until its entry
-- is finished. An entry may be on its way between two tables, in progress or dead when its time comes; it must not be handed out later. So
-- the next look starts behind the last row, and the job looks back from time to time.
CREATE OR REPLACE FUNCTION postroom.expire_entries(p_from timestamptz, p_after uuid, p_after_queue int, p_limit int)
RETURNS TABLE (looked int, expired int, last_expires_at timestamptz, last_id uuid, last_queue int)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
    IF NOT EXISTS (SELECT
                   FROM postroom.entry_expiry x
                   WHERE (x.expires_at, x.message_id, x.queue_id) > (p_from, p_after, p_after_queue)
                     AND x.expires_at <= statement_timestamp()) THEN
        looked := 0;
        expired := 0;
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    WITH overdue AS MATERIALIZED (
        SELECT x.ctid, x.expires_at, x.message_id, x.queue_id
        FROM postroom.entry_expiry x
        WHERE (x.expires_at, x.message_id, x.queue_id) > (p_from, p_after, p_after_queue)
          AND x.expires_at <= statement_timestamp()
        ORDER BY x.expires_at, x.message_id, x.queue_id
        LIMIT p_limit
    ), in_first_place AS MATERIALIZED (
        SELECT r.ctid
        FROM overdue o
        JOIN postroom.message m ON m.id = o.message_id
        JOIN postroom.ready r
          ON r.queue_id = o.queue_id AND r.priority = m.priority AND r.seq = m.seq AND r.message_id = o.message_id
        FOR UPDATE OF r SKIP LOCKED
    ), in_moved AS MATERIALIZED (
        SELECT r.ctid
        FROM overdue o
        JOIN postroom.ready r ON r.message_id = o.message_id AND r.queue_id = o.queue_id AND r.moved
        FOR UPDATE OF r SKIP LOCKED
    ), in_delayed AS MATERIALIZED (
        SELECT d.ctid
        FROM overdue o
        JOIN postroom.delayed d ON d.message_id = o.message_id AND d.queue_id = o.queue_id
        FOR UPDATE OF d SKIP LOCKED
    ), in_grouped AS MATERIALIZED (
        SELECT w.ctid
        FROM overdue o
        JOIN postroom.grouped w ON w.message_id = o.message_id AND w.queue_id = o.queue_id
        FOR UPDATE OF w SKIP LOCKED
    ), out_of_ready AS (
        DELETE FROM postroom.ready r
        WHERE r.ctid = ANY (ARRAY(SELECT x.ctid FROM in_first_place x UNION ALL SELECT x.ctid FROM in_moved x))
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.message_id, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        WHERE d.ctid = ANY (ARRAY(SELECT x.ctid FROM in_delayed x))
        RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.message_id, d.deliveries
    ), behind AS (
        DELETE FROM postroom.grouped w
        WHERE w.ctid = ANY (ARRAY(SELECT x.ctid FROM in_grouped x))
        RETURNING w.queue_id, w.priority, w.failures, w.crashes, w.message_id, w.deliveries
    ), removed AS MATERIALIZED (
        SELECT x.*, postroom.passes_on(x.queue_id) AS passes_on
        FROM (SELECT * FROM out_of_ready UNION ALL SELECT * FROM put_off UNION ALL SELECT * FROM behind) x
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
        SELECT x.message_id, clock_timestamp(), clock_timestamp(), x.queue_id, x.deliveries, 2
        FROM removed x
        WHERE NOT x.passes_on
    ), dead AS (
        INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)
        SELECT x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id, 'expired'
        FROM removed x
        WHERE x.passes_on
        ON CONFLICT DO NOTHING
    ), settled AS (
        DELETE FROM postroom.entry_expiry e
        USING overdue o
        WHERE e.message_id = o.message_id
          AND e.queue_id = o.queue_id
          AND (EXISTS (SELECT FROM removed x WHERE x.message_id = o.message_id AND x.queue_id = o.queue_id)
               OR EXISTS (SELECT FROM postroom.attempt a
                          WHERE a.message_id = o.message_id AND a.queue_id = o.queue_id AND a.outcome <= 2)
               OR NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = o.message_id))
    )
    SELECT (SELECT count(*)::int FROM overdue), (SELECT count(*)::int FROM removed), l.expires_at, l.message_id, l.queue_id
    FROM (SELECT 1) always
    LEFT JOIN (SELECT o.expires_at, o.message_id, o.queue_id
               FROM overdue o
               ORDER BY o.expires_at DESC, o.message_id DESC, o.queue_id DESC
               LIMIT 1) l ON true;
END
$$;
COMMENT ON FUNCTION postroom.expire_entries IS
    'Internal: called by a job. Waiting entries whose queue''s time to live ended become EXPIRED.';
