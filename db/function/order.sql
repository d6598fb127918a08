-- order: queues in which the messages of a group run one after the other. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- A message enters an ordered queue like any other: through ready. So enqueuing, routing, promoting and redriving know nothing of groups. A
-- claim sorts what it finds there. The first message of a free group gets the row of its group in message_group and goes under a lease; it
-- is the holder. Messages of a busy group go to grouped, behind it. The holder keeps its group wherever it goes: ready, delayed, a lease,
-- or dead_letter where the queue says so. When it has ended, the next one of grouped becomes the holder and goes back to ready.
--
-- Promise: a message that was acknowledged before another of its group was sent is handled first. It has the lower seq, and each snapshot
-- that shows the other shows it, too. Hence the steps below:
--
--   1. Claims of one queue come one after the other (an advisory lock). A claim beside another would skip what that one has locked, take a
--      younger message, and be wrong if the other rolls back.
--   2. A claim looks from the low watermarks on, in all lanes at once and up to one seq. From a cursor on it would miss an older message
--      that was committed late, and lane by lane an older one of lower priority. A second look of the same claim begins behind the first
--      and takes nothing that was sent after the claim began.
--   3. It locks the row of a group (KEY SHARE, SKIP LOCKED) before it puts a message behind that group or takes the group for a message.
--      Whoever ends a group locks the row first (UPDATE) and looks for a next message after that. So either the claim comes first and the
--      message is seen, or the claim finds the row locked and leaves the message in ready. Without the lock the message could be left in
--      grouped for ever. Nobody but a claim makes a group busy, so a free group stays free.
--   4. A message whose row in ready is locked (a cancel in an open transaction) holds back those of its group behind it, and no others.
--   5. The next message of a group is chosen with SKIP LOCKED, too. If it is locked, the group has no holder for a while (message_id is
--      null); sweep_groups tries again.
--
-- No step waits for a user's transaction. A lock that was lost, or that nobody holds any more, is found by sweep_groups.

-- Takes up to p_limit messages of an ordered queue: p_floors are low watermarks, one for each of p_priorities, which name all lanes.
-- Answers what claim answers, in the same form, with messages of several groups under one lease. lane_seq is the highest seq looked at. 0
-- rows: nothing is free, or p_queue is no ordered queue of that name. p_kind and p_started: see claim.
--
-- Looks at more rows than it takes, because messages of busy groups are put away. It looks at them once: they are in grouped afterwards.
-- While it finds too few it looks further, with larger looks, each behind the one before: 10 looks, which move 40,000 rows at most, or 30
-- while there is nothing to move. So 130,000 rows that have to stay in ready (step 4) stop nobody; a claim then takes up to a second.
CREATE OR REPLACE FUNCTION postroom.claim_ordered(
    p_worker int, p_queue int, p_queue_name text, p_priorities smallint[], p_floors bigint[],
    p_limit int, p_lease_size int, p_started int, p_kind int)
