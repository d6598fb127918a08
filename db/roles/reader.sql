-- Role postroom_reader: reads where messages are and what happened to them, and changes nothing. It reads neither payloads nor headers:
-- the view message_content is left out, and so are the columns of queue_messages and dead_letters that have them. So SELECT * from these
-- two is refused. Who may read all: GRANT SELECT ON postroom.message_content, postroom.queue_messages, postroom.dead_letters TO auditor.
-- Run: psql -d the_database -f db/roles/reader.sql as the owner of the schema, who needs CREATEROLE.
-- Then: GRANT postroom_reader TO auditor.
DO $$ BEGIN
    CREATE ROLE postroom_reader NOLOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL; -- another database of this server has it, too
END $$;
GRANT USAGE ON SCHEMA postroom TO postroom_reader;
GRANT SELECT ON
    postroom.bindings,
    postroom.consumer_stops,
    postroom.consumers,
    postroom.dropped_messages,
    postroom.exchanges,
    postroom.message_history,
    postroom.operator_log,
    postroom.purge_log,
    postroom.queue_stats,
    postroom.schedule_runs,
    postroom.schedules
TO postroom_reader;
-- All columns but payload, headers and body.
GRANT SELECT (message_id, queue, state, type, type_version, direction, priority, correlation_id, group_key, content_type, created_at,
              created_by, exchange, routing_key, expires_at, failures, crashes, deliveries, seq, due_at, reason, error, worker, claimed_at,
              finished_at, removable_at) ON postroom.queue_messages TO postroom_reader;
GRANT SELECT (message_id, queue, dead_at, reason, error_class, error, fingerprint, failures, crashes, deliveries, type, type_version,
              correlation_id, created_at) ON postroom.dead_letters TO postroom_reader;
