-- route: which queues a message reaches through an exchange. These functions are the one definition of the rules, and they read the
-- bindings in the snapshot of their statement: a bind or unbind that commits later counts for the next message. Java hosts remember
-- exchanges and bindings and apply the same rules to them; tests hold both against the same tables.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Words lie between dots, and an empty text has no word: string_to_array cuts in just this way, and keeps empty words at the end. After a
-- mismatch only the last # needs to take one word more, so the time is at most the product of the numbers of words.
CREATE OR REPLACE FUNCTION postroom.topic_matches(p_pattern text, p_key text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    words      constant text[] := string_to_array(p_pattern, '.');
    named      constant text[] := string_to_array(p_key, '.');
    word       int := 1;
    at         int := 1;
    last_any   int := 0;
    after_any  int := 0;
BEGIN
    WHILE at <= cardinality(named) LOOP
        IF word <= cardinality(words) AND words[word] = '#' THEN
            last_any := word;
            after_any := at;
            word := word + 1;
        ELSIF word <= cardinality(words) AND (words[word] = '*' OR words[word] COLLATE "C" = named[at]) THEN
            word := word + 1;
            at := at + 1;
        ELSIF last_any > 0 THEN
            word := last_any + 1;
            after_any := after_any + 1;
            at := after_any;
        ELSE
            RETURN false;
        END IF;
    END LOOP;
    WHILE word <= cardinality(words) AND words[word] = '#' LOOP
        word := word + 1;
    END LOOP;
    RETURN word > cardinality(words);
END
$$;
COMMENT ON FUNCTION postroom.topic_matches IS
    'Internal: whether the pattern of a binding matches a routing key; * is exactly one word, # any number of words:
SELECT postroom.topic_matches(''order.*.paid'', ''order.42.paid'')';

CREATE OR REPLACE FUNCTION postroom.headers_match(p_arguments jsonb, p_headers jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN m.mode IN ('any', 'any-with-x') THEN coalesce(bool_or(w.is_met), false)
                ELSE coalesce(bool_and(w.is_met), true) END
    FROM (SELECT coalesce(p_arguments ->> 'x-match', 'all') AS mode) m
    LEFT JOIN LATERAL (
        SELECT coalesce(p_headers ? a.key AND (a.value = 'null' OR p_headers -> a.key = a.value), false) AS is_met
        FROM jsonb_each(p_arguments) a
        WHERE a.key <> 'x-match'
          AND (m.mode IN ('all-with-x', 'any-with-x') OR NOT starts_with(a.key, 'x-'))) w ON true
    GROUP BY m.mode
$$;
COMMENT ON FUNCTION postroom.headers_match IS
    'Internal: whether the arguments of a binding match the headers of a message; a null among them wants any value:
SELECT postroom.headers_match(''{"x-match": "any", "kind": "invoice", "vip": null}'', ''{"kind": "invoice"}'')';

-- The bindings of a direct exchange are found through binding_unique.
CREATE OR REPLACE FUNCTION postroom.matching_bindings(p_exchange int, p_key text, p_headers jsonb) RETURNS SETOF postroom.binding
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET jit = off
AS $$
    SELECT b.*
    FROM postroom.exchange e
    JOIN postroom.binding b ON b.exchange_id = e.id AND b.routing_key = p_key
    WHERE e.id = p_exchange
      AND e.kind = 'direct'
    UNION ALL
    SELECT b.*
    FROM postroom.exchange e
    JOIN postroom.binding b ON b.exchange_id = e.id
    WHERE e.id = p_exchange
      AND e.kind <> 'direct'
      AND CASE e.kind WHEN 'topic' THEN p_key LIKE b.key_like AND postroom.topic_matches(b.routing_key, p_key)
                      WHEN 'headers' THEN postroom.headers_match(b.arguments, p_headers)
                      ELSE true END
$$;
COMMENT ON FUNCTION postroom.matching_bindings IS
    'Internal: the bindings of one exchange that match a routing key and headers.';

-- UNION leaves out an exchange that was reached before, so that a cycle ends. The alternate exchange stands in where no binding of an
-- exchange matches, at each exchange on the way: as in RabbitMQ.
CREATE OR REPLACE FUNCTION postroom.reached_bindings(p_exchange int, p_key text, p_headers jsonb) RETURNS SETOF postroom.binding
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    WITH RECURSIVE reached (exchange_id) AS (
        SELECT p_exchange
        UNION
        SELECT n.exchange_id
        FROM reached r
        CROSS JOIN LATERAL (
            SELECT b.to_exchange_id AS exchange_id
            FROM postroom.matching_bindings(r.exchange_id, p_key, p_headers) b
            WHERE b.to_exchange_id IS NOT NULL
            UNION ALL
            SELECT a.id
            FROM postroom.exchange e
            JOIN postroom.exchange a ON a.name = e.alternate
            WHERE e.id = r.exchange_id
              AND NOT EXISTS (SELECT FROM postroom.matching_bindings(r.exchange_id, p_key, p_headers))) n
    )
    SELECT b.*
    FROM reached r
    CROSS JOIN LATERAL postroom.matching_bindings(r.exchange_id, p_key, p_headers) b
$$;
COMMENT ON FUNCTION postroom.reached_bindings IS
    'Internal: all bindings that a message passes from an exchange on, over other exchanges, too.';

CREATE OR REPLACE FUNCTION postroom.require_routing_key(p_key text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_key IS NULL OR octet_length(p_key) > 255 THEN
        PERFORM postroom.refuse('routingKey', '0 to 255 bytes of UTF-8', p_key);
    ELSIF p_key ~ '[\x01-\x08\x0a-\x1f\x7f]' THEN
        PERFORM postroom.refuse('routingKey', 'no control characters', p_key);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_routing_key IS
    'Internal: refuses a routing key or pattern that is null, longer than 255 bytes or has control characters.';

CREATE OR REPLACE FUNCTION postroom.require_binding_arguments(p_kind text, p_arguments jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad text;
BEGIN
    IF p_arguments IS NULL OR jsonb_typeof(p_arguments) <> 'object' THEN
        PERFORM postroom.refuse('arguments', 'a JSON object', p_arguments::text);
    ELSIF octet_length(p_arguments::text) > 1024 THEN
        PERFORM postroom.refuse('arguments', 'at most 1024 bytes', octet_length(p_arguments::text) || ' bytes');
    ELSIF p_kind <> 'headers' AND p_arguments <> '{}' THEN
        PERFORM postroom.refuse('arguments', 'left out with an exchange of kind ' || p_kind, p_arguments::text);
    ELSIF p_arguments -> 'x-match' NOT IN ('"all"', '"any"', '"all-with-x"', '"any-with-x"') THEN
        PERFORM postroom.refuse('x-match', 'all, any, all-with-x or any-with-x', p_arguments ->> 'x-match');
    END IF;
    SELECT a.key || ': ' || a.value::text INTO bad
    FROM jsonb_each(p_arguments) a
    WHERE jsonb_typeof(a.value) NOT IN ('string', 'null')
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse('arguments', 'texts, or null for any value', bad, 'Headers of messages are texts: write numbers in quotes');
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.require_binding_arguments IS
    'Internal: refuses arguments that no binding of an exchange of that kind can have.';

CREATE OR REPLACE FUNCTION postroom.refuse_unknown(p_field text, p_exchange text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% "%" does not exist. Declare it first, with postroom.declare_exchange', p_field, p_exchange
        USING ERRCODE = '22023', COLUMN = p_field;
END
$$;
COMMENT ON FUNCTION postroom.refuse_unknown IS
    'Internal: refuses the name of an exchange that does not exist.';

-- Whatever changes what a message reaches calls this first, before it locks anything else. So two such transactions wait for one another
-- here and never in a circle. The row is there again after a TRUNCATE, too.
-- A transaction that changes much and creates no message says so in postroom.routing_changed_in, behind its first change: each further one
-- would have to find the row behind all the versions of it that the transaction has made.
CREATE OR REPLACE FUNCTION postroom.change_routing() RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO postroom.routing_version (version)
    SELECT gen_random_uuid()
    WHERE current_setting('postroom.routing_changed_in', true) IS DISTINCT FROM pg_current_xact_id()::text
    ON CONFLICT (is_only) DO UPDATE SET version = excluded.version
$$;
COMMENT ON FUNCTION postroom.change_routing IS
    'Internal: gives the exchanges and bindings another version, so that no process uses the ones that it remembers.';

-- The lock keeps the exchange from being deleted until the transaction ends.
CREATE OR REPLACE FUNCTION postroom.existing_exchange(p_field text, p_name text) RETURNS postroom.exchange
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    existing postroom.exchange;
BEGIN
    PERFORM postroom.require_name(p_field, p_name);
    SELECT * INTO existing FROM postroom.exchange e WHERE e.name = p_name FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM postroom.refuse_unknown(p_field, p_name);
    END IF;
    RETURN existing;
END
$$;
COMMENT ON FUNCTION postroom.existing_exchange IS
    'Internal: returns the exchange of a name and locks it; refuses a name that no exchange has.';

-- '' is the default exchange: it reaches the queue that the key names, and no other.
CREATE OR REPLACE FUNCTION postroom.routed(p_exchange text, p_key text, p_headers jsonb)
RETURNS TABLE (exchange_id int, targets postroom.queue[])
LANGUAGE plpgsql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    first_id int := 0;
BEGIN
    IF p_exchange <> '' THEN
        PERFORM postroom.require_name('exchange', p_exchange);
        SELECT e.id INTO first_id FROM postroom.exchange e WHERE e.name = p_exchange;
        IF NOT FOUND THEN
            PERFORM postroom.refuse_unknown('exchange', p_exchange);
        END IF;
    END IF;
    RETURN QUERY
        SELECT first_id, ARRAY(
            SELECT q
            FROM postroom.queue q
            WHERE q.deleted_at IS NULL
              AND CASE WHEN p_exchange = '' THEN q.name = p_key
                       ELSE q.id IN (SELECT b.queue_id FROM postroom.reached_bindings(first_id, p_key, p_headers) b) END
            ORDER BY q.name);
END
$$;
COMMENT ON FUNCTION postroom.routed IS
    'Internal: the queues that a message reaches through an exchange, in the order of their names. Always one row.';

CREATE OR REPLACE FUNCTION postroom.route(exchange text, routing_key text DEFAULT '', headers jsonb DEFAULT '{}')
RETURNS TABLE (queue text, bindings text[])
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    first_id int;
BEGIN
    PERFORM postroom.require_routing_key(route.routing_key);
    PERFORM postroom.require_headers(coalesce(route.headers, '{}'));
    IF route.exchange = '' THEN
        RETURN QUERY SELECT q.name, '{}'::text[] FROM postroom.queue q WHERE q.name = route.routing_key AND q.deleted_at IS NULL;
        RETURN;
    END IF;
    PERFORM postroom.require_name('exchange', route.exchange);
    SELECT e.id INTO first_id FROM postroom.exchange e WHERE e.name = route.exchange;
    IF NOT FOUND THEN
        PERFORM postroom.refuse_unknown('exchange', route.exchange);
    END IF;
    RETURN QUERY
        SELECT q.name,
               array_agg(e.name || CASE WHEN e.kind IN ('direct', 'topic') THEN ' [' || b.routing_key || ']'
                                        WHEN e.kind = 'headers' THEN ' ' || b.arguments::text
                                        ELSE '' END
                         ORDER BY e.name, b.routing_key, b.arguments)
        FROM postroom.reached_bindings(first_id, route.routing_key, coalesce(route.headers, '{}')) b
        JOIN postroom.exchange e ON e.id = b.exchange_id
        JOIN postroom.queue q ON q.id = b.queue_id
        WHERE q.deleted_at IS NULL
        GROUP BY q.name
        ORDER BY q.name;
END
$$;
COMMENT ON FUNCTION postroom.route IS
    'Which queues a message would reach, and by which bindings; writes nothing:
SELECT * FROM postroom.route(''orders'', ''order.42.paid'').
One row per queue. bindings are the last ones on the ways there, each as exchange and key, pattern or arguments.
The exchange '''' reaches the queue that the key names.';

CREATE OR REPLACE FUNCTION postroom.declare_exchange(exchange text, kind text DEFAULT 'direct', alternate text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    existing postroom.exchange;
BEGIN
    PERFORM postroom.require_name('exchange', declare_exchange.exchange);
    IF declare_exchange.kind IS NULL OR declare_exchange.kind NOT IN ('direct', 'topic', 'fanout', 'headers') THEN
        PERFORM postroom.refuse('kind', 'direct, topic, fanout or headers', declare_exchange.kind);
    END IF;
    IF declare_exchange.alternate IS NOT NULL THEN
        PERFORM postroom.require_name('alternate', declare_exchange.alternate);
    END IF;
    LOOP
        SELECT * INTO existing FROM postroom.exchange e WHERE e.name = declare_exchange.exchange;
        EXIT WHEN FOUND; -- before the INSERT, because that draws an id even where it inserts nothing
        PERFORM postroom.change_routing();
        INSERT INTO postroom.exchange (name, kind, alternate)
        VALUES (declare_exchange.exchange, declare_exchange.kind, declare_exchange.alternate)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
    IF existing.kind <> declare_exchange.kind THEN
        PERFORM postroom.refuse('kind', existing.kind || ', as exchange "' || existing.name || '" was declared', declare_exchange.kind,
            'Delete the exchange first, or declare one with another name');
    ELSIF existing.alternate IS DISTINCT FROM declare_exchange.alternate THEN
        PERFORM postroom.refuse('alternate',
            coalesce(existing.alternate, 'left out') || ', as exchange "' || existing.name || '" was declared', declare_exchange.alternate,
            'Delete the exchange first, or declare one with another name');
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION postroom.declare_exchange IS
    'Makes an exchange; kind is direct, topic, fanout or headers: SELECT postroom.declare_exchange(''orders'', ''topic'').
true: it is new. A repeat changes nothing; with another kind or alternate exchange it is refused (22023).
alternate names the exchange that a message goes on to where no binding matches it.';

CREATE OR REPLACE FUNCTION postroom.delete_exchange(exchange text, if_unused boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    deleted_id int;
BEGIN
    PERFORM postroom.require_name('exchange', delete_exchange.exchange);
    IF NOT EXISTS (SELECT FROM postroom.exchange e WHERE e.name = delete_exchange.exchange) THEN
        RETURN false;
    END IF;
    PERFORM postroom.change_routing();
    -- The lock waits for transactions that bind it, and the next statement sees their bindings.
    SELECT e.id INTO deleted_id FROM postroom.exchange e WHERE e.name = delete_exchange.exchange FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF coalesce(delete_exchange.if_unused, true) AND EXISTS (SELECT FROM postroom.binding b WHERE b.exchange_id = deleted_id) THEN
        RAISE EXCEPTION 'exchange "%" has bindings; nothing was deleted', delete_exchange.exchange
            USING ERRCODE = '55006', COLUMN = 'exchange', HINT = 'Unbind them first, or delete it without if_unused';
    END IF;
    DELETE FROM postroom.binding b WHERE b.exchange_id = deleted_id OR b.to_exchange_id = deleted_id;
    DELETE FROM postroom.exchange e WHERE e.id = deleted_id;
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.delete_exchange IS
    'Deletes an exchange with its bindings: SELECT postroom.delete_exchange(''orders'', if_unused => true).
if_unused refuses (55006) while it has bindings of its own. false: there was none.';

-- The lock on the queue waits while another transaction deletes it, and prevents its deletion until this transaction ends.
CREATE OR REPLACE FUNCTION postroom.bind(
    exchange     text,
    queue        text DEFAULT NULL,
    routing_key  text DEFAULT '',
    arguments    jsonb DEFAULT '{}',
    to_exchange  text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    source       postroom.exchange;
    to_queue_id  int;
    to_id        int;
BEGIN
    IF num_nonnulls(bind.queue, bind.to_exchange) <> 1 THEN
        PERFORM postroom.refuse('queue', 'given if to_exchange is not, and only then', bind.queue,
            'Name one destination: queue or to_exchange');
    END IF;
    PERFORM postroom.require_name('exchange', bind.exchange);
    IF EXISTS (
        SELECT
        FROM postroom.bindings b
        WHERE b.exchange = bind.exchange
          AND b.routing_key = bind.routing_key
          AND b.arguments = bind.arguments
          AND (b.queue = bind.queue OR b.to_exchange = bind.to_exchange))
    THEN
        RETURN false; -- a start that binds anew what is bound writes nothing and locks nothing
    END IF;
    PERFORM postroom.change_routing();
    source := postroom.existing_exchange('exchange', bind.exchange);
    PERFORM postroom.require_routing_key(bind.routing_key);
    PERFORM postroom.require_binding_arguments(source.kind, bind.arguments);
    IF bind.to_exchange IS NOT NULL THEN
        to_id := (postroom.existing_exchange('to_exchange', bind.to_exchange)).id;
    ELSE
        PERFORM postroom.require_name('queue', bind.queue);
        SELECT q.id INTO to_queue_id FROM postroom.queue q WHERE q.name = bind.queue AND q.deleted_at IS NULL FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'queue "%" does not exist. Declare it first; nothing was bound', bind.queue
                USING ERRCODE = '22023', COLUMN = 'queue';
        END IF;
    END IF;
    INSERT INTO postroom.binding (exchange_id, queue_id, to_exchange_id, routing_key, arguments)
    VALUES (source.id, to_queue_id, to_id, bind.routing_key, bind.arguments)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION postroom.bind IS
    'Binds an exchange to a queue: SELECT postroom.bind(''orders'', ''mail'', ''order.*.paid''),
or to another exchange: SELECT postroom.bind(''orders'', to_exchange => ''audit'', routing_key => ''#'').
routing_key is the key of a direct exchange or the pattern of a topic exchange. arguments are for headers exchanges:
x-match (all, any, all-with-x, any-with-x) and the headers wanted. true: it is new. A repeat changes nothing.';

CREATE OR REPLACE FUNCTION postroom.unbind(
    exchange     text,
    queue        text DEFAULT NULL,
    routing_key  text DEFAULT '',
    arguments    jsonb DEFAULT '{}',
    to_exchange  text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
BEGIN
    IF num_nonnulls(unbind.queue, unbind.to_exchange) <> 1 THEN
        PERFORM postroom.refuse('queue', 'given if to_exchange is not, and only then', unbind.queue,
            'Name one destination: queue or to_exchange');
    END IF;
    PERFORM postroom.require_name('exchange', unbind.exchange);
    PERFORM postroom.require_routing_key(unbind.routing_key);
    IF NOT EXISTS (
        SELECT
        FROM postroom.bindings b
        WHERE b.exchange = unbind.exchange
          AND b.routing_key = unbind.routing_key
          AND b.arguments = unbind.arguments
          AND (b.queue = unbind.queue OR b.to_exchange = unbind.to_exchange))
    THEN
        RETURN false;
    END IF;
    PERFORM postroom.change_routing();
    DELETE FROM postroom.binding b
    USING postroom.exchange e
    WHERE e.name = unbind.exchange
      AND b.exchange_id = e.id
      AND b.routing_key = unbind.routing_key
      AND b.arguments = unbind.arguments
      AND (b.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = unbind.queue)
           OR b.to_exchange_id = (SELECT t.id FROM postroom.exchange t WHERE t.name = unbind.to_exchange));
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION postroom.unbind IS
    'Removes a binding; the arguments are those of postroom.bind: SELECT postroom.unbind(''orders'', ''mail'', ''order.*.paid'').
false: there was none.';
