-- Why: the verbs of the hot path as functions that pin their plan. A generic plan made while ready was empty cost 8.2 s per claim in a trial,
-- 1-2.5 ms pinned; settings in the function survive PgBouncer. Plain INSERTs (enqueue) have one plan and stay ordinary statements.
-- All need READ COMMITTED. Locks: only new objects.

-- claim: takes up to p_limit messages of a queue from its lanes in the order given, each lane from its cursor on, and puts them under leases of
-- at most p_lease_size messages each. With p_suspects it takes one message whose worker died while holding it; otherwise it leaves those alone.
-- Locks ready rows with SKIP LOCKED through ready_pk (suspects: ready_suspects). lane_seq is the highest seq taken from the lane, for the cursor.
-- stored is false when the payload was not visible. 0 rows: nothing free from these cursors on.
--
-- In steps over arrays, not in one statement: sorting candidates into leases by window functions and fetching each payload through the
-- partitions by itself took 53k instructions a message at 1000 a claim, this 37k, and 0.84M instead of 1.11M for a claim of one. One has
-- a way of its own, 0.67M. A ctid stays what it is because its row is locked here and never updated. low and high let the executor leave
-- partitions out before it opens them.
CREATE FUNCTION postroom.claim(
    p_worker int, p_queue int, p_priorities smallint[], p_cursors bigint[], p_limit int, p_lease_size int, p_suspects boolean)
RETURNS TABLE (
    lease_id bigint, lease_count int, ordinal int, priority smallint, lane_seq bigint, message_id uuid,
    failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamptz,
    type text, type_version smallint, direction smallint, correlation_id text, content_type text,
    headers text, payload text, body bytea)
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted       int := p_limit;
    taken        int;
    prio         smallint;
    places       tid[];
    seqs         bigint[];
    ids          uuid[];
    failed       smallint[];
    crashed      smallint[];
    delivered    smallint[];
    new_lease    bigint;
    new_leases   bigint[];
    sorted       uuid[];
    low          uuid;
    high         uuid;
BEGIN
    FOR lane IN 1 .. cardinality(p_priorities) LOOP
        prio := p_priorities[lane];
        IF p_suspects THEN
            SELECT array_agg(c.ctid), array_agg(0::bigint), array_agg(c.message_id),
                   array_agg(c.failures), array_agg(c.crashes), array_agg(c.deliveries)
            INTO places, seqs, ids, failed, crashed, delivered
            FROM (
                SELECT r.ctid, r.message_id, r.failures, r.crashes, r.deliveries
                FROM postroom.ready r
                WHERE r.queue_id = p_queue
                  AND r.priority = prio
                  AND r.crashes > 0
                ORDER BY r.queue_id, r.priority, r.seq
                LIMIT 1
                FOR UPDATE SKIP LOCKED
            ) c;
        ELSE
            SELECT array_agg(c.ctid), array_agg(c.seq), array_agg(c.message_id), array_agg(c.failures), array_agg(c.deliveries)
            INTO places, seqs, ids, failed, delivered
            FROM (
                SELECT r.ctid, r.seq, r.message_id, r.failures, r.deliveries
                FROM postroom.ready r
                WHERE r.queue_id = p_queue
                  AND r.priority = prio
                  AND r.seq >= p_cursors[lane]
                  AND r.crashes = 0
                ORDER BY r.queue_id, r.priority, r.seq
                LIMIT wanted
                FOR UPDATE SKIP LOCKED
            ) c;
        END IF;
        CONTINUE WHEN ids IS NULL;
        taken := cardinality(ids);

        DELETE FROM postroom.ready WHERE ctid = ANY (places);

        IF taken = 1 THEN -- a message that comes alone needs no sort, no cutting into leases and no join
            INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries)
            VALUES (p_worker, p_queue, prio, ids, B'1'::bit varying,
                    CASE WHEN failed[1] > 0 THEN failed END, crashed, CASE WHEN delivered[1] > 0 THEN delivered END)
            RETURNING l.id INTO new_lease;
            RETURN QUERY
            SELECT new_lease, 1, 0, prio, seqs[1], ids[1], failed[1], coalesce(crashed[1], 0::smallint), delivered[1],
                   m.id IS NOT NULL, coalesce(m.expires_at <= clock_timestamp(), false), m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.headers::text, m.payload::text, m.body
            FROM (SELECT) held -- a row also when the payload is not visible
            LEFT JOIN postroom.message m ON m.id = ids[1];
        ELSE
            SELECT array_agg(u.id ORDER BY u.id) INTO sorted FROM unnest(ids) u (id);
            low := sorted[1];
            high := sorted[taken];

            WITH leased AS (
                INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries)
                SELECT p_worker, p_queue, prio, ids[g.first : g.last], repeat('1', least(g.last, taken) - g.first + 1)::bit varying,
                       CASE WHEN 0 < ANY (failed) THEN failed[g.first : g.last] END,
                       crashed[g.first : g.last],
                       CASE WHEN 0 < ANY (delivered) THEN delivered[g.first : g.last] END
                FROM (SELECT s.first, s.first + p_lease_size - 1 AS last FROM generate_series(1, taken, p_lease_size) s (first)) g
                RETURNING l.id
            )
            SELECT array_agg(l.id) INTO new_leases FROM leased l;

            RETURN QUERY
            SELECT new_leases[p.part + 1], least(p_lease_size, taken - p.part * p_lease_size), p.place - p.part * p_lease_size, prio, seqs[taken],
                   p.message_id, p.failures, coalesce(p.crashes, 0::smallint), p.deliveries,
                   m.id IS NOT NULL, coalesce(m.expires_at <= clock_timestamp(), false), m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.headers::text, m.payload::text, m.body
            FROM (SELECT u.message_id, u.failures, u.crashes, u.deliveries, u.place::int - 1 AS place, (u.place::int - 1) / p_lease_size AS part
                  FROM unnest(ids, failed, crashed, delivered) WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)) p
            LEFT JOIN (SELECT x.id, x.expires_at, x.created_at, x.type, x.type_version, x.direction, x.correlation_id, x.content_type,
                              x.headers, x.payload, x.body
                       FROM postroom.message x
                       WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
                       OFFSET 0 -- by these ids through message_pk first, joined afterwards
                      ) m ON m.id = p.message_id;
        END IF;

        wanted := wanted - taken;
        EXIT WHEN wanted <= 0;
    END LOOP;
