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

    static final Sql FORGET_CONSUMERS = Sql.of("""
            -- name: forget_consumers
            DELETE FROM postroom.consumer
            WHERE worker_id = :worker
            """);

    /** 0 rows: the worker had none, or its id belongs to another process. */
    static final Sql FORGET_OWN_CONSUMERS = Sql.of("""
            -- name: forget_own_consumers
            DELETE FROM postroom.consumer c
            USING postroom.worker w
            WHERE c.worker_id = :worker
              AND w.id = c.worker_id
              AND w.instance = :instance
            """);

    static final Sql ANNOUNCE = Sql.of("""
            -- name: announce
            INSERT INTO postroom.consumer (worker_id, queue_id, handler, direction, concurrency, mode, types)
            VALUES (:worker, :queue, :handler, :direction, :concurrency, :mode, :types)
            ON CONFLICT DO NOTHING
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
