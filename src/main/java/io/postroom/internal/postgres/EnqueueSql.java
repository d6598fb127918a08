package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import java.util.Map;

/**
 * Writes new messages into READY or DELAYED, or under a lease. These are plain INSERTs: they have one plan, so nothing needs pinning. The
 * columns of a message come from {@link MessageColumns}, which fills the placeholders in braces.
 *
 * <p>The low watermark (see {@link ClaimSql}) rests on two things. Both hold in each statement that draws a seq:
 *
 * <ul>
 *   <li>{@code pg_current_xact_id() IS NOT NULL} gives the transaction its id before {@code nextval} draws. It stands in a CASE, whose
 *       branches wait for its condition, or in WHERE, which runs before the SELECT list.
 *   <li>{@code ready} is a target of the same statement, so its lock is held before {@code nextval} draws, too.
 * </ul>
 *
 * <p>Each statement also checks that the number of its queue still belongs to the queue of that name. A number is remembered for ten
 * seconds. After a restore, a TRUNCATE or a failover it may belong to another queue, whose handlers would get the message. A queue that was
 * deleted meanwhile is looked up again, too, and is there again: its message would be cancelled otherwise. The lock on {@code queue} keeps
 * the number true until the transaction ends. A deletion may still come before the commit: then the message is cancelled.
 */
final class EnqueueSql {
    private EnqueueSql() {}

    /** The seq of a single message: the transaction id first, then nextval. */
    private static final String ID_THEN_SEQ =
            "CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('postroom.ready_seq') END";

    /** The seq of a message that has no first place in READY. */
    private static final String NO_SEQ = "0";

    /** All columns in the order of the table: with defaults left out, another node would compute the row once more. */
    private static final String INTO_READY =
            "INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id, moved, group_key)";

    /** The key in READY, where the row of the queue is at hand: see fair.sql. */
    private static final String KEY_OF_ONE = "CASE WHEN q.fair THEN coalesce({group}, E'\\x01') ELSE '' END";

    /** The rows {@code s} of new messages go into READY, each with its key. */
    private static final String ROWS_INTO_READY = INTO_READY + """

                SELECT s.seq, s.queue_id, s.priority, 0::int2, 0::int2, 0::int2, s.id, false,
                       CASE WHEN s.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                            THEN coalesce(s.group_key, E'\\x01') ELSE '' END""";

    private static final String INTO_LEASE =
            "INSERT INTO postroom.lease (worker_id, queue_id, priority, message_ids, open)";

    /** One row when the number still belongs to the queue of that name, which is not deleted. Relies on queue_pk. */
    private static final String FROM_KNOWN_QUEUE = """
            FROM postroom.queue q
            WHERE q.id = :queue AND q.name = :queueName AND q.deleted_at IS NULL {and routing known}""";

    /**
     * The same for a message that goes into READY, and only for a queue without a maximum length: see {@link LimitedWriter}. It costs
     * nothing, because the row is read anyway. So a process that does not know of a limit yet writes nothing.
     */
    private static final String FROM_OPEN_QUEUE =
            FROM_KNOWN_QUEUE.replace("q.deleted_at IS NULL", "q.deleted_at IS NULL AND q.max_length IS NULL");

    /**
     * The same, unless the queue is ordered or fair, has a single active consumer or has a limiter: there a claim decides which message is
     * next, which process takes it, and whether one may start.
     */
    private static final String FROM_UNORDERED_QUEUE = FROM_KNOWN_QUEUE
            + " AND NOT q.ordered AND NOT q.fair AND NOT q.single_active_consumer AND NOT q.has_limiter";

    /** Whether the numbers of many messages' queues are still those of the queues named, and these have no maximum length. */
    private static final String ALL_QUEUES_KNOWN = """
            NOT EXISTS (SELECT FROM unnest(:knownIds::int4[], :knownNames::text[]) k (id, name)
                        WHERE NOT EXISTS (SELECT FROM postroom.queue q
                                          WHERE q.id = k.id AND q.name = k.name
                                            AND q.deleted_at IS NULL AND q.max_length IS NULL)) {and routing known}""";

    /** A statement for many messages, in two forms: only messages through an exchange have the check of what chose their queues. */
    record Many(Sql named, Sql routed) {
        /** The statement for these messages. */
        Sql of(boolean areRouted) {
            return areRouted ? routed : named;
        }
    }

