package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** What people do to dead letters: one, or all that match a filter. */
final class DeadLetterSql {
    private DeadLetterSql() {}

    /** Discards a dead letter: see the function. Always one row: in how many queues. */
    static final Sql DISCARD = Sql.of("""
            -- name: discard
            SELECT postroom.discard(:id, :reason, :queue::text, :actor::text)
            """);
}
