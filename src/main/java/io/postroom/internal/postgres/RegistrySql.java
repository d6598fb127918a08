package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.AttemptOutcome;

/**
 * Questions about messages, over the views and without changing anything. Each finds ids first and joins {@code queue_messages} then,
 * because that view is quick by id alone. None of them locks a row.
 */
final class RegistrySql {
    private RegistrySql() {}

    /**
     * Columns of a message and its entry, as {@link MessageReader} reads them. Bytes as Base64, headers as names and values in turn.
     * Without payloads none is read: a large one lies beside the row, in another table.
     */
    private static final String COLUMNS = """
            SELECT q.message_id, coalesce(q.type, ''), q.type_version, q.direction,
                   CASE WHEN :payloads::boolean
                        THEN coalesce(q.payload::text, translate(encode(q.body, 'base64'), E'\\n', ''), 'null') ELSE '' END,
                   q.content_type,
                   CASE WHEN jsonb_typeof(q.headers) = 'object' THEN
                       ARRAY(SELECT unnest(ARRAY[h.key, h.value]) FROM jsonb_each_text(q.headers) h) END,
                   q.priority, q.correlation_id, q.created_at, q.expires_at,
                   q.queue, q.state, q.failures, q.crashes, q.deliveries, q.due_at, q.error, q.exchange, q.routing_key, q.group_key
            """;

    private static final String COLUMNS_OF_VIEW = COLUMNS + "FROM postroom.queue_messages q\n";

    /** The conditions of a filter on a message; a parameter that is NULL sets no condition. */
    private static final String MATCHES = """
              AND (:queue::text IS NULL
                   OR (SELECT q.id FROM postroom.queue q WHERE q.name = :queue) = ANY (coalesce(m.queue_ids, ARRAY[m.queue_id])))
              AND (:type::text IS NULL OR m.type = :type)
              AND (:correlation::text IS NULL OR m.correlation_id = :correlation)
              AND (:headers::jsonb IS NULL OR m.headers @> :headers::jsonb)
              AND (:from::timestamptz IS NULL OR m.created_at >= :from::timestamptz)
              AND (:to::timestamptz IS NULL OR m.created_at < :to::timestamptz)
            """;

    /** Keeps a query to the day partitions it needs. Ids carry their time; a caller may choose it up to 25 hours early or an hour late. */
    private static final String DAYS = """
              AND m.id >= postroom.lowest_id(coalesce(:from::timestamptz - interval '25 hours', timestamptz 'epoch'))
              AND m.id < postroom.lowest_id(coalesce(:to::timestamptz + interval '1 hour', statement_timestamp() + interval '1000 days'))
            """;

    /** The page behind a message, where ids fall. */
    private static final String BEHIND = """
              AND (:before::uuid IS NULL OR m.id < :before::uuid)
            """;

    /** One message. 0 rows: the message is unknown, or purged. */
    static final Sql FIND_ONE = Sql.of("-- name: find_message\n" + COLUMNS + """
            FROM postroom.find_message(:id) q
            ORDER BY q.queue
            """);

    /** Messages in any state, newest first. Relies on message_pk read backwards, or message_by_correlation. */
    static final Sql FIND = Sql.of("-- name: find_messages\n" + COLUMNS_OF_VIEW + """
            WHERE q.message_id = ANY (ARRAY(
                SELECT m.id
                FROM postroom.message m
                WHERE true
            """ + DAYS + MATCHES + BEHIND + """
                ORDER BY m.id DESC
                LIMIT :limit))
            ORDER BY q.message_id DESC, q.queue
            """)
            .plannedAnew();

    private static final String ORDER = "ORDER BY q.message_id DESC, q.queue\n";

    /** The messages of {@link #look}. */
    static final Sql FIND_THESE = Sql.of(
            "-- name: find_these_messages\n" + COLUMNS_OF_VIEW + "WHERE q.message_id = ANY (:ids::uuid[])\n" + ORDER);

    /** Ids that match a filter with headers, among so many messages that are looked at, the newest first. Relies on message_pk. */
    static final Sql LOOK = look("look_for_messages", "");

    /** The same among messages in the given states. */
    static Sql lookIn(Iterable<String> places) {
        return look("look_for_messages_in_state", "AND m.id IN (\n" + String.join("    UNION ALL\n", places) + ")\n");
    }

