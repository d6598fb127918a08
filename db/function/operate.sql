-- operate: what people do to single messages, and what is left of deleted queues. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Waits for a claim in flight (milliseconds) and then finds nothing.
CREATE OR REPLACE FUNCTION postroom.take_waiting(p_message uuid, p_done int[])
RETURNS TABLE (queue_id int, priority smallint, failures smallint, crashes smallint, deliveries smallint)
LANGUAGE sql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
    WITH first_place AS (
        DELETE FROM postroom.ready r
        USING postroom.message m
        CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
        WHERE m.id = p_message
          AND r.queue_id = e.queue_id AND r.priority = m.priority AND r.seq = m.seq AND r.message_id = m.id
          AND r.queue_id <> ALL (p_done)
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.deliveries
    ), moved AS (
        DELETE FROM postroom.ready r
        WHERE r.message_id = p_message AND r.moved
          AND r.queue_id <> ALL (p_done)
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        WHERE d.message_id = p_message
          AND d.queue_id <> ALL (p_done)
        RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.deliveries
    ), behind AS (
        DELETE FROM postroom.grouped w
        WHERE w.message_id = p_message
          AND w.queue_id <> ALL (p_done)
        RETURNING w.queue_id, w.priority, w.failures, w.crashes, w.deliveries
    )
    SELECT * FROM first_place UNION ALL SELECT * FROM moved UNION ALL SELECT * FROM put_off UNION ALL SELECT * FROM behind
$$;
COMMENT ON FUNCTION postroom.take_waiting IS
    'Internal: removes the entries of one message from the places where they wait, whichever those are, but for the queues of p_done.
Answers what they were. Used by cancel and reschedule.';

CREATE OR REPLACE FUNCTION postroom.may_wait(p_message uuid, p_done int[]) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT
        FROM postroom.message m
        CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
        WHERE m.id = p_message
          AND e.queue_id <> ALL (p_done)
          AND NOT EXISTS (SELECT FROM postroom.place p
                          WHERE p.message_id = p_message
                            AND p.queue_id = e.queue_id
                            AND p.state NOT IN ('READY', 'DELAYED')))
$$;
COMMENT ON FUNCTION postroom.may_wait IS
    'Internal: whether an entry of a message, but for the queues of p_done, is neither held, dead nor finished.';

-- An entry on its way between two places is in neither of them for a snapshot. So cancel looks again in a new snapshot, until each entry
-- was taken, is held, dead or finished, or the message is unknown.
CREATE OR REPLACE FUNCTION postroom.cancel(p_message uuid, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    done   int[] := '{}';
    found  int[];
BEGIN
    PERFORM postroom.require_reason_if_given(cancel.reason, cancel.actor);
    FOR look IN 1 .. 50 LOOP
        WITH taken AS (
            SELECT * FROM postroom.take_waiting(p_message, done)
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
            SELECT p_message, clock_timestamp(), clock_timestamp(), t.queue_id, t.deliveries, 1 FROM taken t
        ), logged AS (
            INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, reason)
            SELECT coalesce(cancel.actor, session_user), 'cancel', t.queue_id, p_message, 1, 1, clock_timestamp(), cancel.reason
            FROM taken t
        )
        SELECT array_agg(t.queue_id) INTO found FROM taken t;
        done := done || found;
        EXIT WHEN NOT postroom.may_wait(p_message, done);
        PERFORM pg_sleep(0.002);
    END LOOP;
    IF cardinality(done) > 0 THEN
        PERFORM postroom.advance_after(done, array_fill(p_message, ARRAY[cardinality(done)]));
    END IF;
    RETURN cardinality(done);
END
$$;
COMMENT ON FUNCTION postroom.cancel IS
    'Cancels a waiting message, in the transaction of the caller: SELECT postroom.cancel(''...''),
SELECT postroom.cancel(''...'', reason => ''sent twice'', actor => ''ann''). Both go on record; neither is needed.
Answers how many entries became CANCELLED; 0: it is in progress, dead, finished or unknown.';