END
$$;

-- complete_done: the handlers of these messages have finished well. Writes one attempt row each, clears their bits, drops empty leases.
-- Locks the lease rows in the order of their ids through lease_pk; everything is decided on the locked value of open. A lease that is missing in
-- the answer, or a bit missing in completed, was lost: somebody else holds or has finished that message, and nothing was written for it.
CREATE FUNCTION postroom.complete_done(
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
        CROSS JOIN LATERAL ( -- one by one through the key, however few leases PostgreSQL believes there are
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
        UPDATE postroom.lease l
        SET open = h.rest
        FROM held h
        WHERE l.id = h.id
          AND bit_count(h.rest) > 0
          AND l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) > 0)) -- once more, to come to them through lease_pk
    )
    SELECT h.id, h.completed::text FROM held h;
END
$$;

-- complete_one: the handler of a message that has a lease of its own has finished well. The same as complete_done, in a third of the work. Locks the
-- lease row. false: lost.
CREATE FUNCTION postroom.complete_one(
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

-- complete: like complete_done for attempts that ended any other way. next says where the message goes: 0 finished, 1 delayed (by delay
-- microseconds), 2 ready, 3 dead letter. A null outcome writes no history (released, nobody here could run it). One that is delayed or dead
-- already (put there by hand) stays as it is there, so that its lease always lets go.
CREATE FUNCTION postroom.complete(
    p_worker int, p_leases bigint[], p_masks text[],
    p_lease_of bigint[], p_ordinals int[], p_messages uuid[], p_numbers smallint[], p_started_ago bigint[], p_finished_ago bigint[],
    p_outcomes smallint[], p_nexts smallint[], p_delays bigint[], p_reasons text[], p_error_classes text[], p_errors text[], p_fingerprints text[],
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
        SELECT h.id AS lease_id, h.queue_id, h.priority, r.*
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
    ), put_off AS (
        INSERT INTO postroom.delayed (due_at, queue_id, priority, failures, crashes, deliveries, message_id, reason)
        SELECT clock_timestamp() + r.delay * interval '1 microsecond',
               r.queue_id, r.priority, r.failures, r.crashes, r.number, r.message_id, r.reason
        FROM results r
        WHERE r.next = 1
        ON CONFLICT DO NOTHING
    ), given_back AS (
        INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id)
        SELECT nextval('postroom.ready_seq'), r.queue_id, r.priority, r.failures, r.crashes, r.number, r.message_id
        FROM results r
        WHERE r.next = 2
    ), buried AS (
        INSERT INTO postroom.dead_letter
            (queue_id, priority, failures, crashes, deliveries, message_id, reason, error_class, error, fingerprint)
        SELECT r.queue_id, r.priority, r.failures, r.crashes, r.number, r.message_id, r.reason, r.error_class, r.error, r.fingerprint
        FROM results r
        WHERE r.next = 3
        ON CONFLICT DO NOTHING
    ), dropped AS (
        DELETE FROM postroom.lease l
        WHERE l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) = 0))
    ), kept AS (
        UPDATE postroom.lease l
        SET open = h.rest
        FROM held h
        WHERE l.id = h.id
          AND bit_count(h.rest) > 0
          AND l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) > 0)) -- once more, to come to them through lease_pk
    )
    SELECT h.id, h.completed::text FROM held h;
