-- ledger: the lines of operator_action, which say what people did. They are neither changed nor removed, and each is chained to the one
-- before it by a hash. So whoever can change the table in spite of that, as its owner can, is found out by check_ledger.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- An act writes its line in its own transaction: neither is there without the other. A job seals lines later. The steps:
--
--   1. A line gets its number, its hash and thereby its place when it is sealed, not when it is written. A chain that grows at the INSERT
--      needs a lock that each act holds until its commit: one open transaction would stop everybody who cancels, pauses or redrives.
--   2. One process seals at a time. It takes an advisory lock before it reads the last hash; two would chain different lines to the same
--      one. Nobody waits: the second seals nothing. The lock is free only after the commit, so the next one sees what was sealed.
--   3. The order is that in which the sealer saw the commits. A line of a long transaction comes after lines that are younger and were
--      committed earlier; sealed_at shows that. A line that is rolled back never has a number, so numbers have no gap.
--   4. An INSERT cannot bring a number, a hash, a time or a login of its own. An UPDATE may seal a line as the next of the chain, and
--      change nothing else.
--   5. The last lines may be removed together with their seals, and the chain before them is whole. Only a number and its hash that are
--      kept elsewhere show that: check_ledger compares them.

CREATE OR REPLACE FUNCTION postroom.keep_ledger() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unsealed  postroom.operator_action;
    last      bigint;
    before    bytea;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.number IS NOT NULL OR NEW.hash IS NOT NULL OR NEW.sealed_at IS NOT NULL THEN
            RAISE EXCEPTION 'number, hash and sealed_at of a new line of operator_action must be left out' USING ERRCODE = '22023';
        END IF;
        IF NOT isfinite(NEW.finished_at) THEN -- it could not be hashed, and no line behind it be sealed
            RAISE EXCEPTION 'finished_at of operator_action must be a moment, not %', NEW.finished_at USING ERRCODE = '22023';
        END IF;
        NEW.at := clock_timestamp();
        NEW.db_user := session_user;
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' AND OLD.number IS NULL THEN
        unsealed := NEW;
        unsealed.number := NULL;
        unsealed.hash := NULL;
        unsealed.sealed_at := NULL;
        IF unsealed IS NOT DISTINCT FROM OLD THEN
            SELECT o.number, o.hash INTO last, before
            FROM postroom.operator_action o
            WHERE o.number IS NOT NULL
            ORDER BY o.number DESC
            LIMIT 1;
            IF NEW.number = coalesce(last, 0) + 1 AND NEW.hash = postroom.ledger_hash(NEW, before) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'the seal of a line of operator_action must follow that of the line before it' USING ERRCODE = '42501';
        END IF;
    END IF;
    RAISE EXCEPTION 'operator_action is a ledger: its lines are neither changed nor removed (%)', TG_OP USING ERRCODE = '42501';
END
$$;
COMMENT ON FUNCTION postroom.keep_ledger IS
    'Internal: a trigger. Lets lines of the ledger be written and sealed, and refuses whatever else would change it.';

CREATE OR REPLACE TRIGGER keep_ledger BEFORE INSERT OR UPDATE OR DELETE ON postroom.operator_action
    FOR EACH ROW EXECUTE FUNCTION postroom.keep_ledger();
CREATE OR REPLACE TRIGGER keep_ledger_whole BEFORE TRUNCATE ON postroom.operator_action
    FOR EACH STATEMENT EXECUTE FUNCTION postroom.keep_ledger();

-- The text that is hashed has no part that depends on a session: times are microseconds since 1970 in UTC, and members that are null are
-- left out. So a column that is added later, and is null in old lines, leaves their hashes as they are.
CREATE OR REPLACE FUNCTION postroom.ledger_hash(p_line postroom.operator_action, p_before bytea) RETURNS bytea
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(coalesce(p_before, '') || convert_to(jsonb_strip_nulls(jsonb_build_object(
        'number', p_line.number,
        'sealedAt', (extract(epoch FROM p_line.sealed_at) * 1000000)::bigint,
        'id', p_line.id,
        'at', (extract(epoch FROM p_line.at) * 1000000)::bigint,
        'actor', p_line.actor,
        'dbUser', p_line.db_user,
        'action', p_line.action,
        'queueId', p_line.queue_id,
        'messageId', p_line.message_id,
        'filter', p_line.filter::text,
        'perSecond', p_line.per_second,
        'planned', p_line.planned,
        'done', p_line.done,
        'cursorId', p_line.cursor_id,
        'finishedAt', (extract(epoch FROM p_line.finished_at) * 1000000)::bigint,
        'note', p_line.note,
        'reason', p_line.reason,
        'operationId', p_line.operation_id))::text, 'UTF8'))
$$;
COMMENT ON FUNCTION postroom.ledger_hash IS
    'Internal: SHA-256 of the hash of the line before and of all values of a line, but for its own hash.';

