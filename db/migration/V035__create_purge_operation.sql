-- Why: the purge of a queue as an operation: how far it walked through the queue, and up to where.
-- Locks: operation exclusively, for a moment.
-- Table size: tried on small tables alone; operation has one row for each thing that somebody asked for.
-- Older workers: survive; the steps are functions of the database, so they carry purges on, too.

ALTER TABLE postroom.operation
    ADD COLUMN up_to bigint NOT NULL DEFAULT 0,
    ADD COLUMN position_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN position_priority smallint NOT NULL DEFAULT -1,
    ADD COLUMN looks_in_vain smallint NOT NULL DEFAULT 0,
    DROP CONSTRAINT operation_verb_known,
    ADD CONSTRAINT operation_verb_known CHECK (verb IN ('redrive', 'discard', 'purge'));
COMMENT ON TABLE postroom.operation IS 'redrives and discards of all dead letters that match a filter, and purges of queues';
COMMENT ON COLUMN postroom.operation.up_to IS 'of a purge: messages with larger numbers came later and stay';
COMMENT ON COLUMN postroom.operation.position_seq IS 'of a purge: READY is walked up to here, in the lane position_priority';
COMMENT ON COLUMN postroom.operation.looks_in_vain IS 'of a purge: so many steps since it found something';
COMMENT ON VIEW postroom.operations IS 'redrives and discards of many dead letters, and purges of queues, and how far they are';
COMMENT ON COLUMN postroom.operations.planned IS
    'dead letters that matched when it began; of a purge: messages that waited, of 1,000,000 at most; later ones are not touched';
COMMENT ON COLUMN postroom.operations.processed IS 'dead letters that it redrove or discarded, or messages that it purged';
COMMENT ON COLUMN postroom.queue_messages.reason IS
    'why it is DELAYED (delay, retry, snooze, not_now, no_handler, undecodable, payload_missing, not_run) '
    'DEAD (attempts_spent, rejected, undecodable, crash_limit, quarantined, expired, maxlen, dlx_unroutable, cycle) '
    'or CANCELLED (queue_deleted, queue_purged, maxlen, batch_cancelled, discarded; null: somebody asked for it)';
COMMENT ON COLUMN postroom.attempt.error IS
    'what went wrong; of a cancelled one the reason where there is one: queue_deleted, queue_purged, maxlen, batch_cancelled, discarded; '
    'of a done one the note of its handler, which is no error';