END
$$;

-- rescue: leases whose worker is missing, stopped or silent for p_lease_time go back to ready, each message with one crash more; at its queue's
-- crash limit it becomes a dead letter. Starts from leases, not from dead workers: a claim in flight would leave an orphan. A worker that is
-- only slow finds its lease gone when it completes. Right after a restart of the server everybody is silent, so it waits one lease time.
-- A dead letter that is there already stays as it is, and malformed leases (by hand) let go too. p_only: this lease alone, when a batch failed.
-- Answers the lanes that got messages or lost them to the dead letters.
CREATE FUNCTION postroom.rescue(p_lease_time interval, p_limit int, p_only bigint DEFAULT NULL)
RETURNS TABLE (queue_id int, priority smallint, lowest_seq bigint, messages int, buried int)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    IF pg_postmaster_start_time() > statement_timestamp() - p_lease_time THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH lost AS MATERIALIZED (
        SELECT l.id, l.claimed_at, l.worker_id, l.queue_id, l.priority, l.message_ids, l.open, l.failures, l.crashes, l.deliveries
        FROM postroom.lease l
        WHERE NOT EXISTS (
            SELECT FROM postroom.worker w
            WHERE w.id = l.worker_id
              AND w.stopped_at IS NULL
              AND w.beat_at > statement_timestamp() - p_lease_time)
          AND (p_only IS NULL OR l.id = p_only)
        ORDER BY l.id
        LIMIT p_limit
        FOR UPDATE OF l SKIP LOCKED
    ), held AS MATERIALIZED (
        SELECT l.id AS lease_id, l.claimed_at, l.worker_id, l.queue_id, l.priority, u.message_id,
               coalesce(u.failures, 0::smallint) AS failures,
               least(coalesce(u.crashes, 0::smallint) + 1, 32767)::smallint AS crashes,
               least(coalesce(u.deliveries, 0::smallint) + 1, 32767)::smallint AS deliveries,
               coalesce(u.crashes, 0) + 1 >= coalesce(q.crash_limit, 3) AS is_spent
        FROM lost l
        CROSS JOIN LATERAL unnest(l.message_ids, l.failures, l.crashes, l.deliveries)
            WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)
        LEFT JOIN postroom.queue q ON q.id = l.queue_id
        WHERE substring(l.open FROM u.place::int FOR 1) = B'1'
          AND u.message_id IS NOT NULL
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome, error)
        SELECT h.message_id, h.claimed_at, clock_timestamp(), h.lease_id, h.queue_id, h.worker_id, h.deliveries, 8,
               'the worker holding it went silent'
        FROM held h
    ), back AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id)
        SELECT nextval('postroom.ready_seq'), h.queue_id, h.priority, h.failures, h.crashes, h.deliveries, h.message_id
        FROM held h
        WHERE NOT h.is_spent
        RETURNING r.queue_id, r.priority, r.seq
    ), dead AS (
        INSERT INTO postroom.dead_letter AS d
            (queue_id, priority, failures, crashes, deliveries, message_id, reason, error, fingerprint)
        SELECT h.queue_id, h.priority, h.failures, h.crashes, h.deliveries, h.message_id, 'crash_limit',
               'its worker died ' || h.crashes || ' times while holding it', 'crash_limit'
        FROM held h
        WHERE h.is_spent
        ON CONFLICT DO NOTHING
        RETURNING d.queue_id, d.priority
    ), dropped AS (
        DELETE FROM postroom.lease l USING lost WHERE l.id = lost.id
    )
    SELECT x.queue_id, x.priority, min(x.seq), count(x.seq)::int, count(*) FILTER (WHERE x.seq IS NULL)::int
    FROM (SELECT b.queue_id, b.priority, b.seq FROM back b
          UNION ALL SELECT d.queue_id, d.priority, NULL FROM dead d) x
    GROUP BY x.queue_id, x.priority;
