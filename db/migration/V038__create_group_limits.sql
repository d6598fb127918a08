-- Why: an external system limits how often it may be called for each tenant. The text is that of db/function/group_limit.sql.
-- Locks: ACCESS EXCLUSIVE on lease for a column without a rewrite, else only new objects. Table size: safe at any.
-- Older workers: survive. They claim nothing from queues with limiters that they do not know of.
ALTER TABLE postroom.lease ADD COLUMN group_keys text[] COLLATE "C";
COMMENT ON COLUMN postroom.lease.group_keys IS 'per message, its group; null: the groups of the queue are not limited';
CREATE TABLE postroom.limited_group (
    limiter_id    int NOT NULL,
    group_key     text COLLATE "C" NOT NULL,
    booked_until  bigint[] NOT NULL DEFAULT '{}',
    booked        int[] NOT NULL DEFAULT '{}',
    free_at       bigint,
    CONSTRAINT limited_group_pk PRIMARY KEY (limiter_id, group_key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX limited_group_free ON postroom.limited_group (limiter_id, free_at) WHERE free_at IS NOT NULL;
COMMENT ON TABLE postroom.limited_group IS
    'starts of the groups of queues that limit them; made by claims, removed by a job; read them with postroom.limited_groups(queue)';
COMMENT ON COLUMN postroom.limited_group.booked_until IS 'ends of slices that have starts, as in limiter';
COMMENT ON COLUMN postroom.limited_group.free_at IS
    'microseconds since 1970: when a group at its limit may start the next; null: it is not at its limit';

-- group_limit: limits of the groups of a fair queue, each by itself. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- A limiter of a fair queue may say how many messages of each group start in a period, and how many of each are in progress. Messages
-- without a group are a group (see fair.sql), and share its limit.
--
-- Promise: what limiter.sql promises for a queue holds for each group. Its steps hold here, because claims of one queue come one after the
-- other under the lock of its limiter, whatever groups they take from. So the row of a group needs no lock that a claim waits for.
--
--   1. What is in progress is counted from the leases. A claim writes into its lease of which groups its messages are. A lease from before
--      the limit names none, and its messages are asked. So nothing is counted down, and a process that dies leaves nothing to repair.
--   2. Starts are booked in limited_group, in the transaction of the claim, one row a group, with the end of the claim's booking (step 3 of
--      limiter.sql). What becomes of a booking is not reported: a start counts for up to 1.1 s longer than its period, and for 1.3 s with
--      a period of a second. A claim whose worker died has booked its starts, too. A message that is released keeps its booking.
--   3. A group at its limit has free_at, and the round over the groups passes it by. Once that time is over, the group is released: claims
--      take released groups first, the longest free ones before the others, up to half of what they want. A group stays released until a
--      claim finds nothing of it. So a claim does not walk over 10,000 groups at their limits to find the one that has a free start.
--   4. The round looks at 256 groups more than it wants. With more groups at their limits it may not get to one that is open: a new one,
--      or one that is not used up. Those are found by look_for_groups, which each claim calls that got less than it wanted. It looks at
--      the groups of the newest 64 messages each time, and every 100 ms at the next 1,000 groups of a lane. What it finds is released.
--   5. A row of ready without a key has a group all the same (step 1 of fair.sql). A claim takes none by the key '', which would count for
--      another group. It gives a key to those among the first 64 of the lane; the job TidyGroupLimits gives one to the rest.
--   6. The job removes the row of a group whose bookings are over. It deletes by what the row says when it is locked: a claim that booked
--      in between keeps it, and one that comes later inserts it anew. free_at alone keeps no row, but a released group stays.
--   7. A queue is fair as long as it has limits of groups: both changes lock the queue, and look at the other behind that lock.
--   8. set_limiter takes the lock of the claims. Lower limits hold for the next claim, which counts what is booked. With higher ones
--      all groups at their limits are released, so that claims look at them anew.

-- How many messages of each group are in progress: {group: number}. Step 1.
CREATE OR REPLACE FUNCTION postroom.running_groups(p_queue int) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(g.key, g.messages), '{}')
        FROM (
            SELECT coalesce(l.group_keys[p.place], postroom.fair_key(l.message_ids[p.place])) AS key, count(*) AS messages
            FROM postroom.lease l
            CROSS JOIN LATERAL generate_series(1, cardinality(l.message_ids)) p (place)
            WHERE l.queue_id = p_queue
              AND substring(l.open FROM p.place FOR 1) = B'1'
            GROUP BY 1
        ) g);
