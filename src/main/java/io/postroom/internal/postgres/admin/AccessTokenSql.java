package io.postroom.internal.postgres.admin;

import io.postroom.internal.postgres.statement.Sql;

/** Statements about tokens. */
final class AccessTokenSql {
    private AccessTokenSql() {}

    /** Makes a token. Always one row: the token, which is kept nowhere. */
    static final Sql CREATE = Sql.of("""
            -- name: create_access_token
            SELECT postroom.create_access_token(:name, :role, :queues, :expiresAt::timestamptz, :reason::text, :actor::text)
            """);

    /** Revokes a token. Always one row: whether that was a change. */
    static final Sql REVOKE = Sql.of("""
            -- name: revoke_access_token
            SELECT postroom.revoke_access_token(:name, :reason::text, :actor::text)
            """);

    static final Sql LIST = Sql.of("""
            -- name: list_access_tokens
            SELECT t.name, t.role, t.queues, t.state, t.created_at, t.created_by, t.expires_at, t.last_used_at, t.revoked_at, t.revoked_by
            FROM postroom.access_tokens t
            WHERE t.name > :after
            ORDER BY t.name
            LIMIT :limit
            """);

    /** Always one row; -1: somebody has removed the row of the version. */
    static final Sql VERSION = Sql.of("""
            -- name: access_token_version
            SELECT coalesce(max(v.version), -1) FROM postroom.access_token_version v
            """);

    /** All tokens that can be used, at most some 10,000. */
    static final Sql IN_USE = Sql.of("""
            -- name: access_tokens_in_use
            SELECT t.name, t.hash, t.role, t.queues, (extract(epoch FROM t.expires_at - clock_timestamp()) * 1000000)::bigint
            FROM postroom.access_token t
            WHERE t.revoked_at IS NULL
              AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
            """);

    /** Notes the last use of tokens. Locks in order of names and skips rows that others hold: nobody waits for a time of day. */
    static final Sql NOTE_USE = Sql.of("""
            -- name: note_access_token_use
            WITH used AS MATERIALIZED (
                SELECT u.name, clock_timestamp() - u.micros * interval '1 microsecond' AS at
                FROM unnest(:names::text[], :micros::bigint[]) u (name, micros)
            ), free AS MATERIALIZED (
                SELECT t.name, u.at
                FROM postroom.access_token t
                JOIN used u ON u.name = t.name
                WHERE t.last_used_at IS NULL OR t.last_used_at < u.at
                ORDER BY t.name
                FOR NO KEY UPDATE OF t SKIP LOCKED
            )
            UPDATE postroom.access_token t
            SET last_used_at = f.at
            FROM free f
            WHERE t.name = f.name
            """);
}
