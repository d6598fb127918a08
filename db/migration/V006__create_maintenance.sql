-- Why: what the jobs RemoveQueueMessages and MaintainPartitions do to whole days. A day of finished messages is freed by TRUNCATE in milliseconds where
-- deleting it writes each row once more; new days are made ahead of time, and nobody who enqueues waits for it.
-- Locks: SHARE on dedup while its index is built; else only new objects. Safe with older workers.
--
-- Rules for everything below: a lock that others would wait behind is tried for 50 ms and no longer; all of it needs READ COMMITTED, so that
-- what is decided after a lock is decided on what was committed before it; only what has a terminal line of history that is older than its
-- queue's retention may leave, and that can never be taken back (a finished message stays finished), so a decision holds until it is carried out.

-- For removing the keys of purged messages.
CREATE INDEX dedup_by_message ON postroom.dedup (message_id);

CREATE FUNCTION postroom.require_read_committed() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'maintenance needs READ COMMITTED: a snapshot older than its lock would not see what was committed in between'
            USING ERRCODE = '25001';
    END IF;
END
$$;

-- The partitions of message or attempt, oldest first, with the time they are for. message_old begins at -infinity, message_tail ends at infinity.
CREATE FUNCTION postroom.partitions(p_parent text)
RETURNS TABLE (name text, from_at timestamptz, to_at timestamptz, bytes bigint)
LANGUAGE sql STABLE ROWS 16
SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC'
AS $$
    SELECT p.relname::text,
           coalesce(CASE p_parent WHEN 'message' THEN postroom.instant_of(b.low::uuid) ELSE b.low::timestamptz END, '-infinity'),
           coalesce(CASE p_parent WHEN 'message' THEN postroom.instant_of(b.high::uuid) ELSE b.high::timestamptz END, 'infinity'),
           pg_relation_size(p.oid)
    FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT pg_get_expr(p.relpartbound, p.oid) AS text) t
    CROSS JOIN LATERAL (
        SELECT substring(t.text FROM 'FROM \(''([^'']+)''\)') AS low,
               substring(t.text FROM 'TO \(''([^'']+)''\)') AS high) b
    WHERE i.inhparent = ('postroom.' || quote_ident(p_parent))::regclass
    ORDER BY 2
$$;

-- The bound of a partition that begins or ends on a day, as a literal.
CREATE FUNCTION postroom.day_bound(p_parent text, p_day date) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
    SELECT quote_literal(CASE p_parent
        WHEN 'message' THEN postroom.lowest_id(p_day::timestamp AT TIME ZONE 'UTC')::text
        ELSE (p_day::timestamp AT TIME ZONE 'UTC')::text END)
$$;

------------------------------------------------------------------------------------------------------------------------ purge: a day of messages

-- Of the next p_limit messages of a partition: which are still needed, and what the others were. Needed is what has no end yet, ended later than
-- its queue's retention, is in any place beside that, or has a deduplication key that was not removed before. Each message is decided by this
-- one statement over all places. They are a range of ids, so that history is read along its index: looking each one up in all partitions of attempt took
-- 20 us a message. Of the needed, lasting will be so for two more days at least, and keyed are so for their key alone. looked 0:
-- there are no more. The plan is pinned: for a range of ids within one step of the statistics PostgreSQL expects one row, and nested loops over 2,000
-- times 2,000 took 440 us a message instead of 6; the loops that are written as LATERAL are meant.
CREATE FUNCTION postroom.purge_look(p_leaf text, p_after uuid, p_limit int)
RETURNS TABLE (looked int, last_looked uuid, kept uuid[], lasting int, keyed int,
               queue_ids int[], outcomes smallint[], messages bigint[], first_ids uuid[], last_ids uuid[])
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off SET jit = off
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
            SELECT m.id, m.queue_id, m.priority, m.seq
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
                WHERE r.queue_id = l.queue_id AND r.priority = l.priority AND r.seq = l.seq AND r.message_id = l.id
                OFFSET 0) r
            UNION ALL
            SELECT r.message_id FROM postroom.ready r WHERE r.moved AND r.message_id >= $1 AND r.message_id <= $2
            UNION ALL
            SELECT d.message_id FROM postroom.delayed d WHERE d.message_id >= $1 AND d.message_id <= $2
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

