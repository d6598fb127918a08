-- Role postroom_reader: reads where messages are and what happened to them, and changes nothing. It reads neither payloads nor headers:
-- the view message_content is left out, and so are the columns of queue_messages and dead_letters that have them. So SELECT * from these
-- two is refused. It may call explain, which says where a message is and quotes errors, as these views do, and check_ledger.
-- Who may read all: GRANT SELECT ON postroom.message_content, postroom.queue_messages, postroom.dead_letters TO auditor.
-- Run: psql -d the_database -f db/roles/reader.sql as the owner of the schema, who needs CREATEROLE.
-- Then: GRANT postroom_reader TO auditor.
DO $$ BEGIN
    CREATE ROLE postroom_reader NOLOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL; -- another database of this server has it, too
END $$;
GRANT USAGE ON SCHEMA postroom TO postroom_reader;
GRANT SELECT ON
    postroom.access_tokens,
    postroom.batches,
    postroom.bindings,
    postroom.consumer_stops,
    postroom.consumers,
    postroom.current_settings,
    postroom.dropped_messages,
    postroom.exchanges,
    postroom.file_imports,
    postroom.group_weights,
    postroom.homes,
    postroom.mailboxes,
    postroom.message_history,
    postroom.operations,
    postroom.operator_log,
    postroom.place,
    postroom.purge_log,
    postroom.queue_stats,
    postroom.schedule_runs,
    postroom.schedules,
    postroom.settings_history
TO postroom_reader;
-- All columns but payload, headers and body.
GRANT SELECT (message_id, queue, state, type, type_version, direction, priority, correlation_id, group_key, content_type, created_at,
              created_by, exchange, routing_key, expires_at, failures, crashes, deliveries, seq, due_at, reason, error, worker, claimed_at,
              finished_at, removable_at) ON postroom.queue_messages TO postroom_reader;
GRANT SELECT (message_id, queue, dead_at, reason, error_class, error, fingerprint, failures, crashes, deliveries, type, type_version,
              correlation_id, created_at) ON postroom.dead_letters TO postroom_reader;

-- What explain reads, and what it calls.
GRANT SELECT (id, type, type_version, group_key) ON postroom.message TO postroom_reader;
GRANT SELECT (id, name, paused_at, consumers_stopped_at, deleted_at, crash_limit, retention, ordered, single_active_consumer,
              has_limiter, destination, fair) ON postroom.queue TO postroom_reader;
GRANT SELECT (id, name, beat_at, stopped_at) ON postroom.worker TO postroom_reader;
GRANT SELECT (worker_id, queue_id, handler, types) ON postroom.consumer TO postroom_reader;
GRANT SELECT (worker_id, queue_id) ON postroom.consumer_stop, postroom.active_consumer TO postroom_reader;
GRANT SELECT (queue_id, priority, seq, crashes, group_key) ON postroom.ready TO postroom_reader;
GRANT SELECT (queue_id, group_key, seq, message_id) ON postroom.grouped TO postroom_reader;
GRANT SELECT (queue_id, group_key, message_id, held_since, is_free) ON postroom.message_group TO postroom_reader;
GRANT SELECT (message_id, queue_id, dead_at, error) ON postroom.dead_letter TO postroom_reader;
GRANT SELECT (message_id, queue_id, finished_at, error) ON postroom.attempt TO postroom_reader;
GRANT SELECT (queue_id, open, message_ids, group_keys) ON postroom.lease TO postroom_reader;
GRANT SELECT (id, queue_id, destination, max_starts, period, window_kind, booked_until, booked, max_in_progress, set_by, set_at,
              parked_until, max_starts_per_group, period_per_group, max_in_progress_per_group, reached_at, armed, waits_for, waits_until,
              probes, probes_started, probes_since, looked_at, looked_priority, looked_key) ON postroom.limiter TO postroom_reader;
GRANT SELECT (limiter_id, group_key, booked_until, booked, free_at) ON postroom.limited_group TO postroom_reader;
GRANT SELECT (name, enabled, valid_from, valid_until, secret, changed_by, changed_at) ON postroom.settings TO postroom_reader;
-- What check_ledger reads: all that operator_log shows.
GRANT SELECT (id, at, actor, action, queue_id, message_id, filter, per_second, planned, done, cursor_id, finished_at, note, reason,
              operation_id, db_user, number, sealed_at, hash) ON postroom.operator_action TO postroom_reader;
GRANT EXECUTE ON FUNCTION postroom.check_ledger, postroom.ledger_hash, postroom.refuse TO postroom_reader;
-- find_message gives nobody more than queue_messages: who may read that view whole finds messages by it.
GRANT EXECUTE ON FUNCTION postroom.count_starts, postroom.explain, postroom.explain_group, postroom.explain_group_limit,
    postroom.explain_turn, postroom.fair_key, postroom.find_message, postroom.groups_at_limit, postroom.limited_groups, postroom.limiters,
    postroom.next_groups, postroom.next_start, postroom.running_groups, postroom.settings_obstacle,
    postroom.start_guard, postroom.start_slice,
    postroom.takes TO postroom_reader;
