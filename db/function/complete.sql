-- complete: out of a lease. Functions because their plans are pinned: see claim. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Writes one attempt row for each message, clears its bit and drops empty leases. Locks the lease rows in the order of their ids through
-- lease_pk. Everything is decided on the locked value of open. A lease that is missing in the answer, or a bit that is missing in
-- completed, was lost: another worker holds or has finished that message, and nothing was written for it.
CREATE OR REPLACE FUNCTION postroom.complete_done(
    p_worker int, p_leases bigint[], p_masks text[],
    p_lease_of bigint[], p_ordinals int[], p_messages uuid[], p_numbers smallint[], p_started_ago bigint[], p_finished_ago bigint[])
RETURNS TABLE (lease_id bigint, completed text)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT l.id, l.queue_id, l.open & w.mask::bit varying AS completed, l.open & ~(w.mask::bit varying) AS rest
        FROM (SELECT u.lease_id, u.mask FROM unnest(p_leases, p_masks) u (lease_id, mask) ORDER BY u.lease_id) w
        CROSS JOIN LATERAL ( -- one look-up in lease_pk for each lease, whatever the statistics say
            SELECT x.id, x.queue_id, x.open
            FROM postroom.lease x
            WHERE x.id = w.lease_id AND x.worker_id = p_worker
            FOR UPDATE) l
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome)
        SELECT r.message_id,
               statement_timestamp() - r.started_ago * interval '1 microsecond',
               statement_timestamp() - r.finished_ago * interval '1 microsecond',
               h.id, h.queue_id, p_worker, r.number, 0
        FROM unnest(p_lease_of, p_ordinals, p_messages, p_numbers, p_started_ago, p_finished_ago)
                 r (lease_id, ordinal, message_id, number, started_ago, finished_ago)
        JOIN held h ON h.id = r.lease_id AND get_bit(h.completed, r.ordinal) = 1
    ), dropped AS (
        DELETE FROM postroom.lease l
        WHERE l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) = 0))
    ), kept AS (
        -- Names its leases twice to pin the plan: the array makes PostgreSQL go through lease_pk. From the join alone it would plan by the
        -- statistics of lease, which are wrong while a snapshot keeps ended leases from being cleaned up.
        UPDATE postroom.lease l
        SET open = h.rest
        FROM held h
        WHERE l.id = h.id
          AND bit_count(h.rest) > 0
          AND l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) > 0))
    )
    SELECT h.id, h.completed::text FROM held h;
END
$$;
COMMENT ON FUNCTION postroom.complete_done IS
    'Internal: called by workers. Finishes messages whose handlers succeeded.';

-- Does what complete_done does, in a third of the work. Locks the lease row. false: the lease was lost.
CREATE OR REPLACE FUNCTION postroom.complete_one(
    p_worker int, p_lease bigint, p_message uuid, p_number smallint, p_started_ago bigint, p_finished_ago bigint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE
    queue int;
BEGIN
    DELETE FROM postroom.lease l
    WHERE l.id = p_lease
      AND l.worker_id = p_worker
      AND l.open = B'1'
      AND l.message_ids = ARRAY[p_message]
    RETURNING l.queue_id INTO queue;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome)
    VALUES (p_message,
            statement_timestamp() - p_started_ago * interval '1 microsecond',
            statement_timestamp() - p_finished_ago * interval '1 microsecond',
            p_lease, queue, p_worker, p_number, 0);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.complete_one IS
    'Internal: called by workers. Finishes a message with a lease of its own whose handler succeeded.';

-- Like complete_done, for attempts with any other outcome, and for done ones with a note, which is their text in p_errors. A value of
-- p_nexts says where the message goes: 0 finished, 1 delayed (by delay microseconds), 2 ready, 3 dead letter; the codes are those of
-- NextState in Java. p_outcomes has the codes of AttemptOutcome. A null outcome writes no history (released, or nobody here could run it).
-- A message that is delayed or dead already (put there by hand) stays as it is there, so that its lease is always given up.
CREATE OR REPLACE FUNCTION postroom.complete(
    p_worker int, p_leases bigint[], p_masks text[],
    p_lease_of bigint[], p_ordinals int[], p_messages uuid[], p_numbers smallint[], p_started_ago bigint[], p_finished_ago bigint[],
    p_outcomes smallint[], p_nexts smallint[], p_delays bigint[], p_reasons text[],
    p_error_classes text[], p_errors text[], p_fingerprints text[],
    p_failures smallint[], p_crashes smallint[])
