-- limiter: how many messages may start in a period, and how many may be in progress, over all processes. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- A limiter belongs to a queue, or to a destination: an external system that several queues may name. A queue with either is claimed by
-- claim_limited alone; the other claims and direct dispatch take nothing from it (queue.has_limiter). So other queues pay nothing.
--
-- The limiter of a fair queue may limit each of its groups, too: see group_limit.sql.
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
--   3. A start is booked when its message is claimed, and happens later. So a booking says until when: start_time after the claim. The
--      worker starts the message by then, or releases it. It looks at a clock that cannot be set, start_guard before that time. The guard
--      is for what passes between that look and the first line of the handler. The booking counts until it is one period old, reckoned
--      from the last moment at which the start may happen.
--   4. A claim that read the queue before it had a limiter counts nothing. So a new limiter lets nothing through until the transactions
--      have ended that could be such claims: see arm_limiter.
--
--   5. Where nothing but starts in sliding periods is limited, a claim also takes starts that are free a little later: start_ahead. It says
--      for each message from when on it may start, and the worker waits for that moment. So neither the way to the worker, nor another
--      claim that has the lock, comes on top of each period. Such a claim takes no place of max_in_progress, which others may want.
--
-- A handler that learns that its destination takes nothing now parks it (park), for all queues that name it. Afterwards one message tries,
-- then 2, 4 and so on to 64, each time after the ones before have ended without parking it again. So a hundred messages for a system that
-- is busy make few calls in vain. How the tries ended is seen by their leases, so a process that dies while it tries needs no repair. Where
-- none of them has an entry in the history that says how a handler ended, as many try again: a process stopped or came too late and gave
-- them back. A call whose ATOMIC transaction was cut off, and one that cancel_running ended, count as if none had begun. The
-- tries are what was claimed since the park: a handler that began before may run for an hour, and nobody waits for it. A clock that was
-- set back makes a try seem older than the park: until the clock has passed that time again, all that run count as tries.
--
-- Why no window is passed, whatever passes between claim and start: take a span of one period, and of the messages that start in it the one
-- that was claimed last, in the order in which one claim takes them. From some moment on it might start: that of the claim, or a later one
-- (step 5). It starts after that moment, so the moment is before the end of the span. Each other start of the span is booked until its own
-- time or later, so it counts until one period after that: at that moment it still counts. So the claim saw all others, those of claims
-- before and those that it took itself, and allowed this one because fewer than max_starts counted then. The claims come one after the
-- other (step 1). The moment is said as a time after the claim has looked at its clock for the last time. The worker hears that later, and
-- waits for so long from then on.
--
-- A booking may become earlier, or end (move_starts): a worker reports that a start was over by some moment, or will never happen. Then the
-- booking still says until when its start may have happened, and the above holds. A report that is lost, or of a process that died, leaves
-- the booking as it was, which errs on the side of fewer starts. A report counts once: the worker forgets it before it sends it. It
-- counts for the limiters that the claim has met, as they were set then: see limits in claim_limited. The worker's reports are what lets a
-- limit be reached. Without them a start in a period of a second would count for 1.3 s.
--
-- booked has one number for each slice of the time line that has bookings, and booked_until the end of that slice, in microseconds since
-- 1970. A sliding period has 400 slices. A booking counts until its slice is one period old. A fixed period is one slice. It begins at a
-- multiple of the period since 1970 in UTC. Its bookings count to its end, and none is made so late that the start could fall into the
-- next.

