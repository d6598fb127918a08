package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Processes that handle messages, and the queues they consume. */
final class WorkerSql {
    private WorkerSql() {}

    /** Writes a new row. A repeat of the same start, after a lost answer, gets the row of the first try. 0 rows: that start was ended. */
    static final Sql REGISTER = Sql.of("""
            -- name: register
            INSERT INTO postroom.worker AS w (instance, name, version)
            VALUES (:instance, :name, :version)
            ON CONFLICT (instance) DO UPDATE
            SET beat_at = clock_timestamp()
            WHERE w.stopped_at IS NULL
            RETURNING w.id
            """);

    static final Sql FORGET_CANCELLED = Sql.of("""
            -- name: forget_cancelled
            DELETE FROM postroom.cancelled_run
            WHERE worker_id = :worker
              AND message_id = ANY (:messages::uuid[])
            """);

    /** Notes that a consumer claims no more: see the function. Always one row. */
    static final Sql REPORT_STOPPED = Sql.of("""
            -- name: report_stopped
            SELECT postroom.report_stopped(:worker, :instance, :queue, :queueName, :held)
            """);

    /** The queues it consumed, with repeats. 0 rows: the worker had none, or its id belongs to another process. */
    static final Sql FORGET_OWN_CONSUMERS = Sql.of("""
            -- name: forget_own_consumers
            DELETE FROM postroom.consumer c
            USING postroom.worker w
            WHERE c.worker_id = :worker
              AND w.id = c.worker_id
              AND w.instance = :instance
            RETURNING c.queue_id
            """);

    /**
     * Makes the worker's rows those of the arrays, one entry a row; {@code types} holds the texts of arrays. Writes what differs: a process
     * that consumes one more of 10,000 queues writes one row. Always one row: the queues whose consumers were removed, and how many rows of
     * queues were locked and changed.
     *
     * <p>Locks the rows of queues that get their first consumer of this worker, by name as declarations do. A deletion of such a queue
     * waits for it, and sees the consumer. In the other order this waits, and an auto-delete queue is there again afterwards; another
     * queue comes back with its next message. A queue that moves to another home, or has moved there, stays as it is: it must not keep the
     * process from its other queues.
     */
    static final Sql ANNOUNCE = Sql.of("""
            -- name: announce
            WITH announced AS MATERIALIZED (
                SELECT a.queue_id, a.handler, a.direction, a.concurrency, a.mode, a.types::text[] AS types
                FROM unnest(:queues::int[], :handlers::text[], :directions::smallint[], :concurrency::int[], :modes::text[], :types::text[])
                    AS a (queue_id, handler, direction, concurrency, mode, types)
            ), gone AS (
                DELETE FROM postroom.consumer c
                WHERE c.worker_id = :worker
                  AND NOT EXISTS (SELECT FROM announced a WHERE a.queue_id = c.queue_id AND a.handler = c.handler)
                RETURNING c.queue_id
            ), fresh AS MATERIALIZED (
                SELECT DISTINCT a.queue_id
                FROM announced a
                WHERE NOT EXISTS (SELECT FROM postroom.consumer c WHERE c.worker_id = :worker AND c.queue_id = a.queue_id)
            ), kept AS MATERIALIZED (
                SELECT q.id
                FROM postroom.queue q
                WHERE q.id IN (SELECT f.queue_id FROM fresh f)
                  AND q.kind <> 'auto_delete'
                ORDER BY q.name
                FOR KEY SHARE OF q
            ), ending AS MATERIALIZED (
                SELECT q.id
                FROM postroom.queue q
                WHERE q.id IN (SELECT f.queue_id FROM fresh f)
                  AND q.kind = 'auto_delete'
                ORDER BY q.name
                FOR NO KEY UPDATE OF q
            ), noted AS (
                UPDATE postroom.queue q
                SET had_consumer = true,
                    deleted_at = CASE WHEN q.moved_to IS NOT NULL THEN q.deleted_at END
                FROM ending e
                WHERE q.id = e.id
                RETURNING 1
            ), written AS (
                INSERT INTO postroom.consumer AS c (worker_id, queue_id, handler, direction, concurrency, mode, types)
                SELECT :worker::int, a.queue_id, a.handler, a.direction, a.concurrency, a.mode, a.types
                FROM announced a
                WHERE NOT EXISTS (
                    SELECT FROM postroom.consumer c
                    WHERE (c.worker_id, c.queue_id, c.handler, c.direction, c.concurrency, c.mode, c.types)
                        = (:worker::int, a.queue_id, a.handler, a.direction, a.concurrency, a.mode, a.types))
                ON CONFLICT (queue_id, worker_id, handler) DO UPDATE
                SET direction = excluded.direction, concurrency = excluded.concurrency, mode = excluded.mode, types = excluded.types
                RETURNING 1
            )
            SELECT ARRAY(SELECT g.queue_id FROM gone g), (SELECT count(*) FROM kept), (SELECT count(*) FROM noted)
            """);

