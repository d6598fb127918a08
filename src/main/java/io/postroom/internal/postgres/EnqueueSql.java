package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/**
 * Into READY or DELAYED. Plain INSERTs: they have one plan, so nothing needs pinning.
 *
 * <p>Two things the safe floor (see {@link ClaimSql}) rests on hold in each that draws a seq: {@code pg_current_xact_id() IS NOT NULL} gives the
 * transaction its id before {@code nextval} draws (in a CASE, whose branches wait for its condition, or in WHERE, which runs before the SELECT list), and
 * {@code ready} is a target of the same statement, so its lock is held before {@code nextval} draws, too.
 */
final class EnqueueSql {
    private EnqueueSql() {}

    /** One message with nothing special: straight into READY. Locks nothing that another enqueuer waits for. Always one row: its seq. */
    static final Sql ENQUEUE = one("enqueue", "");

    /** The same with an id of the caller's. Waits for another open transaction with that id. 0 rows: it was there, and nothing was written. */
    static final Sql ENQUEUE_GIVEN = one("enqueue_given", "ON CONFLICT DO NOTHING");

    private static Sql one(String name, String onConflict) {
        return Sql.of("-- name: " + name + """

                WITH stored AS (
                    INSERT INTO postroom.message
                        (id, seq, expires_at, queue_id, type_version, priority, direction,
                         type, correlation_id, content_type, headers, payload, body)
                    VALUES (:id, CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('postroom.ready_seq') END, -- the id first, then nextval
                            statement_timestamp() + :timeToLive * interval '1 microsecond',
                            :queue, :version, :priority, :direction,
                            :type, :correlation, :contentType, :headers::jsonb, :payload::jsonb, :body)
                """ + "    " + onConflict + """

                    RETURNING id, seq, queue_id, priority
                )
                INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved)
                SELECT s.seq, s.queue_id, s.priority, s.id, false
                FROM stored s
                RETURNING seq
                """);
    }

    /**
     * Many messages with nothing special, in the order given. An array that is null throughout is sent as NULL: unnest fills up. One row per
     * message, in the same order: its seq.
     */
    static final Sql ENQUEUE_MANY = Sql.of("""
            -- name: enqueue_many
            WITH stored AS (
                INSERT INTO postroom.message
                    (id, seq, expires_at, queue_id, type_version, priority, direction,
                     type, correlation_id, content_type, headers, payload, body)
                SELECT g.id, nextval('postroom.ready_seq'), statement_timestamp() + g.time_to_live * interval '1 microsecond',
                       g.queue_id, g.version, g.priority, g.direction,
                       g.type, g.correlation_id, g.content_type, g.headers::jsonb, g.payload::jsonb, g.body
                FROM unnest(:ids::uuid[], :timesToLive::int8[], :queues::int4[], :versions::int2[], :priorities::int2[],
                            :directions::int2[], :types::text[], :correlations::text[], :contentTypes::text[],
                            :headers::text[], :payloads::text[], :bodies::bytea[])
                     g (id, time_to_live, queue_id, version, priority, direction, type, correlation_id, content_type, headers, payload, body)
                WHERE pg_current_xact_id() IS NOT NULL -- the id first, then nextval
                RETURNING id, seq, queue_id, priority
            )
            INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved)
            SELECT s.seq, s.queue_id, s.priority, s.id, false
            FROM stored s
            RETURNING seq
            """);

