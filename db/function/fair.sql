-- fair: queues in which the groups of messages take turns. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- In a fair queue a row of ready names the group of its message, and ready_by_group finds the groups that wait. A message without a group
-- has the key chr(1) there, which no group can have: those without a group are a group of their own. In other queues the key is '', which
-- costs a row nothing: there is room for it between its columns and the end.
--
-- Promise, for each process: a message that has a key waits for one turn of each other group of its lane at most, however many of them
-- wait. Lanes come before groups. A process goes round: its claim begins with the group that comes after the last one that it took from.
-- It takes one message of each, or as many as the weight of the group says, and goes round again while it wants more. Where the process is
-- on its way is known to it alone, so that claims write nothing that others wait for. Each process goes its own way: with several of them,
-- each may take a turn of a group before that message, and each takes a part of all turns.
--
--   1. Who writes into ready asks whether the queue is fair. An open transaction may have asked before it became so, and an older process
--      does not know the question. What waited already when the queue became fair was written without the question, too. All of these rows
--      have the key '' and are a group of their own, behind all others in the round. No index finds them: each claim looks at the first 64
--      rows of the lane for them. So they stay claimable, but one of them gets its turns only once it is among these rows. Until then older
--      rows go before it, those of all groups, as in a queue that is not fair.
--   2. A claim that read the queue before it became fair takes the oldest. It takes nothing that others are promised to get.
--   3. Rows that others have locked are skipped. The claim goes on to the next row of the group, and to the next group.
--   4. A row that becomes visible behind the place where a process is gets its turn in its next round.
--
-- No step waits for a user's transaction.

-- The key under which a message waits in a fair queue. Its own snapshot: while the day of a message is freed, one may miss it.
CREATE OR REPLACE FUNCTION postroom.fair_key(p_message uuid) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    RETURN coalesce((SELECT m.group_key FROM postroom.message m WHERE m.id = p_message), E'\x01');
END
$$;
COMMENT ON FUNCTION postroom.fair_key IS
    'Internal: the group of a message as it stands in ready of a fair queue.';

-- The next groups of a lane that have something below p_before (null: of all), down to p_down_to, most of them p_limit. From high to low:
-- so each step meets the newest row of a group first. From low to high it would meet what was taken before: under an old snapshot the
-- dead entries of a group cannot be cleaned up. Those of a group that has nothing left are met in both ways. Those below the low
-- watermark are left out by the index alone. Reads ready_by_group, one probe a group.
CREATE OR REPLACE FUNCTION postroom.next_groups(
    p_queue int, p_priority smallint, p_floor bigint, p_before text, p_down_to text, p_limit int) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE
    first_key text;
BEGIN
    IF p_before IS NULL THEN
        SELECT r.group_key INTO first_key
        FROM postroom.ready r
        WHERE r.queue_id = p_queue
          AND r.priority = p_priority
          AND r.group_key <> ''
          AND r.crashes = 0
          AND r.seq >= p_floor
        ORDER BY r.queue_id DESC, r.priority DESC, r.group_key DESC, r.seq DESC
        LIMIT 1;
    ELSE
        SELECT r.group_key INTO first_key
        FROM postroom.ready r
        WHERE r.queue_id = p_queue
          AND r.priority = p_priority
          AND r.group_key < p_before COLLATE "C"
          AND r.group_key <> ''
          AND r.crashes = 0
          AND r.seq >= p_floor
        ORDER BY r.queue_id DESC, r.priority DESC, r.group_key DESC, r.seq DESC
        LIMIT 1;
    END IF;
    IF first_key IS NULL OR first_key COLLATE "C" < p_down_to COLLATE "C" THEN
        RETURN '{}';
    ELSIF p_limit = 1 THEN
        RETURN ARRAY[first_key];
    END IF;
    RETURN ARRAY(
        WITH RECURSIVE k AS (
            SELECT first_key COLLATE "C" AS group_key
            UNION ALL
            SELECT n.group_key
            FROM k
            CROSS JOIN LATERAL (
                SELECT r.group_key
                FROM postroom.ready r
                WHERE r.queue_id = p_queue
                  AND r.priority = p_priority
                  AND r.group_key < k.group_key
                  AND r.group_key >= p_down_to COLLATE "C"
                  AND r.group_key <> ''
                  AND r.crashes = 0
                  AND r.seq >= p_floor
                ORDER BY r.queue_id DESC, r.priority DESC, r.group_key DESC, r.seq DESC
                LIMIT 1) n
        )
        SELECT k.group_key FROM k LIMIT p_limit);
