package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Out of a lease. The functions decide on the locked value of {@code lease.open}; a lease or bit missing in the answer was lost. */
final class CompleteSql {
    private CompleteSql() {}

    /** Handlers that went well. Locks the lease rows in the order of their ids. */
    static final Sql COMPLETE_DONE = Sql.of("""
            -- name: complete_done
            SELECT lease_id, completed
            FROM postroom.complete_done(:worker, :leases, :masks, :leaseOf, :ordinals, :messages::uuid[], :numbers, :startedAgo, :finishedAgo)
            """);

    /** A handler that went well, of a message with a lease of its own. Locks the lease row. Always one row: whether the lease was still held. */
    static final Sql COMPLETE_ONE = Sql.of("""
            -- name: complete_one
            SELECT postroom.complete_one(:worker, :lease, :message, :number::int2, :startedAgo, :finishedAgo)
            """);

    /** All other ends. Locks the lease rows in the order of their ids. */
    static final Sql COMPLETE = Sql.of("""
            -- name: complete
            SELECT lease_id, completed
            FROM postroom.complete(:worker, :leases, :masks, :leaseOf, :ordinals, :messages::uuid[], :numbers, :startedAgo, :finishedAgo,
                                   :outcomes, :nexts, :delays, :reasons, :errorClasses, :errors, :fingerprints, :failures, :crashes)
            """);

    /** Both of the above follow in one transaction: takes all their leases in one order first, so that two of those do not deadlock. */
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
