-- Why: message is partitioned by the day its id carries, attempt by the day it finished, so that a past day is freed by TRUNCATE. The last
-- partition of each is open-ended: an insert never fails for want of one. The first (_old) is open at its beginning and holds what outlived
-- its day. There is no default partition: it forbids DETACH CONCURRENTLY and is scanned at each ATTACH. The functions are those of
-- db/function/partitions.sql.
-- Locks: only new objects. Table size: safe at any.
-- Older workers: none exist.

-- Partitions: days are made ahead of time, and the oldest ones are folded into one, while nobody who enqueues waits for long.
-- A lock that others would wait behind is tried for 50 ms and no longer. All of it needs READ COMMITTED, so that what is decided after a
-- lock is decided on what was committed before it.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

CREATE OR REPLACE FUNCTION postroom.require_read_committed() RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'maintenance needs READ COMMITTED: a snapshot older than its lock would not see what was committed in between'
            USING ERRCODE = '25001';
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_read_committed IS
    'Internal: refuses to go on (25001) at another isolation level, because maintenance decides after its locks on what was committed
before them.';

CREATE OR REPLACE FUNCTION postroom.day_partition(parent text, day date) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT parent || '_' || to_char(day, 'YYYYMMDD')
$$;
COMMENT ON FUNCTION postroom.day_partition IS
    'Internal: the name of the partition that begins on a day (UTC).';

CREATE OR REPLACE FUNCTION postroom.day_bound(p_parent text, p_day date) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
    SELECT quote_literal(CASE p_parent
        WHEN 'message' THEN postroom.lowest_id(p_day::timestamp AT TIME ZONE 'UTC')::text
        ELSE (p_day::timestamp AT TIME ZONE 'UTC')::text END)
$$;
COMMENT ON FUNCTION postroom.day_bound IS
    'Internal: the bound of a partition that begins or ends on a day, as a literal.';

CREATE OR REPLACE FUNCTION postroom.partitions(p_parent text)
RETURNS TABLE (name text, from_at timestamptz, to_at timestamptz, bytes bigint)
LANGUAGE sql STABLE ROWS 16
SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC'
AS $$
    SELECT p.relname::text,
           coalesce(CASE p_parent WHEN 'message' THEN postroom.instant_of(b.low::uuid) ELSE b.low::timestamptz END, '-infinity'),
           coalesce(CASE p_parent WHEN 'message' THEN postroom.instant_of(b.high::uuid) ELSE b.high::timestamptz END, 'infinity'),
           pg_relation_size(p.oid)
    FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT pg_get_expr(p.relpartbound, p.oid) AS text) t
    CROSS JOIN LATERAL (
        SELECT substring(t.text FROM 'FROM \(''([^'']+)''\)') AS low,
               substring(t.text FROM 'TO \(''([^'']+)''\)') AS high) b
    WHERE i.inhparent = ('postroom.' || quote_ident(p_parent))::regclass
    ORDER BY 2
$$;
COMMENT ON FUNCTION postroom.partitions IS
    'Internal: the partitions of message or attempt, oldest first, with the time each is for. The _old one begins at -infinity, the _tail
one ends at infinity.';

