-- Why: people stop and start consumers of a queue over all processes. The text is that of db/function/consumers.sql.
-- Locks: only new objects. Table size: safe at any.
-- Older workers: none exist.

-- consumers: what people do to consumers, and what processes answer. A consumer is what one process consumes of one queue. All need
-- READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Tells consumers of a queue to stop: so many that run now, those with the latest heartbeats first, or all (null). Answers the number of
-- the order and how many were told by it.
--
-- The update makes a new version of the queue's row, so each process asks for the queue at its next poll. Its lock makes other orders for
-- the queue wait, and the INSERT, a later statement, sees whom those chose: two orders never choose the same consumer. An order for all
-- stays with the queue and concerns consumers that start later, too. An order whose number is on record already is not carried out again.
CREATE OR REPLACE FUNCTION postroom.order_consumer_stop(
    p_queue text, p_how_many int, p_id uuid DEFAULT NULL, p_actor text DEFAULT NULL, p_reason text DEFAULT NULL)
RETURNS TABLE (id uuid, consumers int)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    of_queue  int;
    new_id    constant uuid := coalesce(p_id, gen_random_uuid());
    told      int;
BEGIN
    PERFORM postroom.require_reason_if_given(p_reason, p_actor);
    IF p_how_many < 1 THEN
        PERFORM postroom.refuse('how_many', '1 or more, or null for all', p_how_many::text);
    END IF;
    UPDATE postroom.queue q
    SET consumers_stopped_at = CASE WHEN p_how_many IS NULL THEN coalesce(q.consumers_stopped_at, clock_timestamp())
                                    ELSE q.consumers_stopped_at END
    WHERE q.name = p_queue
      AND q.deleted_at IS NULL
    RETURNING q.id INTO of_queue;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'one that exists', p_queue);
    END IF;
    IF EXISTS (SELECT FROM postroom.operator_action o WHERE o.id = p_id) THEN
        RETURN QUERY SELECT p_id, 0;
        RETURN;
    END IF;
    INSERT INTO postroom.consumer_stop (worker_id, queue_id, order_id)
    SELECT w.id, of_queue, new_id
    FROM postroom.worker w
    WHERE w.stopped_at IS NULL
      AND w.beat_at > statement_timestamp() - interval '1 minute'
      AND EXISTS (SELECT FROM postroom.consumer c WHERE c.queue_id = of_queue AND c.worker_id = w.id)
      AND NOT EXISTS (SELECT FROM postroom.consumer_stop s WHERE s.queue_id = of_queue AND s.worker_id = w.id)
    ORDER BY w.beat_at DESC
    LIMIT p_how_many
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS told = ROW_COUNT;
    INSERT INTO postroom.operator_action (id, actor, action, queue_id, finished_at, note, reason)
    VALUES (new_id, coalesce(p_actor, session_user), 'stop_consumers', of_queue, clock_timestamp(),
            CASE WHEN p_how_many IS NULL THEN 'all, ' || told || ' of them now' ELSE told || ' of ' || p_how_many || ' asked for' END,
            p_reason);
    RETURN QUERY SELECT new_id, told;
END
$$;
COMMENT ON FUNCTION postroom.order_consumer_stop IS
    'Internal: tells consumers to stop. Used by stop_consumers, by kill signals and by Consumers in Java.';

CREATE OR REPLACE FUNCTION postroom.stop_consumers(
    queue text, how_many int DEFAULT NULL, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS int
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.consumers
    FROM postroom.order_consumer_stop(
        stop_consumers.queue, stop_consumers.how_many, NULL, stop_consumers.actor, stop_consumers.reason) o
$$;
COMMENT ON FUNCTION postroom.stop_consumers IS
    'Tells so many consumers of a queue to stop, or all, in the transaction of the caller: SELECT postroom.stop_consumers(''mail'', 2),
SELECT postroom.stop_consumers(''mail'').
Answers how many were running and were told. The view consumer_stops shows their receipts. All means: also those that start later, until
start_consumers.';

CREATE OR REPLACE FUNCTION postroom.start_consumers(queue text, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_queue  int;
    started   int;
BEGIN
    PERFORM postroom.require_reason_if_given(start_consumers.reason, start_consumers.actor);
    UPDATE postroom.queue q
    SET consumers_stopped_at = NULL
    WHERE q.name = start_consumers.queue
      AND q.deleted_at IS NULL
    RETURNING q.id INTO of_queue;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'one that exists', start_consumers.queue);
    END IF;
    WITH ended AS (
        DELETE FROM postroom.consumer_stop s
        WHERE s.queue_id = of_queue
        RETURNING s.worker_id
    )
    SELECT count(*) INTO started
    FROM ended e
    JOIN postroom.worker w ON w.id = e.worker_id
    WHERE w.stopped_at IS NULL
      AND w.beat_at > statement_timestamp() - interval '1 minute';
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, note, reason)
    VALUES (coalesce(start_consumers.actor, session_user), 'start_consumers', of_queue, clock_timestamp(),
            started || ' that had been told to stop', start_consumers.reason);
    RETURN started;
