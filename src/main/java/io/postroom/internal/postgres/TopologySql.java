package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Queues with all their settings, exchanges and bindings, as a whole. */
final class TopologySql {
    private TopologySql() {}

    private static final String DECLARE_QUEUE = """
            SELECT postroom.declare_queue(:queue, max_attempts => :attempts, retry_after => :retryAfter, crash_limit => :crashLimit,
                                          time_to_live => :timeToLive::bigint * interval '1 microsecond',
                                          retention => :retention::bigint * interval '1 microsecond', kind => :kind,
                                          dead_letter_exchange => :deadLetterExchange, dead_letter_routing_key => :deadLetterRoutingKey,
                                          ordered => :ordered::text::boolean, on_dead_letter => :onDeadLetter,
                                          max_length => :maxLength, overflow => :overflow,
                                          single_active_consumer => :singleActiveConsumer::text::boolean,
                                          expires_after => :expiresAfter::bigint * interval '1 microsecond',
                                          fair => :fair::text::boolean)
            """;

    /**
     * Gives a deleted queue the settings of a new one, so that what a topology leaves out is as it leaves it out. A declaration alone
     * brings a queue back as it was: its consumers may have been away for a moment. ordered gets its value at once, because each change of
     * it looks for messages at the commit. 0 or 1 rows.
     */
    static final Sql FORGET_DELETED = Sql.of("""
            -- name: forget_deleted
            UPDATE postroom.queue q
            SET max_attempts = DEFAULT, retry_after = DEFAULT, crash_limit = DEFAULT, time_to_live = DEFAULT, retention = DEFAULT,
                ordered = coalesce(:ordered::text::boolean, false), on_dead_letter = DEFAULT, settings_by = DEFAULT,
                kind = DEFAULT, owner = DEFAULT, dead_letter_exchange = DEFAULT, dead_letter_routing_key = DEFAULT,
                max_length = DEFAULT, overflow = DEFAULT, single_active_consumer = DEFAULT, expires_after = DEFAULT,
                fair = DEFAULT, group_weights = DEFAULT
            WHERE q.name = :queue
              AND q.deleted_at IS NOT NULL
            """);

    /** Makes a queue or sets what is named, by the rules of the function. Always one row. */
    static final Sql SET_QUEUE = Sql.of("-- name: set_queue\n" + DECLARE_QUEUE);

    /** Makes a queue; one that exists stays as it is, and a deleted one comes back with these settings. 0 rows: it exists. */
    static final Sql ADD_QUEUE = Sql.of("-- name: add_queue\n" + DECLARE_QUEUE + """
            WHERE NOT EXISTS (SELECT FROM postroom.queue q WHERE q.name = :queue AND q.deleted_at IS NULL)
            """);

    /** All queues but exclusive ones, by name. */
    static final Sql QUEUES = Sql.of("""
            -- name: queues
            SELECT q.name, q.max_attempts, q.retry_after, (extract(epoch FROM q.time_to_live) * 1000000)::bigint,
                   (extract(epoch FROM q.retention) * 1000000)::bigint, q.crash_limit, q.kind, q.dead_letter_exchange,
                   q.dead_letter_routing_key, q.ordered, q.on_dead_letter, q.max_length, q.overflow, q.single_active_consumer,
                   (extract(epoch FROM q.expires_after) * 1000000)::bigint, q.fair
            FROM postroom.queue q
            WHERE q.deleted_at IS NULL
              AND q.kind <> 'exclusive' -- it goes with its process
            ORDER BY q.name
            """);

    /** All bindings but those to exclusive queues, by exchange. */
    static final Sql BINDINGS = Sql.of("-- name: all_bindings\n" + RoutingSql.FROM_BINDINGS + """
            WHERE b.queue IS NULL
               OR EXISTS (SELECT FROM postroom.queue q WHERE q.name = b.queue AND q.kind <> 'exclusive')
            ORDER BY b.exchange, b.routing_key, b.queue, b.to_exchange, b.arguments
            """);
}
