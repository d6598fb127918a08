package io.postroom.internal.postgres.admin;

import io.postroom.internal.postgres.statement.Sql;

/** Looks at the database as a whole. None of them locks a row, and each is cheap at any number of messages, or bounded. */
final class HealthSql {
    private HealthSql() {}

    /** Limits of a look: it gives up soon, and never waits for a lock behind others. */
    static final Sql LIMITS = Sql.of("""
            -- name: health_limits
            SELECT set_config('statement_timeout', '5s', true), set_config('lock_timeout', '1s', true)
            """);

    /** The database's time, alone, so that the answer is not late. */
    static final Sql CLOCK = Sql.of("""
            -- name: health_clock
            SELECT clock_timestamp()
            """);

    /** The server. Always one row. */
    static final Sql SERVER = Sql.of("""
            -- name: health_server
            SELECT current_setting('server_version'),
                   current_user::text,
                   quote_ident(current_user),
                   current_setting('autovacuum') = 'on' AND current_setting('track_counts') = 'on',
                   current_setting('max_connections')::int,
                   (SELECT count(*) FROM pg_stat_activity a WHERE a.datname IS NOT NULL)::int,
                   pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
                   to_regclass('postroom.queue') IS NOT NULL
            """);

    /**
     * Who keeps deleted rows from being cleaned away, the one that holds most first. Sessions of other databases and vacuums hold nothing
     * here. A slot is listed for the WAL that it keeps, too. Without the rights of pg_read_all_stats only own sessions are seen.
     */
    static final Sql HORIZON = Sql.of("""
            -- name: horizon
            SELECT h.kind, h.name, h.pid, h.application, h.role, h.state, h.seconds, h.transactions, h.wal_bytes
            FROM (
                SELECT 'SESSION' AS kind, a.pid::text AS name, a.pid, nullif(a.application_name, '') AS application,
                       a.usename::text AS role, a.state, extract(epoch FROM clock_timestamp() - a.xact_start)::bigint AS seconds,
                       greatest(age(a.backend_xmin), age(a.backend_xid))::bigint AS transactions, NULL::bigint AS wal_bytes
                FROM pg_stat_activity a
                WHERE a.datname = current_database()
                  AND a.pid <> pg_backend_pid()
                  AND a.backend_type <> 'autovacuum worker'
                  AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
                UNION ALL
                SELECT 'REPLICATION_SLOT', s.slot_name::text, s.active_pid, NULL, NULL,
                       CASE WHEN s.active THEN 'active' ELSE 'not consumed' END, NULL, age(s.xmin)::bigint,
                       CASE WHEN pg_is_in_recovery() THEN NULL
                            ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint END
                FROM pg_replication_slots s
                WHERE NOT s.temporary
                  AND (s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL OR s.restart_lsn IS NOT NULL)
                UNION ALL
                SELECT 'STANDBY', coalesce(nullif(r.application_name, ''), host(r.client_addr), 'standby'), r.pid,
                       nullif(r.application_name, ''), r.usename::text, r.state, NULL, age(r.backend_xmin)::bigint, NULL
                FROM pg_stat_replication r
                WHERE r.backend_xmin IS NOT NULL
                UNION ALL
                SELECT 'PREPARED_TRANSACTION', p.gid, NULL, NULL, p.owner::text, 'prepared',
                       extract(epoch FROM clock_timestamp() - p.prepared)::bigint, age(p.transaction)::bigint, NULL
                FROM pg_prepared_xacts p
                WHERE p.database = current_database()) h
            ORDER BY h.transactions DESC NULLS LAST, h.seconds DESC NULLS LAST, h.kind, h.name
            LIMIT 50
            """);

    /** Sizes as the statistics of vacuum say, partitions of one table together, the largest first. */
    static final Sql TABLES = Sql.of("""
            -- name: table_sizes
            SELECT regexp_replace(t.relname::text, '_(\\d{8}|old|tail)$', '') AS name,
                   count(*)::int,
                   sum(t.n_live_tup)::bigint,
                   sum(t.n_dead_tup)::bigint,
                   sum(pg_total_relation_size(t.relid))::bigint AS bytes,
                   max(greatest(t.last_vacuum, t.last_autovacuum)),
                   bool_or(array_to_string(c.reloptions, ',') ~* 'autovacuum_enabled=(f|of|n|0)')
            FROM pg_stat_user_tables t
            JOIN pg_class c ON c.oid = t.relid
            WHERE t.schemaname = 'postroom'
            GROUP BY 1
            ORDER BY bytes DESC NULLS LAST, name
            """);

    /** The partitions by time, and for how many seconds the days reach ahead. */
    static final Sql DAYS = Sql.of("""
            -- name: days_ahead
            SELECT t.name,
                   count(*)::int,
                   min(p.from_at) FILTER (WHERE isfinite(p.from_at)),
                   max(p.to_at) FILTER (WHERE isfinite(p.to_at)),
                   sum(p.bytes)::bigint,
                   extract(epoch FROM max(p.to_at) FILTER (WHERE isfinite(p.to_at)) - clock_timestamp())::bigint
            FROM unnest(ARRAY['message', 'attempt']) t (name)
            CROSS JOIN LATERAL postroom.partitions(t.name) p
            GROUP BY t.name
            ORDER BY t.name
            """);

