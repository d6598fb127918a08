-- Why: message is partitioned by the day its id carries, attempt by the day it finished, so that a past day is freed by TRUNCATE. The last
-- partition of each is open-ended: an insert never fails for want of one. The first (_old) is open at its beginning and holds what outlived
-- its day. There is no default partition: it forbids DETACH CONCURRENTLY and is scanned at each ATTACH.
-- Locks: only new objects.

-- The lowest UUIDv7 of an instant: 48 bits of milliseconds, the rest zero.
CREATE FUNCTION postroom.lowest_id(at timestamptz) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;

-- Name of the partition that begins on a day (UTC).
CREATE FUNCTION postroom.day_partition(parent text, day date) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT parent || '_' || to_char(day, 'YYYYMMDD')
$$;

DO $$
DECLARE
    first_day constant date := (statement_timestamp() AT TIME ZONE 'UTC')::date - 1;
    days      constant int := 8;
    day       date;
    low       timestamptz;
    high      timestamptz;
BEGIN
    low := first_day::timestamp AT TIME ZONE 'UTC';
    EXECUTE format('CREATE TABLE postroom.message_old PARTITION OF postroom.message FOR VALUES FROM (MINVALUE) TO (%L)', postroom.lowest_id(low));
    EXECUTE format('CREATE TABLE postroom.attempt_old PARTITION OF postroom.attempt FOR VALUES FROM (MINVALUE) TO (%L)', low);
    FOR i IN 0 .. days - 1 LOOP
        day := first_day + i;
        low := day::timestamp AT TIME ZONE 'UTC';
        high := (day + 1)::timestamp AT TIME ZONE 'UTC';
        EXECUTE format('CREATE TABLE postroom.%I PARTITION OF postroom.message FOR VALUES FROM (%L) TO (%L)',
            postroom.day_partition('message', day), postroom.lowest_id(low), postroom.lowest_id(high));
        EXECUTE format('CREATE TABLE postroom.%I PARTITION OF postroom.attempt FOR VALUES FROM (%L) TO (%L)',
            postroom.day_partition('attempt', day), low, high);
    END LOOP;
    EXECUTE format('CREATE TABLE postroom.message_tail PARTITION OF postroom.message FOR VALUES FROM (%L) TO (MAXVALUE)', postroom.lowest_id(high));
    EXECUTE format('CREATE TABLE postroom.attempt_tail PARTITION OF postroom.attempt FOR VALUES FROM (%L) TO (MAXVALUE)', high);
END
$$;
