package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.AttemptOutcome;
import java.util.List;

/** Statements of an operator: about one message, a queue, or all dead letters of a kind. Each leaves a line in operator_action. */
final class OperateSql {
    private OperateSql() {}

    /** Cancels a waiting message and locks its entries in READY or DELAYED. 0: the message was claimed, is dead, finished or unknown. */
    static final Sql CANCEL = Sql.of("""
            -- name: cancel
            SELECT postroom.cancel(:id)
            """);

    /** Cancels a message under leases and locks those. 0: no entry was in progress. */
    static final Sql CANCEL_RUNNING = Sql.of("""
            -- name: cancel_running
            SELECT postroom.cancel_running(:id)
            """);

    static final Sql RESCHEDULE = Sql.of("""
            -- name: reschedule
            SELECT postroom.reschedule(:id, :dueAt::timestamptz)
            """);

    /** Puts a dead letter back. 0: the message is not dead. */
    static final Sql REDRIVE = Sql.of("""
            -- name: redrive
            SELECT postroom.redrive(:id)
            """);

    /** Selects dead letters by operator_action.filter; {@code f} is that action. Only those count that were dead when the action began. */
    private static final String MATCHES = """
              AND d.dead_at <= f.at
              AND (f.filter ->> 'queue' IS NULL OR d.queue_id = f.queue_id) -- NULL, so none, when the queue was deleted meanwhile
              AND (f.filter ->> 'fingerprint' IS NULL OR d.fingerprint = f.filter ->> 'fingerprint')
              AND (f.filter ->> 'type' IS NULL OR m.type = f.filter ->> 'type')
              AND (f.filter ->> 'correlationId' IS NULL OR m.correlation_id = f.filter ->> 'correlationId')
              AND (f.filter ->> 'createdFrom' IS NULL OR m.created_at >= (f.filter ->> 'createdFrom')::timestamptz)
              AND (f.filter ->> 'createdTo' IS NULL OR m.created_at < (f.filter ->> 'createdTo')::timestamptz)
            """;

    /** Records a bulk redrive; it is finished at once when there is nothing to move. Always one row. */
    static final Sql PLAN_REDRIVE = Sql.of("""
            -- name: plan_redrive
            WITH f AS MATERIALIZED (
                SELECT gen_random_uuid() AS id, clock_timestamp() AS at,
                       (SELECT q.id FROM postroom.queue q WHERE q.name = :queue::text AND q.deleted_at IS NULL) AS queue_id,
                       jsonb_strip_nulls(jsonb_build_object(
                           'queue', :queue::text,
                           'type', :type::text,
                           'correlationId', :correlation::text,
                           'fingerprint', :fingerprint::text,
                           'createdFrom', :from::timestamptz,
                           'createdTo', :to::timestamptz)) AS filter
            ), planned AS (
                SELECT count(*) AS messages
                FROM f
                CROSS JOIN postroom.dead_letter d
                LEFT JOIN postroom.message m ON m.id = d.message_id
                WHERE :dead
            """ + MATCHES + """
            )
            INSERT INTO postroom.operator_action (id, at, action, queue_id, filter, per_second, planned, finished_at)
            SELECT f.id, f.at, 'redrive', f.queue_id, f.filter, :perSecond, p.messages, CASE WHEN p.messages = 0 THEN f.at END
            FROM f
            CROSS JOIN planned p
            RETURNING id
            """);

    /**
     * The recorded bulk redrives that no other node works on, and how many messages each may move now. Its rate counts from its
     * beginning, whichever node moved them, and allows no burst after a pause. Locks their rows, with SKIP LOCKED, for the transaction.
     * Relies on operator_action_unfinished.
     */
    static final Sql OPEN_REDRIVES = Sql.of("""
            -- name: open_redrives
            SELECT o.id,
                   least(ceil(o.per_second * extract(epoch FROM clock_timestamp() - o.at))::bigint - o.done,
                         greatest(ceil(o.per_second * :elapsed::bigint / 1000000.0), 1)::bigint,
                         5000)
            FROM postroom.operator_action o
            WHERE o.finished_at IS NULL
              AND o.action = 'redrive'
              AND o.message_id IS NULL
            ORDER BY o.at
            FOR UPDATE SKIP LOCKED
            """);

