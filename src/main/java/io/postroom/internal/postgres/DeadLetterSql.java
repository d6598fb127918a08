package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** What people do to dead letters: one, or all that match a filter. */
final class DeadLetterSql {
    private DeadLetterSql() {}

    /** Discards a dead letter: see the function. Always one row: in how many queues. */
    static final Sql DISCARD = Sql.of("""
            -- name: discard
            SELECT postroom.discard(:id, :reason, :queue::text, :actor::text)
            """);

    /** What a filter matches: see the function. The first row has the counts; then come letters, then fingerprints. */
    static final Sql PREVIEW = Sql.of("""
            -- name: preview_dead_letters
            WITH preview AS MATERIALIZED (
                SELECT postroom.preview_dead_letters(:filter::jsonb) AS of
            )
            SELECT 0 AS kind, 0::bigint AS place, (p.of ->> 'count')::bigint AS count, (p.of ->> 'more')::boolean AS more, NULL::uuid AS id,
                   NULL AS queue, NULL::timestamptz AS at, NULL AS reason, NULL AS error_class, NULL AS error, NULL AS fingerprint,
                   NULL AS type
            FROM preview p
            UNION ALL
            SELECT 1, f.ordinality, NULL, NULL, (f.value ->> 'id')::uuid, f.value ->> 'queue', (f.value ->> 'deadAt')::timestamptz,
                   f.value ->> 'reason', f.value ->> 'errorClass', f.value ->> 'error', f.value ->> 'fingerprint', f.value ->> 'type'
            FROM preview p
            CROSS JOIN jsonb_array_elements(p.of -> 'first') WITH ORDINALITY f
            UNION ALL
            SELECT 2, f.ordinality, (f.value ->> 'count')::bigint, NULL, NULL, NULL, (f.value ->> 'newestAt')::timestamptz,
                   NULL, NULL, f.value ->> 'error', f.value ->> 'fingerprint', NULL
            FROM preview p
            CROSS JOIN jsonb_array_elements(p.of -> 'fingerprints') WITH ORDINALITY f
            ORDER BY kind, place
            """);

    /** Puts a redrive of many on record: see the function. Always one row: its id. */
    static final Sql REDRIVE_MANY = Sql.of("""
            -- name: redrive_dead_letters
            SELECT postroom.redrive_dead_letters(:filter::jsonb, :reason, :perSecond, :canary, :canaryThreshold, :actor::text)
            """);

    /** Puts a discard of many on record: see the function. Always one row: its id. */
    static final Sql DISCARD_MANY = Sql.of("""
            -- name: discard_dead_letters
            SELECT postroom.discard_dead_letters(:filter::jsonb, :reason, :perSecond, :actor::text)
            """);

    /** Puts the purge of a queue on record: see the function. Always one row: its id. */
    static final Sql PURGE = Sql.of("""
            -- name: purge_queue
            SELECT postroom.purge_queue(:queue, :reason, :perSecond, :actor::text)
            """);

    /** What a purge would cancel: see the function. The first row has the counts; then come messages. */
    static final Sql PREVIEW_PURGE = Sql.of("""
            -- name: preview_purge
            WITH preview AS MATERIALIZED (
                SELECT postroom.preview_purge(:queue) AS of
            )
            SELECT 0::bigint AS place, (p.of ->> 'count')::bigint, (p.of ->> 'more')::boolean, NULL::uuid, NULL, NULL, NULL::timestamptz
            FROM preview p
            UNION ALL
            SELECT f.ordinality, NULL, NULL, (f.value ->> 'id')::uuid, f.value ->> 'state', f.value ->> 'type',
                   (f.value ->> 'createdAt')::timestamptz
            FROM preview p
            CROSS JOIN jsonb_array_elements(p.of -> 'first') WITH ORDINALITY f
            ORDER BY place
            """);

    /** Stops an operation and waits for its step: see the function. Always one row: whether it was running. */
    static final Sql STOP = Sql.of("""
            -- name: stop_operation
            SELECT postroom.stop_operation(:id, :reason, :actor::text)
            """);

    /** Operations, the newest first. */
    static final Sql OPERATIONS = Sql.of("""
            -- name: operations
            SELECT o.id, o.verb, o.state, o.filter::text, o.actor, o.reason, o.planned, o.processed, o.failed, o.per_second, o.canary,
                   o.canary_threshold, o.waits_for_canary, o.note, o.created_at, o.finished_at
            FROM postroom.operations o
            WHERE :id::uuid IS NULL
               OR o.id = :id::uuid
            ORDER BY o.created_at DESC, o.id
            LIMIT :limit
            """);

    /** The ids of operations that run, the oldest first. Locks nothing. Relies on operation_running. */
    static final Sql RUNNING = Sql.of("""
            -- name: running_operations
            SELECT o.id
            FROM postroom.operation o
            WHERE o.finished_at IS NULL
            ORDER BY o.created_at
            """);

    /** Takes the next step of an operation, unless another process does: see the function. One row a lane that got messages. */
    static final Sql STEP = Sql.of("""
            -- name: step_operation
            SELECT s.queue_id, s.priority, s.seq, s.messages
            FROM postroom.step_operation(:id, :burst::bigint * interval '1 microsecond') s
            """);
}
