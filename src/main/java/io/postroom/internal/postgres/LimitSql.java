package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Queues with a maximum length. The rules and the protocol stand in {@code db/function/limits.sql}. */
final class LimitSql {
    private LimitSql() {}

    /** Whether so many new messages may come into each of these queues. 0 rows: nothing needs more than the INSERT. */
    static final Sql ADMIT = Sql.of("""
            -- name: admit
            SELECT a.queue_id, a.queue, a.answer, a.max_length, a.waiting, a.surplus, a.after_seq
            FROM postroom.admit(:queues::int[], :names::text[], :messages::int[]) a
            """);

    /** Takes out what is above the maximum length of a queue after the INSERT. Always one row. */
    static final Sql SETTLE = Sql.of("""
            -- name: settle_length
            SELECT postroom.settle_length(:queue, :surplus, :afterSeq, :messages::uuid[])
            """);

    /**
     * The limited queues. The last column: whether a queue may be too long, or refuses and was not counted for a while. Relies on
     * queue_with_a_limit and queue_length_pk.
     */
    static final Sql LIMITED = Sql.of("""
            -- name: limited_queues
            SELECT q.id, q.name,
                   coalesce(s.max_length IS DISTINCT FROM q.max_length
                            OR postroom.last_ready_seq() NOT BETWEEN s.counted_seq AND s.free_until
                            OR q.max_length >= 5000 AND q.overflow <> 'drop_head' AND s.waiting >= q.max_length
                               AND s.counted_at < clock_timestamp() - q.max_length * interval '5 microseconds', false)
            FROM postroom.queue q
            JOIN postroom.queue_length s ON s.queue_id = q.id
            WHERE q.max_length IS NOT NULL
              AND q.deleted_at IS NULL
            ORDER BY q.id
            """);

    /** Counts a queue and takes out a part, unless others create messages in it now. Always one row: whether it is still too long. */
    static final Sql SHORTEN = Sql.of("""
            -- name: shorten
            SELECT s.is_more FROM postroom.shorten(:queue, NULL) s
            """);
}