END
$$;

-- release_unknown: leases of p_worker older than p_older_than that it does not know of (a claim whose answer was lost on the way) go back to
-- ready as if released: nothing counts against their messages but the delivery. Locks lease rows with SKIP LOCKED; a
-- row lock gives the transaction its id before nextval draws. With p_only just those that hold one of these messages. Answers the lanes that got messages.
CREATE FUNCTION postroom.release_unknown(p_worker int, p_known bigint[], p_older_than interval, p_only uuid[] DEFAULT NULL)
RETURNS TABLE (queue_id int, priority smallint, lowest_seq bigint, messages int)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH unknown AS MATERIALIZED (
        SELECT l.id, l.queue_id, l.priority, l.message_ids, l.open, l.failures, l.crashes, l.deliveries
        FROM postroom.lease l
        WHERE l.worker_id = p_worker
          AND l.id <> ALL (p_known)
          AND l.claimed_at < statement_timestamp() - p_older_than
          AND (p_only IS NULL OR l.message_ids && p_only)
        ORDER BY l.id
        FOR UPDATE SKIP LOCKED
    ), back AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id)
        SELECT nextval('postroom.ready_seq'), k.queue_id, k.priority, coalesce(u.failures, 0::smallint), coalesce(u.crashes, 0::smallint),
               least(coalesce(u.deliveries, 0::smallint) + 1, 32767)::smallint, u.message_id
        FROM unknown k
        CROSS JOIN LATERAL unnest(k.message_ids, k.failures, k.crashes, k.deliveries)
            WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)
        WHERE substring(k.open FROM u.place::int FOR 1) = B'1'
        RETURNING r.queue_id, r.priority, r.seq
    ), dropped AS (
        DELETE FROM postroom.lease l USING unknown k WHERE l.id = k.id
    )
    SELECT b.queue_id, b.priority, min(b.seq), count(*)::int FROM back b GROUP BY b.queue_id, b.priority;
END
$$;

-- promote: up to p_limit due messages go from delayed to ready, through delayed_by_due_time, with SKIP LOCKED, so that every node may do it.
-- p_from is where the caller's last look ended (minus a margin): under an old snapshot the dead entries before it cannot be cleaned away.
-- The DELETE gives the transaction its id before nextval draws. Answers the lanes that got messages.
CREATE FUNCTION postroom.promote(p_from timestamptz, p_limit int)
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
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id)
        SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id
        FROM removed x
        RETURNING r.queue_id, r.priority, r.seq
    )
    SELECT p.queue_id, p.priority, min(p.seq), count(*)::int, (SELECT max(x.due_at) FROM removed x)
    FROM promoted p
    GROUP BY p.queue_id, p.priority;
END
$$;

-- quarantine: the row-by-row way out when promote fails as a whole: this one becomes a dead letter and the rest go on.
CREATE FUNCTION postroom.quarantine_delayed(p_message uuid, p_queue int, p_error text) RETURNS int
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH removed AS (
        DELETE FROM postroom.delayed
        WHERE message_id = p_message AND queue_id = p_queue
        RETURNING queue_id, priority, failures, crashes, deliveries, message_id
    ), dead AS (
        INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason, error, fingerprint)
        SELECT queue_id, priority, failures, crashes, deliveries, message_id, 'quarantined', p_error, 'quarantined'
        FROM removed
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT count(*)::int FROM dead
$$;

-- take_waiting: removes one message from where it waits, whichever place that is, and says what it was. Used by cancel and reschedule.
-- Waits for a claim in flight (milliseconds) and then finds nothing.
CREATE FUNCTION postroom.take_waiting(p_message uuid)
RETURNS TABLE (queue_id int, priority smallint, failures smallint, crashes smallint, deliveries smallint)
LANGUAGE sql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
    WITH first_place AS (
        DELETE FROM postroom.ready r
        USING postroom.message m
        WHERE m.id = p_message
          AND r.queue_id = m.queue_id AND r.priority = m.priority AND r.seq = m.seq AND r.message_id = m.id
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.deliveries
    ), moved AS (
        DELETE FROM postroom.ready r
        WHERE r.message_id = p_message AND r.moved
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        WHERE d.message_id = p_message
        RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.deliveries
    )
    SELECT * FROM first_place UNION ALL SELECT * FROM moved UNION ALL SELECT * FROM put_off