END
$$;
COMMENT ON FUNCTION postroom.next_groups IS
    'Internal: which groups of a lane of a fair queue are next.';

-- Takes up to p_limit messages of a fair queue, from its lanes in the order given: p_floors are low watermarks, p_turns where the process
-- is on its way in each lane: what the last claim of the lane answered as turn (null: none). Answers what claim answers, in the same
-- form, with messages of several groups under one lease, and turn; the messages of a lane in the order of their turns. lane_seq is the
-- highest seq taken. A turn is how many messages the group that gave the last one may still give before the next group, a colon, and its
-- key. So claims of one message go round with the same weights as large ones, and so do rows without a key and those of purged messages.
-- 0 rows: nothing is free, or p_queue is no fair queue of that name. p_kind and p_started: see claim, which takes the suspects of a fair
-- queue as well.
CREATE OR REPLACE FUNCTION postroom.claim_fair(
    p_worker int, p_queue int, p_queue_name text, p_priorities smallint[], p_floors bigint[], p_turns text[],
    p_limit int, p_lease_size int, p_started int, p_kind int, p_limiter int DEFAULT NULL, p_until bigint DEFAULT NULL)
RETURNS TABLE (
    lease_id bigint, lease_count int, ordinal int, priority smallint, lane_seq bigint, message_id uuid,
    failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamptz,
    type text, type_version smallint, direction smallint, correlation_id text, content_type text,
    exchange text, routing_key text, headers text, payload text, body bytea, group_key text, turn text)
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_nestloop = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted       int := p_limit;
    starting     int := p_started;
    weights      jsonb;
    prio         smallint;
    from_seq     bigint;
    own_key      text; -- the group that the process last took from (null: none),
    own_weight   int;
    own_rest     int; -- and how many more it may give in that turn
    last_key     text; -- where the round is,
    wraps        boolean; -- whether it has passed the end of the lane,
    is_round     boolean; -- and whether it has come back to where it began
    first_plain  bigint; -- rows without a key among the first of the lane
    last_plain   bigint;
    found_keys   text[];
    keys         text[]; -- whose turn it is, their weights, and how much each may give
    turns        int[];
    quotas       int[];
    all_turns    int;
    rounds       int;
    rest         int;
    waiting      text[]; -- groups whose turn it is, but for which nothing was left to want
    again        text[]; -- groups that gave all they might, so that they may have more
    part         record;
    places       tid[];
    seqs         bigint[];
    ids          uuid[];
    failed       smallint[];
    delivered    smallint[];
    taken_keys   text[];
    in_a_row     int; -- how many of its last messages are of one group
    taken        int;
    new_leases   bigint[];
    sorted       uuid[];
    low          uuid;
    high         uuid;
    limiter      postroom.limiter;
    starts_of    int; -- the limiter, if it limits starts
    now_us       bigint;
    running      jsonb;
    full_keys    text[];
    released     text[]; -- groups that were at their limits
    passed_by    text[];
    in_round     int; -- the last message of those whose group was met in the round
    allowed      jsonb; -- of each group that was met: how many may start,
    open_starts  jsonb; -- and how many are left; null: groups are not limited
    part_keys    text[];
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queue: see begin_single_active_change
    -- The lock on queue is held until the end of the transaction: see claim.
    SELECT q.group_weights INTO weights
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND CASE WHEN q.name <> p_queue_name OR NOT q.fair OR q.has_limiter AND p_kind < 4 THEN false
               WHEN q.single_active_consumer THEN postroom.take_active(p_worker, p_queue)
               ELSE true END;
    IF NOT FOUND OR p_kind % 4 > 0 THEN
        RETURN;
    END IF;
    IF p_limiter IS NOT NULL THEN
        SELECT * INTO limiter FROM postroom.limiter l WHERE l.id = p_limiter;
        now_us := extract(epoch FROM clock_timestamp()) * 1000000;
        running := CASE WHEN limiter.max_in_progress_per_group IS NOT NULL THEN postroom.running_groups(p_queue) END;
        full_keys := CASE WHEN running IS NULL THEN '{}' ELSE postroom.full_groups(limiter, running) END;
        starts_of := CASE WHEN limiter.max_starts_per_group IS NOT NULL THEN p_limiter END;
        released := CASE WHEN starts_of IS NULL THEN '{}'
                         ELSE postroom.released_groups(p_limiter, full_keys, now_us, greatest(wanted, 64)) END;
        passed_by := full_keys || released; -- of which the job may remove the row meanwhile, so that it looks open: step 6
        allowed := '{}';
        open_starts := '{}';
    END IF;
    FOR lane IN 1 .. cardinality(p_priorities) LOOP
        prio := p_priorities[lane];
        from_seq := p_floors[lane];
        own_key := substr(p_turns[lane], strpos(p_turns[lane], ':') + 1);
        own_weight := coalesce((weights ->> own_key)::int, 1);
        own_rest := CASE WHEN own_weight > 1 THEN least(split_part(p_turns[lane], ':', 1)::int, own_weight - 1) ELSE 0 END;
        last_key := own_key;
        wraps := own_key IS NULL;
        is_round := false;
        waiting := '{}';
        again := '{}';
        places := '{}';
        seqs := '{}';
        ids := '{}';
        failed := '{}';
        delivered := '{}';
        taken_keys := '{}';

        -- Step 1.
        SELECT min(x.seq), max(x.seq) INTO first_plain, last_plain
        FROM (
            SELECT r.seq, r.group_key
            FROM postroom.ready r
            WHERE r.queue_id = p_queue
              AND r.priority = prio
              AND r.seq >= from_seq
              AND r.crashes = 0
            ORDER BY r.queue_id, r.priority, r.seq
            LIMIT greatest(64, wanted)
        ) x
        WHERE x.group_key = '';
        IF p_limiter IS NOT NULL THEN
            IF first_plain IS NOT NULL THEN -- step 5 of group_limit.sql
                UPDATE postroom.ready r
                SET group_key = postroom.fair_key(r.message_id)
                WHERE r.ctid = ANY (ARRAY(
                    SELECT x.ctid
                    FROM postroom.ready x
                    WHERE x.queue_id = p_queue
                      AND x.priority = prio
                      AND x.seq BETWEEN first_plain AND last_plain
                      AND x.crashes = 0
                      AND x.group_key = ''
                    FOR UPDATE SKIP LOCKED));
            END IF;
            first_plain := NULL;
            waiting := released[1 : CASE WHEN wanted > 1 THEN wanted / 2 WHEN random() < 0.5 THEN 1 ELSE 0 END];
            again := released[cardinality(waiting) + 1 :]; -- once the round is over
        END IF;

        LOOP
            IF own_rest > 0 THEN
                keys := ARRAY[own_key];
                turns := ARRAY[own_weight];
                quotas := ARRAY[least(own_rest, wanted)];
            ELSE
                keys := waiting;
                waiting := '{}';
                IF NOT wraps AND cardinality(keys) < wanted THEN
                    keys := keys || CASE
                        WHEN p_limiter IS NULL THEN
                            postroom.next_groups(p_queue, prio, from_seq, last_key, '', wanted - cardinality(keys))
                        ELSE postroom.next_open_groups(
                            starts_of, passed_by, p_queue, prio, from_seq, last_key, '', wanted - cardinality(keys)) END;
                    wraps := cardinality(keys) < wanted;
                    last_key := CASE WHEN NOT wraps THEN keys[wanted] END;
                    IF wraps AND own_key <> '' AND first_plain IS NOT NULL THEN
                        keys := array_append(keys, '');
                    END IF;
                END IF;
                IF wraps AND NOT is_round AND cardinality(keys) < wanted THEN
                    found_keys := CASE
                        WHEN p_limiter IS NULL THEN postroom.next_groups(
                            p_queue, prio, from_seq, last_key, coalesce(own_key, ''), wanted - cardinality(keys))
                        ELSE postroom.next_open_groups(
                            starts_of, passed_by, p_queue, prio, from_seq, last_key, coalesce(own_key, ''),
                            wanted - cardinality(keys)) END;
                    is_round := cardinality(found_keys) < wanted - cardinality(keys);
                    last_key := found_keys[cardinality(found_keys)];
                    keys := keys || found_keys;
                    IF is_round AND coalesce(own_key, '') = '' AND first_plain IS NOT NULL THEN
                        keys := array_append(keys, '');
                    END IF;
                END IF;
                IF is_round THEN
                    keys := keys || again;
                    again := '{}';
                END IF;
                EXIT WHEN cardinality(keys) = 0; -- it is round

                -- How often all get their turn, and who gets one more.
                turns := CASE WHEN weights IS NOT NULL THEN ARRAY(
                    SELECT coalesce((weights ->> u.group_key)::int, 1)
                    FROM unnest(keys) WITH ORDINALITY u (group_key, place)
                    ORDER BY u.place) END;
                all_turns := CASE WHEN weights IS NULL THEN cardinality(keys) ELSE (SELECT sum(t)::int FROM unnest(turns) t) END;
                rounds := wanted / all_turns;
                rest := wanted % all_turns;
                quotas := CASE
                    WHEN weights IS NULL THEN
                        array_fill(rounds + 1, ARRAY[rest]) || array_fill(rounds, ARRAY[cardinality(keys) - rest])
                    ELSE ARRAY(
                        SELECT (rounds * u.turn + greatest(0, least(u.turn, rest - u.before)))::int
                        FROM (SELECT t.turn, t.place, sum(t.turn) OVER (ORDER BY t.place) - t.turn AS before
                              FROM unnest(turns) WITH ORDINALITY t (turn, place)) u
                        ORDER BY u.place) END;
            END IF;
            IF p_limiter IS NOT NULL THEN
                part_keys := ARRAY(
                    SELECT k.group_key
                    FROM unnest(keys, quotas) k (group_key, quota)
                    WHERE k.quota > 0 AND NOT allowed ? k.group_key);
                running := coalesce(running, '{}');
                allowed := allowed || postroom.group_allowance(limiter, part_keys, running, now_us);
                open_starts := allowed || open_starts;
                quotas := ARRAY(
                    SELECT CASE WHEN k.quota > 0 THEN least(k.quota, (open_starts ->> k.group_key)::int) ELSE 0 END
                    FROM unnest(keys, quotas) WITH ORDINALITY k (group_key, quota, place)
                    ORDER BY k.place);
            END IF;

            WITH given AS MATERIALIZED (
                SELECT k.place, coalesce(k.turn, 1) AS turn, k.group_key, r.*
                FROM unnest(keys, quotas, turns) WITH ORDINALITY k (group_key, quota, turn, place)
                CROSS JOIN LATERAL (
                    SELECT r.ctid AS spot, r.seq, r.message_id, r.failures, r.deliveries
                    FROM postroom.ready r
                    WHERE r.queue_id = p_queue
                      AND r.priority = prio
                      -- Not =, which would let ready_pk give the order as well: it walks over the rows of all other groups.
                      AND (r.group_key, r.seq) >= (k.group_key COLLATE "C", from_seq)
                      AND r.group_key <= k.group_key COLLATE "C"
                      AND r.group_key <> ''
                      AND r.crashes = 0
                      AND r.seq <> ALL (seqs)
                    ORDER BY r.queue_id, r.priority, r.group_key, r.seq
                    LIMIT k.quota
                    FOR UPDATE SKIP LOCKED
                ) r
                UNION ALL
                SELECT k.place, 1, '', r.*
                FROM unnest(keys, quotas) WITH ORDINALITY k (group_key, quota, place)
                CROSS JOIN LATERAL (
                    SELECT r.ctid AS spot, r.seq, r.message_id, r.failures, r.deliveries
                    FROM postroom.ready r
                    WHERE r.queue_id = p_queue
                      AND r.priority = prio
                      AND r.seq BETWEEN first_plain AND last_plain
                      AND r.seq <> ALL (seqs)
                      AND r.crashes = 0
                      AND r.group_key = ''
                    ORDER BY r.queue_id, r.priority, r.seq
                    LIMIT k.quota
                    FOR UPDATE SKIP LOCKED
                ) r
                WHERE k.group_key = ''
            )
            SELECT array_agg(g.spot ORDER BY g.turns, g.place, g.seq) AS places,
                   array_agg(g.seq ORDER BY g.turns, g.place, g.seq) AS seqs,
                   array_agg(g.message_id ORDER BY g.turns, g.place, g.seq) AS ids,
                   array_agg(g.failures ORDER BY g.turns, g.place, g.seq) AS failed,
                   array_agg(g.deliveries ORDER BY g.turns, g.place, g.seq) AS delivered,
                   array_agg(g.group_key ORDER BY g.turns, g.place, g.seq) AS keys,
                   count(*)::int AS messages
            INTO part
            FROM (
                SELECT x.*, (x.nth - 1) / x.turn AS turns
                FROM (SELECT v.*, row_number() OVER (PARTITION BY v.place ORDER BY v.seq) AS nth FROM given v) x
            ) g;
            places := places || part.places;
            seqs := seqs || part.seqs;
            ids := ids || part.ids;
            failed := failed || part.failed;
            delivered := delivered || part.delivered;
            taken_keys := taken_keys || part.keys;
            wanted := wanted - part.messages;
            IF part.messages > 0 AND p_limiter IS NOT NULL THEN
                open_starts := open_starts || (
                    SELECT jsonb_object_agg(g.group_key, (open_starts ->> g.group_key)::int - g.messages)
                    FROM (SELECT u.group_key, count(*) AS messages FROM unnest(part.keys) u (group_key) GROUP BY u.group_key) g);
            END IF;
            IF wanted > 0 AND own_rest = 0 THEN
                waiting := ARRAY(
                    SELECT k.group_key
                    FROM unnest(keys, quotas) WITH ORDINALITY k (group_key, quota, place)
                    WHERE k.quota = 0 AND coalesce((open_starts ->> k.group_key)::int, 1) > 0
                    ORDER BY k.place);
                again := again || ARRAY(
                    SELECT k.group_key
                    FROM unnest(keys, quotas) WITH ORDINALITY k (group_key, quota, place)
                    LEFT JOIN (SELECT u.group_key, count(*) AS messages FROM unnest(part.keys) u (group_key) GROUP BY u.group_key) g
                         ON g.group_key = k.group_key
                    WHERE k.quota > 0 AND g.messages >= k.quota AND coalesce((open_starts ->> k.group_key)::int, 1) > 0
                    ORDER BY k.place);
            END IF;
            own_rest := 0;
            EXIT WHEN wanted <= 0;
        END LOOP;
        taken := cardinality(ids);
        CONTINUE WHEN taken = 0;

        -- A released group has a turn of its own: it does not move the place of the round, or groups behind that would starve.
        in_round := CASE WHEN p_limiter IS NULL THEN taken
                         ELSE (SELECT max(u.place) FROM unnest(taken_keys) WITH ORDINALITY u (key, place) WHERE u.key <> ALL (released))
                    END;
        turn := '0:' || coalesce(taken_keys[in_round], own_key, taken_keys[taken]);
        IF in_round = taken AND weights ->> taken_keys[taken] IS NOT NULL THEN
            in_a_row := taken - coalesce((
                SELECT max(u.place) FROM unnest(taken_keys) WITH ORDINALITY u (key, place) WHERE u.key <> taken_keys[taken]), 0);
            -- A whole turn more or less makes no difference.
            IF in_a_row = taken AND own_key = taken_keys[taken] AND own_weight > 1 THEN
                in_a_row := in_a_row + own_weight - least(split_part(p_turns[lane], ':', 1)::int, own_weight - 1);
            END IF;
            own_weight := (weights ->> taken_keys[taken])::int;
            turn := (own_weight - in_a_row % own_weight) % own_weight || ':' || taken_keys[taken];
        END IF;

        DELETE FROM postroom.ready WHERE ctid = ANY (places);

        SELECT array_agg(u.id ORDER BY u.id) INTO sorted FROM unnest(ids) u (id);
        low := sorted[1];
        high := sorted[taken];

        WITH leased AS (
            INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, deliveries, started, group_keys)
            SELECT p_worker, p_queue, prio, ids[g.first : g.last], repeat('1', least(g.last, taken) - g.first + 1)::bit varying,
                   CASE WHEN 0 < ANY (failed) THEN failed[g.first : g.last] END,
                   CASE WHEN 0 < ANY (delivered) THEN delivered[g.first : g.last] END,
                   CASE WHEN starting < least(g.last, taken) THEN greatest(starting - g.first + 1, 0) END,
                   CASE WHEN p_limiter IS NOT NULL THEN taken_keys[g.first : g.last] END
            FROM (SELECT s.first, s.first + p_lease_size - 1 AS last FROM generate_series(1, taken, p_lease_size) s (first)) g
            RETURNING l.id
        )
        SELECT array_agg(l.id) INTO new_leases FROM leased l;

        RETURN QUERY
        SELECT new_leases[p.part + 1], least(p_lease_size, taken - p.part * p_lease_size), p.place - p.part * p_lease_size,
               prio, (SELECT max(s) FROM unnest(seqs) s), p.message_id, p.failures, 0::smallint, p.deliveries,
               m.id IS NOT NULL,
               coalesce(m.expires_at <= clock_timestamp(), false)
                   OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
               m.created_at,
               m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
               m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key, turn
        FROM (SELECT u.message_id, u.failures, u.deliveries, u.place::int - 1 AS place, (u.place::int - 1) / p_lease_size AS part
              FROM unnest(ids, failed, delivered) WITH ORDINALITY u (message_id, failures, deliveries, place)) p
        LEFT JOIN (SELECT x.id, x.expires_at, x.created_at, x.type, x.type_version, x.direction, x.correlation_id, x.content_type,
                          x.exchange, x.routing_key, x.queue_ids, x.headers, x.payload, x.body, x.group_key
                   FROM postroom.message x
                   WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
                   OFFSET 0 -- a step of its own: see claim
                  ) m ON m.id = p.message_id;

        starting := starting - taken;
        EXIT WHEN wanted <= 0;
    END LOOP;
    IF starts_of IS NOT NULL AND allowed <> '{}' THEN
        PERFORM postroom.book_groups(limiter, allowed, open_starts, p_until, now_us);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.claim_fair IS
    'Internal: called by workers. Takes ready messages of a fair queue, the groups in turn, and puts them under leases.';