    /**
     * Messages of any kind: with a due time, an id of the caller's, a deduplication key. Keys are taken in one order, so that two batches do not
     * deadlock; another open transaction with the same key or id is waited for. Relies on dedup_pk and message_pk. Ids must differ among
     * themselves. One row per message whose key was free: place (from 1) and seq (0: DELAYED, null: its id was there and nothing was
     * written but the key). {@link #COMPARE} says what the others met.
     */
    static final Sql ENQUEUE_ANY = Sql.of("""
            -- name: enqueue_any
            WITH given AS MATERIALIZED (
                SELECT g.*,
                       CASE WHEN g.delay > 0 THEN clock_timestamp() + g.delay * interval '1 microsecond'
                            WHEN timestamptz 'epoch' + g.due_at * interval '1 microsecond' > statement_timestamp()
                            THEN timestamptz 'epoch' + g.due_at * interval '1 microsecond'
                       END AS due
                FROM unnest(:ids::uuid[], :timesToLive::int8[], :queues::int4[], :versions::int2[], :priorities::int2[],
                            :directions::int2[], :types::text[], :correlations::text[], :contentTypes::text[],
                            :headers::text[], :payloads::text[], :bodies::bytea[], :keys::text[], :delays::int8[], :dueAts::int8[])
                     WITH ORDINALITY
                     g (id, time_to_live, queue_id, version, priority, direction, type, correlation_id, content_type,
                        headers, payload, body, key, delay, due_at, place)
                WHERE pg_current_xact_id() IS NOT NULL -- the id first, then nextval
            ), keyed AS (
                INSERT INTO postroom.dedup (queue_id, key, message_id)
                SELECT g.queue_id, g.key, g.id
                FROM given g
                WHERE g.key IS NOT NULL
                ORDER BY g.queue_id, g.key, g.place
                ON CONFLICT DO NOTHING
                RETURNING message_id
            ), fresh AS MATERIALIZED (
                SELECT g.*, CASE WHEN g.due IS NULL THEN nextval('postroom.ready_seq') ELSE 0 END AS seq
                FROM given g
                WHERE g.key IS NULL
                   OR g.id IN (SELECT k.message_id FROM keyed k)
            ), stored AS (
                INSERT INTO postroom.message
                    (id, seq, expires_at, queue_id, type_version, priority, direction,
                     type, correlation_id, content_type, headers, payload, body)
                SELECT f.id, f.seq, statement_timestamp() + f.time_to_live * interval '1 microsecond',
                       f.queue_id, f.version, f.priority, f.direction,
                       f.type, f.correlation_id, f.content_type, f.headers::jsonb, f.payload::jsonb, f.body
                FROM fresh f
                ON CONFLICT DO NOTHING
                RETURNING id, seq, queue_id, priority
            ), placed AS (
                INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved)
                SELECT s.seq, s.queue_id, s.priority, s.id, false
                FROM stored s
                WHERE s.seq > 0
            ), put_off AS (
                INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)
                SELECT f.due, f.queue_id, f.priority, f.id, 'delay'
                FROM stored s
                JOIN fresh f ON f.id = s.id
                WHERE s.seq = 0
            )
            SELECT f.place, s.seq
            FROM fresh f
            LEFT JOIN stored s ON s.id = f.id
            """);

    /**
     * What stands where a message was not written, in a statement of its own: the one that lost the conflict cannot see the winner. One row per
     * message, in the order given: the id that is there, whether its content is the same (a purged one counts as the same), and whether the
     * key is still taken (false: purged in between, so try again).
     */
    static final Sql COMPARE = Sql.of("""
            -- name: compare
            SELECT coalesce(d.message_id, g.id),
                   m.id IS NULL
                   OR (m.queue_id = g.queue_id
                       AND m.type IS NOT DISTINCT FROM g.type
                       AND m.type_version = g.version
                       AND m.payload IS NOT DISTINCT FROM g.payload::jsonb
                       AND m.body IS NOT DISTINCT FROM g.body),
                   g.key IS NULL OR d.message_id IS NOT NULL
            FROM unnest(:ids::uuid[], :queues::int4[], :versions::int2[], :types::text[], :payloads::text[], :bodies::bytea[], :keys::text[])
                 WITH ORDINALITY g (id, queue_id, version, type, payload, body, key, place)
            LEFT JOIN postroom.dedup d ON d.queue_id = g.queue_id AND d.key = g.key
            LEFT JOIN postroom.message m ON m.id = coalesce(d.message_id, g.id)
            ORDER BY g.place
            """);

    /** Gives a key back that was taken for a message whose id turned out to be taken by another content. 0 rows: it had none. */
    static final Sql FORGET_KEY = Sql.of("""
            -- name: forget_key
            DELETE FROM postroom.dedup
            WHERE queue_id = :queue
              AND key = :key
              AND message_id = :id
            """);

