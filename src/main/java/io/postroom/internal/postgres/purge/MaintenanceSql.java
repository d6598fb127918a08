package io.postroom.internal.postgres.purge;

import io.postroom.internal.postgres.statement.Sql;

/**
 * Statements of purge and partitions. The work is in the functions of the schema, which say what they lock and which name the partitions.
 */
final class MaintenanceSql {
    private MaintenanceSql() {}

    /** The days of a table. An enqueue refuses ids older than a day, so 25 hours after its end a day gets no new rows. */
    static final Sql DAYS = Sql.of("""
            -- name: days
            SELECT p.name,
                   CASE WHEN isfinite(p.from_at) THEN p.from_at END,
                   CASE WHEN isfinite(p.to_at) THEN p.to_at END,
                   p.bytes,
                   p.to_at <= clock_timestamp() - interval '25 hours',
                   CASE WHEN isfinite(p.from_at)
                       THEN extract(epoch FROM clock_timestamp() - p.from_at)
                            - (SELECT least(min(extract(epoch FROM q.retention)), extract(epoch FROM interval '7 days'))
                               FROM postroom.queue q)
                   END
            FROM postroom.partitions(:parent) p
            ORDER BY p.from_at
            """);

    /** Counts the messages still needed among the last ones of a day. Always one row. Locks nothing. */
    static final Sql NEED_AT_THE_END = Sql.of("""
            -- name: purge_need
            SELECT l.looked, cardinality(l.kept) - l.keyed, l.lasting
            FROM postroom.purge_look(
                :leaf, coalesce(postroom.last_rows_of(:leaf, :rows), '00000000-0000-0000-0000-000000000000'), :rows) l
            """);

    /**
     * Removes deduplication keys behind an id and before the end of a day, of messages that a purge would remove. The keys go first, so
     * that a TRUNCATE leaves none behind. A key that another transaction has locked stays, and keeps its day: the next turn looks again.
     * Always one row: how many it looked at (0: there are no more) and the last of them.
     */
    static final Sql PURGE_KEYS = Sql.of("""
            -- name: purge_keys
            WITH looked AS MATERIALIZED (
                SELECT d.queue_id, d.key, d.message_id
                FROM postroom.dedup d
                WHERE d.message_id > :after
                  AND d.message_id < coalesce(
                      (SELECT postroom.lowest_id(p.to_at) FROM postroom.partitions('message') p WHERE p.name = :leaf AND isfinite(p.to_at)),
                      'ffffffff-ffff-ffff-ffff-ffffffffffff')
                ORDER BY d.message_id
                LIMIT :limit
            ), removable AS (
                SELECT l.message_id
                FROM looked l
                JOIN postroom.attempt a ON a.message_id = l.message_id
                LEFT JOIN postroom.queue q ON q.id = a.queue_id
                WHERE a.outcome <= 2
                GROUP BY l.message_id
                HAVING max(a.finished_at + coalesce(q.retention, interval '7 days')) <= statement_timestamp()
            ), free AS MATERIALIZED (
                SELECT d.ctid
                FROM looked l
                JOIN postroom.dedup d ON d.queue_id = l.queue_id AND d.key = l.key AND d.message_id = l.message_id
                WHERE l.message_id IN (SELECT r.message_id FROM removable r)
                FOR UPDATE OF d SKIP LOCKED
            ), removed AS (
                DELETE FROM postroom.dedup d
                WHERE d.ctid = ANY (ARRAY(SELECT f.ctid FROM free f))
            )
            SELECT count(*)::int, (SELECT l.message_id FROM looked l ORDER BY l.message_id DESC LIMIT 1)
            FROM looked
            """);

    /** The id before the first one of a partition. */
    static final Sql BEGINNING = Sql.of("""
            -- name: beginning_of_day
            SELECT coalesce((SELECT postroom.lowest_id(p.from_at)
                             FROM postroom.partitions('message') p
                             WHERE p.name = :leaf AND isfinite(p.from_at)),
                            '00000000-0000-0000-0000-000000000000')
            """);

    /** Tries ACCESS EXCLUSIVE on the partition and frees the lock at once. Always one row; false: somebody reads or writes there. */
    static final Sql IS_DAY_FREE = Sql.of("""
            -- name: is_day_free
            SELECT postroom.is_day_free(:leaf)
            """);

    /**
     * Locks the partition against writing until the end of the transaction. Always one row: the retention of each queue; NULL: the lock was
     * not free.
     */
    static final Sql CLOSE_DAY = Sql.of("""
            -- name: close_day
            SELECT postroom.close_day(:leaf)::text
            """);

