-- purge: what RemoveQueueMessages does to days and to single messages. A day of finished messages is freed by TRUNCATE in milliseconds,
-- where deleting it writes each row once more.
-- A lock that others would wait behind is tried for 50 ms and no longer. All of it needs READ COMMITTED, so that what is decided after a
-- lock is decided on what was committed before it. Only a message with a terminal line of history older than the retention of its queue may
-- leave. That line can never be taken back (a finished message stays finished). A retention that is raised in between can make the message
-- needed again, so free_day looks at the retentions once more.
-- Whatever ends in a TRUNCATE sets row_security to off: rows hidden by a policy would be taken for rows that are not there. With off, such
-- a policy is an error instead.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

CREATE OR REPLACE FUNCTION postroom.last_rows_of(p_leaf text, p_rows int) RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    begins_after uuid;
BEGIN
    EXECUTE format('SELECT m.id FROM postroom.%I m ORDER BY m.id DESC OFFSET $1 LIMIT 1', p_leaf) INTO begins_after USING p_rows;
    RETURN begins_after;
END
$$;
COMMENT ON FUNCTION postroom.last_rows_of IS
    'Internal: the id behind which the last p_rows messages of a partition lie; null: it has no more than that.';

-- A message is still needed when one of these holds: it has no end yet; it ended later than the retention of its queue allows; it is in any
-- place besides; it has a deduplication key that was not removed before. One statement over all places decides on each message. The
-- messages are a range of ids, so that history is read along its index: looking each one up in all partitions of attempt took 20 us a
-- message. lasting counts the messages that will be needed for two more days at least. keyed counts those that are needed for their key
-- alone. looked 0: there are no more.
--
-- The plan is pinned. For a range of ids within one step of the statistics PostgreSQL expects one row, and nested loops over 2,000 times
-- 2,000 took 440 us a message instead of 6. The loops that are written as LATERAL are meant.
CREATE OR REPLACE FUNCTION postroom.purge_look(p_leaf text, p_after uuid, p_limit int)
RETURNS TABLE (looked int, last_looked uuid, kept uuid[], lasting int, keyed int,
               queue_ids int[], outcomes smallint[], messages bigint[], first_ids uuid[], last_ids uuid[])
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off SET jit = off SET row_security = off
AS $$
DECLARE
    low   uuid;
    high  uuid;
BEGIN
    EXECUTE format('SELECT id FROM postroom.%I WHERE id > $1 ORDER BY id LIMIT 1', p_leaf) INTO low USING p_after;
    EXECUTE format('SELECT id FROM (SELECT id FROM postroom.%I WHERE id > $1 ORDER BY id LIMIT $2) x ORDER BY id DESC LIMIT 1', p_leaf)
    INTO high USING p_after, p_limit;
    RETURN QUERY EXECUTE format($sql$
        WITH looked AS MATERIALIZED (
            SELECT m.id, m.queue_id, m.queue_ids, m.priority, m.seq
            FROM postroom.%I m
            WHERE m.id >= $1
              AND m.id <= $2
        ), ended AS MATERIALIZED (
            SELECT a.message_id, a.queue_id, a.outcome,
                   a.finished_at + coalesce(q.retention, interval '7 days') AS kept_until
            FROM looked l
            JOIN postroom.attempt a ON a.message_id = l.id
            LEFT JOIN postroom.queue q ON q.id = a.queue_id
            WHERE a.outcome <= 2
              AND a.message_id >= $1
              AND a.message_id <= $2
        ), live AS MATERIALIZED (
            SELECT l.id
            FROM looked l
            CROSS JOIN LATERAL (
                SELECT FROM postroom.ready r
                WHERE r.queue_id = ANY (coalesce(l.queue_ids, ARRAY[l.queue_id]))
                  AND r.priority = l.priority AND r.seq = l.seq AND r.message_id = l.id
                OFFSET 0) r
            UNION ALL
            SELECT r.message_id FROM postroom.ready r WHERE r.moved AND r.message_id >= $1 AND r.message_id <= $2
            UNION ALL
            SELECT d.message_id FROM postroom.delayed d WHERE d.message_id >= $1 AND d.message_id <= $2
            UNION ALL
            SELECT w.message_id FROM postroom.grouped w WHERE w.message_id >= $1 AND w.message_id <= $2
            UNION ALL
            SELECT d.message_id FROM postroom.dead_letter d WHERE d.message_id >= $1 AND d.message_id <= $2
            UNION ALL
            SELECT l.id
            FROM postroom.lease x
            CROSS JOIN LATERAL unnest(x.message_ids) WITH ORDINALITY u (message_id, place)
            JOIN looked l ON l.id = u.message_id
            WHERE substring(x.open FROM u.place::int FOR 1) = B'1'
        ), needed AS MATERIALIZED (
            SELECT n.id, bool_or(n.lasts) AS is_lasting, bool_and(n.is_key) AS is_keyed
            FROM (
                SELECT l.id, true AS lasts, false AS is_key
                FROM looked l
                WHERE NOT EXISTS (SELECT FROM ended e WHERE e.message_id = l.id)
                UNION ALL
                SELECT e.message_id, e.kept_until > statement_timestamp() + interval '2 days', false
                FROM ended e
                WHERE e.kept_until > statement_timestamp()
                UNION ALL
                SELECT v.id, true, false FROM live v WHERE v.id IN (SELECT l.id FROM looked l)
                UNION ALL
                SELECT d.message_id, false, true
                FROM postroom.dedup d
                WHERE d.message_id >= $1
                  AND d.message_id <= $2
                  AND d.message_id IN (SELECT l.id FROM looked l)) n
            GROUP BY n.id
        ), removable AS (
            SELECT e.queue_id, e.outcome, count(*) AS messages,
                   min(e.message_id::text COLLATE "C")::uuid AS first_id, max(e.message_id::text COLLATE "C")::uuid AS last_id
            FROM ended e
            WHERE e.message_id NOT IN (SELECT n.id FROM needed n)
            GROUP BY e.queue_id, e.outcome
        )
        SELECT (SELECT count(*)::int FROM looked),
               $2,
               ARRAY(SELECT n.id FROM needed n),
               (SELECT count(*)::int FROM needed n WHERE n.is_lasting),
               (SELECT count(*)::int FROM needed n WHERE n.is_keyed),
               array_agg(r.queue_id), array_agg(r.outcome), array_agg(r.messages), array_agg(r.first_id), array_agg(r.last_id)
        FROM removable r
        $sql$, p_leaf) USING low, high;
