-- Why: a dead letter goes on through the dead letter exchange of its queue. The text is that of db/function/dead_letter.sql.
-- Locks: only new objects, and a trigger on dead_letter, which blocks writers for a moment. Table size: safe at any.
-- Older workers: none exist.

-- dead_letter: a dead letter of a queue with a dead letter exchange goes on through that exchange, in the transaction that made it one.
-- A trigger, so that it holds for every way into dead_letter: a rejection, spent attempts, a crash limit, a time to live, hand-written SQL.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

CREATE OR REPLACE FUNCTION postroom.as_deaths(p_text text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(p_text::jsonb) = 'array' THEN
        RETURN p_text::jsonb;
    END IF;
    RETURN '[]';
EXCEPTION
    WHEN others THEN RETURN '[]'; -- whoever created the message wrote something else there
END
$$;
COMMENT ON FUNCTION postroom.as_deaths IS
    'Internal: the header x-death as an array; an empty one when it is none.';

-- The newest death comes first, and one queue and reason have one entry with a count: as in RabbitMQ. Besides, an entry has the last time,
-- exchange and key and not only the first. At most ten entries, so that the headers stay within their limit.
CREATE OR REPLACE FUNCTION postroom.deaths_with(p_deaths jsonb, p_queue text, p_reason text, p_exchange text, p_key text) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH known AS MATERIALIZED (
        SELECT d.value AS death, d.ordinality AS place, d.value ->> 'queue' = p_queue AND d.value ->> 'reason' = p_reason AS is_same
        FROM jsonb_array_elements(p_deaths) WITH ORDINALITY d
        WHERE jsonb_typeof(d.value) = 'object'
    ), now_dead AS (
        SELECT jsonb_build_object('queue', p_queue, 'reason', p_reason, 'count', 1, 'time', statement_timestamp(),
                                  'exchange', p_exchange, 'routing-key', p_key)
               || coalesce((SELECT k.death FROM known k WHERE k.is_same LIMIT 1), '{}')
               || jsonb_build_object(
                      'count', 1 + coalesce((SELECT CASE WHEN jsonb_typeof(k.death -> 'count') = 'number'
                                                         THEN least((k.death ->> 'count')::numeric, 1000000000)::int END
                                             FROM known k WHERE k.is_same LIMIT 1), 0),
                      'last-time', statement_timestamp(), 'last-exchange', p_exchange, 'last-routing-key', p_key) AS death
    )
    SELECT jsonb_agg(x.death ORDER BY x.place)
    FROM (SELECT n.death, 0::bigint AS place FROM now_dead n
          UNION ALL
          SELECT k.death, k.place FROM known k WHERE NOT coalesce(k.is_same, false)
          ORDER BY place
          LIMIT 10) x
$$;
COMMENT ON FUNCTION postroom.deaths_with IS
    'Internal: the deaths of a message and one more.';

-- The rule of RabbitMQ: a message that dies without a rejection does not come back to a queue, if it has not been rejected since it was
-- there. Rejections by consumers may go round without end.
CREATE OR REPLACE FUNCTION postroom.is_death_cycle(p_deaths jsonb, p_queue text) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(bool_and(d.value ->> 'reason' <> 'rejected') FILTER (WHERE d.ordinality <= l.place), false)
    FROM jsonb_array_elements(p_deaths) WITH ORDINALITY d
    CROSS JOIN (SELECT min(x.ordinality) AS place
                FROM jsonb_array_elements(p_deaths) WITH ORDINALITY x
                WHERE x.value ->> 'queue' = p_queue) l
$$;
COMMENT ON FUNCTION postroom.is_death_cycle IS
    'Internal: whether a message with these deaths, the last one included, would come back to a queue by itself.';

-- Its content is a new message: the old one is finished, and a finished message stays so. The time to live of the message itself is taken
-- off; that of the next queue counts from now. The path is found by the correlation id. Processes read the new id from the text of the old
-- one's end, to wake consumers (WorkerSql.PASSED_ON).
CREATE OR REPLACE FUNCTION postroom.pass_on(p_dead postroom.dead_letter, p_queue postroom.queue) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_message  postroom.message;
    new_message  postroom.message;
    first_id     int;
    key          text;
    deaths       jsonb;
    reached      postroom.queue[];
    targets      postroom.queue[];
    cut          text;
BEGIN
    SELECT * INTO old_message FROM postroom.message m WHERE m.id = p_dead.message_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    key := coalesce(p_queue.dead_letter_routing_key, old_message.routing_key, p_queue.name);
    deaths := postroom.deaths_with(postroom.as_deaths(old_message.headers ->> 'x-death'), p_queue.name, p_dead.reason,
        coalesce(old_message.exchange, ''), coalesce(old_message.routing_key, p_queue.name));
    new_message := old_message;
    new_message.headers := coalesce(old_message.headers, '{}')
        || jsonb_build_object('x-death', deaths::text)
        || jsonb_build_object('x-last-death-queue', p_queue.name, 'x-last-death-reason', p_dead.reason,
                              'x-last-death-exchange', coalesce(old_message.exchange, ''))
        || CASE WHEN old_message.headers ? 'x-first-death-reason' THEN '{}'
                ELSE jsonb_build_object('x-first-death-queue', p_queue.name, 'x-first-death-reason', p_dead.reason,
                                        'x-first-death-exchange', coalesce(old_message.exchange, '')) END;
    SELECT e.id INTO first_id FROM postroom.exchange e WHERE e.name = p_queue.dead_letter_exchange;
    reached := ARRAY(
        SELECT q
        FROM postroom.queue q
        WHERE q.deleted_at IS NULL
          AND q.id IN (SELECT b.queue_id FROM postroom.reached_bindings(first_id, key, new_message.headers) b)
        ORDER BY q.name);
    SELECT array_agg(t) FILTER (WHERE p_dead.reason = 'rejected' OR NOT postroom.is_death_cycle(deaths, t.name)),
           string_agg(t.name, ', ') FILTER (WHERE p_dead.reason <> 'rejected' AND postroom.is_death_cycle(deaths, t.name))
    INTO targets, cut
    FROM unnest(reached) t;
    IF targets IS NULL THEN
        UPDATE postroom.dead_letter d
        SET reason = CASE WHEN cut IS NULL THEN 'dlx_unroutable' ELSE 'cycle' END,
            error = format('%s: %s', p_dead.reason, coalesce(p_dead.error, 'no error'))
        WHERE d.message_id = p_dead.message_id
          AND d.queue_id = p_dead.queue_id;
        RETURN;
    END IF;
    new_message.id := postroom.new_id();
    new_message.created_at := statement_timestamp();
    new_message.exchange := p_queue.dead_letter_exchange;
    new_message.routing_key := key;
    new_message.correlation_id := coalesce(old_message.correlation_id, old_message.id::text);
    PERFORM postroom.store_through(new_message, targets);
    DELETE FROM postroom.dead_letter d WHERE d.message_id = p_dead.message_id AND d.queue_id = p_dead.queue_id;
    INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
    VALUES (p_dead.message_id, clock_timestamp(), clock_timestamp(), p_dead.queue_id, p_dead.deliveries,
            CASE p_dead.reason WHEN 'expired' THEN 2 ELSE 1 END,
            format('%s; went on through exchange "%s" with routing key "%s" as message %s%s', p_dead.reason,
                p_queue.dead_letter_exchange, key, new_message.id, '; not again to ' || cut));
END
$$;
COMMENT ON FUNCTION postroom.pass_on IS
    'Internal: sends a dead letter through the dead letter exchange of its queue, or notes in dead_letter why it stays.';

CREATE OR REPLACE FUNCTION postroom.store_through(p_message postroom.message, p_targets postroom.queue[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    only_one constant boolean := cardinality(p_targets) = 1;
BEGIN
    -- The low watermark (see poll) rests on this order: the transaction id and the lock on ready come before nextval draws a seq.
    PERFORM pg_current_xact_id();
    LOCK TABLE postroom.ready IN ROW EXCLUSIVE MODE;
    p_message.seq := nextval('postroom.ready_seq');
    p_message.queue_id := CASE WHEN only_one THEN p_targets[1].id ELSE 0 END;
    p_message.queue_ids := CASE WHEN NOT only_one THEN ARRAY(SELECT t.id FROM unnest(p_targets) t) END;
    p_message.expires_at := CASE WHEN only_one AND p_targets[1].time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'
                                 THEN p_message.created_at + p_targets[1].time_to_live END;
    IF only_one THEN
        INSERT INTO postroom.message VALUES (p_message.*);
        INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)
        VALUES (p_message.seq, p_message.queue_id, p_message.priority, p_message.id, false,
                CASE WHEN p_targets[1].fair THEN coalesce(p_message.group_key, E'\x01') ELSE '' END);
    ELSE
        PERFORM postroom.store_routed(p_message, p_targets, NULL);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.store_through IS
    'Internal: stores a new message in each of these queues.';

-- A failure here must not fail what made the dead letter: then the message stays dead, and a warning says why. What a person put into
-- quarantine stays there.
CREATE OR REPLACE FUNCTION postroom.pass_on_dead_letters() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fresh record;
BEGIN
    FOR fresh IN
        SELECT ROW(d.*)::postroom.dead_letter AS dead, q AS queue
        FROM new_dead_letters d
        JOIN postroom.queue q ON q.id = d.queue_id
        WHERE q.dead_letter_exchange IS NOT NULL
          AND d.reason NOT IN ('quarantined', 'cycle', 'dlx_unroutable')
    LOOP
        BEGIN
            PERFORM postroom.pass_on(fresh.dead, fresh.queue);
        EXCEPTION
            WHEN others THEN
                RAISE WARNING 'dead letter % of queue "%" did not go through exchange "%": %', (fresh.dead).message_id, (fresh.queue).name,
                    (fresh.queue).dead_letter_exchange, SQLERRM;
        END;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.pass_on_dead_letters IS
    'Internal: a trigger. Sends new dead letters through the dead letter exchanges of their queues.';

CREATE OR REPLACE TRIGGER pass_on_dead_letters AFTER INSERT ON postroom.dead_letter
    REFERENCING NEW TABLE AS new_dead_letters
    FOR EACH STATEMENT EXECUTE FUNCTION postroom.pass_on_dead_letters();