RETURNS TABLE (lease_id bigint, completed text)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT l.id, l.queue_id, l.priority, l.open & w.mask::bit varying AS completed, l.open & ~(w.mask::bit varying) AS rest
        FROM (SELECT u.lease_id, u.mask FROM unnest(p_leases, p_masks) u (lease_id, mask) ORDER BY u.lease_id) w
        CROSS JOIN LATERAL (
            SELECT x.id, x.queue_id, x.priority, x.open
            FROM postroom.lease x
            WHERE x.id = w.lease_id AND x.worker_id = p_worker
            FOR UPDATE) l
    ), results AS MATERIALIZED (
        SELECT h.id AS lease_id, h.queue_id, h.priority, r.*,
               CASE WHEN r.outcome = 2 THEN postroom.passes_on(h.queue_id) ELSE false END AS passes_on
        FROM unnest(p_lease_of, p_ordinals, p_messages, p_numbers, p_started_ago, p_finished_ago,
                    p_outcomes, p_nexts, p_delays, p_reasons, p_error_classes, p_errors, p_fingerprints, p_failures, p_crashes)
                 r (of_lease, ordinal, message_id, number, started_ago, finished_ago,
                    outcome, next, delay, reason, error_class, error, fingerprint, failures, crashes)
        JOIN held h ON h.id = r.of_lease AND get_bit(h.completed, r.ordinal) = 1
    ), history AS (
        INSERT INTO postroom.attempt
            (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome, error_class, error)
        SELECT r.message_id,
               statement_timestamp() - r.started_ago * interval '1 microsecond',
               statement_timestamp() - r.finished_ago * interval '1 microsecond',
               r.lease_id, r.queue_id, p_worker, r.number, r.outcome, r.error_class, r.error
        FROM results r
        WHERE r.outcome IS NOT NULL
          AND NOT r.passes_on
    ), put_off AS (
        INSERT INTO postroom.delayed (due_at, queue_id, priority, failures, crashes, deliveries, message_id, reason)
        SELECT clock_timestamp() + r.delay * interval '1 microsecond',
               r.queue_id, r.priority, r.failures, r.crashes, r.number, r.message_id, r.reason
        FROM results r
        WHERE r.next = 1
        ON CONFLICT DO NOTHING
    ), given_back AS (
        INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), r.queue_id, r.priority, r.failures, r.crashes, r.number, r.message_id,
               CASE WHEN r.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(r.message_id) ELSE '' END
        FROM results r
        WHERE r.next = 2
    ), buried AS (
        INSERT INTO postroom.dead_letter
            (queue_id, priority, failures, crashes, deliveries, message_id, reason, error_class, error, fingerprint)
        SELECT r.queue_id, r.priority, coalesce(r.failures, 0), coalesce(r.crashes, 0), r.number, r.message_id,
               CASE WHEN r.passes_on THEN 'expired' ELSE r.reason END, r.error_class, r.error, r.fingerprint
        FROM results r
        WHERE r.next = 3
           OR r.passes_on
        ON CONFLICT DO NOTHING
    ), dropped AS (
        DELETE FROM postroom.lease l
        WHERE l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) = 0))
    ), kept AS (
        -- Names its leases twice to pin the plan: the array makes PostgreSQL go through lease_pk. From the join alone it would plan by the
        -- statistics of lease, which are wrong while a snapshot keeps ended leases from being cleaned up.
        UPDATE postroom.lease l
        SET open = h.rest
        FROM held h
        WHERE l.id = h.id
          AND bit_count(h.rest) > 0
          AND l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) > 0))
    )
    SELECT h.id, h.completed::text FROM held h;
END
$$;
COMMENT ON FUNCTION postroom.complete IS
    'Internal: called by workers. Ends attempts in any way: finished, delayed, ready again or dead.';