-- Reads through operator_action_unsealed and operator_action_number.
CREATE OR REPLACE FUNCTION postroom.seal_ledger(p_limit int) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    line    postroom.operator_action;
    last    bigint;
    before  bytea;
    sealed  int := 0;
BEGIN
    PERFORM postroom.require_read_committed();
    IF NOT EXISTS (SELECT FROM postroom.operator_action o WHERE o.number IS NULL) THEN
        RETURN 0;
    ELSIF NOT pg_try_advisory_xact_lock(1349481332, 0) THEN -- ordered queues lock the same number with their id, which is positive
        RETURN 0;
    END IF;
    SELECT o.number, o.hash INTO last, before
    FROM postroom.operator_action o
    WHERE o.number IS NOT NULL
    ORDER BY o.number DESC
    LIMIT 1;
    FOR line IN
        SELECT o.* FROM postroom.operator_action o WHERE o.number IS NULL ORDER BY o.at, o.id LIMIT p_limit
    LOOP
        sealed := sealed + 1;
        line.number := coalesce(last, 0) + sealed;
        line.sealed_at := clock_timestamp();
        before := postroom.ledger_hash(line, before);
        UPDATE postroom.operator_action o
        SET number = line.number, sealed_at = line.sealed_at, hash = before
        WHERE o.id = line.id;
    END LOOP;
    RETURN sealed;
END
$$;
COMMENT ON FUNCTION postroom.seal_ledger IS
    'Internal: called by a job. Chains lines of the ledger that are not sealed yet, the oldest first; answers how many.';

-- Each stored hash is compared with the one that the line and the stored hash before it give. So the first line that differs is the one
-- that was changed, or the one behind lines that were removed.
CREATE OR REPLACE FUNCTION postroom.check_ledger(
    known_number bigint DEFAULT NULL, known_hash text DEFAULT NULL,
    OUT lines bigint, OUT unsealed bigint, OUT unsealed_since timestamptz, OUT last_number bigint, OUT last_hash text,
    OUT broken_number bigint, OUT broken_id uuid, OUT problem text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text;
BEGIN
    IF (known_number IS NULL) <> (known_hash IS NULL) THEN
        PERFORM postroom.refuse('known_number', 'given together with known_hash', known_number::text);
    END IF;
    SELECT count(*) FILTER (WHERE o.number IS NOT NULL), count(*) FILTER (WHERE o.number IS NULL), min(o.at) FILTER (WHERE o.number IS NULL)
    INTO lines, unsealed, unsealed_since
    FROM postroom.operator_action o;
    SELECT o.number, encode(o.hash, 'hex') INTO last_number, last_hash
    FROM postroom.operator_action o
    WHERE o.number IS NOT NULL
    ORDER BY o.number DESC
    LIMIT 1;
    WITH chain AS (
        SELECT o AS line, lag(o.number) OVER w AS number_before, lag(o.hash) OVER w AS hash_before
        FROM postroom.operator_action o
        WHERE o.number IS NOT NULL
        WINDOW w AS (ORDER BY o.number)
    ), checked AS (
        SELECT (c.line).number, (c.line).id,
               CASE WHEN (c.line).number > coalesce(c.number_before, 0) + 1
                    THEN format('before it, lines %s to %s are missing', coalesce(c.number_before, 0) + 1, (c.line).number - 1)
                    WHEN (c.line).hash <> postroom.ledger_hash(c.line, c.hash_before)
                    THEN 'it was changed, or its place in the chain was' END AS problem
        FROM chain c
    )
    SELECT c.number, c.id, c.problem INTO broken_number, broken_id, problem
    FROM checked c
    WHERE c.problem IS NOT NULL
    ORDER BY c.number
    LIMIT 1;
    IF problem IS NULL AND known_number IS NOT NULL THEN
        SELECT encode(o.hash, 'hex') INTO found FROM postroom.operator_action o WHERE o.number = known_number;
        IF found IS DISTINCT FROM lower(known_hash) THEN
            broken_number := known_number;
            problem := CASE WHEN found IS NULL THEN 'it is missing; the last line is ' || coalesce(last_number, 0)
                            ELSE 'it has another hash than the one that is known: the chain was written anew' END;
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.check_ledger IS
    'Checks the chain of the lines of operator_log: SELECT * FROM postroom.check_ledger().
problem is null when all is well; else broken_number is the first line that was changed, or that follows lines that were removed. Keep
last_number and last_hash elsewhere and give them at the next check: SELECT * FROM postroom.check_ledger(812, ''9f86d0...'').
Only that shows that the last lines were removed or the whole chain was written anew. unsealed lines were written a moment ago, or no
worker runs.';

-- A change of a setting is on record however it was made: by hand, by a declaration, or by set_ordered, set_fair, set_group_weight and
-- set_destination. Each UPDATE leaves a line with what was changed: what a session says of itself can leave none out. The parameter
-- postroom.change is an object with actor, reason and set_by, each of which may be missing. Those functions set it for their own UPDATE
-- alone. postroom.change_of_transaction has actor and reason of an import, for changes without their own. A session that sets one of the
-- two by hand names another person than itself; so can one that calls those functions. db_user is its login all the same.
-- The changes of a queue that is deleted are on record as well: it can be brought back by hand. A value is shown with at most 200
-- characters. A longer one ends with its length and its hash, so that two that differ behind the cut look different. A text that could be
-- taken for something else is quoted as in JSON.
CREATE OR REPLACE FUNCTION postroom.record_queue_settings() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most_groups  constant int := 20;
    said         constant jsonb := nullif(current_setting('postroom.change', true), '');
    whole        constant jsonb := nullif(current_setting('postroom.change_of_transaction', true), '');
    changes      text;
BEGIN
    WITH changed AS (
        SELECT replace(b.key, '_', ' ') AS name, b.key AS place, b.value AS before, a.value AS after, 1 AS number
        FROM jsonb_each(to_jsonb(OLD)) b
        JOIN jsonb_each(to_jsonb(NEW)) a ON a.key = b.key
        WHERE a.value <> b.value
          AND b.key NOT IN ('owner', 'paused_at', 'consumers_stopped_at', 'deleted_at', 'had_consumer', 'used_at', 'has_limiter',
                            'group_weights')
        UNION ALL
        SELECT 'weight of group ' || to_json(key), 'group_weights', coalesce(b.value, '1'), coalesce(a.value, '1'),
               row_number() OVER (ORDER BY key COLLATE "C")
        FROM jsonb_each(OLD.group_weights) b
        FULL JOIN jsonb_each(NEW.group_weights) a USING (key)
        WHERE a.value IS DISTINCT FROM b.value
    )
    SELECT concat_ws(', ',
        string_agg(c.name || ' ' || v.both_values, ', ' ORDER BY c.place COLLATE "C", c.number) FILTER (WHERE c.number <= most_groups),
        CASE WHEN max(c.number) > most_groups THEN format('weights of %s more groups', max(c.number) - most_groups) END,
        CASE WHEN count(*) > 0 AND said ->> 'set_by' = 'declaration' THEN 'declared' END)
    INTO changes
    FROM changed c
    CROSS JOIN LATERAL (
        SELECT string_agg(CASE WHEN length(s.text) <= 200 THEN s.text
                               ELSE format('%s... (%s characters, md5 %s)', left(s.text, 140), length(s.text), md5(s.text)) END,
                          ' -> ' ORDER BY s.number) AS both_values
        FROM (SELECT x.number,
                     CASE jsonb_typeof(x.value)
                         WHEN 'null' THEN 'none'
                         WHEN 'string' THEN CASE WHEN x.value #>> '{}' ~ '^[A-Za-z0-9_.:/ -]+$' AND x.value <> '"none"'
                                                 THEN x.value #>> '{}' ELSE x.value::text END
                         ELSE x.value::text END AS text
              FROM (VALUES (1, c.before), (2, c.after)) x (number, value)) s) v;
    IF changes <> '' THEN
        INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason, note)
        VALUES (coalesce(said ->> 'actor', whole ->> 'actor', session_user), 'declare', NEW.id, clock_timestamp(),
                coalesce(said ->> 'reason', whole ->> 'reason'), changes);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.record_queue_settings IS
    'Internal: a trigger. Writes a line of the ledger with what the settings of a queue were and are.';