RETURNS TABLE (
    lease_id bigint, lease_count int, ordinal int, priority smallint, lane_seq bigint, message_id uuid,
    failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamptz,
    type text, type_version smallint, direction smallint, correlation_id text, content_type text,
    exchange text, routing_key text, headers text, payload text, body bytea, group_key text)
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted       int := p_limit;
    starting     int := p_started;
    most         int := least(p_limit + p_limit / 4 + 16, 2000); -- rows to look at in each lane
    crash_limit  int;
    looks        int := 0;
    from_seqs    bigint[] := p_floors; -- where the next look begins in each lane,
    up_to        bigint := 9223372036854775807; -- and where it ends
    next_seq     bigint;
    began_at     bigint;
    held_back    text[] := '{}'; -- groups of which a look before this one left something in ready
    passed_over  bigint[] := '{}'; -- rows that others have locked
    wished       int[];
    changed      int := 0;
    is_all       boolean;
    places       tid[]; -- what was looked at, in the order of handling
    seqs         bigint[];
    prios        smallint[];
    ids          uuid[];
    failed       smallint[];
    crashed      smallint[];
    delivered    smallint[];
    keys         text[];
    is_stored    boolean;
    busy_keys    text[]; -- groups whose rows are locked here, and their holders
    holders      uuid[];
    free_keys    text[]; -- free groups that have a row, which is locked here, too
    free_places  tid[];
    ending_keys  text[]; -- groups whose rows somebody else has locked
    taken        int[]; -- places in the arrays: what goes under a lease,
    firsts       int[]; -- what of it gets its group with it,
    moved        int[]; -- and what goes behind its group
    gone         tid[];
    locked       bigint[];
    last_seq     bigint;
    sorted       uuid[];
    low          uuid;
    high         uuid;
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queue: see begin_single_active_change
    -- The lock on queue is held until the end of the transaction: whether the queue is ordered cannot change meanwhile (see set_ordered).
    SELECT q.crash_limit INTO crash_limit
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND CASE WHEN q.name <> p_queue_name OR NOT q.ordered OR q.has_limiter AND p_kind < 4 THEN false
               WHEN q.single_active_consumer THEN postroom.take_active(p_worker, p_queue)
               ELSE true END;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    p_kind := p_kind % 4;
    PERFORM pg_advisory_xact_lock(1349481332, p_queue);
    began_at := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);

    LOOP
        looks := looks + 1;
        IF p_kind > 0 THEN
            SELECT array_agg(c.ctid), array_agg(c.seq), array_agg(c.priority), array_agg(c.message_id),
                   array_agg(c.failures), array_agg(c.crashes), array_agg(c.deliveries), true
            INTO places, seqs, prios, ids, failed, crashed, delivered, is_all
            FROM (
                SELECT r.ctid, r.seq, r.priority, r.message_id, r.failures, r.crashes, r.deliveries
                FROM unnest(p_priorities) WITH ORDINALITY l (priority, nth)
                CROSS JOIN LATERAL (
                    SELECT x.ctid, x.seq, x.priority, x.message_id, x.failures, x.crashes, x.deliveries
                    FROM postroom.ready x
                    WHERE x.queue_id = p_queue
                      AND x.priority = l.priority
                      AND x.crashes > 0
                      AND (x.crashes + 1 >= crash_limit) = (p_kind = 2)
                      AND x.seq <> ALL (passed_over)
                    ORDER BY x.queue_id, x.priority, x.seq
                    LIMIT 1
                ) r
                ORDER BY l.nth
            ) c;
        ELSE
            WITH looked AS MATERIALIZED (
                SELECT r.ctid AS place, r.seq, r.priority, r.message_id, r.failures, r.crashes, r.deliveries
                FROM unnest(p_priorities, from_seqs) l (priority, from_seq)
                CROSS JOIN LATERAL (
                    SELECT x.ctid, x.seq, x.priority, x.message_id, x.failures, x.crashes, x.deliveries
                    FROM postroom.ready x
                    WHERE x.queue_id = p_queue
                      AND x.priority = l.priority
                      AND x.seq >= l.from_seq
                      AND x.seq <= up_to
                    ORDER BY x.queue_id, x.priority, x.seq
                    LIMIT most
                ) r
            ), bound AS MATERIALIZED (
                -- Step 2: of a lane with more rows than were looked at, nothing is known beyond the last of them.
                SELECT min(x.last_seq) AS seq
                FROM (SELECT max(k.seq) AS last_seq FROM looked k GROUP BY k.priority HAVING count(*) >= most) x
            )
            SELECT array_agg(c.place), array_agg(c.seq), array_agg(c.priority), array_agg(c.message_id),
                   array_agg(c.failures), array_agg(c.crashes), array_agg(c.deliveries), min(c.bound_seq)
            INTO places, seqs, prios, ids, failed, crashed, delivered, next_seq
            FROM (
                SELECT k.*, b.seq AS bound_seq
                FROM looked k
                CROSS JOIN bound b
                WHERE b.seq IS NULL OR k.seq <= b.seq
                ORDER BY k.deliveries = 0, k.seq -- what was claimed before and comes back (a redrive) goes in front
            ) c;
            is_all := next_seq IS NULL;
        END IF;
        EXIT WHEN ids IS NULL;

        SELECT array_agg(u.id ORDER BY u.id) INTO sorted FROM unnest(ids) u (id);
        low := sorted[1];
        high := sorted[cardinality(sorted)];
        FOR again IN 1 .. 2 LOOP
            SELECT array_agg(m.group_key ORDER BY u.place), bool_and(m.id IS NOT NULL) INTO keys, is_stored
            FROM unnest(ids) WITH ORDINALITY u (id, place)
            LEFT JOIN (SELECT x.id, x.group_key
                       FROM postroom.message x
                       WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
                       OFFSET 0 -- a step of its own: see claim
                      ) m ON m.id = u.id;
            -- While the day of a message is freed, a snapshot may miss it; the next one sees it. What is gone for good has no group.
            EXIT WHEN is_stored;
        END LOOP;

        -- Step 3. A row that is gone by the time it is locked counts as locked by others: the next claim sees what became of it.
        SELECT array_agg(g.group_key) FILTER (WHERE NOT g.is_free), array_agg(g.message_id) FILTER (WHERE NOT g.is_free),
               array_agg(g.group_key) FILTER (WHERE g.is_free), array_agg(g.place) FILTER (WHERE g.is_free),
               array_agg(g.group_key) FILTER (WHERE g.place IS NULL)
        INTO busy_keys, holders, free_keys, free_places, ending_keys
        FROM (
            SELECT k.group_key, x.place, x.message_id, x.is_free
            FROM (SELECT DISTINCT u.group_key FROM unnest(keys) u (group_key) WHERE u.group_key IS NOT NULL) k
            CROSS JOIN LATERAL (
                SELECT n.epoch
                FROM postroom.message_group n
                WHERE n.queue_id = p_queue AND n.group_key = k.group_key
                ORDER BY n.epoch DESC
                LIMIT 1
            ) n
            LEFT JOIN LATERAL (
                SELECT r.ctid AS place, r.message_id, r.is_free
                FROM postroom.message_group r
                WHERE r.queue_id = p_queue AND r.group_key = k.group_key AND r.epoch = n.epoch
                FOR KEY SHARE SKIP LOCKED
            ) x ON true
        ) g;

        WITH entry AS MATERIALIZED (
            SELECT e.place::int AS place, e.id, e.group_key, e.prio, e.crashed, e.seq, b.holder,
                   b.group_key IS NOT NULL AS is_busy, d.group_key IS NOT NULL AS is_ending,
                   k.group_key IS NOT NULL AS is_held_back, p.seq IS NOT NULL AS is_passed_over,
                   row_number() OVER (PARTITION BY e.group_key ORDER BY e.place) AS nth
            FROM unnest(ids, keys, prios, crashed, seqs) WITH ORDINALITY e (id, group_key, prio, crashed, seq, place)
            LEFT JOIN unnest(busy_keys, holders) b (group_key, holder) ON b.group_key = e.group_key
            LEFT JOIN unnest(ending_keys) d (group_key) ON d.group_key = e.group_key
            LEFT JOIN unnest(held_back) k (group_key) ON k.group_key = e.group_key
            LEFT JOIN unnest(passed_over) p (seq) ON p.seq = e.seq
        ), chosen AS MATERIALIZED (
            -- A message without a group, one that holds its group, or the first one of a free group.
            SELECT c.place, c.group_key, c.is_first
            FROM (
                SELECT e.place, e.group_key, e.group_key IS NOT NULL AND NOT e.is_busy AS is_first,
                       row_number() OVER (ORDER BY e.prio DESC, e.place) AS nth
                FROM entry e
                WHERE (e.crashed > 0) = (p_kind > 0)
                  AND NOT e.is_passed_over
                  AND (e.group_key IS NULL
                       OR e.is_busy AND e.holder = e.id
                       OR NOT e.is_busy AND NOT e.is_ending AND NOT e.is_held_back AND e.nth = 1)
            ) c
            WHERE c.nth <= wanted
        )
        SELECT (SELECT array_agg(c.place ORDER BY c.place) FROM chosen c),
               (SELECT array_agg(c.place ORDER BY c.place) FROM chosen c WHERE c.is_first),
               (SELECT array_agg(e.place ORDER BY e.place)
                FROM entry e
                LEFT JOIN chosen c ON c.group_key = e.group_key
                WHERE CASE WHEN e.group_key IS NULL OR e.is_held_back THEN false
                           WHEN e.is_busy THEN e.holder IS DISTINCT FROM e.id
                           ELSE NOT e.is_ending AND c.is_first AND c.place <> e.place END)
        INTO taken, firsts, moved;
        taken := coalesce(taken, '{}');
        firsts := coalesce(firsts, '{}');
        moved := coalesce(moved, '{}');

        -- Step 4.
        wished := taken;
        SELECT array_agg(e.spot) INTO gone
        FROM unnest(places) WITH ORDINALITY e (spot, place)
        JOIN unnest(taken || moved) k (place) ON k.place = e.place;
        SELECT coalesce(array_agg(r.seq), '{}') INTO locked
        FROM (SELECT x.seq FROM postroom.ready x WHERE x.ctid = ANY (gone) FOR UPDATE SKIP LOCKED) r;
        IF cardinality(locked) < cardinality(taken) + cardinality(moved) THEN
            SELECT coalesce(array_agg(k.place ORDER BY k.place) FILTER (WHERE k.is_taken AND k.is_locked), '{}'),
                   coalesce(array_agg(k.place ORDER BY k.place) FILTER (WHERE k.is_first AND k.is_locked), '{}'),
                   coalesce(array_agg(k.place ORDER BY k.place) FILTER (WHERE NOT k.is_taken AND k.all_locked), '{}'),
                   array_agg(k.spot) FILTER (WHERE CASE WHEN k.is_taken THEN k.is_locked ELSE k.all_locked END)
            INTO taken, firsts, moved, gone
            FROM (
                SELECT e.place, e.spot, t.place IS NOT NULL AS is_taken, f.place IS NOT NULL AS is_first, l.seq IS NOT NULL AS is_locked,
                       -- of the group: this one and all before it; a holder is no part of that
                       bool_and(l.seq IS NOT NULL) OVER (PARTITION BY e.group_key, t.place IS NOT NULL AND f.place IS NULL
                                                         ORDER BY e.place) AS all_locked
                FROM (SELECT u.place::int AS place, u.spot, u.seq, u.group_key
                      FROM unnest(places, seqs, keys) WITH ORDINALITY u (spot, seq, group_key, place)) e
                JOIN unnest(taken || moved) k (place) ON k.place = e.place
                LEFT JOIN unnest(taken) t (place) ON t.place = e.place
                LEFT JOIN unnest(firsts) f (place) ON f.place = e.place
                LEFT JOIN unnest(locked) l (seq) ON l.seq = e.seq
            ) k;
        END IF;

        IF cardinality(firsts) > 0 THEN
            -- low: what comes behind this group from now on has a higher seq. It is a new epoch, too: higher than all the group had,
            -- because each holder has drawn at least one seq.
            last_seq := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);
            INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch)
            SELECT p_queue, e.group_key, e.id, last_seq, last_seq
            FROM unnest(ids, keys) WITH ORDINALITY e (id, group_key, place)
            JOIN unnest(firsts) k (place) ON k.place = e.place
            LEFT JOIN unnest(free_keys) f (group_key) ON f.group_key = e.group_key
            WHERE f.group_key IS NULL;
            IF free_keys IS NOT NULL THEN
                UPDATE postroom.message_group g
                SET message_id = t.id,
                    low        = last_seq,
                    epoch      = g.epoch + CASE WHEN g.holders >= 16 THEN 1 ELSE 0 END,
                    holders    = CASE WHEN g.holders >= 16 THEN 1 ELSE g.holders + 1 END,
                    is_free    = false,
                    held_since = clock_timestamp()
                FROM (
                    SELECT e.id, f.place
                    FROM unnest(ids, keys) WITH ORDINALITY e (id, group_key, place)
                    JOIN unnest(firsts) k (place) ON k.place = e.place
                    JOIN unnest(free_keys, free_places) f (group_key, place) ON f.group_key = e.group_key
                ) t
                WHERE g.ctid = t.place
                  AND g.ctid = ANY (free_places);
            END IF;
        END IF;
        IF cardinality(moved) > 0 THEN
            INSERT INTO postroom.grouped (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
            SELECT nextval('postroom.ready_seq') - CASE WHEN e.delivered > 0 THEN 4611686018427387904 ELSE 0 END, -- in front
                   p_queue, e.prio, e.failed, e.crashed, e.delivered, e.id, e.group_key
            FROM (
                SELECT x.*
                FROM unnest(prios, failed, crashed, delivered, ids, keys) WITH ORDINALITY
                         x (prio, failed, crashed, delivered, id, group_key, place)
                JOIN unnest(moved) k (place) ON k.place = x.place
                ORDER BY x.place
            ) e;
            UPDATE postroom.message_group g
            SET low = -9223372036854775808
            WHERE g.queue_id = p_queue
              AND g.group_key = ANY (ARRAY(
                  SELECT x.group_key
                  FROM unnest(delivered, keys) WITH ORDINALITY x (delivered, group_key, place)
                  JOIN unnest(moved) k (place) ON k.place = x.place
                  WHERE x.delivered > 0));
        END IF;
        IF gone IS NOT NULL THEN
            DELETE FROM postroom.ready WHERE ctid = ANY (gone);
        END IF;

        IF cardinality(taken) > 0 THEN
            SELECT array_agg(e.id ORDER BY e.id) INTO sorted
            FROM unnest(ids) WITH ORDINALITY e (id, place)
            JOIN unnest(taken) k (place) ON k.place = e.place;
            low := sorted[1];
            high := sorted[cardinality(sorted)];

            RETURN QUERY
            WITH part AS MATERIALIZED (
                SELECT t.prio, t.part, count(*)::int AS messages,
                       array_agg(t.id ORDER BY t.place) AS ids, array_agg(t.failed ORDER BY t.place) AS failed,
                       array_agg(t.crashed ORDER BY t.place) AS crashed, array_agg(t.delivered ORDER BY t.place) AS delivered
                FROM (
                    SELECT e.*, (row_number() OVER (PARTITION BY e.prio ORDER BY e.place) - 1) / p_lease_size AS part
                    FROM unnest(prios, failed, crashed, delivered, ids) WITH ORDINALITY e (prio, failed, crashed, delivered, id, place)
                    JOIN unnest(taken) k (taken_place) ON k.taken_place = e.place
                ) t
                GROUP BY t.prio, t.part
            ), leased AS (
                INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries, started)
                SELECT p_worker, p_queue, p.prio, p.ids, repeat('1', p.messages)::bit varying,
                       CASE WHEN 0 < ANY (p.failed) THEN p.failed END,
                       CASE WHEN 0 < ANY (p.crashed) THEN p.crashed END,
                       CASE WHEN 0 < ANY (p.delivered) THEN p.delivered END,
                       CASE WHEN starting < p.last_place THEN greatest(starting - (p.last_place - p.messages), 0) END
                FROM (SELECT x.*, (sum(x.messages) OVER (ORDER BY x.prio DESC, x.part))::int AS last_place FROM part x) p
                ORDER BY p.prio DESC, p.part
                RETURNING l.id, l.priority, l.message_ids, l.failures, l.crashes, l.deliveries
            )
            SELECT k.id, k.lease_count, k.place::int - 1, k.priority, (SELECT max(s.seq) FROM unnest(seqs) s (seq)), k.message_id,
                   coalesce(k.failures, 0::smallint), coalesce(k.crashes, 0::smallint), coalesce(k.deliveries, 0::smallint),
                   m.id IS NOT NULL,
                   coalesce(m.expires_at <= clock_timestamp(), false)
                       OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
                   m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key
            FROM (
                SELECT l.id, cardinality(l.message_ids) AS lease_count, l.priority,
                       u.message_id, u.failures, u.crashes, u.deliveries, u.place
                FROM leased l
                CROSS JOIN LATERAL unnest(l.message_ids, l.failures, l.crashes, l.deliveries)
                    WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)
            ) k
            LEFT JOIN (SELECT x.id, x.expires_at, x.created_at, x.type, x.type_version, x.direction, x.correlation_id, x.content_type,
                              x.exchange, x.routing_key, x.queue_ids, x.headers, x.payload, x.body, x.group_key
                       FROM postroom.message x
                       WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
                       OFFSET 0 -- a step of its own: see claim
                      ) m ON m.id = k.message_id;
        END IF;

        wanted := wanted - cardinality(taken);
        starting := starting - cardinality(taken);
        changed := changed + cardinality(taken) + cardinality(moved);
        EXIT WHEN wanted <= 0 OR looks >= CASE WHEN changed > 0 THEN 10 ELSE 30 END;

        IF cardinality(taken) < cardinality(wished) THEN
            -- Others have locked some of it: looks at the same rows again, for what is free in their stead. Leaves out all that is locked
            -- among them, not only what was wished: a claim of one would need a look for each.
            SELECT coalesce(array_agg(r.seq), '{}') INTO locked
            FROM (SELECT x.seq FROM postroom.ready x WHERE x.ctid = ANY (places) FOR UPDATE SKIP LOCKED) r;
            passed_over := passed_over || ARRAY(
                SELECT e.seq
                FROM unnest(seqs) e (seq)
                LEFT JOIN unnest(locked || passed_over) k (seq) ON k.seq = e.seq
                WHERE k.seq IS NULL);
            held_back := held_back || ARRAY(
                SELECT DISTINCT keys[w.place]
                FROM unnest(wished) w (place)
                WHERE w.place <> ALL (taken) AND keys[w.place] <> ALL (held_back));
            CONTINUE;
        END IF;
        EXIT WHEN is_all AND (p_kind = 0 OR cardinality(taken) > 0);

        -- The next look does not see what was committed below it since the first one. So it must not see what was sent after that: it ends
        -- where the numbers stood before the first look. Of a group that has left something in ready it takes no more than the holder.
        held_back := held_back || ARRAY(
            SELECT DISTINCT e.group_key
            FROM unnest(keys) WITH ORDINALITY e (group_key, place)
            LEFT JOIN unnest(taken || moved) t (place) ON t.place = e.place
            LEFT JOIN unnest(held_back) k (group_key) ON k.group_key = e.group_key
            WHERE e.group_key IS NOT NULL AND t.place IS NULL AND k.group_key IS NULL);
        IF p_kind > 0 THEN
            passed_over := passed_over || seqs; -- somebody ends the group of this one, but not of the next
            CONTINUE;
        END IF;
        from_seqs := array_fill(next_seq + 1, ARRAY[cardinality(p_priorities)]);
        up_to := began_at;
        most := least(most * 4, 5000);
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.claim_ordered IS
    'Internal: called by workers. Takes ready messages of an ordered queue, at most one of each group, and puts them under leases.';

