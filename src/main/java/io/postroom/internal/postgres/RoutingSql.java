package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Exchanges and bindings. The rules stand in the functions of db/function/route.sql. */
final class RoutingSql {
    private RoutingSql() {}

    static final Sql DECLARE = Sql.of("""
            -- name: declare_exchange
            SELECT postroom.declare_exchange(:exchange, :kind, :alternate)
            """);

    static final Sql DELETE = Sql.of("""
            -- name: delete_exchange
            SELECT postroom.delete_exchange(:exchange, :ifUnused)
            """);

    static final Sql BIND = Sql.of("""
            -- name: bind
            SELECT postroom.bind(:exchange, :queue, :routingKey, :arguments::jsonb, :toExchange)
            """);

    static final Sql UNBIND = Sql.of("""
            -- name: unbind
            SELECT postroom.unbind(:exchange, :queue, :routingKey, :arguments::jsonb, :toExchange)
            """);

    /** Takes the version first, as all that changes routing: see db/function/route.sql. */
    static final Sql CHANGE = Sql.of("""
            -- name: change_routing
            SELECT postroom.change_routing()
            """);

    static final Sql EXCHANGES = Sql.of("""
            -- name: exchanges
            SELECT e.name, e.kind, e.alternate
            FROM postroom.exchange e
            ORDER BY e.name
            """);

    /** What {@link PostgresRoutingStore#binding} reads. */
    static final String FROM_BINDINGS = """
            SELECT b.exchange, b.queue, b.to_exchange, b.routing_key,
                   ARRAY(SELECT unnest(ARRAY[a.key, a.value]) FROM jsonb_each_text(b.arguments) a)
            FROM postroom.bindings b
            """;

    static final Sql BINDINGS = Sql.of("-- name: bindings\n" + FROM_BINDINGS + """
            WHERE b.exchange = :exchange
            ORDER BY b.routing_key, b.queue, b.to_exchange, b.arguments
            """);

    static final Sql ROUTE = Sql.of("""
            -- name: route
            SELECT r.queue, r.bindings
            FROM postroom.route(:exchange, :routingKey, :headers::jsonb) r
            """);

    /**
     * Everything that routing needs, in one statement and so in one snapshot. The first row is that of the version; a column says of which
     * kind each row is. Rows of deleted queues are left out.
     */
    static final Sql READ = Sql.of("""
            -- name: read_routing
            SELECT 'version', (SELECT v.version FROM postroom.routing_version v), 0, NULL, NULL, NULL, 0, 0, NULL::text[]
            UNION ALL
            SELECT 'exchange', NULL, e.id, e.name, e.kind, e.alternate, 0, 0, NULL
            FROM postroom.exchange e
            UNION ALL
            SELECT 'binding', NULL, b.exchange_id, q.name, b.routing_key, NULL, coalesce(b.queue_id, 0), coalesce(b.to_exchange_id, 0),
                   CASE WHEN b.arguments <> '{}' THEN
                       ARRAY(SELECT unnest(ARRAY[a.key, a.value]) FROM jsonb_each_text(b.arguments) a) END
            FROM postroom.binding b
            LEFT JOIN postroom.queue q ON q.id = b.queue_id
            WHERE b.queue_id IS NULL
               OR q.deleted_at IS NULL
            """);

    /**
     * The queues of one message in the snapshot of the caller's statement. 0 rows: the exchange does not exist. A row without a queue: the
     * message reaches none.
     */
    static final Sql RESOLVE = Sql.of("""
            -- name: resolve
            SELECT e.id, q.id, q.name,
                   CASE WHEN q.time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'
                        THEN (extract(epoch FROM q.time_to_live) * 1000000)::bigint END
            FROM (SELECT x.id FROM postroom.exchange x WHERE x.name = :exchange
                  UNION ALL
                  SELECT 0 WHERE :exchange = '') e
            LEFT JOIN postroom.queue q
                ON q.deleted_at IS NULL
               AND CASE WHEN :exchange = '' THEN q.name = :routingKey
                        ELSE q.id IN (SELECT b.queue_id FROM postroom.reached_bindings(e.id, :routingKey, :headers::jsonb) b) END
            ORDER BY q.name
            """);

    /** By its row, or by the rules of the homes. */
    static final Sql REQUIRE_NOT_MOVED = Sql.of("""
            -- name: require_not_moved
            SELECT postroom.require_not_moved(:queue, (SELECT q.moved_to FROM postroom.queue q WHERE q.name = :queue))
            """);

    static final Sql DROP = Sql.of("""
            -- name: drop_unroutable
            INSERT INTO postroom.dropped_message (exchange, routing_key, message_id, type, correlation_id)
            VALUES (:exchange, :routingKey, :id, :type, :correlation)
            ON CONFLICT DO NOTHING
            """);
}
