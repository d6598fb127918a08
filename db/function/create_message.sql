-- create_message: for every client that is not a Java host: another language, a trigger, a DBA. It has the rules and limits of
-- CreateMessage in Java and refuses in the same words (SQLSTATE 22023, or 23505 for a duplicate; the field stands in COLUMN).
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- SHA-256 and not MD5, which some servers forbid.
CREATE OR REPLACE FUNCTION postroom.content_hash(p_type text, p_version int, p_payload jsonb, p_body bytea) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT encode(substring(sha256(
        convert_to(coalesce(p_type, '') || '/' || p_version || ':'
            || coalesce(p_payload::text, 'body ' || encode(p_body, 'hex'), ''), 'UTF8')
    ) FROM 1 FOR 16), 'hex')::uuid
$$;
COMMENT ON FUNCTION postroom.content_hash IS
    'Internal: what makes two messages of a queue the same for a repeat.';

CREATE OR REPLACE FUNCTION postroom.refuse(p_field text, p_limit text, p_value text, p_hint text DEFAULT '') RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shown text;
BEGIN
    SELECT coalesce(
        string_agg(
            CASE WHEN ascii(c) < 32 OR ascii(c) BETWEEN 127 AND 159 THEN '\u' || lpad(to_hex(ascii(c)), 4, '0') ELSE c END,
            '' ORDER BY place),
        '')
    INTO shown
    FROM regexp_split_to_table(left(p_value, 80), '') WITH ORDINALITY x (c, place)
    WHERE c <> '';
    IF char_length(p_value) > 80 THEN
        shown := shown || '… (' || char_length(p_value) || ' characters)';
    END IF;
    IF p_value IS NULL THEN
        shown := 'null';
    END IF;
    IF p_hint = '' THEN
        RAISE EXCEPTION '% must be %, got "%"', p_field, p_limit, shown USING ERRCODE = '22023', COLUMN = p_field;
    END IF;
    RAISE EXCEPTION '% must be %, got "%"', p_field, p_limit, shown USING ERRCODE = '22023', COLUMN = p_field, HINT = p_hint;
END
$$;
COMMENT ON FUNCTION postroom.refuse IS
    'Internal: refuses a value in the words of InvalidMessageException and shows at most 80 characters of it.';

