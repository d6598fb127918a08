package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Statements about consumers: who they are, and who was told to stop. */
final class ConsumerSql {
    private ConsumerSql() {}

    /**
     * Live consumers of a queue, one row a process. An order for all counts although a consumer that started later has no row of its own.
     * Reads consumer_pk, and lease whole. 0 rows: nobody consumes the queue.
     */
    static final Sql CONSUMERS = Sql.of("""
            -- name: consumers
            SELECT w.name, c.handlers, c.started_at, w.beat_at,
                   q.consumers_stopped_at IS NOT NULL OR s.worker_id IS NOT NULL,
                   s.stopped_at IS NOT NULL,
                   greatest(coalesce(s.held, 0), l.held)
            FROM postroom.queue q
            CROSS JOIN LATERAL (
                SELECT c.worker_id, array_agg(c.handler ORDER BY c.handler) AS handlers, min(c.started_at) AS started_at
                FROM postroom.consumer c
                WHERE c.queue_id = q.id
                GROUP BY c.worker_id) c
            JOIN postroom.worker w ON w.id = c.worker_id
            LEFT JOIN postroom.consumer_stop s ON s.worker_id = c.worker_id AND s.queue_id = q.id
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(bit_count(l.open)), 0)::int AS held
                FROM postroom.lease l
                WHERE l.worker_id = c.worker_id
                  AND l.queue_id = q.id) l
            WHERE q.name = :queue
              AND q.deleted_at IS NULL
              AND w.stopped_at IS NULL
              AND w.beat_at > statement_timestamp() - interval '1 minute'
            ORDER BY w.name, w.id
            """);

    /** Tells consumers to stop: see the function. Always one row. */
    static final Sql STOP = Sql.of("""
            -- name: stop_consumers
            SELECT id, consumers
            FROM postroom.order_consumer_stop(:queue, :howMany::int, NULL, :actor::text, :reason::text)
            """);

    /** Lets others consume where the single active consumer has left. Always one row: how many queues had an active one before. */
    static final Sql RELEASE_ACTIVE = Sql.of("""
            -- name: release_active
            SELECT postroom.release_active(:leaseTime::bigint * interval '1 microsecond')
            """);

    static final Sql START = Sql.of("""
            -- name: start_consumers
            SELECT postroom.start_consumers(:queue, :reason::text, :actor::text)
            """);

    /** Carries out a kill signal: see the function. Always one row. */
    static final Sql OBEY = Sql.of("""
            -- name: obey_kill_signal
            SELECT answer, reason
            FROM postroom.obey_kill_signal(:id, :queue, :queueName)
            """);

    /**
     * How an order stands, one row a consumer that it concerns. An order for all concerns each live consumer of the queue, and those that
     * it told when it was given. Reads lease whole.
     */
    static final Sql RECEIPTS = Sql.of("""
            -- name: receipts
            SELECT s.worker, s.stopped_at IS NOT NULL OR s.ended, s.in_flight, s.beat_at
            FROM postroom.consumer_stops s
            WHERE s.order_id = :order
               OR :isForAll AND s.queue = :queue AND NOT s.ended AND s.beat_at > statement_timestamp() - interval '1 minute'
            UNION ALL
            SELECT w.name, false,
                   (SELECT coalesce(sum(bit_count(l.open)), 0)::int
                    FROM postroom.lease l
                    WHERE l.worker_id = w.id AND l.queue_id = q.id),
                   w.beat_at
            FROM postroom.queue q
            CROSS JOIN postroom.worker w
            WHERE :isForAll
              AND q.name = :queue
              AND q.consumers_stopped_at IS NOT NULL
              AND w.stopped_at IS NULL
              AND w.beat_at > statement_timestamp() - interval '1 minute'
              AND EXISTS (SELECT FROM postroom.consumer c WHERE c.queue_id = q.id AND c.worker_id = w.id)
              AND NOT EXISTS (SELECT FROM postroom.consumer_stop s WHERE s.queue_id = q.id AND s.worker_id = w.id)
            ORDER BY 1
            """);
}
