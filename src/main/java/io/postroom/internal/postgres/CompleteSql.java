package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/**
 * Takes messages out of their leases. The functions decide on the locked value of {@code lease.open}; a lease or bit that is missing in
 * the answer was lost.
 */
final class CompleteSql {
    private CompleteSql() {}

    /** Finishes messages whose handlers succeeded without a note. Locks the lease rows in the order of their ids. */
    static final Sql COMPLETE_DONE = Sql.of("""
            -- name: complete_done
            SELECT lease_id, completed
            FROM postroom.complete_done(:worker, :leases, :masks, :leaseOf, :ordinals, :messages::uuid[], :numbers,
                                        :startedAgo, :finishedAgo)
            """);

    /**
     * Finishes a message with a lease of its own whose handler succeeded. Locks the lease row. Always one row: whether the lease was
     * still held.
     */
    static final Sql COMPLETE_ONE = Sql.of("""
            -- name: complete_one
            SELECT postroom.complete_one(:worker, :lease, :message, :number::int2, :startedAgo, :finishedAgo)
            """);

    /** Ends attempts with any outcome, also done with a note. Locks the lease rows in the order of their ids. */
    static final Sql COMPLETE = Sql.of("""
            -- name: complete
            SELECT lease_id, completed
            FROM postroom.complete(:worker, :leases, :masks, :leaseOf, :ordinals, :messages::uuid[], :numbers, :startedAgo, :finishedAgo,
                                   :outcomes, :nexts, :delays, :reasons, :errorClasses, :errors, :fingerprints, :failures, :crashes)
            """);

    /**
     * Hands the groups of messages that have ended to the next messages: see the function. Runs in the transaction of the completion, after
     * it, for messages whose leases were still held. Locks the rows of the groups in one order. Always one row.
     */
    static final Sql ADVANCE_GROUPS = Sql.of("""
            -- name: advance_groups
            SELECT postroom.advance_groups(:queues, :groups::text[], :messages::uuid[], :dead::text[]::boolean[])
            """);

    /**
     * Locks all leases in one order, when {@link #COMPLETE_DONE} and {@link #COMPLETE} follow in one transaction: two such transactions
     * do not deadlock.
     */
    static final Sql LOCK = Sql.of("""
            -- name: lock_leases
            SELECT l.id
            FROM postroom.lease l
            WHERE l.id = ANY (:leases)
              AND l.worker_id = :worker
            ORDER BY l.id
            FOR UPDATE
            """);
}
