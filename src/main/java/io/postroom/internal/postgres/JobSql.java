package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Statements of the jobs that run on a timer. */
final class JobSql {
    private JobSql() {}

    /**
     * Moves due messages from DELAYED to READY. Locks rows of delayed with SKIP LOCKED through delayed_by_due_time. 0 rows: nothing is
     * due.
     */
    static final Sql PROMOTE = Sql.of("""
            -- name: promote
            SELECT queue_id, priority, lowest_seq, messages, last_due_at
            FROM postroom.promote(coalesce(:from::timestamptz, '-infinity'), :limit)
            """);

    /**
     * Microseconds until the next delayed message and the next schedule are due; null: none will be. Relies on delayed_by_due_time and
     * schedule_due. Starts where promote ended: under an old snapshot the entries of promoted messages cannot be cleaned up, and 300,000
     * of them took 43 to 100 ms. Always one row.
     */
    static final Sql NEXT_DUE = Sql.of("""
            -- name: next_due
            SELECT (SELECT greatest(extract(epoch FROM d.due_at - clock_timestamp()) * 1000000, 0)::bigint
                    FROM postroom.delayed d
                    WHERE d.due_at >= coalesce(:from::timestamptz, '-infinity')
                    ORDER BY d.due_at
                    LIMIT 1),
                   (SELECT greatest(extract(epoch FROM s.due_at - clock_timestamp()) * 1000000, 0)::bigint
                    FROM postroom.schedule s
                    WHERE s.due_at IS NOT NULL
                    ORDER BY s.due_at
                    LIMIT 1)
            """);

    /** Messages that are due, for promoting them one by one when a batch fails. Relies on delayed_by_due_time. */
    static final Sql DUE = Sql.of("""
            -- name: due
            SELECT d.message_id
            FROM postroom.delayed d
            WHERE d.due_at <= statement_timestamp()
            ORDER BY d.due_at
            LIMIT :limit
            """);

    /** Promotes one message; the DELETE gives the transaction its id before nextval draws. 0 rows: the message is not DELAYED any more. */
    static final Sql PROMOTE_ONE = Sql.of("""
            -- name: promote_one
            WITH removed AS (
                DELETE FROM postroom.delayed d
                WHERE d.message_id = :id
                  AND d.due_at <= statement_timestamp()
                RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.deliveries, d.message_id
            )
            INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
            SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id,
                   CASE WHEN x.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                        THEN postroom.fair_key(x.message_id) ELSE '' END
            FROM removed x
            """);

    /** Makes a message that cannot be promoted a dead letter, so that the others go on. Always one row: how many entries it had. */
    static final Sql QUARANTINE = Sql.of("""
            -- name: quarantine
            WITH removed AS (
                DELETE FROM postroom.delayed d
                WHERE d.message_id = :id
                  AND d.due_at <= statement_timestamp() -- an entry in another queue may wait for another time
                RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.deliveries, d.message_id
            ), dead AS (
                INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason, error, fingerprint)
                SELECT r.queue_id, r.priority, r.failures, r.crashes, r.deliveries, r.message_id, 'quarantined', :error, 'quarantined'
                FROM removed r
                ON CONFLICT DO NOTHING
                RETURNING 1
            )
            SELECT count(*)
            FROM dead
            """);

    /**
     * Puts messages of dead workers back to READY. Locks lease rows with SKIP LOCKED. 0 rows: no worker is dead, or the server has just
     * started.
     */
    static final Sql RESCUE = Sql.of("""
            -- name: rescue
            SELECT queue_id, priority, lowest_seq, messages, buried
            FROM postroom.rescue(:leaseTime * interval '1 microsecond', :limit, :only)
            """);

    private static final String DEAD_LETTER = """
            SELECT d.message_id, q.name, m.type, m.type_version, d.failures, d.reason, d.error, d.fingerprint
            FROM postroom.dead_letter d
            JOIN postroom.queue q ON q.id = d.queue_id
            LEFT JOIN postroom.message m ON m.id = d.message_id
            """;

    /** The newest dead letters of these queues whose reason is the crash limit. Relies on dead_letter_by_queue. */
    static final Sql LAST_CRASHED = Sql.of("-- name: last_crashed\n" + DEAD_LETTER + """
            WHERE d.queue_id = ANY (:queues)
              AND d.reason = 'crash_limit'
            ORDER BY d.dead_at DESC
            LIMIT :limit
            """);