$$;

-- cancel: the waiting entries of a message become CANCELLED; answers how many. A message on its way between two places is in neither for a
-- snapshot, so it looks again in a new one until the message was taken, is held, dead or finished, or is unknown.
CREATE FUNCTION postroom.cancel(p_message uuid) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cancelled int;
BEGIN
    FOR look IN 1 .. 50 LOOP
        WITH taken AS (
            SELECT * FROM postroom.take_waiting(p_message)
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
            SELECT p_message, clock_timestamp(), clock_timestamp(), t.queue_id, t.deliveries, 1 FROM taken t
        ), logged AS (
            INSERT INTO postroom.operator_action (action, queue_id, message_id, planned, done, finished_at)
            SELECT 'cancel', t.queue_id, p_message, 1, 1, clock_timestamp() FROM taken t
        )
        SELECT count(*) INTO cancelled FROM taken;
        EXIT WHEN cancelled > 0
            OR NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = p_message)
            OR EXISTS (SELECT FROM postroom.lease l
                       WHERE p_message = ANY (l.message_ids)
                         AND substring(l.open FROM array_position(l.message_ids, p_message) FOR 1) = B'1')
            OR EXISTS (SELECT FROM postroom.dead_letter d WHERE d.message_id = p_message)
            OR EXISTS (SELECT FROM postroom.attempt a WHERE a.message_id = p_message AND a.outcome <= 2);
        PERFORM pg_sleep(0.002);
    END LOOP;
    RETURN cancelled;
END
$$;

-- reschedule: a waiting message gets another due time; one in the past means now. Same search as cancel.
CREATE FUNCTION postroom.reschedule(p_message uuid, p_due_at timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved int;
BEGIN
    IF NOT isfinite(p_due_at) OR p_due_at > statement_timestamp() + interval '400 days' THEN
        RAISE EXCEPTION 'at must be at most 400 days ahead, got "%"', p_due_at USING ERRCODE = '22023', COLUMN = 'at';
    END IF;
    FOR look IN 1 .. 50 LOOP
        WITH taken AS (
            SELECT * FROM postroom.take_waiting(p_message)
        ), put_off AS (
            INSERT INTO postroom.delayed (due_at, queue_id, priority, failures, crashes, deliveries, message_id, reason)
            SELECT greatest(p_due_at, clock_timestamp()), t.queue_id, t.priority, t.failures, t.crashes, t.deliveries, p_message, 'delay'
            FROM taken t
        ), logged AS (
            INSERT INTO postroom.operator_action (action, queue_id, message_id, planned, done, finished_at, note)
            SELECT 'reschedule', t.queue_id, p_message, 1, 1, clock_timestamp(), 'to ' || p_due_at FROM taken t
        )
        SELECT count(*) INTO moved FROM taken;
        EXIT WHEN moved > 0
            OR NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = p_message)
            OR EXISTS (SELECT FROM postroom.lease l
                       WHERE p_message = ANY (l.message_ids)
                         AND substring(l.open FROM array_position(l.message_ids, p_message) FOR 1) = B'1')
            OR EXISTS (SELECT FROM postroom.dead_letter d WHERE d.message_id = p_message)
            OR EXISTS (SELECT FROM postroom.attempt a WHERE a.message_id = p_message AND a.outcome <= 2);
        PERFORM pg_sleep(0.002);
    END LOOP;
    RETURN moved;
END
$$;

-- redrive: a dead letter goes back to ready with failures and crashes forgotten; deliveries stay. 0: it is not dead.
CREATE FUNCTION postroom.redrive(p_message uuid) RETURNS int
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH removed AS (
        DELETE FROM postroom.dead_letter
        WHERE message_id = p_message
        RETURNING queue_id, priority, deliveries, message_id
    ), back AS (
        INSERT INTO postroom.ready (seq, queue_id, priority, deliveries, message_id)
        SELECT nextval('postroom.ready_seq'), queue_id, priority, deliveries, message_id
        FROM removed
        RETURNING queue_id
    ), logged AS (
        INSERT INTO postroom.operator_action (action, queue_id, message_id, planned, done, finished_at)
        SELECT 'redrive', queue_id, p_message, 1, 1, clock_timestamp() FROM back
    )
    SELECT count(*)::int FROM back