CREATE OR REPLACE TRIGGER record_queue_settings
    AFTER UPDATE OF name, kind, max_attempts, retry_after, crash_limit, time_to_live, retention, ordered, on_dead_letter, max_length,
        overflow, single_active_consumer, expires_after, fair, group_weights, dead_letter_exchange, dead_letter_routing_key, destination,
        settings_by, weights_by, destination_by
    ON postroom.queue
    FOR EACH ROW
    WHEN ((OLD.name, OLD.kind, OLD.max_attempts, OLD.retry_after, OLD.crash_limit, OLD.time_to_live, OLD.retention, OLD.ordered,
           OLD.on_dead_letter, OLD.max_length, OLD.overflow, OLD.single_active_consumer, OLD.expires_after, OLD.fair,
           OLD.group_weights, OLD.dead_letter_exchange, OLD.dead_letter_routing_key, OLD.destination, OLD.settings_by,
           OLD.weights_by, OLD.destination_by)
          IS DISTINCT FROM
          (NEW.name, NEW.kind, NEW.max_attempts, NEW.retry_after, NEW.crash_limit, NEW.time_to_live, NEW.retention, NEW.ordered,
           NEW.on_dead_letter, NEW.max_length, NEW.overflow, NEW.single_active_consumer, NEW.expires_after, NEW.fair,
           NEW.group_weights, NEW.dead_letter_exchange, NEW.dead_letter_routing_key, NEW.destination, NEW.settings_by,
           NEW.weights_by, NEW.destination_by))
    EXECUTE FUNCTION postroom.record_queue_settings();
