-- Why: nobody can change or remove a line of operator_action unseen: each line is chained to the one before it.
-- Locks: operator_action exclusively, for a moment.
-- Table size: tried on small tables alone; the index is built over all lines.
-- Older workers: survive; they seal nothing.

ALTER TABLE postroom.operator_action
    ADD COLUMN number bigint,
    ADD COLUMN sealed_at timestamptz,
    ADD COLUMN hash bytea,
    ADD CONSTRAINT operator_action_number UNIQUE (number),
    ADD CONSTRAINT operator_action_sealed CHECK ((number IS NULL) = (hash IS NULL) AND (number IS NULL) = (sealed_at IS NULL));
CREATE INDEX operator_action_at ON postroom.operator_action (at, id); -- pages of the ledger
CREATE INDEX operator_action_unsealed ON postroom.operator_action (at) WHERE number IS NULL;
COMMENT ON TABLE postroom.operator_action IS
    'the ledger: what people did. Triggers refuse to change or remove a line; check_ledger() checks the chain';
COMMENT ON COLUMN postroom.operator_action.number IS 'its place in the chain, without gaps; null: it is not sealed yet';
COMMENT ON COLUMN postroom.operator_action.sealed_at IS 'when it got its place: after its commit';
COMMENT ON COLUMN postroom.operator_action.hash IS 'SHA-256 of the hash of the line before it and of all its values: see ledger_hash';

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
       o.db_user,
       o.number,
       o.sealed_at,
       encode(o.hash, 'hex') AS hash
FROM postroom.operator_action o
LEFT JOIN postroom.queue q ON q.id = o.queue_id;
COMMENT ON COLUMN postroom.operator_log.number IS 'its place in the chain of lines, without gaps; null: it is not sealed yet';
COMMENT ON COLUMN postroom.operator_log.sealed_at IS 'when it got its place: after its commit';
COMMENT ON COLUMN postroom.operator_log.hash IS 'SHA-256 of the hash of the line before it and of its own values, in hexadecimal';