    /**
     * Finished messages that a purge should have removed three days ago, counted up to 10,000. A purge keeps a message up to two days
     * longer than its queue says. Reads the days of history that are old enough. Always one row.
     */
    static final Sql LATE_PURGE = Sql.of("""
            -- name: late_purge
            SELECT count(*)::int, min(late.finished_at)
            FROM (
                SELECT a.finished_at
                FROM postroom.attempt a
                JOIN postroom.queue q ON q.id = a.queue_id
                WHERE a.outcome <= 2
                  AND a.finished_at < statement_timestamp() - interval '3 days' - (SELECT min(z.retention) FROM postroom.queue z)
                  AND a.finished_at + q.retention < statement_timestamp() - interval '3 days'
                  AND NOT EXISTS (SELECT FROM postroom.dead_letter d WHERE d.message_id = a.message_id) -- dead in another queue
                LIMIT 10000) late
            """).plannedAnew();

    /** Operations that run, with the seconds since their last step and since their beginning. */
    static final Sql OPERATIONS = Sql.of("""
            -- name: operations_under_way
            SELECT o.id::text, o.verb, o.processed, o.planned, o.waits_for_canary, o.canary,
                   extract(epoch FROM clock_timestamp() - o.stepped_at)::bigint,
                   extract(epoch FROM clock_timestamp() - o.created_at)::bigint
            FROM postroom.operations o
            WHERE o.state = 'running'
            ORDER BY o.created_at
            LIMIT 50
            """);

    /** Processes that have not said that they stop, the last heartbeat first, and what they hold. */
    static final Sql WORKERS = Sql.of("""
            -- name: workers_seen
            SELECT w.name, w.version, w.started_at, (extract(epoch FROM clock_timestamp() - w.beat_at) * 1000000)::bigint,
                   coalesce((SELECT sum(bit_count(l.open)) FROM postroom.lease l WHERE l.worker_id = w.id), 0)::bigint
            FROM postroom.worker w
            WHERE w.stopped_at IS NULL
              AND w.beat_at > statement_timestamp() - interval '1 day'
            ORDER BY w.beat_at DESC, w.name
            LIMIT 200
            """);

    /** Whether anything waits to be handled now. Always one row. */
    static final Sql WAITING = Sql.of("""
            -- name: anything_waits
            SELECT EXISTS (SELECT FROM postroom.ready)
                   OR EXISTS (SELECT FROM postroom.delayed d WHERE d.due_at < statement_timestamp() - interval '1 minute')
            """);

    /** Queues without a live consumer whose head has waited for a minute, ten at most. */
    static final Sql NOT_CONSUMED = Sql.of("""
            -- name: queues_not_consumed
            SELECT q.name
            FROM postroom.queue q
            CROSS JOIN LATERAL (
                SELECT r.message_id FROM postroom.ready r WHERE r.queue_id = q.id ORDER BY r.priority, r.seq LIMIT 1) h
            WHERE q.deleted_at IS NULL
              AND NOT (q.kind = 'exclusive' AND starts_with(q.name, 'postroom.reply.'))
              AND NOT EXISTS (
                  SELECT
                  FROM postroom.consumer c
                  JOIN postroom.worker w ON w.id = c.worker_id
                  WHERE c.queue_id = q.id AND w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute')
              AND (SELECT m.created_at FROM postroom.message m WHERE m.id = h.message_id LIMIT 1)
                  < statement_timestamp() - interval '1 minute'
            ORDER BY q.name
            LIMIT 10
            """);

    /** Functions that everybody may call, first those that run with the rights of their owner. A REVOKE acts on what the revoker owns. */
    static final Sql PUBLIC_FUNCTIONS = Sql.of("""
            -- name: public_functions
            SELECT p.oid::regprocedure::text, pg_get_userbyid(p.proowner)::text, p.prosecdef
            FROM pg_proc p
            WHERE p.pronamespace = to_regnamespace('postroom') AND has_function_privilege('public', p.oid, 'EXECUTE')
            ORDER BY p.prosecdef DESC, p.oid::regprocedure::text
            """);

    /** Queues whose dead letter exchange does not exist, or that reject to one and have none: then the second column is NULL. */
    static final Sql DEAD_LETTER_EXCHANGES = Sql.of("""
            -- name: missing_dead_letter_exchanges
            SELECT q.name, q.dead_letter_exchange
            FROM postroom.queue q
            WHERE q.deleted_at IS NULL
              AND CASE WHEN q.dead_letter_exchange IS NULL THEN q.overflow = 'reject_to_dead_letter_exchange'
                       ELSE NOT EXISTS (SELECT FROM postroom.exchange e WHERE e.name = q.dead_letter_exchange) END
            ORDER BY q.name
            LIMIT 20
            """);
}