-- Microseconds between the worker's last look at the clock and the latest moment of a start: a twentieth of the period, 25 ms to 100 ms.
-- With 25 ms for a period of 1 s, one trial of three had 1,001 starts in a window of 1,000, on two cores with a load of 17. Probably a
-- thread stood still for longer in that place.
CREATE OR REPLACE FUNCTION postroom.start_guard(p_period bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least(greatest(p_period / 20, 25000), 100000)
$$;
COMMENT ON FUNCTION postroom.start_guard IS
    'Internal: how long before the end of a booking its message must start.';

-- Microseconds between a claim and the latest moment of a start: the guard and a quarter of the period, 25 ms to 1 s. So no start is booked
-- for later than 1.1 s from now, and 25 ms where a claim takes some ahead (step 5). 1250000, below and in group_limit.sql, is that and a
-- little more. What is booked for later comes from before the clock was set back.
CREATE OR REPLACE FUNCTION postroom.start_time(p_period bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT postroom.start_guard(p_period) + least(greatest(p_period / 4, 25000), 1000000)
$$;
COMMENT ON FUNCTION postroom.start_time IS
    'Internal: how long after its claim a message of a limited queue may start.';

-- The end of the slice in which a moment lies.
CREATE OR REPLACE FUNCTION postroom.start_slice(p_period bigint, p_window text, p_at bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (p_at + s.width - 1) / s.width * s.width
    FROM (SELECT CASE p_window WHEN 'fixed' THEN p_period ELSE greatest(p_period / 400, 1000) END) s (width)
$$;
COMMENT ON FUNCTION postroom.start_slice IS
    'Internal: the end of the slice of a limiter''s time line in which a moment lies.';

-- The bookings that count at p_now, in the order of their time, and their sum. A clock that was set back credits no time: bookings that
-- are later than any can be then count as if they had been made just now.
CREATE OR REPLACE FUNCTION postroom.count_starts(
    p_period bigint, p_window text, p_until bigint[], p_booked int[], p_now bigint,
    OUT used bigint, OUT until bigint[], OUT booked int[])
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    latest constant bigint := postroom.start_slice(p_period, p_window, p_now + 1250000); -- see start_time
    keep   constant bigint := CASE p_window WHEN 'fixed' THEN 0 ELSE p_period END;
BEGIN
    SELECT coalesce(sum(c.n), 0), coalesce(array_agg(c.at ORDER BY c.at), '{}'), coalesce(array_agg(c.n::int ORDER BY c.at), '{}')
    INTO used, until, booked
    FROM (
        SELECT least(u.at, latest) AS at, sum(u.n) AS n
        FROM unnest(p_until, p_booked) u (at, n)
        WHERE u.n > 0
          AND least(u.at, latest) + keep > p_now
        GROUP BY 1
    ) c;
END
$$;
COMMENT ON FUNCTION postroom.count_starts IS
    'Internal: which booked starts count now under a limit.';

-- How many microseconds before a start is free a claim may take it: a fortieth of the period, 25 ms at most. See step 5.
CREATE OR REPLACE FUNCTION postroom.start_ahead(p_period bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least(p_period / 40, 25000)
$$;
COMMENT ON FUNCTION postroom.start_ahead IS
    'Internal: how long before a start is free under a limit a claim may take it.';

-- When the next starts are free under a sliding limit, in their order: those until p_by, and p_limit of them at most. What is free
-- already is so from p_now on. p_until and p_booked are as count_starts answers them.
CREATE OR REPLACE FUNCTION postroom.free_starts(
    p_max_starts int, p_period bigint, p_until bigint[], p_booked int[], p_now bigint, p_by bigint, p_limit int)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    over  constant bigint := (SELECT coalesce(sum(n), 0) FROM unnest(p_booked) n) - p_max_starts;
    free  constant int := greatest(0, least(-over, p_limit));
BEGIN
    RETURN array_fill(p_now, ARRAY[free]) || ARRAY(
        SELECT s.at + p_period
        FROM (SELECT u.at, u.n, sum(u.n) OVER (ORDER BY u.at) AS passed FROM unnest(p_until, p_booked) u (at, n)) s
        CROSS JOIN LATERAL generate_series(1, least(s.n, s.passed - over)) g
        WHERE s.passed > over
          AND s.at + p_period <= p_by
        ORDER BY s.at
        LIMIT p_limit - free);
END
$$;
COMMENT ON FUNCTION postroom.free_starts IS
    'Internal: when the next messages may start under a limit.';

-- The microseconds until a claim should come; 0: a start is free. p_until and p_booked are as count_starts answers them. Waits for p_batch
-- free starts if they come soon after the first: one claim takes them together. Soon is a two-hundredth of the period. A claim that may
-- take starts p_ahead before they are free comes so much earlier, and soon is half of that for it.
CREATE OR REPLACE FUNCTION postroom.next_start(
    p_max_starts int, p_period bigint, p_window text, p_until bigint[], p_booked int[], p_now bigint, p_batch int,
    p_ahead bigint DEFAULT 0)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    over     constant bigint := (SELECT coalesce(sum(n), 0) FROM unnest(p_booked) n) - p_max_starts;
    first_at bigint;
    batch_at bigint;
BEGIN
    IF p_window = 'fixed' AND postroom.start_slice(p_period, p_window, p_now + 1) - p_now < 2 * postroom.start_guard(p_period) THEN
        RETURN postroom.start_slice(p_period, p_window, p_now + 1) - p_now;
    ELSIF over < 0 THEN
        RETURN 0;
    END IF;
    SELECT min(c.at) FILTER (WHERE c.n > over), min(c.at) FILTER (WHERE c.n >= over + p_batch)
    INTO first_at, batch_at
    FROM (SELECT u.at, sum(u.n) OVER (ORDER BY u.at) AS n FROM unnest(p_until, p_booked) u (at, n)) c;
    RETURN greatest(1, least(batch_at, first_at + greatest(p_period / 200, p_ahead / 2))
                           + CASE p_window WHEN 'fixed' THEN 0 ELSE p_period END - p_now - p_ahead);
END
$$;
COMMENT ON FUNCTION postroom.next_start IS
    'Internal: when the next message may start under a limit.';

-- Takes over what a worker reports of its bookings: of those until p_deadlines, p_counts have started by p_started at the latest, or
-- will never start (null). Moves no more than were booked.
CREATE OR REPLACE FUNCTION postroom.move_starts(
    p_period bigint, p_window text, INOUT until bigint[], INOUT booked int[], p_deadlines bigint[], p_started bigint[], p_counts int[])
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place  int;
    moved  int;
BEGIN
    FOR i IN 1 .. cardinality(p_deadlines) LOOP
        place := array_position(until, postroom.start_slice(p_period, p_window, p_deadlines[i]));
        CONTINUE WHEN place IS NULL;
        moved := least(booked[place], p_counts[i]);
        booked[place] := booked[place] - moved;
        IF p_started[i] IS NOT NULL THEN
            until := until || least(postroom.start_slice(p_period, p_window, p_started[i]), until[place]);
            booked := booked || moved;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.move_starts IS
    'Internal: takes over when messages under a limit have started.';

-- The bookings that count now under one period and window, as bookings under another. Bookings stay in a limiter after their time, until
-- a claim drops them: so they are counted by the old period first. Without that, starts of weeks ago would fill a longer period.
CREATE OR REPLACE FUNCTION postroom.carry_starts(
    p_period interval, p_window text, p_new_period interval, p_new_window text, p_until bigint[], p_booked int[],
    OUT until bigint[], OUT booked int[])
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now_us  constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    used    bigint := 0;
BEGIN
    until := '{}';
    booked := '{}';
    IF p_period IS NOT NULL AND p_new_period IS NOT NULL THEN
        SELECT c.used INTO used
        FROM postroom.count_starts((extract(epoch FROM p_period) * 1000000)::bigint, p_window, p_until, p_booked, now_us) c;
    END IF;
    IF used > 0 THEN
        booked := ARRAY[least(used, 1000000000)::int];
        until := ARRAY[postroom.start_slice(
            (extract(epoch FROM p_new_period) * 1000000)::bigint, p_new_window,
            now_us + 1250000)]; -- see start_time: the longest that one may still wait
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.carry_starts IS
    'Internal: called by set_limiter. Which booked starts count on under another period.';

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

-- What ended without a start has no line of history, or one of another kind. A line of a lease from before is of an earlier start of the
-- message, such as the one that parked the destination. Leases are numbered by the clock: where it was set back, that one counts, and the
-- tries are twice as many. null as p_messages: nobody has noted them. The days before yesterday are not read; a try that ended so long ago
-- is repeated.
CREATE OR REPLACE FUNCTION postroom.has_any_started(p_messages uuid[], p_first_lease bigint) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p_messages IS NULL OR EXISTS (
        SELECT
        FROM postroom.attempt a
        WHERE a.message_id = ANY (p_messages)
          AND a.lease_id >= p_first_lease
          AND a.finished_at > statement_timestamp() - interval '1 day'
          AND a.outcome NOT IN (1, 2, 9)) -- cancelled, expired, undecodable
$$;
COMMENT ON FUNCTION postroom.has_any_started IS
    'Internal: whether the history says of one of these messages how a handler ended. Calls that were cut off or cancelled count as none.';

-- Does what claim does, or claim_ordered, or claim_fair (p_turns), for a queue with limiters: takes no more than they let start. Answers
-- the rows of that claim, and behind them one row without a lease. start_within: in how many microseconds after the claim was sent its
-- messages have to start, by the worker's look at its clock; start_guard: how much later the booking ends. held_back: whether a limiter
-- kept it from more. next_start: the microseconds until more may start; null: that is not known, because messages have to end, or another
-- claim has the lock. booked_at: the time of the booking, in microseconds since 1970. limits: which limits it met; null: the claim did not
-- come to see them, nor the reports. reported: whether to report its starts, because more than half of a limit is used, or one was reached
-- within 10 periods and 10 s. by_group: limits of groups alone kept it from more, so messages of other groups may start; by_end: messages
-- that end may let others start before next_start. start_after: for each message in the order of its lease and its place there, how many
-- microseconds after this answer it may start; null: all may at once. A queue that has no limiter any more is claimed without one.
--
-- p_limits to p_counts: what the worker reports of bookings before, see move_starts; of a claim that met the limits p_limits.
--
-- Locks the limiters in the order of their ids with SKIP LOCKED. Reads all of lease where max_in_progress is set.
CREATE OR REPLACE FUNCTION postroom.claim_limited(
    p_worker int, p_queue int, p_queue_name text, p_priorities smallint[], p_cursors bigint[],
    p_limit int, p_lease_size int, p_started int, p_kind int, p_ordered boolean,
    p_limits text, p_deadlines bigint[], p_starts bigint[], p_counts int[], p_turns text[])
RETURNS TABLE (
    lease_id bigint, lease_count int, ordinal int, priority smallint, lane_seq bigint, message_id uuid,
    failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamptz,
    type text, type_version smallint, direction smallint, correlation_id text, content_type text,
    exchange text, routing_key text, headers text, payload text, body bytea, group_key text, turn text,
    start_within bigint, start_guard bigint, held_back boolean, next_start bigint, booked_at bigint, limits text, reported boolean,
    by_group boolean, by_end boolean, start_after bigint[])
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
    met           text := '';
    is_reported   boolean;
    period_us     bigint;
    now_us        bigint;
    booking_us    bigint;
    usage         record;
    most          bigint := p_limit;
    running       bigint;
    trying        bigint;
    taken         int := 0;
    starts        int := 0;
    ends          bigint;
    within        bigint;
    guard         bigint;
    is_close      boolean := false;
    is_set_back   boolean := false; -- the clock
    wait          bigint := 0;
    grouped       postroom.limiter; -- the one with limits of groups
    expired_keys  text[] := '{}';
    tried         uuid[] := '{}';
    first_lease   bigint;
    ahead         bigint := CASE WHEN p_kind = 0 THEN 25000 ELSE 0 END; -- step 5
    free_from     bigint[]; -- when each message may start; null: all may at once
    free_of_one   bigint[];
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queue: see arm_limiter
    SELECT q.has_limiter, q.destination INTO is_limited, own_destination
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND q.name = p_queue_name
      AND q.ordered = p_ordered -- the claims below ask again
      AND (q.fair = (p_turns IS NOT NULL) OR p_kind > 0);
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
            met := met || one.id || '@' || one.set_at || ' ';
            ahead := CASE WHEN one.max_starts IS NOT NULL AND one.window_kind = 'sliding'
                               AND num_nonnulls(one.max_in_progress, one.probes, one.max_starts_per_group,
                                                one.max_in_progress_per_group) = 0
                          THEN least(ahead, postroom.start_ahead((extract(epoch FROM one.period) * 1000000)::bigint)) ELSE 0 END;
        END LOOP;
        IF cardinality(limiters) < coalesce(cardinality(ids), 0) THEN
            RETURN NEXT; -- step 1
            RETURN;
        END IF;
    END IF;
    is_reported := p_limits = met AND cardinality(p_deadlines) > 0;

    -- Step 2: each statement from here on sees all that was committed before the locks.
    FOR i IN 1 .. cardinality(limiters) LOOP
        one := limiters[i];
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
            SELECT coalesce(sum(bit_count(l.open)), 0),
                   coalesce(sum(bit_count(l.open)) FILTER (
                       WHERE l.claimed_at >= one.probes_since OR one.probes_since > clock_timestamp()), 0)
            INTO running, trying
            FROM postroom.lease l
            WHERE l.queue_id = ANY (CASE WHEN one.queue_id IS NOT NULL THEN ARRAY[one.queue_id]
                ELSE ARRAY(SELECT q.id FROM postroom.queue q WHERE q.destination = one.destination) END);
            most := least(most, CASE WHEN one.max_in_progress IS NOT NULL THEN greatest(one.max_in_progress - running, 0) END);
        END IF;
        IF one.probes IS NOT NULL THEN
            IF one.probes_started > 0 AND trying = 0 THEN -- they have ended, and nobody has parked it again
                IF postroom.has_any_started(one.probes_tried, one.probes_lease) THEN
                    one.probes := CASE WHEN one.probes < 64 THEN one.probes * 2 END;
                END IF;
                one.probes_started := 0;
                UPDATE postroom.limiter l SET probes = one.probes, probes_started = 0 WHERE l.id = one.id;
            END IF;
            most := least(most, CASE WHEN one.probes IS NOT NULL THEN greatest(one.probes - one.probes_started, 0) END);
        END IF;
        IF num_nonnulls(one.max_starts_per_group, one.max_in_progress_per_group) > 0 THEN
            grouped := one;
        END IF;
        FOREACH period_us IN ARRAY ARRAY[
            (extract(epoch FROM one.period) * 1000000)::bigint, (extract(epoch FROM one.period_per_group) * 1000000)::bigint]
        LOOP
            CONTINUE WHEN period_us IS NULL;
            -- Later than the moment at which the worker sent the claim, and before any of the starts.
            now_us := extract(epoch FROM clock_timestamp()) * 1000000;
            booking_us := coalesce(booking_us, now_us);
            ends := postroom.start_time(period_us);
            IF one.window_kind = 'fixed' THEN
                ends := least(ends, postroom.start_slice(period_us, 'fixed', booking_us + 1) - booking_us);
            END IF;
            guard := least(guard, postroom.start_guard(period_us));
            within := least(within, ends);
            IF ends < 2 * postroom.start_guard(period_us) THEN
                most := 0; -- it could start in the next period
                wait := greatest(wait, ends);
            END IF;
        END LOOP;
        IF one.max_starts IS NOT NULL THEN
            period_us := extract(epoch FROM one.period) * 1000000;
            IF is_reported THEN
                SELECT m.until, m.booked INTO one.booked_until, one.booked
                FROM postroom.move_starts(period_us, one.window_kind, one.booked_until, one.booked, p_deadlines, p_starts, p_counts) m;
            END IF;
            SELECT c.used, c.until, c.booked INTO usage
            FROM postroom.count_starts(period_us, one.window_kind, one.booked_until, one.booked, now_us) c;
            is_set_back := is_set_back OR (SELECT max(u) FROM unnest(one.booked_until) u) > usage.until[cardinality(usage.until)];
            one.booked_until := usage.until;
            one.booked := usage.booked;
            IF ahead = 0 OR one.max_starts - usage.used >= most THEN
                most := least(most, greatest(one.max_starts - usage.used, 0));
            ELSE
                free_of_one := postroom.free_starts(
                    one.max_starts, period_us, usage.until, usage.booked, now_us, now_us + ahead, most::int);
                most := cardinality(free_of_one);
                free_from := CASE WHEN free_from IS NULL THEN free_of_one
                                  ELSE ARRAY(SELECT greatest(f.before, f.at)
                                             FROM unnest(free_from, free_of_one) WITH ORDINALITY f (before, at, place)
                                             ORDER BY f.place
                                             LIMIT most) END;
            END IF;
        END IF;
        limiters[i] := one;
    END LOOP;

    IF most > 0 THEN
        held_back := NULL;
        FOR lease_id, lease_count, ordinal, priority, lane_seq, message_id, failures, crashes, deliveries, stored, expired, created_at,
            type, type_version, direction, correlation_id, content_type, exchange, routing_key, headers, payload, body, group_key, turn IN
            SELECT c.*, NULL::text
            FROM postroom.claim(p_worker, p_queue, p_queue_name, p_priorities, p_cursors,
                                most::int, p_lease_size, p_started, p_kind + 4) c
            WHERE NOT p_ordered AND p_turns IS NULL AND grouped.id IS NULL
            UNION ALL
            SELECT c.*
            FROM postroom.claim_fair(p_worker, p_queue, p_queue_name, p_priorities, p_cursors, p_turns,
                                     most::int, p_lease_size, p_started, p_kind + 4, grouped.id, booking_us + within) c
            WHERE p_turns IS NOT NULL
            UNION ALL
            SELECT c.*
            FROM postroom.claim_group_suspect(
                p_worker, p_queue, p_queue_name, p_priorities, p_started, p_kind, grouped.id, booking_us + within) c
            WHERE p_kind > 0 AND grouped.id IS NOT NULL
            UNION ALL
            SELECT c.*, NULL::text
            FROM postroom.claim_ordered(p_worker, p_queue, p_queue_name, p_priorities, p_cursors,
                                        most::int, p_lease_size, p_started, p_kind + 4) c
            WHERE p_ordered
        LOOP
            taken := taken + 1;
            IF NOT expired THEN
                starts := starts + 1;
                tried := CASE WHEN starts <= 64 THEN tried || message_id END; -- null: too many to be tries
                first_lease := least(first_lease, lease_id);
            ELSIF grouped.max_starts_per_group IS NOT NULL THEN -- an expired message never starts
                expired_keys := array_append(expired_keys, coalesce(group_key, E'\x01'));
            END IF;
            RETURN NEXT;
        END LOOP;
    END IF;
    held_back := taken >= most AND most < p_limit;
    by_group := false;
    by_end := false;
    IF cardinality(expired_keys) > 0 THEN
        PERFORM postroom.unbook_groups(grouped.id, expired_keys);
    END IF;
    IF grouped.id IS NOT NULL AND taken < most AND p_kind = 0 THEN
        SELECT w.waits, w.waits, w.by_end, coalesce(w.next_start, 0) INTO held_back, by_group, by_end, wait
        FROM postroom.group_wait(grouped, p_queue, p_priorities, p_cursors, p_limit) w;
    END IF;

    UPDATE postroom.limiter l
    SET probes_started = l.probes_started + starts,
        probes_tried = CASE WHEN l.probes_started = 0 THEN tried ELSE l.probes_tried || tried END,
        probes_lease = CASE WHEN l.probes_started = 0 THEN first_lease ELSE l.probes_lease END
    WHERE starts > 0 AND l.id = ANY (ids) AND l.probes IS NOT NULL;
    FOREACH one IN ARRAY limiters LOOP
        CONTINUE WHEN one.max_starts IS NULL;
        period_us := extract(epoch FROM one.period) * 1000000;
        IF starts > 0 THEN
            ends := postroom.start_slice(period_us, one.window_kind, booking_us + within);
            IF one.booked_until[cardinality(one.booked_until)] = ends THEN
                one.booked[cardinality(one.booked)] := one.booked[cardinality(one.booked)] + starts;
            ELSE
                one.booked_until := one.booked_until || ends;
                one.booked := one.booked || starts;
            END IF;
        END IF;
        IF held_back AND NOT by_group THEN
            one.reached_at := clock_timestamp();
        END IF;
        is_close := is_close OR one.reached_at > clock_timestamp() - 10 * one.period - interval '10 seconds'
                    OR (SELECT sum(n) FROM unnest(one.booked) n) > one.max_starts / 2;
        -- Bookings of the time to come are noted as those of now. Otherwise they would be of now at each claim, until that time.
        IF starts > 0 OR is_reported OR is_set_back THEN
            UPDATE postroom.limiter l
            SET booked_until = one.booked_until, booked = one.booked, reached_at = one.reached_at
            WHERE l.id = one.id;
        END IF;
        IF held_back AND NOT by_group THEN
            wait := greatest(wait, postroom.next_start(
                one.max_starts, period_us, one.window_kind, one.booked_until, one.booked,
                (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
                CASE WHEN ahead > 0 THEN p_limit ELSE least(p_limit, greatest(1, one.max_starts / 200)) END, ahead));
        END IF;
    END LOOP;
    lease_id := NULL;
    message_id := NULL;
    start_within := within - guard;
    start_guard := guard;
    next_start := CASE WHEN held_back AND wait > 0 THEN wait END;
    booked_at := booking_us;
    limits := met;
    reported := is_close;
    now_us := extract(epoch FROM clock_timestamp()) * 1000000;
    IF taken > 0 AND free_from[taken] > now_us THEN
        start_after := ARRAY(
            SELECT greatest(f.at - now_us, 0)
            FROM unnest(free_from) WITH ORDINALITY f (at, place)
            WHERE f.place <= taken
            ORDER BY f.place);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION postroom.claim_limited IS
    'Internal: called by workers. Takes ready messages of a queue with limiters, no more than may start.';

-- Sets the limiter of a queue or of a destination as a whole: what is left out is not limited. Takes the lock of the claims, so a change
-- holds for each claim after its commit. A limiter that is new to its queue holds once claims from before it have ended. Messages that
-- processes held ahead then start uncounted: each process hears of it at its next poll, within a second or so. With another period or
-- window those starts that count at this moment go on as if they had been just now; those that were over do not come back. A limit of
-- starts that was left out for a while begins anew. Locks the limiter, then the queue.
CREATE OR REPLACE FUNCTION postroom.set_limiter(
    queue            text DEFAULT NULL,
    destination      text DEFAULT NULL,
    max_starts       int DEFAULT NULL,
    period           interval DEFAULT NULL,
    window_kind      text DEFAULT 'sliding',
    max_in_progress  int DEFAULT NULL,
    max_starts_per_group       int DEFAULT NULL,
    period_per_group           interval DEFAULT NULL,
    max_in_progress_per_group  int DEFAULT NULL,
    set_by           text DEFAULT 'operator',
    reason           text DEFAULT NULL,
    actor            text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    target    int := postroom.limited_queue(set_limiter.queue, set_limiter.destination);
    length    constant interval := make_interval(secs => extract(epoch FROM set_limiter.period)::double precision);
    group_length  constant interval := make_interval(secs => extract(epoch FROM set_limiter.period_per_group)::double precision);
    is_of_groups  constant boolean := num_nonnulls(set_limiter.max_starts_per_group, set_limiter.max_in_progress_per_group) > 0;
    existing  postroom.limiter;
    is_same   boolean;
BEGIN
    PERFORM postroom.require_reason_if_given(set_limiter.reason, set_limiter.actor);
    IF set_limiter.set_by IS NULL OR set_limiter.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_limiter.set_by);
    END IF;
    IF set_limiter.max_starts IS NULL AND set_limiter.max_in_progress IS NULL AND NOT is_of_groups THEN
        PERFORM postroom.refuse('maxStarts', '1 to 1000000000, where the other limits are left out', NULL,
            'SELECT postroom.remove_limiter(...) removes one');
    ELSIF set_limiter.max_starts NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxStarts', '1 to 1000000000', set_limiter.max_starts::text, 'To stop a queue, pause it');
    ELSIF set_limiter.max_in_progress NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxInProgress', '1 to 1000000000', set_limiter.max_in_progress::text, 'To stop a queue, pause it');
    ELSIF (set_limiter.max_starts IS NULL) <> (set_limiter.period IS NULL) THEN
        PERFORM postroom.refuse('period', 'given with maxStarts, and left out without', set_limiter.period::text);
    ELSIF length NOT BETWEEN interval '100 milliseconds' AND interval '400 days' THEN
        PERFORM postroom.refuse('period', 'PT0.1S to 400 days', set_limiter.period::text);
    ELSIF set_limiter.max_starts_per_group NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxStartsPerGroup', '1 to 1000000000', set_limiter.max_starts_per_group::text);
    ELSIF set_limiter.max_in_progress_per_group NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxInProgressPerGroup', '1 to 1000000000', set_limiter.max_in_progress_per_group::text);
    ELSIF (set_limiter.max_starts_per_group IS NULL) <> (set_limiter.period_per_group IS NULL) THEN
        PERFORM postroom.refuse('periodPerGroup', 'given with maxStartsPerGroup, and left out without', set_limiter.period_per_group::text);
    ELSIF group_length NOT BETWEEN interval '100 milliseconds' AND interval '400 days' THEN
        PERFORM postroom.refuse('periodPerGroup', 'PT0.1S to 400 days', set_limiter.period_per_group::text);
    ELSIF is_of_groups AND target IS NULL THEN
        PERFORM postroom.refuse('maxStartsPerGroup', 'left out for a destination, and maxInProgressPerGroup too',
            set_limiter.destination, 'Limit the groups of each queue');
    ELSIF coalesce(set_limiter.window_kind, '') NOT IN ('fixed', 'sliding') THEN
        PERFORM postroom.refuse('window', 'fixed or sliding', set_limiter.window_kind);
    END IF;
    LOOP
        SELECT l.* INTO existing
        FROM postroom.limiter l
        WHERE l.queue_id = target OR l.destination = set_limiter.destination
        FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO postroom.limiter (queue_id, destination, max_starts, period, window_kind, max_in_progress, max_starts_per_group,
                                      period_per_group, max_in_progress_per_group, set_by)
        VALUES (target, set_limiter.destination, set_limiter.max_starts, length, set_limiter.window_kind, set_limiter.max_in_progress,
                set_limiter.max_starts_per_group, group_length, set_limiter.max_in_progress_per_group, set_limiter.set_by)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            UPDATE postroom.queue q SET has_limiter = true WHERE q.id = target;
            EXIT;
        END IF;
    END LOOP;
    IF is_of_groups THEN -- behind the lock of the limiter: see step 7 of group_limit.sql
        PERFORM FROM postroom.queue q WHERE q.id = target AND q.fair FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            PERFORM postroom.refuse('queue', 'the name of a fair queue, where groups are limited', set_limiter.queue,
                'SELECT postroom.set_fair(...) makes it fair');
        END IF;
    END IF;
    IF existing.id IS NOT NULL THEN
        is_same := (existing.max_starts, existing.period, existing.window_kind, existing.max_in_progress, existing.max_starts_per_group,
                    existing.period_per_group, existing.max_in_progress_per_group) IS NOT DISTINCT FROM
                   (set_limiter.max_starts, length, set_limiter.window_kind, set_limiter.max_in_progress, set_limiter.max_starts_per_group,
                    group_length, set_limiter.max_in_progress_per_group);
        IF existing.set_by = 'operator' AND set_limiter.set_by = 'declaration' OR is_same AND existing.set_by = set_limiter.set_by THEN
            RETURN false;
        END IF;
        IF (existing.period, existing.window_kind) IS DISTINCT FROM (length, set_limiter.window_kind) THEN
            SELECT c.until, c.booked INTO existing.booked_until, existing.booked
            FROM postroom.carry_starts(existing.period, existing.window_kind, length, set_limiter.window_kind,
                                       existing.booked_until, existing.booked) c;
        END IF;
        PERFORM postroom.regroup_starts(existing, set_limiter.max_starts_per_group, group_length, set_limiter.window_kind);
        UPDATE postroom.limiter l
        SET max_starts = set_limiter.max_starts, period = length, window_kind = set_limiter.window_kind,
            max_in_progress = set_limiter.max_in_progress, max_starts_per_group = set_limiter.max_starts_per_group,
            period_per_group = group_length, max_in_progress_per_group = set_limiter.max_in_progress_per_group,
            set_by = set_limiter.set_by, set_at = clock_timestamp(),
            booked_until = existing.booked_until, booked = existing.booked
        WHERE l.id = existing.id;
    END IF;
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason, note)
    VALUES (coalesce(set_limiter.actor, session_user), 'declare', target, clock_timestamp(), set_limiter.reason,
           concat_ws(', ', 'limiter', 'destination ' || set_limiter.destination, set_limiter.max_starts || ' starts in ' || length,
                     set_limiter.window_kind, set_limiter.max_in_progress || ' in progress',
                     set_limiter.max_starts_per_group || ' starts of each group in ' || group_length,
                     set_limiter.max_in_progress_per_group || ' in progress of each group',
                     CASE WHEN set_limiter.set_by = 'declaration' THEN 'declared' END));
    RETURN NOT coalesce(is_same, false);
END
$$;
COMMENT ON FUNCTION postroom.set_limiter IS
    'Limits a queue, or a destination that queues name: SELECT postroom.set_limiter(''mail'', max_starts => 10, period => ''1 second'').
At most max_starts messages start in a period (100 ms to 400 days), and at most max_in_progress are in progress, over all processes.
max_starts_per_group, period_per_group and max_in_progress_per_group limit each group of a fair queue by itself.
window_kind: sliding, in any span of a period; fixed, from one multiple of the period since 1970 (UTC) to the next.
Sets the limiter as a whole. Answers whether that was a change. remove_limiter removes it. reason and actor go on record.';

-- Checks which limiter is meant. Answers the number of the queue; null: it is one of a destination.
CREATE OR REPLACE FUNCTION postroom.limited_queue(p_queue text, p_destination text) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
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
CREATE OR REPLACE FUNCTION postroom.remove_limiter(
    queue text DEFAULT NULL, destination text DEFAULT NULL, reason text DEFAULT NULL, actor text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target int := postroom.limited_queue(remove_limiter.queue, remove_limiter.destination);
BEGIN
    PERFORM postroom.require_reason_if_given(remove_limiter.reason, remove_limiter.actor);
    DELETE FROM postroom.limiter l WHERE l.queue_id = target OR l.destination = remove_limiter.destination;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE postroom.queue q SET has_limiter = q.destination IS NOT NULL WHERE q.id = target;
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason, note)
    VALUES (coalesce(remove_limiter.actor, session_user), 'declare', target, clock_timestamp(), remove_limiter.reason,
            concat_ws(', ', 'no limiter', 'destination ' || remove_limiter.destination));
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.remove_limiter IS
    'Removes the limiter of a queue, or of a destination: SELECT postroom.remove_limiter(''mail''). false: there was none.
reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.groups_at_limit(p_limiter int) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT count(*)
        FROM postroom.limited_group g
        WHERE g.limiter_id = p_limiter
          AND g.free_at > extract(epoch FROM clock_timestamp()) * 1000000);
END
$$;
COMMENT ON FUNCTION postroom.groups_at_limit IS
    'Internal: how many groups of a queue have started as many messages as they may.';

-- All limiters as they stand, by name, queues first. starts: those that count now, booked ones included. next_start: the microseconds until
-- a start is free; 0: now. groups_at_limit: how many groups have started as many messages as they may. Locks nothing.
CREATE OR REPLACE FUNCTION postroom.limiters()
RETURNS TABLE (queue text, destination text, max_starts int, period interval, window_kind text, max_in_progress int,
               starts int, in_progress bigint, next_start bigint, set_by text, set_at timestamptz, parked_until timestamptz, queue_id int,
               max_starts_per_group int, period_per_group interval, max_in_progress_per_group int, groups_at_limit bigint)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT q.name, l.destination, l.max_starts, l.period, l.window_kind, l.max_in_progress,
           least(c.used, 2147483647)::int, coalesce(r.in_progress, 0),
           coalesce(postroom.next_start(l.max_starts, t.period, l.window_kind, c.until, c.booked, t.now, 1), 0), l.set_by, l.set_at,
           CASE WHEN l.parked_until > clock_timestamp() THEN l.parked_until END, q.id,
           l.max_starts_per_group, l.period_per_group, l.max_in_progress_per_group, postroom.groups_at_limit(l.id)
    FROM postroom.limiter l
    LEFT JOIN postroom.queue q ON q.id = l.queue_id
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM l.period) * 1000000)::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) t (period, now)
    CROSS JOIN LATERAL postroom.count_starts(t.period, l.window_kind, l.booked_until, l.booked, t.now) c
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
-- of the destination holds for this queue once claims from before have ended: it is armed anew. Locks the limiter, then the queue. The
-- first look locks nothing: each process declares at its start. The race that the second look prevents: an operator names another
-- destination between the look and the lock, or somebody else names the same.
CREATE OR REPLACE FUNCTION postroom.set_destination(
    queue text, destination text, set_by text DEFAULT 'operator', reason text DEFAULT NULL, actor text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    target  int := postroom.limited_queue(set_destination.queue, NULL);
    before  postroom.queue;
BEGIN
    PERFORM postroom.require_reason_if_given(set_destination.reason, set_destination.actor);
    IF set_destination.set_by IS NULL OR set_destination.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_destination.set_by);
    END IF;
    IF set_destination.destination IS NOT NULL THEN
        PERFORM postroom.require_name('destination', set_destination.destination);
    END IF;
    FOR look IN 1..2 LOOP
        IF look = 1 THEN
            SELECT * INTO before FROM postroom.queue q WHERE q.id = target;
        ELSE
            PERFORM FROM postroom.limiter l WHERE l.destination = set_destination.destination FOR UPDATE;
            SELECT * INTO before FROM postroom.queue q WHERE q.id = target FOR NO KEY UPDATE;
        END IF;
        IF before.destination IS NOT DISTINCT FROM set_destination.destination
               AND (before.destination_by = 'operator' OR set_destination.set_by = 'declaration')
           OR set_destination.set_by = 'declaration' AND 'operator' IN (before.destination_by, before.settings_by) THEN
            RETURN false;
        END IF;
    END LOOP;
    IF before.destination IS DISTINCT FROM set_destination.destination THEN
        UPDATE postroom.limiter l
        SET armed = false, waits_for = NULL, waits_until = NULL
        WHERE l.destination = set_destination.destination;
    END IF;
    PERFORM set_config('postroom.change', jsonb_build_object('actor', set_destination.actor, 'reason', set_destination.reason,
        'set_by', set_destination.set_by)::text, true); -- for the line that record_queue_settings writes
    UPDATE postroom.queue q
    SET destination = set_destination.destination, destination_by = set_destination.set_by,
        has_limiter = set_destination.destination IS NOT NULL OR EXISTS (SELECT FROM postroom.limiter l WHERE l.queue_id = target)
    WHERE q.id = target;
    PERFORM set_config('postroom.change', '', true);
    RETURN before.destination IS DISTINCT FROM set_destination.destination;
