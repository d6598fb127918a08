-- limits: how long queues get. All need READ COMMITTED. In a transaction under REPEATABLE READ the length is that of its snapshot. The
-- queue gets longer by what others committed since, until the next message or the job finds that.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- Only READY entries count. What is DELAYED, in progress or dead does not. An entry that comes back (released, rescued, retried, redriven)
-- counts, but is neither refused nor dropped, and so is one whose delay ends or that is a dead letter of another queue.
--
-- Who creates messages in a limited queue locks its row in queue_length until its transaction ends. The next one waits, and then sees what
-- the first one has committed: two at once cannot take the last place twice. Consumers lock nothing here.
--
-- Locks are taken in one order, by create_message and by Java: first the deduplication keys, then the rows of queue_length in the order of
-- their queues' ids, then the ids of messages. Keys come first because they tell which messages are repeats, which need no room. And who
-- waits for a key then holds up only those with the same key, not all who create messages in the queue. So one message or one batch of Java
-- waits for another and never in a circle. Two transactions that create several messages one by one in opposite orders may end in 40P01,
-- and so may create_messages, which creates one by one.
--
-- Replies wait for no room (see create_reply). They are written with the ends of other messages, which must not wait for a transaction of a
-- user, and which that transaction may wait for itself.
--
-- Counting 100,000 entries takes about 10 ms, so it is spared. Every way into ready draws a number of ready_seq for the entries that it
-- puts into a queue, one each. A queue that had room for n entries when the last number was s cannot be above its limit before that
-- sequence passes s + n: until then nothing is counted. drop_head lets a queue get one hundredth longer than its limit before it counts,
-- and then shortens it to the limit. So 100 entries are counted for each message at most; a queue with a limit below 100 is exact.
--
-- A queue may be far above its limit: the limit was set when millions waited, or was lowered. Taking all of them out at once would take
-- longer than a statement of the engine may (10 s), so nothing would ever go. Therefore each call takes out a part: the messages that it
-- brings, and besides a hundredth of the limit, at least 1000. So no producer makes the queue longer, and each makes it shorter. The job
-- takes part after part: 99,000 above a limit of 1,000 went in 0.9 s, 9 ms a part. While more has to go, a count ends where it is known
-- how many go now; waiting is the least there is then, and free_until is in the past: the next message and the job count again.
--
-- What refuses has no such margin, and a refusal cannot store a figure, because it is rolled back. A limited queue of 100,000 that was
-- found full refuses for a second without counting, shorter ones for less in proportion. A job counts again meanwhile.
--
-- lowest spares the walk over dead index entries at the heads, which an old snapshot keeps. Who writes to ready without the lock may become
-- visible below it: such an entry is missing from the count, and is not dropped.

CREATE OR REPLACE FUNCTION postroom.lock_length(p_queue int) RETURNS postroom.queue_length
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known postroom.queue_length;
BEGIN
    LOOP
        SELECT * INTO known FROM postroom.queue_length s WHERE s.queue_id = p_queue FOR NO KEY UPDATE;
        IF FOUND THEN
            RETURN known;
        END IF;
        INSERT INTO postroom.queue_length (queue_id) VALUES (p_queue) ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.lock_length IS
    'Internal: makes others wait that create messages in a limited queue, until the transaction ends.';

CREATE OR REPLACE FUNCTION postroom.last_ready_seq() RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(pg_sequence_last_value('postroom.ready_seq'), 0)
$$;
COMMENT ON FUNCTION postroom.last_ready_seq IS
    'Internal: the last number that was drawn for an entry of ready.';

-- Counts through ready_pk, lane by lane. The caller has the lock, and read the last number before. An empty lane begins a little below that
-- number the next time: an entry that comes without the lock may have drawn its number and not be committed. p_most: in no lane more are
-- counted; null: all are.
CREATE OR REPLACE FUNCTION postroom.count_length(p_known postroom.queue_length, p_last_seq bigint, p_most bigint)
RETURNS postroom.queue_length
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
DECLARE
    is_known  constant boolean := p_known.max_length IS NOT NULL AND p_known.counted_seq <= p_last_seq;
    fresh     postroom.queue_length := p_known;
