package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Batches. The protocol stands in db/function/batch.sql. */
final class BatchSql {
    private BatchSql() {}

    static final Sql CREATE = Sql.of("""
            -- name: create_batch
            SELECT postroom.create_batch(:name, :parent::uuid, :completion::jsonb)
            """);

    static final Sql SEAL = Sql.of("""
            -- name: seal_batch
            SELECT postroom.seal_batch(:batch)
            """);

    static final Sql CANCEL = Sql.of("""
            -- name: cancel_batch
            SELECT postroom.cancel_batch(:batch, :reason::text, :actor::text)
            """);

    /** Locks rows of batch (KEY SHARE) in the order of their ids: step 1 of the protocol. One row a batch that takes no members. */
    static final Sql NOT_OPEN = Sql.of("""
            -- name: lock_batches
            SELECT w.id, s.state
            FROM (SELECT u.id FROM unnest(:batches::uuid[]) u (id) ORDER BY u.id) w
            LEFT JOIN LATERAL (SELECT x AS batch FROM postroom.batch x WHERE x.id = w.id FOR KEY SHARE) b ON true
            CROSS JOIN LATERAL (SELECT postroom.batch_state(b.batch) AS state) s
            WHERE s.state <> 'open'
            """);

    /** Writes one row for up to 1000 members. */
    static final Sql ADD = Sql.of("""
            -- name: add_members
            INSERT INTO postroom.batch_part (batch_id, first_id, last_id, size, entries, is_dead, members)
            VALUES (:batch, :first, :last, :size, :entries, false, :members::uuid[])
            """);

    private static final String BATCHES = """
            SELECT b.batch, b.name, b.parent, b.state, b.unfinished, b.in_progress, b.done, b.dead, b.cancelled, b.expired, b.purged,
                   b.children, b.children_completed, b.created_at, b.sealed_at, b.cancelled_at, b.completed_at, b.completion_id,
                   b.counted_at, b.problem
            FROM postroom.batches b
            """;

    /** Relies on batch_pk. */
    static final Sql FIND = Sql.of("-- name: find_batch\n" + BATCHES + """
            WHERE b.batch = :batch
            """);

    /** Relies on batch_pk. */
    static final Sql LIST = Sql.of("-- name: list_batches\n" + BATCHES + """
            WHERE b.batch < :before
              AND (:withCompleted OR b.state <> 'COMPLETED')
            ORDER BY b.batch DESC
            LIMIT :limit
            """);

    /**
     * Reads all of batch_progress, which has a row for each batch that is not completed. A look is at most 5 s away: one that is
     * farther was planned before the clock was set back.
     */
    static final Sql UNCOMPLETED = Sql.of("""
            -- name: uncompleted_batches
            SELECT g.batch_id,
                   g.look_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '5 seconds'
            FROM postroom.batch_progress g
            ORDER BY g.look_at
            LIMIT :limit
            """);

    /** Locks the row of batch_progress with SKIP LOCKED, and that of batch before it completes. Always one row: a code of Settled. */
    static final Sql SETTLE = Sql.of("""
            -- name: settle_batch
            SELECT postroom.settle_batch(:batch)
            """);
}
