package io.postroom.internal.postgres.console;

import io.postroom.internal.postgres.statement.Sql;

/** Statements about dead letters by their errors, processes, and the database. */
final class OverviewReadsSql {
    private OverviewReadsSql() {}

    /**
     * The limits under which each transaction of this package runs. The first statement of each. No parallel workers: to count what is in
     * progress beside a million leases that had ended, two of them took 230 ms of CPU instead of 30, and 51 ms instead of 27.
     */
    static final Sql LIMITS = Sql.of("""
            -- name: console_limits
            SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', :millis, true),
                   set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
                   set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true),
                   set_config('max_parallel_workers_per_gather', '0', true)
            """);

    /**
     * Fingerprints behind one, each with a bounded count and its newest message. Jumps from one fingerprint to the next in
     * dead_letter_by_fingerprint: its cost is that of the fingerprints, whatever number of letters they have.
     */
    static final Sql FINGERPRINTS = Sql.of("""
            -- name: console_fingerprints
            WITH RECURSIVE print AS (
                (SELECT d.fingerprint FROM postroom.dead_letter d WHERE d.fingerprint > :after ORDER BY d.fingerprint LIMIT 1)
                UNION ALL
                SELECT (SELECT d.fingerprint
                        FROM postroom.dead_letter d
                        WHERE d.fingerprint > p.fingerprint
                        ORDER BY d.fingerprint
                        LIMIT 1)
                FROM print p
                WHERE p.fingerprint IS NOT NULL
            ), shown AS MATERIALIZED (
                SELECT p.fingerprint FROM print p WHERE p.fingerprint IS NOT NULL LIMIT :limit
            )
            SELECT s.fingerprint,
                   (SELECT count(*) FROM (SELECT FROM postroom.dead_letter d WHERE d.fingerprint = s.fingerprint LIMIT :most) x),
                   (SELECT q.name FROM postroom.queue q WHERE q.id = n.queue_id), n.dead_at, n.reason, n.error_class,
                   left(split_part(n.error, E'\\n', 1), 200)
            FROM shown s
            CROSS JOIN LATERAL (
                SELECT d.queue_id, d.dead_at, d.reason, d.error_class, d.error
                FROM postroom.dead_letter d
                WHERE d.fingerprint = s.fingerprint
                ORDER BY d.fingerprint DESC, d.message_id DESC
                LIMIT 1) n
            ORDER BY 2 DESC, 1
            """);

    /** Dead letters without an error, counted up to a bound. Relies on dead_letter_by_fingerprint. */
    static final Sql WITHOUT_FINGERPRINT = Sql.of("""
            -- name: console_without_fingerprint
            SELECT NULL, (SELECT count(*) FROM (SELECT FROM postroom.dead_letter d WHERE d.fingerprint IS NULL LIMIT :most) x),
                   (SELECT q.name FROM postroom.queue q WHERE q.id = n.queue_id), n.dead_at, n.reason, n.error_class,
                   left(split_part(n.error, E'\\n', 1), 200)
            FROM (SELECT d.queue_id, d.dead_at, d.reason, d.error_class, d.error
                  FROM postroom.dead_letter d
                  WHERE d.fingerprint IS NULL
                  LIMIT 1) n
            """);

    private static final String LETTERS = """
            WITH looked AS MATERIALIZED (
                SELECT d.fingerprint, d.queue_id, d.dead_at, d.reason, d.error_class,
                       left(split_part(d.error, E'\\n', 1), 200) AS error
                FROM postroom.dead_letter d
            """;

    /** The last column says how many were looked at; where none matches, there is one row with nothing else. */
    private static final String ERRORS = """
                LIMIT :look
            ), found AS (
                SELECT l.fingerprint, count(*) AS letters, min(l.queue_id) AS queue_id, max(l.dead_at) AS newest_at,
                       min(l.reason) AS reason, min(l.error_class) AS error_class, min(l.error) AS error
                FROM looked l
                WHERE (:reason::text IS NULL OR l.reason = :reason)
                  AND (:fingerprint::text IS NULL OR l.fingerprint = :fingerprint)
                GROUP BY l.fingerprint
                ORDER BY 2 DESC, 1
                LIMIT :limit
            )
            SELECT f.fingerprint, f.letters, (SELECT q.name FROM postroom.queue q WHERE q.id = f.queue_id), f.newest_at,
                   f.reason, f.error_class, f.error, n.looked
            FROM (SELECT count(*) AS looked FROM looked) n
            LEFT JOIN found f ON true
            ORDER BY f.letters DESC, f.fingerprint
            """;