    /** Reads a part of a day of messages. Always one row; looked 0: there are no more. */
    static final Sql PURGE_LOOK = Sql.of("""
            -- name: purge_look
            SELECT l.looked, l.last_looked, l.kept, l.lasting, l.queue_ids, l.outcomes, l.messages, l.first_ids, l.last_ids
            FROM postroom.purge_look(:leaf, :after, :limit) l
            """);

    static final Sql FREE_DAY = Sql.of("""
            -- name: free_day
            SELECT postroom.free_day(:leaf, :retentions::text::jsonb, :kept, :queues, :outcomes, :messages, :firstIds, :lastIds)
            """);

    /**
     * The places of the lines of history to keep. Reads the range of a day's ids in message_pk; when these are few, reads their lines
     * through the index of attempt. Always one row; NULL: they are not few.
     */
    static final Sql HISTORY_KEPT = Sql.of("""
            -- name: history_kept
            SELECT postroom.history_kept(:leaf, :most, :mostLines)::text[]
            """);

    /** Reads a part of a day of history. Always one row; looked 0: there are no more. */
    static final Sql HISTORY_LOOK = Sql.of("""
            -- name: history_look
            SELECT l.looked, l.last_looked::text, l.kept::text[]
            FROM postroom.history_look(:leaf, :after::text::tid, :limit) l
            """);

    static final Sql FREE_HISTORY_DAY = Sql.of("""
            -- name: free_history_day
            SELECT postroom.free_history_day(:leaf, :kept::text[]::tid[])
            """);

    /** Removes single messages with their history and keys. Always one row. Locks the rows it deletes. */
    static final Sql PURGE_BATCH = Sql.of("""
            -- name: purge_batch
            SELECT b.last_looked::text, b.removed
            FROM postroom.purge_batch(
                :leaf, :after::text::tid, :limit,
                ARRAY(SELECT coalesce(CASE WHEN isfinite(p.from_at) THEN postroom.lowest_id(p.from_at) END,
                                      '00000000-0000-0000-0000-000000000000')
                      FROM postroom.partitions('message') p
                      WHERE p.name = ANY (:spared::text[])
                      ORDER BY p.from_at),
                ARRAY(SELECT coalesce(CASE WHEN isfinite(p.to_at) THEN postroom.lowest_id(p.to_at) END,
                                      'ffffffff-ffff-ffff-ffff-ffffffffffff')
                      FROM postroom.partitions('message') p
                      WHERE p.name = ANY (:spared::text[])
                      ORDER BY p.from_at),
                :overdue * interval '1 microsecond') b
            """);

    /** Raises the time limit for statements that read a whole table. It stays below the limit of the engine's sockets. */
    static final Sql TAKE_TIME = Sql.of("""
            -- name: take_time
            SET LOCAL statement_timeout = '25s'
            """);

    static final Sql TRUNCATE_READY = Sql.of("""
            -- name: truncate_ready
            SELECT postroom.truncate_ready(:bytes)
            """);

    static final Sql REMOVE_LEFTOVERS = Sql.of("""
            -- name: remove_leftovers
            SELECT postroom.remove_leftovers(:leaf, :limit)
            """);

    /** A key and its message are stored by one transaction, so one snapshot shows both or none. Reads all keys: once a day. */
    static final Sql REMOVE_LOST_KEYS = Sql.of("""
            -- name: remove_lost_keys
            DELETE FROM postroom.dedup
            WHERE ctid = ANY (ARRAY(
                SELECT d.ctid
                FROM postroom.dedup d
                WHERE NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = d.message_id)
                LIMIT :limit
                FOR UPDATE OF d SKIP LOCKED))
            """);

    static final Sql FORGET_DROPPED = Sql.of("""
            -- name: forget_dropped
            DELETE FROM postroom.dropped_message
            WHERE dropped_at < statement_timestamp() - :droppedBefore * interval '1 microsecond'
            """);

    /** Children go with their parent or after it. Relies on batch_completed. */
    static final Sql FORGET_BATCHES = Sql.of("""
            -- name: forget_batches
            DELETE FROM postroom.batch b
            WHERE b.completed_at < statement_timestamp() - :completedBefore * interval '1 microsecond'
              AND NOT EXISTS (SELECT FROM postroom.batch p
                              WHERE p.id = b.parent_id
                                AND (p.completed_at IS NULL
                                     OR p.completed_at >= statement_timestamp() - :completedBefore * interval '1 microsecond'))
            """);