-- PostgreSQL gives a partition none of these. A role that may read all tables (a backup) fails at the first new day. Under a publication, a
-- partition without a key and with the default replica identity refuses each DELETE. The parent's column rights are copied, too. Row
-- security without a policy hides all rows from those who read the partition itself; whoever reads the parent meets the parent's policies.
CREATE OR REPLACE FUNCTION postroom.take_after_parent(p_parent text, p_partition text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent    pg_class;
    partition constant regclass := ('postroom.' || quote_ident(p_partition))::regclass;
    given     record;
    identity  text;
BEGIN
    SELECT c.* INTO parent FROM pg_class c WHERE c.oid = ('postroom.' || quote_ident(p_parent))::regclass;
    IF parent.relowner <> (SELECT c.relowner FROM pg_class c WHERE c.oid = partition) THEN
        BEGIN
            EXECUTE format('ALTER TABLE %s OWNER TO %I', partition, pg_get_userbyid(parent.relowner));
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE WARNING '% belongs to %, not to the owner of %: %', partition, current_user, p_parent, SQLERRM;
        END;
    END IF;
    FOR given IN
        SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS role
        FROM pg_class c
        CROSS JOIN LATERAL aclexplode(c.relacl) a
        WHERE c.oid = partition
          AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', partition, given.role);  -- given by ALTER DEFAULT PRIVILEGES
    END LOOP;
    FOR given IN
        SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS role,
               a.privilege_type || coalesce(' (' || quote_ident(a.attname) || ')', '') AS privilege,
               CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS further
        FROM (
            SELECT x.grantee, x.privilege_type, x.is_grantable, NULL AS attname
            FROM aclexplode(parent.relacl) x
            UNION ALL
            SELECT x.grantee, x.privilege_type, x.is_grantable, t.attname
            FROM pg_attribute t
            CROSS JOIN LATERAL aclexplode(t.attacl) x
            WHERE t.attrelid = parent.oid) a
        WHERE a.grantee <> parent.relowner
    LOOP
        EXECUTE format('GRANT %s ON TABLE %s TO %s%s', given.privilege, partition, given.role, given.further);
    END LOOP;
    IF parent.relrowsecurity THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', partition);
    END IF;
    identity := CASE parent.relreplident
        WHEN 'f' THEN 'FULL'
        WHEN 'n' THEN 'NOTHING'
        WHEN 'i' THEN (
            SELECT format('USING INDEX %I', c.relname)
            FROM pg_index of_parent
            JOIN pg_index own ON own.indrelid = partition AND own.indisunique AND own.indkey::text = of_parent.indkey::text
            JOIN pg_class c ON c.oid = own.indexrelid
            WHERE of_parent.indrelid = parent.oid
              AND of_parent.indisreplident
            LIMIT 1)
        END;
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', partition, coalesce(identity, 'DEFAULT'));
END
$$;
COMMENT ON FUNCTION postroom.take_after_parent IS
    'Internal: gives a new partition the owner, the rights and the replica identity of its parent.';

CREATE OR REPLACE FUNCTION postroom.promised_end(p_parent text) RETURNS date
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT obj_description(c.oid, 'pg_constraint')::date
    FROM pg_constraint c
    WHERE c.conrelid = ('postroom.' || quote_ident(p_parent || '_tail'))::regclass
      AND c.conname = p_parent || '_tail_ends'
$$;
COMMENT ON FUNCTION postroom.promised_end IS
    'Internal: the day at which the tail is promised to end; null: no promise.';

CREATE OR REPLACE FUNCTION postroom.tail_begins(p_parent text) RETURNS date
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
    SELECT max(CASE WHEN isfinite(p.to_at) THEN p.to_at ELSE p.from_at END)::date
    FROM postroom.partitions(p_parent) p
$$;
COMMENT ON FUNCTION postroom.tail_begins IS
    'Internal: the day at which the tail begins, attached or not.';

-- The tail has rows only when no day was made for a week. It then becomes a day of its own and needs a known end. The end is set without
-- blocking others for the length of a scan. First a constraint is promised for new rows, which locks the tail alone. Then, in a transaction
-- of its own, validate_tail looks at the old rows. The constraint names both ends, or ATTACH would read the whole partition under its lock.
-- The end is ten days ahead and renewed three days later, so that it never stands in the way of an insert: one try in a week is enough. It
-- lies behind the highest id, however far ahead of now a client's clock was. The day is then as wide as that.
CREATE OR REPLACE FUNCTION postroom.bound_tail(p_parent text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET timezone = 'UTC'
AS $$
DECLARE
    tail      constant text := p_parent || '_tail';
    today     constant date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    key       constant text := CASE p_parent WHEN 'message' THEN 'id' ELSE 'finished_at' END;
    low       constant date := postroom.tail_begins(p_parent);
    promised  date;
    highest   date := today;
    until     date;
    has_rows  boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM postroom.%I)', tail) INTO has_rows;
    IF NOT has_rows OR low >= today + 3 THEN
        RETURN false;  -- the tail is empty, or need not move yet
    END IF;
    promised := postroom.promised_end(p_parent);
    IF promised >= today + 7 THEN
        RETURN false;
    END IF;
    IF p_parent = 'message' THEN
        EXECUTE format('SELECT postroom.instant_of(id) FROM postroom.%I ORDER BY id DESC LIMIT 1', tail) INTO highest;
    END IF;
    until := greatest(today + 10, highest + 3);
    IF promised IS NOT NULL THEN
        EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT %I', tail, tail || '_ends');
    END IF;
    EXECUTE format('ALTER TABLE postroom.%I ADD CONSTRAINT %I CHECK (%I >= %s AND %I < %s) NOT VALID',
        tail, tail || '_ends', key, postroom.day_bound(p_parent, low), key, postroom.day_bound(p_parent, until));
    EXECUTE format('COMMENT ON CONSTRAINT %I ON postroom.%I IS %L', tail || '_ends', tail, until::text);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.bound_tail IS
    'Internal: promises an end for a tail that has rows. false: the tail is empty, or the promise stands.';

CREATE OR REPLACE FUNCTION postroom.validate_tail(p_parent text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
BEGIN
    IF postroom.promised_end(p_parent) IS NOT NULL THEN
        EXECUTE format('ALTER TABLE postroom.%I VALIDATE CONSTRAINT %I', p_parent || '_tail', p_parent || '_tail_ends');
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.validate_tail IS
    'Internal: checks the old rows of the tail against the promised end, after bound_tail and in a transaction of its own.';

-- Whoever would wait behind a lock waits 100 ms at most: a step may begin within 80 ms, and it has what is left of them for its own locks.
CREATE OR REPLACE FUNCTION postroom.require_time_left(p_since timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    left_ms constant int := 80 - (1000 * extract(epoch FROM clock_timestamp() - p_since))::int;
BEGIN
    IF left_ms <= 0 THEN
        RAISE EXCEPTION 'others have waited for too long' USING ERRCODE = 'PR001';
    END IF;
    PERFORM set_config('lock_timeout', least(50, left_ms)::text, true);
END
$$;
COMMENT ON FUNCTION postroom.require_time_left IS
    'Internal: gives up (PR001) when others have waited for too long, else leaves the rest of the time as the limit for the next lock.';

-- Makes the next days and puts the tail behind them in one transaction, so that there is a partition for each row, unless the tail was
-- detached before. All tables are made first. The parent is then locked for the few milliseconds in which they are attached (figures:
-- package io.postroom.internal.postgres.purge). A tail that was detached before, CONCURRENTLY, is replaced; attaching alone blocks nobody.
-- A day is wider when most queues keep their messages longer than a week, so that there are about 16 partitions in all. Where few queues
-- keep much for long, past days cannot be folded. Each eight of those double the width: 400 days are then fewer than 60 partitions.
--
-- Whoever enqueues waits from the request for the lock until the commit. On a busy machine seven days took 184 to 278 ms. So a step after
-- 80 ms gives up (PR001), and move_tail tries again with fewer days. The commit does not wait for the disk: what comes after it does.
CREATE OR REPLACE FUNCTION postroom.move_tail_by(p_parent text, p_days int, p_enough int) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET timezone = 'UTC'
AS $$
DECLARE
    tail      constant text := p_parent || '_tail';
    next_tail constant text := p_parent || '_next';
    today     constant date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    past      constant int := (SELECT count(*) FROM postroom.partitions(p_parent) p WHERE isfinite(p.from_at) AND p.to_at <= today);
    width     constant int := greatest(
        (SELECT ceil(extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY q.retention)) / 86400 / 8)::int
         FROM postroom.queue q
         WHERE q.deleted_at IS NULL
           AND q.retention BETWEEN interval '0' AND interval '400 days'),  -- a longer one is for ever, or outside its limits
        power(2, least(greatest(past - 8, 0) / 8, 6))::int);
    low       date;
    target    date;
    starts    date[];
    ends      date[];
    has_rows  boolean;
    is_open   boolean;
    since     timestamptz;
BEGIN
    PERFORM postroom.require_read_committed();
    low := postroom.tail_begins(p_parent);
    is_open := EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = ('postroom.' || quote_ident(tail))::regclass);
    IF low >= today + p_enough AND is_open THEN
        RETURN 0;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM postroom.%I)', tail) INTO has_rows;
    IF has_rows THEN
        starts := ARRAY[low];
        ends := ARRAY[postroom.promised_end(p_parent)];
        IF ends[1] IS NULL THEN
            RAISE EXCEPTION '% has rows and no promised end: bound_tail comes first', tail USING ERRCODE = '55000';
        END IF;
    ELSIF low < today THEN
        starts := ARRAY[low];  -- after a long idle time: one partition for all of it
        ends := ARRAY[today];
    END IF;
    target := greatest(today + p_enough, CASE WHEN low < today + 3 OR NOT is_open THEN greatest(today, low) + 7 END);
    WHILE coalesce(ends[cardinality(ends)], low) < target AND coalesce(cardinality(starts), 0) < p_days LOOP
        starts := starts || coalesce(ends[cardinality(ends)], low);
        ends := ends || (starts[cardinality(starts)] + coalesce(width, 1));
    END LOOP;

    FOR i IN 1 + has_rows::int .. cardinality(starts) LOOP
        EXECUTE format('CREATE TABLE postroom.%I (LIKE postroom.%I INCLUDING ALL)', postroom.day_partition(p_parent, starts[i]), p_parent);
        PERFORM postroom.take_after_parent(p_parent, postroom.day_partition(p_parent, starts[i]));
    END LOOP;
    IF has_rows OR NOT is_open THEN
        EXECUTE format('CREATE TABLE postroom.%I (LIKE postroom.%I INCLUDING ALL)', next_tail, p_parent);
        PERFORM postroom.take_after_parent(p_parent, next_tail);
    END IF;

    PERFORM set_config('synchronous_commit', 'off', true);
    -- Others wait from here on, until the commit.
    since := clock_timestamp();
    IF is_open THEN
        EXECUTE format('LOCK TABLE ONLY postroom.%I IN ACCESS EXCLUSIVE MODE', p_parent);
        PERFORM postroom.require_time_left(since);
        EXECUTE format('ALTER TABLE postroom.%I DETACH PARTITION postroom.%I', p_parent, tail);
        PERFORM postroom.require_time_left(since);
    END IF;
    IF has_rows THEN
        EXECUTE format('ALTER TABLE postroom.%I RENAME TO %I', tail, postroom.day_partition(p_parent, low));
    ELSIF NOT is_open THEN
        EXECUTE format('DROP TABLE postroom.%I', tail);  -- DETACH CONCURRENTLY gave it a constraint
    END IF;
    IF has_rows OR NOT is_open THEN
        EXECUTE format('ALTER TABLE postroom.%I RENAME TO %I', next_tail, tail);
    END IF;
    FOR i IN 1 .. cardinality(starts) LOOP
        EXECUTE format('ALTER TABLE postroom.%I ATTACH PARTITION postroom.%I FOR VALUES FROM (%s) TO (%s)',
            p_parent, postroom.day_partition(p_parent, starts[i]),
            postroom.day_bound(p_parent, starts[i]), postroom.day_bound(p_parent, ends[i]));
        IF is_open THEN
            PERFORM postroom.require_time_left(since);
        END IF;
    END LOOP;
    EXECUTE format('ALTER TABLE postroom.%I ATTACH PARTITION postroom.%I FOR VALUES FROM (%s) TO (MAXVALUE)',
        p_parent, tail, postroom.day_bound(p_parent, ends[cardinality(ends)]));
    IF has_rows THEN
        EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT %I', postroom.day_partition(p_parent, low), tail || '_ends');
    END IF;
    RETURN cardinality(starts);
