-- Why: redrives and discards of many dead letters, on record with their filter, reason and progress. Progress leaves operator_action,
-- whose lines are then never changed.
-- Locks: operator_action exclusively, for a moment; dead_letter against writing while its index is built.
-- Table size: the index was tried on small tables alone.
-- Older workers: survive; a bulk redrive that they began is ended here with a note, and newer ones do not carry it on.

-- queue_ids and created_at bound it: dead letters of other queues and later ones are not touched. The position is moved in the transaction
-- that changes the dead letters before it.
CREATE TABLE postroom.operation (
    id                uuid CONSTRAINT operation_pk PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    stepped_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at       timestamptz,
    canary_ended_at   timestamptz,
    planned           bigint NOT NULL,
    processed         bigint NOT NULL DEFAULT 0,
    failed            bigint NOT NULL DEFAULT 0,
    per_second        int NOT NULL,
    canary            int NOT NULL,
    canary_threshold  int NOT NULL,
    position_queue    int NOT NULL DEFAULT 0,
    position_message  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    verb              text COLLATE "C" NOT NULL,
    state             text COLLATE "C" NOT NULL DEFAULT 'running',
    actor             text NOT NULL,
    reason            text NOT NULL,
    note              text,
    filter            jsonb NOT NULL,
    queue_ids         int[],
    canary_messages   uuid[] NOT NULL DEFAULT '{}',
    canary_queues     int[] NOT NULL DEFAULT '{}',
    allowed           numeric NOT NULL DEFAULT 1,
    CONSTRAINT operation_verb_known CHECK (verb IN ('redrive', 'discard')),
    CONSTRAINT operation_state_known CHECK (state IN ('running', 'finished', 'stopped', 'stopped_by_canary')),
    CONSTRAINT operation_finished CHECK ((state = 'running') = (finished_at IS NULL))
) WITH (fillfactor = 50);
CREATE INDEX operation_running ON postroom.operation (created_at) WHERE finished_at IS NULL;
COMMENT ON TABLE postroom.operation IS 'redrives and discards of all dead letters that match a filter';
COMMENT ON COLUMN postroom.operation.queue_ids IS 'the queues that the filter named when it began; null: all';
COMMENT ON COLUMN postroom.operation.canary IS 'so many are redriven first, and waited for; 0: none';
COMMENT ON COLUMN postroom.operation.canary_threshold IS 'it stops when more of these die again';
COMMENT ON COLUMN postroom.operation.allowed IS 'dead letters that its rate allows at stepped_at; the fraction counts for the next step';

CREATE INDEX dead_letter_by_fingerprint ON postroom.dead_letter (fingerprint, message_id, queue_id);

ALTER TABLE postroom.operator_action
    ADD COLUMN reason text,
    ADD COLUMN operation_id uuid,
    ADD COLUMN db_user text,
    DROP CONSTRAINT operator_action_known,
    ADD CONSTRAINT operator_action_known CHECK (action IN
        ('pause', 'resume', 'stop_consumers', 'start_consumers', 'cancel', 'reschedule', 'redrive', 'discard', 'purge', 'declare', 'delete',
         'run', 'unpark', 'stop_operation', 'end_operation'));
ALTER TABLE postroom.operator_action ALTER COLUMN db_user SET DEFAULT session_user; -- by itself, so that lines from before stay null
COMMENT ON COLUMN postroom.operator_action.db_user IS 'the login of the session, whatever actor says; null: the line is older than this';

-- Newer workers do not carry on what older ones began.
UPDATE postroom.operator_action
SET finished_at = clock_timestamp(), note = 'not carried on: an update came in between; begin it again'
WHERE finished_at IS NULL
  AND action = 'redrive'
  AND message_id IS NULL;

CREATE OR REPLACE VIEW postroom.operator_log AS
SELECT o.id,
       o.at,
       o.actor,
       o.action,
       q.name AS queue,
       o.message_id,
       o.filter,
       o.planned,
       o.done,
       o.finished_at,
       o.note,
       o.reason,
       o.operation_id,
       o.db_user
FROM postroom.operator_action o
LEFT JOIN postroom.queue q ON q.id = o.queue_id;
COMMENT ON VIEW postroom.operator_log IS
    'what people did: pause, resume, stop_consumers, start_consumers, cancel, reschedule, redrive, discard, purge, declare, delete, run, '
    'stop_operation; end_operation: an operation ended by itself';
COMMENT ON COLUMN postroom.operator_log.done IS 'how many messages it has moved; of an operation only its line end_operation tells';
COMMENT ON COLUMN postroom.operator_log.reason IS 'why, in the words of the actor';
COMMENT ON COLUMN postroom.operator_log.operation_id IS 'the operation that it began, stopped or ended: see operations';
COMMENT ON COLUMN postroom.operator_log.db_user IS 'the login of the session, whatever actor says';
COMMENT ON COLUMN postroom.queue_messages.reason IS
    'why it is DELAYED (delay, retry, snooze, not_now, no_handler, undecodable, payload_missing, not_run) '
    'DEAD (attempts_spent, rejected, undecodable, crash_limit, quarantined, expired, maxlen, dlx_unroutable, cycle) '
    'or CANCELLED (queue_deleted, maxlen, batch_cancelled, discarded; null: somebody asked for it)';
COMMENT ON VIEW postroom.dead_letters IS
    'messages that were given up; they stay until redriven (postroom.redrive) or discarded (postroom.discard)';

CREATE VIEW postroom.operations AS
SELECT o.id,
       o.verb,
       o.state,
       o.filter,
       o.actor,
       o.reason,
       o.planned,
       o.processed,
       o.failed,
       o.per_second,
       o.canary,
       o.canary_threshold,
       o.state = 'running' AND o.canary > 0 AND o.canary_ended_at IS NULL AND cardinality(o.canary_messages) >= o.canary
           AS waits_for_canary,
       o.note,
       o.created_at,
       o.stepped_at,
       o.finished_at
FROM postroom.operation o;
COMMENT ON VIEW postroom.operations IS 'redrives and discards of many dead letters, and how far they are';
COMMENT ON COLUMN postroom.operations.state IS 'running, finished, stopped (by a person), stopped_by_canary';
COMMENT ON COLUMN postroom.operations.planned IS 'dead letters that matched when it began; later ones are not touched';
COMMENT ON COLUMN postroom.operations.processed IS 'dead letters that it redrove or discarded';
COMMENT ON COLUMN postroom.operations.failed IS 'dead letters that stay: their queue was deleted or full; note tells the last reason';
COMMENT ON COLUMN postroom.operations.canary IS 'so many are redriven first, and waited for; 0: none';
COMMENT ON COLUMN postroom.operations.canary_threshold IS 'it stops when more of these die again';
COMMENT ON COLUMN postroom.operations.waits_for_canary IS 'whether the first ones are redriven and not all have ended yet';
