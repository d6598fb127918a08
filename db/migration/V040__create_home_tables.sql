-- Why: users who have outgrown one database put a whole schema postroom on each of several; each of these homes knows its name and the
-- rules that say where a queue lives, and a process with other ones is refused at its start.
-- Locks: queue exclusively, for a moment.
-- Table size: a row for each home; queue is not rewritten.
-- Older workers: survive, they know nothing of homes. The text of the functions is that of db/function/home.sql.

CREATE TABLE postroom.home_rules (
    is_only     boolean NOT NULL DEFAULT true CONSTRAINT home_rules_pk PRIMARY KEY
                CONSTRAINT home_rules_is_one_row CHECK (is_only),
    version     bigint NOT NULL DEFAULT 1,
    rules       text NOT NULL,
    next_rules  text,
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by  text NOT NULL DEFAULT session_user,
    CONSTRAINT home_rules_version CHECK (version > 0)
);
COMMENT ON TABLE postroom.home_rules IS 'where queues live, the same on each home; no row: this database is the only one';
COMMENT ON COLUMN postroom.home_rules.rules IS 'one rule a line, as in "orders = main, second"; see docs/scale.md';
COMMENT ON COLUMN postroom.home_rules.next_rules IS
    'the rules that a change is about to store: queues that leave with them are closed already; null: no change goes on';
COMMENT ON COLUMN postroom.home_rules.version IS 'how often they were changed, from 1';

CREATE TABLE postroom.home_past_rules (
    version  bigint CONSTRAINT home_past_rules_pk PRIMARY KEY,
    rules    text NOT NULL
);
COMMENT ON TABLE postroom.home_past_rules IS
    'rules that this home had before: a queue that lived here by them and does not now has moved; empty: they were never changed';

CREATE TABLE postroom.home (
    name     text COLLATE "C" CONSTRAINT home_pk PRIMARY KEY,
    id       uuid,
    is_here  boolean NOT NULL DEFAULT false,
    CONSTRAINT home_here_has_id CHECK (NOT is_here OR id IS NOT NULL)
);
CREATE UNIQUE INDEX home_here ON postroom.home (is_here) WHERE is_here;
COMMENT ON TABLE postroom.home IS 'the databases that queues live on, this one among them; empty: this database is the only one';
COMMENT ON COLUMN postroom.home.id IS
    'made once by the home itself, so that another database under its name is found; null: not known here yet';
COMMENT ON COLUMN postroom.home.is_here IS 'whether it is this database';

CREATE VIEW postroom.homes AS
SELECT h.name, h.is_here, r.rules, r.version, r.changed_at, r.changed_by
FROM postroom.home h
CROSS JOIN postroom.home_rules r;
COMMENT ON VIEW postroom.homes IS 'the databases that queues live on, and the rules that say where; empty: this database is the only one';

ALTER TABLE postroom.queue ADD COLUMN moved_to text;
COMMENT ON COLUMN postroom.queue.moved_to IS
    'where messages of the queue are created now: on another home; deleted_at is infinity until the last ones here have ended';

-- The rules of HomeRules in Java, in the order in which they count: the exact name, a part, a pattern, #. Reads the text that
-- HomeRules.toString writes; a test compares both.
CREATE OR REPLACE FUNCTION postroom.homes_by_rules(p_rules text, p_queue text)
RETURNS TABLE (homes text[], is_named boolean, whole text)
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    WITH rule AS MATERIALIZED (
        SELECT split_part(l.line, ' = ', 1) AS queue, string_to_array(split_part(l.line, ' = ', 2), ', ') AS homes
        FROM unnest(string_to_array(p_rules, E'\n')) l (line)
    ), part AS (
        SELECT m[1] AS queue, m[2]::int AS number, m[3]::int AS parts
        FROM regexp_match(p_queue, '^(.+):([1-9][0-9]{0,3})of([1-9][0-9]{0,3})$') m
    )
    SELECT f.homes, f.rank < 3, f.whole
    FROM (SELECT 1 AS rank, r.homes, NULL AS whole
          FROM rule r
          WHERE r.queue = p_queue
          UNION ALL
          SELECT 2, r.homes[p.number:p.number], r.queue
          FROM rule r
          JOIN part p ON p.queue = r.queue AND p.parts = cardinality(r.homes) AND p.parts > 1 AND p.number <= p.parts
          UNION ALL
          SELECT 3, r.homes, NULL
          FROM rule r
          WHERE r.queue ~ '[*#]'
            AND r.queue <> '#'
            AND postroom.topic_matches(r.queue, p_queue)
          UNION ALL
          SELECT 4, r.homes, NULL
          FROM rule r
          WHERE r.queue = '#') f
    ORDER BY f.rank
    LIMIT 1