    /**
     * The last row may be one that says that there are more messages than are looked at. Rows come in the order of the ids, one by one,
     * and no more are read than the limit needs. 500,000 messages of 480 bytes of which none matches took 1.7 to 3.0 s and 37,000 buffers;
     * the first 50 of one in a thousand took 0.14 s and 3,700 buffers (PostgreSQL 15). No index has headers: one with each of them would
     * cost every enqueue.
     */
    private static Sql look(String name, String places) {
        return Sql.of("-- name: " + name + "\n" + """
                SELECT m.id, m.place > :look
                FROM (SELECT l.*, row_number() OVER () AS place
                      FROM (SELECT m.id, m.queue_id, m.queue_ids, m.type, m.correlation_id, m.headers, m.created_at
                            FROM postroom.message m
                            WHERE (:correlation::text IS NULL OR m.correlation_id = :correlation)
                """ + places + DAYS + BEHIND + """
                            ORDER BY m.id DESC
                            LIMIT :look + 1) l) m
                WHERE m.place > :look
                   OR m.place <= :look
                """ + MATCHES + "LIMIT :limit")
                .plannedAnew();
    }

    /** Messages in the given states, newest first: begins at the places that stand for those states. */
    static Sql findIn(Iterable<String> places) {
        return Sql.of("-- name: find_messages_in_state\n" + COLUMNS_OF_VIEW
                        + """
                WHERE q.message_id = ANY (ARRAY(
                    SELECT m.id
                    FROM postroom.message m
                    WHERE m.id IN (
                """
                        + String.join("    UNION ALL\n", places)
                        + """
                        )
                """
                        + DAYS
                        + MATCHES
                        + BEHIND
                        + """
                    ORDER BY m.id DESC
                    LIMIT :limit))
                ORDER BY q.message_id DESC, q.queue
                """)
                .plannedAnew();
    }

    private static final String OF_QUEUE =
            "(:queue::text IS NULL OR x.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = :queue))\n";

    static final String READY = "    SELECT x.message_id FROM postroom.ready x WHERE " + OF_QUEUE
            + "    UNION ALL\n    SELECT x.message_id FROM postroom.grouped x WHERE " + OF_QUEUE;
    static final String DELAYED = "    SELECT x.message_id FROM postroom.delayed x WHERE " + OF_QUEUE;
    static final String IN_PROGRESS = """
                SELECT u.id
                FROM postroom.lease x
                CROSS JOIN LATERAL unnest(x.message_ids) WITH ORDINALITY u (id, place)
                WHERE substring(x.open FROM u.place::int FOR 1) = B'1' AND\
            """ + " " + OF_QUEUE;
    static final String DEAD = "    SELECT x.message_id FROM postroom.dead_letter x WHERE "
            + "(:fingerprint::text IS NULL OR x.fingerprint = :fingerprint) AND " + OF_QUEUE;
    static final String DONE = finished(AttemptOutcome.DONE);
    static final String CANCELLED = finished(AttemptOutcome.CANCELLED);
    static final String EXPIRED = finished(AttemptOutcome.EXPIRED);

    private static String finished(AttemptOutcome outcome) {
        return "    SELECT x.message_id FROM postroom.attempt x WHERE x.outcome = " + outcome.code() + " AND "
                + OF_QUEUE;
    }

    /**
     * The heads of the lanes in the order they would be claimed: priority, then seq. Relies on ready_pk. Each entry of a message is judged
     * by itself, with the time to live of its queue. Messages behind others of their group are left out once a claim has put them there.
     */
    static final Sql NEXT = Sql.of("""
            -- name: next_messages
            WITH heads AS MATERIALIZED (
                SELECT head.message_id, w.name AS queue
                FROM postroom.queue w
                CROSS JOIN generate_series(9, 0, -1) lane (priority)
                CROSS JOIN LATERAL (
                    SELECT r.message_id, r.seq
                    FROM postroom.ready r
                    JOIN postroom.message m ON m.id = r.message_id
                    WHERE r.queue_id = w.id
                      AND r.priority = lane.priority::smallint
                      AND (m.expires_at IS NULL OR m.expires_at > statement_timestamp())
                      AND NOT (m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, w.id))
            """ + MATCHES + """
                    ORDER BY r.queue_id, r.priority, r.seq
                    LIMIT :limit) head
                WHERE w.deleted_at IS NULL
                  AND (:queue::text IS NULL OR w.name = :queue)
                ORDER BY lane.priority DESC, head.seq
                LIMIT :limit)
            """ + COLUMNS_OF_VIEW + """
            WHERE q.state = 'READY'
              AND q.message_id = ANY (ARRAY(SELECT h.message_id FROM heads h)) -- by this the view is quick
              AND (q.message_id, q.queue) IN (SELECT h.message_id, h.queue FROM heads h)
            ORDER BY q.priority DESC, q.seq
            """).plannedAnew();

