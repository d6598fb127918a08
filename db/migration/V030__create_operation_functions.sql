-- Why: what people do to dead letters. The text is that of db/function/operation.sql.
-- Locks: only new objects. Table size: tried with 100,000 dead letters.
-- Older workers: survive; they move no operation on.

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
--      Locks are taken in the order of the keys, as the single verbs take theirs: two never wait for one another.
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
        SELECT coalesce(discard.actor, current_user), 'discard', r.queue_id, discard.message, 1, 1, clock_timestamp(), discard.reason
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
