package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** What the jobs do on a timer. */
final class JobSql {
    private JobSql() {}

    /** DELAYED to READY. Locks rows of delayed with SKIP LOCKED through delayed_by_due_time. 0 rows: nothing is due. */
    static final Sql PROMOTE = Sql.of("""
            -- name: promote
            SELECT queue_id, priority, lowest_seq, messages, last_due_at
            FROM postroom.promote(coalesce(:from::timestamptz, '-infinity'), :limit)
            """);

    /**
     * Relies on delayed_by_due_time. From where promote ended, because under an old snapshot the entries of what was promoted before cannot be cleaned
     * away: 43 to 100 ms over 300,000 of them. 0 rows: nothing is delayed.
     */
    static final Sql NEXT_DUE = Sql.of("""
            -- name: next_due
            SELECT greatest(extract(epoch FROM d.due_at - clock_timestamp()) * 1000000, 0)::bigint
            FROM postroom.delayed d
            WHERE d.due_at >= coalesce(:from::timestamptz, '-infinity')
            ORDER BY d.due_at
            LIMIT 1
            """);

    /** Relies on delayed_by_due_time. */
    static final Sql DUE = Sql.of("""
            -- name: due
            SELECT d.message_id
            FROM postroom.delayed d
            WHERE d.due_at <= statement_timestamp()
            ORDER BY d.due_at
            LIMIT :limit
            """);

    /** One message; the DELETE gives the transaction its id before nextval draws. 0 rows: it is not DELAYED any more. */
    static final Sql PROMOTE_ONE = Sql.of("""
            -- name: promote_one
            WITH removed AS (
                DELETE FROM postroom.delayed d
                WHERE d.message_id = :id
                  AND d.due_at <= statement_timestamp()
                RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.deliveries, d.message_id
            )
            INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id)
            SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id
            FROM removed x
            """);

    /** The entries of this one that cannot be promoted become dead letters. */
    static final Sql QUARANTINE = Sql.of("""
            -- name: quarantine
            SELECT coalesce(sum(postroom.quarantine_delayed(d.message_id, d.queue_id, :error)), 0)
            FROM postroom.delayed d
            WHERE d.message_id = :id
            """);

    /** Leases of silent workers back to READY. Locks lease rows with SKIP LOCKED. 0 rows: nobody was silent, or the server has just started. */
    static final Sql RESCUE = Sql.of("""
            -- name: rescue
            SELECT queue_id, priority, lowest_seq, messages
            FROM postroom.rescue(:leaseTime * interval '1 microsecond', :limit, :only)
            """);

    /** The leases of silent workers, for rescuing them one by one when a batch fails. */
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

    /** What a worker holds and does not know of. Locks lease rows with SKIP LOCKED; reads all leases. 0 rows: nothing. */
    static final Sql RELEASE_UNKNOWN = Sql.of("""
            -- name: release_unknown
            SELECT queue_id, priority, lowest_seq, messages
            FROM postroom.release_unknown(:worker, :known, :olderThan * interval '1 microsecond', :only::uuid[])
            """);

    /** Always one row. */
    static final Sql EXPIRE = Sql.of("""
            -- name: expire
            SELECT looked, last_expires_at, last_id
            FROM postroom.expire(coalesce(:from::timestamptz, '-infinity'), :after, :limit)
            """);

    /** Locks what it takes with SKIP LOCKED. Always one row: how many. */
    static final Sql CANCEL_DELETED = Sql.of("""
            -- name: cancel_deleted
            SELECT postroom.cancel_deleted(:olderThan * interval '1 microsecond', :limit, :delayed)
            """);
}
