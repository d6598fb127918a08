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
                   (SELECT string_agg(w.group_key || ': ' || w.weight, ', ' ORDER BY w.group_key)
                    FROM (SELECT * FROM postroom.group_weights w WHERE w.queue = q.name AND w.fair ORDER BY w.group_key LIMIT 20) w)
                   AS "group weights",
                   q.destination,
                   EXISTS (SELECT
                           FROM postroom.limiter l
                           WHERE (l.queue_id = q.id OR l.destination = q.destination)
                             AND num_nonnulls(l.max_starts, l.max_in_progress, l.max_starts_per_group,
                                              l.max_in_progress_per_group) > 0) AS limited,
                   (SELECT l.parked_until
                    FROM postroom.limiter l
                    WHERE l.destination = q.destination AND l.parked_until > statement_timestamp()) AS "parked until",
                   q.settings_by AS "set by", q.created_at AS "created at", q.paused_at AS "paused at",
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

    /**
     * What came in each of the last 30 minutes, the current one included, and how many of these messages have ended. Each tenth of a
     * minute is looked at by itself, up to so many messages of all queues; where there are more, what was seen stands for the rest of the
     * tenth. The ends of the first few of the queue are looked up, and stand for the others. So the rows that are read do not depend on how
     * much comes. With 50 and 10 these are 15,000 messages and 3,000 look-ups, in 28 ms; with 100 and 10 it took 50 ms, half of the page.
     * 24,000 messages a minute for half an hour were estimated as 24,098 (PostgreSQL 18).
     * Relies on message_pk, whose ids carry the time of creation, and attempt_by_message.
     */
    static final Sql MINUTES = Sql.of("""
            -- name: console_minutes
            -- nth: only the last id that is looked at becomes a text. CASE: no array is made for a message of one queue.
            WITH q AS MATERIALIZED (
                SELECT q.id FROM postroom.queue q WHERE q.name = :name AND q.deleted_at IS NULL
            ), tenth AS MATERIALIZED (
                SELECT date_trunc('minute', statement_timestamp()) - interval '29 minutes' + n * interval '6 seconds' AS at
                FROM generate_series(0, 299) n
            ), seen AS MATERIALIZED (
                SELECT t.at, m.id, m.ours, m.place, m.nth
                FROM tenth t
                LEFT JOIN LATERAL (
                    SELECT y.id, y.ours, sum(y.ours::int) OVER (ROWS UNBOUNDED PRECEDING) AS place, row_number() OVER () AS nth
                    FROM (SELECT x.id, CASE WHEN x.queue_ids IS NULL THEN x.queue_id = (SELECT q.id FROM q)
                                            ELSE (SELECT q.id FROM q) = ANY (x.queue_ids) END AS ours
                          FROM postroom.message x
                          WHERE x.id >= postroom.lowest_id(t.at) AND x.id < postroom.lowest_id(t.at + interval '6 seconds')
                          ORDER BY x.id
                          LIMIT :look) y) m ON true
            ), counted AS MATERIALIZED (
                SELECT s.at, count(s.id) = :look AS cut,
                       count(*) FILTER (WHERE s.ours) AS created,
                       least(count(*) FILTER (WHERE s.ours), :follow) AS followed,
                       count(*) FILTER (WHERE s.ours AND s.place <= :follow AND EXISTS (
                           SELECT
                           FROM postroom.attempt a
                           WHERE a.message_id = s.id
                             AND a.queue_id = (SELECT q.id FROM q)
                             AND a.outcome <= 2
                             AND a.finished_at >= statement_timestamp() - interval '40 minutes' -- keeps it to the days it needs
                             AND a.finished_at < statement_timestamp() + interval '1 minute')) AS ended,
                       1 + ('x' || left(replace(max(s.id::text) FILTER (WHERE s.nth = :look), '-', ''), 12))::bit(48)::bigint
                       - extract(epoch FROM s.at) * 1000 AS millis
                FROM seen s
                GROUP BY s.at
            ), weighed AS MATERIALIZED (
                SELECT c.at, c.created * w.weight AS created,
                       c.ended * w.weight * c.created / greatest(c.followed, 1) AS ended,
                       c.cut OR c.created > c.followed AS estimated
                FROM counted c
                CROSS JOIN LATERAL (SELECT CASE WHEN c.cut THEN 6000.0 * (:look - 1) / :look / c.millis ELSE 1 END AS weight) w
            )
            SELECT date_trunc('minute', w.at), round(sum(w.created))::bigint, round(sum(w.ended))::bigint, bool_or(w.estimated)
            FROM weighed w
            GROUP BY 1
            ORDER BY 1
            """).plannedAnew();

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
