-- Why: external systems limit how often they may be called. The text is that of db/function/limiter.sql.
-- Locks: ACCESS EXCLUSIVE on queue for two columns without a rewrite, else only new objects. Table size: safe at any.
-- Older workers: none exist.
ALTER TABLE postroom.queue
    ADD COLUMN has_limiter boolean NOT NULL DEFAULT false,
    ADD COLUMN destination text COLLATE "C",
    ADD CONSTRAINT queue_destination_wellformed CHECK (destination ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$');
COMMENT ON COLUMN postroom.queue.has_limiter IS 'it has a limiter or a destination: claim_limited alone takes from it';
COMMENT ON COLUMN postroom.queue.destination IS 'the external system that its messages go to; null: none is named';
CREATE TABLE postroom.limiter (
    id               int GENERATED ALWAYS AS IDENTITY CONSTRAINT limiter_pk PRIMARY KEY,
    queue_id         int CONSTRAINT limiter_queue_unique UNIQUE,
    destination      text COLLATE "C" CONSTRAINT limiter_destination_unique UNIQUE,
    max_starts       int,
    period           interval,
    window_kind      text NOT NULL DEFAULT 'sliding',
    max_in_progress  int,
    slot             bigint,
    counts           int[] NOT NULL DEFAULT '{}',
    armed            boolean NOT NULL DEFAULT false,
    waits_for        text[],
    waits_until      timestamptz,
    parked_until     timestamptz,
    probes           int,
    probes_started   int NOT NULL DEFAULT 0,
    set_by           text NOT NULL,
    set_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT limiter_is_of_one CHECK (num_nonnulls(queue_id, destination) = 1),
    CONSTRAINT limiter_destination_wellformed CHECK (destination ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'),
    CONSTRAINT limiter_max_starts_range CHECK (max_starts BETWEEN 1 AND 1000000000),
    CONSTRAINT limiter_max_in_progress_range CHECK (max_in_progress BETWEEN 1 AND 1000000000),
    CONSTRAINT limiter_period_range CHECK (period BETWEEN interval '100 milliseconds' AND interval '400 days'),
    CONSTRAINT limiter_period_is_of_starts CHECK ((max_starts IS NULL) = (period IS NULL)),
    CONSTRAINT limiter_window_kind_known CHECK (window_kind IN ('fixed', 'sliding')),
    CONSTRAINT limiter_parked_until_finite CHECK (isfinite(parked_until)),
    CONSTRAINT limiter_set_by_known CHECK (set_by IN ('declaration', 'operator'))
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE postroom.limiter IS
    'limits of queues and of destinations; set them with postroom.set_limiter, read them with postroom.limiters()';
COMMENT ON COLUMN postroom.limiter.slot IS 'the number since 1970 of the slice that counts[1] is about; null: the one of now';
COMMENT ON COLUMN postroom.limiter.counts IS 'starts in each slice of the period, the latest first; a fixed period is one slice';
COMMENT ON COLUMN postroom.limiter.parked_until IS 'until when the destination takes nothing, as a handler said';
COMMENT ON COLUMN postroom.limiter.probes IS 'how many messages try whether it takes something again; null: as many as come';
COMMENT ON COLUMN postroom.limiter.probes_started IS 'how many of them have started';
COMMENT ON COLUMN postroom.limiter.armed IS 'whether claims from before it have ended';
COMMENT ON COLUMN postroom.limiter.waits_for IS 'virtual transactions in which such claims may be';

-- limiter: how many messages may start in a period, and how many may be in progress, over all processes. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- A limiter belongs to a queue, or to a destination: an external system that several queues may name. A queue with either is claimed by
-- claim_limited alone; the other claims and direct dispatch take nothing from it (queue.has_limiter). So other queues pay nothing.
--
-- Promise: no window of one period has more starts than max_starts, and never are more than max_in_progress messages under leases. It
-- rests on these steps:
--
--   1. A claim locks the limiters of its queue. Claims of one limiter therefore come one after the other, and a change of the limiter
--      waits for them. The lock is tried, not waited for: somebody's open transaction must not stop the claim thread of a process, which
--      serves all its queues.
--   2. What is in progress is counted in the next statement. One statement for the lock and the count sees leases as they were before
--      the lock: in a trial it let 20 through a limit of 10. Leases are the truth, so nothing is counted down, and what a dead process
--      held counts until it is rescued.
--   3. A start is counted when its message is claimed, and happens later. So the worker starts it within half of start_slack after it
--      has sent its claim, by a clock that cannot be set, or releases it. The other half is for what passes between that look at the
--      clock and the first line of the handler. A start that is not used is not given back: it is spent until its time is over.
--   4. A claim that read the queue before it had a limiter counts nothing. So a new limiter lets nothing through until the transactions
--      have ended that could be such claims: see arm_limiter.
--
-- A handler that learns that its destination takes nothing now parks it (park), for all queues that name it. Afterwards one message tries,
-- then 2, 4 and so on to 64, each time after the ones before have ended without parking it again. So a hundred messages for a system that
-- is busy make few calls in vain. How the tries ended is seen by their leases, so a process that dies while it tries needs no repair.
--
-- usage has one number for each slice of the time line, the latest first. A sliding period has 50 slices. A slice counts until its last
-- start may be a period old: for the period, start_slack and its own width. A fixed period is one slice. It begins at a multiple of the
-- period since 1970 in UTC, and nothing is claimed so late in it that the start could fall into the next one.

-- Microseconds between a claim and the last moment at which what it brought may start: a fiftieth of the period, 50 ms to 10 s.
CREATE OR REPLACE FUNCTION postroom.start_slack(p_period bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least(greatest(p_period / 50, 50000), 10000000)
$$;
COMMENT ON FUNCTION postroom.start_slack IS
    'Internal: how long after its claim a message of a limited queue may start.';

-- How many starts are free at p_now, and how many count, all times in microseconds. next_start: 0, or the microseconds until some are
-- free. slot and counts: the usage as of now. A clock that was set back credits no time: the usage stays, as if its starts had been just
-- now.
CREATE OR REPLACE FUNCTION postroom.free_starts(
    p_max_starts int, p_period bigint, p_window text, p_slot bigint, p_counts int[], p_now bigint,
    OUT free int, OUT used int, OUT next_start bigint, OUT slot bigint, OUT counts int[])
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    slack   constant bigint := postroom.start_slack(p_period);
    width   constant bigint := CASE p_window WHEN 'fixed' THEN p_period ELSE (p_period + 49) / 50 END;
    slices  constant int := CASE p_window WHEN 'fixed' THEN 1 ELSE (p_period + slack) / width + 2 END;
    passed  int;
    oldest  int := 0; -- the age of the oldest slice that counts
    over    bigint;
BEGIN
    slot := p_now / width;
    passed := least(greatest(slot - coalesce(p_slot, slot), 0), slices);
    counts := (array_fill(0, ARRAY[passed]) || p_counts || array_fill(0, ARRAY[slices]))[1 : slices];
    IF p_window = 'sliding' THEN
        oldest := least(slot - (p_now - p_period - slack) / width, slices - 1);
    END IF;
    SELECT coalesce(sum(c), 0) INTO used FROM unnest(counts[1 : oldest + 1]) c;
    over := used::bigint - p_max_starts;
    free := greatest(-over, 0);
    next_start := 0;
    IF p_window = 'fixed' THEN
        IF free = 0 OR (slot + 1) * width - p_now < slack THEN
            free := 0;
            next_start := (slot + 1) * width - p_now;
        END IF;
    ELSIF free = 0 THEN
        WHILE over >= 0 AND oldest >= 0 LOOP
            over := over - counts[oldest + 1];
            oldest := oldest - 1;
        END LOOP;
        next_start := (slot - oldest) * width + p_period + slack - p_now;
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.free_starts IS
    'Internal: how many messages may start now under a limit, and when the next ones may.';

-- Whether the limiter holds already. p_limiter is locked by the caller. At the first look it notes who has a lock on lease: each claim
-- takes that lock before it reads the queue, so whoever takes it later finds the limiter. Those noted are waited for, at most 15 s, which
-- is longer than a claim may take: a transaction of somebody else that has locked lease must not stop the queue.
CREATE OR REPLACE FUNCTION postroom.arm_limiter(p_limiter postroom.limiter) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    claims  text[] := p_limiter.waits_for;
BEGIN
    IF claims IS NULL THEN
        claims := ARRAY(SELECT l.virtualtransaction
                        FROM pg_locks l
                        WHERE l.relation = 'postroom.lease'::regclass
                          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                          AND l.mode = 'RowExclusiveLock'
                          AND l.pid IS DISTINCT FROM pg_backend_pid());
        UPDATE postroom.limiter l SET waits_for = claims, waits_until = clock_timestamp() + interval '15 seconds' WHERE l.id = p_limiter.id;
        p_limiter.waits_until := clock_timestamp() + interval '15 seconds';
    END IF;
    IF p_limiter.waits_until > clock_timestamp()
       AND p_limiter.waits_until <= clock_timestamp() + interval '15 seconds'
       AND EXISTS (SELECT FROM pg_locks l WHERE l.virtualtransaction = ANY (claims)) THEN
        RETURN false;
    END IF;
    UPDATE postroom.limiter l SET armed = true, waits_for = NULL, waits_until = NULL WHERE l.id = p_limiter.id;
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.arm_limiter IS
    'Internal: called by claims. Whether claims from before a limiter was set have ended.';

-- Does what claim does, or claim_ordered, for a queue with limiters: takes no more than they let start. Answers the rows of that claim, and
-- behind them one row without a lease. start_within: in how many microseconds after the claim was sent its messages have to start.
-- held_back: whether a limiter kept it from more. next_start: the microseconds until more may start; null: that is not known, because
-- messages have to end, or another claim has the lock. A queue that has no limiter any more is claimed without one.
--
-- Locks the limiters in the order of their ids with SKIP LOCKED. Reads all of lease where max_in_progress is set.
CREATE OR REPLACE FUNCTION postroom.claim_limited(
    p_worker int, p_queue int, p_queue_name text, p_priorities smallint[], p_cursors bigint[],
    p_limit int, p_lease_size int, p_started int, p_kind int, p_ordered boolean)
RETURNS TABLE (
    lease_id bigint, lease_count int, ordinal int, priority smallint, lane_seq bigint, message_id uuid,
    failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamptz,
    type text, type_version smallint, direction smallint, correlation_id text, content_type text,
    exchange text, routing_key text, headers text, payload text, body bytea, group_key text,
    start_within bigint, held_back boolean, next_start bigint)
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    is_limited    boolean;
    own_destination  text;
    ids           int[];
    limiters      postroom.limiter[] := '{}';
    one           postroom.limiter;
    period_us     bigint;
    now_us        bigint;
    room          record;
    usage         int[];
    most          bigint := p_limit;
    running       bigint;
    taken         int := 0;
    starts        int := 0;
    slack         bigint;
    wait          bigint := 0;
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queue: see arm_limiter
    SELECT q.has_limiter, q.destination INTO is_limited, own_destination
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND q.name = p_queue_name
      AND q.ordered = p_ordered; -- the claims below ask again
    IF NOT FOUND THEN
        RETURN;
    END IF;
    held_back := true; -- until it is known better
    IF is_limited THEN
        SELECT array_agg(l.id) INTO ids
        FROM postroom.limiter l
        WHERE l.queue_id = p_queue OR l.destination = own_destination;
        FOR one IN
            SELECT l.* FROM postroom.limiter l WHERE l.id = ANY (ids) ORDER BY l.id FOR UPDATE SKIP LOCKED
        LOOP
            limiters := array_append(limiters, one);
        END LOOP;
        IF cardinality(limiters) < coalesce(cardinality(ids), 0) THEN
            RETURN NEXT; -- step 1
            RETURN;
        END IF;
    END IF;

    -- Step 2: each statement from here on sees all that was committed before the locks.
    FOREACH one IN ARRAY limiters LOOP
        IF NOT one.armed AND NOT postroom.arm_limiter(one) THEN
            next_start := 20000;
            RETURN NEXT; -- step 4
            RETURN;
        END IF;
        IF one.parked_until > clock_timestamp() THEN
            most := 0;
            wait := greatest(wait, extract(epoch FROM one.parked_until - clock_timestamp()) * 1000000);
        END IF;
        IF one.max_in_progress IS NOT NULL OR one.probes IS NOT NULL THEN
            SELECT coalesce(sum(bit_count(l.open)), 0) INTO running
            FROM postroom.lease l
            WHERE l.queue_id = ANY (CASE WHEN one.queue_id IS NOT NULL THEN ARRAY[one.queue_id]
                ELSE ARRAY(SELECT q.id FROM postroom.queue q WHERE q.destination = one.destination) END);
            most := least(most, CASE WHEN one.max_in_progress IS NOT NULL THEN greatest(one.max_in_progress - running, 0) END);
        END IF;
        IF one.probes IS NOT NULL THEN
            IF one.probes_started > 0 AND running = 0 THEN -- they have ended, and nobody has parked it again
                one.probes := CASE WHEN one.probes < 64 THEN one.probes * 2 END;
                one.probes_started := 0;
                UPDATE postroom.limiter l SET probes = one.probes, probes_started = 0 WHERE l.id = one.id;
            END IF;
            most := least(most, CASE WHEN one.probes IS NOT NULL THEN greatest(one.probes - one.probes_started, 0) END);
        END IF;
        IF one.max_starts IS NOT NULL THEN
            period_us := extract(epoch FROM one.period) * 1000000;
            now_us := extract(epoch FROM clock_timestamp()) * 1000000;
            SELECT * INTO room
            FROM postroom.free_starts(one.max_starts, period_us, one.window_kind, one.slot, one.counts, now_us);
            most := least(most, room.free);
            slack := least(slack, postroom.start_slack(period_us));
            wait := greatest(wait, room.next_start);
        END IF;
    END LOOP;

    IF most > 0 THEN
        held_back := NULL;
        FOR lease_id, lease_count, ordinal, priority, lane_seq, message_id, failures, crashes, deliveries, stored, expired, created_at,
            type, type_version, direction, correlation_id, content_type, exchange, routing_key, headers, payload, body, group_key IN
            SELECT c.*
            FROM postroom.claim(p_worker, p_queue, p_queue_name, p_priorities, p_cursors,
                                most::int, p_lease_size, p_started, p_kind + 4) c
            WHERE NOT p_ordered
            UNION ALL
            SELECT c.*
            FROM postroom.claim_ordered(p_worker, p_queue, p_queue_name, p_priorities, p_cursors,
                                        most::int, p_lease_size, p_started, p_kind + 4) c
            WHERE p_ordered
        LOOP
            taken := taken + 1;
            starts := starts + CASE WHEN expired THEN 0 ELSE 1 END; -- an expired message never starts
            RETURN NEXT;
        END LOOP;
    END IF;

    UPDATE postroom.limiter l
    SET probes_started = l.probes_started + starts
    WHERE starts > 0 AND l.id = ANY (ids) AND l.probes IS NOT NULL;
    FOREACH one IN ARRAY limiters LOOP
        IF one.max_starts IS NOT NULL AND starts > 0 THEN
            period_us := extract(epoch FROM one.period) * 1000000;
            now_us := extract(epoch FROM clock_timestamp()) * 1000000; -- later than before, and before any of the starts
            SELECT * INTO room
            FROM postroom.free_starts(one.max_starts, period_us, one.window_kind, one.slot, one.counts, now_us);
            usage := room.counts;
            usage[1] := usage[1] + starts;
            UPDATE postroom.limiter l SET slot = room.slot, counts = usage WHERE l.id = one.id;
            SELECT * INTO room
            FROM postroom.free_starts(one.max_starts, period_us, one.window_kind, room.slot, usage, now_us);
            wait := greatest(wait, room.next_start);
        END IF;
    END LOOP;
    lease_id := NULL;
    message_id := NULL;
    start_within := slack;
    held_back := taken >= most AND most < p_limit;
    next_start := CASE WHEN held_back AND wait > 0 THEN wait END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION postroom.claim_limited IS
    'Internal: called by workers. Takes ready messages of a queue with limiters, no more than may start.';

-- Sets the limiter of a queue or of a destination as a whole: what is left out is not limited. Takes the lock of the claims, so a change
-- holds for each claim after its commit. A limiter that is new to its queue holds once claims from before it have ended. Messages that
-- processes held ahead then start uncounted: each process hears of it at its next poll, within a second or so. With another period or
-- window the starts so far count as if they had been just now. Locks the limiter, then the queue.
CREATE OR REPLACE FUNCTION postroom.set_limiter(
    queue            text DEFAULT NULL,
    destination      text DEFAULT NULL,
    max_starts       int DEFAULT NULL,
    period           interval DEFAULT NULL,
    window_kind      text DEFAULT 'sliding',
    max_in_progress  int DEFAULT NULL,
    set_by           text DEFAULT 'operator')
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target    int := postroom.limited_queue(set_limiter.queue, set_limiter.destination);
    length    constant interval := make_interval(secs => extract(epoch FROM set_limiter.period)::double precision);
    existing  postroom.limiter;
    is_same   boolean;
BEGIN
    IF set_limiter.max_starts IS NULL AND set_limiter.max_in_progress IS NULL THEN
        PERFORM postroom.refuse('maxStarts', '1 to 1000000000, where maxInProgress is left out', NULL,
            'SELECT postroom.remove_limiter(...) removes one');
    ELSIF set_limiter.max_starts NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxStarts', '1 to 1000000000', set_limiter.max_starts::text, 'To stop a queue, pause it');
    ELSIF set_limiter.max_in_progress NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxInProgress', '1 to 1000000000', set_limiter.max_in_progress::text, 'To stop a queue, pause it');
    ELSIF (set_limiter.max_starts IS NULL) <> (set_limiter.period IS NULL) THEN
        PERFORM postroom.refuse('period', 'given with maxStarts, and left out without', set_limiter.period::text);
    ELSIF length NOT BETWEEN interval '100 milliseconds' AND interval '400 days' THEN
        PERFORM postroom.refuse('period', 'PT0.1S to 400 days', set_limiter.period::text);
    ELSIF coalesce(set_limiter.window_kind, '') NOT IN ('fixed', 'sliding') THEN
        PERFORM postroom.refuse('window', 'fixed or sliding', set_limiter.window_kind);
    END IF;
    LOOP
        SELECT l.* INTO existing
        FROM postroom.limiter l
        WHERE l.queue_id = target OR l.destination = set_limiter.destination
        FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO postroom.limiter (queue_id, destination, max_starts, period, window_kind, max_in_progress, set_by)
        VALUES (target, set_limiter.destination, set_limiter.max_starts, length, set_limiter.window_kind, set_limiter.max_in_progress,
                set_limiter.set_by)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            UPDATE postroom.queue q SET has_limiter = true WHERE q.id = target;
            EXIT;
        END IF;
    END LOOP;
    IF existing.id IS NOT NULL THEN
        is_same := (existing.max_starts, existing.period, existing.window_kind, existing.max_in_progress) IS NOT DISTINCT FROM
                   (set_limiter.max_starts, length, set_limiter.window_kind, set_limiter.max_in_progress);
        IF existing.set_by = 'operator' AND set_limiter.set_by = 'declaration' OR is_same AND existing.set_by = set_limiter.set_by THEN
            RETURN false;
        END IF;
        IF (existing.period, existing.window_kind) IS DISTINCT FROM (length, set_limiter.window_kind) THEN
            existing.counts := ARRAY[(SELECT least(coalesce(sum(c), 0), 1000000000)::int FROM unnest(existing.counts) c)];
            existing.slot := NULL; -- now
        END IF;
        UPDATE postroom.limiter l
        SET max_starts = set_limiter.max_starts, period = length, window_kind = set_limiter.window_kind,
            max_in_progress = set_limiter.max_in_progress, set_by = set_limiter.set_by, set_at = clock_timestamp(),
            slot = existing.slot, counts = existing.counts
        WHERE l.id = existing.id;
    END IF;
    INSERT INTO postroom.operator_action (action, queue_id, finished_at, note)
    SELECT 'declare', target, clock_timestamp(),
           concat_ws(', ', 'limiter', 'destination ' || set_limiter.destination, set_limiter.max_starts || ' starts in ' || length,
                     set_limiter.window_kind, set_limiter.max_in_progress || ' in progress')
    WHERE set_limiter.set_by = 'operator';
    RETURN NOT coalesce(is_same, false);
END
$$;
COMMENT ON FUNCTION postroom.set_limiter IS
    'Limits a queue, or a destination that queues name: SELECT postroom.set_limiter(''mail'', max_starts => 10, period => ''1 second'').
At most max_starts messages start in a period (100 ms to 400 days), and at most max_in_progress are in progress, over all processes.
window_kind: sliding, in any span of a period; fixed, from one multiple of the period since 1970 (UTC) to the next.
Sets the limiter as a whole. Answers whether that was a change. remove_limiter removes it.';

-- Checks which limiter is meant. Answers the number of the queue; null: it is one of a destination.
CREATE OR REPLACE FUNCTION postroom.limited_queue(p_queue text, p_destination text) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target int;
BEGIN
    PERFORM postroom.require_read_committed();
    IF num_nonnulls(p_queue, p_destination) <> 1 THEN
        PERFORM postroom.refuse('queue', 'given, or destination, and never both', p_queue);
    ELSIF p_destination IS NOT NULL THEN
        PERFORM postroom.require_name('destination', p_destination);
        RETURN NULL;
    END IF;
    SELECT q.id INTO target FROM postroom.queue q WHERE q.name = p_queue;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'the name of a queue', p_queue);
    END IF;
    RETURN target;
END
$$;
COMMENT ON FUNCTION postroom.limited_queue IS
    'Internal: checks the name of a queue or destination that is limited.';

-- The queue stays limited while it names a destination. Locks the limiter, then the queue.
CREATE OR REPLACE FUNCTION postroom.remove_limiter(queue text DEFAULT NULL, destination text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target int := postroom.limited_queue(remove_limiter.queue, remove_limiter.destination);
BEGIN
    DELETE FROM postroom.limiter l WHERE l.queue_id = target OR l.destination = remove_limiter.destination;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE postroom.queue q SET has_limiter = q.destination IS NOT NULL WHERE q.id = target;
    INSERT INTO postroom.operator_action (action, queue_id, finished_at, note)
    VALUES ('declare', target, clock_timestamp(), concat_ws(', ', 'no limiter', 'destination ' || remove_limiter.destination));
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.remove_limiter IS
    'Removes the limiter of a queue, or of a destination: SELECT postroom.remove_limiter(''mail''). false: there was none.';

-- All limiters as they stand, by name, queues first. starts: those that count now; a start counts a little longer than its period, see
-- free_starts. next_start: the microseconds until a start is free; 0: now. Locks nothing.
CREATE OR REPLACE FUNCTION postroom.limiters()
RETURNS TABLE (queue text, destination text, max_starts int, period interval, window_kind text, max_in_progress int,
               starts int, in_progress bigint, next_start bigint, set_by text, set_at timestamptz, parked_until timestamptz, queue_id int)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT q.name, l.destination, l.max_starts, l.period, l.window_kind, l.max_in_progress,
           CASE WHEN l.max_starts IS NULL THEN 0 ELSE f.used END, coalesce(r.in_progress, 0),
           CASE WHEN l.max_starts IS NULL THEN 0 ELSE f.next_start END, l.set_by, l.set_at,
           CASE WHEN l.parked_until > clock_timestamp() THEN l.parked_until END, q.id
    FROM postroom.limiter l
    LEFT JOIN postroom.queue q ON q.id = l.queue_id
    CROSS JOIN LATERAL postroom.free_starts(
        coalesce(l.max_starts, 1), (extract(epoch FROM coalesce(l.period, interval '1 second')) * 1000000)::bigint, l.window_kind,
        l.slot, l.counts, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) f
    LEFT JOIN LATERAL (
        SELECT sum(bit_count(x.open))::bigint AS in_progress
        FROM postroom.lease x
        WHERE x.queue_id = l.queue_id
           OR l.destination IS NOT NULL AND x.queue_id IN (SELECT d.id FROM postroom.queue d WHERE d.destination = l.destination)) r ON true
    WHERE q.id IS NULL OR q.deleted_at IS NULL
    ORDER BY l.destination IS NOT NULL, q.name, l.destination
$$;
COMMENT ON FUNCTION postroom.limiters IS
    'The limits of queues and destinations, and how much of them is used: SELECT * FROM postroom.limiters().';

-- Names the external system that the messages of a queue go to; null: none. The queue is claimed by claim_limited from then on. A limiter
-- of the destination holds for this queue once claims from before have ended: it is armed anew. Locks the limiter, then the queue.
CREATE OR REPLACE FUNCTION postroom.set_destination(queue text, destination text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target int := postroom.limited_queue(set_destination.queue, NULL);
BEGIN
    IF set_destination.destination IS NOT NULL THEN
        PERFORM postroom.require_name('destination', set_destination.destination);
    END IF;
    IF EXISTS (SELECT FROM postroom.queue q WHERE q.id = target AND q.destination IS NOT DISTINCT FROM set_destination.destination) THEN
        RETURN false;
    END IF;
    UPDATE postroom.limiter l
    SET armed = false, waits_for = NULL, waits_until = NULL
    WHERE l.destination = set_destination.destination;
    UPDATE postroom.queue q
    SET destination = set_destination.destination,
        has_limiter = set_destination.destination IS NOT NULL OR EXISTS (SELECT FROM postroom.limiter l WHERE l.queue_id = target)
    WHERE q.id = target;
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.set_destination IS
    'Names the external system of a queue, null for none: SELECT postroom.set_destination(''payments'', ''bank'').
A limiter of that destination, and a handler that says notNow about it, then hold for all queues that name it.';

-- Parks a destination: no message of the queues that name it starts for p_micros from now on, and then a few try. Never shortens what was
-- said before. Does nothing where no queue names it. false: no queue does.
CREATE OR REPLACE FUNCTION postroom.park(p_destination text, p_micros bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    parked constant timestamptz := clock_timestamp() + p_micros * interval '1 microsecond';
BEGIN
    INSERT INTO postroom.limiter AS l (destination, set_by, parked_until, probes)
    SELECT p_destination, 'declaration', parked, 1
    WHERE EXISTS (SELECT FROM postroom.queue q WHERE q.destination = p_destination AND q.deleted_at IS NULL)
    ON CONFLICT (destination) DO UPDATE
    SET parked_until = greatest(l.parked_until, parked), probes = 1, probes_started = 0;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION postroom.park IS
    'Internal: called by workers. Lets nothing start for a destination that takes nothing now.';

CREATE OR REPLACE FUNCTION postroom.unpark(destination text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM postroom.limited_queue(NULL, unpark.destination);
    UPDATE postroom.limiter l
    SET parked_until = NULL, probes = NULL, probes_started = 0
    WHERE l.destination = unpark.destination
      AND (l.parked_until IS NOT NULL OR l.probes IS NOT NULL);
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION postroom.unpark IS
    'Lets messages of a parked destination start again at once: SELECT postroom.unpark(''bank''). false: it was not parked.';
