package io.postroom.internal.postgres.admin;

import io.postroom.internal.postgres.statement.Sql;

/** The statements of {@link PostgresHome}. */
final class HomeSql {
    private HomeSql() {}

    /** One row for each home; none: the database is no home yet. */
    static final Sql READ = Sql.of("""
            -- name: read_homes
            SELECT h.name, h.id::text, h.is_here, r.rules, r.version, r.changed_at, r.changed_by
            FROM postroom.home_rules r
            CROSS JOIN postroom.home h
            """);

    /**
     * The row of the rules decides which of two processes makes the home: the second one waits for the first one's commit, and writes
     * nothing then. So no home has the rules of one process and the name of another.
     */
    static final Sql ADOPT = Sql.of("""
            -- name: adopt_home
            WITH first AS (
                INSERT INTO postroom.home_rules (rules)
                VALUES (:rules)
                ON CONFLICT DO NOTHING
                RETURNING version
            )
            INSERT INTO postroom.home (name, id, is_here)
            SELECT n.name, CASE WHEN n.name = :home THEN gen_random_uuid() END, n.name = :home
            FROM first
            CROSS JOIN unnest(:homes::text[]) n (name)
            """);

    /** An id that is noted stays: a database that took the place of another one is found by it. */
    static final Sql KNOW = Sql.of("""
            -- name: know_homes
            UPDATE postroom.home h
            SET id = k.id::uuid
            FROM unnest(:names::text[], :ids::text[]) k (name, id)
            WHERE h.name = k.name AND h.id IS NULL
            """);

    /** A statement of its own: one that names a table that is not there would end the transaction of the caller. */
    static final Sql HAS_TABLES = Sql.of("""
            -- name: has_tables_of_homes
            SELECT to_regclass('postroom.home') IS NOT NULL AND to_regclass('postroom.home_rules') IS NOT NULL
            """);

    static final Sql NAME_HERE = Sql.of("""
            -- name: name_of_home
            SELECT h.name FROM postroom.home h WHERE h.is_here
            """);

    /** The number -1 is none of lock_first_use, which has those from 0 on. */
    static final Sql LOCK = Sql.of("""
            -- name: lock_home_rules
            SELECT pg_try_advisory_xact_lock(1349481333, -1), pg_backend_pid()
            """);

    static final Sql HOLD = Sql.of("-- name: hold_home_rules\nSELECT 1");

    static final Sql PAST_RULES = Sql.of("-- name: past_home_rules\nSELECT p.rules FROM postroom.home_past_rules p");

    static final Sql ANNOUNCE =
            Sql.of("-- name: announce_home_rules\nUPDATE postroom.home_rules SET next_rules = :rules");

    static final Sql WITHDRAW =
            Sql.of("-- name: withdraw_home_rules\nUPDATE postroom.home_rules SET next_rules = NULL");

    static final Sql QUEUES = Sql.of("""
            -- name: queues_of_home
            SELECT q.name, q.moved_to, q.moved_to IS NOT NULL AND q.deleted_at = 'infinity'
            FROM postroom.queue q
            WHERE q.kind <> 'exclusive'
              AND (q.deleted_at IS NULL OR q.moved_to IS NOT NULL)
            ORDER BY q.name
            """);

    static final Sql OBSTACLES = Sql.of("""
            -- name: obstacles_of_queues
            SELECT format('queue "%s" is bound to exchange "%s": unbind it first', b.queue, b.exchange)
            FROM postroom.bindings b
            WHERE b.queue = ANY (:queues::text[])
            UNION ALL
            SELECT format('schedule "%s" creates messages in queue "%s": delete it first', s.name, s.queue)
            FROM postroom.schedules s
            WHERE s.queue = ANY (:queues::text[])
            ORDER BY 1
            """);

    /**
     * A deletion that lies ahead: whoever creates a message looks whether the queue is deleted, in the statement that writes it. Those who
     * consume it look whether that is over. A row that a transaction holds is left out: it could hold it for days.
     */
    static final Sql CLOSE = Sql.of("""
            -- name: close_queues
            WITH free AS MATERIALIZED (
                SELECT q.id, m.moved_to
                FROM unnest(:queues::text[], :movedTo::text[]) m (name, moved_to)
                JOIN postroom.queue q ON q.name = m.name
                FOR NO KEY UPDATE OF q SKIP LOCKED
            ), closed AS (
                UPDATE postroom.queue q
                SET deleted_at = 'infinity', moved_to = f.moved_to
                FROM free f
                WHERE q.id = f.id
                  AND (q.deleted_at IS NULL OR q.moved_to IS NOT NULL)
            )
            SELECT q.name
            FROM free f
            JOIN postroom.queue q ON q.id = f.id
            """);

