package io.postroom.internal.postgres.admin;

import io.postroom.internal.postgres.statement.Sql;

/** Questions about what people did. */
final class LedgerSql {
    private LedgerSql() {}

    /** Lines of the ledger, the newest first. A line goes with its page: none is written with an earlier time later on, but by seconds. */
    static final Sql LINES = Sql.of("""
            -- name: ledger_lines
            SELECT o.id, o.at, o.actor, o.db_user, o.action, o.queue, o.message_id, o.operation_id, o.filter::text, o.planned, o.done,
                   o.reason, o.note
            FROM postroom.operator_log o
            WHERE (:actor::text IS NULL OR o.actor = :actor)
              AND (:action::text IS NULL OR o.action = :action)
              AND (:queue::text IS NULL OR o.queue = :queue)
              AND (:message::uuid IS NULL OR o.message_id = :message::uuid)
              AND (:operation::uuid IS NULL OR o.operation_id = :operation::uuid)
              AND (:before::uuid IS NULL
                   OR (o.at, o.id) < (SELECT b.at, b.id FROM postroom.operator_log b WHERE b.id = :before::uuid))
            ORDER BY o.at DESC, o.id DESC
            LIMIT :limit
            """).plannedAnew();

    /** Whether the chain is whole. Always one row. */
    static final Sql CHECK = Sql.of("""
            -- name: check_ledger
            SELECT c.lines, c.unsealed, c.unsealed_since, c.last_number, c.last_hash, c.problem, c.broken_number, c.broken_id
            FROM postroom.check_ledger(:number, :hash) c
            """);

    /** Whether there is a line of this id. Always one row. */
    static final Sql EXISTS = Sql.of("""
            -- name: ledger_line_exists
            SELECT EXISTS (SELECT FROM postroom.operator_log o WHERE o.id = :id)
            """);
}
