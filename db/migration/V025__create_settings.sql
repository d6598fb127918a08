-- Why: one entry for each external system, which is changed while processes run, with its history. The functions are those of
-- db/function/settings.sql.
-- Locks: only new objects. Table size: tried with 1,000 entries.
-- Older workers: none exist.

-- One row for each external system. No secret is in it: secret says where one is found. A row is found by its digest in poll_summary, so a
-- change by hand is followed, too; triggers check it and keep its history.
CREATE TABLE postroom.settings (
    name          text COLLATE "C" NOT NULL CONSTRAINT settings_pk PRIMARY KEY,
    channel       text COLLATE "C" NOT NULL,
    endpoint      text,
    max_attempts  int,
    retry_after   text,
    headers       jsonb NOT NULL DEFAULT '{}',
    templates     jsonb NOT NULL DEFAULT '{}',
    properties    jsonb NOT NULL DEFAULT '{}',
    secret        text,
    valid_from    timestamptz,
    valid_until   timestamptz,
    enabled       boolean NOT NULL DEFAULT true,
    version       bigint NOT NULL DEFAULT 1,
    settings_by   text NOT NULL DEFAULT 'operator',
    changed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by    text NOT NULL DEFAULT session_user,
    CONSTRAINT settings_name_wellformed CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'),
    CONSTRAINT settings_max_attempts_range CHECK (max_attempts BETWEEN 1 AND 1000),
    CONSTRAINT settings_secret_is_reference CHECK (secret ~ '^(env|file|property):'),
    CONSTRAINT settings_objects CHECK (
        jsonb_typeof(headers) = 'object' AND jsonb_typeof(templates) = 'object' AND jsonb_typeof(properties) = 'object'),
    CONSTRAINT settings_validity CHECK (valid_until > valid_from),
    CONSTRAINT settings_valid_from_finite CHECK (isfinite(valid_from)),
    CONSTRAINT settings_valid_until_finite CHECK (isfinite(valid_until)),
    CONSTRAINT settings_by_known CHECK (settings_by IN ('declaration', 'operator'))
);
COMMENT ON TABLE postroom.settings IS 'one row for each external system; change it with postroom.set_settings';
COMMENT ON COLUMN postroom.settings.channel IS 'http, mail, file or a word of the host''s own';
COMMENT ON COLUMN postroom.settings.max_attempts IS 'most attempts of a message whose handler names this entry; null: as the handler says';
COMMENT ON COLUMN postroom.settings.secret IS 'where the secret is found: env:NAME, file:/path or property:name';
COMMENT ON COLUMN postroom.settings.version IS 'rises with each change, also over a deletion';
COMMENT ON COLUMN postroom.settings.settings_by IS
    'declaration: a program, at its start; operator: a person, and no declaration changes it any more';
COMMENT ON COLUMN postroom.settings.changed_by IS 'the person if the console or API knew it, else the database user';

CREATE TABLE postroom.settings_change (
    name         text COLLATE "C" NOT NULL,
    version      bigint NOT NULL,
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by   text NOT NULL,
    settings_by  text NOT NULL,
    before       jsonb,
    after        jsonb,
    CONSTRAINT settings_change_pk PRIMARY KEY (name, version)
);
COMMENT ON TABLE postroom.settings_change IS 'each change of an entry of settings; lines are kept';

CREATE VIEW postroom.current_settings AS
SELECT s.name, s.channel, s.endpoint, s.enabled, s.valid_from, s.valid_until, s.secret, s.max_attempts, s.retry_after, s.headers,
       s.templates, s.properties, s.version, s.settings_by, s.changed_at, s.changed_by
FROM postroom.settings s;
COMMENT ON VIEW postroom.current_settings IS 'external systems, one row each; settings_history says who changed them';

CREATE VIEW postroom.settings_history AS
SELECT c.name,
       c.version,
       c.changed_at,
       c.changed_by,
       c.settings_by,
       CASE WHEN c.before IS NULL THEN 'create' WHEN c.after IS NULL THEN 'delete' ELSE 'change' END AS action,
       ARRAY(SELECT coalesce(b.key, a.key)
             FROM jsonb_each(c.before) b
             FULL JOIN jsonb_each(c.after) a ON a.key = b.key
             WHERE a.value IS DISTINCT FROM b.value
             ORDER BY 1) AS changed,
       c.before,
       c.after
