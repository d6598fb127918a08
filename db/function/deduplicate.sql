-- deduplicate: who has a deduplication key. A key belongs to its message until that is purged, unless whoever creates a second message says
-- that it ends earlier: with the message, or with its start. Nothing is written when a message starts or ends: whether the key is still
-- held is decided when somebody asks for it. All need READ COMMITTED: an older snapshot shows a message where it was.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Locks the entries of a message that wait, wherever they are. waiting: how many there are; entries: in how many queues the message is
-- (null: it was purged). No claim takes them until the transaction ends. Without the lock, a message could start between the look and the
-- commit of a second message that was dropped because it waited: what the second one tells would be handled by nobody. Looks again like
-- cancel, because an entry may be on its way between two places. An entry that has outlived its time does not wait, though no job may have
-- ended it yet: it will not be handled. It is not locked either, so that the job need not wait. in_doubt: after 100 ms, another
-- transaction still has an entry that may wait, such as an open cancel.
CREATE OR REPLACE FUNCTION postroom.lock_waiting(p_message uuid, OUT waiting int, OUT entries int, OUT in_doubt boolean)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    done   int[]; -- queues whose entries are locked or have outlived their time
    found  int[];
BEGIN
    waiting := 0;
    in_doubt := false;
    SELECT cardinality(k.queues),
           ARRAY(SELECT e.id FROM unnest(k.queues) e (id)
                 WHERE m.expires_at <= clock_timestamp() OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, e.id))
    INTO entries, done
    FROM postroom.message m
    CROSS JOIN LATERAL (SELECT coalesce(m.queue_ids, ARRAY[m.queue_id]) AS queues) k
    WHERE m.id = p_message;
    FOR look IN 1 .. 50 LOOP
        EXIT WHEN entries IS NULL OR cardinality(done) >= entries;
        WITH first_place AS (
            SELECT r.queue_id
            FROM postroom.message m
            CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
            JOIN postroom.ready r ON r.queue_id = e.queue_id AND r.priority = m.priority AND r.seq = m.seq AND r.message_id = m.id
            WHERE m.id = p_message AND r.queue_id <> ALL (done)
            FOR UPDATE OF r SKIP LOCKED
        ), moved AS (
            SELECT r.queue_id FROM postroom.ready r
            WHERE r.message_id = p_message AND r.moved AND r.queue_id <> ALL (done)
            FOR UPDATE SKIP LOCKED
        ), put_off AS (
            SELECT d.queue_id FROM postroom.delayed d
            WHERE d.message_id = p_message AND d.queue_id <> ALL (done)
            FOR UPDATE SKIP LOCKED
        ), behind AS (
            SELECT w.queue_id FROM postroom.grouped w
            WHERE w.message_id = p_message AND w.queue_id <> ALL (done)
            FOR UPDATE SKIP LOCKED
        )
        SELECT array_agg(x.queue_id) INTO found
        FROM (SELECT * FROM first_place UNION ALL SELECT * FROM moved UNION ALL SELECT * FROM put_off UNION ALL SELECT * FROM behind) x;
        waiting := waiting + coalesce(cardinality(found), 0);
        done := done || found;
        in_doubt := cardinality(done) < entries AND postroom.may_wait(p_message, done);
        EXIT WHEN NOT in_doubt;
        PERFORM pg_sleep(0.002);
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.lock_waiting IS
    'Internal: keeps a message that waits from being started until the transaction ends. Answers in how many of its queues it waits.';

-- Whether a message keeps its key from another one, by the words of that one (see take_key). Locks nothing: it may start or end right
-- after. replace and reschedule take a message that waits, so it keeps its key from neither.
CREATE OR REPLACE FUNCTION postroom.keeps_key(p_message uuid, p_until text, p_on_duplicate text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(bool_or(
        CASE WHEN p_on_duplicate IN ('replace', 'reschedule') AND x.waiting > 0 THEN false
             WHEN p_until = 'purged' THEN true
             WHEN p_until = 'end' THEN x.waiting + x.running > 0
             ELSE x.waiting = cardinality(coalesce(m.queue_ids, ARRAY[m.queue_id])) END), false)
    FROM postroom.message m
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE p.state IN ('READY', 'DELAYED')
                                  AND (m.expires_at <= clock_timestamp()) IS NOT TRUE
                                  AND NOT (m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p.queue_id))) AS waiting,
               count(*) FILTER (WHERE p.state = 'IN_PROGRESS') AS running
        FROM postroom.place p
        WHERE p.message_id = p_message) x
    WHERE m.id = p_message
$$;
COMMENT ON FUNCTION postroom.keeps_key IS
    'Internal: whether a message keeps its deduplication key from another message.';