END
$$;
COMMENT ON FUNCTION postroom.set_destination IS
    'Names the external system of a queue, null for none: SELECT postroom.set_destination(''payments'', ''bank'').
A limiter of that destination, and a handler that says notNow about it, then hold for all queues that name it.
Answers whether that was a change. set_by => ''declaration'' leaves what an operator has set. reason and actor go on record.';

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
    INSERT INTO postroom.limiter AS l (destination, set_by, parked_until, probes, probes_since)
    SELECT p_destination, 'declaration', parked, 1, clock_timestamp()
    WHERE EXISTS (SELECT FROM postroom.queue q WHERE q.destination = p_destination AND q.deleted_at IS NULL)
    ON CONFLICT (destination) DO UPDATE
    SET parked_until = greatest(l.parked_until, parked), probes = 1, probes_started = 0,
        probes_since = clock_timestamp(); -- behind the lock of the row: what a claim took before it is no try
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION postroom.park IS
    'Internal: called by workers. Lets nothing start for a destination that takes nothing now.';

CREATE OR REPLACE FUNCTION postroom.unpark(destination text, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM postroom.limited_queue(NULL, unpark.destination);
    PERFORM postroom.require_reason_if_given(unpark.reason, unpark.actor);
    UPDATE postroom.limiter l
    SET parked_until = NULL, probes = NULL, probes_started = 0
    WHERE l.destination = unpark.destination
      AND (l.parked_until IS NOT NULL OR l.probes IS NOT NULL);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO postroom.operator_action (actor, action, finished_at, reason, note)
    VALUES (coalesce(unpark.actor, session_user), 'unpark', clock_timestamp(), unpark.reason, 'destination ' || unpark.destination);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.unpark IS
    'Lets messages of a parked destination start again at once: SELECT postroom.unpark(''bank''). false: it was not parked.
reason and actor go on record.';