    private static Many many(String text, String seq) {
        String filled = MessageColumns.fillMany(text, seq)
                .replace("{into lease}", INTO_LEASE)
                .replace("{rows into ready}", ROWS_INTO_READY)
                .replace("{from unordered queue}", FROM_UNORDERED_QUEUE)
                .replace("{all queues known}", ALL_QUEUES_KNOWN);
        return new Many(
                Sql.of(MessageColumns.fillRouting(filled, false)), Sql.of(MessageColumns.fillRouting(filled, true)));
    }

    /** @param seq the expression for the seq of the message */
    private static SqlOfOne one(String text, String seq) {
        return one(text, Map.of("seq", seq, "queue_id", "q.id"));
    }

    private static SqlOfOne one(String text, Map<String, String> expressions) {
        return new SqlOfOne(
                text.replace("{into lease}", INTO_LEASE)
                        .replace("{into ready}", INTO_READY)
                        .replace("{key of one}", KEY_OF_ONE)
                        .replace("{rows into ready}", ROWS_INTO_READY)
                        .replace("{id then seq}", ID_THEN_SEQ)
                        .replace("{from open queue}", FROM_OPEN_QUEUE)
                        .replace("{from unordered queue}", FROM_UNORDERED_QUEUE),
                expressions);
    }

    /** Where the values of a message come from whose row in READY is written first. */
    private static final Map<String, String> FROM_PLACED =
            Map.of("id", "p.message_id", "seq", "p.seq", "queue_id", "p.queue_id");

    /**
     * One plain message: straight into READY. Locks nothing that another enqueuer waits for. 1 row written: it is stored. 0: the queue's
     * number is not the queue's any more, or the queue has a maximum length; nothing was written. Writes into READY first, so that the row
     * of the queue brings the few columns of READY and not those of the message. Does not answer the seq, which takes a sixteenth of the
     * statement's work.
     */
    static final SqlOfOne ENQUEUE = one("""
            -- name: enqueue
            WITH placed AS (
                {into ready}
                SELECT {id then seq}, q.id, {priority}, 0::int2, 0::int2, 0::int2, :id::uuid, false, {key of one}
                {from open queue}
                RETURNING seq, queue_id, message_id
            )
            INSERT INTO postroom.message ({columns})
            SELECT {values}
            FROM placed p
            """, FROM_PLACED);

    /** Does what {@link #ENQUEUE} does, and answers a row: the seq of the message. */
    static final SqlOfOne ENQUEUE_NUMBERED = one("""
            -- name: enqueue_numbered
            WITH placed AS (
                {into ready}
                SELECT {id then seq}, q.id, {priority}, 0::int2, 0::int2, 0::int2, :id::uuid, false, {key of one}
                {from open queue}
                RETURNING seq, queue_id, message_id
            )
            INSERT INTO postroom.message ({columns})
            SELECT {values}
            FROM placed p
            RETURNING seq
            """, FROM_PLACED);

    /**
     * One message whose id the caller chose. Waits for another open transaction with that id. 0 rows: the id was there, or the queue's
     * number is not the queue's any more. Nothing was written then.
     */
    static final SqlOfOne ENQUEUE_GIVEN = one("""
            -- name: enqueue_given
            WITH stored AS (
                INSERT INTO postroom.message ({columns})
                SELECT {values}
                {from open queue}
                ON CONFLICT DO NOTHING
                RETURNING id, seq, queue_id, priority, group_key
            )
            {rows into ready}
            FROM stored s
            RETURNING seq
            """, ID_THEN_SEQ);

    /**
     * Many plain messages, in the order given. An array that is null throughout is sent as NULL: unnest fills it up. One row per message,
     * in the same order: its seq. 0 rows: the number of some queue is not that queue's any more, or a queue has a maximum length; nothing
     * was written.
     */
    static final Many ENQUEUE_MANY = many("""
            -- name: enqueue_many
            WITH stored AS (
                INSERT INTO postroom.message ({columns})
                SELECT {rows}
                FROM unnest({arrays}) g ({fields})
                WHERE pg_current_xact_id() IS NOT NULL -- the id first, then nextval
                  AND {all queues known}
                RETURNING id, seq, queue_id, priority, group_key
            )
            {rows into ready}
            FROM stored s
            RETURNING seq
            """, "nextval('postroom.ready_seq')");