-- Takes a key for a message. Answers null, or the message that keeps it. p_until: purged, end or start, until when the other message holds
-- it. p_on_duplicate: replace cancels the other one while it waits, reschedule gives it the due time p_due (null: now); refuse and keep
-- leave it as it is. Waits for an open transaction with the same key. The row of the key is locked before anybody looks at its message, so
-- that of two who find the key free one gets it.
--
-- replace and reschedule also wait for another transaction that has the message, such as an open cancel. Without that they would leave the
-- new message out because the old one waits, and then the cancel commits: nobody would handle either. A message that would expire before
-- its new due time is replaced, not rescheduled, for the same reason.
--
-- A message that is stored already is a repeat of itself, whoever has its key by now: a later message may have replaced it between a commit
-- whose answer was lost and the repeat.
CREATE OR REPLACE FUNCTION postroom.take_key(
    p_owner int, p_key text, p_message uuid, p_until text, p_on_duplicate text, p_due timestamptz) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- p_due counts from now, the limit of 400 days from the start of the statement, which was earlier.
    due       constant timestamptz := least(coalesce(p_due, statement_timestamp()), statement_timestamp() + interval '400 days');
    holder    uuid;
    waiting   int := 0; -- in so many
    entries   int;      -- of so many queues
    in_doubt  boolean := false;
    replaces  boolean;
BEGIN
    FOR round IN 1 .. 5 LOOP
        INSERT INTO postroom.dedup (queue_id, key, message_id)
        VALUES (p_owner, p_key, p_message)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN NULL;
        ELSIF p_until = 'purged' AND p_on_duplicate IN ('refuse', 'keep') THEN
            SELECT d.message_id INTO holder FROM postroom.dedup d WHERE d.queue_id = p_owner AND d.key = p_key;
        ELSE
            SELECT d.message_id INTO holder FROM postroom.dedup d WHERE d.queue_id = p_owner AND d.key = p_key FOR UPDATE;
        END IF;
        CONTINUE WHEN NOT FOUND; -- purged in between: the key is free again
        IF EXISTS (SELECT FROM postroom.message m WHERE m.id = p_message) THEN
            RETURN p_message;
        ELSIF holder = p_message THEN
            RETURN NULL; -- lock_keys has taken it for this message
        ELSIF p_until = 'purged' AND p_on_duplicate IN ('refuse', 'keep') THEN
            RETURN holder;
        END IF;
        IF p_until = 'start' OR p_on_duplicate IN ('replace', 'reschedule') THEN
            SELECT l.waiting, l.entries, l.in_doubt INTO waiting, entries, in_doubt FROM postroom.lock_waiting(holder) l;
        END IF;
        replaces := p_on_duplicate = 'replace' AND (waiting > 0 OR in_doubt);
        IF p_on_duplicate = 'reschedule' AND (waiting > 0 OR in_doubt) AND (p_until <> 'start' OR waiting + in_doubt::int >= entries) THEN
            replaces := EXISTS (SELECT FROM postroom.message m WHERE m.id = holder AND m.expires_at <= due)
                     OR EXISTS (SELECT FROM postroom.entry_expiry x WHERE x.message_id = holder AND x.expires_at <= due);
            IF NOT replaces THEN
                waiting := postroom.reschedule(holder, due);
                IF waiting > 0 AND (p_until <> 'start' OR waiting = entries) THEN
                    RETURN holder;
                END IF;
            END IF;
        END IF;
        IF replaces AND postroom.cancel(holder) > 0 THEN
            PERFORM set_config('postroom.recount', 'on', true); -- for admit: its queue has room for one more
        ELSIF p_until = 'purged' OR p_until = 'start' AND waiting > 0 AND waiting = entries THEN
            -- It waits in all its queues. In one where it has started, nothing would stand for what the new one tells.
            RETURN holder;
        ELSIF p_until = 'end' AND postroom.keeps_key(holder, 'end', 'keep') THEN
            RETURN holder;
        END IF;
        UPDATE postroom.dedup d SET message_id = p_message WHERE d.queue_id = p_owner AND d.key = p_key;
        RETURN NULL;
    END LOOP;
    RAISE EXCEPTION 'deduplicationKey "%" was purged and taken again 5 times', p_key USING ERRCODE = '40001';
END
$$;
COMMENT ON FUNCTION postroom.take_key IS
    'Internal: takes a deduplication key for a new message. Answers the message that keeps it, or null.';

-- Locks the keys of messages that are then written one by one in an order of their own. Two batches with the same keys in other orders
-- would deadlock: so all keys are locked before, in the order of all other batches. A key that is free goes to the first message of the
-- batch that has it; take_key knows that.
CREATE OR REPLACE FUNCTION postroom.lock_keys(p_owners int[], p_keys text[], p_messages uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT DISTINCT ON (g.owner, g.key) g.owner, g.key, g.message_id
        FROM unnest(p_owners, p_keys, p_messages) WITH ORDINALITY g (owner, key, message_id, place)
        WHERE g.key IS NOT NULL
        ORDER BY g.owner, g.key, g.place
    LOOP
        FOR round IN 1 .. 5 LOOP
            INSERT INTO postroom.dedup (queue_id, key, message_id)
            VALUES (wanted.owner, wanted.key, wanted.message_id)
            ON CONFLICT DO NOTHING;
            EXIT WHEN FOUND;
            PERFORM FROM postroom.dedup d WHERE d.queue_id = wanted.owner AND d.key = wanted.key FOR UPDATE;
            EXIT WHEN FOUND; -- else it was purged in between
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.lock_keys IS
    'Internal: locks the deduplication keys of a batch in one order.';
