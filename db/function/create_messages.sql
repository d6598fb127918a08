-- create_messages: many messages in one call. The rules are those of create_message, which it calls for each; see there.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Reads only what a cast would not refuse: a text that stands where a number belongs, and the other way round. A null counts as left out.
CREATE OR REPLACE FUNCTION postroom.require_members(p_message jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member record;
BEGIN
    IF jsonb_typeof(p_message) <> 'object' THEN
        PERFORM postroom.refuse('message', 'a JSON object', p_message::text);
    END IF;
    FOR member IN SELECT m.key, m.value, jsonb_typeof(m.value) AS kind FROM jsonb_each(p_message) m LOOP
        CASE
            WHEN member.key IN ('payload', 'headers') THEN
                CONTINUE;
            WHEN member.key IN ('queue', 'exchange', 'routingKey', 'type', 'id', 'delay', 'at', 'timeToLive', 'deduplicationKey',
                                'deduplicateUntil', 'onDuplicate', 'correlationId', 'group', 'direction', 'body', 'contentType',
                                'batch') THEN
                IF member.kind NOT IN ('string', 'null') THEN
                    PERFORM postroom.refuse(member.key, 'a string', member.value::text);
                END IF;
            WHEN member.key IN ('version', 'priority') THEN
                IF member.kind = 'null' THEN
                    CONTINUE;
                ELSIF member.kind <> 'number' OR member.value::numeric NOT BETWEEN -2147483648 AND 2147483647
                   OR member.value::numeric <> trunc(member.value::numeric) THEN
                    PERFORM postroom.refuse(member.key, 'a whole number of 32 bits', member.value::text);
                END IF;
            WHEN member.key = 'mandatory' THEN
                IF member.kind NOT IN ('boolean', 'null') THEN
                    PERFORM postroom.refuse('mandatory', 'true or false', member.value::text);
                END IF;
            ELSE
                PERFORM postroom.refuse(left(member.key, 80), 'left out: there is no such member', member.value::text,
                    'Known are batch, body, contentType, correlationId, deduplicateUntil, deduplicationKey, delay, direction, exchange, '
                    'group, headers, id, mandatory, onDuplicate, payload, priority, queue, routingKey, timeToLive, type, version and at');
        END CASE;
    END LOOP;
    IF p_message ->> 'at' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
        PERFORM postroom.refuse('at', 'a time with a zone, such as 2030-01-31T08:00:00Z', p_message ->> 'at');
    ELSIF p_message ->> 'version' IS NOT NULL AND p_message ->> 'type' IS NULL THEN
        PERFORM postroom.refuse('version', 'given only with type', p_message ->> 'version');
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_members IS
    'Internal: refuses an element of create_messages that is no object, or has a member that is unknown or of the wrong kind.';

-- One subtransaction for the whole call, so that an error can name its message: one for each would overflow what PostgreSQL keeps in
-- shared memory (64 for each connection) and slow all snapshots down. reading names the member whose cast runs.
CREATE OR REPLACE FUNCTION postroom.create_messages(messages jsonb)
RETURNS TABLE (index int, id uuid, is_new boolean, queues text[])
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    message       jsonb;
    place         int;
    reading       text;
    message_id    uuid;
    delay         interval;
    due           timestamptz;
    time_to_live  interval;
    body          bytea;
    batch         uuid;
    said          text;
    field         text;
    hint          text;
BEGIN
    IF messages IS NULL OR jsonb_typeof(messages) <> 'array' THEN
        PERFORM postroom.refuse('messages', 'a JSON array of objects', messages::text);
    ELSIF jsonb_array_length(messages) > 10000 THEN
        PERFORM postroom.refuse('messages', 'at most 10000 at once', jsonb_array_length(messages) || ' messages', 'Send several batches');
    END IF;
    FOR message, place IN SELECT m.value, m.ordinality - 1 FROM jsonb_array_elements(messages) WITH ORDINALITY m LOOP
        PERFORM postroom.require_members(message);
        reading := 'id';
        message_id := message ->> reading;
        reading := 'delay';
        delay := message ->> reading;
        reading := 'at';
        due := message ->> reading;
        reading := 'timeToLive';
        time_to_live := message ->> reading;
        reading := 'body';
        body := decode(message ->> reading, 'base64');
        reading := 'batch';
        batch := message ->> reading;
        reading := NULL;
        RETURN QUERY
            SELECT place, c.id, c.is_new, c.queues
            FROM postroom.create_message(
                queue => message ->> 'queue',
                payload => nullif(message -> 'payload', 'null'),
                type => message ->> 'type',
                type_version => (message ->> 'version')::int,
                message_id => message_id,
                delay => delay,
                at => due,
                time_to_live => time_to_live,
                priority => (message ->> 'priority')::int,
                deduplication_key => message ->> 'deduplicationKey',
                correlation_id => message ->> 'correlationId',
                headers => message -> 'headers',
                direction => coalesce(message ->> 'direction', 'OUTGOING'),
                body => body,
                content_type => message ->> 'contentType',
                group_key => message ->> 'group',
                exchange => message ->> 'exchange',
                routing_key => message ->> 'routingKey',
                mandatory => (message ->> 'mandatory')::boolean,
                deduplicate_until => message ->> 'deduplicateUntil',
                on_duplicate => message ->> 'onDuplicate',
                batch => batch) c;
    END LOOP;
EXCEPTION WHEN data_exception OR unique_violation OR SQLSTATE 'PR404' OR SQLSTATE 'PR421' OR SQLSTATE 'PR429' THEN
    IF place IS NULL THEN
        RAISE;
    END IF;
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, field = COLUMN_NAME, hint = PG_EXCEPTION_HINT;
    IF reading IS NOT NULL THEN
        field := reading;
        said := reading || ' cannot be read: ' || left(said, 200);
    END IF;
    RAISE EXCEPTION 'message % of the batch: %. Nothing of the batch was written', place, said
        USING ERRCODE = CASE WHEN reading IS NULL THEN SQLSTATE ELSE '22023' END, COLUMN = field, HINT = hint;
END
$$;
COMMENT ON FUNCTION postroom.create_messages IS
    'Creates up to 10000 messages, all or none, in the transaction of the caller:
SELECT id FROM postroom.create_messages(''[{"queue": "mail", "payload": {"to": "ann"}}, {"queue": "mail", "delay": "5 minutes"}]'').
Members: queue, or exchange with routingKey and mandatory; payload, or body (Base64) with contentType; type, version, id, delay,
at (with a zone), timeToLive, priority, deduplicationKey, deduplicateUntil, onDuplicate, correlationId, group, headers,
direction, batch. A null counts as left out.
Rules: see create_message.
One row for each message, in order; index counts from 0. An error names the message by that number.';

-- A message is created and taken back, so that a template is refused by the rules of create_message and in its words. A full queue or one
-- without a binding is no reason, because that may have changed when the message is needed. p_waits: see admit.
CREATE OR REPLACE FUNCTION postroom.try_message(p_message jsonb, p_waits boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said   text;
    field  text;
    hint   text;
BEGIN
    IF NOT p_waits THEN
        PERFORM set_config('postroom.wait_for_room', 'off', true);
    END IF;
    PERFORM postroom.create_messages(jsonb_build_array(p_message));
    RAISE SQLSTATE 'PR000' USING MESSAGE = 'accepted'; -- takes the message back, and never leaves this function
EXCEPTION
    WHEN SQLSTATE 'PR000' OR SQLSTATE 'PR404' OR SQLSTATE 'PR429' THEN
        RETURN;
    WHEN data_exception THEN
        GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, field = COLUMN_NAME, hint = PG_EXCEPTION_HINT;
        said := regexp_replace(said, '^message 0 of the batch: (.*)\. Nothing of the batch was written$', '\1');
        RAISE EXCEPTION '%', said USING ERRCODE = SQLSTATE, COLUMN = field, HINT = hint;
END
$$;
COMMENT ON FUNCTION postroom.try_message IS
    'Internal: refuses a message that create_message would refuse, and leaves nothing behind.';

CREATE OR REPLACE FUNCTION postroom.cancel_message(message_id uuid, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS int
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT postroom.cancel(cancel_message.message_id, cancel_message.reason, cancel_message.actor)
$$;
COMMENT ON FUNCTION postroom.cancel_message IS
    'The same as postroom.cancel, under the name that goes with create_message: SELECT postroom.cancel_message(''...'').';