-- Ends the hold of messages on their groups and hands each group to its next message, which becomes READY. A group whose holder is another
-- message by now is left alone. So is one whose message is a dead letter (p_dead) in a queue that blocks then. Answers how many groups went
-- on. p_holders: null stands for a group without a holder.
--
-- Locks the rows of the groups in one order, through message_group_pk, and looks for the next messages in a second statement: see step 3
-- above. low lets that look begin behind the dead entries of messages that went before. A row whose epoch has changed since the look has
-- another holder.
CREATE OR REPLACE FUNCTION postroom.advance_groups(p_queues int[], p_groups text[], p_holders uuid[], p_dead boolean[]) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE
    queues       int[];
    keys         text[];
    lows         bigint[];
    places       tid[];
    handed_over  int;
BEGIN
    SELECT array_agg(g.queue_id), array_agg(g.group_key), array_agg(g.low), array_agg(g.place) INTO queues, keys, lows, places
    FROM (
        SELECT u.queue_id, u.group_key, u.holder
        FROM unnest(p_queues, p_groups, p_holders, p_dead) u (queue_id, group_key, holder, is_dead)
        LEFT JOIN postroom.queue q ON q.id = u.queue_id
        WHERE NOT coalesce(u.is_dead AND q.on_dead_letter = 'block', false)
           OR NOT EXISTS (SELECT FROM postroom.dead_letter d -- it went on through a dead letter exchange
                          WHERE d.message_id = u.holder AND d.queue_id = u.queue_id)
        ORDER BY u.queue_id, u.group_key COLLATE "C"
    ) w
    CROSS JOIN LATERAL (
        SELECT n.epoch
        FROM postroom.message_group n
        WHERE n.queue_id = w.queue_id AND n.group_key = w.group_key
        ORDER BY n.epoch DESC
        LIMIT 1
    ) n
    CROSS JOIN LATERAL (
        SELECT x.queue_id, x.group_key, x.low, x.ctid AS place
        FROM postroom.message_group x
        WHERE x.queue_id = w.queue_id
          AND x.group_key = w.group_key
          AND x.epoch = n.epoch
          AND x.message_id IS NOT DISTINCT FROM w.holder
          AND NOT x.is_free
        FOR UPDATE
    ) g;
    IF keys IS NULL THEN
        RETURN 0;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- The snapshot of an ATOMIC handler's transaction may be older than the lock. What it does not show would wait for ever.
        UPDATE postroom.message_group g
        SET message_id = NULL
        WHERE g.ctid = ANY (places);
        RETURN cardinality(keys);
    END IF;

    WITH head AS MATERIALIZED (
        SELECT h.queue_id, h.group_key, h.group_place, n.place
        FROM unnest(queues, keys, lows, places) h (queue_id, group_key, low, group_place)
        LEFT JOIN LATERAL (
            SELECT w.ctid AS place
            FROM postroom.grouped w
            WHERE w.queue_id = h.queue_id
              AND w.group_key = h.group_key
              AND w.seq >= h.low
            ORDER BY w.queue_id, w.group_key, w.seq
            LIMIT 1
        ) n ON true
    ), next AS MATERIALIZED (
        SELECT w.ctid AS place, w.seq, w.queue_id, w.group_key, w.priority, w.failures, w.crashes, w.deliveries, w.message_id
        FROM postroom.grouped w
        WHERE w.ctid = ANY (ARRAY(SELECT h.place FROM head h))
        FOR UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM postroom.grouped w
        WHERE w.ctid = ANY (ARRAY(SELECT n.place FROM next n))
    ), handed AS (
        INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id)
        SELECT nextval('postroom.ready_seq'), n.queue_id, n.priority, n.failures, n.crashes, n.deliveries, n.message_id
        FROM next n
    ), passed AS (
        UPDATE postroom.message_group g
        SET message_id = n.message_id,
            low        = n.seq + 1,
            epoch      = g.epoch + CASE WHEN g.holders >= 16 THEN 1 ELSE 0 END,
            holders    = CASE WHEN g.holders >= 16 THEN 1 ELSE g.holders + 1 END,
            held_since = clock_timestamp()
        FROM next n
        JOIN head h ON h.place = n.place
        WHERE g.ctid = h.group_place
          AND g.ctid = ANY (places) -- pins the plan: see complete_done
    ), paused AS (
        UPDATE postroom.message_group g
        SET message_id = NULL
        FROM head h
        WHERE h.place IS NOT NULL
          AND NOT EXISTS (SELECT FROM next n WHERE n.place = h.place)
          AND g.ctid = h.group_place
          AND g.ctid = ANY (places)
    ), let_go AS (
        UPDATE postroom.message_group g
        SET message_id = NULL, is_free = true, held_since = clock_timestamp()
        FROM head h
        WHERE h.place IS NULL
          AND g.ctid = h.group_place
          AND g.ctid = ANY (places)
    )
    SELECT count(*) INTO handed_over FROM next;
    RETURN cardinality(keys);
