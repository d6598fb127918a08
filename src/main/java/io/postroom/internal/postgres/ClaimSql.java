package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/**
 * From READY under a lease, and where to look for READY messages: cursors and floors.
 *
 * <p>Under an old snapshot nothing that was deleted from the head of {@code ready} can be cleaned away, and a claim from the beginning walks over
 * all of it. So a claim starts from a cursor. What may still appear below it (an enqueuer that drew early and commits late, a claim that rolled
 * back) is looked for from the safe floor on: the highest seq below which nobody can appear any more.
 */
final class ClaimSql {
    private ClaimSql() {}

    /** Locks rows of ready with SKIP LOCKED through ready_pk, deletes them, writes leases: see the function. 0 rows: nothing free from here on. */
    static final Sql CLAIM = Sql.of("""
            -- name: claim
            SELECT lease_id, lease_count, ordinal, priority, lane_seq, message_id,
                   failures, crashes, deliveries, stored, expired, created_at,
                   type, type_version, direction, correlation_id, content_type,
                   headers, payload, body
            FROM postroom.claim(:worker, :queue, :priorities, :cursors, :limit, :leaseSize, :suspects)
            """);

    /** The payload once more, in a new snapshot. Relies on message_pk. 0 rows: not visible yet, or gone. */
    static final Sql RELOAD = Sql.of("""
            -- name: reload
            SELECT coalesce(m.expires_at <= clock_timestamp(), false), m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.headers::text, m.payload::text, m.body
            FROM postroom.message m
            WHERE m.id = :id
            """);

    /**
     * Settings and lowest visible seq of many queues, and in each row when something is due. Reads ready_pk, ready_suspects, delayed_by_due_time. A queue
     * without a row was removed.
     */
    static final Sql POLL = Sql.of("""
            -- name: poll
            SELECT queue_id, paused, deleted, max_attempts, retry_after, settings_by, suspects, elsewhere, lowest, next_due,
                   pg_postmaster_start_time()
            FROM postroom.poll(:worker, :queues, :floors, :emptyAt, :emptyOn, coalesce(:dueFrom::timestamptz, '-infinity'))
            """);

    /** Always one row. Takes a transaction id of its own, or reads pg_locks. */
    static final Sql SAMPLE_FLOOR = Sql.of("""
            -- name: sample_floor
            SELECT seq, xid, writers, server_started_at
            FROM postroom.sample_floor(:byWriters)
            """);

    /** Always one row. */
    static final Sql IS_SAFE = Sql.of("""
            -- name: is_safe
            SELECT postroom.floor_is_safe(:transaction, :writers::text[])
            """);

    /**
     * Word to the processes that listen. Outside of the users' transactions: a NOTIFY takes a lock of the whole cluster at commit. It is not waited for until
     * that commit has reached the disk: there is nothing to lose.
     */
    static final Sql NOTIFY = Sql.of("""
            -- name: notify
            SELECT set_config('synchronous_commit', 'off', true), pg_notify(:channel, :payload)
            """);
}