    /**
     * Messages of any kind: with a due time, an id of the caller, a deduplication key. Keys are taken in one order, so that two batches
     * do not deadlock; another open transaction with the same key or id is waited for. Relies on dedup_pk and message_pk. Ids must differ
     * among themselves. One row per message whose key was free: place (from 1) and seq (0: DELAYED; null: its id was there and nothing
     * was written but the key). {@link RepeatSql#COMPARE} tells what stands in the way of the others. A row with place 0: the number of
     * some queue is not that queue's any more, and nothing was written.
     */
    static final Sql ENQUEUE_ANY = many("""
            -- name: enqueue_any
            WITH given AS MATERIALIZED (
                SELECT g.*,
                       CASE WHEN g.delay > 0 THEN clock_timestamp() + g.delay * interval '1 microsecond'
                            WHEN timestamptz 'epoch' + g.due_at * interval '1 microsecond' > statement_timestamp()
                            THEN timestamptz 'epoch' + g.due_at * interval '1 microsecond'
                       END AS due
                FROM unnest({arrays}, :keys::text[], :delays::int8[], :dueAts::int8[])
                     WITH ORDINALITY
                     g ({fields}, key, delay, due_at, place)
                WHERE pg_current_xact_id() IS NOT NULL -- the id first, then nextval
                  AND {all queues known}
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
                INSERT INTO postroom.message ({columns})
                SELECT {rows}
                FROM fresh g
                ON CONFLICT DO NOTHING
                RETURNING id, seq, queue_id, priority, group_key
            ), placed AS (
                {rows into ready}
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
            UNION ALL
            SELECT 0, 0
            WHERE NOT ({all queues known})
            """, "g.seq").named();

    /**
     * Does what {@link #ENQUEUE_ANY} does for messages of which some have several queues: one row for the message, a small one for each
     * queue. All entries of a message have one seq, which is the first place in each of its queues. Where the message has no time to live
     * of its own, a queue with one has a row in {@code entry_expiry}.
     */
    static final Sql ENQUEUE_ROUTED = many("""
            -- name: enqueue_routed
            WITH given AS MATERIALIZED (
                SELECT g.*,
                       CASE WHEN g.delay > 0 THEN clock_timestamp() + g.delay * interval '1 microsecond'
                            WHEN timestamptz 'epoch' + g.due_at * interval '1 microsecond' > statement_timestamp()
                            THEN timestamptz 'epoch' + g.due_at * interval '1 microsecond'
                       END AS due
                FROM unnest({arrays}, :keys::text[], :keyOwners::int4[], :delays::int8[], :dueAts::int8[], :entryTimes::text[])
                     WITH ORDINALITY
                     g ({fields}, key, key_owner, delay, due_at, entry_times, place)
                WHERE pg_current_xact_id() IS NOT NULL -- the id first, then nextval
                  AND {all queues known}
            ), keyed AS (
                INSERT INTO postroom.dedup (queue_id, key, message_id)
                SELECT g.key_owner, g.key, g.id
                FROM given g
                WHERE g.key IS NOT NULL
                ORDER BY g.key_owner, g.key, g.place
                ON CONFLICT DO NOTHING
                RETURNING message_id
            ), fresh AS MATERIALIZED (
                SELECT g.*, CASE WHEN g.due IS NULL THEN nextval('postroom.ready_seq') ELSE 0 END AS seq
                FROM given g
                WHERE g.key IS NULL
                   OR g.id IN (SELECT k.message_id FROM keyed k)
            ), stored AS (
                INSERT INTO postroom.message ({columns})
                SELECT {rows}
                FROM fresh g
                ON CONFLICT DO NOTHING
                RETURNING id, queue_id, queue_ids, priority, created_at, expires_at, group_key
            ), entries AS MATERIALIZED (
                SELECT s.id, f.seq, f.due, s.priority, s.created_at, s.expires_at, s.group_key,
                       e.queue_id, e.time_to_live, s.queue_ids IS NOT NULL AS is_one_of_several
                FROM stored s
                JOIN fresh f ON f.id = s.id
                CROSS JOIN LATERAL unnest(coalesce(s.queue_ids, ARRAY[s.queue_id]), f.entry_times::int8[]) e (queue_id, time_to_live)
            ), placed AS (
                {rows into ready}
                FROM entries s
                WHERE s.due IS NULL
            ), put_off AS (
                INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)
                SELECT e.due, e.queue_id, e.priority, e.id, 'delay'
                FROM entries e
                WHERE e.due IS NOT NULL
            ), timed AS (
                INSERT INTO postroom.entry_expiry (expires_at, queue_id, message_id)
                SELECT e.created_at + e.time_to_live * interval '1 microsecond', e.queue_id, e.id
                FROM entries e
                WHERE e.is_one_of_several
                  AND e.time_to_live IS NOT NULL
                  AND e.expires_at IS NULL
            )
            SELECT f.place, CASE WHEN s.id IS NOT NULL THEN f.seq END
            FROM fresh f
            LEFT JOIN stored s ON s.id = f.id
            UNION ALL
            SELECT 0, 0
            WHERE NOT ({all queues known})
            """, "g.seq").routed();