END
$$;
COMMENT ON FUNCTION postroom.move_tail_by IS
    'Internal: makes so many days at most, unless p_enough lie ahead; answers how many. PR001: it took too long, and was undone.';

CREATE OR REPLACE FUNCTION postroom.move_tail(p_parent text, p_enough int DEFAULT 3) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    days int;
BEGIN
    FOREACH days IN ARRAY ARRAY[7, 3, 1] LOOP
        BEGIN
            RETURN postroom.move_tail_by(p_parent, days, p_enough);
        EXCEPTION WHEN SQLSTATE 'PR001' THEN
            PERFORM pg_sleep(0.1);  -- the locks are free again: who waited goes first
        END;
    END LOOP;
    RAISE EXCEPTION 'moving the tail of % would keep others waiting for too long now', p_parent USING ERRCODE = '55P03';
END
$$;
COMMENT ON FUNCTION postroom.move_tail IS
    'Internal: makes the next days when fewer than p_enough lie ahead; answers how many. 0: enough are there. 55P03: the lock was not to be
had, or others would wait too long, so try again later.';

-- Folds the oldest days that are past and hold at most p_rows rows each, as long as there are more than p_most partitions. Promises the new
-- end of _old as a constraint, which locks _old alone; validate_old checks it in a transaction of its own.
CREATE OR REPLACE FUNCTION postroom.bound_old(p_parent text, p_most int, p_rows int) RETURNS date
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET timezone = 'UTC'
AS $$
DECLARE
    old       constant text := p_parent || '_old';
    partition record;
    held      bigint;
    until     date;
    total     int;