$$;

-- expire: waiting messages whose time to live ended become EXPIRED. Looks at up to p_limit messages behind (p_from, p_after) through
-- message_by_expiry; where the last of them stands is where the next look starts. By id too: a batch has one instant. One in progress is left alone.
CREATE FUNCTION postroom.expire(p_from timestamptz, p_after uuid, p_limit int)
RETURNS TABLE (looked int, expired int, last_expires_at timestamptz, last_id uuid)
LANGUAGE sql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
    WITH overdue AS MATERIALIZED (
        SELECT m.id, m.queue_id, m.priority, m.seq, m.expires_at
        FROM postroom.message m
        WHERE (m.expires_at, m.id) > (p_from, p_after)
          AND m.expires_at <= statement_timestamp()
        ORDER BY m.expires_at, m.id
        LIMIT p_limit
    ), first_place AS (
        DELETE FROM postroom.ready r
        USING overdue o
        WHERE r.queue_id = o.queue_id AND r.priority = o.priority AND r.seq = o.seq AND r.message_id = o.id
        RETURNING r.queue_id, r.message_id, r.deliveries
    ), moved AS (
        DELETE FROM postroom.ready r
        USING overdue o
        WHERE r.message_id = o.id AND r.moved
        RETURNING r.queue_id, r.message_id, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        USING overdue o
        WHERE d.message_id = o.id
        RETURNING d.queue_id, d.message_id, d.deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
        SELECT x.message_id, clock_timestamp(), clock_timestamp(), x.queue_id, x.deliveries, 2
        FROM (SELECT * FROM first_place UNION ALL SELECT * FROM moved UNION ALL SELECT * FROM put_off) x
        RETURNING 1
    )
    SELECT (SELECT count(*)::int FROM overdue), (SELECT count(*)::int FROM history), l.expires_at, l.id
    FROM (SELECT 1) always
    LEFT JOIN (SELECT o.expires_at, o.id FROM overdue o ORDER BY o.expires_at DESC, o.id DESC LIMIT 1) l ON true
$$;

-- cancel_deleted: what waits in deleted queues becomes CANCELLED, up to p_limit of ready and, if asked, of delayed. A delete empties its queue
-- only once, and an open transaction, a process that knew the name, a retry or a rescue may bring something later. Locks ready through ready_pk
-- with SKIP LOCKED. Reads delayed whole, so that is for queues deleted in the last day; what is delayed for longer is met in ready.
CREATE FUNCTION postroom.cancel_deleted(p_older_than interval, p_limit int, p_delayed boolean) RETURNS int
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
            ORDER BY r.queue_id, r.priority, r.seq
            LIMIT p_limit - cancelled
            FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.ready WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
            SELECT c.message_id, clock_timestamp(), clock_timestamp(), gone[n], c.deliveries, 1 FROM candidates c
        )
        SELECT count(*) INTO done FROM candidates;
        cancelled := cancelled + done;
        EXIT WHEN cancelled >= p_limit;
    END LOOP;
    IF p_delayed AND cancelled < p_limit AND cardinality(lately) > 0 THEN
        WITH candidates AS MATERIALIZED (
            SELECT d.ctid, d.queue_id, d.message_id, d.deliveries
            FROM postroom.delayed d
            WHERE d.queue_id = ANY (lately)
            LIMIT p_limit - cancelled
            FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.delayed WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
            SELECT c.message_id, clock_timestamp(), clock_timestamp(), c.queue_id, c.deliveries, 1 FROM candidates c
        )
        SELECT count(*) INTO done FROM candidates;
        cancelled := cancelled + done;
    END IF;
    RETURN cancelled;
END
$$;