$$;
COMMENT ON FUNCTION postroom.homes_by_rules IS
    'Internal: the homes of a queue by the text of rules, several for one with parts; whether a rule names it; the queue whose part it is.
No row: it has no home.';

-- A queue has moved when it lived here by rules of this home, now or once, and does not by the rules that it has or is about to get. A
-- name that never lived here is left alone: users may have queues of one home that the rules do not know.
-- A part that is none by the rules now has no home, although "#" would give its name one: processes with the old number of parts would
-- write there.
-- A database alone reads one empty table, once for each new queue.
CREATE OR REPLACE FUNCTION postroom.moved_to(p_queue text) RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here      record;
    place     record;
    was_here  boolean := false;
    was_part  text;
    rules     text;
BEGIN
    SELECT h.name, r.rules, r.next_rules INTO here
    FROM postroom.home_rules r
    JOIN postroom.home h ON h.is_here
    WHERE r.next_rules IS NOT NULL
       OR EXISTS (SELECT FROM postroom.home_past_rules);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    FOR place IN
        SELECT b.*
        FROM (SELECT p.rules FROM postroom.home_past_rules p
              UNION ALL
              SELECT here.rules) p
        CROSS JOIN LATERAL postroom.homes_by_rules(p.rules, p_queue) b
    LOOP
        was_here := was_here OR place.homes = ARRAY[here.name];
        was_part := coalesce(was_part, place.whole);
    END LOOP;
    IF NOT was_here THEN
        RETURN NULL;
    END IF;
    FOREACH rules IN ARRAY array_remove(ARRAY[here.rules, here.next_rules], NULL) LOOP
        SELECT * INTO place FROM postroom.homes_by_rules(rules, p_queue);
        IF was_part IS NOT NULL AND NOT coalesce(place.is_named, false) THEN
            RETURN format('the parts of queue "%s"', was_part);
        ELSIF place.homes IS NULL THEN
            RETURN 'no home: no rule gives it one';
        ELSIF cardinality(place.homes) > 1 THEN
            RETURN format('the parts of queue "%s"', p_queue);
        ELSIF place.homes[1] <> here.name THEN
            RETURN format('home "%s"', place.homes[1]);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.moved_to IS
    'Internal: where messages of a queue are created that has left this home, in words. null: it has not.';

-- With the rights of its owner, as the trigger: nobody who makes a queue or creates a message needs rights on the tables of homes.
CREATE OR REPLACE FUNCTION postroom.require_not_moved(p_queue text, p_moved_to text) RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    elsewhere constant text := coalesce(p_moved_to, postroom.moved_to(p_queue));
BEGIN
    IF elsewhere IS NOT NULL THEN
        RAISE EXCEPTION 'queue "%" has moved to %; nothing was written', p_queue, elsewhere
            USING ERRCODE = 'PR421', COLUMN = 'queue', HINT = 'Start this process again with the rules of the homes: see docs/scale.md';
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_not_moved IS
    'Internal: refuses a queue that has left this home, by its row or by the rules (PR421).';

-- A queue whose home is another one by now is deleted here for good, or was never used here. Every way to use it makes its row or brings
-- it back, and ends here: a process with the old rules, a client of SQL that knows no rules, a schedule. So nothing is stored where nobody
-- looks for it. A row that is there already is left to the UPDATE: an INSERT of its name changes nothing by itself.
CREATE OR REPLACE FUNCTION postroom.refuse_moved() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR NOT EXISTS (SELECT FROM postroom.queue q WHERE q.name = NEW.name) THEN
        PERFORM postroom.require_not_moved(NEW.name, NEW.moved_to);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION postroom.refuse_moved IS
    'Internal: a trigger. Keeps a queue from appearing or coming back on a home that it has left (PR421).';

CREATE OR REPLACE TRIGGER refuse_moved BEFORE UPDATE ON postroom.queue
    FOR EACH ROW WHEN (NEW.deleted_at IS NULL AND (NEW.moved_to IS NOT NULL OR OLD.deleted_at IS NOT NULL AND NEW.kind <> 'exclusive'))
    EXECUTE FUNCTION postroom.refuse_moved();

CREATE OR REPLACE TRIGGER refuse_new_moved BEFORE INSERT ON postroom.queue
    FOR EACH ROW WHEN (NEW.deleted_at IS NULL AND NEW.kind <> 'exclusive') EXECUTE FUNCTION postroom.refuse_moved();

REVOKE EXECUTE ON FUNCTION postroom.homes_by_rules, postroom.moved_to, postroom.require_not_moved, postroom.refuse_moved FROM PUBLIC;