BEGIN
    SELECT count(*) INTO total FROM postroom.partitions(p_parent);
    FOR partition IN SELECT * FROM postroom.partitions(p_parent) p WHERE isfinite(p.from_at) AND isfinite(p.to_at) LOOP
        EXIT WHEN total <= p_most OR partition.to_at > clock_timestamp() - interval '25 hours';
        EXECUTE format('SELECT count(*) FROM (SELECT FROM postroom.%I LIMIT $1) x', partition.name) INTO held USING p_rows + 1;
        EXIT WHEN held > p_rows;
        until := partition.to_at;
        total := total - 1;
    END LOOP;
    IF EXISTS (
        SELECT FROM pg_constraint c
        WHERE c.conrelid = ('postroom.' || quote_ident(old))::regclass AND c.conname = old || '_ends') THEN
        EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT %I', old, old || '_ends');  -- left by a run that stopped half-way
    END IF;
    IF until IS NOT NULL THEN
        EXECUTE format('ALTER TABLE postroom.%I ADD CONSTRAINT %I CHECK (%I < %s) NOT VALID',
            old, old || '_ends', CASE p_parent WHEN 'message' THEN 'id' ELSE 'finished_at' END, postroom.day_bound(p_parent, until));
    END IF;
    RETURN until;
END
$$;
COMMENT ON FUNCTION postroom.bound_old IS
    'Internal: the day up to which the _old partition can take over the days after it; null: nothing to fold.';

