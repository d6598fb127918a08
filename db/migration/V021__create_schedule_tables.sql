-- Why: messages at planned times: cron, intervals, once. A row a schedule, and up to 20 of its last runs.
-- Locks: only new objects. Table size: tried with 100,000 schedules.
-- Older workers: survive; they fire no schedules.

-- due_at is when a worker looks at it; null: never. planned_at is the next planned time; null: to be planned from after_at. Both differ
-- after a failure, and while a message is waited for. A text of cron or zone that no process can read is found by the worker that plans.
CREATE TABLE postroom.schedule (
    id               int GENERATED ALWAYS AS IDENTITY CONSTRAINT schedule_pk PRIMARY KEY,
    due_at           timestamptz DEFAULT clock_timestamp(),
    planned_at       timestamptz,
    after_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_at         timestamptz,
    last_planned_at  timestamptz,
    last_fired_at    timestamptz,
    last_message_id  uuid,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    at               timestamptz,
    runs             bigint NOT NULL DEFAULT 0,
    failures         int NOT NULL DEFAULT 0,
    missed_limit     int NOT NULL,
    paused           boolean NOT NULL DEFAULT false,
    ended            boolean NOT NULL DEFAULT false,
    every            interval,
    after_end        interval,
    name             text COLLATE "C" NOT NULL CONSTRAINT schedule_name UNIQUE,
    cron             text,
    zone             text,
    zone_version     text COLLATE "C",
    missed           text NOT NULL,
    overlap          text NOT NULL,
    settings_by      text NOT NULL,
    error            text,
    error_at         timestamptz,
    message          jsonb NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX schedule_due ON postroom.schedule (due_at) WHERE due_at IS NOT NULL;
COMMENT ON COLUMN postroom.schedule.after_at IS 'the next planned time is the first one after this';
COMMENT ON COLUMN postroom.schedule.asked_at IS 'when an operator asked for a run of its own that has not been fired yet';
COMMENT ON COLUMN postroom.schedule.ended IS 'it fired at the one time it had';
COMMENT ON COLUMN postroom.schedule.settings_by IS 'declaration: a later one may change it; operator: none does';
COMMENT ON COLUMN postroom.schedule.zone_version IS 'the time zone rules with which planned_at or error was found';

-- The last runs: run number n takes slot n % 20, so that nothing has to be removed.
CREATE TABLE postroom.schedule_run (
    schedule_id  int NOT NULL,
    slot         smallint NOT NULL,
    planned_at   timestamptz NOT NULL,
    fired_at     timestamptz NOT NULL,
    message_id   uuid,
    outcome      smallint NOT NULL,
    CONSTRAINT schedule_run_pk PRIMARY KEY (schedule_id, slot)
) WITH (fillfactor = 80);
COMMENT ON COLUMN postroom.schedule_run.outcome IS '0 fired, 1 skipped: the message before was unfinished, 2 missed: its time had passed';

CREATE VIEW postroom.schedules AS
SELECT s.name,
       CASE WHEN s.paused THEN 'PAUSED'
            WHEN s.error IS NOT NULL AND s.due_at IS NULL THEN 'FAILED'
            WHEN s.ended THEN 'ENDED'
            ELSE 'ACTIVE' END AS state,
       s.cron, s.zone, s.every, s.after_end, s.at, s.missed, s.missed_limit, s.overlap,
       s.message ->> 'queue' AS queue,
       s.message ->> 'exchange' AS exchange,
       CASE WHEN NOT s.paused THEN s.planned_at END AS next_at,
       s.last_planned_at, s.last_fired_at, s.last_message_id, s.runs, s.error, s.error_at, s.created_at, s.changed_at,
       s.settings_by
FROM postroom.schedule s;
COMMENT ON VIEW postroom.schedules IS 'one row per schedule: its times, and where it stands';
COMMENT ON COLUMN postroom.schedules.state IS 'ACTIVE, PAUSED, ENDED (it fired at its one time), FAILED (it never fires; see error)';
COMMENT ON COLUMN postroom.schedules.next_at IS
    'the next planned time; null: it is being planned, the message before is unfinished, or it does not fire';
COMMENT ON COLUMN postroom.schedules.last_planned_at IS 'the planned time of the last run; it was fired at last_fired_at';
COMMENT ON COLUMN postroom.schedules.error IS 'why the last try failed; it is repeated while the state is ACTIVE';

CREATE VIEW postroom.schedule_runs AS
SELECT s.name,
       r.planned_at,
       r.fired_at,
       CASE r.outcome WHEN 0 THEN 'FIRED' WHEN 1 THEN 'SKIPPED' ELSE 'MISSED' END AS outcome,
       r.message_id
FROM postroom.schedule_run r
JOIN postroom.schedule s ON s.id = r.schedule_id;
COMMENT ON VIEW postroom.schedule_runs IS 'the last 20 runs of each schedule';
COMMENT ON COLUMN postroom.schedule_runs.outcome IS
    'FIRED, SKIPPED (the message before was unfinished), MISSED (its time had passed, and missed is NONE)';
