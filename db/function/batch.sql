-- batch: messages that are worked off together, and a message when all of them have ended. All need READ COMMITTED, except
-- those that users call.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- Nobody counts at the end of a message. Which messages belong to a batch stands in batch_part, up to 1000 in a row; a job asks the history
-- which of them have ended, adds these to batch_progress and writes the rest of the row anew. So members of one batch never wait for one
-- another, a message without a batch costs nothing, and a process that dies in between leaves nothing behind.
--
-- Promise: a batch is completed once, after it was sealed and all its members and children have ended, and its completion message is
-- created in the same transaction. The steps:
--
--   1. Who adds members locks the row of the batch (KEY SHARE) and then sees that it is not sealed. Adding stops nobody, and seal, which
--      changes no key, waits for nobody. The lock follows a change that was committed meanwhile: so after a seal nobody adds. Under
--      REPEATABLE READ this ends in 40001. Without the lock a transaction that looked before the seal could add after the completion.
--   2. Who completes takes the row alone (FOR UPDATE, tried and not waited for). It gets it when no transaction is open that adds members.
--      It looks at the parts after that, in a new snapshot. In the other order a member committed between look and lock would be lost.
--   3. The row of batch_progress is locked first, and tried for: one process counts a batch at a time. Two would count members twice.
--   4. A member has ended when history has an end for each of its entries, or a dead letter. Dead letters are looked at once more, in the
--      snapshot of step 2: one that was redriven makes the batch wait. A redrive after the completion changes nothing any more.
--   5. A member that is nowhere was purged. That is believed only after two looks: while a day is freed, a snapshot from before sees
--      neither the rows that left nor those that were put back (see purge).
--   6. A cancel only marks the batch. The job cancels what waits, again and again until all have ended. So a member that is being claimed,
--      is retried, is promoted, or is committed late is met by the next look.

CREATE OR REPLACE FUNCTION postroom.batch_state(p_batch postroom.batch) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN p_batch.id IS NULL THEN 'unknown'
                WHEN p_batch.completed_at IS NOT NULL THEN 'completed'
                WHEN p_batch.cancelled_at IS NOT NULL THEN 'cancelled'
                WHEN p_batch.sealed_at IS NOT NULL THEN 'sealed'
                ELSE 'open' END
$$;
COMMENT ON FUNCTION postroom.batch_state IS
    'Internal: unknown, completed, cancelled, sealed or open.';

-- Locks the row: see step 1.
CREATE OR REPLACE FUNCTION postroom.require_open_batch(p_field text, p_batch uuid) RETURNS postroom.batch
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_batch postroom.batch;
BEGIN
    SELECT * INTO found_batch FROM postroom.batch b WHERE b.id = p_batch FOR KEY SHARE;
    IF postroom.batch_state(found_batch) <> 'open' THEN
        PERFORM postroom.refuse(p_field, 'the id of an open batch', p_batch || ' (' || postroom.batch_state(found_batch) || ')');
    END IF;
    RETURN found_batch;
END
$$;
COMMENT ON FUNCTION postroom.require_open_batch IS
    'Internal: refuses a batch that takes no members.';

CREATE OR REPLACE FUNCTION postroom.add_member(p_batch uuid, p_message uuid, p_entries int) RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO postroom.batch_part (batch_id, first_id, last_id, size, entries, is_dead, members)
    VALUES (p_batch, p_message, p_message, 1, p_entries, false, ARRAY[p_message])
$$;
COMMENT ON FUNCTION postroom.add_member IS
    'Internal: makes a new message a member of a batch that require_open_batch has locked.';

-- What a completion message tells: the content of one that has none of its own. Its members are headers of each, too.
CREATE OR REPLACE FUNCTION postroom.batch_result(p_batch postroom.batch) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'batch', p_batch.id,
        'name', p_batch.name,
        'cancelRequested', p_batch.cancelled_at IS NOT NULL,
        'total', p_batch.done + p_batch.dead + p_batch.cancelled + p_batch.expired + p_batch.purged,
        'done', p_batch.done,
        'dead', p_batch.dead,
        'cancelled', p_batch.cancelled,
        'expired', p_batch.expired,
        'purged', p_batch.purged)
