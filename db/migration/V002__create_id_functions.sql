-- Why: partitions, views and create_message read the time out of an id. The text is that of db/function/ids.sql.
-- Locks: only new objects. Table size: safe at any.
-- Older workers: none exist.

-- Ids of messages: UUIDs of version 7, which carry the time they were made.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- The first 48 bits of an id are milliseconds since 1970; the rest is zero here.
CREATE OR REPLACE FUNCTION postroom.lowest_id(at timestamptz) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;
COMMENT ON FUNCTION postroom.lowest_id IS
    'The lowest message id of an instant. A condition on ids keeps a query to the day partitions it needs:
SELECT ... FROM postroom.queue_messages WHERE message_id >= postroom.lowest_id(now() - interval ''1 day'')';

CREATE OR REPLACE FUNCTION postroom.instant_of(p_id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT timestamptz 'epoch' + ('x' || left(replace(p_id::text, '-', ''), 12))::bit(48)::bigint * interval '1 millisecond'
$$;
COMMENT ON FUNCTION postroom.instant_of IS
    'The instant that a message id carries, to the millisecond: SELECT postroom.instant_of(message_id)';

-- Milliseconds, then the microseconds within them, then 62 random bits. PostgreSQL has uuidv7() only since version 18.
CREATE OR REPLACE FUNCTION postroom.new_id() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (lpad(to_hex(t.micros / 1000), 12, '0')
            || '7' || lpad(to_hex(t.micros % 1000 * 4096 / 1000), 3, '0')
            || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros) t
$$;
COMMENT ON FUNCTION postroom.new_id IS
    'A new message id, a UUID of version 7 of now, for a client that chooses the id before it calls create_message:
SELECT postroom.new_id()';
