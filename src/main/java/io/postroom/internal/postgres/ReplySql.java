package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Creates the replies of handlers. */
final class ReplySql {
    private ReplySql() {}

    /**
     * Creates replies through the default exchange, as any SQL client would: one row a reply, in no order. A reply whose queue does not
     * exist, or was deleted, is not written and has a row in {@code dropped_message}; its {@code seq} is NULL. {@code currval} is the
     * number that the call before it in the same row has drawn, because rows are made one by one.
     */
    static final Sql CREATE = Sql.of("""
            -- name: create_replies
            SELECT r.place::int,
                   (SELECT q.id FROM postroom.queue q WHERE q.name = r.queue),
                   CASE WHEN c.is_new THEN currval('postroom.ready_seq') END
            FROM unnest(:queues::text[], :ids::uuid[], :versions::int4[], :types::text[], :priorities::int4[], :timesToLive::int8[],
                        :correlations::text[], :groups::text[], :headers::text[], :directions::text[], :contentTypes::text[],
                        :payloads::text[], :bodies::bytea[])
                 WITH ORDINALITY r (queue, id, version, type, priority, time_to_live, correlation_id, group_key, headers, direction,
                                    content_type, payload, body, place)
            CROSS JOIN LATERAL postroom.create_message(
                exchange => '', routing_key => r.queue, mandatory => false, message_id => r.id, type => r.type, type_version => r.version,
                payload => r.payload::jsonb, body => r.body, content_type => r.content_type, headers => r.headers::jsonb,
                priority => r.priority, time_to_live => r.time_to_live * interval '1 microsecond', correlation_id => r.correlation_id,
                group_key => r.group_key, direction => r.direction) c
            """);
}
