package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Recognises messages that are there already. */
final class RepeatSql {
    private RepeatSql() {}

    /**
     * The message that stands where another was not written. Runs as a statement of its own: the statement that lost the conflict cannot
     * see the winner. A message that is stored is a repeat of itself, whoever has its key by now. One row per message, in the order given:
     *
     * <ol>
     *   <li>the id that is there
     *   <li>whether its content is the same; a purged message counts as the same
     *   <li>whether the key is still taken; false: it was purged in between, so try again
     *   <li>its queues; null when the message names its queue
     *   <li>whether it is stored
     * </ol>
     */
    static final Sql COMPARE = Sql.of("""
            -- name: compare
            SELECT coalesce(own.id, d.message_id, g.id),
                   m.id IS NULL
                   OR (m.exchange IS NOT DISTINCT FROM g.exchange
                       AND m.routing_key IS NOT DISTINCT FROM g.routing_key
                       AND (g.exchange IS NOT NULL OR m.queue_id = g.queue_id)
                       AND m.type IS NOT DISTINCT FROM g.type
                       AND m.type_version = g.version
                       AND m.payload IS NOT DISTINCT FROM g.payload::jsonb
                       AND m.body IS NOT DISTINCT FROM g.body),
                   g.key IS NULL OR own.id IS NOT NULL OR d.message_id IS NOT NULL,
                   CASE WHEN g.exchange IS NOT NULL THEN postroom.queues_of(coalesce(own.id, d.message_id, g.id)) END,
                   m.id IS NOT NULL
            FROM unnest(:ids::uuid[], :queues::int4[], :versions::int2[], :types::text[],
                        :payloads::text[], :bodies::bytea[], :keys::text[], :keyOwners::int4[], :exchanges::text[], :routingKeys::text[])
                 WITH ORDINALITY g (id, queue_id, version, type, payload, body, key, key_owner, exchange, routing_key, place)
            LEFT JOIN postroom.message own ON own.id = g.id
            LEFT JOIN postroom.dedup d ON d.queue_id = g.key_owner AND d.key = g.key
            LEFT JOIN postroom.message m ON m.id = coalesce(own.id, d.message_id, g.id)
            ORDER BY g.place
            """);

    /**
     * Takes deduplication keys before their messages are written, in one order. Waits for another open transaction with one of the keys.
     * One row per key that was free: the id of its message. Ids must differ among themselves. Relies on dedup_pk.
     */
    static final Sql TAKE_KEYS = Sql.of("""
            -- name: take_keys
            INSERT INTO postroom.dedup (queue_id, key, message_id)
            SELECT g.key_owner, g.key, g.id
            FROM unnest(:keyOwners::int4[], :keys::text[], :ids::uuid[]) WITH ORDINALITY g (key_owner, key, id, place)
            ORDER BY g.key_owner, g.key, g.place
            ON CONFLICT DO NOTHING
            RETURNING message_id
            """);

    /**
     * Takes keys one by one in the order of {@link #TAKE_KEYS}, with a look at the messages that hold them. Cancels or reschedules these
     * if asked to. One row per message: the message that keeps the key; null where the key was taken.
     */
    static final Sql TAKE_HELD_KEYS = Sql.of("""
            -- name: take_held_keys
            SELECT g.id, postroom.take_key(g.key_owner, g.key, g.id, g.until, g.on_duplicate,
                       CASE WHEN g.delay > 0 THEN clock_timestamp() + g.delay * interval '1 microsecond'
                            ELSE timestamptz 'epoch' + g.due_at * interval '1 microsecond' END)
            FROM (
                SELECT *
                FROM unnest(:keyOwners::int4[], :keys::text[], :ids::uuid[], :untils::text[], :onDuplicates::text[],
                            :delays::int8[], :dueAts::int8[])
                     WITH ORDINALITY x (key_owner, key, id, until, on_duplicate, delay, due_at, place)
                ORDER BY x.key_owner, x.key, x.place
                OFFSET 0
            ) g
            """);

    /** Locks keys in the order of {@link #TAKE_KEYS}: see the function. Always one row. */
    static final Sql LOCK_KEYS = Sql.of("""
            -- name: lock_keys
            SELECT postroom.lock_keys(:keyOwners::int4[], :keys::text[], :ids::uuid[])
            """);

    /** Whether a message keeps its key from another one: see {@code keeps_key}. Always one row. Locks nothing. */
    static final Sql KEEPS_KEY = Sql.of("""
            -- name: keeps_key
            SELECT postroom.keeps_key(:id::uuid, :until::text, :onDuplicate::text)
            """);

    /** Gives keys back whose messages were not written. */
    static final Sql FORGET_KEYS = Sql.of("""
            -- name: forget_keys
            DELETE FROM postroom.dedup d
            USING unnest(:keyOwners::int4[], :keys::text[], :ids::uuid[]) g (key_owner, key, id)
            WHERE d.queue_id = g.key_owner
              AND d.key = g.key
              AND d.message_id = g.id
            """);
}
