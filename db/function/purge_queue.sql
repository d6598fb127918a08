-- purge_queue: cancels what waits in a queue, as an operation on record. It is a row of operation, as a redrive of many is, and
-- step_operation carries it on: see operation.sql for the lock on its row, its rate, and a process that dies.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- A purged message is CANCELLED with the reason queue_purged. The steps, each with what it prevents:
--
--   1. The last number of ready_seq is kept when the purge begins. What comes later has a larger number and is left alone, so producers
--      do not keep the purge going. The number is read before the count, so a message may be counted that is not purged, never the other
--      way round.
--   2. READY is walked lane by lane behind a position, which is moved in the transaction of the step. A walk from the beginning would read
--      all rows again that it has removed, since an old snapshot keeps their index entries.
--   3. A message may get a new number, because it was delayed, in progress or behind its group. Such ones are known by the time of their
--      creation. They are looked for once the walk is over.
--   4. Rows are locked with SKIP LOCKED: claims, and transactions of users, hold up no purge. At the end the walk begins again as long as
--      a row with an old number is there: its transaction may have rolled back, or committed late. After five looks in vain, a second
--      apart, the purge ends and says so.
--   5. Groups of an ordered queue are handed on: a message that comes during the purge would wait behind a holder that is gone.

CREATE OR REPLACE FUNCTION postroom.waiting_messages(p_queue int, p_most int)
RETURNS TABLE (message_id uuid, place text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
    SELECT x.message_id, x.place
    FROM ((SELECT r.message_id, 'READY' AS place
           FROM postroom.ready r
           WHERE r.queue_id = p_queue
           ORDER BY r.queue_id, r.priority, r.seq
           LIMIT p_most)
          UNION ALL
          (SELECT w.message_id, 'READY' FROM postroom.grouped w WHERE w.queue_id = p_queue LIMIT p_most)
          UNION ALL
          (SELECT d.message_id, 'DELAYED' FROM postroom.delayed d WHERE d.queue_id = p_queue LIMIT p_most)) x
    LIMIT p_most
$$;
COMMENT ON FUNCTION postroom.waiting_messages IS
    'Internal: so many of the messages that wait in a queue, first those that are READY.';

CREATE OR REPLACE FUNCTION postroom.preview_purge(queue text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    most      constant int := 10000;
    of_queue  int;
    answer    jsonb;
BEGIN
    SELECT q.id INTO of_queue FROM postroom.queue q WHERE q.name = preview_purge.queue AND q.deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'one that exists', preview_purge.queue);
    END IF;
    WITH waiting AS MATERIALIZED (
        SELECT w.message_id, w.place FROM postroom.waiting_messages(of_queue, most + 1) w
    ), firsts AS (
        SELECT w.message_id, w.place, m.type, m.created_at
        FROM (SELECT * FROM waiting LIMIT 10) w
        LEFT JOIN postroom.message m ON m.id = w.message_id
    )
    SELECT jsonb_build_object(
        'count', least((SELECT count(*) FROM waiting), most),
        'more', (SELECT count(*) FROM waiting) > most,
        'first', coalesce((SELECT jsonb_agg(jsonb_build_object('id', f.message_id, 'state', f.place, 'type', f.type,
                                                               'createdAt', f.created_at))
                           FROM firsts f), '[]'))
    INTO answer;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION postroom.preview_purge IS
    'What a purge of a queue would cancel now, without changing anything: SELECT postroom.preview_purge(''mail'').
Answers how many messages wait (10,000 at most; more: there are others), and ten of them.';

CREATE OR REPLACE FUNCTION postroom.purge_queue(queue text, reason text, per_second int DEFAULT 1000, actor text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    most      constant int := 1000000;
    of_queue  int;
    last_seq  bigint;
    began     timestamptz;
    matched   bigint;
    started   postroom.operation;
BEGIN
    PERFORM postroom.require_reason(purge_queue.reason, purge_queue.actor);
    IF purge_queue.per_second IS NULL OR purge_queue.per_second NOT BETWEEN 1 AND 1000000 THEN
        PERFORM postroom.refuse('perSecond', '1 to 1000000', purge_queue.per_second::text);
    END IF;
    SELECT q.id INTO of_queue FROM postroom.queue q WHERE q.name = purge_queue.queue AND q.deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'one that exists', purge_queue.queue);
    END IF;
    began := clock_timestamp();
    last_seq := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);
    SELECT count(*) INTO matched FROM postroom.waiting_messages(of_queue, most);
    INSERT INTO postroom.operation (
        created_at, stepped_at, finished_at, planned, per_second, canary, canary_threshold, verb, state, actor, reason, note, filter,
        queue_ids, up_to)
    VALUES (
        began, began, CASE WHEN matched = 0 THEN began END, matched, purge_queue.per_second, 0, 0, 'purge',
        CASE WHEN matched = 0 THEN 'finished' ELSE 'running' END, coalesce(purge_queue.actor, session_user), purge_queue.reason,
        CASE WHEN matched = 0 THEN 'no message waited' WHEN matched = most THEN 'planned is what was counted; more wait' END,
        jsonb_build_object('queue', purge_queue.queue), ARRAY[of_queue], last_seq)
    RETURNING * INTO started;
    INSERT INTO postroom.operator_action (
        actor, action, queue_id, filter, per_second, planned, finished_at, note, reason, operation_id)
    VALUES (started.actor, 'purge', of_queue, started.filter, started.per_second, matched, clock_timestamp(), started.note,
            started.reason, started.id);
    RETURN started.id;
END
$$;
COMMENT ON FUNCTION postroom.purge_queue IS
    'Cancels what waits in a queue now, at a rate: SELECT postroom.purge_queue(''mail'', ''sent by another way'', per_second => 5000).
