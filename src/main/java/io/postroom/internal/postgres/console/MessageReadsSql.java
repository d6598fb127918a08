package io.postroom.internal.postgres.console;

import io.postroom.internal.postgres.statement.Sql;

/**
 * Lists of messages. Each begins behind a key and is read in the order of an index. Columns: message, queue, state, type, version,
 * priority, deliveries, correlation id, created at, at, note; then the key of the row. Content is never read.
 */
final class MessageReadsSql {
    private MessageReadsSql() {}

    /** The columns of a page of entries. No join with message, which could become a hash of it. */
    private static final String SHOWN = """
            SELECT p.message_id, (SELECT q.name FROM postroom.queue q WHERE q.id = p.queue_id), p.state, m.type,
                   coalesce(m.type_version, 0), p.priority, p.deliveries, m.correlation_id, m.created_at, p.at, left(p.note, 200), p.key
            FROM page p
            LEFT JOIN LATERAL (
                SELECT m.type, m.type_version, m.correlation_id, m.created_at
                FROM postroom.message m
                WHERE m.id = p.message_id
                LIMIT 1) m ON true
            """;

    /** READY in the order of claims, behind a priority and seq. Relies on ready_pk. */
    static final Sql READY = Sql.of("""
            -- name: console_ready
            WITH page AS MATERIALIZED (
                SELECT h.message_id, h.queue_id, 'READY' AS state, h.priority, h.deliveries, NULL::timestamptz AS at,
                       CASE WHEN h.crashes > 0 THEN 'suspect: ' || h.crashes || ' crashes' END AS note,
                       h.priority || '.' || h.seq AS key, h.seq
                FROM generate_series(9, 0, -1) lane (priority)
                CROSS JOIN LATERAL (
                    SELECT r.message_id, r.queue_id, r.priority, r.deliveries, r.crashes, r.seq
                    FROM postroom.ready r
                    WHERE r.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = :queue)
                      AND r.priority = lane.priority::smallint
                      AND r.seq > CASE WHEN lane.priority = :priority THEN :seq::bigint ELSE 0 END
                    ORDER BY r.queue_id, r.priority, r.seq
                    LIMIT :limit) h
                WHERE lane.priority <= :priority
                ORDER BY h.priority DESC, h.seq
                LIMIT :limit)
            """ + SHOWN + "ORDER BY p.priority DESC, p.seq");

    /** READY behind others of their group, behind a group and seq. Relies on grouped_pk. */
    static final Sql GROUPED = Sql.of("""
            -- name: console_grouped
            WITH page AS MATERIALIZED (
                SELECT g.message_id, g.queue_id, 'READY' AS state, g.priority, g.deliveries, NULL::timestamptz AS at,
                       'group ' || g.group_key AS note, g.seq || '.' || g.group_key AS key, g.group_key, g.seq
                FROM postroom.grouped g
                WHERE g.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = :queue)
                  AND (g.group_key, g.seq) > (:group::text COLLATE "C", :seq::bigint)
                ORDER BY g.queue_id, g.group_key, g.seq
                LIMIT :limit)
            """ + SHOWN + "ORDER BY p.group_key, p.seq");

    /** What workers hold, behind a lease and place in it. Reads the leases behind that one. */
    static final Sql IN_PROGRESS = Sql.of("""
            -- name: console_in_progress
            WITH page AS MATERIALIZED (
                SELECT u.message_id, l.queue_id, 'IN_PROGRESS' AS state, l.priority,
                       coalesce(l.deliveries[u.place], 0) + 1 AS deliveries, l.claimed_at AS at,
                       coalesce(w.name, 'worker ' || l.worker_id || ' (gone)') AS note, l.id || '.' || u.place AS key, l.id, u.place
                FROM postroom.lease l
                CROSS JOIN LATERAL unnest(l.message_ids) WITH ORDINALITY u (message_id, place)
                LEFT JOIN postroom.worker w ON w.id = l.worker_id
                WHERE l.id >= :lease
                  AND (l.id, u.place) > (:lease, :place)
                  AND substring(l.open FROM u.place::int FOR 1) = B'1'
                  AND (:queue::text IS NULL OR l.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = :queue))
                ORDER BY l.id, u.place
                LIMIT :limit)
            """ + SHOWN + "ORDER BY p.id, p.place");