    /** The errors of those dead letters of a queue that died last. Relies on dead_letter_by_queue. */
    static final Sql ERRORS_OF_QUEUE = Sql.of("-- name: console_errors_of_queue\n" + LETTERS + """
                WHERE d.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = :queue)
                ORDER BY d.dead_at DESC
            """ + ERRORS);

    /** How many of the newest dead letters with a fingerprint match. Relies on dead_letter_by_fingerprint. */
    static final Sql ERRORS_ALIKE = Sql.of("-- name: console_errors_alike\n" + LETTERS + """
                WHERE d.fingerprint = :fingerprint
                ORDER BY d.fingerprint DESC, d.message_id DESC, d.queue_id DESC
            """ + ERRORS);

    /** The errors of the newest dead letters. Relies on dead_letter_pk. */
    static final Sql ERRORS_OF_ALL = Sql.of("-- name: console_errors\n" + LETTERS + """
                ORDER BY d.message_id DESC, d.queue_id DESC
            """ + ERRORS);

    /** Processes, those that run first. */
    static final Sql WORKERS = Sql.of("""
            -- name: console_workers
            SELECT w.name, w.version, host(w.address), w.started_at, w.beat_at, w.stopped_at,
                   w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute',
                   (SELECT count(*)::int FROM postroom.consumer c WHERE c.worker_id = w.id),
                   coalesce(l.held, 0)
            FROM postroom.worker w
            LEFT JOIN (
                SELECT x.worker_id, sum(bit_count(x.open))::bigint AS held
                FROM postroom.lease x
                GROUP BY x.worker_id) l ON l.worker_id = w.id
            ORDER BY w.stopped_at IS NULL DESC, w.id DESC
            LIMIT 200
            """);

    /** Consumers of all queues, the live ones first. */
    static final Sql CONSUMERS = Sql.of("""
            -- name: console_consumers
            SELECT c.queue, c.handler, c.worker, array_to_string(c.types, ', ') AS types, c.concurrency, lower(c.mode) AS mode,
                   CASE WHEN NOT c.live THEN 'gone' WHEN c.told_to_stop THEN 'told to stop' ELSE 'running' END AS state
            FROM postroom.consumers c
            ORDER BY c.live DESC, c.queue, c.worker, c.handler
            LIMIT 500
            """);

    static final Sql SERVER = Sql.of("""
            -- name: console_database
            SELECT current_setting('server_version') AS "PostgreSQL", current_database() AS "database",
                   pg_size_pretty(pg_database_size(current_database())) AS "size",
                   to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS "started at",
                   to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS "its clock",
                   CASE WHEN pg_is_in_recovery() THEN 'yes: nothing can be written' ELSE 'no' END AS "standby",
                   (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database())::text
                       || ' of ' || current_setting('max_connections') AS "connections"
            """);

    /** Tables with their day partitions, the largest first. Rows are estimates of the last ANALYZE. */
    static final Sql TABLES = Sql.of("""
            -- name: console_tables
            SELECT t.name AS "table", count(*) AS "partitions", pg_size_pretty(sum(pg_total_relation_size(t.oid))) AS "size",
                   sum(greatest(t.reltuples, 0))::bigint AS "rows, estimated", sum(s.n_dead_tup)::bigint AS "dead rows",
                   to_char(max(s.last_autovacuum) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS "last autovacuum"
            FROM (SELECT c.oid, c.reltuples, coalesce(p.relname, c.relname) AS name
                  FROM pg_class c
                  JOIN pg_namespace n ON n.oid = c.relnamespace
                  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
                  LEFT JOIN pg_class p ON p.oid = i.inhparent
                  WHERE n.nspname = 'postroom' AND c.relkind = 'r') t
            LEFT JOIN pg_stat_user_tables s ON s.relid = t.oid
            GROUP BY t.name
            ORDER BY sum(pg_total_relation_size(t.oid)) DESC
            LIMIT 15
            """);

    static final Sql PURGES = Sql.of("""
            -- name: console_purges
            SELECT to_char(p.purged_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS "at", p.queue, p.outcome, p.messages, p.how
            FROM postroom.purge_log p
            ORDER BY p.purged_at DESC
            LIMIT 20
            """);
}
