-- deduplicate: who has a deduplication key. A key belongs to its message until that is purged, unless whoever creates a second message says
-- that it ends earlier: with the message, or with its start. Nothing is written when a message starts or ends: whether the key is still
-- held is decided when somebody asks for it. All need READ COMMITTED: an older snapshot shows a message where it was.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Locks the entries of a message that wait, wherever they are, and answers whether there are any. No claim takes them until the transaction
-- ends. Without the lock, a message could start between the look and the commit of a second message that was dropped because it waited:
-- what the second one tells would be handled by nobody. Looks again like cancel, because an entry may be on its way between two places.
CREATE OR REPLACE FUNCTION postroom.lock_waiting(p_message uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    is_waiting boolean := false;
BEGIN
    FOR look IN 1 .. 50 LOOP
        PERFORM
        FROM postroom.message m
        CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
        JOIN postroom.ready r ON r.queue_id = e.queue_id AND r.priority = m.priority AND r.seq = m.seq AND r.message_id = m.id
        WHERE m.id = p_message
        FOR UPDATE OF r SKIP LOCKED;
        is_waiting := is_waiting OR FOUND;
        PERFORM FROM postroom.ready r WHERE r.message_id = p_message AND r.moved FOR UPDATE SKIP LOCKED;
        is_waiting := is_waiting OR FOUND;
        PERFORM FROM postroom.delayed d WHERE d.message_id = p_message FOR UPDATE SKIP LOCKED;
        is_waiting := is_waiting OR FOUND;
        PERFORM FROM postroom.grouped w WHERE w.message_id = p_message FOR UPDATE SKIP LOCKED;
        is_waiting := is_waiting OR FOUND;
        EXIT WHEN is_waiting OR NOT postroom.may_wait(p_message, '{}');
        PERFORM pg_sleep(0.002);
    END LOOP;
    RETURN is_waiting;
END
$$;
COMMENT ON FUNCTION postroom.lock_waiting IS
    'Internal: keeps a message that waits from being started until the transaction ends. Answers whether it waits.';

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
    holder      uuid;
    is_waiting  boolean;
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
        is_waiting := (p_until = 'start' OR p_on_duplicate IN ('replace', 'reschedule')) AND postroom.lock_waiting(holder);
        IF is_waiting AND p_on_duplicate = 'replace' THEN
            PERFORM postroom.cancel(holder);
        ELSIF is_waiting AND p_on_duplicate = 'reschedule' THEN
            PERFORM postroom.reschedule(holder, coalesce(p_due, statement_timestamp()));
            RETURN holder;
        ELSIF is_waiting OR p_until = 'purged' THEN
            RETURN holder;
        ELSIF p_until = 'end' AND EXISTS (SELECT FROM postroom.place p
                                          WHERE p.message_id = holder AND p.state IN ('READY', 'DELAYED', 'IN_PROGRESS')) THEN
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