-- A plain change of the row: see steps 1 and 2.
CREATE OR REPLACE FUNCTION postroom.set_fair(
    queue text, fair boolean, set_by text DEFAULT 'operator', reason text DEFAULT NULL, actor text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target postroom.queue;
BEGIN
    PERFORM postroom.require_read_committed();
    PERFORM postroom.require_reason_if_given(set_fair.reason, set_fair.actor);
    IF set_fair.set_by IS NULL OR set_fair.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_fair.set_by);
    END IF;
    IF set_fair.fair IS NULL THEN
        PERFORM postroom.refuse('fair', 'true or false', NULL);
    END IF;
    SELECT * INTO target FROM postroom.queue q WHERE q.name = set_fair.queue FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'the name of a queue', set_fair.queue);
    ELSIF target.fair = set_fair.fair
          OR set_fair.set_by = 'declaration' AND target.settings_by = 'operator' AND target.deleted_at IS NULL THEN
        RETURN false;
    ELSIF target.ordered AND set_fair.fair THEN
        PERFORM postroom.refuse('fair', format('false while queue "%s" is ordered', target.name), 'true',
            'A queue is fair or ordered, never both');
    ELSIF NOT set_fair.fair THEN
        PERFORM postroom.require_no_group_limit(target.id);
    END IF;
    PERFORM set_config('postroom.change', jsonb_build_object('actor', set_fair.actor, 'reason', set_fair.reason,
        'set_by', set_fair.set_by)::text, true); -- for the line that record_queue_settings writes
    UPDATE postroom.queue q SET fair = set_fair.fair WHERE q.id = target.id;
    PERFORM set_config('postroom.change', '', true);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.set_fair IS
    'Lets the groups of a queue take turns, or not any more: SELECT postroom.set_fair(''imports'', true).
