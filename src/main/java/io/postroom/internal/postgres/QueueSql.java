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
                   q.paused_at IS NOT NULL, q.ordered, q.max_length IS NOT NULL, q.has_limiter, q.fair""".formatted(HAS_LEGAL_TIME_TO_LIVE);

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
                   :retention::bigint[], :kinds::text[], :deadLetterExchanges::text[], :deadLetterRoutingKeys::text[],
                   :ordered::text[]::boolean[], :onDeadLetter::text[], :maxLengths::bigint[], :overflows::text[],
                   :singleActiveConsumers::text[]::boolean[], :expiresAfter::bigint[], :fair::text[]::boolean[])
                AS d (name, max_attempts, retry_after, crash_limit, time_to_live, retention, kind,
                      dead_letter_exchange, dead_letter_routing_key, ordered, on_dead_letter, max_length, overflow,
                      single_active_consumer, expires_after, fair)""";

    private static final String NAMED = """
            num_nonnulls(d.max_attempts, d.retry_after, d.crash_limit, d.time_to_live, d.retention, d.kind, d.dead_letter_exchange,
                         d.on_dead_letter, d.max_length, d.overflow, d.single_active_consumer, d.expires_after, d.fair) > 0""";

    /** What refuses the declaration d of the queue in row q; as rows. */
    private static final String CONFLICTS_OF = """
            postroom.declaration_conflicts(q, d.max_attempts, d.retry_after, d.crash_limit, d.time_to_live * interval '1 microsecond',
                   d.retention * interval '1 microsecond', d.kind, d.ordered, d.on_dead_letter, d.max_length, d.overflow,
                   d.single_active_consumer, d.expires_after * interval '1 microsecond', d.fair, :strict, :owner::uuid)""";

    /** Whether the declaration d is refused. The function is asked only where it may have something to say. */
    private static final String IS_REFUSED = """
            CASE WHEN q.kind <> 'durable' OR d.kind <> 'durable' OR :strict OR d.fair AND q.ordered
                 THEN EXISTS (SELECT FROM %s)
                 ELSE false END""".formatted(CONFLICTS_OF);

    /** What the queue has after the declaration d. An empty name declares that it has none; the key belongs to the exchange. */
    private static final String DEAD_LETTER_EXCHANGE =
            "CASE WHEN d.dead_letter_exchange IS NULL THEN q.dead_letter_exchange ELSE nullif(d.dead_letter_exchange, '') END";

    private static final String DEAD_LETTER_ROUTING_KEY =
            "CASE WHEN d.dead_letter_exchange IS NULL THEN q.dead_letter_routing_key ELSE d.dead_letter_routing_key END";

    /** What the queue has after the declaration d. A length of 0 declares that it has no limit. */
    private static final String MAX_LENGTH =
            "CASE WHEN d.max_length IS NULL THEN q.max_length ELSE nullif(d.max_length, 0) END";

    /** What the queue has after the declaration d. A time of 0 declares that it never expires. */
    private static final String EXPIRES_AFTER = """
            CASE WHEN d.expires_after IS NULL THEN q.expires_after
                 ELSE nullif(d.expires_after * interval '1 microsecond', interval '0') END""";

    /** Whether the declaration d leaves the row q other than it is. What an operator set stays. */
    private static final String DIFFERS =
            """
            (coalesce(q.deleted_at < 'infinity', false) -- one that moves to another home is there until it is empty
             OR d.kind IS NOT NULL AND d.kind <> q.kind
             OR q.expires_after IS NOT NULL -- it is used now
             OR %s
                AND q.settings_by <> 'operator'
                AND (q.max_attempts, q.retry_after, q.crash_limit, q.time_to_live, q.retention, q.settings_by,
                     q.dead_letter_exchange, q.dead_letter_routing_key, q.on_dead_letter, q.max_length, q.overflow,
                     q.single_active_consumer, q.expires_after, q.fair)
                    IS DISTINCT FROM
                    (coalesce(d.max_attempts::int, q.max_attempts), coalesce(d.retry_after, q.retry_after),
                     coalesce(d.crash_limit::int, q.crash_limit),
                     coalesce(d.time_to_live * interval '1 microsecond', q.time_to_live),
                     coalesce(d.retention * interval '1 microsecond', q.retention), 'declaration',
                     %s, %s, coalesce(d.on_dead_letter, q.on_dead_letter), %s, coalesce(d.overflow, q.overflow),
                     coalesce(d.single_active_consumer, q.single_active_consumer),
                     %s,
                     coalesce(d.fair, q.fair)
                    ))""".formatted(NAMED, DEAD_LETTER_EXCHANGE, DEAD_LETTER_ROUTING_KEY, MAX_LENGTH, EXPIRES_AFTER);

    /**
     * Compares declarations with what is there. Writes and locks nothing. A declared queue that is not there, or whose row would change,
     * has no row: {@link #DECLARE} is for these. The last column: whether the declaration is refused.
     */
    static final Sql DECLARED_ALREADY = Sql.of("""
            -- name: declared_already
            SELECT %1$s, x.refused
            FROM %2$s
            JOIN postroom.queue q ON q.name = d.name
            CROSS JOIN LATERAL (SELECT %3$s AS refused) x
            WHERE x.refused
               OR NOT %4$s
            """.formatted(COLUMNS, DECLARED, IS_REFUSED, DIFFERS));

    /** Says what refuses a declaration: what the queue has, and what was given; null: nothing was. 0 rows: it is not refused any more. */
    static final Sql CONFLICTS = Sql.of("""
            -- name: declaration_conflicts
            SELECT c.field, c.declared, c.given
            FROM %s
            JOIN postroom.queue q ON q.name = d.name
            CROSS JOIN LATERAL %s c
            """.formatted(DECLARED, CONFLICTS_OF));

    /**
     * Makes queues, or sets those settings that are named; a deleted queue comes back. One that moves to another home stays closed, so that
     * a process that starts now works off what is there. Settings of an operator stay. New rows come first, then changed ones, both in the
     * order of their names: processes that start at once wait for one another and never in a circle. A queue that another process made or
     * changed meanwhile may have no row, and one whose declaration is refused has none. It must be the only statement of its transaction:
     * actor and reason of its lines in the ledger hold until the commit.
     */
    static final Sql DECLARE = Sql.of("""
            -- name: declare
            WITH declared AS MATERIALIZED (
                SELECT d.*, %2$s OR d.ordered IS NOT NULL AS named
                FROM %1$s
            ), made AS (
                INSERT INTO postroom.queue AS q
                    (name, max_attempts, retry_after, crash_limit, time_to_live, retention, settings_by, kind, owner,
                     dead_letter_exchange, dead_letter_routing_key, ordered, on_dead_letter, max_length, overflow,
                     single_active_consumer, expires_after, fair)
                SELECT d.name, coalesce(d.max_attempts::int, 20), coalesce(d.retry_after, '10s..6h'), coalesce(d.crash_limit::int, 3),
                       d.time_to_live * interval '1 microsecond', coalesce(d.retention * interval '1 microsecond', interval '7 days'),
                       CASE WHEN d.named THEN 'declaration' ELSE 'default' END,
                       coalesce(d.kind, 'durable'), CASE WHEN d.kind = 'exclusive' THEN :owner::uuid END,
                       nullif(d.dead_letter_exchange, ''), d.dead_letter_routing_key,
                       coalesce(d.ordered, false), coalesce(d.on_dead_letter, 'release'),
                       nullif(d.max_length, 0), coalesce(d.overflow, 'drop_head'),
                       coalesce(d.single_active_consumer, false), nullif(d.expires_after * interval '1 microsecond', interval '0'),
                       coalesce(d.fair, false)
                FROM declared d
                WHERE NOT EXISTS (SELECT FROM postroom.queue q WHERE q.name = d.name)
                ORDER BY d.name COLLATE "C"
                ON CONFLICT (name) DO NOTHING
                RETURNING q.id, q.name, q.time_to_live, q.paused_at, q.ordered, q.max_length, q.has_limiter, q.fair
            ), locked AS MATERIALIZED (
                SELECT q.id AS queue_id, d.*
                FROM declared d
                JOIN postroom.queue q ON q.name = d.name
                WHERE %4$s
                  AND NOT %3$s
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
                    kind         = coalesce(d.kind, CASE WHEN q.deleted_at IS NOT NULL AND q.kind = 'exclusive'
                                                         THEN 'durable' ELSE q.kind END),
                    owner        = CASE WHEN d.kind = 'exclusive' OR d.kind IS NULL AND q.deleted_at IS NULL AND q.kind = 'exclusive'
                                        THEN :owner::uuid END,
                    dead_letter_exchange    = %6$s,
                    dead_letter_routing_key = %7$s,
                    max_length   = %8$s,
                    overflow     = coalesce(d.overflow, q.overflow),
                    single_active_consumer = coalesce(d.single_active_consumer, q.single_active_consumer),
                    expires_after = %9$s,
                    fair         = coalesce(d.fair, q.fair),
                    used_at      = clock_timestamp(),
                    deleted_at   = CASE WHEN q.deleted_at = 'infinity' THEN q.deleted_at END
                FROM locked d
                WHERE q.id = d.queue_id
                RETURNING q.id, q.name, q.time_to_live, q.paused_at, q.ordered, q.max_length, q.has_limiter, q.fair
            )
            SELECT %5$s
            FROM (SELECT * FROM made UNION ALL SELECT * FROM changed) q
            -- The trigger record_queue_settings reads it, after all rows of this statement.
            WHERE set_config('postroom.change', jsonb_build_object('actor', :actor::text, 'reason', :reason::text)::text, true) IS NOT NULL
            """.formatted(
                    DECLARED,
                    NAMED,
                    IS_REFUSED,
                    DIFFERS,
                    COLUMNS,
                    DEAD_LETTER_EXCHANGE,
                    DEAD_LETTER_ROUTING_KEY,
                    MAX_LENGTH,
                    EXPIRES_AFTER));

    /**
     * Makes a queue for its first use; a deleted one comes back as it was. Always one row. The lock says which prepared transaction makes
     * the queue, where one does.
     */
    static final Sql USE = Sql.of("""
            -- name: use_queue
            INSERT INTO postroom.queue AS q (name)
            SELECT :name::text
            FROM postroom.lock_first_use(:name::text)
            ON CONFLICT (name) DO UPDATE
            SET deleted_at = NULL,
                used_at = clock_timestamp()
            RETURNING %s
            """.formatted(COLUMNS));

    /**
     * The first of these queues that belongs to another process, and which process that is. 0 rows: none is exclusive and there, or all
     * such belong to the process that asks. self null: nobody asks who could own one.
     */
    static final Sql OTHER_OWNER = Sql.of("""
            -- name: other_owner
            SELECT q.name, postroom.worker_text(q.owner)
            FROM postroom.queue q
            WHERE q.name = ANY (:names::text[])
              AND q.deleted_at IS NULL
              AND q.kind = 'exclusive'
              AND q.owner IS DISTINCT FROM :self::uuid
            ORDER BY q.name
            LIMIT 1
            """);

    /** Whether the owner or the last consumer of a queue counts as gone. 0 rows: there is no such queue. */
    static final Sql IS_ABANDONED = Sql.of("""
            -- name: is_abandoned
            SELECT postroom.is_abandoned(q, :leaseTime * interval '1 microsecond')
            FROM postroom.queue q
            WHERE q.name = :name
              AND q.deleted_at IS NULL
            """);

    /** Makes a queue ordered, or not: see the function. Always one row: whether that was a change. */
    static final Sql SET_ORDERED = Sql.of("""
            -- name: set_ordered
            SELECT postroom.set_ordered(:queue, :ordered, 'declaration', :reason, :actor)
            """);

    /**
     * Queues whose rows were written by a transaction that is not older than a horizon; null: all queues. The row keeps the id of its
     * writer also when it is frozen. An exclusive queue of another process counts as deleted, and one that moves to another home does not
     * yet.
     */
    static final Sql CHANGED_SINCE = Sql.of("""
            -- name: changed_since
            SELECT q.id, q.name,
                   coalesce(q.deleted_at < 'infinity', false) OR q.kind = 'exclusive' AND q.owner IS DISTINCT FROM :self::uuid
            FROM postroom.queue q
            WHERE :since::text::xid8::xid IS NULL
               OR age(q.xmin) <= age(:since::text::xid8::xid)
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