    /**
     * Moves the next dead letters of a bulk redrive, in the order of their ids, and records how far it got. The redrive is finished when
     * there were fewer than asked for. The row locks give the transaction its id before nextval draws. Relies on dead_letter_pk. 0 rows:
     * nothing was left to move.
     */
    static final Sql REDRIVE_SOME = Sql.of("""
            -- name: redrive_some
            WITH matching AS MATERIALIZED (
                SELECT d.message_id, d.queue_id
                FROM postroom.operator_action f
                JOIN postroom.dead_letter d ON d.message_id > coalesce(f.cursor_id, '00000000-0000-0000-0000-000000000000')
                LEFT JOIN postroom.message m ON m.id = d.message_id
                WHERE f.id = :action
            """ + MATCHES + """
                ORDER BY d.message_id
                FETCH FIRST (:limit) ROWS WITH TIES -- all entries of a message, for the place names the message alone
                FOR UPDATE OF d
            ), removed AS (
                DELETE FROM postroom.dead_letter d
                USING matching x
                WHERE d.message_id = x.message_id
                  AND d.queue_id = x.queue_id
                RETURNING d.queue_id, d.priority, d.deliveries, d.message_id
            ), back AS (
                INSERT INTO postroom.ready AS r (seq, queue_id, priority, deliveries, message_id, group_key)
                SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.deliveries, x.message_id,
                       CASE WHEN x.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                            THEN postroom.fair_key(x.message_id) ELSE '' END
                FROM removed x
                RETURNING r.queue_id, r.priority, r.seq
            ), noted AS (
                UPDATE postroom.operator_action o
                SET done = o.done + (SELECT count(*) FROM removed),
                    cursor_id = coalesce((SELECT x.message_id FROM matching x ORDER BY x.message_id DESC LIMIT 1), o.cursor_id),
                    finished_at = CASE WHEN (SELECT count(*) FROM matching) < :limit THEN clock_timestamp() END
                WHERE o.id = :action
            )
            SELECT b.queue_id, b.priority, min(b.seq), count(*)
            FROM back b
            GROUP BY b.queue_id, b.priority
            """);

    /** Progress of an action. 0 rows: there is no such action. */
    static final Sql OPERATION = Sql.of("""
            -- name: operation
            SELECT coalesce(o.planned, 0), o.done, o.finished_at IS NOT NULL
            FROM postroom.operator_action o
            WHERE o.id = :id
            """);

    static final Sql STOP_OPERATION = Sql.of("""
            -- name: stop_operation
            UPDATE postroom.operator_action
            SET finished_at = clock_timestamp(),
                note = 'stopped'
            WHERE id = :id
              AND finished_at IS NULL
            """);

    /** Pauses or resumes a queue. A repeat changes nothing and leaves no line. Always one row: how many queues have the name. */
    static final Sql PAUSE = Sql.of("""
            -- name: pause
            WITH changed AS (
                UPDATE postroom.queue q
                SET paused_at = CASE WHEN :paused THEN clock_timestamp() END
                WHERE q.name = :queue
                  AND q.deleted_at IS NULL
                  AND (q.paused_at IS NULL) = :paused
                RETURNING q.id
            ), logged AS (
                INSERT INTO postroom.operator_action (action, queue_id, finished_at)
                SELECT CASE WHEN :paused THEN 'pause' ELSE 'resume' END, c.id, clock_timestamp()
                FROM changed c
            )
            SELECT count(*)
            FROM postroom.queue q
            WHERE q.name = :queue
              AND q.deleted_at IS NULL
            """);

    /**
     * Cancels the next READY messages of a queue behind a place and up to a seq, so that messages which arrive meanwhile do not keep it
     * going. Locks them with SKIP LOCKED through ready_pk. One row per message, in order: priority and seq. 0 rows: nothing is left.
     */
    static final Sql PURGE_READY = Sql.of("""
            -- name: purge_ready
            WITH candidates AS MATERIALIZED (
                SELECT r.ctid, r.priority, r.seq, r.message_id, r.deliveries
                FROM postroom.ready r
                WHERE r.queue_id = :queue
                  AND (r.priority, r.seq) > (:priority::smallint, :seq::bigint)
                  AND r.seq <= :upTo
                ORDER BY r.queue_id, r.priority, r.seq
                LIMIT :limit
                FOR UPDATE SKIP LOCKED
            ), removed AS (
                DELETE FROM postroom.ready
                WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
            ), history AS (
                INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
                SELECT c.message_id, clock_timestamp(), clock_timestamp(), :queue, c.deliveries, 1, :reason::text
                FROM candidates c
            )
            SELECT c.priority, c.seq
            FROM candidates c
            ORDER BY c.priority, c.seq
            """);