-- Where the last p_rows messages of a partition begin; null when it has no more than that.
CREATE FUNCTION postroom.last_rows_of(p_leaf text, p_rows int) RETURNS uuid
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

-- Whether the lock that TRUNCATE needs could be had now; it is given back at once. Otherwise a dump is running or a transaction is open that has read
-- here, and looking through the whole day would be in vain. In a transaction of its own: this lock takes a transaction id, and the one that looks must have
-- none, or it would keep everything deleted meanwhile from being cleaned up.
CREATE FUNCTION postroom.is_day_free(p_leaf text) RETURNS boolean
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

-- First step of freeing a partition: nothing is written into it any more, while it is still read. Locks it (SHARE) until the end of the
-- transaction. false: try again later.
CREATE FUNCTION postroom.close_day(p_leaf text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
BEGIN
    PERFORM postroom.require_read_committed();
    BEGIN
        EXECUTE format('LOCK TABLE postroom.%I IN SHARE MODE', p_leaf);
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN RETURN false;
    END;
    RETURN true;
END
$$;

-- Last step, in the transaction of close_day and after purge_look went through the whole partition: TRUNCATE, put back the needed, write the
-- ledger. Readers wait from here to the commit. Answers 'freed', or, with nothing done, 'busy': the lock was not to be had, or 'heavy': what is to be put
-- back has more than 16 MB and would take too long.
CREATE FUNCTION postroom.free_day(
    p_leaf text, p_kept uuid[], p_queues int[], p_outcomes smallint[], p_messages bigint[], p_first_ids uuid[], p_last_ids uuid[])
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
DECLARE
    kept  postroom.message[];
    bytes bigint;
BEGIN
    EXECUTE format('SELECT sum(coalesce(octet_length(m.body), octet_length(m.payload::text))) FROM postroom.%I m WHERE m.id = ANY ($1)', p_leaf)
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
    EXECUTE format('TRUNCATE postroom.%I', p_leaf);
    EXECUTE format('INSERT INTO postroom.%I SELECT * FROM unnest($1)', p_leaf) USING kept;
    INSERT INTO postroom.purge_ledger (queue_id, outcome, messages, first_id, last_id, how)
    SELECT l.queue_id, l.outcome, l.messages, l.first_id, l.last_id, 'truncate'
    FROM unnest(p_queues, p_outcomes, p_messages, p_first_ids, p_last_ids) l (queue_id, outcome, messages, first_id, last_id);
    RETURN 'freed';
END
$$;

-- Removes deduplication keys of messages between two ids that a purge would remove: the keys go first, so that none is left behind by a TRUNCATE.
-- Answers how many it looked at and where it ended.
CREATE FUNCTION postroom.purge_keys(p_after uuid, p_before uuid, p_limit int)
RETURNS TABLE (looked int, last_looked uuid)
LANGUAGE sql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    WITH looked AS MATERIALIZED (
        SELECT d.queue_id, d.key, d.message_id
        FROM postroom.dedup d
        WHERE d.message_id > p_after
          AND d.message_id < p_before
        ORDER BY d.message_id
        LIMIT p_limit
    ), removable AS (
        SELECT l.message_id
        FROM looked l
        JOIN postroom.attempt a ON a.message_id = l.message_id
        LEFT JOIN postroom.queue q ON q.id = a.queue_id
        WHERE a.outcome <= 2
        GROUP BY l.message_id
        HAVING max(a.finished_at + coalesce(q.retention, interval '7 days')) <= statement_timestamp()
    ), removed AS (
        DELETE FROM postroom.dedup d
        USING looked l
        WHERE d.queue_id = l.queue_id
          AND d.key = l.key
          AND d.message_id = l.message_id
          AND l.message_id IN (SELECT r.message_id FROM removable r)
    )
    SELECT count(*)::int, (SELECT l.message_id FROM looked l ORDER BY l.message_id DESC LIMIT 1) FROM looked
$$;

------------------------------------------------------------------------------------------------------------------------ purge: a few messages

-- Goes on through a partition of attempt from a row's place: the next p_limit terminal lines whose retention is over. Their messages leave with
-- their history and keys, in one statement, unless they are in a day that will be freed as a whole (p_skip_from, p_skip_to), live in any place, or
-- another queue's end of them is to be kept. Lines of messages that left with their day leave, too. Locks the rows it deletes.
CREATE FUNCTION postroom.purge_batch(p_leaf text, p_after tid, p_limit int, p_skip_from uuid[], p_skip_to uuid[])
RETURNS TABLE (looked int, last_looked tid, removed int)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    candidates uuid[];
BEGIN
    PERFORM postroom.require_read_committed();
    EXECUTE format($sql$
        SELECT count(*)::int, (array_agg(x.place ORDER BY x.place DESC))[1], array_agg(DISTINCT x.message_id)
        FROM (
            SELECT a.ctid AS place, a.message_id
            FROM postroom.%I a
            LEFT JOIN postroom.queue q ON q.id = a.queue_id
            WHERE a.ctid > $1
              AND a.outcome <= 2
              AND a.finished_at + coalesce(q.retention, interval '7 days') <= statement_timestamp()
              AND NOT EXISTS (SELECT FROM unnest($3, $4) s (low, high) WHERE a.message_id >= s.low AND a.message_id < s.high)
            ORDER BY a.ctid
            LIMIT $2
        ) x
        $sql$, p_leaf) INTO looked, last_looked, candidates USING p_after, p_limit, p_skip_from, p_skip_to;
    IF looked = 0 THEN -- the usual answer, each minute for ten days: what follows takes 8 ms for nothing
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
    ), messages AS (
        DELETE FROM postroom.message m
        WHERE m.id = ANY (ARRAY(SELECT r.message_id FROM removable r))
        RETURNING m.id
    ), history AS (
        DELETE FROM postroom.attempt a
        WHERE a.message_id = ANY (ARRAY(SELECT r.message_id FROM removable r))
    ), keys AS (
        DELETE FROM postroom.dedup d
        WHERE d.message_id = ANY (ARRAY(SELECT r.message_id FROM removable r))
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

------------------------------------------------------------------------------------------------------------------------ purge: a day of history

-- The places in a partition of attempt of those lines whose message is still stored, at most p_most_lines, found from the messages: few are left where a
-- day's have gone, and to ask for the message of each line took 8.5 us a line. null: more than p_most messages are stored between the lowest and the
-- highest these lines tell of (one that was delayed for a month stretches that), and history_look is the way.
CREATE FUNCTION postroom.history_kept(p_leaf text, p_most int, p_most_lines int) RETURNS tid[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_custom_plan SET jit = off
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

-- Of the next p_limit lines of history of a partition: the places of those whose message is still stored.
CREATE FUNCTION postroom.history_look(p_leaf text, p_after tid, p_limit int)
RETURNS TABLE (looked int, last_looked tid, kept tid[])
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH looked AS MATERIALIZED (
            SELECT a.ctid AS place, a.message_id
            FROM postroom.%I a
            WHERE a.ctid > $1
            ORDER BY a.ctid
            LIMIT $2
        )
        SELECT count(*)::int, (array_agg(l.place ORDER BY l.place DESC))[1],
               ARRAY(SELECT k.place FROM looked k WHERE EXISTS (SELECT FROM postroom.message m WHERE m.id = k.message_id))
        FROM looked l
        $sql$, p_leaf) USING p_after, p_limit;
END
$$;

-- Like free_day. No ledger: the lines of it were written when the messages left, before this.
CREATE FUNCTION postroom.free_history_day(p_leaf text, p_kept tid[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
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

-- Up to p_limit lines of a day of history that is not freed as a whole, of messages whose content and end left with a later day that was. They have no end
-- that purge_batch could be led by, and look like a message that was lost. Only such as are older than their queue's retention. Answers how many went.
CREATE FUNCTION postroom.remove_leftovers(p_leaf text, p_limit int) RETURNS int
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

------------------------------------------------------------------------------------------------------------------------ days ahead

-- The tail has rows only when no day was made for a week. Then it becomes a day of its own and must be known to end; this says where, without
-- blocking for the length of a scan: first a promise for new rows (locks the tail alone), then, in a transaction of its own, the look at the old
-- ones. Renewed daily, so that a promise never comes in the way of an insert. false: the tail is empty, or the promise stands.
CREATE FUNCTION postroom.bound_tail(p_parent text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET timezone = 'UTC'
AS $$
DECLARE
    tail      constant text := p_parent || '_tail';
    today     constant date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    key       constant text := CASE p_parent WHEN 'message' THEN 'id' ELSE 'finished_at' END;
    promised  date;
    highest   date := today;
    has_rows  boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM postroom.%I)', tail) INTO has_rows;
    IF NOT has_rows OR (SELECT p.from_at FROM postroom.partitions(p_parent) p WHERE p.name = tail) >= today + 3 THEN
        RETURN false;  -- nothing in it, or it need not move
    END IF;
    promised := postroom.promised_end(p_parent);
    IF promised >= today + 2 THEN
        RETURN false;
    END IF;
    IF p_parent = 'message' THEN
        -- An id may be ahead of now, by a client's clock.
        EXECUTE format('SELECT postroom.instant_of(id) FROM postroom.%I ORDER BY id DESC LIMIT 1', tail) INTO highest;
        IF highest > today + 30 THEN
            RAISE EXCEPTION '% has ids of %, made by a client whose clock is wrong: no further days can be made until those messages are gone', tail, highest
                USING ERRCODE = '55000';
        END IF;
    END IF;
    IF promised IS NOT NULL THEN
        EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT %I', tail, tail || '_ends');
    END IF;
    EXECUTE format('ALTER TABLE postroom.%I ADD CONSTRAINT %I CHECK (%I < %s) NOT VALID',
        tail, tail || '_ends', key, postroom.day_bound(p_parent, greatest(today, highest) + 3));
    EXECUTE format('COMMENT ON CONSTRAINT %I ON postroom.%I IS %L', tail || '_ends', tail, (greatest(today, highest) + 3)::text);
    RETURN true;
END
$$;

-- Where the tail is promised to end; null: nowhere.
CREATE FUNCTION postroom.promised_end(p_parent text) RETURNS date
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT obj_description(c.oid, 'pg_constraint')::date
    FROM pg_constraint c
    WHERE c.conrelid = ('postroom.' || quote_ident(p_parent || '_tail'))::regclass
      AND c.conname = p_parent || '_tail_ends'
$$;

CREATE FUNCTION postroom.validate_tail(p_parent text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
BEGIN
    IF postroom.promised_end(p_parent) IS NOT NULL THEN
        EXECUTE format('ALTER TABLE postroom.%I VALIDATE CONSTRAINT %I', p_parent || '_tail', p_parent || '_tail_ends');
    END IF;
END
$$;

-- Moves the tail when fewer than two days are made ahead: makes the next days and puts the tail behind them, in one transaction, so that there is always a
-- partition for a row. Everything is prepared first; then the table is locked as a whole for the few milliseconds that take it over (measured: see
-- io.postroom.postgres.PostgresMaintenance). A day is wider when most queues keep their messages longer than a week, so that there are
-- about 16 partitions in all. Answers how many were made; 0: enough are there. 55P03: the lock was not to be had, try again later.
CREATE FUNCTION postroom.move_tail(p_parent text) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET timezone = 'UTC'
AS $$
DECLARE
    tail      constant text := p_parent || '_tail';
    next_tail constant text := p_parent || '_next';
    today     constant date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    width     constant int := (
        SELECT greatest(1, ceil(extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY q.retention)) / 86400 / 8)::int)
        FROM postroom.queue q
        WHERE q.deleted_at IS NULL);
    low       date;
    starts    date[];
    ends      date[];
    has_rows  boolean;
BEGIN
    PERFORM postroom.require_read_committed();
    SELECT p.from_at INTO low FROM postroom.partitions(p_parent) p WHERE p.name = tail;
    IF low >= today + 3 THEN
        RETURN 0;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM postroom.%I)', tail) INTO has_rows;
    IF has_rows THEN
        starts := ARRAY[low];
        ends := ARRAY[postroom.promised_end(p_parent)];
        IF ends[1] IS NULL THEN
            RAISE EXCEPTION '% has rows and no promised end: bound_tail comes first', tail USING ERRCODE = '55000';
        END IF;
    ELSIF low < today THEN
        starts := ARRAY[low];  -- idle for long: one for all the time nothing came
        ends := ARRAY[today];
    END IF;
    WHILE coalesce(ends[cardinality(ends)], low) < greatest(today, low) + 7 LOOP
        starts := starts || coalesce(ends[cardinality(ends)], low);
        ends := ends || (starts[cardinality(starts)] + coalesce(width, 1));
    END LOOP;

    FOR i IN 1 + has_rows::int .. cardinality(starts) LOOP
        EXECUTE format('CREATE TABLE postroom.%I (LIKE postroom.%I INCLUDING ALL)', postroom.day_partition(p_parent, starts[i]), p_parent);
    END LOOP;
    IF has_rows THEN
        EXECUTE format('CREATE TABLE postroom.%I (LIKE postroom.%I INCLUDING ALL)', next_tail, p_parent);
    END IF;

    -- From here on, others wait.
    EXECUTE format('ALTER TABLE postroom.%I DETACH PARTITION postroom.%I', p_parent, tail);
    IF has_rows THEN
        EXECUTE format('ALTER TABLE postroom.%I RENAME TO %I', tail, postroom.day_partition(p_parent, low));
        EXECUTE format('ALTER TABLE postroom.%I RENAME TO %I', next_tail, tail);
    END IF;
    FOR i IN 1 .. cardinality(starts) LOOP
        EXECUTE format('ALTER TABLE postroom.%I ATTACH PARTITION postroom.%I FOR VALUES FROM (%s) TO (%s)',
            p_parent, postroom.day_partition(p_parent, starts[i]), postroom.day_bound(p_parent, starts[i]), postroom.day_bound(p_parent, ends[i]));
    END LOOP;
    EXECUTE format('ALTER TABLE postroom.%I ATTACH PARTITION postroom.%I FOR VALUES FROM (%s) TO (MAXVALUE)',
        p_parent, tail, postroom.day_bound(p_parent, ends[cardinality(ends)]));
    IF has_rows THEN
        EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT %I', postroom.day_partition(p_parent, low), tail || '_ends');
    END IF;
    RETURN cardinality(starts);
END
$$;

------------------------------------------------------------------------------------------------------------------------ days gone by

-- Up to where _old can take over the days after it: when there are more than p_most partitions, the oldest days that are past and hold no more than
-- p_rows each. Null: nothing to fold. Promises it (locks _old alone), to be validated in a transaction of its own.
CREATE FUNCTION postroom.bound_old(p_parent text, p_most int, p_rows int) RETURNS date
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET timezone = 'UTC'
AS $$
DECLARE
    old       constant text := p_parent || '_old';
    partition record;
    held      bigint;
    until     date;
    total     int;
BEGIN
    SELECT count(*) INTO total FROM postroom.partitions(p_parent);
    FOR partition IN SELECT * FROM postroom.partitions(p_parent) p WHERE isfinite(p.from_at) AND isfinite(p.to_at) LOOP
        EXIT WHEN total <= p_most OR partition.to_at > clock_timestamp() - interval '25 hours';
        EXECUTE format('SELECT count(*) FROM (SELECT FROM postroom.%I LIMIT $1) x', partition.name) INTO held USING p_rows + 1;
        EXIT WHEN held > p_rows;
        until := partition.to_at;
        total := total - 1;
    END LOOP;
    IF EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = ('postroom.' || quote_ident(old))::regclass AND c.conname = old || '_ends') THEN
        EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT %I', old, old || '_ends');  -- left by a run that came no further
    END IF;
    IF until IS NOT NULL THEN
        EXECUTE format('ALTER TABLE postroom.%I ADD CONSTRAINT %I CHECK (%I < %s) NOT VALID',
            old, old || '_ends', CASE p_parent WHEN 'message' THEN 'id' ELSE 'finished_at' END, postroom.day_bound(p_parent, until));
    END IF;
    RETURN until;