    /** Dead letters of a queue, the last that died first, among so many that are looked at. Relies on dead_letter_by_queue. */
    static final Sql DEAD_OF_QUEUE = Sql.of("""
            -- name: console_dead_of_queue
            WITH looked AS MATERIALIZED (
                SELECT d.message_id, d.queue_id, 'DEAD' AS state, d.priority, d.deliveries, d.dead_at AS at,
                       d.reason || coalesce(': ' || split_part(d.error, E'\\n', 1), '') AS note, d.reason, d.fingerprint,
                       (extract(epoch FROM d.dead_at) * 1000000)::bigint || '.' || d.message_id AS key
                FROM postroom.dead_letter d
                WHERE d.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = :queue)
                  AND (d.dead_at, d.message_id) < (timestamptz 'epoch' + :micros * interval '1 microsecond', :id)
                ORDER BY d.dead_at DESC, d.message_id DESC
                LIMIT :look
            ), last AS MATERIALIZED (
                SELECT count(*) AS n, (array_agg(l.key ORDER BY l.at, l.message_id))[1] AS key FROM looked l
            ), page AS MATERIALIZED (
                SELECT l.*
                FROM looked l
                WHERE (:reason::text IS NULL OR l.reason = :reason)
                  AND (:fingerprint::text IS NULL OR l.fingerprint = :fingerprint)
                ORDER BY l.at DESC, l.message_id DESC
                LIMIT :limit)
            SELECT s.*, CASE WHEN last.n = :look THEN last.key END
            FROM last LEFT JOIN LATERAL (
            """ + SHOWN + ") s ON true\nORDER BY s.at DESC, s.message_id DESC");

    private static final String OF_REASON = "AND (:reason::text IS NULL OR l.reason = :reason)";

    /** Returns the end of a list that looks at so many; the condition begins with AND, or is empty. */
    private static String looked(String condition) {
        return """
            ), last AS MATERIALIZED (
                SELECT count(*) AS n, (array_agg(l.message_id || '.' || l.queue_id ORDER BY l.message_id, l.queue_id))[1] AS key
                FROM looked l
            ), page AS MATERIALIZED (
                SELECT l.*, l.message_id || '.' || l.queue_id AS key
                FROM looked l
                WHERE (:queue::text IS NULL OR l.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = :queue))
                  AND (:type::text IS NULL
                       OR :type = (SELECT m.type FROM postroom.message m WHERE m.id = l.message_id LIMIT 1))
                  AND (:headers::jsonb IS NULL
                       OR (SELECT m.headers @> :headers::jsonb FROM postroom.message m WHERE m.id = l.message_id LIMIT 1))
                 """ + condition + """
                ORDER BY l.message_id DESC, l.queue_id DESC
                LIMIT :limit)
            SELECT s.*, CASE WHEN last.n = :look THEN last.key END
            FROM last LEFT JOIN LATERAL (
            """ + SHOWN + ") s ON true\nORDER BY s.message_id DESC, s.key DESC";
    }

    /** DELAYED, the newest first, among so many that are looked at. Relies on delayed_pk. */
    static final Sql DELAYED = Sql.of("""
            -- name: console_delayed
            WITH looked AS MATERIALIZED (
                SELECT d.message_id, d.queue_id, 'DELAYED' AS state, d.priority, d.deliveries, d.due_at AS at, d.reason AS note
                FROM postroom.delayed d
                WHERE (d.message_id, d.queue_id) < (:id, :queueId)
                ORDER BY d.message_id DESC, d.queue_id DESC
                LIMIT :look
            """ + looked(""));

    private static final String DEAD_COLUMNS = """
                SELECT d.message_id, d.queue_id, 'DEAD' AS state, d.priority, d.deliveries, d.dead_at AS at, d.reason,
                       d.reason || coalesce(': ' || split_part(d.error, E'\\n', 1), '') AS note
                FROM postroom.dead_letter d
            """;