In a fair queue a group with a million waiting messages delays another group by one turn in each process. Messages without a group are a
group, too. It can be changed at any time. What waits already is a group of its own then. Refused (22023) for an ordered queue.
reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.set_group_weight(
    queue text, group_key text, weight int, reason text DEFAULT NULL, actor text DEFAULT NULL, set_by text DEFAULT 'operator')
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    target   postroom.queue;
    changed  jsonb;
BEGIN
    PERFORM postroom.require_read_committed();
    PERFORM postroom.require_reason_if_given(set_group_weight.reason, set_group_weight.actor);
    IF set_group_weight.set_by IS NULL OR set_group_weight.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_group_weight.set_by);
    END IF;
    IF set_group_weight.group_key IS NULL THEN
        PERFORM postroom.refuse('group', '1 to 200 characters', NULL);
    END IF;
    PERFORM postroom.require_text('group', set_group_weight.group_key);
    IF coalesce(set_group_weight.weight, 0) NOT BETWEEN 1 AND 100 THEN
        PERFORM postroom.refuse('weight', '1 to 100', set_group_weight.weight::text);
    END IF;
    SELECT * INTO target FROM postroom.queue q WHERE q.name = set_group_weight.queue FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'the name of a queue', set_group_weight.queue);
    ELSIF NOT target.fair OR target.deleted_at IS NOT NULL THEN
        PERFORM postroom.refuse('queue', 'the name of a fair queue that is not deleted', set_group_weight.queue,
            'SELECT postroom.set_fair(...) makes it fair');
    END IF;
    IF set_group_weight.set_by = 'declaration' AND 'operator' IN (target.weights_by, target.settings_by) THEN
        RETURN false;
    END IF;
    changed := CASE WHEN set_group_weight.weight = 1 THEN coalesce(target.group_weights, '{}') - set_group_weight.group_key
                    ELSE coalesce(target.group_weights, '{}')
                         || jsonb_build_object(set_group_weight.group_key, set_group_weight.weight) END;
    IF (SELECT count(*) FROM jsonb_object_keys(changed)) > 1000 THEN
        PERFORM postroom.refuse('group', 'one of at most 1000 groups with another weight than 1', set_group_weight.group_key);
    ELSIF nullif(changed, '{}') IS NOT DISTINCT FROM target.group_weights
          AND (target.weights_by = 'operator' OR set_group_weight.set_by = 'declaration') THEN
        RETURN false;
    END IF;
    PERFORM set_config('postroom.change', jsonb_build_object('actor', set_group_weight.actor, 'reason', set_group_weight.reason,
        'set_by', set_group_weight.set_by)::text, true); -- for the line that record_queue_settings writes
    UPDATE postroom.queue q
    SET group_weights = nullif(changed, '{}'), weights_by = set_group_weight.set_by
    WHERE q.id = target.id;
    PERFORM set_config('postroom.change', '', true);
    RETURN nullif(changed, '{}') IS DISTINCT FROM target.group_weights;
END
$$;
COMMENT ON FUNCTION postroom.set_group_weight IS
    'How many messages of a group of a fair queue go in one turn, 1 to 100: SELECT postroom.set_group_weight(''imports'', ''acme'', 3).
1 is that of all groups that have no other. Answers whether that was a change. At most 1000 groups of a queue have another weight than 1.
A queue that is not fair, or is deleted, is refused (22023). The view group_weights shows weights. They stay when the queue is no longer
fair, and when it is deleted and declared again. set_by => ''declaration'' leaves the weights of a queue where an operator has set one.
reason and actor go on record.';
