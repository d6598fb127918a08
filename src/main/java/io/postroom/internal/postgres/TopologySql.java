package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Queues with all their settings, exchanges and bindings, as a whole. */
final class TopologySql {
    private TopologySql() {}

    /** Queues as members of one JSON array, in the order of their names. */
    private static final String NAMED = """
            FROM (
                SELECT *
                FROM jsonb_to_recordset(:queues::jsonb) AS q (
                    queue text, attempts int, "retryAfter" text, "crashLimit" int, "timeToLive" bigint, retention bigint, kind text,
                    "deadLetterExchange" text, "deadLetterRoutingKey" text, ordered boolean, "onDeadLetter" text, "maxLength" bigint,
                    overflow text, "singleActiveConsumer" boolean, "expiresAfter" bigint, fair boolean)
                ORDER BY q.queue COLLATE "C"
            ) n
            """;

    private static final String DECLARE_QUEUES = """
            SELECT count(postroom.declare_queue(
                n.queue, max_attempts => n.attempts, retry_after => n."retryAfter", crash_limit => n."crashLimit",
                time_to_live => n."timeToLive" * interval '1 microsecond', retention => n.retention * interval '1 microsecond',
                kind => n.kind, dead_letter_exchange => n."deadLetterExchange", dead_letter_routing_key => n."deadLetterRoutingKey",
                ordered => n.ordered, on_dead_letter => n."onDeadLetter", max_length => n."maxLength", overflow => n.overflow,
                single_active_consumer => n."singleActiveConsumer", expires_after => n."expiresAfter" * interval '1 microsecond',
                fair => n.fair))
            """ + NAMED;

    /**
     * Gives deleted queues the settings of new ones, so that what a topology leaves out is as it leaves it out. A declaration alone
     * brings a queue back as it was: its consumers may have been away for a moment. ordered gets its value at once, because each change of
     * it looks for messages at the commit. Locks by name, as all that locks several queues.
     */
    static final Sql FORGET_DELETED =
            Sql.of("-- name: forget_deleted\nWITH deleted AS MATERIALIZED (SELECT q.id, n.ordered " + NAMED + """
                JOIN postroom.queue q ON q.name = n.queue
                WHERE q.deleted_at IS NOT NULL
                ORDER BY q.name
                FOR NO KEY UPDATE OF q
            ), forgotten AS (
                DELETE FROM postroom.limiter l
                USING deleted d
                WHERE l.queue_id = d.id
            )
            UPDATE postroom.queue q
            SET max_attempts = DEFAULT, retry_after = DEFAULT, crash_limit = DEFAULT, time_to_live = DEFAULT, retention = DEFAULT,
                ordered = coalesce(d.ordered, false), on_dead_letter = DEFAULT, settings_by = DEFAULT,
                kind = DEFAULT, owner = DEFAULT, dead_letter_exchange = DEFAULT, dead_letter_routing_key = DEFAULT,
                max_length = DEFAULT, overflow = DEFAULT, single_active_consumer = DEFAULT, expires_after = DEFAULT,
                fair = DEFAULT, group_weights = DEFAULT, weights_by = DEFAULT, destination = DEFAULT,
                destination_by = DEFAULT, has_limiter = DEFAULT
            FROM deleted d
            WHERE q.id = d.id
            """);

    /**
     * Takes the version first, as all that changes routing, and once for the whole topology: see db/function/route.sql. No message is
     * created in the same transaction. Says for the record who changes settings in it, and why: see record_queue_settings.
     */
    static final Sql CHANGE_ROUTING = Sql.of("""
            -- name: change_routing_once
            SELECT postroom.change_routing(), set_config('postroom.routing_changed_in', pg_current_xact_id()::text, true),
                   set_config('postroom.change_of_transaction',
                              jsonb_build_object('actor', :actor::text, 'reason', :reason::text)::text, true)
            """);

    /**
     * Takes the locks of queues that are made or come back: see lock_first_use. Always one row. They are taken in one order before any row,
     * so that two topologies whose names share locks wait for one another and never in a circle.
     */
    static final Sql LOCK_FIRST_USES = Sql.of("""
            -- name: lock_first_uses
            SELECT count(postroom.lock_first_use(x.name))
            FROM (
                SELECT DISTINCT ON (hashtext(n.name) & 1023) n.name
                FROM unnest(:queues::text[]) n (name)
                WHERE NOT EXISTS (SELECT FROM postroom.queue q WHERE q.name = n.name AND q.deleted_at IS NULL)
                ORDER BY hashtext(n.name) & 1023, n.name
            ) x
            """);

    /**
     * Locks the limiters that a topology sets, or whose queues it declares, before their queues: set_limiter locks in this order, too, and
     * two that lock the other way round would wait for one another.
     */
    static final Sql LOCK_LIMITERS = Sql.of("""
            -- name: lock_limiters
            SELECT l.id
            FROM postroom.limiter l
            WHERE l.queue_id IN (SELECT q.id FROM postroom.queue q WHERE q.name = ANY (:queues))
               OR l.destination = ANY (:destinations)
            ORDER BY l.id
            FOR UPDATE
            """);