Answers the id of the operation; a process with workers carries it on: view operations. stop_operation stops it. What is in progress goes
on, and what is created later stays; a dead letter that is redriven meanwhile is purged, too. Purged messages are CANCELLED with the reason
queue_purged.';

-- What is cancelled is what was removed, not what was locked: a row that another transaction has changed in the meantime, as
-- tidy_group_limits does, is locked in its new version, which the DELETE of the same statement does not see. It is met again.
-- Rows of grouped and delayed have no index by their number; so these two are read whole where something waits in them.
CREATE OR REPLACE FUNCTION postroom.step_purge(p_operation postroom.operation, p_most int, p_now timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    o         postroom.operation := p_operation;
    of_queue  constant int := p_operation.queue_ids[1];
    ids       uuid[] := '{}';
    found     uuid[];
    behind    boolean;
BEGIN
    WITH candidates AS MATERIALIZED (
        SELECT w.ctid, w.message_id, w.deliveries
        FROM postroom.grouped w
        WHERE w.queue_id = of_queue
          AND (w.seq <= o.up_to OR (SELECT m.created_at FROM postroom.message m WHERE m.id = w.message_id) <= o.created_at)
        LIMIT p_most
        FOR UPDATE OF w SKIP LOCKED
    ), removed AS (
        DELETE FROM postroom.grouped WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c)) RETURNING message_id, deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT d.message_id, clock_timestamp(), clock_timestamp(), of_queue, d.deliveries, 1, 'queue_purged' FROM removed d
    )
    SELECT coalesce(array_agg(d.message_id), '{}') INTO ids FROM removed d;

    WITH candidates AS MATERIALIZED (
        SELECT r.ctid, r.priority, r.seq, r.message_id, r.deliveries
        FROM postroom.ready r
        WHERE r.queue_id = of_queue
          AND (r.priority, r.seq) > (o.position_priority, o.position_seq)
          AND r.seq <= o.up_to
        ORDER BY r.queue_id, r.priority, r.seq
        LIMIT p_most - cardinality(ids)
        FOR UPDATE OF r SKIP LOCKED
    ), removed AS (
        DELETE FROM postroom.ready WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c)) RETURNING message_id, deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT d.message_id, clock_timestamp(), clock_timestamp(), of_queue, d.deliveries, 1, 'queue_purged' FROM removed d
    )
    SELECT (SELECT coalesce(array_agg(d.message_id), '{}') FROM removed d),
           coalesce((array_agg(c.priority ORDER BY c.priority DESC, c.seq DESC))[1], o.position_priority),
           coalesce((array_agg(c.seq ORDER BY c.priority DESC, c.seq DESC))[1], o.position_seq)
    INTO found, o.position_priority, o.position_seq
    FROM candidates c;
    ids := ids || found;

    IF cardinality(ids) = 0 THEN
        WITH late AS MATERIALIZED (
            SELECT d.ctid, d.message_id, d.deliveries
            FROM postroom.delayed d
            WHERE d.queue_id = of_queue
              AND (SELECT m.created_at FROM postroom.message m WHERE m.id = d.message_id) <= o.created_at
            LIMIT p_most
            FOR UPDATE OF d SKIP LOCKED
        ), moved AS MATERIALIZED (
            SELECT r.ctid, r.message_id, r.deliveries
            FROM postroom.ready r
            WHERE r.queue_id = of_queue
              AND r.moved
              AND r.seq > o.up_to
              AND (SELECT m.created_at FROM postroom.message m WHERE m.id = r.message_id) <= o.created_at
            LIMIT p_most - (SELECT count(*) FROM late)
            FOR UPDATE OF r SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.delayed WHERE ctid = ANY (ARRAY(SELECT l.ctid FROM late l)) RETURNING message_id, deliveries
        ), taken AS (
            DELETE FROM postroom.ready WHERE ctid = ANY (ARRAY(SELECT m.ctid FROM moved m)) RETURNING message_id, deliveries
        ), cancelled AS (
            SELECT * FROM removed UNION ALL SELECT * FROM taken
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT b.message_id, clock_timestamp(), clock_timestamp(), of_queue, b.deliveries, 1, 'queue_purged' FROM cancelled b
        )
        SELECT coalesce(array_agg(b.message_id), '{}') INTO ids FROM cancelled b;
    END IF;

    IF cardinality(ids) > 0 THEN
        PERFORM postroom.advance_after(array_fill(of_queue, ARRAY[cardinality(ids)]), ids);
        o.looks_in_vain := 0;
    ELSE
        behind := EXISTS (SELECT FROM postroom.ready r WHERE r.queue_id = of_queue AND r.seq <= o.up_to)
               OR EXISTS (SELECT FROM postroom.grouped w WHERE w.queue_id = of_queue AND w.seq <= o.up_to);
        o.looks_in_vain := o.looks_in_vain + 1;
        o.position_priority := -1;
        o.position_seq := 0;
    END IF;
    o.processed := o.processed + cardinality(ids);
    UPDATE postroom.operation x
    SET stepped_at = p_now, allowed = o.allowed - cardinality(ids), processed = o.processed, looks_in_vain = o.looks_in_vain,
        position_priority = o.position_priority, position_seq = o.position_seq
    WHERE x.id = o.id;
    IF cardinality(ids) = 0 AND (NOT behind OR o.looks_in_vain >= 5) THEN
        PERFORM postroom.end_operation(o, 'finished',
            CASE WHEN behind THEN 'messages that open transactions hold were left' END);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.step_purge IS
    'Internal: called by step_operation. Cancels so many messages that wait in the queue of a purge.';
