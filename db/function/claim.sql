-- claim: from READY under a lease. A function because its plan is pinned and its steps need several snapshots. A generic plan made while
-- ready was empty cost 8.2 s per claim in a trial, 1-2.5 ms pinned. Settings in the function survive PgBouncer. Needs READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

CREATE OR REPLACE FUNCTION postroom.is_entry_expired(p_message uuid, p_queue int) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM postroom.entry_expiry x
        WHERE x.message_id = p_message
          AND x.queue_id = p_queue
          AND x.expires_at <= clock_timestamp());
END
$$;
COMMENT ON FUNCTION postroom.is_entry_expired IS
    'Internal: whether an entry of a message in several queues has outlived the time to live of its queue.';

-- Takes up to p_limit messages of a queue from its lanes in the order given, each lane from its cursor on. Puts them under leases of at
-- most p_lease_size messages each. p_kind says what it takes; the codes are those of ClaimKind in Java. 0: ordinary messages. 1: one
-- suspect that one more crash would not make a dead letter. 2: one suspect on its last credit. 4 more: the caller holds the limiters of the
-- queue. Locks ready rows with SKIP LOCKED through
-- ready_pk (suspects: ready_suspects). lane_seq is the highest seq taken from the lane, for the cursor. stored is false when the payload
-- was not visible. 0 rows: nothing is free from these cursors on, or p_queue is not the queue of that name any more. After a restore, a
-- TRUNCATE or a failover the number of one queue may belong to another.
--
-- p_started: that many messages, in the order of the leases and their ordinals, may start at once. The worker announces the others before
-- it starts them: see announce_starts.
--
-- Works in steps over arrays, not in one statement. One statement sorted the candidates into leases by window functions and fetched each
-- payload through the partitions by itself. It took 53k instructions a message at 1000 a claim, where the steps take 37k. For a claim of
-- one it took 1.11M, where the steps take 0.84M. A claim of one has a branch of its own, which takes 0.67M. A ctid stays valid because its
-- row is locked here and never updated. low and high let the executor leave partitions out before it opens them.
CREATE OR REPLACE FUNCTION postroom.claim(
    p_worker int, p_queue int, p_queue_name text, p_priorities smallint[], p_cursors bigint[],
    p_limit int, p_lease_size int, p_started int, p_kind int)
RETURNS TABLE (
    lease_id bigint, lease_count int, ordinal int, priority smallint, lane_seq bigint, message_id uuid,
    failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamptz,
    type text, type_version smallint, direction smallint, correlation_id text, content_type text,
    exchange text, routing_key text, headers text, payload text, body bytea, group_key text)
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted       int := p_limit;
    starting     int := p_started;
    crash_limit  int;
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
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queue: see begin_single_active_change
    -- The lock on queue is held until the end of the transaction, so TRUNCATE and DROP come before this line or after the claim.
    -- An ordered queue has a function of its own, claim_ordered, and a fair one claim_fair for all but suspects. That of a queue with a
    -- limiter, claim_limited, calls this one.
    SELECT q.crash_limit INTO crash_limit
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND CASE WHEN q.name <> p_queue_name OR q.ordered OR q.fair AND p_kind % 4 = 0 OR q.has_limiter AND p_kind < 4 THEN false
               WHEN q.single_active_consumer THEN postroom.take_active(p_worker, p_queue)
               ELSE true END;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    p_kind := p_kind % 4;
    FOR lane IN 1 .. cardinality(p_priorities) LOOP
        prio := p_priorities[lane];
        IF p_kind > 0 THEN
            SELECT array_agg(c.ctid), array_agg(0::bigint), array_agg(c.message_id),
                   array_agg(c.failures), array_agg(c.crashes), array_agg(c.deliveries)
            INTO places, seqs, ids, failed, crashed, delivered
            FROM (
                SELECT r.ctid, r.message_id, r.failures, r.crashes, r.deliveries
                FROM postroom.ready r
                WHERE r.queue_id = p_queue
                  AND r.priority = prio
                  AND r.crashes > 0
                  AND (r.crashes + 1 >= crash_limit) = (p_kind = 2)
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

        IF taken = 1 THEN -- one message alone needs no sort, no cutting into leases and no join
            INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries, started)
            VALUES (p_worker, p_queue, prio, ids, B'1'::bit varying,
                    CASE WHEN failed[1] > 0 THEN failed END, crashed, CASE WHEN delivered[1] > 0 THEN delivered END,
                    CASE WHEN starting < 1 THEN 0 END)
            RETURNING l.id INTO new_lease;
            RETURN QUERY
            SELECT new_lease, 1, 0, prio, seqs[1], ids[1], failed[1], coalesce(crashed[1], 0::smallint), delivered[1],
                   m.id IS NOT NULL,
                   coalesce(m.expires_at <= clock_timestamp(), false)
                       OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
                   m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key
            FROM (SELECT) one -- answers a row even when the payload is not visible
            LEFT JOIN postroom.message m ON m.id = ids[1];
        ELSE
            SELECT array_agg(u.id ORDER BY u.id) INTO sorted FROM unnest(ids) u (id);
            low := sorted[1];
            high := sorted[taken];

            WITH leased AS (
                INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries, started)
                SELECT p_worker, p_queue, prio, ids[g.first : g.last], repeat('1', least(g.last, taken) - g.first + 1)::bit varying,
                       CASE WHEN 0 < ANY (failed) THEN failed[g.first : g.last] END,
                       crashed[g.first : g.last],
                       CASE WHEN 0 < ANY (delivered) THEN delivered[g.first : g.last] END,
                       CASE WHEN starting < least(g.last, taken) THEN greatest(starting - g.first + 1, 0) END
                FROM (SELECT s.first, s.first + p_lease_size - 1 AS last FROM generate_series(1, taken, p_lease_size) s (first)) g
                RETURNING l.id
            )
            SELECT array_agg(l.id) INTO new_leases FROM leased l;

            RETURN QUERY
            SELECT new_leases[p.part + 1], least(p_lease_size, taken - p.part * p_lease_size), p.place - p.part * p_lease_size,
                   prio, seqs[taken], p.message_id, p.failures, coalesce(p.crashes, 0::smallint), p.deliveries,
                   m.id IS NOT NULL,
                   coalesce(m.expires_at <= clock_timestamp(), false)
                       OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
                   m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key
            FROM (SELECT u.message_id, u.failures, u.crashes, u.deliveries, u.place::int - 1 AS place,
                         (u.place::int - 1) / p_lease_size AS part
                  FROM unnest(ids, failed, crashed, delivered) WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)) p
            LEFT JOIN (SELECT x.id, x.expires_at, x.created_at, x.type, x.type_version, x.direction, x.correlation_id, x.content_type,
                              x.exchange, x.routing_key, x.queue_ids, x.headers, x.payload, x.body, x.group_key
                       FROM postroom.message x
                       WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
                       OFFSET 0 -- a step of its own: reads these ids through message_pk before the join
                      ) m ON m.id = p.message_id;
        END IF;

        wanted := wanted - taken;
        starting := starting - taken;
        EXIT WHEN wanted <= 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.claim IS
    'Internal: called by workers. Takes ready messages and puts them under leases.';

