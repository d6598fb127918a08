package io.postroom.internal.postgres.console;

import io.postroom.internal.postgres.statement.Sql;

/** Statements about exchanges, their bindings, and limiters. */
final class TopologyReadsSql {
    private TopologyReadsSql() {}

    /** Exchanges by name, behind one. Relies on the index of their names. */
    static final Sql EXCHANGES = Sql.of("""
            -- name: console_exchanges
            SELECT e.name, e.kind, e.alternate
            FROM postroom.exchange e
            WHERE e.name > :after
            ORDER BY e.name
            LIMIT :limit
            """);

    /** One exchange. 0 rows: there is none. */
    static final Sql EXCHANGE = Sql.of("""
            -- name: console_exchange
            SELECT e.name, e.kind, e.alternate FROM postroom.exchange e WHERE e.name = :name
            """);

    /** Bindings that begin at an exchange, behind one. Reads all bindings of the exchange, through binding_unique. */
    static final Sql BINDINGS_FROM = Sql.of("""
            -- name: console_bindings_from
            SELECT q.name, x.name, b.routing_key,
                   (SELECT string_agg(a.key || '=' || coalesce(a.value, '(any)'), ', ' ORDER BY a.key) FROM jsonb_each_text(b.arguments) a),
                   b.id
            FROM postroom.binding b
            LEFT JOIN postroom.queue q ON q.id = b.queue_id AND q.deleted_at IS NULL
            LEFT JOIN postroom.exchange x ON x.id = b.to_exchange_id
            WHERE b.exchange_id = (SELECT e.id FROM postroom.exchange e WHERE e.name = :exchange)
              AND b.id > :after
              AND (q.id IS NOT NULL OR x.id IS NOT NULL)
            ORDER BY b.id
            LIMIT :limit
            """);

    /** Limiters, those of destinations first, by name, behind one. Computes all of them: ended after the time that a statement has. */
    static final Sql LIMITERS = Sql.of("""
            -- name: console_limiters
            SELECT l.queue, l.destination, l.max_starts, l.period::text, l.max_in_progress, l.starts, l.in_progress,
                   coalesce(l.next_start, 0) / 1000, l.parked_until, l.set_by = 'operator', l.set_at, x.key
            FROM postroom.limiters() l
            CROSS JOIN LATERAL (SELECT coalesce('queue ' || l.queue, 'destination ' || l.destination) AS key) x
            WHERE x.key > :after COLLATE "C"
            ORDER BY x.key COLLATE "C"
            LIMIT :limit
            """);
}