    /**
     * Removes processes that ended that long ago and that no lease and no line of history names any more. Removes the consumers of all
     * ended processes and orders to stop them, too. Reads all history: once a day. Always one row: how many processes were removed.
     */
    static final Sql FORGET_WORKERS = Sql.of("""
            -- name: forget_workers
            WITH ended AS MATERIALIZED (
                SELECT w.id
                FROM postroom.worker w
                WHERE least(w.stopped_at, w.beat_at) < statement_timestamp() - :endedBefore * interval '1 microsecond'
            ), consumers AS (
                DELETE FROM postroom.consumer c
                WHERE c.worker_id IN (SELECT e.id FROM ended e)
                   OR NOT EXISTS (SELECT FROM postroom.worker w WHERE w.id = c.worker_id)
            ), stops AS (
                DELETE FROM postroom.consumer_stop s
                WHERE s.worker_id IN (SELECT e.id FROM ended e)
                   OR NOT EXISTS (SELECT FROM postroom.worker w WHERE w.id = s.worker_id)
            ), cancelled AS (
                DELETE FROM postroom.cancelled_run c
                WHERE c.worker_id IN (SELECT e.id FROM ended e)
                   OR NOT EXISTS (SELECT FROM postroom.worker w WHERE w.id = c.worker_id)
            ), gone AS (
                DELETE FROM postroom.worker w
                WHERE w.id IN (SELECT e.id FROM ended e)
                  AND least(w.stopped_at, w.beat_at) < statement_timestamp() - :endedBefore * interval '1 microsecond'
                  AND NOT EXISTS (SELECT FROM postroom.lease l WHERE l.worker_id = w.id)
                  AND NOT EXISTS (SELECT FROM postroom.attempt a WHERE a.worker_id = w.id)
                RETURNING 1
            )
            SELECT count(*)::int
            FROM gone
            """);

    static final Sql BOUND_TAIL = Sql.of("""
            -- name: bound_tail
            SELECT postroom.bound_tail(:parent)
            """);

    static final Sql VALIDATE_TAIL = Sql.of("""
            -- name: validate_tail
            SELECT postroom.validate_tail(:parent)
            """);

    static final Sql MOVE_TAIL = Sql.of("""
            -- name: move_tail
            SELECT postroom.move_tail(:parent, :enough)
            """);

    /** Whether the tail waits for the end of a DETACH CONCURRENTLY that was cut off. Always one row. */
    static final Sql TAIL_IS_PENDING = Sql.of("""
            -- name: tail_is_pending
            SELECT EXISTS (
                SELECT
                FROM pg_inherits i
                WHERE i.inhrelid = ('postroom.' || quote_ident(:parent || '_tail'))::regclass
                  AND i.inhdetachpending)
            """);

    /** Whether the tail is empty, attached, due to be moved, and more than an hour away, so that nothing comes into it now. */
    static final Sql TAIL_CAN_BE_DETACHED = Sql.of("""
            -- name: tail_can_be_detached
            SELECT EXISTS (
                       SELECT
                       FROM pg_inherits i
                       WHERE i.inhrelid = ('postroom.' || quote_ident(:parent || '_tail'))::regclass
                         AND NOT i.inhdetachpending)
                   AND postroom.tail_begins(:parent) < (clock_timestamp() AT TIME ZONE 'UTC')::date + 3
                   AND postroom.tail_begins(:parent)::timestamp AT TIME ZONE 'UTC' > clock_timestamp() + interval '1 hour'
                   AND CASE WHEN :parent = 'message' THEN NOT EXISTS (SELECT FROM postroom.message_tail)
                            ELSE NOT EXISTS (SELECT FROM postroom.attempt_tail) END
            """);

    /** The transactions that have locked the table, however weakly. */
    static final Sql TRANSACTIONS_ON_TABLE = Sql.of("""
            -- name: transactions_on_table
            SELECT DISTINCT l.virtualtransaction
            FROM pg_locks l
            WHERE l.relation = ('postroom.' || quote_ident(:parent))::regclass
              AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
              AND l.pid <> pg_backend_pid()
            """);

    /** The day up to which the oldest days can be folded; NULL for none. Always one row. */
    static final Sql BOUND_OLD = Sql.of("""
            -- name: bound_old
            SELECT postroom.bound_old(:parent, :most, :rows)::text
            """);

    static final Sql VALIDATE_OLD = Sql.of("""
            -- name: validate_old
            SELECT postroom.validate_old(:parent)
            """);

    static final Sql FOLD_OLD = Sql.of("""
            -- name: fold_old
            SELECT postroom.fold_old(:parent, :until::text::date)
            """);
}