END
$$;
COMMENT ON FUNCTION postroom.start_consumers IS
    'Lets all consumers of a queue go on that were told to stop: SELECT postroom.start_consumers(''mail'').
Answers how many live ones that were. A queue that is paused stays paused.';

-- Notes that a consumer claims no more, and how many messages it holds. Answers whether it is told to stop, so that this was noted. A
-- consumer that started after an order for all has no row yet and gets one. The lock on the queue's row makes start_consumers wait, or sees
-- that it came first: a row written after its DELETE would keep the consumer stopped for ever.
CREATE OR REPLACE FUNCTION postroom.report_stopped(p_worker int, p_instance uuid, p_queue int, p_queue_name text, p_held int)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM postroom.worker w WHERE w.id = p_worker AND w.instance = p_instance;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE postroom.consumer_stop s
    SET stopped_at = coalesce(s.stopped_at, clock_timestamp()), held = p_held
    WHERE s.worker_id = p_worker
      AND s.queue_id = p_queue
      AND EXISTS (SELECT FROM postroom.queue q WHERE q.id = p_queue AND q.name = p_queue_name);
    IF FOUND THEN
        RETURN true;
    END IF;
    PERFORM FROM postroom.queue q
    WHERE q.id = p_queue
      AND q.name = p_queue_name
      AND q.consumers_stopped_at IS NOT NULL
    FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO postroom.consumer_stop (worker_id, queue_id, stopped_at, held)
    VALUES (p_worker, p_queue, clock_timestamp(), p_held)
    ON CONFLICT (worker_id, queue_id) DO UPDATE
    SET stopped_at = excluded.stopped_at, held = excluded.held;
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.report_stopped IS
    'Internal: called by workers. A consumer that was told to stop claims no more.';

-- The right to update postroom.queue is what a pause needs, too.
CREATE OR REPLACE FUNCTION postroom.may_operate(p_role text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((SELECT has_table_privilege(r.oid, 'postroom.queue', 'UPDATE') FROM pg_roles r WHERE r.rolname = p_role), false)
$$;
COMMENT ON FUNCTION postroom.may_operate IS
    'Internal: whether a role has the rights of an operator.';

CREATE OR REPLACE FUNCTION postroom.kill_signal(queue text, how_many int DEFAULT 1) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF how_many IS NULL OR how_many < 1 THEN
        PERFORM postroom.refuse('how_many', '1 or more', how_many::text);
    END IF;
    IF NOT postroom.may_operate(session_user) THEN
        RAISE EXCEPTION 'a kill signal needs UPDATE on postroom.queue, which role "%" lacks', session_user USING ERRCODE = '42501';
    END IF;
    RETURN (SELECT m.id
            FROM postroom.create_message(queue => kill_signal.queue, type => 'postroom.kill',
                                         payload => jsonb_build_object('howMany', how_many)) m);
END
$$;
COMMENT ON FUNCTION postroom.kill_signal IS
    'Sends a message that stops so many consumers of a queue, after all that is READY before it: SELECT postroom.kill_signal(''mail'', 2).
Answers its id.';

-- Carries out a kill signal that was claimed: done, wait (messages that came before it are READY), or refused with the reason. The order
-- has the number of the message, so that a message that runs twice stops no more consumers. A message without created_by was created in
-- Java, where the sender's settings decide. Its first seq counts, not that of its place after a wait.
CREATE OR REPLACE FUNCTION postroom.obey_kill_signal(p_message uuid, p_queue int, p_queue_name text)
RETURNS TABLE (answer text, reason text)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    first_seq  bigint;
    sender     text;
    how_many   text;
BEGIN
    SELECT m.seq, m.created_by, m.payload ->> 'howMany' INTO first_seq, sender, how_many FROM postroom.message m WHERE m.id = p_message;
    IF how_many IS NULL OR how_many !~ '^[1-9][0-9]{0,8}$' THEN
        RETURN QUERY SELECT 'refused', 'howMany must be 1 or more, got "' || coalesce(left(how_many, 80), 'null') || '"';
    ELSIF sender IS NOT NULL AND NOT postroom.may_operate(sender) THEN
        RETURN QUERY SELECT 'refused', 'a kill signal needs UPDATE on postroom.queue, which role "' || sender || '" lacks';
    ELSIF EXISTS (SELECT FROM generate_series(0, 9) x (prio)
                  WHERE EXISTS (SELECT FROM postroom.ready r
                                WHERE r.queue_id = p_queue AND r.priority = x.prio::smallint AND r.seq < first_seq))
          OR postroom.waits_in_group(p_queue, first_seq) THEN
        RETURN QUERY SELECT 'wait', 'messages that came before it are READY';
    ELSE
        PERFORM FROM postroom.order_consumer_stop(p_queue_name, how_many::int, p_message, sender);
        RETURN QUERY SELECT 'done', '';
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.obey_kill_signal IS
    'Internal: called by workers. Stops consumers because a kill signal was claimed.';
