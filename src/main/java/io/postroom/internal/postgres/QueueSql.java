package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Queues and their settings. */
final class QueueSql {
    /** Whether the time to live of the row q is within its limits. */
    private static final String HAS_LEGAL_TIME_TO_LIVE =
            "q.time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'";

    /** Whether the retention of the row q is within its limits. */
    private static final String HAS_LEGAL_RETENTION =
            "q.retention BETWEEN interval '0' AND interval '400 days' OR q.retention = interval '365000 days'";

    /** Columns that are read of the row q. A time to live outside its limits is read as null. */
    private static final String COLUMNS = """
            q.id, q.name,
                   CASE WHEN %s
                        THEN (extract(epoch FROM q.time_to_live) * 1000000)::bigint END,
                   q.paused_at IS NOT NULL, q.ordered""".formatted(HAS_LEGAL_TIME_TO_LIVE);

    private QueueSql() {}

    /** The queue of a name. Relies on queue_name_unique. 0 rows: unknown or deleted. */
    static final Sql FIND = Sql.of("""
            -- name: find_queue
            SELECT %s
            FROM postroom.queue q
            WHERE q.name = :name
              AND q.deleted_at IS NULL
            """.formatted(COLUMNS));

    /** The queues of these names. Relies on queue_name_unique. Unknown and deleted ones are left out. */
    static final Sql FIND_ALL = Sql.of("""
            -- name: find_queues
            SELECT %s
            FROM postroom.queue q
            WHERE q.name = ANY (:names::text[])
              AND q.deleted_at IS NULL
            """.formatted(COLUMNS));

    /** The settings to declare as rows, one a queue. A setting that is null in all of them is sent as a null array. */
    private static final String DECLARED = """
            unnest(:names::text[], :maxAttempts::bigint[], :retryAfter::text[], :crashLimit::bigint[], :timeToLive::bigint[],
                   :retention::bigint[], :ordered::text[]::boolean[], :onDeadLetter::text[])
                AS d (name, max_attempts, retry_after, crash_limit, time_to_live, retention, ordered, on_dead_letter)""";

    /** Whether the declaration d leaves the row q other than it is. What an operator set stays. */
    private static final String DIFFERS = """
            (q.deleted_at IS NOT NULL
             OR num_nonnulls(%1$s.max_attempts, %1$s.retry_after, %1$s.crash_limit, %1$s.time_to_live, %1$s.retention,
                             %1$s.on_dead_letter) > 0
                AND q.settings_by <> 'operator'
                AND (q.max_attempts, q.retry_after, q.crash_limit, q.time_to_live, q.retention, q.on_dead_letter, q.settings_by)
                    IS DISTINCT FROM
                    (coalesce(%1$s.max_attempts::int, q.max_attempts), coalesce(%1$s.retry_after, q.retry_after),
                     coalesce(%1$s.crash_limit::int, q.crash_limit),
                     coalesce(%1$s.time_to_live * interval '1 microsecond', q.time_to_live),
                     coalesce(%1$s.retention * interval '1 microsecond', q.retention),
                     coalesce(%1$s.on_dead_letter, q.on_dead_letter), 'declaration'))""";

    /**
     * Compares declarations with what is there. Writes and locks nothing. A declared queue that is not there, or whose row would change,
     * has no row: {@link #DECLARE} is for these.
     */
    static final Sql DECLARED_ALREADY = Sql.of("""
            -- name: declared_already
            SELECT %s
            FROM %s
            JOIN postroom.queue q ON q.name = d.name
            WHERE NOT %s
            """.formatted(COLUMNS, DECLARED, DIFFERS.formatted("d")));