END
$$;
COMMENT ON FUNCTION postroom.advance_groups IS
    'Internal: called where messages end. Hands the groups of ordered queues to their next messages.';

-- For those who do not know the groups: looks them up. Messages of other queues, and those without a group, do nothing here.
CREATE OR REPLACE FUNCTION postroom.advance_after(p_queues int[], p_messages uuid[]) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    queues    int[];
    keys      text[];
    messages  uuid[];
BEGIN
    SELECT array_agg(u.queue_id), array_agg(m.group_key), array_agg(m.id) INTO queues, keys, messages
    FROM unnest(p_queues, p_messages) u (queue_id, message_id)
    JOIN postroom.queue q ON q.id = u.queue_id
    JOIN postroom.message m ON m.id = u.message_id
    WHERE q.ordered
      AND m.group_key IS NOT NULL;
    IF keys IS NULL THEN
        RETURN 0;
    END IF;
    RETURN postroom.advance_groups(queues, keys, messages, array_fill(false, ARRAY[cardinality(keys)]));
END
$$;
COMMENT ON FUNCTION postroom.advance_after IS
    'Internal: called where messages end that were not in progress. Hands their groups to the next messages.';

-- Which of these holders hold their groups no more: they are nowhere, or a dead letter in a queue that does not block then. A group without
-- a holder is among them. One statement over all places decides: a message on its way between two places is in one of them for each
-- snapshot.
CREATE OR REPLACE FUNCTION postroom.ended_holders(p_queues int[], p_holders uuid[])
RETURNS TABLE (place int)
LANGUAGE sql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
    WITH seen AS MATERIALIZED (
        SELECT u.queue_id, u.message_id, u.place::int AS place
        FROM unnest(p_queues, p_holders) WITH ORDINALITY u (queue_id, message_id, place)
    ), held AS MATERIALIZED (
        SELECT l.queue_id, u.message_id
        FROM postroom.lease l
        CROSS JOIN LATERAL unnest(l.message_ids) WITH ORDINALITY u (message_id, place)
        WHERE substring(l.open FROM u.place::int FOR 1) = B'1'
          AND EXISTS (SELECT FROM seen s WHERE s.queue_id = l.queue_id)
    )
    SELECT s.place
    FROM seen s
    LEFT JOIN postroom.queue q ON q.id = s.queue_id
    LEFT JOIN held h ON h.message_id = s.message_id AND h.queue_id = s.queue_id
    WHERE s.message_id IS NULL
       OR h.message_id IS NULL
          -- OFFSET 0: one look-up for each group, and no join that reads all that waits
          AND NOT EXISTS (SELECT FROM postroom.ready r
                          WHERE r.message_id = s.message_id AND r.moved AND r.queue_id = s.queue_id OFFSET 0)
          AND NOT EXISTS (SELECT FROM postroom.message m
                          JOIN postroom.ready r ON r.priority = m.priority AND r.seq = m.seq AND r.message_id = m.id
                          WHERE m.id = s.message_id AND r.queue_id = s.queue_id OFFSET 0)
          AND NOT EXISTS (SELECT FROM postroom.delayed d
                          WHERE d.message_id = s.message_id AND d.queue_id = s.queue_id OFFSET 0)
          AND NOT (coalesce(q.on_dead_letter, '') = 'block'
                   AND EXISTS (SELECT FROM postroom.dead_letter d
                               WHERE d.message_id = s.message_id AND d.queue_id = s.queue_id OFFSET 0))
