-- explain: why a message is not running.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- A message without a type needs '' or '*'.
CREATE OR REPLACE FUNCTION postroom.takes(p_types text[], p_type text, p_version int) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM unnest(p_types) t (name)
        WHERE t.name = '*'
           OR p_type = 'postroom.kill'
           OR p_type IS NULL AND t.name = ''
           OR split_part(t.name, '/', 1) = p_type
              AND t.name ~ '/[0-9]{1,5}$'
              AND substring(t.name FROM '[0-9]{1,5}$')::int >= p_version)
$$;
COMMENT ON FUNCTION postroom.takes IS
    'Whether a handler with these types takes a message, for queries over postroom.consumers:
SELECT ... WHERE postroom.takes(c.types, m.type, m.type_version)';

-- For a message of an ordered queue: which other one of its group runs before it. null: none.
CREATE OR REPLACE FUNCTION postroom.explain_group(p_message uuid, p_queue int, p_group text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at_utc    constant text := 'YYYY-MM-DD HH24:MI:SS "UTC"';
    holder    record;
    at_place  record;
    ahead     bigint;
BEGIN
    SELECT g.message_id, g.held_since, q.name AS queue
    INTO holder
    FROM postroom.message_group g
    JOIN postroom.queue q ON q.id = g.queue_id
    WHERE g.queue_id = p_queue
      AND g.group_key = p_group
      AND NOT g.is_free;
    IF NOT FOUND OR holder.message_id = p_message THEN
        RETURN NULL;
    END IF;
    -- A statement of its own, with the id as a value: joined to place, the holder was looked for in all rows of ready and attempt.
    SELECT p.state, p.due_at, p.reason, w.name AS worker
    INTO at_place
    FROM postroom.place p
    LEFT JOIN postroom.worker w ON w.id = p.worker_id
    WHERE p.message_id = holder.message_id
      AND p.queue_id = p_queue;
    SELECT count(*) INTO ahead
    FROM (SELECT FROM postroom.grouped w
          WHERE w.queue_id = p_queue
            AND w.group_key = p_group
            AND w.seq < coalesce((SELECT x.seq FROM postroom.grouped x WHERE x.message_id = p_message AND x.queue_id = p_queue),
                                 9223372036854775807)
          LIMIT 10001) x;
    RETURN format('group: %s; %s', CASE
            WHEN holder.message_id IS NULL THEN
                format('group "%s" of queue "%s" has no message in progress, and its next one is looked for', p_group, holder.queue)
            ELSE format('message %s holds group "%s" of queue "%s" since %s: %s', holder.message_id, p_group, holder.queue,
                to_char(holder.held_since AT TIME ZONE 'UTC', at_utc),
                CASE at_place.state
                    WHEN 'IN_PROGRESS' THEN
                        format('%s works on it', coalesce('worker "' || at_place.worker || '"', 'a worker that is gone'))
                    WHEN 'READY' THEN 'it is READY'
                    WHEN 'DELAYED' THEN
                        format('it waits until %s, because of %s', to_char(at_place.due_at AT TIME ZONE 'UTC', at_utc), at_place.reason)
                    WHEN 'DEAD' THEN format('it is a dead letter (%s), for which this queue blocks the group; SELECT postroom.redrive(%L) '
                        'puts it back', at_place.reason, holder.message_id)
                    ELSE 'it has ended, and the group goes on within seconds'
                END)
        END,
        CASE WHEN ahead > 10000 THEN '10,000+ messages of the group wait before this one'
             WHEN ahead = 1 THEN '1 message of the group waits before this one'
             WHEN ahead = 0 THEN 'this one is next'
             ELSE ahead || ' messages of the group wait before this one' END);
END
$$;
COMMENT ON FUNCTION postroom.explain_group IS
    'Internal: called by explain. Who holds the group of a message.';

-- For a READY message of a fair queue: how many of its group go before it, and how many groups take turns. Suspects are not counted: they
-- are claimed apart. A row without a key waits in the order of the queue: see fair.sql. Both counts are of the lane of the message. Looks
-- at no more than 101 groups.
CREATE OR REPLACE FUNCTION postroom.explain_turn(p_queue int, p_name text, p_priority int, p_seq bigint, p_group text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key     text;
    ahead   bigint;
    groups  int;
    weight  int := (SELECT (q.group_weights ->> p_group)::int FROM postroom.queue q WHERE q.id = p_queue);
BEGIN
    SELECT r.group_key INTO key
    FROM postroom.ready r
    WHERE r.queue_id = p_queue AND r.priority = p_priority::smallint AND r.seq = p_seq;
    SELECT count(*) INTO ahead
    FROM ((SELECT FROM postroom.ready r
           WHERE key <> ''
             AND r.queue_id = p_queue
             AND r.priority = p_priority::smallint
             AND r.group_key = key
             AND r.seq < p_seq
             AND r.group_key <> '' AND r.crashes = 0 -- as in ready_by_group: ready_pk would lead over the rows of all groups
           LIMIT 10001)
          UNION ALL
          (SELECT FROM postroom.ready r
           WHERE key = ''
             AND r.queue_id = p_queue
             AND r.priority = p_priority::smallint
             AND r.group_key = ''
             AND r.crashes = 0
             AND r.seq < p_seq
           LIMIT 10001)) x;
    groups := cardinality(postroom.next_groups(p_queue, p_priority::smallint, 0, NULL, '', 101));
    RETURN format('%s: %s of %s %s ahead of it in fair queue "%s"; %s of its priority take turns%s',
        CASE ahead WHEN 0 THEN 'next' ELSE 'behind' END,
        CASE WHEN ahead > 10000 THEN '10,000+ messages' WHEN ahead = 1 THEN '1 message' ELSE ahead || ' messages' END,
        CASE WHEN key = '' THEN 'those from before the queue was fair'
             ELSE coalesce('group "' || p_group || '"', 'those without a group') END,
        CASE ahead WHEN 1 THEN 'is' ELSE 'are' END,
        p_name,
        CASE WHEN groups > 100 THEN '100+ groups' WHEN groups = 1 THEN '1 group' ELSE groups || ' groups' END,
        CASE WHEN key <> '' AND weight > 1 THEN format(', with up to %s messages of its group in one', weight) ELSE '' END);
END
$$;
COMMENT ON FUNCTION postroom.explain_turn IS
    'Internal: called by explain. How many messages of its group go before a message of a fair queue, suspects left out.';

-- Codes: unknown, done, cancelled, expired, dead, in_progress, queue_deleted, queue_paused, consumers_stopped, single_active, no_consumer,
-- no_handler, settings, secret, due_later, limit, suspect, group, behind, next, no_place, payload_missing. STABLE: all of it is one
-- snapshot, in which a message is in one place. Plans are made for their values and through indexes: it is asked rarely, and a plan that
-- was kept from when a table was empty would read all that came since.
CREATE OR REPLACE FUNCTION postroom.explain(p_message uuid) RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 3
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan SET jit = off SET max_parallel_workers_per_gather = 0
SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    at_utc    constant text := 'YYYY-MM-DD HH24:MI:SS "UTC"';
    now_at    constant timestamptz := statement_timestamp();
    message   record;
    entry     record;
    others    record;
    ahead     bigint;
    held_up   text;
    limiter   record;
    is_known  boolean := false;
BEGIN
    SELECT m.id, m.type, m.type_version, m.group_key INTO message FROM postroom.message m WHERE m.id = p_message;
    FOR entry IN
        SELECT p.*, q.name AS queue, q.paused_at, q.consumers_stopped_at, q.deleted_at, q.crash_limit, q.retention, q.ordered,
               q.single_active_consumer, q.has_limiter, q.destination, q.fair
        FROM postroom.place p
        LEFT JOIN postroom.queue q ON q.id = p.queue_id
        WHERE p.message_id = p_message
        ORDER BY q.name
    LOOP
        is_known := true;
        CASE entry.state
        WHEN 'DONE', 'CANCELLED', 'EXPIRED' THEN
            RETURN NEXT format('%s: it is %s in queue "%s"%s since %s; it may be removed from %s on',
                lower(entry.state), entry.state, entry.queue, coalesce(' (' || entry.reason || ')', ''),
                to_char(entry.finished_at AT TIME ZONE 'UTC', at_utc),
                to_char((entry.finished_at + entry.retention) AT TIME ZONE 'UTC', at_utc));
        WHEN 'DEAD' THEN
            SELECT d.dead_at, d.error INTO others
            FROM postroom.dead_letter d
            WHERE d.message_id = p_message AND d.queue_id = entry.queue_id;
            RETURN NEXT format('dead: queue "%s" gave it up at %s (%s, %s failures, %s crashes)%s; '
                'SELECT postroom.redrive(%L) puts it back',
                entry.queue, to_char(others.dead_at AT TIME ZONE 'UTC', at_utc), entry.reason, entry.failures, entry.crashes,
                coalesce(': ' || left(split_part(others.error, E'\n', 1), 300), ''), p_message);
        WHEN 'IN_PROGRESS' THEN
            SELECT w.name, w.beat_at, w.stopped_at INTO others FROM postroom.worker w WHERE w.id = entry.worker_id;
            RETURN NEXT format('in_progress: %s holds it since %s in queue "%s", delivery %s%s',
                coalesce('worker "' || others.name || '"', 'a worker that is gone'),
                to_char(entry.claimed_at AT TIME ZONE 'UTC', at_utc), entry.queue, entry.deliveries,
                CASE
                    WHEN others.name IS NULL OR others.stopped_at IS NOT NULL THEN '; that worker has stopped, and rescue will put it back'
                    WHEN others.beat_at < now_at - interval '15 seconds' THEN
                        format('; that worker has sent no heartbeat for %s s, and rescue puts it back when its lease time is over',
                            extract(epoch FROM now_at - others.beat_at)::bigint)
                    ELSE ''
                END);
        ELSE
            IF entry.deleted_at < 'infinity' THEN -- one that lies ahead is that of a queue which moves: see home
                RETURN NEXT format('queue_deleted: queue "%s" was deleted at %s',
                    entry.queue, to_char(entry.deleted_at AT TIME ZONE 'UTC', at_utc));
            END IF;
            IF entry.paused_at IS NOT NULL THEN
                RETURN NEXT format('queue_paused: queue "%s" is paused since %s; resume it to go on',
                    entry.queue, to_char(entry.paused_at AT TIME ZONE 'UTC', at_utc));
            END IF;
            IF entry.consumers_stopped_at IS NOT NULL THEN
                RETURN NEXT format('consumers_stopped: all consumers of queue "%s" are told to stop since %s; '
                    'SELECT postroom.start_consumers(%L) lets them go on',
                    entry.queue, to_char(entry.consumers_stopped_at AT TIME ZONE 'UTC', at_utc), entry.queue);
            END IF;
            SELECT count(*) AS consumers,
                   count(*) FILTER (WHERE s.worker_id IS NULL) AS running,
                   count(*) FILTER (WHERE postroom.takes(c.types, message.type, message.type_version)) AS takers,
                   string_agg(format('%s of %s takes %s', c.handler, w.name,
                       coalesce(nullif(array_to_string(c.types, ', '), ''), 'messages without a type')),
                       '; ' ORDER BY c.handler, w.name) AS names
            INTO others
            FROM postroom.consumer c
            JOIN postroom.worker w ON w.id = c.worker_id
            LEFT JOIN postroom.consumer_stop s ON s.worker_id = c.worker_id AND s.queue_id = c.queue_id
            WHERE c.queue_id = entry.queue_id
              AND w.stopped_at IS NULL
              AND w.beat_at > now_at - interval '1 minute';
            IF others.consumers > 0 AND others.running = 0 AND entry.consumers_stopped_at IS NULL THEN
                RETURN NEXT format('consumers_stopped: each live consumer of queue "%s" is told to stop; '
                    'SELECT postroom.start_consumers(%L) lets them go on', entry.queue, entry.queue);
            END IF;
            IF entry.single_active_consumer THEN
                RETURN NEXT format('single_active: only one process consumes queue "%s" at a time, now %s', entry.queue, coalesce(
                    (SELECT 'worker "' || w.name || '"'
                     FROM postroom.active_consumer a
                     JOIN postroom.worker w ON w.id = a.worker_id
                     WHERE a.queue_id = entry.queue_id), 'none'));
            END IF;
            IF others.consumers = 0 THEN
                RETURN NEXT format('no_consumer: no live process anywhere consumes queue "%s"', entry.queue);
                IF entry.reason = 'no_handler' THEN
                    RETURN NEXT format('no_handler: the worker that claimed it last had no handler for %s',
                        coalesce('type ' || message.type || ' version ' || message.type_version, 'messages without a type'));
                END IF;
            ELSIF others.takers = 0 THEN
                RETURN NEXT format('no_handler: no live consumer of queue "%s" takes %s: %s', entry.queue,
                    coalesce('type ' || message.type || ' version ' || message.type_version, 'messages without a type'),
                    left(others.names, 1000));
            END IF;
            IF entry.state = 'DELAYED' AND entry.reason LIKE 'settings:%' THEN
                RETURN NEXT format('settings: its handler needs the settings "%s", and %s', substr(entry.reason, 10), coalesce(
                    postroom.settings_obstacle(substr(entry.reason, 10)),
                    'what is stored can be used: the attempt comes when it is due, or a process that refuses one of their values '
                    'says so in its log and its health'));
            ELSIF entry.state = 'DELAYED' AND entry.reason LIKE 'secret:%' THEN
                RETURN NEXT format('secret: its handler needs the secret of the settings "%s", which was not found by the process that '
                    'tried it last: %s', substr(entry.reason, 8),
                    coalesce((SELECT s.secret FROM postroom.settings s WHERE s.name = substr(entry.reason, 8)), 'they name none'));
            END IF;
            IF entry.state = 'DELAYED' THEN
                RETURN NEXT format('due_later: %s in queue "%s", because of %s%s',
                    CASE WHEN entry.due_at > now_at THEN 'it is due at ' || to_char(entry.due_at AT TIME ZONE 'UTC', at_utc)
                         ELSE 'it was due at ' || to_char(entry.due_at AT TIME ZONE 'UTC', at_utc) || ' and waits to be promoted' END,
                    entry.queue, entry.reason,
                    coalesce('; last error: ' || (
                        SELECT left(split_part(a.error, E'\n', 1), 300)
                        FROM postroom.attempt a
                        WHERE a.message_id = p_message AND a.queue_id = entry.queue_id AND a.error IS NOT NULL
                        ORDER BY a.finished_at DESC
                        LIMIT 1), ''));
            ELSE
                held_up := CASE WHEN entry.ordered THEN postroom.explain_group(p_message, entry.queue_id, message.group_key) END;
                IF held_up IS NOT NULL THEN
                    RETURN NEXT held_up;
                    CONTINUE;
                END IF;
                IF entry.has_limiter THEN
                    FOR limiter IN
                        SELECT CASE WHEN l.queue IS NULL THEN format('destination "%s"', l.destination)
                                    ELSE format('queue "%s"', l.queue) END AS name, l.*
                        FROM postroom.limiters() l
                        WHERE l.queue_id = entry.queue_id OR l.destination = entry.destination
                    LOOP
                        IF limiter.parked_until IS NOT NULL THEN
                            RETURN NEXT format('limit: %s takes nothing until %s, as a handler has learned; SELECT postroom.unpark(%L) '
                                'lets messages start at once',
                                limiter.name, to_char(limiter.parked_until AT TIME ZONE 'UTC', at_utc), limiter.destination);
                        END IF;
                        IF limiter.next_start > 0 THEN
                            RETURN NEXT format('limit: %s lets %s messages start in %s (%s); the next may start at %s',
                                limiter.name, limiter.max_starts, limiter.period, limiter.window_kind,
                                to_char((clock_timestamp() + limiter.next_start * interval '1 microsecond') AT TIME ZONE 'UTC', at_utc));
                        END IF;
                        IF limiter.in_progress >= limiter.max_in_progress THEN
                            RETURN NEXT format('limit: %s lets %s messages be in progress, and %s are',
                                limiter.name, limiter.max_in_progress, limiter.in_progress);
                        END IF;
                    END LOOP;
                    RETURN QUERY SELECT postroom.explain_group_limit(entry.queue_id, entry.queue, message.group_key);
                END IF;
                IF entry.crashes > 0 THEN
                    RETURN NEXT format(
                        'suspect: its worker died %s times after it had started in queue "%s" (limit %s); '
                        'few suspects run at once in a process',
                        entry.crashes, entry.queue, entry.crash_limit);
                END IF;
                IF entry.fair THEN
                    RETURN NEXT postroom.explain_turn(entry.queue_id, entry.queue, entry.priority, entry.seq, message.group_key);
                    CONTINUE;
                END IF;
                -- Two ranges of ready_pk. One condition with OR could be a filter over the whole queue: 0.7 s for the first message of
                -- 9,000,000.
                SELECT count(*) INTO ahead
                FROM ((SELECT FROM postroom.ready r
                       WHERE r.queue_id = entry.queue_id AND r.priority > entry.priority
                       LIMIT 10001)
                      UNION ALL
                      (SELECT FROM postroom.ready r
                       WHERE r.queue_id = entry.queue_id AND r.priority = entry.priority AND r.seq < entry.seq
                       LIMIT 10001)
                      LIMIT 10001) x;
                RETURN NEXT CASE ahead
                    WHEN 0 THEN format('next: nothing is ahead of it in queue "%s"; a free consumer takes it', entry.queue)
                    WHEN 1 THEN format('behind: 1 message of queue "%s" is ahead of it', entry.queue)
                    ELSE format('behind: %s messages of queue "%s" are ahead of it',
                        CASE WHEN ahead > 10000 THEN '10,000+' ELSE ahead::text END, entry.queue)
                END;
            END IF;
        END CASE;
    END LOOP;
    IF NOT is_known AND message.id IS NULL THEN
        RETURN NEXT format('unknown: no message %s; it was never committed, or it was purged', p_message);
    ELSIF NOT is_known THEN
        RETURN NEXT format('no_place: message %s is stored but in no place, which should not be; '
            'run db/checks/conservation.sql', p_message);
    ELSIF message.id IS NULL THEN
        RETURN NEXT format('payload_missing: the content of message %s is gone', p_message);
    END IF;
END
$$;
COMMENT ON FUNCTION postroom.explain IS
    'Why a message is not running now: SELECT postroom.explain(''...'').
The most important cause comes first; each line is "code: sentence".';