    /** Dead letters of all queues, the newest first. Relies on dead_letter_pk. */
    static final Sql DEAD =
            Sql.of("-- name: console_dead\nWITH looked AS MATERIALIZED (\n" + DEAD_COLUMNS + """
                WHERE (d.message_id, d.queue_id) < (:id, :queueId)
                ORDER BY d.message_id DESC, d.queue_id DESC
                LIMIT :look
            """ + looked(OF_REASON));

    /** Dead letters with alike errors, the newest first. Relies on dead_letter_by_fingerprint. */
    static final Sql DEAD_ALIKE = Sql.of(
            "-- name: console_dead_alike\nWITH looked AS MATERIALIZED (\n" + DEAD_COLUMNS + """
                WHERE d.fingerprint = :fingerprint AND (d.message_id, d.queue_id) < (:id, :queueId)
                ORDER BY d.message_id DESC, d.queue_id DESC
                LIMIT :look
            """ + looked(OF_REASON));

    private static final String STORED = """
            ), last AS MATERIALIZED (
                SELECT count(*) AS n, (array_agg(l.id ORDER BY l.id))[1] AS id FROM looked l
            ), page AS MATERIALIZED (
                SELECT l.*
                FROM looked l
                WHERE (:queue::text IS NULL
                       OR (SELECT q.id FROM postroom.queue q WHERE q.name = :queue) = ANY (coalesce(l.queue_ids, ARRAY[l.queue_id])))
                  AND (:type::text IS NULL OR l.type = :type)
                  AND l.has_headers
                  AND (:outcome::int IS NULL
                       OR EXISTS (SELECT FROM postroom.attempt a WHERE a.message_id = l.id AND a.outcome = :outcome::smallint))
                ORDER BY l.id DESC
                LIMIT :limit)
            SELECT s.message_id, s.queue, s.state, s.type, s.type_version, s.priority, s.deliveries, s.correlation_id, s.created_at, s.at,
                   s.note, s.key, CASE WHEN last.n = :look THEN last.id END
            FROM last LEFT JOIN LATERAL (
                SELECT m.id AS message_id, q.name AS queue, p.state, m.type, m.type_version, coalesce(p.priority, m.priority) AS priority,
                       p.deliveries, m.correlation_id, m.created_at, coalesce(p.due_at, p.claimed_at, p.finished_at) AS at,
                       left(p.reason, 200) AS note, m.id AS key
                FROM page m
                JOIN postroom.place p ON p.message_id = m.id
                JOIN postroom.queue q ON q.id = p.queue_id
                WHERE p.message_id = ANY (ARRAY(SELECT x.id FROM page x))) s ON true
            ORDER BY s.message_id DESC, s.queue
            """;

    private static final String MESSAGE_COLUMNS = """
                SELECT m.id, m.queue_id, m.queue_ids, m.type, m.type_version, m.priority, m.correlation_id, m.created_at,
                       :headers::jsonb IS NULL OR m.headers @> :headers::jsonb AS has_headers
                FROM postroom.message m
            """;

    /** Messages in any state, the newest first, among so many that are looked at. Relies on message_pk. */
    static final Sql ANY = Sql.of(
                    "-- name: console_messages\nWITH looked AS MATERIALIZED (\n" + MESSAGE_COLUMNS + """
                WHERE m.id < :id
                ORDER BY m.id DESC
                LIMIT :look
            """ + STORED)
            .plannedAnew();

    /** Messages of a business process, the newest first of those looked at. Relies on message_by_correlation. */
    static final Sql CORRELATED = Sql.of("""
            -- name: console_correlated
            WITH found AS MATERIALIZED (
                SELECT m.id FROM postroom.message m WHERE m.correlation_id = :correlation AND m.id < :id LIMIT 10000
            ), looked AS MATERIALIZED (
            """ + MESSAGE_COLUMNS + """
                WHERE m.id = ANY (ARRAY(SELECT f.id FROM found f ORDER BY f.id DESC LIMIT :look))
            """ + STORED).plannedAnew();
}