    /**
     * New messages with nothing special that begin in the hands of a worker of this process, under leases of at most leaseSize. They have no first place in
     * READY (seq 0) and are spared the way through it. All of one queue and priority. Locks nothing. One row per lease, in the order of the messages: its
     * id and when they were created.
     */
    static final Sql ENQUEUE_IN_HAND = Sql.of("""
            -- name: enqueue_in_hand
            WITH stored AS (
                INSERT INTO postroom.message
                    (id, seq, expires_at, queue_id, type_version, priority, direction,
                     type, correlation_id, content_type, headers, payload, body)
                SELECT g.id, 0, statement_timestamp() + g.time_to_live * interval '1 microsecond',
                       g.queue_id, g.version, g.priority, g.direction,
                       g.type, g.correlation_id, g.content_type, g.headers::jsonb, g.payload::jsonb, g.body
                FROM unnest(:ids::uuid[], :timesToLive::int8[], :queues::int4[], :versions::int2[], :priorities::int2[],
                            :directions::int2[], :types::text[], :correlations::text[], :contentTypes::text[],
                            :headers::text[], :payloads::text[], :bodies::bytea[])
                     g (id, time_to_live, queue_id, version, priority, direction, type, correlation_id, content_type, headers, payload, body)
            )
            INSERT INTO postroom.lease (worker_id, queue_id, priority, message_ids, open)
            SELECT :worker, :queue, :priority, g.ids[s.first : s.last], repeat('1', least(s.last, cardinality(g.ids)) - s.first + 1)::bit varying
            FROM (SELECT :ids::uuid[] AS ids) g
            CROSS JOIN LATERAL (
                SELECT n.first, n.first + :leaseSize - 1 AS last
                FROM generate_series(1, cardinality(g.ids), :leaseSize) n (first)
            ) s
            RETURNING id, statement_timestamp()
            """);

    /** The same for one message, in a third of the time. One row. */
    static final Sql ENQUEUE_ONE_IN_HAND = Sql.of("""
            -- name: enqueue_one_in_hand
            WITH stored AS (
                INSERT INTO postroom.message
                    (id, seq, expires_at, queue_id, type_version, priority, direction,
                     type, correlation_id, content_type, headers, payload, body)
                VALUES (:id, 0, statement_timestamp() + :timeToLive * interval '1 microsecond',
                        :queue, :version, :priority, :direction,
                        :type, :correlation, :contentType, :headers::jsonb, :payload::jsonb, :body)
            )
            INSERT INTO postroom.lease (worker_id, queue_id, priority, message_ids, open)
            VALUES (:worker, :queue, :priority, ARRAY[:id], B'1')
            RETURNING id, statement_timestamp()
            """);

    /**
     * One message that begins under a lease of this worker, so that nobody else starts it; it has no first place in READY (seq 0). 0 rows: its id
     * or key was there, and nothing was written.
     */
    static final Sql ENQUEUE_HELD = Sql.of("""
            -- name: enqueue_held
            WITH keyed AS (
                INSERT INTO postroom.dedup (queue_id, key, message_id)
                SELECT :queue, :key::text, :id
                WHERE :key::text IS NOT NULL
                ON CONFLICT DO NOTHING
                RETURNING message_id
            ), stored AS (
                INSERT INTO postroom.message
                    (id, seq, expires_at, queue_id, type_version, priority, direction,
                     type, correlation_id, content_type, headers, payload, body)
                SELECT :id, 0, statement_timestamp() + :timeToLive * interval '1 microsecond', :queue, :version, :priority, :direction,
                       :type, :correlation, :contentType, :headers::jsonb, :payload::jsonb, :body
                WHERE :key::text IS NULL
                   OR EXISTS (SELECT FROM keyed)
                ON CONFLICT DO NOTHING
                RETURNING id, queue_id, priority, created_at
            ), leased AS (
                INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open)
                SELECT :worker, s.queue_id, s.priority, ARRAY[s.id], B'1'
                FROM stored s
                RETURNING l.id
            )
            SELECT l.id, s.created_at
            FROM leased l
            CROSS JOIN stored s
            """);
}
