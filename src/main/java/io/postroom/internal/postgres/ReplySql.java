package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Creates the replies of handlers. */
final class ReplySql {
    private ReplySql() {}

    /**
     * Creates replies: one row a reply, in no order. A reply whose queue does not exist, or was deleted, is not written and has a row in
     * {@code dropped_message}; its {@code seq} is NULL. Waits for no transaction that creates messages in the queue; the database
     * makes the ids.
     */
    static final Sql CREATE = Sql.of("""
            -- name: create_replies
            SELECT r.place::int, c.queue_id, c.seq
            FROM unnest(:queues::text[], :versions::int4[], :types::text[], :priorities::int4[], :timesToLive::int8[],
                        :correlations::text[], :groups::text[], :headers::text[], :directions::text[], :contentTypes::text[],
                        :payloads::text[], :bodies::bytea[])
                 WITH ORDINALITY r (queue, version, type, priority, time_to_live, correlation_id, group_key, headers, direction,
                                    content_type, payload, body, place)
            CROSS JOIN LATERAL postroom.create_reply(
                r.queue, r.type, r.version, r.payload::jsonb, r.body, r.content_type, r.headers::jsonb, r.priority,
                r.time_to_live * interval '1 microsecond', r.correlation_id, r.group_key, r.direction) c
            """);
}