    /** The queues that other live workers consume. Reads worker, and consumer_pk or consumer. */
    static final Sql CONSUMED_ELSEWHERE = Sql.of("""
            -- name: consumed_elsewhere
            SELECT DISTINCT c.queue_id
            FROM postroom.consumer c
            JOIN postroom.worker w ON w.id = c.worker_id
            WHERE c.worker_id <> :worker
              AND w.stopped_at IS NULL
              AND w.beat_at > statement_timestamp() - interval '1 minute'
            """);

    /**
     * Where dead letters went on to. The trigger that passes them on notes the new message in the text of the old one's end: see pass_on in
     * dead_letter.sql. Relies on attempt_by_message and message_pk. 0 rows: they stay dead letters.
     */
    static final Sql PASSED_ON = Sql.of("""
            -- name: passed_on
            SELECT DISTINCT q.id, m.priority
            FROM postroom.attempt a
            CROSS JOIN LATERAL (
                SELECT x.priority, coalesce(x.queue_ids, ARRAY[x.queue_id]) AS queue_ids
                FROM postroom.message x
                WHERE x.id = substring(a.error FROM ' as message ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})')::uuid
                OFFSET 0) m -- one look-up for each, whatever the statistics say
            CROSS JOIN LATERAL unnest(m.queue_ids) q (id)
            WHERE a.message_id = ANY (:messages::uuid[])
              AND a.outcome IN (1, 2)
              AND a.lease_id IS NULL
              AND a.finished_at > statement_timestamp() - interval '5 minutes'
            """);

    /**
     * Makes messages due that wait for an entry, and tells how many, and a bound for the next call: waits that are written later have this
     * number or a higher one. Relies on delayed_by_entry. Always one row. Only waits below the bound count where it is given; null: none
     * is. The race: a process that does not find the secret writes each wait anew as soon as it is made due. Without the bound the calls
     * for many messages never end, because each finds what such a process wrote since the one before.
     */
    static final Sql RUN_WAITING_SOON = Sql.of("""
            -- name: run_waiting_soon
            WITH waiting AS MATERIALIZED (
                SELECT d.ctid
                FROM postroom.delayed d
                WHERE strpos(d.reason, ':') > 0
                  AND d.reason = ANY (:reasons)
                  AND d.due_at > statement_timestamp()
                  AND (:before::text IS NULL OR age(d.xmin) > age(:before::text::xid8::xid))
                LIMIT :most
                FOR UPDATE SKIP LOCKED
            ), moved AS (
                UPDATE postroom.delayed d
                SET due_at = statement_timestamp()
                WHERE d.ctid = ANY (ARRAY(SELECT w.ctid FROM waiting w))
                RETURNING 1
            )
            SELECT count(*), pg_snapshot_xmax(pg_current_snapshot())::text
            FROM moved
            """);

    /** Renews every lease of the worker at once. Relies on worker_pk. 0 rows: the worker was ended or removed. */
    static final Sql BEAT = Sql.of("""
            -- name: beat
            UPDATE postroom.worker
            SET beat_at = clock_timestamp()
            WHERE id = :worker
              AND instance = :instance
              AND stopped_at IS NULL
            """);

    /** Ends a worker. The row stays, because the history names it; a lease that is left against the rules is rescued at once. */
    static final Sql DEREGISTER = Sql.of("""
            -- name: deregister
            UPDATE postroom.worker
            SET stopped_at = clock_timestamp()
            WHERE id = :worker
              AND instance = :instance
              AND stopped_at IS NULL
            """);
}