END
$$;
COMMENT ON FUNCTION postroom.purge_look IS
    'Internal: called by a job. Which of the next p_limit messages of a partition are still needed, and what the others were.';

-- The lock is given back at once. When it cannot be had, a dump is running or a transaction is open that has read here, and looking through
-- the whole day would be in vain. Runs in a transaction of its own: this lock takes a transaction id. The transaction that looks must have
-- none, or it would keep everything deleted meanwhile from being cleaned up.
CREATE OR REPLACE FUNCTION postroom.is_day_free(p_leaf text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
BEGIN
    BEGIN
        EXECUTE format('LOCK TABLE postroom.%I IN ACCESS EXCLUSIVE MODE', p_leaf);
        RAISE EXCEPTION USING ERRCODE = 'PR001';
    EXCEPTION
        WHEN SQLSTATE 'PR001' THEN RETURN true;
        WHEN lock_not_available OR deadlock_detected THEN RETURN false;
    END;
END
$$;
COMMENT ON FUNCTION postroom.is_day_free IS
    'Internal: called by a job. Whether the lock that TRUNCATE needs could be had now.';

-- Locks the partition (SHARE) until the end of the transaction; it can still be read.
CREATE OR REPLACE FUNCTION postroom.close_day(p_leaf text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
BEGIN
    PERFORM postroom.require_read_committed();
    BEGIN
        EXECUTE format('LOCK TABLE postroom.%I IN SHARE MODE', p_leaf);
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN RETURN NULL;
    END;
    RETURN (SELECT coalesce(jsonb_object_agg(q.id, q.retention), '{}') FROM postroom.queue q);
END
$$;
COMMENT ON FUNCTION postroom.close_day IS
    'Internal: called by a job. First step of freeing a partition: nothing is written into it any more. Answers the retention of each queue,
for free_day. null: try again later.';

-- Last step, in the transaction of close_day and after purge_look went through the whole partition: TRUNCATE, put back the needed messages,
-- write the ledger. Readers wait from here to the commit.
CREATE OR REPLACE FUNCTION postroom.free_day(
    p_leaf text, p_retentions jsonb, p_kept uuid[],
    p_queues int[], p_outcomes smallint[], p_messages bigint[], p_first_ids uuid[], p_last_ids uuid[])
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET row_security = off
AS $$
DECLARE
    kept  postroom.message[];
    bytes bigint;
BEGIN
    EXECUTE format('SELECT sum(coalesce(octet_length(m.body), octet_length(m.payload::text)))
                    FROM postroom.%I m
                    WHERE m.id = ANY ($1)', p_leaf)
    INTO bytes USING p_kept;
    IF bytes > 16 * 1024 * 1024 THEN
        RETURN 'heavy';
    END IF;
    EXECUTE format('SELECT array_agg(m::postroom.message) FROM postroom.%I m WHERE m.id = ANY ($1)', p_leaf) INTO kept USING p_kept;
    BEGIN
        EXECUTE format('LOCK TABLE postroom.%I IN ACCESS EXCLUSIVE MODE', p_leaf);
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN RETURN 'busy';
    END;
    IF EXISTS (
        SELECT
        FROM jsonb_each_text(p_retentions) g
        JOIN postroom.queue q ON q.id = g.key::int
        WHERE q.retention > g.value::interval) THEN
        RETURN 'busy';  -- decided on a retention that was raised meanwhile
    END IF;
    EXECUTE format('TRUNCATE postroom.%I', p_leaf);
    EXECUTE format('INSERT INTO postroom.%I SELECT * FROM unnest($1)', p_leaf) USING kept;
    INSERT INTO postroom.purge_ledger (queue_id, outcome, messages, first_id, last_id, how)
    SELECT l.queue_id, l.outcome, l.messages, l.first_id, l.last_id, 'truncate'
    FROM unnest(p_queues, p_outcomes, p_messages, p_first_ids, p_last_ids) l (queue_id, outcome, messages, first_id, last_id);
    RETURN 'freed';
END
$$;
COMMENT ON FUNCTION postroom.free_day IS
    'Internal: called by a job. Frees a partition of messages. ''freed'', or, with nothing done, ''busy'': the lock was not to be had or a
queue keeps its messages longer since close_day, or ''heavy'': what is to be put back has more than 16 MB.';

-- Goes on through a partition of attempt from the place of a row: the next p_limit terminal lines whose retention is over. Their messages
-- leave with their history and keys, in one statement. Three kinds stay. First: messages of a day that will be freed as a whole
-- (p_skip_from, p_skip_to), until their retention has been over for p_overdue. Second: messages in any place. Third: messages whose end in
-- another queue is to be kept. Lines of messages that left with their day leave, too. Locks the rows it deletes. last_looked null: this was
-- the last part.
--
-- Reads ranges of pages. ORDER BY ctid LIMIT over the rest of the partition would sort that rest for each batch. A range without a line to
-- remove is followed by one four times as long, so that a partition with nothing to remove is read in a few statements.
CREATE OR REPLACE FUNCTION postroom.purge_batch(
    p_leaf text, p_after tid, p_limit int, p_skip_from uuid[], p_skip_to uuid[], p_overdue interval)
RETURNS TABLE (looked int, last_looked tid, removed int)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    pages       constant bigint := pg_relation_size(('postroom.' || quote_ident(p_leaf))::regclass) / current_setting('block_size')::int;
    first_page  constant bigint := (p_after::text::point)[0]::bigint;
    page        bigint := first_page;
    wide        bigint := 16;
    candidates  uuid[];
BEGIN
    PERFORM postroom.require_read_committed();
    last_looked := p_after;
    looked := 0;
    WHILE looked = 0 AND page < pages AND page < first_page + 8192 LOOP
        EXECUTE format($sql$
            SELECT count(*)::int, (array_agg(x.place ORDER BY x.place DESC))[1], array_agg(DISTINCT x.message_id)
            FROM (
                SELECT a.ctid AS place, a.message_id
                FROM postroom.%I a
                LEFT JOIN postroom.queue q ON q.id = a.queue_id
                WHERE a.ctid > $1
                  AND a.ctid < $2
                  AND a.outcome <= 2
                  AND a.finished_at + coalesce(q.retention, interval '7 days') <= statement_timestamp()
                  AND (a.finished_at + coalesce(q.retention, interval '7 days') <= statement_timestamp() - $6
                       OR NOT EXISTS (SELECT FROM unnest($4, $5) s (low, high) WHERE a.message_id >= s.low AND a.message_id < s.high))
                ORDER BY a.ctid
                LIMIT $3
            ) x
            $sql$, p_leaf)
        INTO looked, last_looked, candidates
        USING last_looked, format('(%s,0)', page + wide)::tid, p_limit, p_skip_from, p_skip_to, p_overdue;
        IF looked < p_limit THEN
            page := page + wide;
            last_looked := format('(%s,0)', page)::tid;
        END IF;
        wide := least(wide * 4, 4096);
    END LOOP;
    IF page >= pages THEN
        last_looked := NULL;
    END IF;
    IF looked = 0 THEN -- the usual answer, each minute for ten days: the statement below would take 8 ms for nothing
        removed := 0;
        RETURN NEXT;
        RETURN;
    END IF;

    WITH ended AS MATERIALIZED (
        SELECT a.message_id, a.queue_id, a.outcome, a.finished_at + coalesce(q.retention, interval '7 days') AS kept_until
        FROM postroom.attempt a
        LEFT JOIN postroom.queue q ON q.id = a.queue_id
        WHERE a.message_id = ANY (candidates)
          AND a.outcome <= 2
    ), removable AS MATERIALIZED (
        SELECT e.message_id
        FROM ended e
        WHERE e.message_id NOT IN (
            SELECT p.message_id
            FROM postroom.place p
            WHERE p.message_id = ANY (candidates)
              AND p.state NOT IN ('DONE', 'CANCELLED', 'EXPIRED'))
        GROUP BY e.message_id
        HAVING max(e.kept_until) <= statement_timestamp()
    ), free_keys AS MATERIALIZED ( -- an open transaction that looks at a key is not waited for: its message stays until a later turn
        SELECT d.ctid, d.message_id
        FROM postroom.dedup d
        WHERE d.message_id = ANY (ARRAY(SELECT r.message_id FROM removable r))
        FOR UPDATE SKIP LOCKED
    ), going AS MATERIALIZED (
        SELECT r.message_id
        FROM removable r
        WHERE NOT EXISTS (SELECT FROM postroom.dedup d
                          WHERE d.message_id = r.message_id AND d.ctid NOT IN (SELECT f.ctid FROM free_keys f))
    ), messages AS (
        DELETE FROM postroom.message m
        WHERE m.id = ANY (ARRAY(SELECT g.message_id FROM going g))
        RETURNING m.id
    ), history AS (
        DELETE FROM postroom.attempt a
        WHERE a.message_id = ANY (ARRAY(SELECT g.message_id FROM going g))
    ), keys AS (
        DELETE FROM postroom.dedup d
        WHERE d.ctid = ANY (ARRAY(SELECT f.ctid FROM free_keys f))
    ), ledger AS (
        INSERT INTO postroom.purge_ledger (queue_id, outcome, messages, first_id, last_id, how)
        SELECT e.queue_id, e.outcome, count(*), min(m.id::text COLLATE "C")::uuid, max(m.id::text COLLATE "C")::uuid, 'delete'
        FROM messages m
        JOIN ended e ON e.message_id = m.id
        GROUP BY e.queue_id, e.outcome
    )
    SELECT count(*)::int INTO removed FROM messages;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION postroom.purge_batch IS
    'Internal: called by a job. Removes a few finished messages whose retention is over.';

-- Finds the lines from the messages. Few messages are left where those of a day have gone, and asking for the message of each line took 8.5
-- us a line. null: more than p_most messages are stored between the lowest and the highest id that these lines name. Then history_look is
-- the way. One message that was delayed for a month stretches that range.
CREATE OR REPLACE FUNCTION postroom.history_kept(p_leaf text, p_most int, p_most_lines int) RETURNS tid[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_custom_plan SET jit = off SET row_security = off
AS $$
DECLARE
    low     uuid;
    high    uuid;
    stored  uuid[];
    kept    tid[];
BEGIN
    EXECUTE format('SELECT a.message_id FROM postroom.%I a ORDER BY a.message_id LIMIT 1', p_leaf) INTO low;
    EXECUTE format('SELECT a.message_id FROM postroom.%I a ORDER BY a.message_id DESC LIMIT 1', p_leaf) INTO high;
    SELECT array_agg(m.id) INTO stored
    FROM (SELECT x.id FROM postroom.message x WHERE x.id >= low AND x.id <= high LIMIT p_most + 1) m;
    IF cardinality(stored) <= p_most OR stored IS NULL THEN
        EXECUTE format('SELECT coalesce(array_agg(a.place), ''{}'')
                        FROM (SELECT x.ctid AS place FROM postroom.%I x WHERE x.message_id = ANY ($1) LIMIT $2) a', p_leaf)
        INTO kept USING stored, p_most_lines;
    END IF;
    RETURN kept;
END
$$;
COMMENT ON FUNCTION postroom.history_kept IS
    'Internal: called by a job. The places in a partition of attempt of the lines whose message is still stored, at most p_most_lines.';

-- Reads a range of pages, as purge_batch does.
CREATE OR REPLACE FUNCTION postroom.history_look(p_leaf text, p_after tid, p_limit int)
RETURNS TABLE (looked int, last_looked tid, kept tid[])
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off SET row_security = off
AS $$
DECLARE
    pages  constant bigint := pg_relation_size(('postroom.' || quote_ident(p_leaf))::regclass) / current_setting('block_size')::int;
    page   bigint := (p_after::text::point)[0]::bigint;
BEGIN
    looked := 0;
    WHILE looked = 0 AND page < pages LOOP
        EXECUTE format($sql$
            WITH looked AS MATERIALIZED (
                SELECT a.ctid AS place, a.message_id
                FROM postroom.%I a
                WHERE a.ctid > $1
                  AND a.ctid < $2
                ORDER BY a.ctid
                LIMIT $3
            )
            SELECT count(*)::int, (array_agg(l.place ORDER BY l.place DESC))[1],
                   ARRAY(SELECT k.place FROM looked k WHERE EXISTS (SELECT FROM postroom.message m WHERE m.id = k.message_id))
            FROM looked l
            $sql$, p_leaf)
        INTO looked, last_looked, kept
        USING p_after, format('(%s,0)', page + 64)::tid, p_limit;
        page := page + 64;
        p_after := format('(%s,0)', page)::tid;
    END LOOP;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION postroom.history_look IS
    'Internal: called by a job. Of the next lines of a partition of attempt, p_limit at most: the places of those whose message is still
stored. looked 0: there are no more.';

-- Works like free_day. Writes no ledger: its lines were written when the messages left, before this.
CREATE OR REPLACE FUNCTION postroom.free_history_day(p_leaf text, p_kept tid[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET row_security = off
AS $$
DECLARE
    kept postroom.attempt[];
BEGIN
    EXECUTE format('SELECT array_agg(a::postroom.attempt) FROM postroom.%I a WHERE a.ctid = ANY ($1)', p_leaf) INTO kept USING p_kept;
    BEGIN
        EXECUTE format('LOCK TABLE postroom.%I IN ACCESS EXCLUSIVE MODE', p_leaf);
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN RETURN false;
    END;
    EXECUTE format('TRUNCATE postroom.%I', p_leaf);
    EXECUTE format('INSERT INTO postroom.%I SELECT * FROM unnest($1)', p_leaf) USING kept;
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.free_history_day IS
    'Internal: called by a job. Frees a partition of attempt. false: the lock was not to be had.';

-- The content and the end of these messages left with a later day that was freed. Without an end purge_batch does not find them, and they
-- look like a message that was lost. Removes only lines older than the retention of their queue.
CREATE OR REPLACE FUNCTION postroom.remove_leftovers(p_leaf text, p_limit int) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed int;
BEGIN
    PERFORM postroom.require_read_committed();
    EXECUTE format($sql$
        DELETE FROM postroom.%I
        WHERE ctid = ANY (ARRAY(
            SELECT a.ctid
            FROM postroom.%I a
            LEFT JOIN postroom.queue q ON q.id = a.queue_id
            WHERE a.outcome > 2
              AND a.finished_at + coalesce(q.retention, interval '7 days') <= statement_timestamp()
              AND NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = a.message_id)
            LIMIT $1))
        $sql$, p_leaf, p_leaf) USING p_limit;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION postroom.remove_leftovers IS
    'Internal: called by a job. Removes up to p_limit lines from a day of history that is not freed as a whole; answers how many.';

-- Looks for emptiness AFTER it has the lock: the other order lost a committed message in a trial. The numbers of ready_seq go on, because a
-- cursor may stand above them.
CREATE OR REPLACE FUNCTION postroom.truncate_ready(p_bytes bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    PERFORM postroom.require_read_committed();
    IF pg_relation_size('postroom.ready') < p_bytes OR EXISTS (SELECT FROM postroom.ready) THEN
        RETURN false;
    END IF;
    BEGIN
        LOCK TABLE postroom.ready IN ACCESS EXCLUSIVE MODE NOWAIT;
    EXCEPTION
        WHEN lock_not_available THEN RETURN false;
    END;
    IF EXISTS (SELECT FROM postroom.ready) THEN
        RETURN false;
    END IF;
    TRUNCATE postroom.ready CONTINUE IDENTITY;
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.truncate_ready IS
    'Internal: called by a job. Frees ready when it is empty and at least p_bytes large.';