    /** Declares exchanges, members of one JSON array, in its order: see the function. Always one row. */
    static final Sql DECLARE_EXCHANGES = Sql.of("""
            -- name: declare_exchanges
            SELECT count(postroom.declare_exchange(n.exchange, n.kind, n.alternate))
            FROM jsonb_to_recordset(:exchanges::jsonb) AS n (exchange text, kind text, alternate text)
            """);

    /** Binds, by members of one JSON array, in its order: see the function. Always one row. */
    static final Sql BIND_ALL = Sql.of("""
            -- name: bind_all
            SELECT count(postroom.bind(n.exchange, n.queue, n."routingKey", n.arguments, n."toExchange"))
            FROM jsonb_to_recordset(:bindings::jsonb) AS n (
                exchange text, queue text, "routingKey" text, arguments jsonb, "toExchange" text)
            """);

    /** Declares the destinations of queues, in the order of their names: see the function. Always one row. */
    static final Sql SET_DESTINATIONS = Sql.of("""
            -- name: set_destinations
            SELECT count(postroom.set_destination(n.queue, n.destination, 'declaration'))
            FROM (
                SELECT * FROM unnest(:queues::text[], :destinations::text[]) d (queue, destination) ORDER BY d.queue COLLATE "C"
            ) n
            """);

    /** Declares the weights of groups, in the order given: see the function. Always one row. */
    static final Sql SET_WEIGHTS = Sql.of("""
            -- name: set_weights
            SELECT count(postroom.set_group_weight(n.queue, n.group_key, n.weight, set_by => 'declaration'))
            FROM unnest(:queues::text[], :groups::text[], :weights::int[]) n (queue, group_key, weight)
            """);

    /** Declares limiters, members of one JSON array, in its order: see the function. Always one row. */
    static final Sql SET_LIMITERS = Sql.of("""
            -- name: set_limiters
            SELECT count(postroom.set_limiter(
                n.queue, n.destination, n."maxStarts", n.period * interval '1 microsecond', n."window", n."maxInProgress",
                n."maxStartsPerGroup", n."periodPerGroup" * interval '1 microsecond', n."maxInProgressPerGroup", 'declaration',
                s.said ->> 'reason', s.said ->> 'actor'))
            FROM (SELECT nullif(current_setting('postroom.change_of_transaction', true), '')::jsonb AS said) s
            CROSS JOIN jsonb_to_recordset(:limiters::jsonb) AS n (
                queue text, destination text, "maxStarts" int, period bigint, "window" text, "maxInProgress" int,
                "maxStartsPerGroup" int, "periodPerGroup" bigint, "maxInProgressPerGroup" int)
            """);

    /** Destinations of queues, by queue. */
    static final Sql DESTINATIONS = Sql.of("""
            -- name: destinations
            SELECT q.name, q.destination
            FROM postroom.queue q
            WHERE q.deleted_at IS NULL
              AND q.kind <> 'exclusive'
              AND q.destination IS NOT NULL
            """);

    /** Weights of the groups of fair queues. */
    static final Sql WEIGHTS = Sql.of("""
            -- name: weights
            SELECT w.queue, w.group_key, w.weight
            FROM postroom.group_weights w
            WHERE w.fair
              AND EXISTS (SELECT FROM postroom.queue q WHERE q.name = w.queue AND q.kind <> 'exclusive')
            """);

    /** Limiters with limits, but those of exclusive queues; of queues first, by name. */
    static final Sql LIMITERS = Sql.of("""
            -- name: topology_limiters
            SELECT q.name, l.destination, l.max_starts, (extract(epoch FROM l.period) * 1000000)::bigint, l.window_kind,
                   l.max_in_progress, l.max_starts_per_group, (extract(epoch FROM l.period_per_group) * 1000000)::bigint,
                   l.max_in_progress_per_group
            FROM postroom.limiter l
            LEFT JOIN postroom.queue q ON q.id = l.queue_id
            WHERE (q.id IS NULL OR q.deleted_at IS NULL AND q.kind <> 'exclusive')
              AND num_nonnulls(l.max_starts, l.max_in_progress, l.max_starts_per_group, l.max_in_progress_per_group) > 0
            ORDER BY l.destination IS NOT NULL, q.name, l.destination
            """);

    /** Makes queues or sets what is named, by the rules of the function. Always one row. */
    static final Sql SET_QUEUES = Sql.of("-- name: set_queues\n" + DECLARE_QUEUES);

    /** Makes queues; one that exists stays as it is, and a deleted one comes back with these settings. Always one row. */
    static final Sql ADD_QUEUES = Sql.of("-- name: add_queues\n" + DECLARE_QUEUES + """
            WHERE NOT EXISTS (SELECT FROM postroom.queue q WHERE q.name = n.queue AND q.deleted_at IS NULL)
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
