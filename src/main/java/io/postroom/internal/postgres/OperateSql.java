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
            SELECT postroom.cancel(:id, :reason::text, :actor::text)
            """);

    /** Cancels a message under leases and locks those. 0: no entry was in progress. */
    static final Sql CANCEL_RUNNING = Sql.of("""
            -- name: cancel_running
            SELECT postroom.cancel_running(:id, :reason::text, :actor::text)
            """);

    static final Sql RESCHEDULE = Sql.of("""
            -- name: reschedule
            SELECT postroom.reschedule(:id, :dueAt::timestamptz, :reason::text, :actor::text)
            """);

    /** Puts a dead letter back. 0: the message is not dead. */
    static final Sql REDRIVE = Sql.of("""
            -- name: redrive
            SELECT postroom.redrive(:id, :reason::text, :actor::text)
            """);

    /** Pauses or resumes a queue. A repeat changes nothing and leaves no line. Always one row: whether it changed; null: no such queue. */
    static final Sql PAUSE = Sql.of("""
            -- name: pause
            SELECT CASE WHEN :paused
                        THEN postroom.pause_queue(:queue, :reason::text, :actor::text)
                        ELSE postroom.resume_queue(:queue, :reason::text, :actor::text) END
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
            INSERT INTO postroom.operator_action (actor, action, queue_id, planned, done, finished_at, note, reason)
            VALUES (coalesce(:actor::text, session_user), :action, :queue, :done, :done, clock_timestamp(), :note, :reason::text)
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
     * application may lack. Leaves the ledger, operator_action, whose lines cannot be removed.
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
            removeAll("operation"),
            removeAll("limited_group"),
            Sql.of(
                    "-- name: forget_starts\nUPDATE postroom.limiter SET booked_until = '{}', booked = '{}', reached_at = NULL,"
                            + " parked_until = NULL, probes = NULL, probes_started = 0"
                            + " WHERE booked <> '{}' OR parked_until IS NOT NULL OR probes IS NOT NULL\n"));

    private static Sql removeAll(String table) {
        return Sql.of("-- name: remove_all_" + table + "\nDELETE FROM postroom." + table + "\n");
    }

    /** Lets time pass at once, for tests. Heartbeats stay as they are: a live worker would have sent more of them. */
    static final Sql ADVANCE_DUE = Sql.of("""
            -- name: advance_due
            UPDATE postroom.delayed
            SET due_at = due_at - :time * interval '1 microsecond'
            """);

    /** Sets booked starts back, and until when destinations are parked. */
    static final Sql ADVANCE_LIMITERS = Sql.of("""
            -- name: advance_limiters
            WITH of_groups AS (
                UPDATE postroom.limited_group g
                SET booked_until = ARRAY(SELECT u.at - :time FROM unnest(g.booked_until) WITH ORDINALITY u (at, place) ORDER BY u.place),
                    free_at = g.free_at - :time
            )
            UPDATE postroom.limiter l
            SET booked_until = ARRAY(SELECT u.at - :time FROM unnest(l.booked_until) WITH ORDINALITY u (at, place) ORDER BY u.place),
                parked_until = l.parked_until - :time * interval '1 microsecond'
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