    /**
     * Messages whose entries are all finished and past the retention of their queues, the longest over first. Each entry is in one place,
     * so as many such ends as queues mean that nothing else needs the message. Reads the days of attempt that are old enough.
     */
    static final Sql REMOVABLE = Sql.of("-- name: removable_messages\n" + COLUMNS_OF_VIEW + """
            WHERE q.removable_at <= statement_timestamp()
              AND q.message_id = ANY (ARRAY(
                SELECT a.message_id
                FROM postroom.attempt a
                JOIN postroom.queue w ON w.id = a.queue_id
                JOIN postroom.message m ON m.id = a.message_id
                WHERE a.outcome <= 2
                  AND a.finished_at <= statement_timestamp() - (SELECT min(z.retention) FROM postroom.queue z)
                  AND a.finished_at + w.retention <= statement_timestamp()
                  AND (:queue::text IS NULL OR w.name = :queue)
                  AND (m.queue_ids IS NULL
                       OR cardinality(m.queue_ids) = (
                           SELECT count(*)
                           FROM postroom.attempt e
                           JOIN postroom.queue z ON z.id = e.queue_id
                           WHERE e.message_id = m.id
                             AND e.outcome <= 2
                             AND e.finished_at + z.retention <= statement_timestamp()))
            """ + MATCHES + """
                ORDER BY a.finished_at
                LIMIT :limit))
            ORDER BY q.finished_at, q.message_id
            """)
            .plannedAnew();

    /**
     * The history of a message, oldest first: the newest 1,000 steps. A message that is put off again and again has as many steps as it
     * likes. Relies on attempt_by_message. 0 rows: nothing has happened to the message yet, or it is unknown.
     */
    static final Sql HISTORY = Sql.of("""
            -- name: history
            SELECT message_id, queue, number, worker, started_at, finished_at, outcome, error, note
            FROM (
                SELECT h.message_id, h.queue, h.number, h.worker, h.started_at, h.finished_at, h.outcome, h.error, h.note
                FROM postroom.message_history h
                WHERE h.message_id = :id
                ORDER BY h.finished_at DESC, h.number DESC
                LIMIT 1000) newest
            ORDER BY finished_at, number
            """);

    /**
     * What happened to the messages with a correlation id, oldest first: db/audit/path_of_correlation.sql with a limit. Relies on
     * message_by_correlation and attempt_by_message. 0 rows: no message has it.
     */
    static final Sql PATH = Sql.of("""
            -- name: path
            WITH messages AS (
                SELECT c.message_id, c.queue, c.type, c.created_at, c.created_by
                FROM postroom.message_content c
                WHERE c.correlation_id = :correlation
            )
            SELECT m.created_at AS at, m.message_id, m.queue, m.type, 'created' AS event, m.created_by AS who, NULL AS error, NULL AS note
            FROM messages m
            UNION ALL
            SELECT h.finished_at, m.message_id, h.queue, m.type, h.outcome, nullif(h.worker, ''), h.error, h.note
            FROM messages m
            JOIN postroom.message_history h ON h.message_id = m.message_id
            ORDER BY at, message_id
            LIMIT :limit
            """);

    static final Sql EXPLAIN = Sql.of("""
            -- name: explain
            SELECT line
            FROM postroom.explain(:id) line
            """);

    /**
     * The states of many messages, in one snapshot over all places, in which each is in one place. A message without a row is unknown, or
     * purged.
     */
    static final Sql STATES = Sql.of("""
            -- name: states
            SELECT p.message_id, p.state
            FROM postroom.place p
            WHERE p.message_id = ANY (:ids::uuid[])
            """);
}