    static final Sql REOPEN = Sql.of("""
            -- name: reopen_queues
            UPDATE postroom.queue q
            SET deleted_at = NULL, moved_to = NULL, used_at = clock_timestamp()
            WHERE q.name = ANY (:queues::text[])
              AND q.moved_to IS NOT NULL
            """);

    static final Sql LEAVE = Sql.of("""
            -- name: leave_queues
            UPDATE postroom.queue q
            SET deleted_at = clock_timestamp()
            WHERE q.name = ANY (:queues::text[])
              AND q.moved_to IS NOT NULL
              AND q.deleted_at = 'infinity'
            """);

    /**
     * A transaction holds its virtual id from its begin on, so one with an old snapshot that has written nothing yet is among them. Of
     * those that are prepared, the ones that have created messages or made queues. Who may not see the activity of others sees their locks
     * and databases.
     */
    static final Sql OPEN_TRANSACTIONS = Sql.of("""
            -- name: open_transactions
            SELECT 'transaction ' || l.virtualtransaction || ' of session ' || l.pid
                   || coalesce(' (' || nullif(a.application_name, '') || ')', '')
            FROM pg_locks l
            JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'virtualxid'
              AND l.granted
              AND l.mode = 'ExclusiveLock'
              AND a.datname = current_database()
              AND coalesce(a.backend_type, 'client backend') = 'client backend'
              AND l.pid NOT IN (pg_backend_pid(), :butOfPid)
            UNION ALL
            SELECT 'prepared transaction "' || x.gid || '"'
            FROM pg_prepared_xacts x
            JOIN pg_locks t ON t.locktype = 'transactionid' AND t.transactionid = x.transaction AND t.pid IS NULL
            JOIN pg_locks l ON l.virtualtransaction = t.virtualtransaction AND l.locktype = 'relation' AND l.pid IS NULL
            WHERE x.database = current_database()
              AND (l.relation = to_regclass('postroom.message')::oid
                   OR l.relation = to_regclass('postroom.queue')::oid AND l.mode = 'RowExclusiveLock')
            """);

    static final Sql LEFT = Sql.of("""
            -- name: left_in_queues
            SELECT q.name, x.waiting, x.in_progress, x.dead
            FROM postroom.queue q
            CROSS JOIN LATERAL (
                SELECT (SELECT count(*) FROM (SELECT FROM postroom.ready r WHERE r.queue_id = q.id LIMIT 1000) w)
                       + (SELECT count(*) FROM (SELECT FROM postroom.grouped g WHERE g.queue_id = q.id LIMIT 1000) w)
                       + (SELECT count(*) FROM (SELECT FROM postroom.delayed d WHERE d.queue_id = q.id LIMIT 1000) w) AS waiting,
                       (SELECT count(*) FROM (SELECT FROM postroom.lease l WHERE l.queue_id = q.id LIMIT 1000) w) AS in_progress,
                       (SELECT count(*) FROM (SELECT FROM postroom.dead_letter d WHERE d.queue_id = q.id LIMIT 1000) w) AS dead
                ) x
            WHERE q.name = ANY (:queues::text[])
              AND x.waiting + x.in_progress + x.dead > 0
            ORDER BY q.name
            """);

    static final Sql CHANGE = Sql.of("""
            -- name: change_home_rules
            WITH kept AS (
                INSERT INTO postroom.home_past_rules (version, rules)
                SELECT r.version, r.rules
                FROM postroom.home_rules r
                WHERE r.rules <> :rules
                  AND NOT EXISTS (SELECT FROM postroom.home_past_rules p WHERE p.rules = r.rules)
            ), gone AS (
                DELETE FROM postroom.home h
                WHERE h.name <> ALL (:homes::text[])
            ), added AS (
                INSERT INTO postroom.home (name)
                SELECT n.name
                FROM unnest(:homes::text[]) n (name)
                ON CONFLICT DO NOTHING
            )
            UPDATE postroom.home_rules
            SET rules = :rules, next_rules = NULL, version = :version, changed_at = clock_timestamp(), changed_by = session_user
            """);
}