$$;
COMMENT ON FUNCTION postroom.ended_holders IS
    'Internal: which holders of groups are in no place any more in which they keep their group. Answers their places in the arrays.';

-- The net under all of the above. Three kinds of groups are made to go on: those without a holder, those whose holder has ended or is in no
-- place (a lock that was lost, a row written by hand, a worker of another version), and those of grouped whose row is gone or says that the
-- group is free. Looks at the next p_limit groups behind (p_queue, p_group); last_queue is null at the end. is_used: there are groups at
-- all. Rows of groups that are free for a minute are deleted, unless a claim holds them.
--
-- A holder that has ended by one snapshot may be back by the next: a dead letter that was redriven and claimed keeps its group. So the rows
-- of the groups are locked first, and a later statement decides. No claim takes a message of a group whose row is locked here. What others
-- have locked is left to the next call. A row is made under the lock of the claims, so that a claim and this function do not both make it.
CREATE OR REPLACE FUNCTION postroom.sweep_groups(p_queue int, p_group text, p_limit int)
RETURNS TABLE (last_queue int, last_group text, advanced int, is_used boolean)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    queues   int[];
    keys     text[];
    holders  uuid[];
    places   tid[];
    looked   int;
    waiting  record;
BEGIN
    advanced := 0;
    SELECT count(*), (array_agg(s.queue_id))[count(*)::int], (array_agg(s.group_key))[count(*)::int],
           array_agg(s.queue_id) FILTER (WHERE NOT s.is_free), array_agg(s.group_key) FILTER (WHERE NOT s.is_free),
           array_agg(s.message_id) FILTER (WHERE NOT s.is_free), array_agg(s.place) FILTER (WHERE NOT s.is_free)
    INTO looked, last_queue, last_group, queues, keys, holders, places
    FROM (
        SELECT g.queue_id, g.group_key, g.message_id, g.is_free, g.ctid AS place
        FROM postroom.message_group g
        WHERE (g.queue_id, g.group_key) > (p_queue, p_group)
        ORDER BY g.queue_id, g.group_key
        LIMIT p_limit
    ) s;
    IF queues IS NOT NULL THEN
        SELECT array_agg(places[e.place]) INTO places FROM postroom.ended_holders(queues, holders) e;
    END IF;
    IF places IS NOT NULL THEN
        SELECT array_agg(g.queue_id), array_agg(g.group_key), array_agg(g.message_id) INTO queues, keys, holders
        FROM (SELECT x.queue_id, x.group_key, x.message_id
              FROM postroom.message_group x
              WHERE x.ctid = ANY (places) AND NOT x.is_free
              FOR UPDATE SKIP LOCKED) g;
        SELECT array_agg(queues[e.place]), array_agg(keys[e.place]), array_agg(holders[e.place])
        INTO queues, keys, holders
        FROM postroom.ended_holders(queues, holders) e;
        IF keys IS NOT NULL THEN
            advanced := postroom.advance_groups(queues, keys, holders, array_fill(false, ARRAY[cardinality(keys)]));
        END IF;
    END IF;
    IF looked < p_limit THEN
        last_queue := NULL;
        last_group := NULL;
    END IF;
    DELETE FROM postroom.message_group g
    WHERE g.ctid = ANY (ARRAY(
        SELECT x.ctid
        FROM postroom.message_group x
        WHERE (x.queue_id, x.group_key) > (p_queue, p_group)
          AND (last_queue IS NULL OR (x.queue_id, x.group_key) <= (last_queue, last_group COLLATE "C"))
          AND x.is_free
          AND x.held_since < clock_timestamp() - interval '1 minute'
        FOR UPDATE SKIP LOCKED));

    -- Groups of grouped in the same range: jumps from one to the next.
    FOR waiting IN
        WITH RECURSIVE g AS (
            (SELECT w.queue_id, w.group_key, w.seq
             FROM postroom.grouped w
             WHERE (w.queue_id, w.group_key) > (p_queue, p_group)
             ORDER BY w.queue_id, w.group_key, w.seq
             LIMIT 1)
            UNION ALL
            SELECT n.queue_id, n.group_key, n.seq
            FROM g
            CROSS JOIN LATERAL (
                SELECT w.queue_id, w.group_key, w.seq
                FROM postroom.grouped w
                WHERE (w.queue_id, w.group_key) > (g.queue_id, g.group_key)
                ORDER BY w.queue_id, w.group_key, w.seq
                LIMIT 1) n
            WHERE last_queue IS NULL OR (n.queue_id, n.group_key) <= (last_queue, last_group COLLATE "C")
        )
        SELECT x.queue_id, x.group_key, x.seq
        FROM (SELECT g.queue_id, g.group_key, g.seq FROM g LIMIT p_limit * 10) x
        WHERE NOT EXISTS (
            SELECT FROM postroom.message_group h
            WHERE h.queue_id = x.queue_id AND h.group_key = x.group_key AND h.low <= x.seq AND NOT h.is_free)
    LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(1349481332, waiting.queue_id);
        CONTINUE WHEN NOT EXISTS (SELECT FROM postroom.grouped w
                                  WHERE w.queue_id = waiting.queue_id AND w.group_key = waiting.group_key AND w.seq = waiting.seq);
        PERFORM FROM postroom.message_group h
        WHERE h.queue_id = waiting.queue_id AND h.group_key = waiting.group_key
        FOR UPDATE SKIP LOCKED;
        IF FOUND THEN
            UPDATE postroom.message_group h
            SET low = least(h.low, waiting.seq), is_free = false
            WHERE h.queue_id = waiting.queue_id AND h.group_key = waiting.group_key;
        ELSIF EXISTS (SELECT FROM postroom.message_group h
                      WHERE h.queue_id = waiting.queue_id AND h.group_key = waiting.group_key) THEN
            CONTINUE; -- to wait here would keep all claims of the queue waiting
        ELSE
            INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch)
            VALUES (waiting.queue_id, waiting.group_key, NULL, waiting.seq, pg_sequence_last_value('postroom.ready_seq'));
        END IF;
        advanced := advanced + postroom.advance_groups(ARRAY[waiting.queue_id], ARRAY[waiting.group_key], ARRAY[NULL::uuid], ARRAY[false]);
    END LOOP;
    is_used := EXISTS (SELECT FROM postroom.message_group) OR EXISTS (SELECT FROM postroom.grouped);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION postroom.sweep_groups IS
    'Internal: called by a job. Makes groups of ordered queues go on whose holders have ended without handing them on.';