-- Takes the message out of each lease that holds it. The lease's row is locked first, and a completion locks it, too: one of the two finds
-- the bit cleared. So a result that comes later is refused like that of a lost lease. The row in cancelled_run tells the process. The
-- transaction of an ATOMIC handler holds that lock until its end: then this waits, and finds the message finished.
CREATE OR REPLACE FUNCTION postroom.cancel_running(p_message uuid, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held       postroom.lease;
    place      int;
    rest       bit varying;
    cancelled  int := 0;
BEGIN
    PERFORM postroom.require_reason_if_given(cancel_running.reason, cancel_running.actor);
    FOR held IN
        SELECT *
        FROM postroom.lease l
        WHERE p_message = ANY (l.message_ids)
          AND substring(l.open FROM array_position(l.message_ids, p_message) FOR 1) = B'1'
        ORDER BY l.id
        FOR UPDATE
    LOOP
        place := array_position(held.message_ids, p_message);
        rest := set_bit(held.open, place - 1, 0);
        IF bit_count(rest) = 0 THEN
            DELETE FROM postroom.lease l WHERE l.id = held.id;
        ELSE
            UPDATE postroom.lease l SET open = rest WHERE l.id = held.id;
        END IF;
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome)
        VALUES (p_message, held.claimed_at, clock_timestamp(), held.id, held.queue_id, held.worker_id,
                least(coalesce(held.deliveries[place], 0) + 1, 32767), 1);
        INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, note, reason)
        VALUES (coalesce(cancel_running.actor, session_user), 'cancel', held.queue_id, p_message, 1, 1, clock_timestamp(),
                'while it was in progress', cancel_running.reason);
        INSERT INTO postroom.cancelled_run (worker_id, message_id) VALUES (held.worker_id, p_message) ON CONFLICT DO NOTHING;
        PERFORM postroom.advance_after(ARRAY[held.queue_id], ARRAY[p_message]);
        cancelled := cancelled + 1;
    END LOOP;
    RETURN cancelled;
END
$$;
COMMENT ON FUNCTION postroom.cancel_running IS
    'Cancels a message that is in progress, in the transaction of the caller: SELECT postroom.cancel_running(''...'').
Its handler is interrupted within the poll interval, and its result is refused. Answers how many entries became CANCELLED; 0: none was in
progress.';

-- Searches as cancel does.
CREATE OR REPLACE FUNCTION postroom.reschedule(
    p_message uuid, p_due_at timestamptz, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    done   int[] := '{}';
    found  int[];
BEGIN
    PERFORM postroom.require_reason_if_given(reschedule.reason, reschedule.actor);
    IF p_due_at IS NULL OR NOT isfinite(p_due_at) OR p_due_at > statement_timestamp() + interval '400 days' THEN
        RAISE EXCEPTION 'at must be a time at most 400 days ahead, got "%"', coalesce(p_due_at::text, 'null')
            USING ERRCODE = '22023', COLUMN = 'at';
    END IF;
    FOR look IN 1 .. 50 LOOP
        WITH taken AS (
            SELECT * FROM postroom.take_waiting(p_message, done)
        ), put_off AS (
            INSERT INTO postroom.delayed (due_at, queue_id, priority, failures, crashes, deliveries, message_id, reason)
            SELECT greatest(p_due_at, clock_timestamp()), t.queue_id, t.priority, t.failures, t.crashes, t.deliveries, p_message, 'delay'
            FROM taken t
        ), logged AS (
            INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, note, reason)
            SELECT coalesce(reschedule.actor, session_user), 'reschedule', t.queue_id, p_message, 1, 1, clock_timestamp(),
                   'to ' || p_due_at, reschedule.reason
            FROM taken t
        )
        SELECT array_agg(t.queue_id) INTO found FROM taken t;
        done := done || found;
        EXIT WHEN NOT postroom.may_wait(p_message, done);
        PERFORM pg_sleep(0.002);
    END LOOP;
    RETURN cardinality(done);
END
$$;
COMMENT ON FUNCTION postroom.reschedule IS
    'Gives a waiting message another due time; one in the past means now:
SELECT postroom.reschedule(''...'', now() + interval ''1 hour'').
Answers how many entries were moved; 0: it is in progress, dead, finished or unknown.';