CREATE OR REPLACE FUNCTION postroom.validate_old(p_parent text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
AS $$
BEGIN
    EXECUTE format('ALTER TABLE postroom.%I VALIDATE CONSTRAINT %I', p_parent || '_old', p_parent || '_old_ends');
END
$$;
COMMENT ON FUNCTION postroom.validate_old IS
    'Internal: checks the rows of the _old partition against its promised end, after bound_old and in a transaction of its own.';

-- Moves what the days before p_until still hold into _old and drops those days. Locks the parent for that time.
CREATE OR REPLACE FUNCTION postroom.fold_old(p_parent text, p_until date) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET timezone = 'UTC'
AS $$
DECLARE
    old    constant text := p_parent || '_old';
    gone   constant text[] := ARRAY(
        SELECT p.name FROM postroom.partitions(p_parent) p WHERE isfinite(p.from_at) AND p.to_at <= p_until::timestamp AT TIME ZONE 'UTC');
BEGIN
    PERFORM postroom.require_read_committed();
    IF cardinality(gone) = 0 THEN
        RETURN 0;
    END IF;
    EXECUTE format('ALTER TABLE postroom.%I DETACH PARTITION postroom.%I', p_parent, old);
    FOR i IN 1 .. cardinality(gone) LOOP
        EXECUTE format('ALTER TABLE postroom.%I DETACH PARTITION postroom.%I', p_parent, gone[i]);
        EXECUTE format('INSERT INTO postroom.%I SELECT * FROM postroom.%I', old, gone[i]);
        EXECUTE format('DROP TABLE postroom.%I', gone[i]);
    END LOOP;
    EXECUTE format('ALTER TABLE postroom.%I ATTACH PARTITION postroom.%I FOR VALUES FROM (MINVALUE) TO (%s)',
        p_parent, old, postroom.day_bound(p_parent, p_until));
    EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT IF EXISTS %I', old, old || '_ends');
    RETURN cardinality(gone);
END
$$;
COMMENT ON FUNCTION postroom.fold_old IS
    'Internal: lets the _old partition reach to a day; answers how many days were dropped.';

DO $$
DECLARE
    first_day constant date := (statement_timestamp() AT TIME ZONE 'UTC')::date - 1;
    days      constant int := 8;
    day       date;
    low       timestamptz;
    high      timestamptz;
BEGIN
    low := first_day::timestamp AT TIME ZONE 'UTC';
    EXECUTE format('CREATE TABLE postroom.message_old PARTITION OF postroom.message FOR VALUES FROM (MINVALUE) TO (%L)',
        postroom.lowest_id(low));
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
    EXECUTE format('CREATE TABLE postroom.message_tail PARTITION OF postroom.message FOR VALUES FROM (%L) TO (MAXVALUE)',
        postroom.lowest_id(high));
    EXECUTE format('CREATE TABLE postroom.attempt_tail PARTITION OF postroom.attempt FOR VALUES FROM (%L) TO (MAXVALUE)', high);
    PERFORM postroom.take_after_parent('attempt', p.name) FROM postroom.partitions('attempt') p;
    PERFORM postroom.take_after_parent('message', p.name) FROM postroom.partitions('message') p;
END
$$;