-- For kill signals: whether something that came before p_seq still waits in an ordered queue, behind others of its group or READY from
-- there and never claimed. Both have new numbers, so the number of the message counts; a message that was delayed first has none. A group
-- whose holder is delayed or dead stands still, and those behind it are not waited for.
CREATE OR REPLACE FUNCTION postroom.waits_in_group(p_queue int, p_seq bigint) RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
    SELECT EXISTS (SELECT FROM postroom.queue q WHERE q.id = p_queue AND q.ordered)
       AND (EXISTS (
                SELECT
                FROM postroom.grouped w
                JOIN postroom.message m ON m.id = w.message_id
                WHERE w.queue_id = p_queue
                  AND CASE WHEN m.seq > 0 THEN m.seq ELSE w.seq END < p_seq
                  AND NOT EXISTS (
                      SELECT
                      FROM postroom.message_group g
                      WHERE g.queue_id = p_queue
                        AND g.group_key = w.group_key
                        AND (EXISTS (SELECT FROM postroom.delayed d WHERE d.message_id = g.message_id AND d.queue_id = p_queue)
                             OR EXISTS (SELECT FROM postroom.dead_letter d WHERE d.message_id = g.message_id AND d.queue_id = p_queue))))
            OR EXISTS (
                SELECT
                FROM postroom.ready r
                JOIN postroom.message m ON m.id = r.message_id
                WHERE r.queue_id = p_queue AND r.moved AND r.deliveries = 0 AND m.seq > 0 AND m.seq < p_seq))