CREATE OR REPLACE FUNCTION postroom.redrive(p_message uuid, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved int;
BEGIN
    PERFORM postroom.require_reason_if_given(redrive.reason, redrive.actor);
    WITH removed AS (
        DELETE FROM postroom.dead_letter d
        WHERE d.message_id = p_message
        RETURNING d.queue_id, d.priority, d.deliveries, d.message_id
    ), back AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.deliveries, x.message_id,
               CASE WHEN x.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(x.message_id) ELSE '' END
        FROM removed x
        RETURNING r.queue_id
    ), logged AS (
        INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, reason)
        SELECT coalesce(redrive.actor, session_user), 'redrive', b.queue_id, p_message, 1, 1, clock_timestamp(), redrive.reason
        FROM back b
    )
    SELECT count(*)::int INTO moved FROM back;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION postroom.redrive IS
    'Puts a dead letter back into its queue, its failures and crashes forgotten: SELECT postroom.redrive(''...'').
Answers how many were moved; 0: it is not dead.';

-- Cancels up to p_limit messages of ready and grouped and, if asked, of delayed. A delete empties its queue only once. An open
-- transaction, a process that knew the name, a retry or a rescue may bring something later. Locks ready through ready_pk with SKIP LOCKED.
-- Reads delayed whole, so that part is for queues deleted in the last day; what is delayed for longer is found in ready. A queue that came
-- back meanwhile is left alone: the snapshot that shows a message of its new life shows that it is back, too.
CREATE OR REPLACE FUNCTION postroom.cancel_deleted(p_older_than interval, p_limit int, p_delayed boolean) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    gone       int[] := ARRAY(SELECT q.id FROM postroom.queue q WHERE q.deleted_at < statement_timestamp() - p_older_than);
    lately     int[] := ARRAY(SELECT q.id FROM postroom.queue q
                              WHERE q.deleted_at < statement_timestamp() - p_older_than
                                AND q.deleted_at > statement_timestamp() - interval '1 day');
    done       int;
    cancelled  int := 0;
BEGIN
    FOR n IN 1 .. cardinality(gone) LOOP
        WITH candidates AS MATERIALIZED (
            SELECT r.ctid, r.message_id, r.deliveries
            FROM postroom.ready r
            WHERE r.queue_id = gone[n]
              AND EXISTS (SELECT FROM postroom.queue q WHERE q.id = gone[n] AND q.deleted_at IS NOT NULL)
            ORDER BY r.queue_id, r.priority, r.seq
            LIMIT p_limit - cancelled
            FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.ready WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
            RETURNING queue_id, message_id, deliveries
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT d.message_id, clock_timestamp(), clock_timestamp(), d.queue_id, d.deliveries, 1, 'queue_deleted' FROM removed d
        )
        SELECT count(*) INTO done FROM removed;
        cancelled := cancelled + done;
        EXIT WHEN cancelled >= p_limit;

        WITH candidates AS MATERIALIZED (
            SELECT w.ctid, w.message_id, w.deliveries
            FROM postroom.grouped w
            WHERE w.queue_id = gone[n]
              AND EXISTS (SELECT FROM postroom.queue q WHERE q.id = gone[n] AND q.deleted_at IS NOT NULL)
            ORDER BY w.queue_id, w.group_key, w.seq
            LIMIT p_limit - cancelled
            FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.grouped WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
            RETURNING queue_id, message_id, deliveries
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT d.message_id, clock_timestamp(), clock_timestamp(), d.queue_id, d.deliveries, 1, 'queue_deleted' FROM removed d
        )
        SELECT count(*) INTO done FROM removed;
        cancelled := cancelled + done;
        EXIT WHEN cancelled >= p_limit;
    END LOOP;
    IF p_delayed AND cancelled < p_limit AND cardinality(lately) > 0 THEN
        WITH candidates AS MATERIALIZED (
            SELECT d.ctid
            FROM postroom.delayed d
            WHERE d.queue_id = ANY (lately)
              AND EXISTS (SELECT FROM postroom.queue q WHERE q.id = d.queue_id AND q.deleted_at IS NOT NULL)
            LIMIT p_limit - cancelled
            FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.delayed WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
            RETURNING queue_id, message_id, deliveries
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT d.message_id, clock_timestamp(), clock_timestamp(), d.queue_id, d.deliveries, 1, 'queue_deleted' FROM removed d
        )
        SELECT count(*) INTO done FROM removed;
        cancelled := cancelled + done;
    END IF;
    RETURN cancelled;