END
$$;
COMMENT ON FUNCTION postroom.running_groups IS
    'Internal: how many messages of each group of a queue are in progress.';

-- The groups that have as many in progress as they may; none where that is not limited.
CREATE OR REPLACE FUNCTION postroom.full_groups(p_limiter postroom.limiter, p_running jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT g.key
        FROM jsonb_each_text(p_running) g
        WHERE g.value::int >= p_limiter.max_in_progress_per_group);
END
$$;
COMMENT ON FUNCTION postroom.full_groups IS
    'Internal: which groups have as many messages in progress as they may.';

-- How many messages of each of these groups may start now: {group: number}. A clock that was set back credits no time, as in count_starts.
-- The lookup stands in the list, so that it stays one probe a group: as a join, a plan made while few groups had rows went through all of
-- them for each. That took 20 times as long with 10,000 groups.
CREATE OR REPLACE FUNCTION postroom.group_allowance(p_limiter postroom.limiter, p_keys text[], p_running jsonb, p_now bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE
    keep    constant bigint := CASE p_limiter.window_kind WHEN 'fixed' THEN 0
                                    ELSE extract(epoch FROM p_limiter.period_per_group) * 1000000 END;
    latest  constant bigint := postroom.start_slice(
        (extract(epoch FROM p_limiter.period_per_group) * 1000000)::bigint, p_limiter.window_kind, p_now + 1250000); -- see start_time
BEGIN
    IF p_limiter.max_starts_per_group IS NULL THEN
        RETURN (
            SELECT coalesce(jsonb_object_agg(k.key,
                       greatest(0, p_limiter.max_in_progress_per_group - coalesce((p_running ->> k.key)::int, 0))), '{}')
            FROM unnest(p_keys) k (key));
    END IF;
    RETURN (
        SELECT coalesce(jsonb_object_agg(s.key, greatest(0, least(
                   p_limiter.max_starts_per_group - coalesce(s.used, 0),
                   p_limiter.max_in_progress_per_group - coalesce((p_running ->> s.key)::int, 0)))), '{}')
        FROM (
            SELECT k.key,
                   (SELECT (SELECT sum(u.n) FROM unnest(g.booked_until, g.booked) u (at, n) WHERE least(u.at, latest) + keep > p_now)
                    FROM postroom.limited_group g
                    WHERE g.limiter_id = p_limiter.id
                      AND g.group_key = k.key COLLATE "C") AS used
            FROM unnest(p_keys) k (key)
        ) s);
END
$$;
COMMENT ON FUNCTION postroom.group_allowance IS
    'Internal: how many messages of groups may start now under a limit of each.';

-- Groups whose time is over, the longest free ones first. Step 3.
CREATE OR REPLACE FUNCTION postroom.released_groups(p_limiter int, p_full text[], p_now bigint, p_limit int) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
BEGIN
    RETURN ARRAY(
        SELECT g.group_key
        FROM postroom.limited_group g
        WHERE g.limiter_id = p_limiter
          AND g.free_at <= p_now
          AND g.group_key <> ALL (p_full)
        ORDER BY g.limiter_id, g.free_at
        LIMIT p_limit);
END
$$;
COMMENT ON FUNCTION postroom.released_groups IS
    'Internal: which groups may start messages again after they were at their limit.';

-- Does what next_groups does, but leaves out groups at their limits, and released ones: those are taken otherwise. Looks at 256 groups
-- more than p_limit, and than there are full ones. Step 4. The lookup stands in the list, so that it stays one probe a group.
-- While no group is at its limit, nothing is looked up.
CREATE OR REPLACE FUNCTION postroom.next_open_groups(
    p_limiter int, p_full text[], p_queue int, p_priority smallint, p_floor bigint, p_before text, p_down_to text, p_limit int)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE
    found_keys  text[] := '{}';
    place       text := p_before;
    looks       int := p_limit + 256 + cardinality(p_full);
    keys        text[];
    any_waits   constant boolean := EXISTS (
        SELECT FROM postroom.limited_group g WHERE g.limiter_id = p_limiter AND g.free_at IS NOT NULL);
BEGIN
    IF NOT any_waits AND cardinality(p_full) = 0 THEN
        RETURN postroom.next_groups(p_queue, p_priority, p_floor, p_before, p_down_to, p_limit);
    END IF;
    WHILE looks > 0 AND cardinality(found_keys) < p_limit LOOP
        keys := postroom.next_groups(p_queue, p_priority, p_floor, place, p_down_to, least(looks, 2 * p_limit + 16));
        found_keys := found_keys || ARRAY(
            SELECT x.key
            FROM (
                SELECT k.key, k.place,
                       (SELECT g.free_at
                        FROM postroom.limited_group g
                        WHERE g.limiter_id = p_limiter
                          AND g.group_key = k.key COLLATE "C") AS free_at
                FROM unnest(keys) WITH ORDINALITY k (key, place)
                WHERE k.key <> ALL (p_full)
            ) x
            WHERE x.free_at IS NULL
            ORDER BY x.place);
        EXIT WHEN cardinality(keys) < least(looks, 2 * p_limit + 16);
        looks := looks - cardinality(keys);
        place := keys[cardinality(keys)];
    END LOOP;
    RETURN found_keys[1 : p_limit];
END
$$;
COMMENT ON FUNCTION postroom.next_open_groups IS
    'Internal: which groups of a lane of a fair queue are next, without those at their limits.';

-- Books what a claim took. p_allowed is what each group might start before, p_left after: {group: number}. A group that is at its limit
-- gets the time at which its next start is free. One that was released stays so if something of it was taken. A sliding period has 100
-- slices, a fixed one is a slice: see limiter.sql. The caller holds the lock of the limiter.
CREATE OR REPLACE FUNCTION postroom.book_groups(p_limiter postroom.limiter, p_allowed jsonb, p_left jsonb, p_until bigint, p_now bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    period  constant bigint := extract(epoch FROM p_limiter.period_per_group) * 1000000;
    width   constant bigint := CASE p_limiter.window_kind WHEN 'fixed' THEN period ELSE greatest(period / 100, 1000) END;
    keep    constant bigint := CASE p_limiter.window_kind WHEN 'fixed' THEN 0 ELSE period END;
    ends    constant bigint := (p_until + width - 1) / width * width;
    latest  constant bigint := postroom.start_slice(period, p_limiter.window_kind, p_now + 1250000); -- see start_time
BEGIN
    INSERT INTO postroom.limited_group AS g (limiter_id, group_key, booked_until, booked, free_at)
    SELECT p_limiter.id, k.key, coalesce(x.until, '{}'), coalesce(x.booked, '{}'),
           CASE WHEN x.used >= p_limiter.max_starts_per_group THEN (
                    SELECT min(c.at)
                    FROM (SELECT u.at, sum(u.n) OVER (ORDER BY u.at) AS n FROM unnest(x.until, x.booked) u (at, n)) c
                    WHERE c.n > x.used - p_limiter.max_starts_per_group) + keep
                WHEN o.free_at IS NOT NULL AND k.starts > 0 THEN p_now END
    FROM (
        SELECT a.key, (a.value::int - (p_left ->> a.key)::int) AS starts,
               (SELECT s
                FROM postroom.limited_group s
                WHERE s.limiter_id = p_limiter.id
                  AND s.group_key = a.key COLLATE "C") AS known -- in the list: see group_allowance
        FROM jsonb_each_text(p_allowed) a
        OFFSET 0
    ) k
    CROSS JOIN LATERAL (SELECT (k.known).booked_until, (k.known).booked, (k.known).free_at) o
    CROSS JOIN LATERAL (
        SELECT array_agg(c.at ORDER BY c.at) AS until, array_agg(c.n ORDER BY c.at) AS booked, sum(c.n) AS used
        FROM (
            SELECT b.at, sum(b.n)::int AS n
            FROM (
                SELECT least(u.at, latest) AS at, u.n FROM unnest(o.booked_until, o.booked) u (at, n) WHERE u.n > 0
                UNION ALL
                SELECT ends, k.starts WHERE k.starts > 0
            ) b
            WHERE b.at + keep > p_now
            GROUP BY b.at
        ) c
    ) x
    WHERE k.starts > 0 OR o.free_at IS NOT NULL OR x.used >= p_limiter.max_starts_per_group
    ON CONFLICT (limiter_id, group_key) DO UPDATE
    SET booked_until = excluded.booked_until, booked = excluded.booked, free_at = excluded.free_at;
END
$$;
COMMENT ON FUNCTION postroom.book_groups IS
    'Internal: notes which groups a claim took messages from, and when those at their limit may start the next.';

-- Gives back what was booked for messages that had expired, and so never start: the last booking of their groups.
CREATE OR REPLACE FUNCTION postroom.unbook_groups(p_limiter int, p_keys text[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE postroom.limited_group g
    SET booked[cardinality(g.booked)] = greatest(0, g.booked[cardinality(g.booked)] - k.messages), free_at = 0
    FROM (SELECT u.key, count(*)::int AS messages FROM unnest(p_keys) u (key) GROUP BY u.key) k
    WHERE g.limiter_id = p_limiter
      AND g.group_key = k.key COLLATE "C"
      AND cardinality(g.booked) > 0;
END
$$;
COMMENT ON FUNCTION postroom.unbook_groups IS
    'Internal: gives starts back that were booked for expired messages.';

-- Releases open groups that the round may not get to. Answers whether there are any. Step 4. The caller holds the lock of the limiter.
CREATE OR REPLACE FUNCTION postroom.look_for_groups(
    p_limiter postroom.limiter, p_full text[], p_queue int, p_priorities smallint[], p_floors bigint[], p_now bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    prio       smallint;
    lane       int;
    next_keys  text[];
    keys       text[];
BEGIN
    IF (SELECT count(*)
        FROM (SELECT FROM postroom.limited_group g WHERE g.limiter_id = p_limiter.id AND g.free_at IS NOT NULL LIMIT 257) x) <= 256 THEN
        RETURN false; -- the round gets to all
    END IF;
    keys := ARRAY(
        SELECT DISTINCT n.group_key
        FROM unnest(p_priorities, p_floors) l (priority, floor)
        CROSS JOIN LATERAL (
            SELECT r.group_key
            FROM postroom.ready r
            WHERE r.queue_id = p_queue
              AND r.priority = l.priority
              AND r.seq >= l.floor
              AND r.crashes = 0
            ORDER BY r.queue_id DESC, r.priority DESC, r.seq DESC
            LIMIT 64) n
        WHERE n.group_key <> '');
    IF p_limiter.looked_at IS NULL OR clock_timestamp() NOT BETWEEN p_limiter.looked_at AND p_limiter.looked_at + interval '100 ms' THEN
        lane := coalesce(array_position(p_priorities, p_limiter.looked_priority), 1);
        prio := p_priorities[lane];
        next_keys := postroom.next_groups(p_queue, prio, p_floors[lane],
                                      CASE WHEN prio = p_limiter.looked_priority THEN p_limiter.looked_key END, '', 1000);
        keys := keys || next_keys;
        UPDATE postroom.limiter l
        SET looked_at = clock_timestamp(),
            looked_priority = CASE WHEN cardinality(next_keys) = 1000 THEN prio ELSE p_priorities[lane % cardinality(p_priorities) + 1] END,
            looked_key = CASE WHEN cardinality(next_keys) = 1000 THEN next_keys[1000] END
        WHERE l.id = p_limiter.id;
    END IF;
    INSERT INTO postroom.limited_group AS g (limiter_id, group_key, free_at)
    SELECT p_limiter.id, k.key, p_now
    FROM (SELECT DISTINCT u.key FROM unnest(keys) u (key)) k
    WHERE k.key <> ALL (p_full)
      AND (SELECT o.free_at
           FROM postroom.limited_group o
           WHERE o.limiter_id = p_limiter.id
             AND o.group_key = k.key COLLATE "C") IS NULL
    ON CONFLICT (limiter_id, group_key) DO UPDATE SET free_at = p_now;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION postroom.look_for_groups IS
    'Internal: finds groups that are not at their limit behind many that are.';

-- For a claim that got less than it wanted: whether limits of groups keep something back (waits), whether the end of a message may let
-- another start (by_end), and in how many microseconds the next start is free (null: that is not known). Waits for p_limit free starts if
-- they come within a fiftieth of the period after the first, and at most for 20 ms: one claim takes them together.
CREATE OR REPLACE FUNCTION postroom.group_wait(
    p_limiter postroom.limiter, p_queue int, p_priorities smallint[], p_floors bigint[], p_limit int,
    OUT waits boolean, OUT by_end boolean, OUT next_start bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
DECLARE
    now_us    constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    period    constant bigint := extract(epoch FROM p_limiter.period_per_group) * 1000000;
    full_keys text[] := '{}';
    first_at  bigint;
    batch_at  bigint;
BEGIN
    by_end := false;
    waits := EXISTS (
        SELECT
        FROM unnest(p_priorities, p_floors) l (priority, floor)
        CROSS JOIN LATERAL (
            SELECT
            FROM postroom.ready r
            WHERE r.queue_id = p_queue
              AND r.priority = l.priority
              AND r.seq >= l.floor
              AND r.crashes = 0
            LIMIT 1) r);
    IF NOT waits THEN
        RETURN;
    END IF;
    IF p_limiter.max_in_progress_per_group IS NOT NULL THEN
        full_keys := postroom.full_groups(p_limiter, postroom.running_groups(p_queue));
        by_end := cardinality(full_keys) > 0;
    END IF;
    IF p_limiter.max_starts_per_group IS NOT NULL THEN
        -- No claim sets a later time than this: see start_time. One that was set before the clock was set back is over, and its bookings
        -- count from now on.
        UPDATE postroom.limited_group g
        SET free_at = now_us,
            booked_until = ARRAY(SELECT least(u.at, postroom.start_slice(period, p_limiter.window_kind, now_us + 1250000))
                                 FROM unnest(g.booked_until) WITH ORDINALITY u (at, place)
                                 ORDER BY u.place)
        WHERE g.limiter_id = p_limiter.id
          AND g.free_at > now_us + 1250000 + greatest(period / 100, 1000) + period;
        IF postroom.look_for_groups(p_limiter, full_keys, p_queue, p_priorities, p_floors, now_us) THEN
            next_start := 2000;
            RETURN;
        ELSIF cardinality(postroom.released_groups(p_limiter.id, full_keys, now_us, 1)) > 0 THEN
            next_start := 2000; -- more of them than the claim looked at, or one that it did not use up
            RETURN;
        END IF;
        SELECT min(f.free_at), CASE WHEN count(*) = p_limit THEN max(f.free_at) END
        INTO first_at, batch_at
        FROM (SELECT g.free_at
              FROM postroom.limited_group g
              WHERE g.limiter_id = p_limiter.id
                AND g.free_at > now_us
              ORDER BY g.limiter_id, g.free_at
              LIMIT p_limit) f;
        next_start := least(batch_at, first_at + least((extract(epoch FROM p_limiter.period_per_group) * 20000)::bigint, 20000)) - now_us;
        IF EXISTS (SELECT FROM postroom.limited_group g WHERE g.limiter_id = p_limiter.id AND g.free_at IS NOT NULL OFFSET 256 LIMIT 1) THEN
            next_start := least(next_start, 100000); -- look_for_groups goes on then
        END IF;
    END IF;
    waits := by_end OR next_start IS NOT NULL;
END
$$;
COMMENT ON FUNCTION postroom.group_wait IS
    'Internal: whether limits of groups keep messages back, and how long.';

-- Takes a suspect of a queue with limits of groups: what claim does for one, but of a group that may start. Looks at the first 100 suspects
-- of a lane. p_until: the end of the booking.
CREATE OR REPLACE FUNCTION postroom.claim_group_suspect(
    p_worker int, p_queue int, p_queue_name text, p_priorities smallint[], p_started int, p_kind int, p_limiter int, p_until bigint)
RETURNS TABLE (
    lease_id bigint, lease_count int, ordinal int, priority smallint, lane_seq bigint, message_id uuid,
    failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamptz,
    type text, type_version smallint, direction smallint, correlation_id text, content_type text,
    exchange text, routing_key text, headers text, payload text, body bytea, group_key text, turn text)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    now_us       constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    limiter      postroom.limiter;
    crash_limit  int;
    running      jsonb;
    allowed      jsonb;
    prio         smallint;
    suspect      record;
    new_lease    bigint;
BEGIN
    SELECT q.crash_limit INTO crash_limit
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND q.name = p_queue_name
      AND CASE WHEN q.single_active_consumer THEN postroom.take_active(p_worker, p_queue) ELSE true END;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO limiter FROM postroom.limiter l WHERE l.id = p_limiter;
    running := CASE WHEN limiter.max_in_progress_per_group IS NOT NULL THEN postroom.running_groups(p_queue) END;
    FOREACH prio IN ARRAY p_priorities LOOP
        allowed := postroom.group_allowance(limiter, ARRAY(
            SELECT DISTINCT CASE s.group_key WHEN '' THEN postroom.fair_key(s.message_id) ELSE s.group_key END
            FROM (SELECT r.group_key, r.message_id
                  FROM postroom.ready r
                  WHERE r.queue_id = p_queue
                    AND r.priority = prio
                    AND r.crashes > 0
                    AND (r.crashes + 1 >= crash_limit) = (p_kind = 2)
                  ORDER BY r.queue_id, r.priority, r.seq
                  LIMIT 100) s), running, now_us);
        SELECT r.ctid AS spot, r.message_id, r.failures, r.crashes, r.deliveries,
               CASE r.group_key WHEN '' THEN postroom.fair_key(r.message_id) ELSE r.group_key END AS key
        INTO suspect
        FROM postroom.ready r
        WHERE r.queue_id = p_queue
          AND r.priority = prio
          AND r.crashes > 0
          AND (r.crashes + 1 >= crash_limit) = (p_kind = 2)
          AND (allowed ->> CASE r.group_key WHEN '' THEN postroom.fair_key(r.message_id) ELSE r.group_key END)::int > 0
        ORDER BY r.queue_id, r.priority, r.seq
        LIMIT 1
        FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;

        DELETE FROM postroom.ready WHERE ctid = suspect.spot;
        INSERT INTO postroom.lease AS l
            (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries, started, group_keys)
        VALUES (p_worker, p_queue, prio, ARRAY[suspect.message_id], B'1'::bit varying,
                CASE WHEN suspect.failures > 0 THEN ARRAY[suspect.failures] END, ARRAY[suspect.crashes],
                CASE WHEN suspect.deliveries > 0 THEN ARRAY[suspect.deliveries] END,
                CASE WHEN p_started < 1 THEN 0 END, ARRAY[suspect.key])
        RETURNING l.id INTO new_lease;
        IF limiter.max_starts_per_group IS NOT NULL THEN
            PERFORM postroom.book_groups(
                limiter, jsonb_build_object(suspect.key, 1), jsonb_build_object(suspect.key, 0), p_until, now_us);
        END IF;
        RETURN QUERY
        SELECT new_lease, 1, 0, prio, 0::bigint, suspect.message_id, suspect.failures, suspect.crashes, suspect.deliveries,
               m.id IS NOT NULL,
               coalesce(m.expires_at <= clock_timestamp(), false)
                   OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
               m.created_at,
               m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
               m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key, NULL::text
        FROM (SELECT) one -- answers a row even when the payload is not visible
        LEFT JOIN postroom.message m ON m.id = suspect.message_id;
        RETURN;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.claim_group_suspect IS
    'Internal: called by claim_limited. Takes a suspect whose group may start a message.';

-- Called by set_limiter before it changes a limiter whose lock it holds. With another period or window the starts that count at this
-- moment go on as if they had been just now, as those of a queue do. Releases all groups at their limits: claims count anew. Step 8.
CREATE OR REPLACE FUNCTION postroom.regroup_starts(p_limiter postroom.limiter, p_max_starts int, p_period interval, p_window text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_limiter.max_starts_per_group IS NULL OR p_max_starts IS NULL THEN
        -- A later limit begins anew. Rows that stayed would hold groups back by the old one.
        DELETE FROM postroom.limited_group g WHERE g.limiter_id = p_limiter.id;
    ELSIF (p_limiter.period_per_group, p_limiter.window_kind) IS DISTINCT FROM (p_period, p_window) THEN
        UPDATE postroom.limited_group g
        SET (booked_until, booked, free_at) = (
            SELECT c.until, c.booked, 0
            FROM postroom.carry_starts(p_limiter.period_per_group, p_limiter.window_kind, p_period, p_window, g.booked_until, g.booked) c)
        WHERE g.limiter_id = p_limiter.id
          AND cardinality(g.booked) > 0;
    ELSIF p_limiter.max_starts_per_group <> p_max_starts THEN
        UPDATE postroom.limited_group g
        SET free_at = 0
        WHERE g.limiter_id = p_limiter.id
          AND g.free_at > 0;
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.regroup_starts IS
    'Internal: called by set_limiter. Lets the groups of a queue have other limits.';

-- For whoever makes a queue unfair. Step 7: the caller has locked the queue.
CREATE OR REPLACE FUNCTION postroom.require_no_group_limit(p_queue int) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT
               FROM postroom.limiter l
               WHERE l.queue_id = p_queue
                 AND num_nonnulls(l.max_starts_per_group, l.max_in_progress_per_group) > 0) THEN
        PERFORM postroom.refuse('fair', 'true while the limiter of the queue has limits of groups', 'false',
            'SELECT postroom.remove_limiter(...) removes them');
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_no_group_limit IS
    'Internal: refuses to make a queue unfair whose groups are limited.';

-- Called by the job TidyGroupLimits. Gives keys to up to p_limit rows of ready that have none (step 5), and removes the rows of up to
-- p_limit groups that are at rest (step 6). Answers how many of both. Reads all of limited_group, and the rows of ready of limited queues.
CREATE OR REPLACE FUNCTION postroom.tidy_group_limits(p_limit int, OUT keyed int, OUT removed int)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    now_us  constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
BEGIN
    WITH plain AS MATERIALIZED (
        SELECT r.queue_id, r.priority, r.seq, r.message_id
        FROM postroom.ready r
        WHERE r.queue_id = ANY (ARRAY(
                  SELECT l.queue_id
                  FROM postroom.limiter l
                  WHERE num_nonnulls(l.max_starts_per_group, l.max_in_progress_per_group) > 0))
          AND r.group_key = ''
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE postroom.ready r
    SET group_key = postroom.fair_key(p.message_id)
    FROM plain p
    WHERE r.queue_id = p.queue_id
      AND r.priority = p.priority
      AND r.seq = p.seq;
    GET DIAGNOSTICS keyed = ROW_COUNT;

    WITH idle AS MATERIALIZED (
        SELECT g.limiter_id, g.group_key, o.over_before, o.free_before
        FROM postroom.limited_group g
        LEFT JOIN postroom.limiter l ON l.id = g.limiter_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN l.max_starts_per_group IS NULL THEN 9223372036854775807
                        WHEN l.window_kind = 'fixed' THEN now_us
                        ELSE now_us - (extract(epoch FROM l.period_per_group) * 1000000)::bigint END,
                   CASE WHEN l.max_starts_per_group IS NULL THEN 9223372036854775807 ELSE now_us - 60000000 END
        ) o (over_before, free_before)
        WHERE coalesce(g.booked_until[cardinality(g.booked_until)], 0) < o.over_before
          AND coalesce(g.free_at, 0) < o.free_before
        LIMIT p_limit
    )
    DELETE FROM postroom.limited_group g
    USING idle i
    WHERE g.limiter_id = i.limiter_id
      AND g.group_key = i.group_key
      AND coalesce(g.booked_until[cardinality(g.booked_until)], 0) < i.over_before -- asked once more of what is locked: step 6
      AND coalesce(g.free_at, 0) < i.free_before;
    GET DIAGNOSTICS removed = ROW_COUNT;
END
$$;
COMMENT ON FUNCTION postroom.tidy_group_limits IS
    'Internal: called by a job. Keeps the bookkeeping of limits of groups small.';

CREATE OR REPLACE FUNCTION postroom.limited_groups(queue text)
RETURNS TABLE (group_key text, starts int, in_progress int, next_start bigint)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    now_us   constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    limiter  postroom.limiter;
    running  jsonb;
BEGIN
    SELECT l.* INTO limiter
    FROM postroom.limiter l
    JOIN postroom.queue q ON q.id = l.queue_id
    WHERE q.name = limited_groups.queue
      AND num_nonnulls(l.max_starts_per_group, l.max_in_progress_per_group) > 0;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    running := postroom.running_groups(limiter.queue_id);
    RETURN QUERY
    SELECT nullif(x.key, E'\x01'), x.starts, x.running, greatest(0, x.free_at - now_us)
    FROM (
        SELECT coalesce(g.group_key, r.key) AS key, coalesce(r.value::int, 0) AS running, coalesce(g.free_at, 0) AS free_at,
               coalesce((SELECT sum(u.n)::int
                         FROM unnest(g.booked_until, g.booked) u (at, n)
                         WHERE u.at + CASE limiter.window_kind WHEN 'fixed' THEN 0
                                           ELSE extract(epoch FROM limiter.period_per_group) * 1000000 END > now_us), 0) AS starts
        FROM (SELECT s.* FROM postroom.limited_group s WHERE s.limiter_id = limiter.id AND limiter.max_starts_per_group IS NOT NULL) g
        FULL JOIN jsonb_each_text(running) r ON r.key = g.group_key
    ) x
    WHERE x.starts >= limiter.max_starts_per_group
       OR x.running >= limiter.max_in_progress_per_group
    ORDER BY 4, x.key COLLATE "C"
    LIMIT 1000;
END
$$;
COMMENT ON FUNCTION postroom.limited_groups IS
    'Groups of a queue that are at their limit, up to 1000: SELECT * FROM postroom.limited_groups(''imports'').
next_start: the microseconds until one of their messages may start, as far as starts are limited. Without a group: those that have none.';

-- Which limit of its group keeps a message back; null: none.
CREATE OR REPLACE FUNCTION postroom.explain_group_limit(p_queue int, p_name text, p_group text) RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now_us   constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    key      constant text := coalesce(p_group, E'\x01');
    whose    constant text := coalesce('its group "' || p_group || '"', 'all without a group');
    limiter  postroom.limiter;
    free_at  bigint;
    running  int;
BEGIN
    SELECT l.* INTO limiter
    FROM postroom.limiter l
    WHERE l.queue_id = p_queue
      AND num_nonnulls(l.max_starts_per_group, l.max_in_progress_per_group) > 0;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF limiter.max_starts_per_group IS NOT NULL THEN
        SELECT g.free_at INTO free_at
        FROM postroom.limited_group g
        WHERE g.limiter_id = limiter.id
          AND g.group_key = key COLLATE "C";
        IF free_at > now_us THEN
            RETURN NEXT format('limit: %s has reached %s starts in %s (%s) in queue "%s"; the next may start at %s',
                whose, limiter.max_starts_per_group, limiter.period_per_group, limiter.window_kind, p_name,
                to_char((clock_timestamp() + (free_at - now_us) * interval '1 microsecond') AT TIME ZONE 'UTC',
                        'YYYY-MM-DD HH24:MI:SS "UTC"'));
        END IF;
    END IF;
    IF limiter.max_in_progress_per_group IS NOT NULL THEN
        running := coalesce((postroom.running_groups(p_queue) ->> key)::int, 0);
        IF running >= limiter.max_in_progress_per_group THEN
            RETURN NEXT format('limit: %s may have %s messages in progress in queue "%s", and %s are',
                whose, limiter.max_in_progress_per_group, p_name, running);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.explain_group_limit IS
    'Internal: called by explain. Which limit of its group keeps a message back.';
