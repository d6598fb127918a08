-- Why: several tokens with names and roles for the HTTP API and the console, kept as hashes. And no function is for everybody any more: a
-- role gets the functions that it needs, by the scripts in db/roles or the grants of docs/operations.md.
-- Locks: operator_action exclusively, for a moment.
-- Table size: tried on small tables alone; the constraint is checked for all lines of the ledger.
-- Older workers: survive, if their role has the functions by a grant of its own.

CREATE TABLE postroom.access_token (
    name          text COLLATE "C" CONSTRAINT access_token_pk PRIMARY KEY,
    hash          bytea NOT NULL CONSTRAINT access_token_hash UNIQUE,
    role          text COLLATE "C" NOT NULL,
    queues        text[] NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by    text NOT NULL DEFAULT session_user,
    expires_at    timestamptz,
    last_used_at  timestamptz,
    revoked_at    timestamptz,
    revoked_by    text,
    CONSTRAINT access_token_hash_is_sha256 CHECK (octet_length(hash) = 32),
    CONSTRAINT access_token_role_known CHECK (role IN ('reader', 'operator', 'producer')),
    CONSTRAINT access_token_queues CHECK ((role = 'producer') = (cardinality(queues) > 0)),
    CONSTRAINT access_token_queues_known CHECK (array_position(queues, NULL) IS NULL),
    CONSTRAINT access_token_expires CHECK (isfinite(expires_at)),
    CONSTRAINT access_token_revoked CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE postroom.access_token IS 'who may use the HTTP API and the console; see create_access_token';
COMMENT ON COLUMN postroom.access_token.hash IS 'SHA-256 of the token, which is kept nowhere';
COMMENT ON COLUMN postroom.access_token.queues IS 'patterns of the queues that a producer creates messages in; of others empty';
COMMENT ON COLUMN postroom.access_token.last_used_at IS 'noted at most once a minute by each process';

CREATE TABLE postroom.access_token_version (
    is_only  boolean NOT NULL DEFAULT true CONSTRAINT access_token_version_pk PRIMARY KEY
             CONSTRAINT access_token_version_is_one_row CHECK (is_only),
    version  bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE postroom.access_token_version IS 'one row; each change of a token raises the version, which processes look at';
INSERT INTO postroom.access_token_version DEFAULT VALUES;

CREATE OR REPLACE VIEW postroom.access_tokens AS
SELECT t.name,
       t.role,
       t.queues,
       CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
            WHEN t.expires_at <= statement_timestamp() THEN 'expired'
            ELSE 'in use' END AS state,
       t.created_at,
       t.created_by,
       t.expires_at,
       t.last_used_at,
       t.revoked_at,
       t.revoked_by
FROM postroom.access_token t;
COMMENT ON VIEW postroom.access_tokens IS 'who may use the HTTP API and the console; the tokens themselves are kept nowhere';
COMMENT ON COLUMN postroom.access_tokens.state IS 'in use, expired or revoked';
COMMENT ON COLUMN postroom.access_tokens.last_used_at IS 'exact to about a minute; null: never';

ALTER TABLE postroom.operator_action
    DROP CONSTRAINT operator_action_known,
    ADD CONSTRAINT operator_action_known CHECK (action IN
        ('pause', 'resume', 'stop_consumers', 'start_consumers', 'cancel', 'reschedule', 'redrive', 'discard', 'purge', 'declare', 'delete',
         'run', 'unpark', 'stop_operation', 'end_operation', 'create_token', 'revoke_token'));

-- access_token: who may use the HTTP API and the console of the server. A token is a random text that is told once; the table has its
-- SHA-256. That is right for 256 random bits: nobody can try them out, so a slow hash would cost each request and protect nothing.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.
--
-- Each process has a copy of all tokens and looks once a second whether the version has moved. The steps:
--
--   1. Who changes tokens locks the row of the version before it reads anything. Changes are rare, so one at a time is enough. Without the
--      lock two could give one name away, or both be the 10,000th.
--   2. The trigger raises the version in the transaction of the change, by hand or by a function. The row is locked until the commit, so
--      versions are committed in their order. With a sequence, a process could see number 6, read, and never look again when the
--      transaction with number 5 commits.
--   3. Who follows reads the version first and the tokens in a later snapshot. A change in between is read twice. In the other order a
--      change in between would be missed: its version would be known already, and its tokens not.
--   4. The time of the last use is no change: it is written without raising the version, and rows that are locked are left out.
--   5. A version may come again with other tokens: after a failover that lost commits, or a restore. So who follows reads all tokens anew
--      after each failure, and at least once a minute, whatever the version is.
--
-- create_access_token and revoke_access_token run with the rights of their owner, for whoever has EXECUTE. Nobody else needs to write these
-- tables: a right to change rows would let its holder take back a revocation. revoked_by and created_by are what the caller says, as
-- actor in the ledger is; the login is in the ledger's db_user.

CREATE OR REPLACE FUNCTION postroom.change_access_tokens() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE postroom.access_token_version SET version = version + 1;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.change_access_tokens IS
    'Internal: a trigger. Tells all processes that tokens have changed.';

CREATE OR REPLACE TRIGGER change_access_tokens
    AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF name, hash, role, queues, expires_at, revoked_at ON postroom.access_token
    FOR EACH STATEMENT EXECUTE FUNCTION postroom.change_access_tokens();

CREATE OR REPLACE FUNCTION postroom.lock_access_tokens() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM postroom.access_token_version v FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'postroom.access_token_version has lost its one row, so tokens can be neither created nor revoked' USING
            ERRCODE = '55000',
            HINT = 'As the owner: INSERT INTO postroom.access_token_version DEFAULT VALUES';
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.lock_access_tokens IS
    'Internal: makes those who change tokens wait for each other.';

CREATE OR REPLACE FUNCTION postroom.require_access_token(p_name text, p_role text, p_queues text[], p_expires_at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pattern text;
BEGIN
    IF p_name IS NULL OR p_name COLLATE "C" !~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$' THEN
        PERFORM postroom.refuse('name', '1 to 100 of A-Z a-z 0-9 . _ : -, first a letter or digit', p_name);
    ELSIF p_name = 'property' THEN
        PERFORM postroom.refuse('name', 'another one: that is the token of the server''s own settings', p_name);
    ELSIF p_role IS NULL OR p_role NOT IN ('reader', 'operator', 'producer') THEN
        PERFORM postroom.refuse('role', 'reader, operator or producer', p_role);
    ELSIF p_role <> 'producer' AND coalesce(cardinality(p_queues), 0) > 0 THEN
        PERFORM postroom.refuse('queues', 'left out: only a producer is bound to queues', p_queues::text);
    ELSIF p_role = 'producer' AND coalesce(cardinality(p_queues), 0) NOT BETWEEN 1 AND 100 THEN
        PERFORM postroom.refuse('queues', '1 to 100 patterns for a producer', coalesce(cardinality(p_queues), 0)::text);
    ELSIF p_expires_at <= clock_timestamp() OR p_expires_at > clock_timestamp() + interval '3650 days' THEN
        PERFORM postroom.refuse('expiresAt', 'in the future and at most 3650 days ahead', p_expires_at::text);
    END IF;
    FOREACH pattern IN ARRAY coalesce(p_queues, '{}') LOOP
        IF pattern IS NULL OR char_length(pattern) > 127
           OR pattern COLLATE "C" !~ '^(\*|#|[A-Za-z0-9][A-Za-z0-9_:-]*)(\.(\*|#|[A-Za-z0-9_:-]*))*$' THEN
            PERFORM postroom.refuse('queues', 'names of queues, with * for one word between dots and # for any number of words', pattern);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.require_access_token IS
    'Internal: refuses a token that breaks a limit.';

-- gen_random_uuid draws 122 bits from the strong generator of the server; three of them are more than the 256 of the token.
CREATE OR REPLACE FUNCTION postroom.create_access_token(
    name        text,
    role        text,
    queues      text[] DEFAULT '{}',
    expires_at  timestamptz DEFAULT NULL,
    reason      text DEFAULT NULL,
    actor       text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    patterns  constant text[] := coalesce(create_access_token.queues, '{}');
    author    constant text := coalesce(create_access_token.actor, session_user);
    secret    text;
BEGIN
    PERFORM postroom.require_reason_if_given(create_access_token.reason, create_access_token.actor);
    PERFORM postroom.require_access_token(create_access_token.name, create_access_token.role, patterns, create_access_token.expires_at);
    PERFORM postroom.lock_access_tokens(); -- see step 1
    IF EXISTS (SELECT FROM postroom.access_token t WHERE t.name = create_access_token.name) THEN
        PERFORM postroom.refuse('name', 'one that no token has or had', create_access_token.name,
            'The ledger tells who did what by this name, so a revoked one is not used again');
    ELSIF (SELECT count(*) FROM postroom.access_token t
           WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) >= 10000 THEN
        PERFORM postroom.refuse('name', 'one of at most 10000 tokens in use', create_access_token.name, 'Revoke some');
    END IF;
    secret := 'postroom_' || translate(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                                                     || uuid_send(gen_random_uuid())), 'base64'), '+/=', '-_');
    INSERT INTO postroom.access_token (name, hash, role, queues, created_by, expires_at)
    VALUES (create_access_token.name, sha256(convert_to(secret, 'UTF8')), create_access_token.role, patterns, author,
            create_access_token.expires_at);
    INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, filter, reason)
    VALUES (author, 'create_token', 1, 1, clock_timestamp(),
            jsonb_strip_nulls(jsonb_build_object(
                'token', create_access_token.name,
                'role', create_access_token.role,
                'queues', CASE WHEN patterns <> '{}' THEN to_jsonb(patterns) END,
                'expiresAt', create_access_token.expires_at)),
            create_access_token.reason);
    RETURN secret;
END
$$;
COMMENT ON FUNCTION postroom.create_access_token IS
    'Makes a token for the HTTP API and the console, and tells it this once: SELECT postroom.create_access_token(''ci'', ''reader'').
role: reader sees, operator does all, producer creates messages in queues that match, and reads nothing:
SELECT postroom.create_access_token(''shop'', ''producer'', queues => ''{orders.*}'', expires_at => now() + interval ''90 days'').
A star stands for one word between dots, # for any number of words. The name goes on record with what is done, and is never used again.
Servers take it within about a second. A value that breaks a limit is refused (22023).';

CREATE OR REPLACE FUNCTION postroom.revoke_access_token(name text, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    author  constant text := coalesce(revoke_access_token.actor, session_user);
BEGIN
    PERFORM postroom.require_reason_if_given(revoke_access_token.reason, revoke_access_token.actor);
    PERFORM postroom.lock_access_tokens(); -- see step 1
    UPDATE postroom.access_token t
    SET revoked_at = clock_timestamp(), revoked_by = author
    WHERE t.name = revoke_access_token.name AND t.revoked_at IS NULL;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM postroom.access_token t WHERE t.name = revoke_access_token.name) THEN
            PERFORM postroom.refuse('name', 'one that exists', revoke_access_token.name);
        END IF;
        RETURN false;
    END IF;
    INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, filter, reason)
    VALUES (author, 'revoke_token', 1, 1, clock_timestamp(), jsonb_build_object('token', revoke_access_token.name),
            revoke_access_token.reason);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.revoke_access_token IS
    'Ends a token: SELECT postroom.revoke_access_token(''ci'', ''it was in a log''). Servers refuse it, and end its sessions, within about a
second. false: it was revoked before. An unknown one is refused (22023).';

-- PostgreSQL gives EXECUTE on each new function to PUBLIC. A later migration takes it from its own, and a test looks at all.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom FROM PUBLIC;