END
$$;
COMMENT ON FUNCTION postroom.cancel_deleted IS
    'Internal: called by a job. Messages that wait in deleted queues become CANCELLED.';

-- Counts the messages of queues, by name, at a cost that does not grow with the backlog: each count stops at p_most, with more than 10
-- queues at 10 * p_most divided by their number, and never below 1000. Of DELAYED only the p_most that are due first are looked at. A
-- function because its plan is pinned: with 3,000,000 READY messages in one queue it took 11 to 44 ms. The columns are those of the view
-- queue_stats. Of the live workers that call it the one that started first counts; a process without handlers is
-- no worker (0), and counts while no worker does. 0 rows: another one does. A
-- row without a queue: this one does, and there is no queue yet.
CREATE OR REPLACE FUNCTION postroom.published_stats(p_worker int, p_most_queues int, p_most int)
RETURNS TABLE (queue text, ready bigint, delayed bigint, in_progress bigint, dead bigint, paused boolean,
               oldest_ready_at timestamptz, consumers int, ready_more boolean, delayed_more boolean, dead_more boolean)
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET jit = off SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
    most int := greatest(1000, p_most::bigint * 10 / greatest(10, (SELECT count(*) FROM postroom.queue q WHERE q.deleted_at IS NULL)));
BEGIN
    UPDATE postroom.worker w SET publishes_stats = true WHERE w.id = p_worker AND NOT w.publishes_stats;
    IF EXISTS (
        SELECT
        FROM postroom.worker w
        WHERE (w.id < p_worker OR p_worker = 0)
          AND w.publishes_stats
          AND w.stopped_at IS NULL
          AND w.beat_at > statement_timestamp() - interval '1 minute') THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT x.queue_id, count(*) AS n
        FROM (SELECT d.queue_id FROM postroom.delayed d ORDER BY d.due_at LIMIT p_most) x
        GROUP BY x.queue_id
    ), leased AS MATERIALIZED (
        SELECT l.queue_id, sum(bit_count(l.open))::bigint AS n FROM postroom.lease l GROUP BY l.queue_id
    ), consuming AS MATERIALIZED (
        SELECT c.queue_id, count(*)::int AS n
        FROM postroom.consumer c
        JOIN postroom.worker w ON w.id = c.worker_id
        WHERE w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute'
        GROUP BY c.queue_id
    )
    SELECT q.name,
           least(r.n, most),
           coalesce(d.n, 0),
           coalesce(l.n, 0),
           least(x.n, most),
           q.paused_at IS NOT NULL,
           -- No join with message, which could become a hash of it.
           (SELECT min((SELECT m.created_at FROM postroom.message m WHERE m.id = h.message_id LIMIT 1))
            FROM generate_series(0, 9) lane (priority)
            CROSS JOIN LATERAL (
                SELECT r.message_id
                FROM postroom.ready r
                WHERE r.queue_id = q.id AND r.priority = lane.priority::smallint
                ORDER BY r.seq
                LIMIT 1) h),
           coalesce(c.n, 0),
           r.n > most,
           (SELECT count(*) > p_most FROM (SELECT FROM postroom.delayed y ORDER BY y.due_at LIMIT p_most + 1) y),
           x.n > most
    FROM (SELECT x.id, x.name, x.paused_at FROM postroom.queue x WHERE x.deleted_at IS NULL ORDER BY x.name LIMIT p_most_queues) q
    CROSS JOIN LATERAL (
        SELECT (SELECT count(*) FROM (SELECT FROM postroom.ready y WHERE y.queue_id = q.id LIMIT most + 1) y)
               + (SELECT count(*) FROM (SELECT FROM postroom.grouped y WHERE y.queue_id = q.id LIMIT most + 1) y) AS n
        OFFSET 0) r
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM (SELECT FROM postroom.dead_letter y WHERE y.queue_id = q.id LIMIT most + 1) y OFFSET 0) x
    LEFT JOIN due d ON d.queue_id = q.id
    LEFT JOIN leased l ON l.queue_id = q.id
    LEFT JOIN consuming c ON c.queue_id = q.id
    ORDER BY q.name;
    IF NOT FOUND THEN
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.published_stats IS
    'Internal: called by a job. The messages of queues, counted up to a bound, for metrics.';
