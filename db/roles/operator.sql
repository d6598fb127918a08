-- Role postroom_operator: what people do by SQL: look, cancel, reschedule, redrive, stop and start consumers, send kill signals, set
-- limiters, end tokens, declare, bind and delete queues and exchanges, set the entries of external systems, and declare, pause, run and
-- delete schedules, whose messages it can read. Otherwise it reads neither payloads nor headers, and claims nothing. Kill signals are made
-- by create_message, so it may create other messages, too; message.created_by names its login. Each act leaves a line in operator_log,
-- and so does each change of a queue's settings, by a declaration or by hand. Making a queue, exchanges and bindings leave none. Settings
-- of external systems have a history of their own: settings_history.
-- Run: psql -d the_database -f db/roles/operator.sql as the owner of the schema, who needs CREATEROLE.
-- Then: GRANT postroom_operator TO ann.
DO $$ BEGIN
    CREATE ROLE postroom_operator NOLOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL; -- another database of this server has it, too
END $$;
GRANT USAGE ON SCHEMA postroom TO postroom_operator;
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
TO postroom_operator;
-- All columns but payload, headers and body.
GRANT SELECT (message_id, queue, state, type, type_version, direction, priority, correlation_id, group_key, content_type, created_at,
              created_by, exchange, routing_key, expires_at, failures, crashes, deliveries, seq, due_at, reason, error, worker, claimed_at,
              finished_at, removable_at) ON postroom.queue_messages TO postroom_operator;
GRANT SELECT (message_id, queue, dead_at, reason, error_class, error, fingerprint, failures, crashes, deliveries, type, type_version,
              correlation_id, created_at) ON postroom.dead_letters TO postroom_operator;

-- What the functions below read and write. A lock on a row needs UPDATE.
GRANT SELECT (id, created_at, expires_at, seq, queue_id, type_version, priority, direction, type, correlation_id, group_key, content_type,
              created_by, exchange, routing_key, queue_ids) ON postroom.message TO postroom_operator;
GRANT SELECT ON postroom.attempt, postroom.consumer, postroom.worker TO postroom_operator;
GRANT INSERT ON postroom.attempt TO postroom_operator;
GRANT SELECT, INSERT ON postroom.cancelled_run, postroom.operator_action, postroom.queue_length, postroom.settings_change
TO postroom_operator;
GRANT SELECT, INSERT, UPDATE ON postroom.active_consumer, postroom.operation, postroom.queue, postroom.routing_version TO postroom_operator;
GRANT SELECT, UPDATE, DELETE ON postroom.dead_letter, postroom.grouped, postroom.lease, postroom.limited_group,
    postroom.message_group TO postroom_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON postroom.binding, postroom.consumer_stop, postroom.delayed, postroom.exchange, postroom.limiter,
    postroom.ready, postroom.settings
TO postroom_operator;
-- It ends tokens by a function with the rights of its owner, and makes none: a token of an operator reads payloads over HTTP.
-- A change of a schedule compares its message.
GRANT SELECT, INSERT, UPDATE, DELETE ON postroom.schedule, postroom.schedule_run TO postroom_operator;
GRANT USAGE ON SEQUENCE postroom.ready_seq TO postroom_operator;

GRANT EXECUTE ON FUNCTION
    postroom.bind,
    postroom.cancel,
    postroom.cancel_batch,
    postroom.cancel_message,
    postroom.cancel_running,
    postroom.check_ledger,
    postroom.create_batch,
    postroom.create_message,
    postroom.create_messages,
    postroom.create_schedule,
    postroom.declare_exchange,
    postroom.declare_queue,
    postroom.delete_exchange,
    postroom.delete_queue,
    postroom.delete_schedule,
    postroom.delete_settings,
    postroom.discard,
    postroom.discard_dead_letters,
    postroom.explain,
    postroom.kill_signal,
    postroom.limited_groups,
    postroom.limiters,
    postroom.pause_queue,
    postroom.pause_schedule,
    postroom.preview_dead_letters,
    postroom.preview_purge,
    postroom.purge_queue,
    postroom.redrive,
    postroom.redrive_dead_letters,
    postroom.remove_limiter,
    postroom.reschedule,
    postroom.resume_queue,
    postroom.resume_schedule,
    postroom.revoke_access_token,
    postroom.route,
    postroom.run_schedule,
    postroom.seal_batch,
    postroom.set_destination,
    postroom.set_fair,
    postroom.set_group_weight,
    postroom.set_limiter,
    postroom.set_ordered,
    postroom.set_settings,
    postroom.start_consumers,
    postroom.stop_consumers,
    postroom.stop_operation,
    postroom.takes,
    postroom.unbind,
    postroom.unpark
TO postroom_operator;

-- Functions that those call.
GRANT EXECUTE ON FUNCTION
    postroom.advance_after,
    postroom.advance_groups,
    postroom.carry_starts,
    postroom.change_routing,
    postroom.count_starts,
    postroom.dead_letter_matches,
    postroom.dead_message_matches,
    postroom.declaration_conflicts,
    postroom.existing_exchange,
    postroom.explain_group,
    postroom.explain_group_limit,
    postroom.explain_turn,
    postroom.fair_key,
    postroom.filtered_queues,
    postroom.find_message,
    postroom.groups_at_limit,
    postroom.headers_match,
    postroom.instant_of,
    postroom.is_consumed,
    postroom.is_expired,
    postroom.is_own_row,
    postroom.ledger_hash,
    postroom.limited_queue,
    postroom.lock_first_use,
    postroom.log_schedule_action,
    postroom.lowest_id,
    postroom.mark_deleted,
    postroom.matching_bindings,
    postroom.may_operate,
    postroom.may_wait,
    postroom.message_has_headers,
    postroom.next_groups,
    postroom.next_start,
    postroom.order_consumer_stop,
    postroom.reached_bindings,
    postroom.refuse,
    postroom.refuse_unless_empty,
    postroom.refuse_unknown,
    postroom.regroup_starts,
    postroom.require_binding_arguments,
    postroom.require_dead_letter_filter,
    postroom.require_headers,
    postroom.require_members,
    postroom.require_name,
    postroom.require_no_group_limit,
    postroom.require_period,
    postroom.require_read_committed,
    postroom.require_reason,
    postroom.require_reason_if_given,
    postroom.require_routing_key,
    postroom.require_schedule,
    postroom.require_schedule_message,
    postroom.require_settings,
    postroom.require_settings_version,
    postroom.require_text,
    postroom.require_texts,
    postroom.running_groups,
    postroom.same_waits,
    postroom.set_paused,
    postroom.settings_document,
    postroom.settings_instant,
    postroom.settings_obstacle,
    postroom.settings_row,
    postroom.start_guard,
    postroom.start_operation,
    postroom.start_slice,
    postroom.take_waiting,
    postroom.topic_matches,
    postroom.waiting_messages,
    postroom.worker_text,
    postroom.write_settings
TO postroom_operator;
