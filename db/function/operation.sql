-- operation: what people do to dead letters: discard one, look at those that match a filter, redrive or discard all of them. All need READ
-- COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- A discarded dead letter is CANCELLED with the reason discarded: its row leaves dead_letter, and history gets its end. So counts, purge
-- and batches need no other state. A redrive deletes the same row; the lock on it decides, and the second finds nothing.
--
-- A redrive or discard of many is a row of operation. Any process takes its next step, each in one transaction. The steps:
--
--   1. The row is locked with SKIP LOCKED: one process at a time moves it on, the others take another one. A stop waits for this lock, so
--      after its answer nothing moves.
--   2. Dead letters are taken in the order of their keys, behind the position, and the position is moved in the same transaction. A
--      process that dies in between leaves both as they were. What becomes dead again is behind the position, and later than created_at,
--      so no operation redrives a letter twice.
--   3. Locks on dead letters are waited for, not skipped: a letter whose single redrive is rolled back would be passed over otherwise.
--      Locks are taken in the order of the keys, as those of discard are: two never wait for one another.
--   4. A letter that cannot be redriven, since its queue is deleted or full, stays and counts as failed; the position passes it.
--   5. The first ones of a redrive are the canary. The operation waits until each has ended or died again. It stops when more of them
--      than the threshold are dead.

