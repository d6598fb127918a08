package io.postroom.internal.postgres.console;

import io.postroom.internal.postgres.statement.Sql;

/** Statements about queues. Counts stop as those of {@code published_stats} do, and rely on the same indexes. */
final class QueueReadsSql {
    private QueueReadsSql() {}

    private static final String COUNTED = """
            ), bound AS MATERIALIZED (
                SELECT greatest(1000, 100000 / greatest(10, count(*))) AS most FROM named
            ), due AS MATERIALIZED (
                SELECT x.queue_id, count(*) AS n
                FROM (SELECT d.queue_id FROM postroom.delayed d ORDER BY d.due_at LIMIT 10000) x
                GROUP BY x.queue_id
            ), leased AS MATERIALIZED (
                SELECT l.queue_id, sum(bit_count(l.open))::bigint AS n FROM postroom.lease l GROUP BY l.queue_id
            ), consuming AS MATERIALIZED (
                SELECT c.queue_id, count(*)::int AS n
                FROM postroom.consumer c
                JOIN postroom.worker w ON w.id = c.worker_id
                WHERE w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute'
                GROUP BY c.queue_id
            )
            SELECT q.name, q.kind, q.paused_at IS NOT NULL,
                   least(b.most, (SELECT count(*) FROM (SELECT FROM postroom.ready r WHERE r.queue_id = q.id LIMIT b.most) x)
                       + (SELECT count(*) FROM (SELECT FROM postroom.grouped g WHERE g.queue_id = q.id LIMIT b.most) x)),
                   least(b.most, coalesce(d.n, 0)),
                   coalesce(l.n, 0),
                   (SELECT count(*) FROM (SELECT FROM postroom.dead_letter x WHERE x.queue_id = q.id LIMIT b.most) x),
                   coalesce(c.n, 0),
                   (SELECT min((SELECT m.created_at FROM postroom.message m WHERE m.id = h.message_id LIMIT 1))
                    FROM generate_series(0, 9) lane (priority)
                    CROSS JOIN LATERAL (
                        SELECT r.message_id
                        FROM postroom.ready r
                        WHERE r.queue_id = q.id AND r.priority = lane.priority::smallint
                        ORDER BY r.seq
                        LIMIT 1) h),
                   b.most, coalesce((SELECT sum(x.n) FROM due x), 0) >= 10000
            FROM named q
            CROSS JOIN bound b
            LEFT JOIN due d ON d.queue_id = q.id
            LEFT JOIN leased l ON l.queue_id = q.id
            LEFT JOIN consuming c ON c.queue_id = q.id
            ORDER BY q.name
            """;

    /** Queues by name, behind one, whose names have a part. Relies on queue_name_unique; reads the names of all queues at most. */
    static final Sql LIST = Sql.of("""
            -- name: console_queues
            WITH named AS MATERIALIZED (
                SELECT q.id, q.name, q.kind, q.paused_at
                FROM postroom.queue q
                WHERE q.deleted_at IS NULL AND q.name > :after AND strpos(q.name, :part) > 0
                ORDER BY q.name
                LIMIT :limit
            """ + COUNTED);

    /** One queue. 0 rows: there is none. */
    static final Sql ONE = Sql.of("""
            -- name: console_queue
            WITH named AS MATERIALIZED (
                SELECT q.id, q.name, q.kind, q.paused_at
                FROM postroom.queue q
                WHERE q.deleted_at IS NULL AND q.name = :name
            """ + COUNTED);

    /** The settings of a queue, under the names of docs/configuration.md. */
    static final Sql SETTINGS = Sql.of("""
            -- name: console_queue_settings
            SELECT q.kind, q.max_attempts AS "attempts", q.retry_after AS "retry-after", q.time_to_live AS "time-to-live",
                   q.retention, q.crash_limit AS "crash-limit", q.dead_letter_exchange AS "dead-letter-exchange",
                   q.dead_letter_routing_key AS "dead-letter-routing-key", q.ordered,
                   CASE WHEN q.ordered THEN q.on_dead_letter END AS "on-dead-letter", q.fair,
                   q.max_length AS "max-length", CASE WHEN q.max_length IS NOT NULL THEN q.overflow END AS "overflow",
                   q.single_active_consumer AS "single-active-consumer", q.expires_after AS "expires-after",
                   q.destination, q.settings_by AS "set by", q.created_at AS "created at", q.paused_at AS "paused at",
                   q.consumers_stopped_at AS "consumers stopped at"
            FROM postroom.queue q
            WHERE q.deleted_at IS NULL AND q.name = :name
            """);

    /** How many messages are READY by priority, each count up to a bound. Relies on ready_pk. */
    static final Sql PRIORITIES = Sql.of("""
            -- name: console_priorities
            SELECT lane.priority,
                   (SELECT count(*)
                    FROM (SELECT
                          FROM postroom.ready r
                          WHERE r.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = :name AND q.deleted_at IS NULL)
                            AND r.priority = lane.priority::smallint
                          LIMIT :most) x)
            FROM generate_series(9, 0, -1) lane (priority)
            """);

    /** The bindings that lead to a queue. Relies on binding_by_queue. */
    static final Sql BINDINGS = Sql.of("""
            -- name: console_bindings
            SELECT e.name AS exchange, b.routing_key AS "routing key", nullif(b.arguments::text, '{}') AS arguments
            FROM postroom.binding b
            JOIN postroom.exchange e ON e.id = b.exchange_id
            WHERE b.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = :name AND q.deleted_at IS NULL)
            ORDER BY e.name, b.routing_key
            LIMIT 200
            """);
}