    /**
     * Makes queues, or sets those settings that are named; a deleted queue comes back. Settings of an operator stay. New rows come first,
     * then changed ones, both in the order of their names: processes that start at once wait for one another and never in a circle. A queue
     * that another process made or changed meanwhile may have no row.
     */
    static final Sql DECLARE = Sql.of("""
            -- name: declare
            WITH declared AS MATERIALIZED (
                SELECT d.*, num_nonnulls(d.max_attempts, d.retry_after, d.crash_limit, d.time_to_live, d.retention, d.on_dead_letter,
                                         d.ordered) > 0 AS named
                FROM %s
            ), made AS (
                INSERT INTO postroom.queue AS q
                    (name, max_attempts, retry_after, crash_limit, time_to_live, retention, ordered, on_dead_letter, settings_by)
                SELECT d.name, coalesce(d.max_attempts::int, 20), coalesce(d.retry_after, '10s..6h'), coalesce(d.crash_limit::int, 3),
                       d.time_to_live * interval '1 microsecond', coalesce(d.retention * interval '1 microsecond', interval '7 days'),
                       coalesce(d.ordered, false), coalesce(d.on_dead_letter, 'release'),
                       CASE WHEN d.named THEN 'declaration' ELSE 'default' END
                FROM declared d
                WHERE NOT EXISTS (SELECT FROM postroom.queue q WHERE q.name = d.name)
                ORDER BY d.name COLLATE "C"
                ON CONFLICT (name) DO NOTHING
                RETURNING q.id, q.name, q.time_to_live, q.paused_at, q.ordered
            ), locked AS MATERIALIZED (
                SELECT q.id AS queue_id, d.*
                FROM declared d
                JOIN postroom.queue q ON q.name = d.name
                WHERE %s
                ORDER BY q.name
                FOR NO KEY UPDATE OF q
            ), changed AS (
                UPDATE postroom.queue AS q
                SET max_attempts = coalesce(d.max_attempts::int, q.max_attempts),
                    retry_after  = coalesce(d.retry_after, q.retry_after),
                    crash_limit  = coalesce(d.crash_limit::int, q.crash_limit),
                    time_to_live = coalesce(d.time_to_live * interval '1 microsecond', q.time_to_live),
                    retention    = coalesce(d.retention * interval '1 microsecond', q.retention),
                    on_dead_letter = coalesce(d.on_dead_letter, q.on_dead_letter),
                    settings_by  = CASE WHEN d.named THEN 'declaration' ELSE q.settings_by END,
                    deleted_at   = NULL
                FROM locked d
                WHERE q.id = d.queue_id
                RETURNING q.id, q.name, q.time_to_live, q.paused_at, q.ordered
            )
            SELECT %s
            FROM (SELECT * FROM made UNION ALL SELECT * FROM changed) q
            """.formatted(DECLARED, DIFFERS.formatted("d"), COLUMNS));

    /** Makes a queue ordered, or not: see the function. Always one row: whether that was a change. */
    static final Sql SET_ORDERED = Sql.of("""
            -- name: set_ordered
            SELECT postroom.set_ordered(:queue, :ordered, 'declaration')
            """);

    /**
     * Queues whose rows were written by a transaction that is not older than a horizon; null: all queues. The row keeps the id of its
     * writer also when it is frozen.
     */
    static final Sql CHANGED_SINCE = Sql.of("""
            -- name: changed_since
            SELECT q.id, q.name, q.deleted_at IS NOT NULL
            FROM postroom.queue q
            WHERE :since::xid IS NULL
               OR age(q.xmin) <= age(:since::xid)
            """);

    /** Settings outside their limits, as text; null where a setting is within them. Operators' waits are read in Java. */
    static final Sql SLIPPED_IN = Sql.of("""
            -- name: slipped_in
            SELECT q.name,
                   CASE WHEN NOT (%1$s) THEN q.time_to_live::text END,
                   CASE WHEN NOT (%2$s) THEN q.retention::text END,
                   CASE WHEN q.settings_by = 'operator' THEN q.retry_after END
            FROM postroom.queue q
            WHERE q.deleted_at IS NULL
              AND (NOT (%1$s) OR NOT (%2$s) OR q.settings_by = 'operator')
            ORDER BY q.name
            """.formatted(HAS_LEGAL_TIME_TO_LIVE, HAS_LEGAL_RETENTION));
}