-- Names are compared exactly. The collation is fixed so that no locale adds letters to A-Z.
CREATE OR REPLACE FUNCTION postroom.require_name(p_field text, p_name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_name COLLATE "C" ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$' THEN
        RETURN;
    END IF;
    PERFORM postroom.refuse(p_field, '1 to 127 of A-Z a-z 0-9 . _ : -, first a letter or digit', p_name);
END
$$;
COMMENT ON FUNCTION postroom.require_name IS
    'Internal: refuses what is no name of a queue or type.';

-- The tab is the one control character that is allowed. PostgreSQL itself keeps NUL and half surrogate pairs out of text.
CREATE OR REPLACE FUNCTION postroom.require_text(p_field text, p_text text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF char_length(p_text) NOT BETWEEN 1 AND 200 THEN
        PERFORM postroom.refuse(p_field, '1 to 200 characters', p_text);
    ELSIF p_text ~ '[\x01-\x08\x0a-\x1f\x7f]' THEN
        PERFORM postroom.refuse(p_field, 'no control characters', p_text);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_text IS
    'Internal: refuses what is not 1 to 200 characters without control characters.';

-- The exact look at depth and numbers is taken only when the length of the text makes it possible that they break a limit.
CREATE OR REPLACE FUNCTION postroom.require_payload(p_payload jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    as_text  constant text := p_payload::text;
    number   text;
BEGIN
    IF octet_length(as_text) > 1048576 THEN
        PERFORM postroom.refuse('payload', 'at most 1048576 bytes', octet_length(as_text) || ' bytes');
    END IF;
    IF char_length(as_text) - char_length(translate(as_text, '[{', '')) > 64
       AND jsonb_path_exists(p_payload, 'strict $.**{64 to last} ? (@.type() == "array" || @.type() == "object")') THEN
        PERFORM postroom.refuse('payload', 'at most 64 levels deep', 'more');
    END IF;
    -- jsonb writes the 8 characters 1e131071 as 131,072 digits.
    IF as_text ~ '[0-9.]{65}' THEN
        SELECT n.value::text INTO number
        FROM jsonb_path_query(p_payload, 'strict $.** ? (@.type() == "number")') n (value)
        WHERE char_length(trim(BOTH '0' FROM translate(n.value::text, '-.', ''))) > 64
           OR abs(n.value::numeric) >= 1e309
           OR abs(n.value::numeric) < 1e-308 AND n.value::numeric <> 0
        LIMIT 1;
        IF FOUND THEN
            PERFORM postroom.refuse('payload', 'JSON with numbers of at most 64 digits and an exponent up to 308', number);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_payload IS
    'Internal: refuses a JSON payload that breaks a limit.';

CREATE OR REPLACE FUNCTION postroom.require_headers(p_headers jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    header  record;
    headers int := 0;
    bytes   int := 0;
BEGIN
    IF jsonb_typeof(p_headers) <> 'object' THEN
        PERFORM postroom.refuse('headers', 'a JSON object', p_headers::text);
    END IF;
    FOR header IN SELECT h.key, jsonb_typeof(h.value) AS kind, h.value #>> '{}' AS value FROM jsonb_each(p_headers) h LOOP
        headers := headers + 1;
        IF header.key COLLATE "C" !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' THEN
            PERFORM postroom.refuse('headers', 'names of 1 to 100 of A-Z a-z 0-9 . _ -, first a letter or digit', header.key);
        ELSIF header.kind <> 'string' THEN
            PERFORM postroom.refuse('headers', 'texts', header.key || ': ' || coalesce(header.value, 'null'));
        ELSIF header.value ~ '[\x01-\x08\x0a-\x1f\x7f]' THEN
            PERFORM postroom.refuse('headers', 'no control characters', header.value);
        END IF;
        bytes := bytes + octet_length(header.key) + octet_length(header.value);
    END LOOP;
    IF headers > 64 THEN
        PERFORM postroom.refuse('headers', 'at most 64', headers || ' headers');
    ELSIF bytes > 8192 THEN
        PERFORM postroom.refuse('headers', 'at most 8192 bytes in all', bytes || ' bytes');
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_headers IS
    'Internal: refuses headers that break a limit.';

-- The row of a new queue is unique by its name, so a second transaction that uses the name waits for the end of the first. A transaction
-- that is prepared for a two-phase commit may end after days, and nothing told those who waited for whom they did: 18 minutes in a trial.
-- So a first use takes an advisory lock on the name before it writes the row, because that lock tells its holder. The race that the repeat
-- prevents: the holder was open when the wait began, and is prepared meanwhile. A time limit for locks that the caller has is kept. The
-- time of one wait is longer than that after which the server looks for deadlocks, so that these are still found.
--
-- There are 1024 locks for all names, because the server's table of locks is small: 6400 usually, for all sessions. With a lock for each
-- name, a transaction that made more queues than that failed, and so did others. Two names that share a lock cost a wait: who uses one
-- first waits until the other is made. A prepared transaction that makes one queue refuses one in 1024 other new names. Transactions
-- that make several queues may meet in a circle, as with the rows; the server ends one then (40P01). Who knows all names beforehand takes
-- their locks first, in the order of hashtext(name) & 1023: see lock_first_uses in TopologySql.
CREATE OR REPLACE FUNCTION postroom.lock_first_use(p_queue text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    callers_limit  constant text := current_setting('lock_timeout');
    one_wait       constant text := least(
        1000 + 2 * (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::bigint, 2147483647) || 'ms';
    lock_number    constant int := hashtext(p_queue) & 1023;
    holder         record;
BEGIN
    WHILE NOT pg_try_advisory_xact_lock(1349481333, lock_number) LOOP
        SELECT x.gid, x.prepared INTO holder
        FROM pg_locks l
        JOIN pg_locks t ON t.virtualtransaction = l.virtualtransaction AND t.locktype = 'transactionid' AND t.pid IS NULL
        JOIN pg_prepared_xacts x ON x.transaction = t.transactionid
        WHERE l.locktype = 'advisory'
          AND l.pid IS NULL
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.classid::bigint = 1349481333
          AND l.objid::bigint = lock_number
          AND l.objsubid = 2
          AND l.granted;
        IF FOUND THEN
            RAISE EXCEPTION 'queue "%" cannot be made before transaction "%" ends, which was prepared at %. '
                'It makes this queue, or another one that shares its lock (of 1024). Nothing was written',
                p_queue, holder.gid, to_char(holder.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
                USING ERRCODE = '55P03', COLUMN = 'queue',
                      HINT = 'Let its transaction manager end it, and declare queues before transactions that are prepared use them';
        END IF;
        BEGIN
            IF callers_limit = '0' THEN
                PERFORM set_config('lock_timeout', one_wait, true);
            END IF;
            PERFORM pg_advisory_xact_lock(1349481333, lock_number);
            PERFORM set_config('lock_timeout', callers_limit, true);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN -- the setting is as it was before this block
            IF callers_limit <> '0' THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.lock_first_use IS
    'Internal: lets one transaction at a time make a queue of this name, and refuses to wait for one that is prepared (55P03). Some names
share a lock.';

-- Two transactions that both use a new name wait for one another: declare the queues of a busy system beforehand.
CREATE OR REPLACE FUNCTION postroom.queue_for_use(p_name text) RETURNS postroom.queue
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_queue  postroom.queue;
    is_locked    boolean := false;
BEGIN
    LOOP
        SELECT * INTO found_queue FROM postroom.queue q WHERE q.name = p_name;
        IF FOUND AND found_queue.deleted_at IS NULL THEN
            RETURN found_queue;
        ELSIF NOT is_locked THEN
            -- A queue that comes back, too: its row stays locked until the end of the transaction.
            PERFORM postroom.lock_first_use(p_name);
            is_locked := true;
        ELSIF FOUND THEN
            UPDATE postroom.queue q SET deleted_at = NULL, used_at = clock_timestamp() WHERE q.id = found_queue.id;
        ELSE
            INSERT INTO postroom.queue (name) VALUES (p_name) ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.queue_for_use IS
    'Internal: the queue of a name, made with the usual settings at its first use; a deleted one comes back.';

CREATE OR REPLACE FUNCTION postroom.queues_of(p_message uuid) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(SELECT q.name
                 FROM postroom.message m
                 JOIN postroom.queue q ON q.id = ANY (coalesce(m.queue_ids, ARRAY[m.queue_id]))
                 WHERE m.id = p_message
                 ORDER BY q.name)
$$;
COMMENT ON FUNCTION postroom.queues_of IS
    'Internal: the names of the queues that a stored message was routed to; empty when the message was purged.';

-- One row for the message, one small row for each queue. All entries have one seq, which is the first place in each of their queues: so
-- message.seq and message.queue_ids lead to all of them.
CREATE OR REPLACE FUNCTION postroom.store_routed(p_message postroom.message, p_targets postroom.queue[], p_due timestamptz) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO postroom.message VALUES (p_message.*) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN p_message.id;
    ELSIF p_due IS NULL THEN
        INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)
        SELECT p_message.seq, t.id, p_message.priority, p_message.id, false,
               CASE WHEN t.fair THEN coalesce(p_message.group_key, E'\x01') ELSE '' END
        FROM unnest(p_targets) t;
    ELSE
        INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)
        SELECT p_due, t.id, p_message.priority, p_message.id, 'delay'
        FROM unnest(p_targets) t;
    END IF;
    INSERT INTO postroom.entry_expiry (expires_at, queue_id, message_id)
    SELECT p_message.created_at + t.time_to_live, t.id, p_message.id
    FROM unnest(p_targets) t
    WHERE t.time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'
      AND p_message.expires_at IS NULL;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.store_routed IS
    'Internal: stores a message with an entry in each of several queues. null: done; else the id that was there already.';

CREATE OR REPLACE FUNCTION postroom.refuse_or_drop(p_message postroom.message, p_mandatory boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Never dropped: the queue is closed for a while, or lives on another home. See home.
    IF p_message.exchange = '' THEN
        PERFORM postroom.require_not_moved(p_message.routing_key,
            (SELECT q.moved_to FROM postroom.queue q WHERE q.name = p_message.routing_key));
    END IF;
    IF coalesce(p_mandatory, true) THEN
        RAISE EXCEPTION '%', CASE WHEN p_message.exchange = '' THEN
                format('the message reaches no queue: there is no queue "%s", which the routing key names. Nothing was written; '
                       'declare the queue, or name it as queue', p_message.routing_key)
            ELSE
                format('the message reaches no queue: exchange "%s" with routing key "%s" has no binding that matches. '
                       'Nothing was written; bind a queue, or pass mandatory => false to drop such messages',
                       p_message.exchange, p_message.routing_key) END
            USING ERRCODE = 'PR404', COLUMN = 'exchange';
    END IF;
    INSERT INTO postroom.dropped_message (exchange, routing_key, message_id, type, correlation_id)
    VALUES (p_message.exchange, p_message.routing_key, p_message.id, p_message.type, p_message.correlation_id)
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION postroom.refuse_or_drop IS
    'Internal: refuses a message that reaches no queue, or notes that it is dropped; one for a queue that has moved is refused (PR421).';

-- How to call it: see the COMMENT. Content that was not written is compared in a statement of its own, because the statement that lost a
-- conflict cannot see the winner.
--
-- The row goes into message whole, from a variable of its type, so that a new column is one assignment here and no further list. Small
-- INSERTs took 216 us a message where one statement with three WITH parts took 246 (best of 12 rounds side by side). Because nextval draws
-- before the INSERT into ready begins, the lock on ready is taken by a statement of its own.
CREATE OR REPLACE FUNCTION postroom.create_message(
    queue              text DEFAULT NULL,
    payload            jsonb DEFAULT NULL,
    type               text DEFAULT NULL,
    type_version       int DEFAULT 1,
    message_id         uuid DEFAULT NULL,
    delay              interval DEFAULT NULL,
    at                 timestamptz DEFAULT NULL,
    time_to_live       interval DEFAULT NULL,
    priority           int DEFAULT 4,
    deduplication_key  text DEFAULT NULL,
    correlation_id     text DEFAULT NULL,
    headers            jsonb DEFAULT NULL,
    direction          text DEFAULT 'OUTGOING',
    body               bytea DEFAULT NULL,
    content_type       text DEFAULT NULL,
    group_key          text DEFAULT NULL,
    exchange           text DEFAULT NULL,
    routing_key        text DEFAULT NULL,
    mandatory          boolean DEFAULT true,
    deduplicate_until  text DEFAULT 'purged',
    on_duplicate       text DEFAULT 'refuse',
    batch              uuid DEFAULT NULL)
RETURNS TABLE (id uuid, is_new boolean, queues text[])
LANGUAGE plpgsql VOLATILE ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    new_payload   constant jsonb := CASE WHEN create_message.body IS NULL THEN coalesce(create_message.payload, 'null') END;
    new_body      constant bytea := create_message.body;
    new_version   constant int := CASE WHEN create_message.type IS NULL THEN 0 ELSE coalesce(create_message.type_version, 1) END;
    new_priority  constant int := coalesce(create_message.priority, 4);
    new_headers   constant jsonb := nullif(nullif(create_message.headers, 'null'), '{}');
    new_until     constant text := coalesce(create_message.deduplicate_until, 'purged');
    new_on_duplicate  constant text := coalesce(create_message.on_duplicate, 'refuse');
    horizon       constant interval := interval '400 days';
    started_at    constant timestamptz := clock_timestamp();
    due           timestamptz;
    key_owner     int;
    targets       postroom.queue[];
    target        postroom.queue;
    new_message   postroom.message;
    new_id        uuid := create_message.message_id;
    existing_id   uuid;
    same_content  boolean;
    to_settle     int[]; -- queues that may be too long afterwards: see limits
BEGIN
    -- In the order of CreateMessage's own checks, so that SQL and Java refuse the same thing first.
    IF create_message.exchange IS NULL THEN
        PERFORM postroom.require_name('queue', create_message.queue);
        IF create_message.routing_key IS NOT NULL THEN
            PERFORM postroom.refuse('routingKey', 'given only with exchange', create_message.routing_key);
        END IF;
    ELSE
        IF create_message.queue IS NOT NULL THEN
            PERFORM postroom.refuse('queue', 'left out with exchange', create_message.queue);
        END IF;
        PERFORM postroom.require_routing_key(coalesce(create_message.routing_key, ''));
    END IF;
    IF new_id IS NOT NULL
       AND (substring(new_id::text FROM 15 FOR 1) <> '7'
            OR substring(new_id::text FROM 20 FOR 1) NOT IN ('8', '9', 'a', 'b')
            OR postroom.instant_of(new_id) NOT BETWEEN started_at - interval '24 hours' AND started_at + interval '5 minutes') THEN
        PERFORM postroom.refuse('id', 'a UUID of version 7 made between 24 hours ago and 5 minutes ahead', new_id::text,
            'Use postroom.new_id(); a foreign id belongs into correlationId or the deduplication key');
    END IF;
    IF create_message.delay NOT BETWEEN interval '0' AND horizon THEN
        PERFORM postroom.refuse('delay', 'PT0S to 400 days', create_message.delay::text);
    END IF;
    IF create_message.at > started_at + horizon OR create_message.at < timestamptz 'epoch' THEN
        PERFORM postroom.refuse('at', 'after 1970 and at most 400 days ahead', create_message.at::text);
    END IF;
    IF create_message.time_to_live NOT BETWEEN interval '1 millisecond' AND horizon THEN
        PERFORM postroom.refuse('timeToLive', 'PT0.001S to 400 days', create_message.time_to_live::text);
    END IF;
    IF create_message.delay IS NOT NULL AND create_message.at IS NOT NULL THEN
        PERFORM postroom.refuse('at', 'given only without delay', create_message.at::text);
    END IF;
    IF create_message.time_to_live <= coalesce(create_message.delay, create_message.at - started_at, interval '0') THEN
        PERFORM postroom.refuse('timeToLive', 'longer than the delay of ' || coalesce(create_message.delay, create_message.at - started_at),
            create_message.time_to_live::text);
    END IF;
    IF new_priority NOT BETWEEN 0 AND 9 THEN
        PERFORM postroom.refuse('priority', '0 to 9', new_priority::text);
    END IF;
    PERFORM postroom.require_text('deduplicationKey', create_message.deduplication_key);
    IF new_until NOT IN ('purged', 'end', 'start') THEN
        PERFORM postroom.refuse('deduplicateUntil', 'purged, end or start', new_until);
    ELSIF new_on_duplicate NOT IN ('refuse', 'keep', 'replace', 'reschedule') THEN
        PERFORM postroom.refuse('onDuplicate', 'refuse, keep, replace or reschedule', new_on_duplicate);
    ELSIF create_message.deduplication_key IS NULL AND (new_until <> 'purged' OR new_on_duplicate <> 'refuse') THEN
        PERFORM postroom.refuse('deduplicationKey', 'given with deduplicateUntil or onDuplicate', NULL);
    END IF;
    PERFORM postroom.require_text('correlationId', create_message.correlation_id);
    PERFORM postroom.require_text('group', create_message.group_key);
    IF new_headers IS NOT NULL THEN
        PERFORM postroom.require_headers(new_headers);
    END IF;
    IF create_message.direction NOT IN ('OUTGOING', 'INCOMING') THEN
        PERFORM postroom.refuse('direction', 'OUTGOING or INCOMING', create_message.direction);
    END IF;
    IF create_message.type IS NOT NULL THEN
        PERFORM postroom.require_name('type', create_message.type);
        IF new_version NOT BETWEEN 1 AND 32767 THEN
            PERFORM postroom.refuse('version', '1 to 32767', new_version::text);
        END IF;
    END IF;
    IF new_body IS NULL THEN
        PERFORM postroom.require_payload(new_payload);
        IF create_message.content_type IS NOT NULL THEN
            PERFORM postroom.refuse('contentType', 'given only with body', create_message.content_type);
        END IF;
    ELSIF create_message.payload IS NOT NULL THEN
        PERFORM postroom.refuse('payload', 'given only without body', left(create_message.payload::text, 1000));
    ELSE
        IF octet_length(new_body) > 1048576 THEN
            PERFORM postroom.refuse('payload', 'at most 1048576 bytes', octet_length(new_body) || ' bytes');
        END IF;
        PERFORM postroom.require_text('contentType', create_message.content_type);
    END IF;
    IF create_message.batch IS NOT NULL THEN
        PERFORM postroom.require_open_batch('batch', create_message.batch); -- locks it: see batch
    END IF;

    IF create_message.exchange IS NULL THEN
        target := postroom.queue_for_use(create_message.queue);
        key_owner := target.id;
    ELSE
        IF EXISTS (SELECT FROM postroom.message m WHERE m.id = create_message.message_id) THEN
            targets := '{}'; -- a repeat: its exchange may be gone by now
        ELSE
            -- One statement, so one snapshot of all exchanges and bindings: a change that commits later counts for the next message.
            SELECT r.targets, r.exchange_id INTO targets, key_owner
            FROM postroom.routed(create_message.exchange, coalesce(create_message.routing_key, ''), coalesce(new_headers, '{}')) r;
        END IF;
        IF cardinality(targets) = 1 THEN
            target := targets[1];
        END IF;
        key_owner := CASE WHEN create_message.exchange = '' THEN coalesce(target.id, 0) ELSE -key_owner END;
    END IF;
    due := CASE WHEN create_message.delay > interval '0' THEN started_at + create_message.delay
                WHEN create_message.at > started_at THEN create_message.at END;
    new_id := coalesce(new_id, postroom.new_id());

    -- The low watermark (see poll) rests on this order: the transaction id and the lock on ready come before nextval draws a seq.
    PERFORM pg_current_xact_id();

    -- The one list of columns here. The row goes in whole, so a default of the table does not apply: what is not assigned is NULL.
    new_message.id := new_id;
    new_message.created_at := statement_timestamp();
    -- A queue's time to live outside its limits counts for nothing: else a negative one would expire each message at once.
    new_message.expires_at := statement_timestamp() + coalesce(create_message.time_to_live,
        CASE WHEN target.time_to_live BETWEEN interval '1 millisecond' AND horizon THEN target.time_to_live END);
    new_message.queue_id := coalesce(target.id, 0);
    new_message.type_version := new_version;
    new_message.priority := new_priority;
    new_message.direction := CASE create_message.direction WHEN 'INCOMING' THEN 1 ELSE 0 END;
    new_message.type := create_message.type;
    new_message.correlation_id := create_message.correlation_id;
    new_message.group_key := create_message.group_key;
    new_message.content_type := CASE WHEN new_body IS NOT NULL THEN coalesce(create_message.content_type, 'application/octet-stream') END;
    new_message.created_by := session_user;
    new_message.exchange := create_message.exchange;
    new_message.routing_key := CASE WHEN create_message.exchange IS NOT NULL THEN coalesce(create_message.routing_key, '') END;
    new_message.queue_ids := CASE WHEN cardinality(targets) > 1 THEN ARRAY(SELECT t.id FROM unnest(targets) t) END;
    new_message.headers := CASE WHEN create_message.batch IS NULL THEN new_headers
                                ELSE coalesce(new_headers, '{}') || jsonb_build_object('postroom-batch', create_message.batch) END;
    new_message.payload := new_payload;
    new_message.body := new_body;

    IF cardinality(targets) = 0 THEN
        -- A message that reaches no queue now may repeat one that was stored while a binding matched. Then it is a repeat, unless that
        -- one holds the key no more: then nothing stands for what this one tells.
        SELECT m.id INTO existing_id
        FROM postroom.message m
        WHERE m.id = coalesce((SELECT d.message_id FROM postroom.dedup d
                               WHERE d.queue_id = key_owner AND d.key = create_message.deduplication_key
                                 AND postroom.keeps_key(d.message_id, new_until, new_on_duplicate)), new_id);
        IF NOT FOUND THEN
            PERFORM postroom.refuse_or_drop(new_message, create_message.mandatory);
            RETURN QUERY SELECT new_id, false, '{}'::text[];
            RETURN;
        END IF;
    ELSIF create_message.deduplication_key IS NOT NULL THEN
        existing_id := postroom.take_key(key_owner, create_message.deduplication_key, new_id, new_until, new_on_duplicate, due);
    END IF;
    IF existing_id IS NULL THEN
        new_message.seq := 0;
        IF due IS NULL THEN
            -- Conditions of their own, without a subquery: most messages go no further than the first, which then costs no statement.
            IF target.max_length IS NOT NULL OR target.id IS NULL THEN
                IF EXISTS (SELECT FROM unnest(targets || target) t WHERE t.max_length IS NOT NULL)
                   AND NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = create_message.message_id) THEN
                    to_settle := postroom.require_room(
                        CASE WHEN target.id IS NULL THEN targets ELSE ARRAY[target] END, create_message.message_id);
                END IF;
            END IF;
            -- Not earlier: whoever waits for a key must not hold the low watermark back.
            LOCK TABLE postroom.ready IN ROW EXCLUSIVE MODE;
            new_message.seq := nextval('postroom.ready_seq');
        END IF;
        IF target.id IS NULL THEN
            existing_id := postroom.store_routed(new_message, targets, due);
        ELSE
            INSERT INTO postroom.message VALUES (new_message.*) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                existing_id := new_id;
            ELSIF due IS NULL THEN
                INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)
                VALUES (new_message.seq, target.id, new_priority, new_id, false,
                        CASE WHEN target.fair THEN coalesce(new_message.group_key, E'\x01') ELSE '' END);
            ELSE
                INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)
                VALUES (due, target.id, new_priority, new_id, 'delay');
            END IF;
        END IF;
        IF existing_id IS NULL THEN
            IF to_settle IS NOT NULL THEN
                PERFORM postroom.settle_length(t.queue_id, 1, new_message.seq - 1, ARRAY[new_id])
                FROM unnest(to_settle) t (queue_id);
            END IF;
            IF create_message.batch IS NOT NULL THEN
                PERFORM postroom.add_member(create_message.batch, new_id, greatest(cardinality(new_message.queue_ids), 1));
            END IF;
            RETURN QUERY SELECT new_id, true,
                CASE WHEN target.id IS NULL THEN ARRAY(SELECT t.name FROM unnest(targets) t) ELSE ARRAY[target.name] END;
            RETURN;
        END IF;
    END IF;

    SELECT CASE WHEN create_message.exchange IS NULL THEN m.queue_id = target.id AND m.exchange IS NULL
                ELSE m.exchange = create_message.exchange AND m.routing_key = new_message.routing_key END
           AND postroom.content_hash(m.type, m.type_version, m.payload, m.body)
               = postroom.content_hash(create_message.type, new_version, new_payload, new_body)
    INTO same_content
    FROM postroom.message m
    WHERE m.id = existing_id;
    IF coalesce(same_content, true)  -- a message that was purged meanwhile counts as the same
       OR new_on_duplicate <> 'refuse' AND existing_id <> new_id THEN
        RETURN QUERY SELECT existing_id, false, postroom.queues_of(existing_id);
        RETURN;
    END IF;
    RAISE EXCEPTION '% already has a message with % "%" but other content: %. '
        'Nothing was written; use another %, or send the same content to have the repeat recognised',
        coalesce('exchange "' || nullif(create_message.exchange, '') || '"', 'queue "' || target.name || '"'),
        CASE WHEN existing_id = new_id THEN 'id' ELSE 'deduplicationKey' END,
        CASE WHEN existing_id = new_id THEN new_id::text ELSE create_message.deduplication_key END,
        existing_id || coalesce(' (' || (SELECT min(p.state) FROM postroom.place p WHERE p.message_id = existing_id) || ')', ''),
        CASE WHEN existing_id = new_id THEN 'id' ELSE 'deduplicationKey' END
        USING ERRCODE = '23505', COLUMN = CASE WHEN existing_id = new_id THEN 'id' ELSE 'deduplicationKey' END;
END
$$;
COMMENT ON FUNCTION postroom.create_message IS
    'Puts a message into a queue, in the transaction of the caller:
SELECT id FROM postroom.create_message(''mail'', ''{"to": "ann"}'', type => ''ticket'').
Or through an exchange, into each queue that its bindings choose (see postroom.bind):
SELECT id, queues FROM postroom.create_message(exchange => ''orders'', routing_key => ''order.42.paid'', payload => ''{}'').
A message that reaches no queue is refused (PR404); with mandatory => false it is dropped, a line is kept, and queues is empty.
The message exists if and only if that transaction commits; workers notice it by polling, within a second.
is_new is false, and id is that of the first message, when message_id or deduplication_key was there with the same content.
With other content it is an error (23505). deduplicate_until says until when another message holds the key: purged, end or start.
on_duplicate says what happens then: refuse other content, keep the first, replace it while it waits, or reschedule it to the new due
time. batch makes it a member of that batch (see create_batch); a message that was there already does not become one.
A value that breaks a limit is refused (22023); its field stands in COLUMN.
A message for a queue that is full and rejects is refused (PR429). Who creates messages in a queue with a maximum length waits for
others that do so, until their transactions end.
An open transaction with the same new key, id or queue name is waited for. That may end in 40001 under REPEATABLE READ,
and in 40P01 when two transactions take keys in opposite orders. A queue that a prepared transaction is making is an error (55P03).';

-- A reply of a handler, through the default exchange, as any SQL client would create it. It is written together with the ends of many
-- messages, so it waits for nobody's room (see limits). Its id is made here: the clock of its host may be wrong. seq: NULL when nothing was
-- written, because the queue does not exist. currval is the number that the call before it in the same row has drawn: rows are made one by
-- one.
CREATE OR REPLACE FUNCTION postroom.create_reply(
    p_queue text, p_type text, p_version int, p_payload jsonb, p_body bytea, p_content_type text, p_headers jsonb, p_priority int,
    p_time_to_live interval, p_correlation_id text, p_group_key text, p_direction text)
RETURNS TABLE (queue_id int, seq bigint)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('postroom.wait_for_room', 'off', true); -- as a clause SET of the function, only a superuser could install it
    RETURN QUERY
    SELECT (SELECT q.id FROM postroom.queue q WHERE q.name = p_queue),
           CASE WHEN c.is_new THEN currval('postroom.ready_seq') END
    FROM postroom.create_message(
        exchange => '', routing_key => p_queue, mandatory => false, type => p_type, type_version => p_version, payload => p_payload,
        body => p_body, content_type => p_content_type, headers => p_headers, priority => p_priority, time_to_live => p_time_to_live,
        correlation_id => p_correlation_id, group_key => p_group_key, direction => p_direction) c;
    PERFORM set_config('postroom.wait_for_room', 'on', true);
END
$$;
COMMENT ON FUNCTION postroom.create_reply IS
    'Internal: creates the reply of a handler, without waiting for room in its queue.';
