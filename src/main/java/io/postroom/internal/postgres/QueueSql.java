package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Queues and their settings. */
final class QueueSql {
    private QueueSql() {}

    /**
     * The queue of a name. Relies on queue_name_unique. A time to live outside its limits counts for nothing. 0 rows: unknown or deleted.
     */
    static final Sql FIND = Sql.of("""
            -- name: find_queue
            SELECT q.id, q.name,
                   CASE WHEN q.time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'
                        THEN (extract(epoch FROM q.time_to_live) * 1000000)::bigint END,
                   q.paused_at IS NOT NULL
            FROM postroom.queue q
            WHERE q.name = :name
              AND q.deleted_at IS NULL
            """);

    /**
     * Makes the queue, or sets those settings that are named; a deleted queue comes back. Settings of an operator stay. Writes nothing
     * when nothing changes, so that starting processes do not wait for one another. 0 rows: nothing to change.
     */
    static final Sql DECLARE = Sql.of("""
            -- name: declare
            INSERT INTO postroom.queue AS q (name, max_attempts, retry_after, crash_limit, time_to_live, retention, settings_by)
            VALUES (:name, coalesce(:maxAttempts::int, 20), coalesce(:retryAfter::text, '10s..6h'), coalesce(:crashLimit::int, 3),
                    :timeToLive::bigint * interval '1 microsecond',
                    coalesce(:retention::bigint * interval '1 microsecond', interval '7 days'),
                    CASE WHEN :named THEN 'declaration' ELSE 'default' END)
            ON CONFLICT (name) DO UPDATE
            SET max_attempts = coalesce(:maxAttempts::int, q.max_attempts),
                retry_after  = coalesce(:retryAfter::text, q.retry_after),
                crash_limit  = coalesce(:crashLimit::int, q.crash_limit),
                time_to_live = coalesce(:timeToLive::bigint * interval '1 microsecond', q.time_to_live),
                retention    = coalesce(:retention::bigint * interval '1 microsecond', q.retention),
                settings_by  = CASE WHEN :named THEN 'declaration' ELSE q.settings_by END,
                deleted_at   = NULL
            WHERE q.deleted_at IS NOT NULL
               OR (:named
                   AND q.settings_by <> 'operator'
                   AND (q.max_attempts, q.retry_after, q.crash_limit, q.time_to_live, q.retention, q.settings_by)
                       IS DISTINCT FROM
                       (coalesce(:maxAttempts::int, q.max_attempts), coalesce(:retryAfter::text, q.retry_after),
                        coalesce(:crashLimit::int, q.crash_limit),
                        coalesce(:timeToLive::bigint * interval '1 microsecond', q.time_to_live),
                        coalesce(:retention::bigint * interval '1 microsecond', q.retention), 'declaration'))
            RETURNING q.id, q.name,
                   CASE WHEN q.time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'
                        THEN (extract(epoch FROM q.time_to_live) * 1000000)::bigint END,
                   q.paused_at IS NOT NULL
            """);

    /** Settings outside their limits, as text; null where a setting is within them. Operators' waits are read in Java. */
    static final Sql SLIPPED_IN = Sql.of("""
            -- name: slipped_in
            SELECT q.name,
                   CASE WHEN NOT q.time_to_live BETWEEN interval '1 millisecond' AND interval '400 days' THEN q.time_to_live::text END,
                   CASE WHEN NOT (q.retention BETWEEN interval '0' AND interval '400 days' OR q.retention = interval '365000 days')
                        THEN q.retention::text END,
                   CASE WHEN q.settings_by = 'operator' THEN q.retry_after END
            FROM postroom.queue q
            WHERE q.deleted_at IS NULL
              AND (NOT q.time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'
                  OR NOT (q.retention BETWEEN interval '0' AND interval '400 days' OR q.retention = interval '365000 days')
                  OR q.settings_by = 'operator')
            ORDER BY q.name
            """);
}