-- Takes messages of many queues at once, in one statement a step: of each queue up to its limit from one lane, from its cursor on. Each
-- array has one entry a queue, and no queue comes twice. Answers the same rows as claim, with the queue of each, in no order. A queue whose
-- number belongs to another name by now is left out, the others are not. Ordinary messages only.
--
-- Locks ready rows with SKIP LOCKED through ready_pk, the queues in the order of their entries. The lookups of a queue and of its rows are
-- LATERAL, so the plan can only be a nested loop over the entries, whatever the statistics say. All other joins are hash joins: see claim.
CREATE OR REPLACE FUNCTION postroom.claim_each(
    p_worker int, p_queues int[], p_queue_names text[], p_priorities smallint[], p_cursors bigint[],
    p_limits int[], p_lease_sizes int[], p_started int[])
RETURNS TABLE (
    queue_id int, lease_id bigint, lease_count int, ordinal int, priority smallint, lane_seq bigint, message_id uuid,
    failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamptz,
    type text, type_version smallint, direction smallint, correlation_id text, content_type text,
    exchange text, routing_key text, headers text, payload text, body bytea, group_key text)
LANGUAGE plpgsql VOLATILE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    places       tid[];
    entries      int[];
    seqs         bigint[];
    ids          uuid[];
    failed       smallint[];
    delivered    smallint[];
    lane_firsts  int[]; -- of each lease: where its queue's messages begin and end in the arrays above,
    lane_lasts   int[];
    firsts       int[]; -- and where its own do
    lasts        int[];
    owners       int[]; -- and the entry of its queue
    new_leases   bigint[];
    sorted       uuid[];
    low          uuid;
    high         uuid;
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queues: see begin_single_active_change
    SELECT array_agg(c.ctid), array_agg(c.entry), array_agg(c.seq), array_agg(c.message_id), array_agg(c.failures), array_agg(c.deliveries)
    INTO places, entries, seqs, ids, failed, delivered
    FROM (
        SELECT r.ctid, e.entry::int AS entry, r.seq, r.message_id, r.failures, r.deliveries
        FROM unnest(p_queues, p_queue_names, p_priorities, p_cursors, p_limits)
             WITH ORDINALITY e (queue_id, queue_name, priority, from_seq, most, entry)
        -- The lock on queue is held until the end of the transaction: see claim.
        CROSS JOIN LATERAL (
            SELECT
            FROM postroom.queue q
            WHERE q.id = e.queue_id
              AND CASE WHEN q.name <> e.queue_name OR q.ordered OR q.fair OR q.has_limiter THEN false
                       WHEN q.single_active_consumer THEN postroom.take_active(p_worker, q.id)
                       ELSE true END
            OFFSET 0) known
        CROSS JOIN LATERAL (
            SELECT r.ctid, r.seq, r.message_id, r.failures, r.deliveries
            FROM postroom.ready r
            WHERE r.queue_id = e.queue_id
              AND r.priority = e.priority
              AND r.seq >= e.from_seq
              AND r.crashes = 0
            ORDER BY r.queue_id, r.priority, r.seq
            LIMIT e.most
            FOR UPDATE SKIP LOCKED
        ) r
        ORDER BY e.entry, r.seq
    ) c;
    IF ids IS NULL THEN
        RETURN;
    END IF;

    DELETE FROM postroom.ready WHERE ctid = ANY (places);

    SELECT array_agg(s.lane_first), array_agg(s.lane_last), array_agg(s.first), array_agg(s.last), array_agg(s.entry)
    INTO lane_firsts, lane_lasts, firsts, lasts, owners
    FROM (
        SELECT g.entry, g.lane_first, g.lane_last, p.first, least(p.first + p_lease_sizes[g.entry] - 1, g.lane_last) AS last
        FROM (
            SELECT u.entry, min(u.place)::int AS lane_first, max(u.place)::int AS lane_last
            FROM unnest(entries) WITH ORDINALITY u (entry, place)
            GROUP BY u.entry
        ) g
        CROSS JOIN LATERAL generate_series(g.lane_first, g.lane_last, p_lease_sizes[g.entry]) p (first)
        ORDER BY p.first
    ) s;

    WITH leased AS (
        INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, deliveries, started)
        SELECT p_worker, p_queues[s.entry], p_priorities[s.entry], ids[s.first : s.last], repeat('1', s.last - s.first + 1)::bit varying,
               CASE WHEN 0 < ANY (failed) THEN failed[s.first : s.last] END,
               CASE WHEN 0 < ANY (delivered) THEN delivered[s.first : s.last] END,
               CASE WHEN p_started[s.entry] < s.last - s.lane_first + 1 THEN greatest(p_started[s.entry] - (s.first - s.lane_first), 0) END
        FROM unnest(lane_firsts, firsts, lasts, owners) s (lane_first, first, last, entry)
        RETURNING l.id
    )
    SELECT array_agg(l.id) INTO new_leases FROM leased l;

    SELECT array_agg(u.id ORDER BY u.id) INTO sorted FROM unnest(ids) u (id);
    low := sorted[1];
    high := sorted[cardinality(sorted)];

    RETURN QUERY
    SELECT p_queues[k.entry], new_leases[k.lease], k.last - k.first + 1, k.place - k.first,
           p_priorities[k.entry], seqs[k.lane_last], k.message_id, k.failures, 0::smallint, k.deliveries,
           m.id IS NOT NULL,
           coalesce(m.expires_at <= clock_timestamp(), false)
               OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queues[k.entry]),
           m.created_at,
           m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
           m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key
    FROM (
        SELECT s.entry, s.lease, s.first, s.last, s.lane_last, p.place,
               ids[p.place] AS message_id, failed[p.place] AS failures, delivered[p.place] AS deliveries
        FROM unnest(lane_lasts, firsts, lasts, owners) WITH ORDINALITY s (lane_last, first, last, entry, lease)
        CROSS JOIN LATERAL generate_series(s.first, s.last) p (place)
    ) k
    LEFT JOIN (SELECT x.id, x.expires_at, x.created_at, x.type, x.type_version, x.direction, x.correlation_id, x.content_type,
                      x.exchange, x.routing_key, x.queue_ids, x.headers, x.payload, x.body, x.group_key
               FROM postroom.message x
               WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
               OFFSET 0 -- a step of its own: see claim
              ) m ON m.id = k.message_id;
END
$$;
COMMENT ON FUNCTION postroom.claim_each IS
    'Internal: called by workers. Takes ready messages of many queues and puts them under leases.';

-- Announces which messages of leases of p_worker it may have started from here on: of each lease those before an ordinal. A rescue counts a
-- crash for these alone and gives the others back untouched. Never takes back what was announced before. Locks the lease rows in the order
-- of their ids through lease_pk. A lease that is gone is left out: its worker lost it.
CREATE OR REPLACE FUNCTION postroom.announce_starts(p_worker int, p_leases bigint[], p_started int[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
BEGIN
    UPDATE postroom.lease l
    SET started = u.started
    FROM unnest(p_leases, p_started) u (lease_id, started)
    WHERE l.id = u.lease_id
      AND l.id = ANY (p_leases) -- pins the plan: see complete_done
      AND l.worker_id = p_worker
      AND l.started < u.started;
END
$$;
COMMENT ON FUNCTION postroom.announce_starts IS
    'Internal: called by workers. Says which messages under leases may have started.';
