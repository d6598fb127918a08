package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.AttemptOutcome;

/**
 * Takes messages from READY under a lease, and finds where READY messages are: cursors and low watermarks.
 *
 * <p>Under an old snapshot nothing that was deleted from the head of {@code ready} can be cleaned up, and a claim from the beginning
 * walks over all of it. So a claim starts from a cursor. A message may still appear below the cursor: an enqueuer drew its seq early and
 * commits late, or a claim rolled back. The poll looks for such messages from the low watermark on, the highest seq below which no
 * message can appear any more.
 */
final class ClaimSql {
    private ClaimSql() {}

    /**
     * Locks rows of ready with SKIP LOCKED through ready_pk, deletes them and writes leases: see the function. 0 rows: nothing is free
     * from here on, or the queue's number belongs to another queue.
     */
    static final Sql CLAIM = Sql.of("""
            -- name: claim
            SELECT lease_id, lease_count, ordinal, priority, lane_seq, message_id,
                   failures, crashes, deliveries, stored, expired, created_at,
                   type, type_version, direction, correlation_id, content_type,
                   exchange, routing_key, headers, payload, body, group_key
            FROM postroom.claim(:worker, :queue, :queueName, :priorities, :cursors, :limit, :leaseSize, :started, :kind)
            """);

    /**
     * Does the same for one lane of each of many queues: see the function. Every array has one entry a queue.
     */
    static final Sql CLAIM_EACH = Sql.of("""
            -- name: claim_each
            SELECT lease_id, lease_count, ordinal, priority, lane_seq, message_id,
                   failures, crashes, deliveries, stored, expired, created_at,
                   type, type_version, direction, correlation_id, content_type,
                   exchange, routing_key, headers, payload, body, group_key, queue_id
            FROM postroom.claim_each(:worker, :queues, :queueNames, :priorities, :cursors, :limits, :leaseSizes, :started)
            """);

    /** Does the same for an ordered queue: see the function. One claim at a time takes from a queue; another one waits for its commit. */
    static final Sql CLAIM_ORDERED = Sql.of("""
            -- name: claim_ordered
            SELECT lease_id, lease_count, ordinal, priority, lane_seq, message_id,
                   failures, crashes, deliveries, stored, expired, created_at,
                   type, type_version, direction, correlation_id, content_type,
                   exchange, routing_key, headers, payload, body, group_key
            FROM postroom.claim_ordered(:worker, :queue, :queueName, :priorities, :cursors, :limit, :leaseSize, :started, :kind)
            """);

    /** Does the same for a fair queue, but takes no suspects: see the function. */
    static final Sql CLAIM_FAIR = Sql.of("""
            -- name: claim_fair
            SELECT lease_id, lease_count, ordinal, priority, lane_seq, message_id,
                   failures, crashes, deliveries, stored, expired, created_at,
                   type, type_version, direction, correlation_id, content_type,
                   exchange, routing_key, headers, payload, body, group_key, turn
            FROM postroom.claim_fair(:worker, :queue, :queueName, :priorities, :cursors, :turns, :limit, :leaseSize, :started, :kind)
            """);

    /**
     * Does the same for a queue with limiters, ordered or fair or neither: see the function. The last row has no lease: in how many
     * microseconds after the call the messages have to start, whether a limiter held others back, and the microseconds until more may
     * start.
     */
    static final Sql CLAIM_LIMITED = Sql.of("""
            -- name: claim_limited
            SELECT lease_id, lease_count, ordinal, priority, lane_seq, message_id,
                   failures, crashes, deliveries, stored, expired, created_at,
                   type, type_version, direction, correlation_id, content_type,
                   exchange, routing_key, headers, payload, body, group_key, turn,
                   start_within, start_guard, held_back, next_start, booked_at, limits, reported,
                   by_group, by_end, start_after
            FROM postroom.claim_limited(:worker, :queue, :queueName, :priorities, :cursors, :limit, :leaseSize, :started, :kind,
                                        :ordered, :limits, :deadlines, :starts, :counts, :turns)
            """);

    /**
     * Raises the marks of what may have started. Locks the lease rows in the order of their ids. Returns before the commit has reached
     * the disk: see the consumer package. Always one row.
     */
    static final Sql ANNOUNCE_STARTS = Sql.of("""
            -- name: announce_starts
            SELECT set_config('synchronous_commit', 'off', true), postroom.announce_starts(:worker, :leases, :started)
            """);