FROM postroom.settings_change c;
COMMENT ON VIEW postroom.settings_history IS 'who changed which entry of settings, when, from what to what';
COMMENT ON COLUMN postroom.settings_history.changed IS 'the members that differ';

-- settings: the registry of external systems. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

CREATE OR REPLACE FUNCTION postroom.settings_document(s postroom.settings) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'channel', s.channel,
        'endpoint', s.endpoint,
        'attempts', s.max_attempts,
        'retryAfter', s.retry_after,
        'headers', s.headers,
        'templates', s.templates,
        'properties', s.properties,
        'secret', s.secret,
        'validFrom', to_char(s.valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'validUntil', to_char(s.valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'enabled', s.enabled))
$$;
COMMENT ON FUNCTION postroom.settings_document IS
    'Internal: an entry as one JSON object, as its history keeps it. A member without a value is left out.';

CREATE OR REPLACE FUNCTION postroom.require_texts(p_field text, p_texts jsonb, p_most int, p_name text, p_longest int) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad record;
BEGIN
    IF jsonb_typeof(p_texts) <> 'object' THEN
        PERFORM postroom.refuse(p_field, 'a JSON object of texts', p_texts::text);
    END IF;
    SELECT e.key, e.value INTO bad
    FROM jsonb_each(p_texts) e
    WHERE e.key COLLATE "C" !~ p_name OR jsonb_typeof(e.value) <> 'string' OR char_length(e.value #>> '{}') > p_longest
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse(p_field,
            format('texts of at most %s characters under names as in %s', p_longest, p_name), bad.key || ': ' || bad.value);
    ELSIF (SELECT count(*) FROM jsonb_object_keys(p_texts)) > p_most THEN
        PERFORM postroom.refuse(p_field, format('at most %s texts', p_most), (SELECT count(*) FROM jsonb_object_keys(p_texts))::text);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_texts IS
    'Internal: refuses what is no JSON object of so many texts.';

CREATE OR REPLACE FUNCTION postroom.settings_instant(p_field text, p_text text) RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    instant timestamptz;
BEGIN
    IF p_text ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$' THEN
        instant := p_text::timestamptz; -- with a zone of its own, so that no setting of the session counts
        IF instant NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN -- no four digits in UTC
            PERFORM postroom.refuse(p_field, 'between the years 1 and 9999 in UTC', p_text);
        END IF;
        RETURN instant;
    ELSIF p_text IS NOT NULL THEN
        PERFORM postroom.refuse(p_field, 'an instant with a zone, as in 2027-01-31T12:00:00Z', p_text);
    END IF;
    RETURN NULL;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
    PERFORM postroom.refuse(p_field, 'an instant with a zone, as in 2027-01-31T12:00:00Z', p_text);
END
$$;
COMMENT ON FUNCTION postroom.settings_instant IS
    'Internal: reads an instant of an entry; refuses what is none.';

-- What a secret could be is never shown: somebody may have put the secret itself there.
CREATE OR REPLACE FUNCTION postroom.require_settings(p_document jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known    constant text[] := '{channel,endpoint,attempts,retryAfter,headers,templates,properties,secret,validFrom,validUntil,enabled}';
    bad      text;
    waits    constant text := p_document ->> 'retryAfter';
    a_wait   constant text := '\s*\d{1,9}\s*(ms|s|m|h|d)\s*';
BEGIN
    SELECT k INTO bad FROM jsonb_object_keys(p_document) k WHERE k <> ALL (known) LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse('settings', 'an object with members of ' || array_to_string(known, ', '), bad);
    ELSIF octet_length(p_document::text) > 65536 THEN
        PERFORM postroom.refuse('settings', 'at most 65536 bytes as JSON', octet_length(p_document::text) || ' bytes');
    END IF;
    SELECT x.field INTO bad
    FROM unnest('{channel,endpoint,retryAfter,secret,validFrom,validUntil}'::text[]) x (field)
    WHERE jsonb_typeof(p_document -> x.field) <> 'string'
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse(bad, 'a text', CASE WHEN bad = 'secret' THEN 'another JSON value' ELSE (p_document -> bad)::text END);
    ELSIF p_document ->> 'channel' IS NULL OR p_document ->> 'channel' COLLATE "C" !~ '^[a-z][a-z0-9_-]{0,62}$' THEN
        PERFORM postroom.refuse('channel', '1 to 63 of a-z 0-9 _ -, first a letter, as in http', p_document ->> 'channel');
    ELSIF char_length(p_document ->> 'endpoint') NOT BETWEEN 1 AND 2000 OR p_document ->> 'endpoint' ~ '[\x01-\x20\x7f]' THEN
        PERFORM postroom.refuse('endpoint', '1 to 2000 characters without spaces and control characters', p_document ->> 'endpoint');
    ELSIF p_document ->> 'endpoint' ~ '^[^/?#]*://[^/?#]*@'
          OR p_document ->> 'endpoint' ~ '^[^/?#]*:[^/?#]*@' AND p_document ->> 'endpoint' !~* '^mailto:[^:]*$' THEN
        PERFORM postroom.refuse('endpoint', 'an address without a user and password', 'not shown',
            'Name where the password is found as secret, as in env:BILLING_SECRET');
    ELSIF jsonb_typeof(p_document -> 'attempts') <> 'number' OR p_document ->> 'attempts' !~ '^\d{1,4}$'
          OR (p_document ->> 'attempts')::int NOT BETWEEN 1 AND 1000 THEN
        PERFORM postroom.refuse('attempts', '1 to 1000', p_document ->> 'attempts');
    ELSIF jsonb_typeof(p_document -> 'enabled') <> 'boolean' THEN
        PERFORM postroom.refuse('enabled', 'true or false', p_document ->> 'enabled');
    ELSIF char_length(p_document ->> 'secret') > 500 OR p_document ->> 'secret' COLLATE "C"
          !~ '^(env:[A-Za-z_][A-Za-z0-9_]{0,126}|file:/[^\x01-\x1f\x7f]+|property:[A-Za-z0-9][A-Za-z0-9._-]{0,199})$' THEN
        PERFORM postroom.refuse('secret', 'a reference, as in env:NAME, file:/path or property:name', 'not shown',
            'Name where the secret is found; the secret itself is not stored');
    END IF;
    PERFORM postroom.require_texts('headers', coalesce(p_document -> 'headers', '{}'), 50, '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,100}$', 2000);
    PERFORM postroom.require_texts('templates', coalesce(p_document -> 'templates', '{}'), 50, '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$', 20000);
    PERFORM postroom.require_texts('properties', coalesce(p_document -> 'properties', '{}'), 100,
        '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$', 4000);
    SELECT e.key INTO bad
    FROM jsonb_each_text(coalesce(p_document -> 'headers', '{}')) e
    WHERE e.value ~ '[\x01-\x08\x0a-\x1f\x7f]'
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse('headers', 'values without line breaks and control characters', bad);
    END IF;
    SELECT h INTO bad
    FROM jsonb_object_keys(coalesce(p_document -> 'headers', '{}')) h
    WHERE lower(h) IN ('authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'api-key', 'x-api-key', 'x-auth-token')
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse('headers', 'headers that hold no secret', bad,
            'Name where the secret is found as secret, as in env:BILLING_SECRET');
    END IF;
    IF waits ~* ('^' || a_wait || '(,' || a_wait || ')*$') THEN
        IF NOT interval '400 days' >= ALL (string_to_array(waits, ',')::interval[]) THEN
            PERFORM postroom.refuse('retryAfter', 'waits of at most 400 days', waits);
        END IF;
    ELSIF waits ~* ('^' || a_wait || '\.\.' || a_wait || '$') THEN
        IF interval '0' >= split_part(waits, '..', 1)::interval
           OR split_part(waits, '..', 1)::interval > split_part(waits, '..', 2)::interval
           OR split_part(waits, '..', 2)::interval > interval '400 days' THEN
            PERFORM postroom.refuse('retryAfter', 'as in 1s..1h: 0 < first <= longest <= 400 days', waits);
        END IF;
    ELSIF waits IS NOT NULL THEN
        PERFORM postroom.refuse('retryAfter', '10s, or 10s, 1m, 5m, or 1s..1h, each at most 400 days', waits,
            'Units are ms, s, m, h and d');
    END IF;
    IF postroom.settings_instant('validUntil', p_document ->> 'validUntil')
       <= postroom.settings_instant('validFrom', p_document ->> 'validFrom') THEN
        PERFORM postroom.refuse('validUntil', 'later than validFrom', p_document ->> 'validUntil');
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_settings IS
    'Internal: refuses an entry that breaks a limit, and never shows what could be a secret.';

CREATE OR REPLACE FUNCTION postroom.settings_row(p_name text, p_document jsonb) RETURNS postroom.settings
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made postroom.settings;
BEGIN
    PERFORM postroom.require_settings(p_document);
    made.name := p_name;
    made.channel := p_document ->> 'channel';
    made.endpoint := p_document ->> 'endpoint';
    made.max_attempts := (p_document ->> 'attempts')::int;
    made.retry_after := p_document ->> 'retryAfter';
    made.headers := coalesce(p_document -> 'headers', '{}');
    made.templates := coalesce(p_document -> 'templates', '{}');
    made.properties := coalesce(p_document -> 'properties', '{}');
    made.secret := p_document ->> 'secret';
    made.valid_from := postroom.settings_instant('validFrom', p_document ->> 'validFrom');
    made.valid_until := postroom.settings_instant('validUntil', p_document ->> 'validUntil');
    made.enabled := coalesce((p_document ->> 'enabled')::boolean, true);
    RETURN made;
END
$$;
COMMENT ON FUNCTION postroom.settings_row IS
    'Internal: reads an entry from its JSON object; refuses one that breaks a limit.';

-- Before an entry is written. A change by hand obeys the same limits: no process could read an entry that breaks them. It gets the next
-- version, too, so that whoever read the entry before it is refused. A version is never used twice: an entry that comes back after a
-- deletion goes on with the numbers of its history, so that whoever read the old one changes nothing.
CREATE OR REPLACE FUNCTION postroom.check_settings() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    last_version  constant bigint := coalesce((SELECT max(c.version) FROM postroom.settings_change c WHERE c.name = NEW.name), 0);
BEGIN
    PERFORM postroom.require_settings(postroom.settings_document(NEW));
    IF NEW.version <= last_version THEN
        NEW.version := last_version + 1;
    END IF;
    IF coalesce(current_setting('postroom.settings_actor', true), '') = '' THEN -- by hand
        NEW.settings_by := 'operator';
        NEW.changed_by := session_user;
        NEW.changed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION postroom.check_settings IS
    'Internal: a trigger. Refuses an entry that breaks a limit, and gives a change by hand its version.';

CREATE OR REPLACE FUNCTION postroom.keep_settings_history() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO postroom.settings_change (name, version, changed_by, settings_by, before)
        SELECT OLD.name, 1 + greatest(OLD.version, max(c.version)),
               coalesce(nullif(current_setting('postroom.settings_actor', true), ''), session_user), 'operator',
               postroom.settings_document(OLD)
        FROM postroom.settings_change c
        WHERE c.name = OLD.name;
    ELSE
        INSERT INTO postroom.settings_change (name, version, changed_at, changed_by, settings_by, before, after)
        VALUES (NEW.name, NEW.version, NEW.changed_at, NEW.changed_by, NEW.settings_by,
                CASE WHEN TG_OP = 'UPDATE' THEN postroom.settings_document(OLD) END, postroom.settings_document(NEW));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.keep_settings_history IS
    'Internal: a trigger. Writes the line of history of each change, one by hand included.';

CREATE OR REPLACE TRIGGER check_settings BEFORE INSERT OR UPDATE ON postroom.settings
    FOR EACH ROW EXECUTE FUNCTION postroom.check_settings();
CREATE OR REPLACE TRIGGER keep_settings_history AFTER INSERT OR UPDATE OR DELETE ON postroom.settings
    FOR EACH ROW EXECUTE FUNCTION postroom.keep_settings_history();

-- Writes one change; the triggers write its line of history. Who calls it holds the lock on the entry's row, or has found that there is
-- none. Two new entries of one name meet at the primary key: the second one waits there, and null tells it to look again.
CREATE OR REPLACE FUNCTION postroom.write_settings(
    p_name text, p_before postroom.settings, p_after postroom.settings, p_by text, p_actor text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next_version  constant bigint := 1 + coalesce((SELECT max(c.version) FROM postroom.settings_change c WHERE c.name = p_name), 0);
    actor         constant text := coalesce(p_actor, session_user);
    written       bigint;
BEGIN
    PERFORM set_config('postroom.settings_actor', actor, true);
    IF p_after.name IS NULL THEN
        DELETE FROM postroom.settings s WHERE s.name = p_name RETURNING next_version INTO written;
    ELSIF p_before.name IS NULL THEN
        INSERT INTO postroom.settings (name, channel, endpoint, max_attempts, retry_after, headers, templates, properties, secret,
                                       valid_from, valid_until, enabled, version, settings_by, changed_by)
        VALUES (p_name, p_after.channel, p_after.endpoint, p_after.max_attempts, p_after.retry_after, p_after.headers, p_after.templates,
                p_after.properties, p_after.secret, p_after.valid_from, p_after.valid_until, p_after.enabled, next_version, p_by, actor)
        ON CONFLICT DO NOTHING
        RETURNING version INTO written;
    ELSE
        UPDATE postroom.settings s
        SET channel = p_after.channel, endpoint = p_after.endpoint, max_attempts = p_after.max_attempts,
            retry_after = p_after.retry_after, headers = p_after.headers, templates = p_after.templates,
            properties = p_after.properties, secret = p_after.secret, valid_from = p_after.valid_from,
            valid_until = p_after.valid_until, enabled = p_after.enabled, version = next_version, settings_by = p_by,
            changed_at = clock_timestamp(), changed_by = actor
        WHERE s.name = p_name
        RETURNING s.version INTO written;
    END IF;
    PERFORM set_config('postroom.settings_actor', '', true);
    RETURN written;
END
$$;
COMMENT ON FUNCTION postroom.write_settings IS
    'Internal: writes an entry, or deletes it (after is null). null: another transaction has made it meanwhile.';

-- Two people read version 3 and both change it: the second one waits for the row, sees version 4 and is refused. Nothing that the first one
-- wrote is lost.
CREATE OR REPLACE FUNCTION postroom.require_settings_version(p_name text, p_found postroom.settings, p_expected bigint) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_expected < 0 THEN
        PERFORM postroom.refuse('expectedVersion', '0 for a new entry, or the version that was read', p_expected::text);
    ELSIF p_expected <> coalesce(p_found.version, 0) THEN
        RAISE EXCEPTION 'settings "%" are at version %, not %: %; nothing was changed', p_name, coalesce(p_found.version, 0), p_expected,
            CASE WHEN p_found.name IS NULL THEN 'there is no such entry'
                 ELSE format('changed by %s at %s', p_found.changed_by,
                     to_char(p_found.changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')) END
            USING ERRCODE = 'PR409', COLUMN = 'expectedVersion', HINT = 'Read the entry again, and repeat the change';
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_settings_version IS
    'Internal: refuses a change that expects another version of the entry.';

CREATE OR REPLACE FUNCTION postroom.set_settings(
    settings          text,
    change            jsonb,
    expected_version  bigint DEFAULT NULL,
    actor             text DEFAULT NULL,
    replace           boolean DEFAULT false,
    reason            text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    existing  postroom.settings;
    after     postroom.settings;
    document  jsonb;
    written   bigint;
BEGIN
    PERFORM postroom.require_name('settings', set_settings.settings);
    PERFORM postroom.require_reason_if_given(set_settings.reason, set_settings.actor);
    IF set_settings.change IS NULL OR jsonb_typeof(set_settings.change) <> 'object' THEN
        PERFORM postroom.refuse('change', 'a JSON object', 'another value');
    END IF;
    LOOP
        SELECT * INTO existing FROM postroom.settings s WHERE s.name = set_settings.settings FOR UPDATE;
        PERFORM postroom.require_settings_version(set_settings.settings, existing, set_settings.expected_version);
        -- A member that is null is taken away, and its default comes back. jsonb_strip_nulls would look into members, too.
        SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}') INTO document
        FROM jsonb_each(CASE WHEN existing.name IS NULL OR set_settings.replace THEN '{}' ELSE postroom.settings_document(existing) END
                        || set_settings.change) m
        WHERE jsonb_typeof(m.value) <> 'null';
        after := postroom.settings_row(set_settings.settings, document);
        IF existing.settings_by = 'operator' AND postroom.settings_document(existing) = postroom.settings_document(after) THEN
            RETURN existing.version;
        END IF;
        written := postroom.write_settings(set_settings.settings, existing, after, 'operator', set_settings.actor);
        IF written IS NOT NULL THEN
            INSERT INTO postroom.operator_action (actor, action, finished_at, reason, note)
            VALUES (coalesce(set_settings.actor, session_user), 'declare', clock_timestamp(), set_settings.reason,
                    format('settings %s, version %s', set_settings.settings, written));
            RETURN written;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.set_settings IS
    'Makes or changes the entry of an external system, and returns its version:
SELECT postroom.set_settings(''billing'', ''{"channel": "http", "endpoint": "https://billing.example.com", "secret": "env:KEY"}'').
Members that are not named stay; null takes one away. replace: all that is not named is taken away.
channel, endpoint, attempts, retryAfter, headers, templates, properties, secret (a reference), validFrom, validUntil, enabled.
expected_version refuses (PR409) what another one has changed meanwhile; 0: it must be new. reason and actor go on record.
Each process follows within its poll interval; a repeat changes nothing.';

-- An operator's entry stays. Looks without a lock first: a repeat writes nothing, and processes that start together do not wait.
CREATE OR REPLACE FUNCTION postroom.declare_settings(settings text, declaration jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    existing   postroom.settings;
    declared   postroom.settings;
    is_locked  boolean := false;
BEGIN
    PERFORM postroom.require_name('settings', declare_settings.settings);
    IF declare_settings.declaration IS NULL OR jsonb_typeof(declare_settings.declaration) <> 'object' THEN
        PERFORM postroom.refuse('declaration', 'a JSON object', 'another value');
    END IF;
    declared := postroom.settings_row(declare_settings.settings, coalesce(
        (SELECT jsonb_object_agg(m.key, m.value)
         FROM jsonb_each(declare_settings.declaration) m
         WHERE jsonb_typeof(m.value) <> 'null'), '{}'));
    LOOP
        IF is_locked THEN
            SELECT * INTO existing FROM postroom.settings s WHERE s.name = declare_settings.settings FOR UPDATE;
        ELSE
            SELECT * INTO existing FROM postroom.settings s WHERE s.name = declare_settings.settings;
        END IF;
        IF existing.settings_by = 'operator'
           OR existing.name IS NOT NULL AND postroom.settings_document(existing) = postroom.settings_document(declared) THEN
            RETURN false;
        ELSIF existing.name IS NULL OR is_locked THEN
            IF postroom.write_settings(declare_settings.settings, existing, declared, 'declaration', NULL) IS NOT NULL THEN
                RETURN existing.name IS NULL;
            END IF;
        END IF;
        is_locked := true;
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.declare_settings IS
    'Makes the entry of an external system, as a program does at its start:
SELECT postroom.declare_settings(''billing'', ''{"channel": "http", "endpoint": "https://billing.example.com"}'').
The JSON is that of postroom.set_settings, and all that is not named is taken away.
An entry that an operator has set stays as it is. true: it is new.';

CREATE OR REPLACE FUNCTION postroom.delete_settings(
    settings text, expected_version bigint DEFAULT NULL, actor text DEFAULT NULL, reason text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    existing postroom.settings;
BEGIN
    PERFORM postroom.require_name('settings', delete_settings.settings);
    PERFORM postroom.require_reason_if_given(delete_settings.reason, delete_settings.actor);
    SELECT * INTO existing FROM postroom.settings s WHERE s.name = delete_settings.settings FOR UPDATE;
    PERFORM postroom.require_settings_version(delete_settings.settings, existing, delete_settings.expected_version);
    IF existing.name IS NULL THEN
        RETURN false;
    END IF;
    PERFORM postroom.write_settings(existing.name, existing, NULL, 'operator', delete_settings.actor);
    INSERT INTO postroom.operator_action (actor, action, finished_at, reason, note)
    VALUES (coalesce(delete_settings.actor, session_user), 'delete', clock_timestamp(), delete_settings.reason,
            'settings ' || existing.name);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.delete_settings IS
    'Deletes the entry of an external system; its history stays: SELECT postroom.delete_settings(''billing'').
Messages that need it wait. A program that declares it makes it anew at its next start. false: there was none.
reason and actor go on record.';

-- Why an entry is of no use now; null: it can be used. The same words as in io.postroom.api.SettingsEntry.
CREATE OR REPLACE FUNCTION postroom.settings_obstacle(p_name text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN s.name IS NULL THEN 'there is no such entry'
        WHEN NOT s.enabled THEN format('it is disabled, by %s at %s', s.changed_by, to_char(s.changed_at AT TIME ZONE 'UTC', x.at_utc))
        WHEN s.valid_from > statement_timestamp() THEN 'it is valid from ' || to_char(s.valid_from AT TIME ZONE 'UTC', x.at_utc) || ' on'
        WHEN s.valid_until <= statement_timestamp() THEN 'it was valid until ' || to_char(s.valid_until AT TIME ZONE 'UTC', x.at_utc)
    END
    FROM (SELECT 'YYYY-MM-DD HH24:MI:SS "UTC"') x (at_utc)
    LEFT JOIN postroom.settings s ON s.name = p_name
$$;
COMMENT ON FUNCTION postroom.settings_obstacle IS
    'Internal: why the entry of an external system cannot be used now; null: it can.';