$$;
COMMENT ON FUNCTION postroom.waits_in_group IS
    'Internal: whether something in an ordered queue that came before a seq waits for its turn in its group.';

-- Whether a queue is ordered changes under a lock that no claim and no enqueue shares. They hold theirs on queue until their transactions
-- end, so none is under way then. Without it, a claim from before the change could hold a message of a group of which a claim after the
-- change takes the next. The lock is taken where the transaction of the change commits, so that a long one stops nobody, and tried for
-- 50 ms, because everybody waits behind it. delayed has no index by queue and is read whole: set_ordered has looked before.
CREATE OR REPLACE FUNCTION postroom.require_empty() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
BEGIN
    PERFORM postroom.require_read_committed();
    BEGIN
        LOCK TABLE postroom.queue IN ACCESS EXCLUSIVE MODE;
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN
            RAISE EXCEPTION 'whether queue "%" is ordered cannot be changed now: transactions that use queues are open. '
                'Nothing was changed; try again', NEW.name
                USING ERRCODE = '55P03', COLUMN = 'ordered';
    END;
    PERFORM postroom.refuse_unless_empty(NEW, OLD.ordered);
    DELETE FROM postroom.message_group g WHERE g.queue_id = NEW.id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.require_empty IS
    'Internal: a trigger. Refuses at the commit that a queue which holds messages is made ordered, or not.';