BEGIN
    SELECT sum(l.waiting)::bigint,
           array_agg(coalesce(l.lowest, greatest(from_seq.place, p_last_seq - 1000)) ORDER BY x.prio)
    INTO fresh.waiting, fresh.lowest
    FROM generate_series(0, 9) x (prio)
    CROSS JOIN LATERAL (SELECT CASE WHEN is_known THEN coalesce(p_known.lowest[x.prio + 1], 0) ELSE 0 END AS place) from_seq
    CROSS JOIN LATERAL (
        SELECT count(*) AS waiting, min(c.seq) AS lowest
        FROM (SELECT r.seq
              FROM postroom.ready r
              WHERE r.queue_id = p_known.queue_id
                AND r.priority = x.prio::smallint
                AND r.seq >= from_seq.place
              ORDER BY r.queue_id, r.priority, r.seq
              LIMIT p_most) c) l;
    fresh.counted_seq := p_last_seq;
    fresh.counted_at := clock_timestamp();
    RETURN fresh;
END
$$;
COMMENT ON FUNCTION postroom.count_length IS
    'Internal: counts what is READY in a limited queue.';

-- Figures of a queue with little room are not worth a row version a message. Whatever is not stored is counted once more.
CREATE OR REPLACE FUNCTION postroom.store_length(p_before postroom.queue_length, p_fresh postroom.queue_length, p_always boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_always
       OR p_fresh.free_until - p_fresh.counted_seq >= 8
       OR p_fresh.counted_seq - p_before.counted_seq >= 1000
       OR p_fresh.max_length >= 5000 AND p_fresh.waiting >= p_fresh.max_length
       OR p_fresh.counted_seq < p_before.counted_seq THEN
        UPDATE postroom.queue_length s
        SET max_length = p_fresh.max_length, waiting = p_fresh.waiting, counted_at = p_fresh.counted_at,
            counted_seq = p_fresh.counted_seq, free_until = p_fresh.free_until, lowest = p_fresh.lowest
        WHERE s.queue_id = p_fresh.queue_id;
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.store_length IS
    'Internal: keeps what was counted of a limited queue.';

-- Asks whether so many new READY messages may come into each of these queues. Queues without a limit cost one look-up. Rows come for what
-- needs more than the INSERT:
-- 1, changed: the number is not that of the queue of this name any more; nothing was asked of the others.
-- 2, full: the queue refuses; the INSERT must not follow.
-- 3, settle: settle_length has to follow the INSERT, with this surplus and after_seq.
-- With postroom.wait_for_room = off nobody waits: a queue whose row another transaction has is looked at without the lock. It may get
-- longer than its limit by what both write. A head that has to go is dropped by the next message, or by the job.
CREATE OR REPLACE FUNCTION postroom.admit(p_queues int[], p_names text[], p_messages int[])
RETURNS TABLE (queue_id int, queue text, answer int, max_length bigint, waiting bigint, surplus bigint, after_seq bigint)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target     record;
    known      postroom.queue_length;
    fresh      postroom.queue_length;
    last_seq   bigint;
    is_above   boolean;
    is_locked  boolean;
BEGIN
    RETURN QUERY
    SELECT k.id, k.name, 1, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint
    FROM unnest(p_queues, p_names) k (id, name)
    WHERE NOT EXISTS (SELECT FROM postroom.queue q WHERE q.id = k.id AND q.name = k.name AND q.deleted_at IS NULL);
    IF FOUND THEN
        RETURN;
    END IF;
    FOR target IN
        SELECT q.id, q.name, q.max_length, k.messages,
               CASE WHEN q.overflow = 'reject_to_dead_letter_exchange' AND q.dead_letter_exchange IS NULL THEN 'reject'
                    ELSE q.overflow END AS overflow
        FROM unnest(p_queues, p_messages) k (id, messages)
        JOIN postroom.queue q ON q.id = k.id
        WHERE q.max_length IS NOT NULL
          AND k.messages > 0
        ORDER BY q.id
    LOOP
        is_locked := true;
        IF current_setting('postroom.wait_for_room', true) = 'off' THEN
            SELECT * INTO known FROM postroom.queue_length s WHERE s.queue_id = target.id FOR NO KEY UPDATE SKIP LOCKED;
            is_locked := FOUND;
            IF NOT is_locked THEN
                SELECT * INTO known FROM postroom.queue_length s WHERE s.queue_id = target.id;
                known.queue_id := target.id;
            END IF;
        ELSE
            known := postroom.lock_length(target.id);
        END IF;
        last_seq := postroom.last_ready_seq();
        IF known.max_length = target.max_length
           AND last_seq >= known.counted_seq
           AND last_seq + target.messages <= known.free_until THEN
            CONTINUE;
        ELSIF target.overflow = 'drop_head' THEN
            IF is_locked THEN
                RETURN QUERY SELECT target.id, target.name, 3, target.max_length, NULL::bigint, 0::bigint, last_seq;
            END IF;
            CONTINUE;
        END IF;
        fresh := known;
        is_above := true;
        IF known.max_length IS DISTINCT FROM target.max_length
           OR last_seq < known.counted_seq
           OR known.waiting < target.max_length
           OR current_setting('postroom.recount', true) = 'on' -- this transaction has replaced a message, which may have made room
           OR clock_timestamp() NOT BETWEEN known.counted_at AND known.counted_at + target.max_length * interval '10 microseconds' THEN
            fresh := postroom.count_length(known, last_seq, NULL);
            fresh.max_length := target.max_length;
            fresh.free_until := last_seq + greatest(target.max_length - fresh.waiting, 0);
            is_above := fresh.waiting + target.messages > target.max_length;
            IF NOT is_above THEN
                fresh.waiting := fresh.waiting + target.messages; -- both are committed, or neither
            END IF;
            IF is_locked THEN
                PERFORM postroom.store_length(known, fresh, false);
            END IF;
        END IF;
        IF is_above AND target.overflow = 'reject' THEN
            RETURN QUERY SELECT target.id, target.name, 2, target.max_length, fresh.waiting, NULL::bigint, NULL::bigint;
            RETURN;
        ELSIF is_above THEN
            RETURN QUERY SELECT target.id, target.name, 3, target.max_length, fresh.waiting,
                                least(fresh.waiting + target.messages - target.max_length, target.messages), last_seq;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.admit IS
    'Internal: called before messages are created. Whether there is room for them in queues with a limit.';

-- What goes through a dead letter exchange becomes a dead letter, which the trigger of dead_letter sends on. p_from: the lowest seq of each
-- lane to look at. p_only: null, the oldest of the lowest priority go; else the newest of these messages. An entry that a claim has locked
-- is on its way out: it counts as gone, and a newer one stays in its stead.
CREATE OR REPLACE FUNCTION postroom.drop_entries(q postroom.queue, p_most bigint, p_from bigint[], p_only uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
DECLARE
    places   tid[];
    dropped  bigint := 0;
BEGIN
    FOR prio IN 0 .. 9 LOOP
        EXIT WHEN dropped >= p_most;
        IF p_only IS NULL THEN
            SELECT array_agg(c.ctid) INTO places
            FROM (SELECT r.ctid
                  FROM postroom.ready r
                  WHERE r.queue_id = q.id
                    AND r.priority = prio::smallint
                    AND r.seq >= coalesce(p_from[prio + 1], 0)
                    AND r.deliveries = 0 -- no consumer has had it
                  ORDER BY r.queue_id, r.priority, r.seq
                  LIMIT p_most - dropped) c;
        ELSE
            SELECT array_agg(c.ctid) INTO places
            FROM (SELECT r.ctid
                  FROM postroom.ready r
                  WHERE r.queue_id = q.id
                    AND r.priority = prio::smallint
                    AND r.seq >= coalesce(p_from[prio + 1], 0)
                    AND r.message_id = ANY (p_only)
                  ORDER BY r.queue_id DESC, r.priority DESC, r.seq DESC
                  LIMIT p_most - dropped) c;
        END IF;
        CONTINUE WHEN places IS NULL;
        WITH mine AS MATERIALIZED (
            SELECT r.ctid FROM postroom.ready r WHERE r.ctid = ANY (places) FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.ready r
            WHERE r.ctid = ANY (ARRAY(SELECT m.ctid FROM mine m))
            RETURNING r.priority, r.failures, r.crashes, r.deliveries, r.message_id
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT x.message_id, clock_timestamp(), clock_timestamp(), q.id, x.deliveries, 1, 'maxlen'
            FROM removed x
            WHERE q.dead_letter_exchange IS NULL
        )
        INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)
        SELECT q.id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id, 'maxlen'
        FROM removed x
        WHERE q.dead_letter_exchange IS NOT NULL
        ON CONFLICT DO NOTHING;
        dropped := dropped + cardinality(places);
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION postroom.drop_entries IS
    'Internal: takes entries out of a queue that is too long. Their end is CANCELLED, reason maxlen, or the dead letter exchange.';

-- Counts a queue, and takes out a part of what is above its limit, where its overflow is drop_head. p_new: so many messages were created
-- in it just now, for which the caller has the lock or waits for it. null: the job calls, which leaves the queue to whoever has the lock.
-- is_more: it is still too long, and more can go at once.
CREATE OR REPLACE FUNCTION postroom.shorten(p_queue int, p_new int, OUT dropped bigint, OUT is_more boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target    postroom.queue;
    known     postroom.queue_length;
    fresh     postroom.queue_length;
    last_seq  bigint;
    margin    bigint := 0;
    most      bigint;
BEGIN
    dropped := 0;
    is_more := false;
    IF p_new IS NOT NULL THEN
        known := postroom.lock_length(p_queue);
    ELSE
        SELECT * INTO known FROM postroom.queue_length s WHERE s.queue_id = p_queue FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    SELECT * INTO target FROM postroom.queue q WHERE q.id = p_queue AND q.deleted_at IS NULL AND q.max_length IS NOT NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    last_seq := postroom.last_ready_seq();
    IF target.overflow = 'drop_head' THEN
        margin := target.max_length / 100;
        most := greatest(margin, 1000) + coalesce(p_new, 0);
    END IF;
    fresh := postroom.count_length(known, last_seq, target.max_length + most + 1);
    IF fresh.waiting > target.max_length AND most > 0 THEN
        dropped := postroom.drop_entries(target, least(fresh.waiting - target.max_length, most), fresh.lowest, NULL);
        fresh.waiting := fresh.waiting - dropped;
        is_more := dropped = most AND fresh.waiting > target.max_length;
    END IF;
    fresh.max_length := target.max_length;
    fresh.free_until := last_seq + CASE WHEN is_more THEN -1
                                        ELSE greatest(target.max_length + margin - fresh.waiting, margin) END;
    PERFORM postroom.store_length(known, fresh, p_new IS NULL OR dropped >= 100);
END
$$;
COMMENT ON FUNCTION postroom.shorten IS
    'Internal: takes out a part of what is above the maximum length of a queue.';

-- Follows the INSERT where admit asked for it. The oldest of the lowest priority may be one of the new messages.
CREATE OR REPLACE FUNCTION postroom.settle_length(p_queue int, p_surplus bigint, p_after_seq bigint, p_messages uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target postroom.queue;
BEGIN
    SELECT * INTO target FROM postroom.queue q WHERE q.id = p_queue;
    IF target.overflow <> 'reject_to_dead_letter_exchange' THEN
        RETURN (SELECT s.dropped FROM postroom.shorten(p_queue, cardinality(p_messages)) s);
    END IF;
    RETURN postroom.drop_entries(target, p_surplus, array_fill(p_after_seq + 1, ARRAY[10]), p_messages);
END
$$;
COMMENT ON FUNCTION postroom.settle_length IS
    'Internal: called after messages were created. Takes out what is above the maximum length of a queue.';

-- For create_message: answers the queues to settle, or refuses. p_message: the id. It may have been stored by the transaction that this one
-- waited for. Then it is a repeat, which needs no room.
CREATE OR REPLACE FUNCTION postroom.require_room(p_targets postroom.queue[], p_message uuid) RETURNS int[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answered  record;
    to_settle int[] := '{}';
BEGIN
    FOR answered IN
        SELECT a.*
        FROM postroom.admit(ARRAY(SELECT t.id FROM unnest(p_targets) t), ARRAY(SELECT t.name FROM unnest(p_targets) t),
                            array_fill(1, ARRAY[cardinality(p_targets)])) a
    LOOP
        IF answered.answer = 2 THEN -- full
            IF EXISTS (SELECT FROM postroom.message m WHERE m.id = p_message) THEN
                RETURN '{}';
            END IF;
            RAISE EXCEPTION 'queue "%" is full: % messages are READY in it, and its maximum length is %. '
                'Nothing was written; try again when its consumers have taken some, or raise the limit',
                answered.queue, answered.waiting, answered.max_length
                USING ERRCODE = 'PR429', COLUMN = 'queue';
        ELSIF answered.answer = 3 THEN -- settle
            to_settle := to_settle || answered.queue_id;
        END IF;
    END LOOP;
    RETURN to_settle;
END
$$;
COMMENT ON FUNCTION postroom.require_room IS
    'Internal: refuses a message where a queue has no room for it.';

-- The row is there from the beginning, so that the job finds a queue in which nobody has created a message yet. In an ordered queue most of
-- what waits is not READY but behind others of its group, and a head could not be dropped without its group.
CREATE OR REPLACE FUNCTION postroom.begin_length() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.ordered THEN
        PERFORM postroom.refuse('maxLength', format('left out for the ordered queue "%s"', NEW.name), NEW.max_length::text);
    END IF;
    INSERT INTO postroom.queue_length (queue_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.begin_length IS
    'Internal: a trigger. Makes the row of a limited queue in queue_length, and refuses a limit for an ordered queue.';

CREATE OR REPLACE TRIGGER begin_length AFTER INSERT OR UPDATE OF max_length, ordered ON postroom.queue
    FOR EACH ROW WHEN (NEW.max_length IS NOT NULL) EXECUTE FUNCTION postroom.begin_length();