$$;
COMMENT ON FUNCTION postroom.batch_result IS
    'Internal: the outcome of a completed batch.';

CREATE OR REPLACE FUNCTION postroom.completion_message(p_batch postroom.batch) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN coalesce(nullif(p_batch.completion -> 'payload', 'null'), nullif(p_batch.completion -> 'body', 'null')) IS NULL
                THEN jsonb_build_object('type', 'postroom.batch-completed') || jsonb_strip_nulls(p_batch.completion)
                     || jsonb_build_object('payload', r.result)
                ELSE p_batch.completion END
           || jsonb_build_object('headers',
                  coalesce(nullif(p_batch.completion -> 'headers', 'null'), '{}')
                  || jsonb_build_object(
                         'postroom-batch', p_batch.id,
                         'postroom-batch-name', p_batch.name,
                         'postroom-batch-cancel-requested', r.result ->> 'cancelRequested',
                         'postroom-batch-total', r.result ->> 'total',
                         'postroom-batch-done', r.result ->> 'done',
                         'postroom-batch-dead', r.result ->> 'dead',
                         'postroom-batch-cancelled', r.result ->> 'cancelled',
                         'postroom-batch-expired', r.result ->> 'expired',
                         'postroom-batch-purged', r.result ->> 'purged'))
    FROM (SELECT postroom.batch_result(p_batch) AS result) r
$$;
COMMENT ON FUNCTION postroom.completion_message IS
    'Internal: the completion message of a batch, as for create_messages.';

CREATE OR REPLACE FUNCTION postroom.require_completion(p_batch postroom.batch) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field  text;
BEGIN
    PERFORM postroom.require_members(p_batch.completion);
    FOREACH field IN ARRAY ARRAY['id', 'at', 'deduplicationKey', 'batch'] LOOP
        IF p_batch.completion ->> field IS NOT NULL THEN
            PERFORM postroom.refuse(field, 'left out in the completion message of a batch', p_batch.completion ->> field);
        END IF;
    END LOOP;
    p_batch.done := 9223372036854775807;
    p_batch.dead := 0;
    p_batch.cancelled := 0;
    p_batch.expired := 0;
    p_batch.purged := 0;
    PERFORM postroom.try_message(postroom.completion_message(p_batch), false);
END
$$;
COMMENT ON FUNCTION postroom.require_completion IS
    'Internal: refuses a message that create_message would refuse when the batch is completed.';