    /**
     * Cancels messages of an ordered queue that wait behind others of their group, up to a seq. Locks them with SKIP LOCKED. Always one
     * row: how many.
     */
    static final Sql PURGE_GROUPED = Sql.of("""
            -- name: purge_grouped
            WITH candidates AS MATERIALIZED (
                SELECT w.ctid, w.message_id, w.deliveries
                FROM postroom.grouped w
                WHERE w.queue_id = :queue
                  AND w.seq <= :upTo
                LIMIT :limit
                FOR UPDATE SKIP LOCKED
            ), removed AS (
                DELETE FROM postroom.grouped
                WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
            ), history AS (
                INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
                SELECT c.message_id, clock_timestamp(), clock_timestamp(), :queue, c.deliveries, 1, :reason::text
                FROM candidates c
            )
            SELECT count(*)
            FROM candidates
            """);

    /**
     * Cancels DELAYED messages of a queue. Reads delayed whole: it has no index by queue. With a reason, which is the queue's deletion, it
     * stops when the queue is there again. Always one row: how many.
     */
    static final Sql PURGE_DELAYED = Sql.of("""
            -- name: purge_delayed
            WITH candidates AS MATERIALIZED (
                SELECT d.ctid, d.message_id, d.deliveries
                FROM postroom.delayed d
                WHERE d.queue_id = :queue
                  AND (:reason::text IS NULL
                       OR EXISTS (SELECT FROM postroom.queue q WHERE q.id = :queue AND q.deleted_at IS NOT NULL))
                LIMIT :limit
                FOR UPDATE SKIP LOCKED
            ), removed AS (
                DELETE FROM postroom.delayed
                WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
            ), history AS (
                INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
                SELECT c.message_id, clock_timestamp(), clock_timestamp(), :queue, c.deliveries, 1, :reason::text
                FROM candidates c
            )
            SELECT count(*)
            FROM candidates
            """);

    /** Messages of an ordered queue that waited when its purge began: those behind their group. The second text: those that are READY. */
    private static final String MOVED_BEHIND = """
            FROM target t
                JOIN postroom.grouped w ON w.queue_id = t.id
                WHERE w.seq <= :upTo
                   OR (SELECT m.seq FROM postroom.message m WHERE m.id = w.message_id) <= :upTo""";

    private static final String MOVED_READY = """
            FROM target t
                JOIN postroom.ready r ON r.queue_id = t.id
                WHERE r.seq <= :upTo
                   OR r.moved AND (SELECT m.seq FROM postroom.message m WHERE m.id = r.message_id) <= :upTo""";

    /**
     * Cancels messages of an ordered queue that have a new number, because they went from one place to another since the purge began. Locks
     * them with SKIP LOCKED. Always one row: how many, and whether there were any, locked ones included. One snapshot shows both places, so
     * a message on its way is in one of them.
     */
    static final Sql PURGE_MOVED = Sql.of("""
            -- name: purge_moved
            WITH target AS MATERIALIZED (
                SELECT q.id
                FROM postroom.queue q
                WHERE q.id = :queue
                  AND q.ordered
                  AND (:reason::text IS NULL OR q.deleted_at IS NOT NULL)
            ), behind AS MATERIALIZED (
                SELECT w.ctid, w.message_id, w.deliveries
                %1$s
                LIMIT :limit
                FOR UPDATE OF w SKIP LOCKED
            ), waiting AS MATERIALIZED (
                SELECT r.ctid, r.message_id, r.deliveries
                %2$s
                LIMIT :limit
                FOR UPDATE OF r SKIP LOCKED
            ), removed AS (
                DELETE FROM postroom.grouped WHERE ctid = ANY (ARRAY(SELECT b.ctid FROM behind b))
            ), taken AS (
                DELETE FROM postroom.ready WHERE ctid = ANY (ARRAY(SELECT w.ctid FROM waiting w))
            ), history AS (
                INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
                SELECT c.message_id, clock_timestamp(), clock_timestamp(), :queue, c.deliveries, 1, :reason::text
                FROM (SELECT * FROM behind UNION ALL SELECT * FROM waiting) c
            )
            SELECT (SELECT count(*) FROM behind) + (SELECT count(*) FROM waiting),
                   EXISTS (SELECT %1$s) OR EXISTS (SELECT %2$s)
            """.formatted(MOVED_BEHIND, MOVED_READY));