-- sample_floor: S, the last seq drawn, and then either an own transaction id (everybody who drew up to S holds a lower one, because enqueue takes
-- its id before it draws), or, by locks, who writes to ready now. pg_snapshot_xmax will not do for the id: it is the latest COMPLETED one + 1.
-- Each statement has its own snapshot, in this order; READ COMMITTED.
CREATE FUNCTION postroom.sample_floor(p_by_locks boolean)
RETURNS TABLE (seq bigint, xid text, writers text[], server_started_at timestamptz)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    seq := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0); -- needs USAGE only, as enqueuing does
    IF p_by_locks THEN
        SELECT coalesce(array_agg(l.virtualtransaction), '{}') INTO writers
        FROM pg_locks l
        WHERE l.relation = 'postroom.ready'::regclass
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.mode = 'RowExclusiveLock';
    ELSE
        xid := pg_current_xact_id()::text;
    END IF;
    server_started_at := pg_postmaster_start_time();
    RETURN NEXT;
END
$$;

-- floor_is_safe: whether all who may have drawn a seq up to a sample's S are gone, so that what they wrote is visible to the next statement. By
-- locks, writers elsewhere in the cluster do not hold it back; prepared transactions (no pid) always do, for they lose the name they wrote under.
CREATE FUNCTION postroom.floor_is_safe(p_xid text, p_writers text[]) RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN p_writers IS NULL THEN pg_snapshot_xmin(pg_current_snapshot()) >= p_xid::xid8
        ELSE NOT EXISTS (
            SELECT FROM pg_locks l
            WHERE l.relation = 'postroom.ready'::regclass
              AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
              AND l.mode = 'RowExclusiveLock'
              AND (l.pid IS NULL OR l.virtualtransaction = ANY (p_writers)))
    END
$$;

-- poll: for all queues of a process in one statement: what changed in their settings, and the lowest visible seq of each lane from its floor
-- on (null: nothing there; suspects do not count). One row per queue; lanes are indexed by priority + 1. next_due, the same in all rows, is how many
-- microseconds are left until something delayed is due, in whichever queue, from p_due_from on (see promote); null: nothing is.
-- p_empty_at: on the server that was started at p_empty_on all of these lanes were seen empty when nobody could add anything up to that seq any more.
-- Whatever is put into ready draws a higher one, so while none was drawn there is nothing to look for, and lowest is null: 0.2 instead of 1.2 ms for
-- 64 queues. Another server (a failover) may have lost the claims of what is empty here.
CREATE FUNCTION postroom.poll(
    p_worker int, p_queues int[], p_floors bigint[], p_empty_at bigint, p_empty_on timestamptz, p_due_from timestamptz)
RETURNS TABLE (
    queue_id int, paused boolean, deleted boolean, max_attempts int, retry_after text, settings_by text,
    suspects boolean, elsewhere boolean, lowest bigint[], next_due bigint)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    still_empty boolean := p_empty_at IS NOT NULL
                           AND pg_postmaster_start_time() = p_empty_on
                           AND p_empty_at = coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);
BEGIN
    RETURN QUERY
    SELECT q.id, q.paused_at IS NOT NULL, q.deleted_at IS NOT NULL, q.max_attempts, q.retry_after, q.settings_by,
           CASE WHEN still_empty THEN false
                ELSE EXISTS (SELECT FROM generate_series(0, 9) x (prio)
                             WHERE EXISTS (SELECT FROM postroom.ready r
                                           WHERE r.queue_id = q.id AND r.priority = x.prio::smallint AND r.crashes > 0))
           END,
           EXISTS (SELECT FROM postroom.consumer c
                   JOIN postroom.worker w ON w.id = c.worker_id
                   WHERE c.queue_id = q.id AND c.worker_id <> p_worker AND w.stopped_at IS NULL
                     AND w.beat_at > statement_timestamp() - interval '1 minute'),
           CASE WHEN NOT still_empty THEN
                ARRAY(SELECT (SELECT r.seq
                              FROM postroom.ready r
                              WHERE r.queue_id = q.id
                                AND r.priority = x.prio::smallint
                                AND r.seq >= p_floors[(w.place - 1) * 10 + x.prio + 1]
                                AND r.crashes = 0
                              ORDER BY r.queue_id, r.priority, r.seq
                              LIMIT 1)
                      FROM generate_series(0, 9) x (prio))
           END,
           (SELECT (greatest(extract(epoch FROM d.due_at - clock_timestamp()), 0) * 1000000)::bigint
            FROM postroom.delayed d
            WHERE d.due_at >= p_due_from
            ORDER BY d.due_at
            LIMIT 1)
    FROM unnest(p_queues) WITH ORDINALITY w (id, place)
    JOIN postroom.queue q ON q.id = w.id;
END
$$;