-- The row of the parent is locked as for a member: a parent completes after its children.
CREATE OR REPLACE FUNCTION postroom.create_batch(name text, parent uuid DEFAULT NULL, completion jsonb DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_batch     postroom.batch;
    parent_batch  postroom.batch;
BEGIN
    IF create_batch.name IS NULL THEN
        PERFORM postroom.refuse('name', '1 to 200 characters', NULL);
    END IF;
    PERFORM postroom.require_text('name', create_batch.name);
    new_batch.id := postroom.new_id();
    new_batch.name := create_batch.name;
    new_batch.completion := nullif(create_batch.completion, 'null');
    IF new_batch.completion IS NOT NULL THEN
        PERFORM postroom.require_completion(new_batch);
    END IF;
    IF create_batch.parent IS NOT NULL THEN
        parent_batch := postroom.require_open_batch('parent', create_batch.parent);
        IF parent_batch.parent_id IS NOT NULL THEN
            PERFORM postroom.refuse('parent', 'a batch that has no parent itself', create_batch.parent::text,
                'Batches are nested once: give the new batch the same parent');
        END IF;
    END IF;
    INSERT INTO postroom.batch (id, parent_id, name, completion)
    VALUES (new_batch.id, create_batch.parent, new_batch.name, new_batch.completion);
    INSERT INTO postroom.batch_progress (batch_id) VALUES (new_batch.id);
    RETURN new_batch.id;
END
$$;
COMMENT ON FUNCTION postroom.create_batch IS
    'Creates a batch, in the transaction of the caller, and answers its id:
SELECT postroom.create_batch(''report 42'', completion => ''{"queue": "reports.finished"}'').
Members are messages with that id: create_message(''parts'', ''{}'', batch => ''...''). Then seal it: SELECT postroom.seal_batch(''...'').
parent: an open batch without a parent, which is completed after this one.
completion: the message that is created when all members have ended, as for create_messages, without id, at, deduplicationKey and batch.
Its headers tell the counts; without a payload of its own its payload tells them, too. See the view batches for how far it is.';

CREATE OR REPLACE FUNCTION postroom.seal_batch(batch uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE postroom.batch b SET sealed_at = clock_timestamp() WHERE b.id = seal_batch.batch AND b.sealed_at IS NULL;
    IF FOUND THEN
        RETURN true;
    ELSIF NOT EXISTS (SELECT FROM postroom.batch b WHERE b.id = seal_batch.batch) THEN
        PERFORM postroom.refuse('batch', 'the id of a batch', seal_batch.batch::text);
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION postroom.seal_batch IS
    'Says that a batch gets no more members, in the transaction of the caller: SELECT postroom.seal_batch(''...'').
It is completed once all its members and children have ended; without any, at once. Answers whether that was a change. An unknown batch
is refused (22023).';

CREATE OR REPLACE FUNCTION postroom.cancel_batch(batch uuid, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed int;
BEGIN
    PERFORM postroom.require_reason_if_given(cancel_batch.reason, cancel_batch.actor);
    UPDATE postroom.batch b
    SET cancelled_at = clock_timestamp(), sealed_at = coalesce(b.sealed_at, clock_timestamp())
    WHERE (b.id = cancel_batch.batch OR b.parent_id = cancel_batch.batch)
      AND b.cancelled_at IS NULL
      AND b.completed_at IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed = 0 AND NOT EXISTS (SELECT FROM postroom.batch b WHERE b.id = cancel_batch.batch) THEN
        PERFORM postroom.refuse('batch', 'the id of a batch', cancel_batch.batch::text);
    ELSIF changed > 0 THEN
        INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, note, reason)
        VALUES (coalesce(cancel_batch.actor, session_user), 'cancel', changed, changed, clock_timestamp(),
                'batch ' || cancel_batch.batch, cancel_batch.reason);
    END IF;
    RETURN changed > 0;
END
$$;
COMMENT ON FUNCTION postroom.cancel_batch IS
    'Cancels a batch with its children, in the transaction of the caller: SELECT postroom.cancel_batch(''...''). It takes no more members.
Members that wait become CANCELLED (batch_cancelled) in the next seconds; those in progress finish. Then it is completed, and its completion
message is created. Answers whether that was a change; false: it is cancelled or completed. An unknown batch is refused (22023).';
REVOKE EXECUTE ON FUNCTION postroom.create_batch, postroom.seal_batch, postroom.cancel_batch FROM PUBLIC;

-- The rows are locked with SKIP LOCKED: what is being claimed, or is locked in the transaction of a user, is met by the next look. An
-- ordered group whose holder is among them goes on by sweep_groups.
CREATE OR REPLACE FUNCTION postroom.cancel_members(p_messages uuid[]) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_mergejoin = off SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
DECLARE
    cancelled int;
BEGIN
    WITH first_places AS MATERIALIZED (
        SELECT m.id, e.queue_id, m.priority, m.seq
        FROM postroom.message m
        CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
        WHERE m.id = ANY (p_messages)
    ), first_ready AS MATERIALIZED (
        SELECT r.ctid, r.message_id, r.queue_id, r.deliveries
        FROM first_places f
        CROSS JOIN LATERAL (
            SELECT x.ctid, x.message_id, x.queue_id, x.deliveries
            FROM postroom.ready x
            WHERE x.queue_id = f.queue_id AND x.priority = f.priority AND x.seq = f.seq AND x.message_id = f.id AND NOT x.moved
            FOR UPDATE SKIP LOCKED) r
    ), moved AS MATERIALIZED (
        SELECT r.ctid, r.message_id, r.queue_id, r.deliveries
        FROM postroom.ready r
        WHERE r.moved AND r.message_id = ANY (p_messages)
        FOR UPDATE SKIP LOCKED
    ), put_off AS MATERIALIZED (
        SELECT d.ctid, d.message_id, d.queue_id, d.deliveries
        FROM postroom.delayed d
        WHERE d.message_id = ANY (p_messages)
        FOR UPDATE SKIP LOCKED
    ), behind AS MATERIALIZED (
        SELECT w.ctid, w.message_id, w.queue_id, w.deliveries
        FROM postroom.grouped w
        WHERE w.message_id = ANY (p_messages)
        FOR UPDATE SKIP LOCKED
    ), not_ready AS (
        DELETE FROM postroom.ready
        WHERE ctid = ANY (ARRAY(SELECT f.ctid FROM first_ready f UNION ALL SELECT m.ctid FROM moved m))
        RETURNING message_id, queue_id, deliveries
    ), not_delayed AS (
        DELETE FROM postroom.delayed WHERE ctid = ANY (ARRAY(SELECT p.ctid FROM put_off p))
        RETURNING message_id, queue_id, deliveries
    ), not_grouped AS (
        DELETE FROM postroom.grouped WHERE ctid = ANY (ARRAY(SELECT b.ctid FROM behind b))
        RETURNING message_id, queue_id, deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT c.message_id, clock_timestamp(), clock_timestamp(), c.queue_id, c.deliveries, 1, 'batch_cancelled'
        FROM (SELECT * FROM not_ready UNION ALL SELECT * FROM not_delayed UNION ALL SELECT * FROM not_grouped) c
        RETURNING 1
    )
    SELECT count(*) INTO cancelled FROM history;
    RETURN cancelled;
END
$$;
COMMENT ON FUNCTION postroom.cancel_members IS
    'Internal: called by a job. Those of these messages that wait become CANCELLED; answers how many entries.';

-- See step 5. The second statement has a snapshot that is younger than the lock that the first one may have waited for.
CREATE OR REPLACE FUNCTION postroom.purged_members(p_batch uuid, p_parts bigint[]) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
DECLARE
    missing uuid[];
BEGIN
    missing := ARRAY(
        SELECT u.message_id
        FROM postroom.batch_part p
        CROSS JOIN LATERAL unnest(p.members) u (message_id)
        WHERE p.batch_id = p_batch
          AND p.id = ANY (p_parts)
          AND (SELECT true FROM postroom.message m WHERE m.id = u.message_id LIMIT 1) IS NULL); -- not EXISTS: see parts_to_count
    IF cardinality(missing) = 0 THEN
        RETURN missing;
    END IF;
    RETURN ARRAY(
        SELECT u.message_id
        FROM unnest(missing) u (message_id)
        WHERE NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = u.message_id)
          AND NOT EXISTS (SELECT FROM postroom.place x WHERE x.message_id = u.message_id));
END
$$;
COMMENT ON FUNCTION postroom.purged_members IS
    'Internal: called by a job. The members in these parts of a batch that were purged.';

-- Looks at the members of some parts, in one snapshot. What has ended leaves batch_part; the rest of a part from which something left is
-- written anew, together with the rest of other parts. fate: 0 done, 1 expired, 2 cancelled, 3 dead and gone on through a dead letter
-- exchange, 4 dead letter, 5 purged, null: not ended. A member with entries in several queues has the highest of their fates.
-- p_purged: what purged_members found. p_waiting: whether to answer who has not ended.
CREATE OR REPLACE FUNCTION postroom.count_parts(
    p_batch uuid, p_parts bigint[], p_since timestamptz, p_purged uuid[], p_waiting boolean)
RETURNS TABLE (looked int, ended int, done int, expired int, cancelled int, dead int, purged int, waiting uuid[])
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH members AS MATERIALIZED (
        SELECT p.id AS part, p.entries, p.is_dead, u.message_id, u.place
        FROM postroom.batch_part p
        CROSS JOIN LATERAL unnest(p.members) WITH ORDINALITY u (message_id, place)
        WHERE p.batch_id = p_batch
          AND p.id = ANY (p_parts)
    ), ends AS MATERIALIZED (
        SELECT a.message_id, count(*) AS entries,
               max(CASE WHEN a.outcome = 0 THEN 0
                        WHEN a.error LIKE '%; went on through exchange "%' THEN 3 -- see pass_on
                        WHEN a.outcome = 2 THEN 1
                        ELSE 2 END) AS fate
        FROM postroom.attempt a
        WHERE a.message_id = ANY (ARRAY(SELECT m.message_id FROM members m))
          AND a.finished_at >= p_since
          AND a.outcome <= 2
        GROUP BY a.message_id
    ), letters AS MATERIALIZED (
        SELECT d.message_id, count(*) AS entries
        FROM postroom.dead_letter d
        WHERE d.message_id = ANY (ARRAY(SELECT m.message_id
                                        FROM members m
                                        LEFT JOIN ends e ON e.message_id = m.message_id
                                        WHERE coalesce(e.entries, 0) < m.entries))
        GROUP BY d.message_id
    ), judged AS MATERIALIZED (
        SELECT m.part, m.entries, m.is_dead, m.message_id, m.place,
               CASE WHEN e.entries >= m.entries THEN e.fate
                    WHEN d.entries + coalesce(e.entries, 0) >= m.entries THEN 4
                    WHEN m.message_id = ANY (p_purged) THEN 5 END AS fate
        FROM members m
        LEFT JOIN ends e ON e.message_id = m.message_id
        LEFT JOIN letters d ON d.message_id = m.message_id
    ), changed AS MATERIALIZED (
        SELECT DISTINCT j.part FROM judged j WHERE j.fate IS DISTINCT FROM CASE WHEN j.is_dead THEN 4 END
    ), removed AS (
        DELETE FROM postroom.batch_part p
        WHERE p.batch_id = p_batch
          AND p.id = ANY (ARRAY(SELECT c.part FROM changed c))
    ), kept AS (
        INSERT INTO postroom.batch_part (batch_id, first_id, last_id, size, entries, is_dead, members)
        SELECT p_batch, r.members[1], r.members[cardinality(r.members)], cardinality(r.members), r.entries, r.is_dead, r.members
        FROM (SELECT n.entries, n.is_dead, array_agg(n.message_id ORDER BY n.nth) AS members
              FROM (SELECT j.message_id, j.entries, j.fate IS NOT NULL AS is_dead,
                           row_number() OVER (PARTITION BY j.entries, j.fate IS NOT NULL ORDER BY j.part, j.place) AS nth
                    FROM judged j
                    JOIN changed c ON c.part = j.part
                    WHERE j.fate IS NULL OR j.fate = 4) n
              GROUP BY n.entries, n.is_dead, (n.nth - 1) / 1000) r
    )
    SELECT count(*)::int,
           count(*) FILTER (WHERE j.fate IS DISTINCT FROM CASE WHEN j.is_dead THEN 4 END)::int,
           count(*) FILTER (WHERE j.fate = 0)::int,
           count(*) FILTER (WHERE j.fate = 1)::int,
           count(*) FILTER (WHERE j.fate = 2)::int,
           count(*) FILTER (WHERE j.fate = 3)::int,
           count(*) FILTER (WHERE j.fate = 5)::int,
           CASE WHEN p_waiting THEN array_agg(j.message_id) FILTER (WHERE j.fate IS NULL) END
    FROM judged j;
END
$$;
COMMENT ON FUNCTION postroom.count_parts IS
    'Internal: called by a job. Counts the members in some parts of a batch that have ended, and takes them out of these parts.';

-- Takes those of these parts out of a batch all of whose members are done, and answers how many members that were. Most of a large batch
-- ends so. The messages of a part were created one after the other, so its history is one range of attempt_by_message. Settling a batch of
-- 200,000 took 16 us a member when each was looked up, and 2.4 us in this way (W18, elapsed time, both cores busy). What else lies in the
-- range is not counted, and ends the look at twice the size of the part. A part of which a member is missing is left to count_parts.
CREATE OR REPLACE FUNCTION postroom.count_done_parts(p_batch uuid, p_parts bigint[], p_since timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
DECLARE
    done int;
BEGIN
    WITH looked AS MATERIALIZED (
        SELECT p.id, p.size,
               -- Sub-selects, which need no join with the parts: their plan is pinned by that.
               CASE WHEN (SELECT true FROM postroom.attempt a
                          WHERE a.message_id = p.first_id AND a.finished_at >= p_since AND a.outcome = 0 LIMIT 1)
                     AND (SELECT true FROM postroom.attempt a
                          WHERE a.message_id = p.last_id AND a.finished_at >= p_since AND a.outcome = 0 LIMIT 1)
                    THEN p.size = (SELECT count(*)
                                   FROM unnest(p.members) u (message_id)
                                   JOIN (SELECT a.message_id
                                         FROM postroom.attempt a
                                         WHERE a.message_id BETWEEN p.first_id AND p.last_id AND a.finished_at >= p_since AND a.outcome = 0
                                         LIMIT 2 * p.size) e ON e.message_id = u.message_id)
                    END AS is_done
        FROM postroom.batch_part p
        WHERE p.batch_id = p_batch
          AND p.id = ANY (p_parts)
          AND p.entries = 1 -- a member with entries in several queues has an end for each
          AND NOT p.is_dead
    ), removed AS (
        DELETE FROM postroom.batch_part p
        WHERE p.batch_id = p_batch
          AND p.id = ANY (ARRAY(SELECT l.id FROM looked l WHERE l.is_done))
    )
    SELECT coalesce(sum(l.size) FILTER (WHERE l.is_done), 0) INTO done FROM looked l;
    RETURN done;
END
$$;
COMMENT ON FUNCTION postroom.count_done_parts IS
    'Internal: called by a job. Counts the members in those parts of a batch all of whose members are done, and removes these parts.';

-- Which parts to look at. Up to p_turn members in turn, whatever their state: so a small batch is counted as a whole each time, and nobody
-- is left out. Besides up to 20,000 members of those parts whose first or last member has ended: most of a large batch is looked at once,
-- after it has ended. Of 2,000 parts at most these two members are asked for.
CREATE OR REPLACE FUNCTION postroom.parts_to_count(
    p_batch uuid, p_from bigint, p_turn int, p_since timestamptz, p_with_purged boolean)
RETURNS TABLE (parts bigint[], next_part bigint)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_mergejoin = off SET enable_hashjoin = off
SET plan_cache_mode = force_custom_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    in_turn  bigint[];
    hit      bigint[];
    others   bigint[];
    sizes    int[];
    firsts   uuid[];
    lasts    uuid[];
    ended    uuid[];
    gone     uuid[];
BEGIN
    in_turn := ARRAY(
        SELECT t.id
        FROM (SELECT p.id, sum(p.size) OVER (ORDER BY p.id) - p.size AS before
              FROM (SELECT x.id, x.size
                    FROM postroom.batch_part x
                    WHERE x.batch_id = p_batch AND x.id > p_from AND NOT x.is_dead
                    ORDER BY x.id
                    LIMIT p_turn) p) t
        WHERE t.before < p_turn);
    SELECT array_agg(x.id), array_agg(x.size), array_agg(x.first_id), array_agg(x.last_id)
    INTO others, sizes, firsts, lasts
    FROM (SELECT p.id, p.size, p.first_id, p.last_id
          FROM postroom.batch_part p
          WHERE p.batch_id = p_batch AND NOT p.is_dead AND p.id <> ALL (in_turn)
          ORDER BY p.id
          LIMIT 2000) x;
    ended := ARRAY(SELECT a.message_id
                   FROM postroom.attempt a
                   WHERE a.message_id = ANY (firsts || lasts) AND a.finished_at >= p_since AND a.outcome <= 2);
    gone := ARRAY(SELECT u.id
                  FROM unnest(firsts) u (id)
                  -- Not EXISTS, which may become a hash of the whole history.
                  WHERE p_with_purged AND (SELECT true FROM postroom.message m WHERE m.id = u.id LIMIT 1) IS NULL);
    hit := ARRAY(
        SELECT h.id
        FROM (SELECT o.id, sum(o.size) OVER (ORDER BY o.id) - o.size AS before
              FROM unnest(others, sizes, firsts, lasts) o (id, size, first_id, last_id)
              WHERE o.first_id = ANY (ended) OR o.last_id = ANY (ended) OR o.first_id = ANY (gone)) h
        WHERE h.before < 20000);
    RETURN QUERY SELECT in_turn || hit, coalesce((SELECT max(t.id) FROM unnest(in_turn) t (id)), 0);
END
$$;
COMMENT ON FUNCTION postroom.parts_to_count IS
    'Internal: called by a job. The parts of a batch that are to be counted now.';

-- Writes the completion. The locks of steps 2 and 3 are held. A message that cannot be created leaves the batch as it is. So does one that
-- would have to wait: another transaction may be making its queue, and may stay open or be prepared for days. The batch is looked at again
-- after others then. Batches whose look failed without a later time would stay first in turn, and 200 of them would stop all others.
CREATE OR REPLACE FUNCTION postroom.complete_batch(p_batch postroom.batch) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    limit_before  constant text := current_setting('lock_timeout');
    created       uuid;
BEGIN
    IF p_batch.completion IS NOT NULL THEN
        BEGIN
            PERFORM set_config('postroom.wait_for_room', 'off', true); -- nobody's open transaction is to hold up all batches
            PERFORM set_config('lock_timeout', '100ms', true);
            SELECT CASE WHEN c.is_new THEN c.id END INTO created
            FROM postroom.create_messages(jsonb_build_array(postroom.completion_message(p_batch))) c;
            PERFORM set_config('postroom.wait_for_room', 'on', true);
            PERFORM set_config('lock_timeout', limit_before, true);
        EXCEPTION -- the settings are as they were before this block
            WHEN data_exception OR unique_violation OR lock_not_available
                OR SQLSTATE 'PR404' OR SQLSTATE 'PR421' OR SQLSTATE 'PR429' THEN
                UPDATE postroom.batch_progress g
                SET problem = left(CASE SQLSTATE WHEN '55P03' THEN 'another transaction has a lock that the completion message needs, '
                                       'perhaps on the name of its queue: ' ELSE '' END || SQLERRM, 1000),
                    look_at = clock_timestamp() + interval '5 seconds'
                WHERE g.batch_id = p_batch.id;
                RETURN false;
        END;
    END IF;
    UPDATE postroom.batch b
    SET completed_at = clock_timestamp(), completion_id = created,
        done = p_batch.done, dead = p_batch.dead, cancelled = p_batch.cancelled, expired = p_batch.expired, purged = p_batch.purged
    WHERE b.id = p_batch.id;
    DELETE FROM postroom.batch_part p WHERE p.batch_id = p_batch.id;
    DELETE FROM postroom.batch_progress g WHERE g.batch_id = p_batch.id;
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.complete_batch IS
    'Internal: called by a job. Completes a batch all of whose members have ended. false: its message was refused.';

CREATE OR REPLACE FUNCTION postroom.has_unfinished(p_batch uuid) RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM postroom.batch_part p WHERE p.batch_id = p_batch AND NOT p.is_dead)
        OR EXISTS (SELECT FROM postroom.batch c WHERE c.parent_id = p_batch AND c.completed_at IS NULL)
$$;
COMMENT ON FUNCTION postroom.has_unfinished IS
    'Internal: whether a batch has a member or a child that has not ended.';

CREATE OR REPLACE FUNCTION postroom.settle_batch(p_batch uuid) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    progress     postroom.batch_progress;
    batch        postroom.batch;
    since        timestamptz;
    with_purged  boolean;
    chosen       record;
    done_parts   int;
    counted      record;
    letters      record;
    again        boolean;
BEGIN
    PERFORM postroom.require_read_committed();
    SELECT * INTO progress FROM postroom.batch_progress g WHERE g.batch_id = p_batch FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT * INTO batch FROM postroom.batch b WHERE b.id = p_batch;
    IF batch.created_at > clock_timestamp() THEN -- the clock was set back: members end before their batch was created
        UPDATE postroom.batch b
        SET created_at = clock_timestamp()
        WHERE b.id IN (SELECT c.id FROM postroom.batch c WHERE c.id = p_batch FOR NO KEY UPDATE SKIP LOCKED);
        batch.created_at := clock_timestamp();
    END IF;
    since := batch.created_at - interval '1 hour'; -- spares the days before; the hour is for clocks of two servers
    with_purged := progress.purge_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '10 seconds'; -- or set back

    SELECT * INTO chosen
    FROM postroom.parts_to_count(p_batch, progress.next_part, CASE WHEN batch.cancelled_at IS NULL THEN 1000 ELSE 10000 END, since,
                                 with_purged);
    done_parts := postroom.count_done_parts(p_batch, chosen.parts, since);
    SELECT * INTO counted
    FROM postroom.count_parts(p_batch, chosen.parts, since,
        CASE WHEN with_purged THEN postroom.purged_members(p_batch, chosen.parts) ELSE '{}' END, batch.cancelled_at IS NOT NULL);
    counted.done := counted.done + done_parts;
    counted.ended := counted.ended + done_parts;
    counted.looked := counted.looked + done_parts;
    again := counted.ended > 0 AND counted.ended * 4 >= counted.looked AND counted.looked > 1000;
    IF batch.cancelled_at IS NOT NULL THEN
        again := postroom.cancel_members(counted.waiting) > 0 OR again;
        UPDATE postroom.batch b
        SET cancelled_at = clock_timestamp(), sealed_at = coalesce(b.sealed_at, clock_timestamp())
        WHERE b.id = ANY (ARRAY(SELECT c.id
                                FROM postroom.batch c
                                WHERE c.parent_id = p_batch AND c.cancelled_at IS NULL AND c.completed_at IS NULL
                                FOR NO KEY UPDATE SKIP LOCKED));
    END IF;
    UPDATE postroom.batch_progress g
    SET done = g.done + counted.done, expired = g.expired + counted.expired, cancelled = g.cancelled + counted.cancelled,
        dead = g.dead + counted.dead, purged = g.purged + counted.purged, next_part = chosen.next_part, counted_at = clock_timestamp(),
        look_at = clock_timestamp() + CASE WHEN again THEN interval '0' ELSE interval '1 second' END,
        purge_at = CASE WHEN with_purged AND counted.purged = 0 THEN clock_timestamp() + interval '10 seconds' ELSE g.purge_at END
    WHERE g.batch_id = p_batch;
    IF batch.sealed_at IS NULL OR postroom.has_unfinished(p_batch) THEN
        RETURN CASE WHEN again THEN 2 ELSE 1 END;
    END IF;

    SELECT * INTO batch FROM postroom.batch b WHERE b.id = p_batch FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 1; -- somebody adds members
    END IF;
    SELECT * INTO letters
    FROM postroom.count_parts(p_batch, ARRAY(SELECT p.id FROM postroom.batch_part p WHERE p.batch_id = p_batch AND p.is_dead), since, '{}',
                              false);
    UPDATE postroom.batch_progress g
    SET done = g.done + letters.done, expired = g.expired + letters.expired, cancelled = g.cancelled + letters.cancelled,
        dead = g.dead + letters.dead
    WHERE g.batch_id = p_batch;
    IF postroom.has_unfinished(p_batch) THEN
        RETURN 1;
    END IF;
    SELECT g.done, g.expired, g.cancelled, g.purged, g.dead + coalesce((SELECT sum(p.size) FROM postroom.batch_part p
                                                                        WHERE p.batch_id = p_batch), 0)
    INTO batch.done, batch.expired, batch.cancelled, batch.purged, batch.dead
    FROM postroom.batch_progress g
    WHERE g.batch_id = p_batch;
    RETURN CASE WHEN postroom.complete_batch(batch) THEN 3 ELSE 1 END;
END
$$;
COMMENT ON FUNCTION postroom.settle_batch IS
    'Internal: called by a job. Counts the members of a batch that have ended, cancels those of a cancelled one, and completes it.
0: another process is at it, or it is completed; 1: counted; 2: counted, and there is more to count now; 3: it is completed now.';