    static final Sql DEAD_LETTERS_OF = Sql.of("-- name: dead_letters_of\n" + DEAD_LETTER + """
            WHERE d.message_id = :id
            """);

    /** Leases of dead workers, for rescuing them one by one when a batch fails. */
    static final Sql LOST = Sql.of("""
            -- name: lost
            SELECT l.id
            FROM postroom.lease l
            WHERE NOT EXISTS (
                SELECT FROM postroom.worker w
                WHERE w.id = l.worker_id
                  AND w.stopped_at IS NULL
                  AND w.beat_at > statement_timestamp() - :leaseTime * interval '1 microsecond')
            ORDER BY l.id
            LIMIT :limit
            """);

    /**
     * Releases leases that a worker holds without knowing it. Locks lease rows with SKIP LOCKED; reads all leases. 0 rows: there are
     * none.
     */
    static final Sql RELEASE_UNKNOWN = Sql.of("""
            -- name: release_unknown
            SELECT queue_id, priority, lowest_seq, messages
            FROM postroom.release_unknown(:worker, :known, :olderThan * interval '1 microsecond', :only::uuid[])
            """);

    /**
     * Expires waiting messages whose time to live ended, and waiting entries that outlived their queue's. Always one row: how many messages
     * it looked at and the last of them, and the same of entries. One statement, because an idle process is to send few.
     */
    static final Sql EXPIRE = Sql.of("""
            -- name: expire
            SELECT m.looked, m.last_expires_at, m.last_id, e.looked, e.last_expires_at, e.last_id, e.last_queue
            FROM postroom.expire(coalesce(:from::timestamptz, '-infinity'), :after, :limit) m
            CROSS JOIN postroom.expire_entries(coalesce(:entriesFrom::timestamptz, '-infinity'), :entriesAfter, :entriesAfterQueue,
                                               :limit) e
            """);

    /**
     * Queues with something READY and no live consumer, apart from reply queues, which have none. CASE looks into the lanes of such queues
     * alone: where a busy queue was drained under an old snapshot, the way to its first row is long. Relies on ready_pk.
     */
    static final Sql UNCONSUMED = Sql.of("""
            -- name: unconsumed_queues
            SELECT q.name
            FROM postroom.queue q
            WHERE q.deleted_at IS NULL
              AND NOT (q.kind = 'exclusive' AND starts_with(q.name, 'postroom.reply.'))
              AND CASE WHEN NOT EXISTS (
                      SELECT FROM postroom.consumer c
                      JOIN postroom.worker w ON w.id = c.worker_id
                      WHERE c.queue_id = q.id
                        AND w.stopped_at IS NULL
                        AND w.beat_at > statement_timestamp() - interval '1 minute')
                  THEN (SELECT r.seq
                        FROM postroom.ready r
                        WHERE r.queue_id = q.id
                        ORDER BY r.queue_id, r.priority, r.seq
                        LIMIT 1) IS NOT NULL
                  ELSE false END
            ORDER BY q.name
            LIMIT :limit
            """);

    /** Makes groups of ordered queues go on: see the function. Always one row. */
    static final Sql SWEEP_GROUPS = Sql.of("""
            -- name: sweep_groups
            SELECT last_queue, last_group, advanced, is_used
            FROM postroom.sweep_groups(:queue, :group, :limit)
            """);

    /** Chains lines of the ledger, unless another process does: see the function. Always one row: how many. */
    static final Sql SEAL_LEDGER = Sql.of("""
            -- name: seal_ledger
            SELECT postroom.seal_ledger(:limit)
            """);

    /** Tidies up behind limits of groups: see the function. Always one row. */
    static final Sql TIDY_GROUP_LIMITS = Sql.of("""
            -- name: tidy_group_limits
            SELECT greatest(keyed, removed)
            FROM postroom.tidy_group_limits(:limit)
            """);

    /** Cancels messages that wait in deleted queues. Locks them with SKIP LOCKED. Always one row: how many. */
    static final Sql CANCEL_DELETED = Sql.of("""
            -- name: cancel_deleted
            SELECT postroom.cancel_deleted(:olderThan * interval '1 microsecond', :limit, :delayed)
            """);
}
