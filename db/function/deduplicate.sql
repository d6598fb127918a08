-- deduplicate: who has a deduplication key. A key belongs to its message until that is purged, unless whoever creates a second message says
-- that it ends earlier: with the message, or with its start. Nothing is written when a message starts or ends: whether the key is still
-- held is decided when somebody asks for it. All need READ COMMITTED: an older snapshot shows a message where it was.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Locks the entries of a message that wait, wherever they are. waiting: how many there are; entries: in how many queues the message is
-- (null: it was purged). No claim takes them until the transaction ends. Without the lock, a message could start between the look and the
-- commit of a second message that was dropped because it waited: what the second one tells would be handled by nobody. Looks again like
-- cancel, because an entry may be on its way between two places. An entry that has outlived its time does not wait, though no job may have
-- ended it yet: it will not be handled. It is not locked either, so that the job need not wait.
CREATE OR REPLACE FUNCTION postroom.lock_waiting(p_message uuid, OUT waiting int, OUT entries int)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    done   int[]; -- queues whose entries are locked or have outlived their time
    found  int[];
BEGIN
    waiting := 0;
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
        EXIT WHEN cardinality(done) >= entries OR NOT postroom.may_wait(p_message, done);
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
CREATE OR REPLACE FUNCTION postroom.take_key(
    p_owner int, p_key text, p_message uuid, p_until text, p_on_duplicate text, p_due timestamptz) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder   uuid;
    waiting  int := 0; -- in so many
    entries  int;      -- of so many queues
BEGIN
    FOR round IN 1 .. 5 LOOP
        INSERT INTO postroom.dedup (queue_id, key, message_id)
        VALUES (p_owner, p_key, p_message)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN NULL;
        ELSIF p_until = 'purged' AND p_on_duplicate IN ('refuse', 'keep') THEN
            SELECT d.message_id INTO holder FROM postroom.dedup d WHERE d.queue_id = p_owner AND d.key = p_key;
            CONTINUE WHEN NOT FOUND; -- purged in between: the key is free again
            RETURN holder;
        END IF;
        SELECT d.message_id INTO holder FROM postroom.dedup d WHERE d.queue_id = p_owner AND d.key = p_key FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        IF EXISTS (SELECT FROM postroom.message m WHERE m.id = p_message) THEN
            RETURN p_message; -- a repeat. The key may be a later message's by now, which must not be replaced by an older one
        END IF;
        IF p_until = 'start' OR p_on_duplicate IN ('replace', 'reschedule') THEN
            SELECT l.waiting, l.entries INTO waiting, entries FROM postroom.lock_waiting(holder) l;
        END IF;
        IF waiting > 0 AND p_on_duplicate = 'replace' THEN
            PERFORM postroom.cancel(holder);
        ELSIF waiting > 0 AND p_on_duplicate = 'reschedule' AND (p_until <> 'start' OR waiting = entries) THEN
            -- p_due counts from now, the limit of 400 days from the start of the statement, which was earlier.
            PERFORM postroom.reschedule(
                holder, least(coalesce(p_due, statement_timestamp()), statement_timestamp() + interval '400 days'));
            RETURN holder;
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