CREATE OR REPLACE FUNCTION postroom.require_reason(p_reason text, p_actor text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_reason IS NULL OR btrim(p_reason) = '' THEN
        PERFORM postroom.refuse('reason', '1 to 200 characters', p_reason);
    END IF;
    PERFORM postroom.require_text('reason', p_reason);
    IF p_actor IS NOT NULL THEN
        PERFORM postroom.require_text('actor', p_actor);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_reason IS
    'Internal: refuses a missing or unfit reason, and an unfit name of a person.';

CREATE OR REPLACE FUNCTION postroom.require_reason_if_given(p_reason text, p_actor text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_reason IS NOT NULL THEN
        PERFORM postroom.require_reason(p_reason, p_actor);
    ELSIF p_actor IS NOT NULL THEN
        PERFORM postroom.require_text('actor', p_actor);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_reason_if_given IS
    'Internal: refuses an unfit reason and an unfit name of a person; both may be null.';

-- The rows are locked in the order of the key, as step_operation locks them.
CREATE OR REPLACE FUNCTION postroom.discard(message uuid, reason text, queue text DEFAULT NULL, actor text DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    only_queue  int;
    of_queues   int[];
BEGIN
    PERFORM postroom.require_reason(discard.reason, discard.actor);
    IF discard.message IS NULL THEN
        PERFORM postroom.refuse('message', 'given', NULL);
    END IF;
    IF discard.queue IS NOT NULL THEN
        SELECT q.id INTO only_queue FROM postroom.queue q WHERE q.name = discard.queue;
        IF NOT FOUND THEN
            PERFORM postroom.refuse('queue', 'one that exists', discard.queue);
        END IF;
    END IF;
    WITH chosen AS MATERIALIZED (
        SELECT d.message_id, d.queue_id
        FROM postroom.dead_letter d
        WHERE d.message_id = discard.message
          AND (only_queue IS NULL OR d.queue_id = only_queue)
        ORDER BY d.message_id, d.queue_id
        FOR UPDATE
    ), removed AS (
        DELETE FROM postroom.dead_letter d
        USING chosen c
        WHERE d.message_id = c.message_id
          AND d.queue_id = c.queue_id
        RETURNING d.queue_id, d.deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT discard.message, clock_timestamp(), clock_timestamp(), r.queue_id, r.deliveries, 1, 'discarded' FROM removed r
    ), logged AS (
        INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, reason)
        SELECT coalesce(discard.actor, session_user), 'discard', r.queue_id, discard.message, 1, 1, clock_timestamp(), discard.reason
        FROM removed r
    )
    SELECT coalesce(array_agg(r.queue_id), '{}') INTO of_queues FROM removed r;
    IF cardinality(of_queues) > 0 THEN
        PERFORM postroom.advance_after(of_queues, array_fill(discard.message, ARRAY[cardinality(of_queues)]));
    END IF;
    RETURN cardinality(of_queues);
END
$$;
COMMENT ON FUNCTION postroom.discard IS
    'Discards a dead letter, in the transaction of the caller: SELECT postroom.discard(''...'', ''the customer has left'').
It becomes CANCELLED with the reason discarded, in the queue that is named or in all in which it is dead. Answers in how many; 0: it is not
dead there.';

-- The members of a filter. A pattern has the words of a binding's: * is one word, # any number of words.
CREATE OR REPLACE FUNCTION postroom.require_dead_letter_filter(p_filter jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known   constant text[] := '{all,queue,reason,errorClass,fingerprint,type,correlationId,headers,deadFrom,deadTo,createdFrom,createdTo}';
    member  record;
    given   int := 0;
BEGIN
    IF p_filter IS NULL OR jsonb_typeof(p_filter) <> 'object' THEN
        PERFORM postroom.refuse('filter', 'a JSON object', p_filter::text);
    END IF;
    FOR member IN SELECT e.key, e.value FROM jsonb_each(p_filter) e LOOP
        IF member.key <> ALL (known) THEN
            PERFORM postroom.refuse('filter', 'an object with members of ' || array_to_string(known, ', '), member.key);
        ELSIF member.key = 'all' THEN
            IF member.value <> 'true' THEN
                PERFORM postroom.refuse('all', 'true, or left out', member.value::text);
            END IF;
        ELSIF member.key = 'headers' THEN
            PERFORM postroom.require_headers(member.value);
            IF member.value = '{}' THEN
                PERFORM postroom.refuse('headers', 'one header at least, or left out', '{}');
            END IF;
        ELSIF jsonb_typeof(member.value) <> 'string' THEN
            PERFORM postroom.refuse(member.key, 'a text', member.value::text);
        ELSIF member.key IN ('deadFrom', 'deadTo', 'createdFrom', 'createdTo') THEN
            PERFORM postroom.settings_instant(member.key, member.value #>> '{}');
        ELSIF member.key <> 'errorClass' THEN -- the classes of generated code may be long
            PERFORM postroom.require_text(member.key, member.value #>> '{}');
        END IF;
        given := given + 1;
    END LOOP;
    IF given = 0 THEN
        PERFORM postroom.refuse('filter', 'one condition at least, or {"all": true}', p_filter::text);
    ELSIF p_filter ? 'all' AND given > 1 THEN
        PERFORM postroom.refuse('filter', 'conditions, or "all" alone', p_filter::text);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_dead_letter_filter IS
    'Internal: refuses what is no filter of dead letters, and an empty one: who means all must say so.';

-- Deleted queues count, too: their dead letters stay, and somebody has to end them.
CREATE OR REPLACE FUNCTION postroom.filtered_queues(p_filter jsonb) RETURNS int[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted  constant text := p_filter ->> 'queue';
    found   int[];
BEGIN
    IF wanted IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(q.id) INTO found
    FROM postroom.queue q
    WHERE q.name = wanted
       OR wanted ~ '[*#]' AND postroom.topic_matches(wanted, q.name);
    IF found IS NULL THEN
        PERFORM postroom.refuse('queue', 'one that exists', wanted);
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION postroom.filtered_queues IS
    'Internal: the queues that a filter names; null: it names none.';

-- A function of its own, because the right to read headers is asked for when it runs: the role postroom_operator has none, and uses filters
-- without headers.
CREATE OR REPLACE FUNCTION postroom.message_has_headers(p_message uuid, p_headers jsonb) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM postroom.message m WHERE m.id = p_message AND m.headers @> p_headers)
$$;
COMMENT ON FUNCTION postroom.message_has_headers IS
    'Internal: whether a message has these headers with these values, and maybe others.';

CREATE OR REPLACE FUNCTION postroom.dead_message_matches(p_message_id uuid, p_filter jsonb) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (NOT p_filter ?| '{type,correlationId,createdFrom,createdTo}'
            OR EXISTS (SELECT
                       FROM postroom.message m
                       WHERE m.id = p_message_id
                         AND (p_filter ->> 'type' IS NULL OR m.type = p_filter ->> 'type')
                         AND (p_filter ->> 'correlationId' IS NULL OR m.correlation_id = p_filter ->> 'correlationId')
                         AND (p_filter ->> 'createdFrom' IS NULL OR m.created_at >= (p_filter ->> 'createdFrom')::timestamptz)
                         AND (p_filter ->> 'createdTo' IS NULL OR m.created_at < (p_filter ->> 'createdTo')::timestamptz)))
       AND (p_filter -> 'headers' IS NULL OR postroom.message_has_headers(p_message_id, p_filter -> 'headers'))
$$;
COMMENT ON FUNCTION postroom.dead_message_matches IS
    'Internal: whether the message of a dead letter meets the conditions of a filter that are about the message.';

-- Sets nothing and has no subquery, so that it is inlined: a call for each letter took six times as long.
CREATE OR REPLACE FUNCTION postroom.dead_letter_matches(p_letter postroom.dead_letter, p_filter jsonb) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT (p_filter ->> 'reason' IS NULL OR p_letter.reason = p_filter ->> 'reason')
       AND (p_filter ->> 'errorClass' IS NULL OR p_letter.error_class = p_filter ->> 'errorClass')
       AND (p_filter ->> 'deadFrom' IS NULL OR p_letter.dead_at >= (p_filter ->> 'deadFrom')::timestamptz)
       AND (p_filter ->> 'deadTo' IS NULL OR p_letter.dead_at < (p_filter ->> 'deadTo')::timestamptz)
       AND (NOT p_filter ?| '{type,correlationId,createdFrom,createdTo,headers}'
            OR postroom.dead_message_matches(p_letter.message_id, p_filter))
$$;
COMMENT ON FUNCTION postroom.dead_letter_matches IS
    'Internal: whether a dead letter meets the conditions of a filter, but for queue and fingerprint, which have indexes.';

-- Looks at 100,000 letters of the queue and fingerprint at most, and takes 10,000 that match. So the answer about millions comes as soon,
-- also for a filter that matches few of them.
CREATE OR REPLACE FUNCTION postroom.preview_dead_letters(filter jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_variable
DECLARE
    most    constant int := 10000;
    looks   constant int := 100000;
    queues  int[];
    print   constant text := filter ->> 'fingerprint';
    answer  jsonb;
BEGIN
    PERFORM postroom.require_dead_letter_filter(filter);
    queues := postroom.filtered_queues(filter);
    WITH matching AS MATERIALIZED (
        SELECT x.place, (x.letter).message_id, (x.letter).queue_id, (x.letter).dead_at, (x.letter).reason, (x.letter).error_class,
               (x.letter).fingerprint, left(split_part((x.letter).error, E'\n', 1), 200) AS error
        FROM (SELECT d AS letter, row_number() OVER () AS place
              FROM postroom.dead_letter d
              WHERE (queues IS NULL OR d.queue_id = ANY (queues))
                AND (print IS NULL OR d.fingerprint = print)
              LIMIT looks + 1) x
        WHERE x.place > looks -- says that there are others
           OR postroom.dead_letter_matches(x.letter, filter)
        LIMIT most + 1
    ), counted AS MATERIALIZED (
        SELECT m.* FROM matching m WHERE m.place <= looks LIMIT most
    ), firsts AS (
        SELECT o.*, q.name AS queue, m.type
        FROM (SELECT c.* FROM counted c ORDER BY c.message_id, c.queue_id LIMIT 10) o
        JOIN postroom.queue q ON q.id = o.queue_id
        LEFT JOIN postroom.message m ON m.id = o.message_id
    ), prints AS (
        SELECT c.fingerprint, count(*) AS letters, max(c.dead_at) AS newest_at, min(c.error) AS error
        FROM counted c
        GROUP BY c.fingerprint
        ORDER BY letters DESC, c.fingerprint
        LIMIT 20
    )
    SELECT jsonb_build_object(
        'count', (SELECT count(*) FROM counted),
        'more', (SELECT count(*) > most OR max(m.place) > looks FROM matching m),
        'first', coalesce((SELECT jsonb_agg(jsonb_build_object(
                     'id', f.message_id, 'queue', f.queue, 'type', f.type, 'deadAt', f.dead_at, 'reason', f.reason,
                     'errorClass', f.error_class, 'error', f.error, 'fingerprint', f.fingerprint)
                     ORDER BY f.message_id, f.queue_id) FROM firsts f), '[]'),
        'fingerprints', coalesce((SELECT jsonb_agg(jsonb_build_object(
                     'fingerprint', p.fingerprint, 'count', p.letters, 'newestAt', p.newest_at, 'error', p.error)
                     ORDER BY p.letters DESC, p.fingerprint) FROM prints p), '[]'))
    INTO answer;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION postroom.preview_dead_letters IS
    'Which dead letters a filter matches, without changing anything:
SELECT postroom.preview_dead_letters(''{"queue": "mail", "fingerprint": "f3a9"}'').
Answers their count (of 10,000 at most, after a look at 100,000 letters of the queue and fingerprint; more: there may be others), the ten
oldest of those and the 20 most frequent fingerprints. Members of a filter: queue (a name, or a pattern as in mail.*), reason, errorClass,
fingerprint, type, correlationId, headers (an object of texts; the letter has all of them), deadFrom, deadTo, createdFrom, createdTo, or
all alone.';

-- The count comes after clock_timestamp(), so that no letter is counted that the operation must not touch.
CREATE OR REPLACE FUNCTION postroom.start_operation(
    p_verb text, p_filter jsonb, p_reason text, p_actor text, p_per_second int, p_canary int, p_canary_threshold int)
RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    started  postroom.operation;
    queues   int[];
    print    constant text := p_filter ->> 'fingerprint';
    began    timestamptz;
    matched  bigint;
BEGIN
    PERFORM postroom.require_dead_letter_filter(p_filter);
    PERFORM postroom.require_reason(p_reason, p_actor);
    IF p_per_second IS NULL OR p_per_second NOT BETWEEN 1 AND 1000000 THEN
        PERFORM postroom.refuse('perSecond', '1 to 1000000', p_per_second::text);
    ELSIF p_canary IS NULL OR p_canary NOT BETWEEN 0 AND 1000 THEN
        PERFORM postroom.refuse('canary', '0 to 1000', p_canary::text);
    ELSIF p_canary_threshold IS NULL OR p_canary_threshold NOT BETWEEN 0 AND 1000 THEN
        PERFORM postroom.refuse('canaryThreshold', '0 to 1000', p_canary_threshold::text);
    END IF;
    queues := postroom.filtered_queues(p_filter);
    began := clock_timestamp();
    SELECT count(*) INTO matched
    FROM postroom.dead_letter d
    WHERE d.dead_at <= began
      AND (queues IS NULL OR d.queue_id = ANY (queues))
      AND (print IS NULL OR d.fingerprint = print)
      AND postroom.dead_letter_matches(d, p_filter);
    INSERT INTO postroom.operation (
        created_at, stepped_at, finished_at, planned, per_second, canary, canary_threshold, verb, state, actor, reason, note, filter,
        queue_ids)
    VALUES (
        began, began, CASE WHEN matched = 0 THEN began END, matched, p_per_second, p_canary, p_canary_threshold, p_verb,
        CASE WHEN matched = 0 THEN 'finished' ELSE 'running' END, coalesce(p_actor, session_user), p_reason,
        CASE WHEN matched = 0 THEN 'no dead letter matched' END, p_filter, queues)
    RETURNING * INTO started;
    INSERT INTO postroom.operator_action (
        actor, action, filter, per_second, planned, finished_at, note, reason, operation_id)
    VALUES (started.actor, p_verb, p_filter, p_per_second, matched, clock_timestamp(), started.note, p_reason, started.id);
    RETURN started.id;
END
$$;
COMMENT ON FUNCTION postroom.start_operation IS
    'Internal: puts a redrive or discard of many on record. Jobs carry it on: see step_operation.';

CREATE OR REPLACE FUNCTION postroom.redrive_dead_letters(
    filter jsonb, reason text, per_second int DEFAULT 100, canary int DEFAULT 10, canary_threshold int DEFAULT 2, actor text DEFAULT NULL)
RETURNS uuid
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT postroom.start_operation('redrive', filter, reason, actor, per_second, canary, canary_threshold)
$$;
COMMENT ON FUNCTION postroom.redrive_dead_letters IS
    'Redrives the dead letters that match a filter (see preview_dead_letters) and are dead now, at a rate:
SELECT postroom.redrive_dead_letters(''{"queue": "mail"}'', ''the mail server is back'', per_second => 50).
Answers the id of the operation; a process with workers carries it on: view operations. First it redrives so many as canary says (0: none)
and waits for them. It stops when more of these than canary_threshold die again.';

CREATE OR REPLACE FUNCTION postroom.discard_dead_letters(filter jsonb, reason text, per_second int DEFAULT 100, actor text DEFAULT NULL)
RETURNS uuid
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT postroom.start_operation('discard', filter, reason, actor, per_second, 0, 0)
$$;
COMMENT ON FUNCTION postroom.discard_dead_letters IS
    'Discards the dead letters that match a filter (see preview_dead_letters) and are dead now, at a rate:
SELECT postroom.discard_dead_letters(''{"queue": "mail", "deadTo": "2027-01-31T00:00:00Z"}'', ''too old to be sent'').
Answers the id of the operation; a process with workers carries it on: view operations.';

-- Waits for the step that runs.
CREATE OR REPLACE FUNCTION postroom.stop_operation(operation uuid, reason text, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stopped postroom.operation;
BEGIN
    PERFORM postroom.require_reason(stop_operation.reason, stop_operation.actor);
    UPDATE postroom.operation o
    SET state = 'stopped', finished_at = clock_timestamp(),
        note = left('by ' || coalesce(stop_operation.actor, session_user) || ': ' || stop_operation.reason, 1000)
    WHERE o.id = stop_operation.operation
      AND o.state = 'running'
    RETURNING * INTO stopped;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM postroom.operation o WHERE o.id = stop_operation.operation) THEN
            PERFORM postroom.refuse('operation', 'one that exists', stop_operation.operation::text);
        END IF;
        RETURN false;
    END IF;
    INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, reason, operation_id)
    VALUES (coalesce(stop_operation.actor, session_user), 'stop_operation', stopped.planned, stopped.processed, clock_timestamp(),
            stop_operation.reason, stopped.id);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.stop_operation IS
    'Stops a redrive or discard of many, or a purge: SELECT postroom.stop_operation(''...'', ''wrong filter'').
What was redriven, discarded or cancelled stays so. Answers whether it was running. After the commit it changes nothing more.';

-- died: it is a dead letter again, or went on through a dead letter exchange. pending: neither died nor ended.
CREATE OR REPLACE FUNCTION postroom.judge_canary(p_operation postroom.operation, OUT died int, OUT pending int)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FILTER (WHERE j.is_dead)::int, count(*) FILTER (WHERE NOT j.is_dead AND NOT j.has_ended)::int
    FROM unnest(p_operation.canary_messages, p_operation.canary_queues) c (message_id, queue_id)
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM postroom.dead_letter d WHERE d.message_id = c.message_id AND d.queue_id = c.queue_id)
               OR EXISTS (SELECT
                          FROM postroom.attempt a
                          WHERE a.message_id = c.message_id
                            AND a.queue_id = c.queue_id
                            AND a.finished_at >= p_operation.created_at
                            AND a.outcome IN (1, 2) -- texts of others come from handlers, and may say anything
                            AND a.error LIKE '%; went on through exchange "%') AS is_dead, -- see pass_on
               EXISTS (SELECT
                       FROM postroom.attempt a
                       WHERE a.message_id = c.message_id
                         AND a.queue_id = c.queue_id
                         AND a.finished_at >= p_operation.created_at
                         AND a.outcome <= 2)
               OR NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = c.message_id) AS has_ended) j
$$;
COMMENT ON FUNCTION postroom.judge_canary IS
    'Internal: how many of the letters that an operation redrove first are dead again, and how many have not ended.';

CREATE OR REPLACE FUNCTION postroom.end_operation(p_operation postroom.operation, p_state text, p_note text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE postroom.operation o
    SET state = p_state, finished_at = clock_timestamp(), note = coalesce(p_note, o.note)
    WHERE o.id = p_operation.id;
    INSERT INTO postroom.operator_action (action, planned, done, finished_at, note, operation_id)
    VALUES ('end_operation', p_operation.planned, p_operation.processed, clock_timestamp(),
            p_state || ', ' || p_operation.failed || ' failed' || coalesce('; ' || p_note, ''), p_operation.id);
END
$$;
COMMENT ON FUNCTION postroom.end_operation IS
    'Internal: ends an operation by itself, and puts its counts on record.';

-- Which of these dead letters, in this order, can go back into their queues now, and why the others cannot. A queue with a maximum length
-- takes what it has room for. A queue that is deleted a moment later is emptied as others are (see cancel_deleted).
CREATE OR REPLACE FUNCTION postroom.redrive_obstacles(p_messages uuid[], p_queues int[])
RETURNS TABLE (message_id uuid, queue_id int, obstacle text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH target AS MATERIALIZED (
        SELECT q.id, q.name, q.deleted_at,
               CASE WHEN q.max_length IS NOT NULL THEN
                   q.max_length - (SELECT count(*) FROM (SELECT FROM postroom.ready r WHERE r.queue_id = q.id LIMIT q.max_length) r)
                                - (SELECT count(*) FROM (SELECT FROM postroom.grouped w WHERE w.queue_id = q.id LIMIT q.max_length) w)
               END AS room
        FROM postroom.queue q
        WHERE q.id = ANY (p_queues)
    )
    SELECT u.message_id, u.queue_id,
           CASE WHEN t.deleted_at IS NOT NULL THEN 'queue "' || t.name || '" was deleted'
                WHEN row_number() OVER (PARTITION BY u.queue_id ORDER BY u.place) > t.room THEN 'queue "' || t.name || '" is full' END
    FROM unnest(p_messages, p_queues) WITH ORDINALITY u (message_id, queue_id, place)
    JOIN target t ON t.id = u.queue_id
$$;
COMMENT ON FUNCTION postroom.redrive_obstacles IS
    'Internal: what is in the way of redriving these dead letters; null: nothing.';

-- Answers one row a lane in which messages became READY. It looks at 20,000 keys at most, so that a step is short whatever the filter.
CREATE OR REPLACE FUNCTION postroom.step_operation(p_operation uuid, p_burst interval)
RETURNS TABLE (queue_id int, priority smallint, seq bigint, messages bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_sort = off SET enable_bitmapscan = off -- the next letters are found in the order of their keys, whatever the filter
AS $$
#variable_conflict use_column
DECLARE
    o            postroom.operation;
    print        text;
    now_is       timestamptz;
    most         int;
    end_message  uuid;
    end_queue    int;
    ids          uuid[];
    queues       int[];
    taken        int;
    moved        int := 0;
    moved_ids    uuid[];
    moved_in     int[];
    died         int;
    pending      int;
BEGIN
    SELECT * INTO o FROM postroom.operation x WHERE x.id = p_operation AND x.state = 'running' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    print := o.filter ->> 'fingerprint';
    now_is := clock_timestamp();
    o.allowed := least(o.allowed + o.per_second * greatest(extract(epoch FROM now_is - o.stepped_at), 0),
                       greatest(o.per_second * extract(epoch FROM p_burst), 1));
    most := least(floor(o.allowed), 5000);
    IF o.canary > 0 AND o.canary_ended_at IS NULL AND cardinality(o.canary_messages) > 0 THEN
        SELECT j.died, j.pending INTO died, pending FROM postroom.judge_canary(o) j;
        IF died > o.canary_threshold THEN
            PERFORM postroom.end_operation(o, 'stopped_by_canary',
                format('%s of the first %s died again', died, cardinality(o.canary_messages)));
            RETURN;
        ELSIF cardinality(o.canary_messages) >= o.canary AND pending = 0 THEN
            o.canary_ended_at := now_is;
        END IF;
    END IF;
    IF o.canary > 0 AND o.canary_ended_at IS NULL THEN
        most := least(most, o.canary - cardinality(o.canary_messages));
    END IF;
    IF o.verb = 'purge' AND most >= 1 THEN
        PERFORM postroom.step_purge(o, most, now_is);
        RETURN;
    ELSIF most < 1 THEN
        UPDATE postroom.operation x
        SET stepped_at = now_is, allowed = o.allowed, canary_ended_at = o.canary_ended_at
        WHERE x.id = o.id;
        RETURN;
    END IF;

    SELECT d.message_id, d.queue_id INTO end_message, end_queue
    FROM postroom.dead_letter d
    WHERE (d.message_id, d.queue_id) > (o.position_message, o.position_queue)
    ORDER BY d.message_id, d.queue_id
    OFFSET 19999 LIMIT 1;
    SELECT array_agg(c.message_id), array_agg(c.queue_id) INTO ids, queues
    FROM (SELECT d.message_id, d.queue_id
          FROM postroom.dead_letter d
          WHERE (d.message_id, d.queue_id) > (o.position_message, o.position_queue)
            AND (end_message IS NULL OR (d.message_id, d.queue_id) <= (end_message, end_queue))
            AND d.dead_at <= o.created_at
            AND (o.queue_ids IS NULL OR d.queue_id = ANY (o.queue_ids))
            AND (print IS NULL OR d.fingerprint = print)
            AND postroom.dead_letter_matches(d, o.filter)
          ORDER BY d.message_id, d.queue_id
          LIMIT most
          FOR UPDATE OF d) c;
    taken := coalesce(cardinality(ids), 0);

    IF taken > 0 AND o.verb = 'redrive' THEN
        SELECT array_agg(x.message_id) FILTER (WHERE x.obstacle IS NULL), array_agg(x.queue_id) FILTER (WHERE x.obstacle IS NULL),
               coalesce(max(x.obstacle), o.note)
        INTO moved_ids, moved_in, o.note
        FROM postroom.redrive_obstacles(ids, queues) x;
        -- The row locks gave the transaction its id before nextval draws: the low watermark (see poll) rests on that.
        RETURN QUERY
        WITH removed AS (
            DELETE FROM postroom.dead_letter d
            USING unnest(moved_ids, moved_in) u (message_id, queue_id)
            WHERE d.message_id = u.message_id
              AND d.queue_id = u.queue_id
            RETURNING d.queue_id, d.priority, d.deliveries, d.message_id
        ), back AS (
            INSERT INTO postroom.ready AS r (seq, queue_id, priority, deliveries, message_id, group_key)
            SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.deliveries, x.message_id,
                   CASE WHEN x.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                        THEN postroom.fair_key(x.message_id) ELSE '' END
            FROM removed x
            RETURNING r.queue_id, r.priority, r.seq
        )
        SELECT b.queue_id, b.priority, min(b.seq), count(*)
        FROM back b
        GROUP BY b.queue_id, b.priority;
        moved := coalesce(cardinality(moved_ids), 0);
        IF o.canary > 0 AND o.canary_ended_at IS NULL AND moved > 0 THEN
            o.canary_messages := o.canary_messages || moved_ids;
            o.canary_queues := o.canary_queues || moved_in;
        END IF;
    ELSIF taken > 0 THEN
        WITH removed AS (
            DELETE FROM postroom.dead_letter d
            USING unnest(ids, queues) u (message_id, queue_id)
            WHERE d.message_id = u.message_id
              AND d.queue_id = u.queue_id
            RETURNING d.queue_id, d.deliveries, d.message_id
        )
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT x.message_id, clock_timestamp(), clock_timestamp(), x.queue_id, x.deliveries, 1, 'discarded' FROM removed x;
        PERFORM postroom.advance_after(queues, ids);
        moved := taken;
    END IF;

    IF taken = most THEN
        o.position_message := ids[taken];
        o.position_queue := queues[taken];
    ELSIF end_message IS NOT NULL THEN
        o.position_message := end_message;
        o.position_queue := end_queue;
    END IF;
    o.processed := o.processed + moved;
    o.failed := o.failed + taken - moved;
    UPDATE postroom.operation x
    SET stepped_at = now_is, allowed = o.allowed - taken, canary_ended_at = o.canary_ended_at, processed = o.processed, failed = o.failed,
        position_message = o.position_message, position_queue = o.position_queue, canary_messages = o.canary_messages,
        canary_queues = o.canary_queues, note = o.note
    WHERE x.id = o.id;
    IF taken < most AND end_message IS NULL THEN
        PERFORM postroom.end_operation(o, 'finished',
            CASE WHEN o.processed + o.failed < o.planned
                 THEN (o.planned - o.processed - o.failed) || ' of ' || o.planned || ' had left before their turn'
                      || coalesce('; ' || o.note, '') END);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.step_operation IS
    'Internal: called by a job. Redrives or discards as many dead letters, or purges as many messages, as the rate of an operation allows.';