    /** The payload once more, in a new snapshot. Relies on message_pk. 0 rows: the message is not visible yet, or gone. */
    static final Sql RELOAD = Sql.of("""
            -- name: reload
            SELECT coalesce(m.expires_at <= clock_timestamp(), false)
                       OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, :queue),
                   m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key
            FROM postroom.message m
            WHERE m.id = :id
            """);

    /**
     * Microseconds since the message was first found undecodable, after the last attempt that ended in another way. Always one row; NULL:
     * it was not. Reads the index attempt_by_message in every partition.
     */
    static final Sql UNDECODABLE_SINCE = Sql.of("""
            -- name: undecodable_since
            SELECT (extract(epoch FROM clock_timestamp() - min(a.finished_at) FILTER (WHERE a.finished_at > x.other_end)) * 1000000)::bigint
            FROM postroom.attempt a
            CROSS JOIN (
                SELECT coalesce(max(o.finished_at), '-infinity') AS other_end
                FROM postroom.attempt o
                WHERE o.message_id = :id AND o.queue_id = :queue AND o.outcome <> %1$d) x
            WHERE a.message_id = :id AND a.queue_id = :queue AND a.outcome = %1$d
            """.formatted(AttemptOutcome.UNDECODABLE.code()));

    /**
     * Asks for the summary of a poll: see the function. Reads all of queue, worker and settings, and the heads of delayed_by_due_time and
     * schedule_due. The file number of ready changes with DROP and TRUNCATE. Always one row.
     */
    static final Sql POLL_SUMMARY = Sql.of("""
            -- name: poll_summary
            SELECT pg_postmaster_start_time(), pg_relation_filenode('postroom.ready'), queues, horizon, others, last_seq, next_due,
                   cancelled, settings, batches, next_schedule, active_consumers, max_lengths, operations, clock_timestamp()
            FROM postroom.poll_summary(:worker, coalesce(:dueFrom::timestamptz, '-infinity'))
            """);

    /**
     * Settings and lowest visible seq of those queues that have news, and in each row which state of the store answers. Reads ready_pk and
     * ready_suspects. A queue without a name is not there: the database was restored, truncated or failed over. Always one row at least;
     * without a queue's id it is about no queue.
     */
    static final Sql POLL = Sql.of("""
            -- name: poll
            SELECT pg_postmaster_start_time(), pg_relation_filenode('postroom.ready'),
                   queue_id, name, paused, deleted, max_attempts, retry_after, settings_by, suspects, elsewhere, lowest,
                   ordered, stop_confirmed, has_limiter, fair
            FROM (SELECT) one
            LEFT JOIN postroom.poll(:worker, :queues, :watermark, :uneven, :watermarks, :tell, :since::text::xid8::xid, :look) ON true
            """);

    /** A sample for the low watermark. Always one row. Takes a transaction id of its own, or reads pg_locks. */
    static final Sql SAMPLE_WATERMARK = Sql.of("""
            -- name: sample_watermark
            SELECT seq, xid, writers, server_started_at
            FROM postroom.sample_watermark(:byWriters)
            """);

    /**
     * Whether a sample is settled: all who may have drawn a seq up to it are gone, so the next statement sees what they wrote. By
     * writers, transactions elsewhere in the cluster have no influence. A prepared transaction (no pid) always holds the sample back,
     * because it loses the name it wrote under. Always one row.
     */
    static final Sql IS_SETTLED = Sql.of("""
            -- name: is_settled
            SELECT CASE
                WHEN :writers::text[] IS NULL THEN pg_snapshot_xmin(pg_current_snapshot()) >= :transaction::xid8
                ELSE NOT EXISTS (
                    SELECT FROM pg_locks l
                    WHERE l.relation = 'postroom.ready'::regclass
                      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                      AND l.mode = 'RowExclusiveLock'
                      AND (l.pid IS NULL OR l.virtualtransaction = ANY (:writers::text[])))
            END
            """);

    /**
     * Wakes the processes that listen. Runs outside the transactions of users, because a NOTIFY takes a lock of the whole cluster at
     * commit. Returns before that commit has reached the disk: there is nothing to lose.
     */
    static final Sql NOTIFY = Sql.of("""
            -- name: notify
            SELECT set_config('synchronous_commit', 'off', true), pg_notify(:channel, :payload)
            """);
}