    /**
     * Does what {@link #ENQUEUE_ROUTED} does for one message without delay, key and given id, whose queues have no time to live. Checks
     * what chose the queues and not each of them: a queue that has bindings is deleted together with these. One row: its seq. 0 rows:
     * other exchanges and bindings hold by now, or a queue has a maximum length, and nothing was written. The limits are looked for in
     * queue_with_a_limit, which is empty where no queue has one.
     */
    static final SqlOfOne ENQUEUE_FANOUT = one("""
            -- name: enqueue_fanout
            WITH stored AS (
                INSERT INTO postroom.message ({columns})
                SELECT {values}
                FROM (SELECT) one
                WHERE NOT EXISTS (SELECT FROM postroom.queue q
                                  WHERE q.max_length IS NOT NULL AND q.deleted_at IS NULL AND q.id = ANY (:queueIds::int4[]))
                  {and routing known}
                RETURNING id, seq, priority, queue_ids, group_key
            ), placed AS (
                {rows into ready}
                FROM (SELECT x.seq, x.priority, x.id, x.group_key, e.queue_id
                      FROM stored x
                      CROSS JOIN LATERAL unnest(x.queue_ids) e (queue_id)) s
            )
            SELECT s.seq
            FROM stored s
            """, Map.of("seq", ID_THEN_SEQ));

    /**
     * New plain messages for direct dispatch: they begin under leases of a worker of this process. A lease holds the messages from a place
     * in {@code firsts} to the same one in {@code lasts}, from 1. They have no first place in READY and skip it. All belong to one queue
     * and priority. Locks nothing. One row per lease, in the order of the messages: its id and when the messages were created. 0 rows: the
     * queue's number is not the queue's any more, or the queue is ordered. Nothing was written then.
     *
     * <p>The places come from Java. With {@code generate_series} here, PostgreSQL reckoned with 1,000 leases where it did not know the
     * arguments, and so made a new plan for each call: 176 us beside 133 us of work for 8 messages.
     */
    static final Many ENQUEUE_DIRECT = many("""
            -- name: enqueue_direct
            WITH stored AS (
                INSERT INTO postroom.message ({columns})
                SELECT {rows}
                FROM unnest({arrays}) g ({fields})
                WHERE EXISTS (SELECT {from unordered queue})
                RETURNING id
            )
            {into lease}
            SELECT :worker, :queue, :priority, g.ids[s.first : s.last], repeat('1', s.last - s.first + 1)::bit varying
            FROM (SELECT :ids::uuid[] AS ids WHERE EXISTS (SELECT FROM stored)) g
            CROSS JOIN unnest(:firsts::int4[], :lasts::int4[]) s (first, last)
            RETURNING id, statement_timestamp()
            """, NO_SEQ);

    /** Does what {@link #ENQUEUE_DIRECT} does for one message, in a third of the time. One row, or 0 rows as there. */
    static final SqlOfOne ENQUEUE_ONE_DIRECT = one("""
            -- name: enqueue_one_direct
            WITH stored AS (
                INSERT INTO postroom.message ({columns})
                SELECT {values}
                {from unordered queue}
                RETURNING id, queue_id, priority
            )
            {into lease}
            SELECT :worker, s.queue_id, s.priority, ARRAY[s.id], B'1'
            FROM stored s
            RETURNING id, statement_timestamp()
            """, NO_SEQ);

    /**
     * One message of any kind that begins under a lease of this worker, so that no other worker starts it. It has no first place in
     * READY. 0 rows: its id or key was there, the queue is ordered, or its number is not its own any more. No message was written then.
     */
    static final SqlOfOne ENQUEUE_LEASED = one("""
            -- name: enqueue_leased
            WITH keyed AS (
                INSERT INTO postroom.dedup (queue_id, key, message_id)
                SELECT :queue, :key::text, :id
                WHERE :key::text IS NOT NULL
                ON CONFLICT DO NOTHING
                RETURNING message_id
            ), stored AS (
                INSERT INTO postroom.message ({columns})
                SELECT {values}
                {from unordered queue}
                  AND (:key::text IS NULL OR EXISTS (SELECT FROM keyed))
                ON CONFLICT DO NOTHING
                RETURNING id, queue_id, priority, created_at
            ), leased AS (
                {into lease}
                SELECT :worker, s.queue_id, s.priority, ARRAY[s.id], B'1'
                FROM stored s
                RETURNING id
            )
            SELECT l.id, s.created_at
            FROM leased l
            CROSS JOIN stored s
            """, NO_SEQ);
}