    static final Sql LAST_SEQ = Sql.of("""
            -- name: last_seq
            SELECT coalesce(pg_sequence_last_value('postroom.ready_seq'), 0)
            """);

    static final Sql LOG = Sql.of("""
            -- name: log_operation
            INSERT INTO postroom.operator_action (action, queue_id, planned, done, finished_at, note)
            VALUES (:action, :queue, :done, :done, clock_timestamp(), :note)
            """);

    /**
     * Deletes a queue and its bindings when the conditions hold. Locks its row first. 0 rows: there is no such queue. Else its id, what is
     * in the way (null: nothing, and it is deleted) as a code and for people, and the last seq that belongs to it.
     */
    static final Sql MARK_DELETED = Sql.of("""
            -- name: mark_deleted
            SELECT queue_id, obstacle, because, up_to
            FROM postroom.mark_deleted(:queue, :ifEmpty, :ifUnused, :self::uuid)
            """);

    /**
     * Deletes queues that have lost their owner or their last consumer. Locks their rows by name. One row a deleted queue: its id and name,
     * why, and the last seq that belongs to it.
     */
    static final Sql DELETE_ABANDONED = Sql.of("""
            -- name: delete_abandoned
            SELECT queue_id, queue, because, up_to
            FROM postroom.delete_abandoned(:leaseTime * interval '1 microsecond', :left::int[])
            """);

    /**
     * Empties the tables of messages, resumes all queues and lets their consumers go on, for tests. No TRUNCATE: it needs rights that an
     * application may lack.
     */
    static final List<Sql> REMOVE_ALL = List.of(
            Sql.of("-- name: resume_all\nUPDATE postroom.queue SET paused_at = NULL, consumers_stopped_at = NULL"
                    + " WHERE paused_at IS NOT NULL OR consumers_stopped_at IS NOT NULL\n"),
            removeAll("consumer_stop"),
            removeAll("cancelled_run"),
            removeAll("batch_part"),
            removeAll("batch_progress"),
            removeAll("batch"),
            removeAll("delayed"),
            removeAll("ready"),
            removeAll("grouped"),
            removeAll("message_group"),
            removeAll("lease"),
            removeAll("dead_letter"),
            removeAll("attempt"),
            removeAll("dedup"),
            removeAll("entry_expiry"),
            removeAll("dropped_message"),
            removeAll("message"),
            removeAll("schedule_run"),
            removeAll("purge_ledger"),
            removeAll("operator_action"));

    private static Sql removeAll(String table) {
        return Sql.of("-- name: remove_all_" + table + "\nDELETE FROM postroom." + table + "\n");
    }

    /** Lets time pass at once, for tests. Heartbeats stay as they are: a live worker would have sent more of them. */
    static final Sql ADVANCE_DUE = Sql.of("""
            -- name: advance_due
            UPDATE postroom.delayed
            SET due_at = due_at - :time * interval '1 microsecond'
            """);

    static final Sql ADVANCE_EXPIRY = Sql.of("""
            -- name: advance_expiry
            WITH entries AS (
                UPDATE postroom.entry_expiry
                SET expires_at = expires_at - :time * interval '1 microsecond'
            )
            UPDATE postroom.message
            SET expires_at = expires_at - :time * interval '1 microsecond'
            WHERE expires_at IS NOT NULL
            """);

    /** Sets the history of undecodable messages back, since it says for how long they were so. Lines may change their partition. */
    static final Sql ADVANCE_UNDECODABLE = Sql.of("""
            -- name: advance_undecodable
            UPDATE postroom.attempt
            SET started_at = started_at - :time * interval '1 microsecond',
                finished_at = finished_at - :time * interval '1 microsecond'
            WHERE message_id IN (SELECT u.message_id FROM postroom.attempt u WHERE u.outcome = %d)
            """.formatted(AttemptOutcome.UNDECODABLE.code()));
}
