-- Why: schedules are declared, paused and deleted by SQL, too. The text is that of db/function/schedule.sql.
-- Locks: only new objects. Table size: safe at any.
-- Older workers: survive; they fire no schedules.

-- schedule: messages at planned times. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- A row of schedule is locked by whoever fires, declares, pauses or deletes it. A worker fires in one transaction: it locks due rows with
-- SKIP LOCKED, creates their messages, and sets due_at to the next time. So a planned time fires once, on whichever node, or not at all.
-- SQL cannot compute a cron time. Functions here set planned_at to null and due_at to now, and a worker plans within a second or so.

CREATE OR REPLACE FUNCTION postroom.require_schedule_message(p_name text, p_message jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field  text;
BEGIN
    PERFORM postroom.require_members(p_message);
    FOREACH field IN ARRAY ARRAY['id', 'at', 'deduplicationKey', 'batch'] LOOP
        IF p_message ->> field IS NOT NULL THEN
            PERFORM postroom.refuse(field, 'left out in the message of a schedule', p_message ->> field,
                'Each run has a message of its own; its planned time is in header postroom-planned-at');
        END IF;
    END LOOP;
    PERFORM postroom.try_message(p_message || jsonb_build_object('headers',
        coalesce(nullif(p_message -> 'headers', 'null'), '{}')
        || jsonb_build_object('postroom-schedule', p_name, 'postroom-planned-at', '2026-01-01T00:00:00.000000Z')), true);
END
$$;
COMMENT ON FUNCTION postroom.require_schedule_message IS
    'Internal: refuses a message that create_message would refuse when a schedule fires.';

CREATE OR REPLACE FUNCTION postroom.require_period(p_field text, p_period interval) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_period NOT BETWEEN interval '1 second' AND interval '400 days' OR extract(month FROM p_period) <> 0
       OR extract(year FROM p_period) <> 0 THEN
        PERFORM postroom.refuse(p_field, 'PT1S to 400 days, without months or years, which have no fixed length', p_period::text);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_period IS
    'Internal: refuses the time between two runs when it breaks a limit.';

CREATE OR REPLACE FUNCTION postroom.require_schedule(
    p_name text, p_cron text, p_zone text, p_every interval, p_after_end interval, p_at timestamptz, p_missed text, p_missed_limit int,
    p_overlap text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM postroom.require_name('name', p_name);
    IF num_nonnulls(p_cron, p_every, p_after_end, p_at) <> 1 THEN
        PERFORM postroom.refuse('cron', 'given, or one of every, afterEnd and at, and only one of them',
            num_nonnulls(p_cron, p_every, p_after_end, p_at) || ' of them');
    END IF;
    PERFORM postroom.require_text('cron', p_cron);
    IF p_zone IS NOT NULL AND p_cron IS NULL THEN
        PERFORM postroom.refuse('zone', 'given only with cron', p_zone);
    END IF;
    PERFORM postroom.require_text('zone', p_zone);
    PERFORM postroom.require_period('every', p_every);
    PERFORM postroom.require_period('afterEnd', p_after_end);
    IF p_at NOT BETWEEN timestamptz 'epoch' AND timestamptz '9999-12-31T23:59:59Z' THEN
        PERFORM postroom.refuse('at', 'from 1970 to the end of the year 9999', p_at::text);
    END IF;
    IF p_missed IS NULL OR p_missed NOT IN ('NONE', 'ONCE', 'ALL') THEN
        PERFORM postroom.refuse('missed', 'NONE, ONCE or ALL', p_missed);
    ELSIF p_missed_limit NOT BETWEEN 1 AND 1000 THEN
        PERFORM postroom.refuse('missedLimit', '1 to 1000', p_missed_limit::text);
    ELSIF p_missed <> 'ALL' AND p_missed_limit IS NOT NULL THEN
        PERFORM postroom.refuse('missedLimit', 'given only with ALL', p_missed_limit::text);
    END IF;
    IF p_overlap IS NULL OR p_overlap NOT IN ('QUEUE', 'SKIP', 'CANCEL') THEN
        PERFORM postroom.refuse('overlap', 'QUEUE, SKIP or CANCEL', p_overlap);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_schedule IS
    'Internal: refuses what breaks a limit of a schedule, apart from its message.';

-- What is there already with the same text takes no lock and writes nothing, so that every node may declare at its start. A change waits
-- for a node that fires the row, and then replaces the plan that it made of the old text.
CREATE OR REPLACE FUNCTION postroom.create_schedule(
    name          text,
    message       jsonb,
    cron          text DEFAULT NULL,
    zone          text DEFAULT NULL,
    every         interval DEFAULT NULL,
    after_end     interval DEFAULT NULL,
    at            timestamptz DEFAULT NULL,
    missed        text DEFAULT 'ONCE',
    missed_limit  int DEFAULT NULL,
    overlap       text DEFAULT 'QUEUE',
    set_by        text DEFAULT 'operator')
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    given   postroom.schedule;
    before  postroom.schedule;
BEGIN
    PERFORM postroom.require_schedule(create_schedule.name, create_schedule.cron, create_schedule.zone, create_schedule.every,
        create_schedule.after_end, create_schedule.at, create_schedule.missed, create_schedule.missed_limit, create_schedule.overlap);
    IF create_schedule.set_by IS NULL OR create_schedule.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', create_schedule.set_by);
    END IF;
    IF create_schedule.message IS NULL THEN
        PERFORM postroom.refuse('message', 'a JSON object', NULL);
    END IF;
    PERFORM postroom.require_members(create_schedule.message);
    given.name := create_schedule.name;
    given.cron := create_schedule.cron;
    given.zone := CASE WHEN create_schedule.cron IS NOT NULL THEN coalesce(create_schedule.zone, 'UTC') END;
    given.every := create_schedule.every;
    given.after_end := create_schedule.after_end;
    given.at := create_schedule.at;
    given.missed := create_schedule.missed;
    given.missed_limit := CASE WHEN create_schedule.missed = 'ALL' THEN coalesce(create_schedule.missed_limit, 100) ELSE 1 END;
    given.overlap := create_schedule.overlap;
    SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}') INTO given.message
    FROM jsonb_each(create_schedule.message) m
    WHERE m.value <> 'null' OR m.key = 'payload';

    LOOP
        SELECT * INTO before FROM postroom.schedule s WHERE s.name = given.name;
        IF FOUND
           AND (before.settings_by = 'operator' OR create_schedule.set_by = 'declaration')
           AND (before.cron, before.zone, before.every, before.after_end, before.at, before.missed, before.missed_limit, before.overlap,
                before.message)
               IS NOT DISTINCT FROM (given.cron, given.zone, given.every, given.after_end, given.at, given.missed, given.missed_limit,
                                     given.overlap, given.message) THEN
            RETURN false;
        END IF;
        IF before.settings_by = 'operator' AND create_schedule.set_by = 'declaration' THEN
            RETURN false;
        END IF;
        PERFORM postroom.require_schedule_message(given.name, given.message); -- writes, so it comes after the answer for a repeat
        IF before.id IS NULL THEN
            INSERT INTO postroom.schedule (name, cron, zone, every, after_end, at, missed, missed_limit, overlap, message, settings_by)
            VALUES (given.name, given.cron, given.zone, given.every, given.after_end, given.at, given.missed, given.missed_limit,
                    given.overlap, given.message, create_schedule.set_by)
            ON CONFLICT DO NOTHING;
            IF FOUND THEN
                RETURN true;
            END IF;
            CONTINUE;
        END IF;
        SELECT * INTO before FROM postroom.schedule s WHERE s.id = before.id FOR UPDATE;
        CONTINUE WHEN NOT FOUND OR before.settings_by = 'operator' AND create_schedule.set_by = 'declaration'; -- changed in between
        IF (before.cron, before.zone, before.every, before.after_end, before.at)
           IS DISTINCT FROM (given.cron, given.zone, given.every, given.after_end, given.at) THEN
            before.planned_at := NULL;
            before.after_at := clock_timestamp();
            before.ended := false;
        END IF;
        UPDATE postroom.schedule s
        SET cron = given.cron, zone = given.zone, every = given.every, after_end = given.after_end, at = given.at,
            missed = given.missed, missed_limit = given.missed_limit, overlap = given.overlap, message = given.message,
            planned_at = before.planned_at, after_at = before.after_at, ended = before.ended,
            due_at = CASE WHEN before.asked_at IS NOT NULL THEN clock_timestamp()
                          WHEN NOT before.paused AND NOT before.ended THEN coalesce(before.planned_at, clock_timestamp()) END,
            settings_by = create_schedule.set_by, error = NULL, error_at = NULL, failures = 0, changed_at = clock_timestamp()
        WHERE s.id = before.id;
        RETURN true;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.create_schedule IS
    'Declares a schedule that creates a message at each planned time, in the transaction of the caller:
SELECT postroom.create_schedule(''nightly-report'', ''{"queue": "reports", "payload": {}}'', cron => ''30 2 * * *'', zone =>
''Europe/Berlin'').
Or every => ''10 minutes'' (from planned time to planned time), after_end => ''10 minutes'' (from the end of a message to the next),
at => ''2030-01-31T08:00:00Z'' (once). message has the members of an element of create_messages, without id, at and deduplicationKey.
cron: 5 fields, 6 with seconds first, or @daily and the like; zone: UTC if left out. A worker reads them, within two seconds: what it
cannot read stands in column error of the view schedules, and that schedule never fires.
missed: what is done about times that passed while nobody fired: NONE, ONCE (one run for all of them), or ALL up to missed_limit.
overlap: what is done while the message before is unfinished: QUEUE (nothing), SKIP this run, or CANCEL the message before.
A schedule of this name is changed; its times are planned anew when they changed. A paused one stays paused. A repeat answers false and
writes nothing. A program that declares at its start gives set_by => ''declaration'': it changes nothing that was set otherwise.
A value that breaks a limit is refused (22023); its field stands in COLUMN.';

CREATE OR REPLACE FUNCTION postroom.log_schedule_action(p_action text, p_name text, p_reason text, p_actor text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM postroom.require_reason_if_given(p_reason, p_actor);
    INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, note, reason)
    VALUES (coalesce(p_actor, session_user), p_action, 1, 1, clock_timestamp(), 'schedule ' || p_name, p_reason);
END
$$;
COMMENT ON FUNCTION postroom.log_schedule_action IS
    'Internal: notes what an operator did to a schedule.';

-- Waits for a node that fires the row. Once this has committed, nothing more is fired.
CREATE OR REPLACE FUNCTION postroom.pause_schedule(name text, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE postroom.schedule s
    SET paused = true, due_at = CASE WHEN s.asked_at IS NOT NULL THEN s.due_at END
    WHERE s.name = pause_schedule.name AND NOT s.paused;
    IF FOUND THEN
        PERFORM postroom.log_schedule_action('pause', pause_schedule.name, pause_schedule.reason, pause_schedule.actor);
        RETURN true;
    END IF;
    RETURN (SELECT false FROM postroom.schedule s WHERE s.name = pause_schedule.name);
END
$$;
COMMENT ON FUNCTION postroom.pause_schedule IS
    'Lets a schedule fire no more, in the transaction of the caller: SELECT postroom.pause_schedule(''nightly-report'').
true: it was running; false: it was paused; null: there is none. Messages that it created are not touched.';

CREATE OR REPLACE FUNCTION postroom.resume_schedule(name text, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE postroom.schedule s
    SET paused = false, planned_at = NULL, after_at = clock_timestamp(),
        due_at = CASE WHEN NOT s.ended OR s.asked_at IS NOT NULL THEN clock_timestamp() END
    WHERE s.name = resume_schedule.name AND s.paused;
    IF FOUND THEN
        PERFORM postroom.log_schedule_action('resume', resume_schedule.name, resume_schedule.reason, resume_schedule.actor);
        RETURN true;
    END IF;
    RETURN (SELECT false FROM postroom.schedule s WHERE s.name = resume_schedule.name);
END
$$;
COMMENT ON FUNCTION postroom.resume_schedule IS
    'Lets a paused schedule fire again, at its next time from now; what passed in the pause is left out. A time given by at is kept.
SELECT postroom.resume_schedule(''nightly-report''). true: it was paused; false: it was not; null: there is none.';

CREATE OR REPLACE FUNCTION postroom.run_schedule(name text, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE postroom.schedule s
    SET asked_at = clock_timestamp(), due_at = clock_timestamp()
    WHERE s.name = run_schedule.name;
    IF FOUND THEN
        PERFORM postroom.log_schedule_action('run', run_schedule.name, run_schedule.reason, run_schedule.actor);
        RETURN true;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.run_schedule IS
    'Runs a schedule once now, beside its planned times, also a paused one: SELECT postroom.run_schedule(''nightly-report'').
A worker creates the message within two seconds. true: asked for; null: there is none.';

-- Waits for a node that fires the row; whoever comes later finds none.
CREATE OR REPLACE FUNCTION postroom.delete_schedule(name text, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deleted int;
BEGIN
    DELETE FROM postroom.schedule s WHERE s.name = delete_schedule.name RETURNING s.id INTO deleted;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM postroom.schedule_run r WHERE r.schedule_id = deleted;
    PERFORM postroom.log_schedule_action('delete', delete_schedule.name, delete_schedule.reason, delete_schedule.actor);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.delete_schedule IS
    'Deletes a schedule and its history, in the transaction of the caller: SELECT postroom.delete_schedule(''nightly-report'').
Messages that it created are not touched. false: there was none.';

-- A handler in ATOMIC mode holds the lock of its lease until it ends, perhaps for minutes, and other schedules wait for this transaction.
-- So such a message is left alone after 100 ms. One whose attempt fails between the two looks waits again, so there is a third look.
CREATE OR REPLACE FUNCTION postroom.cancel_older(p_message uuid) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    limit_before  constant text := current_setting('lock_timeout');
    cancelled     int;
BEGIN
    PERFORM set_config('lock_timeout', '100ms', true);
    cancelled := postroom.cancel(p_message) + postroom.cancel_running(p_message); -- its entries may be in several queues
    IF cancelled = 0 THEN
        cancelled := postroom.cancel(p_message);
    END IF;
    PERFORM set_config('lock_timeout', limit_before, true);
    RETURN cancelled;
EXCEPTION WHEN lock_not_available THEN
    RETURN 0;
END
$$;
COMMENT ON FUNCTION postroom.cancel_older IS
    'Internal: cancels the last message of a schedule, waiting or in progress. Answers how many entries.';