END
$$;

CREATE FUNCTION postroom.validate_old(p_parent text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
BEGIN
    EXECUTE format('ALTER TABLE postroom.%I VALIDATE CONSTRAINT %I', p_parent || '_old', p_parent || '_old_ends');
END
$$;

-- Lets _old reach to that day: what the days before it still hold moves there, and they are dropped. Locks the table as a whole for that time.
-- Answers how many days went.
CREATE FUNCTION postroom.fold_old(p_parent text, p_until date) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET timezone = 'UTC'
AS $$
DECLARE
    old    constant text := p_parent || '_old';
    gone   constant text[] := ARRAY(
        SELECT p.name FROM postroom.partitions(p_parent) p WHERE isfinite(p.from_at) AND p.to_at <= p_until::timestamp AT TIME ZONE 'UTC');
BEGIN
    PERFORM postroom.require_read_committed();
    IF cardinality(gone) = 0 THEN
        RETURN 0;
    END IF;
    EXECUTE format('ALTER TABLE postroom.%I DETACH PARTITION postroom.%I', p_parent, old);
    FOR i IN 1 .. cardinality(gone) LOOP
        EXECUTE format('ALTER TABLE postroom.%I DETACH PARTITION postroom.%I', p_parent, gone[i]);
        EXECUTE format('INSERT INTO postroom.%I SELECT * FROM postroom.%I', old, gone[i]);
        EXECUTE format('DROP TABLE postroom.%I', gone[i]);
    END LOOP;
    EXECUTE format('ALTER TABLE postroom.%I ATTACH PARTITION postroom.%I FOR VALUES FROM (MINVALUE) TO (%s)',
        p_parent, old, postroom.day_bound(p_parent, p_until));
    EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT IF EXISTS %I', old, old || '_ends');
    RETURN cardinality(gone);
END
$$;

------------------------------------------------------------------------------------------------------------------------ the small things

-- Frees ready when it is empty and at least p_bytes large. Looks for emptiness AFTER it has the lock: the other order lost a committed message in a
-- trial. The numbers of ready_seq go on: a cursor may stand above them.
CREATE FUNCTION postroom.truncate_ready(p_bytes bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
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

-- Forgets processes that ended more than p_after ago and that no lease and no line of history names any more, and their consumers in any case.
-- Reads all history: once a day. Answers how many processes went.
CREATE FUNCTION postroom.forget_workers(p_after interval) RETURNS int
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH ended AS MATERIALIZED (
        SELECT w.id
        FROM postroom.worker w
        WHERE least(w.stopped_at, w.beat_at) < statement_timestamp() - p_after
    ), consumers AS (
        DELETE FROM postroom.consumer c
        WHERE c.worker_id IN (SELECT e.id FROM ended e)
           OR NOT EXISTS (SELECT FROM postroom.worker w WHERE w.id = c.worker_id)
    ), gone AS (
        DELETE FROM postroom.worker w
        WHERE w.id IN (SELECT e.id FROM ended e)
          AND least(w.stopped_at, w.beat_at) < statement_timestamp() - p_after
          AND NOT EXISTS (SELECT FROM postroom.lease l WHERE l.worker_id = w.id)
          AND NOT EXISTS (SELECT FROM postroom.attempt a WHERE a.worker_id = w.id)
        RETURNING 1
    )
    SELECT count(*)::int FROM gone
$$;