-- Whether this transaction or a savepoint of it wrote a row: a row that is visible while its transaction is in progress. Numbers from
-- before this transaction are left out first, because their status may be gone.
CREATE OR REPLACE FUNCTION postroom.is_own_row(p_xmin xid) RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN age(p_xmin) > age(own.id::xid) THEN false
                ELSE pg_xact_status((own.id::text::bigint + age(own.id::xid) - age(p_xmin))::text::xid8) = 'in progress' END
    FROM (SELECT pg_current_xact_id() AS id) own
$$;
COMMENT ON FUNCTION postroom.is_own_row IS
    'Internal: whether the current transaction wrote the visible row that has this xmin.';

-- Refuses while the queue holds messages. What this transaction has sent after the change does not count: nobody else can see it.
CREATE OR REPLACE FUNCTION postroom.refuse_unless_empty(q postroom.queue, p_stays boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM postroom.ready r WHERE r.queue_id = q.id AND NOT postroom.is_own_row(r.xmin))
       OR EXISTS (SELECT FROM postroom.grouped w WHERE w.queue_id = q.id)
       OR EXISTS (SELECT FROM postroom.lease l WHERE l.queue_id = q.id)
       OR EXISTS (SELECT FROM postroom.dead_letter d WHERE d.queue_id = q.id)
       OR EXISTS (SELECT FROM postroom.delayed d WHERE d.queue_id = q.id AND NOT postroom.is_own_row(d.xmin)) THEN
        PERFORM postroom.refuse('ordered', format('left %s while queue "%s" holds messages', p_stays::text, q.name),
            (NOT p_stays)::text, 'Empty the queue first, its dead letters included, or declare another queue');
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.refuse_unless_empty IS
    'Internal: refuses to change whether a queue is ordered while it holds messages.';

CREATE CONSTRAINT TRIGGER require_empty AFTER UPDATE OF ordered ON postroom.queue
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.ordered <> NEW.ordered) EXECUTE FUNCTION postroom.require_empty();

-- The trigger above looks again, under a lock. Until the commit the row of the queue is locked and no more. The race that the second look
-- prevents: two equal calls both write a line, or an operator's change between the look and the lock is lost.
CREATE OR REPLACE FUNCTION postroom.set_ordered(
    queue text, ordered boolean, set_by text DEFAULT 'operator', reason text DEFAULT NULL, actor text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target postroom.queue;
BEGIN
    PERFORM postroom.require_read_committed();
    PERFORM postroom.require_reason_if_given(set_ordered.reason, set_ordered.actor);
    IF set_ordered.set_by IS NULL OR set_ordered.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_ordered.set_by);
    END IF;
    IF set_ordered.ordered IS NULL THEN
        PERFORM postroom.refuse('ordered', 'true or false', NULL);
    END IF;
    FOR look IN 1..2 LOOP
        IF look = 1 THEN
            SELECT * INTO target FROM postroom.queue q WHERE q.name = set_ordered.queue;
        ELSE
            PERFORM postroom.refuse_unless_empty(target, target.ordered);
            SELECT * INTO target FROM postroom.queue q WHERE q.name = set_ordered.queue FOR NO KEY UPDATE;
        END IF;
        IF NOT FOUND THEN
            PERFORM postroom.refuse('queue', 'the name of a queue', set_ordered.queue);
        END IF;
        IF target.ordered = set_ordered.ordered
           OR set_ordered.set_by = 'declaration' AND target.settings_by = 'operator' AND target.deleted_at IS NULL THEN
            RETURN false;
        END IF;
    END LOOP;
    IF target.fair AND set_ordered.ordered THEN
        PERFORM postroom.refuse('ordered', format('false while queue "%s" is fair', target.name), 'true',
            'SELECT postroom.set_fair(...) changes that');
    END IF;
    PERFORM set_config('postroom.change', jsonb_build_object('actor', set_ordered.actor, 'reason', set_ordered.reason,
        'set_by', set_ordered.set_by)::text, true); -- for the line that record_queue_settings writes
    UPDATE postroom.queue q SET ordered = set_ordered.ordered WHERE q.id = target.id;
    PERFORM set_config('postroom.change', '', true);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.set_ordered IS
    'Makes an empty queue ordered, or an ordered one usual: SELECT postroom.set_ordered(''orders'', true).
In an ordered queue at most one message of each group is in progress, in the order in which they were sent.
Answers whether that was a change. Refused (22023) while the queue holds messages. The COMMIT checks that again, and fails with 55P03 while
other transactions that use queues are open. reason and actor go on record.';
