-- queue: the kinds of queues, declaring one, and its end. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

CREATE OR REPLACE FUNCTION postroom.worker_text(p_instance uuid) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT format('worker "%s" (%s, since %s, last heartbeat %s s ago)', w.name, coalesce('from ' || host(w.address), 'local'),
                    to_char(w.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'),
                    greatest(extract(epoch FROM clock_timestamp() - w.beat_at), 0)::bigint)
         FROM postroom.worker w
         WHERE w.instance = p_instance),
        'a worker that is gone')
$$;
COMMENT ON FUNCTION postroom.worker_text IS
    'Internal: names a process for an error message: where it runs, and since when.';

-- Waits are compared by value: 60s and 1m are the same.
CREATE OR REPLACE FUNCTION postroom.same_waits(p_waits text, p_others text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN p_waits !~ '\d' OR p_others !~ '\d' OR (strpos(p_waits, '..') > 0) <> (strpos(p_others, '..') > 0) THEN p_waits = p_others
        ELSE regexp_split_to_array(p_waits, ',|\.\.')::interval[] = regexp_split_to_array(p_others, ',|\.\.')::interval[]
    END
$$;
COMMENT ON FUNCTION postroom.same_waits IS
    'Internal: whether two texts of queue.retry_after mean the same waits.';

-- The one definition of what refuses a declaration. A queue that nobody has declared yet takes the kind auto_delete: its producer may have
-- been faster than its consumer. p_strict: the settings that are named have to be those of the last declaration; an operator's are not
-- compared. null as p_owner: it is declared by no process.
CREATE OR REPLACE FUNCTION postroom.declaration_conflicts(
    q postroom.queue, p_max_attempts bigint, p_retry_after text, p_crash_limit bigint, p_time_to_live interval, p_retention interval,
    p_kind text, p_ordered boolean, p_on_dead_letter text, p_max_length bigint, p_overflow text,
    p_single_active_consumer boolean, p_expires_after interval, p_fair boolean, p_strict boolean, p_owner uuid)
RETURNS TABLE (field text, declared text, given text)
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'owner', postroom.worker_text(q.owner), NULL
    WHERE q.deleted_at IS NULL AND q.kind = 'exclusive' AND q.owner IS DISTINCT FROM p_owner
    UNION ALL
    SELECT 'consumers', o.names, NULL
    FROM (SELECT string_agg(DISTINCT postroom.worker_text(w.instance), ', ') AS names
          FROM postroom.consumer c
          JOIN postroom.worker w ON w.id = c.worker_id
          WHERE p_kind = 'exclusive'
            AND c.queue_id = q.id
            AND w.instance IS DISTINCT FROM p_owner
            AND w.stopped_at IS NULL
            AND w.beat_at > statement_timestamp() - interval '1 minute') o
    WHERE o.names IS NOT NULL
    UNION ALL
    SELECT x.field, x.declared, x.given
    FROM (VALUES
        ('kind', q.kind, p_kind,
            q.kind <> p_kind AND NOT (p_kind = 'auto_delete' AND q.kind = 'durable' AND q.settings_by = 'default')),
        ('attempts', q.max_attempts::text, p_max_attempts::text,
            p_strict AND q.settings_by = 'declaration' AND q.max_attempts <> p_max_attempts),
        ('retryAfter', q.retry_after, p_retry_after,
            p_strict AND q.settings_by = 'declaration' AND NOT postroom.same_waits(q.retry_after, p_retry_after)),
        ('crashLimit', q.crash_limit::text, p_crash_limit::text,
            p_strict AND q.settings_by = 'declaration' AND q.crash_limit <> p_crash_limit),
        ('timeToLive', coalesce(q.time_to_live::text, 'never'), p_time_to_live::text,
            p_strict AND q.settings_by = 'declaration' AND p_time_to_live IS NOT NULL AND q.time_to_live IS DISTINCT FROM p_time_to_live),
        ('retention', q.retention::text, p_retention::text,
            p_strict AND q.settings_by = 'declaration' AND q.retention <> p_retention),
        ('ordered', q.ordered::text, p_ordered::text,
            p_strict AND q.settings_by = 'declaration' AND q.ordered <> p_ordered),
        ('onDeadLetter', q.on_dead_letter, p_on_dead_letter,
            p_strict AND q.settings_by = 'declaration' AND q.on_dead_letter <> p_on_dead_letter),
        ('maxLength', coalesce(q.max_length::text, 'none'), CASE WHEN p_max_length = 0 THEN 'none' ELSE p_max_length::text END,
            p_strict AND q.settings_by = 'declaration' AND coalesce(q.max_length, 0) <> p_max_length),
        ('overflow', q.overflow, p_overflow,
            p_strict AND q.settings_by = 'declaration' AND q.overflow <> p_overflow),
        ('singleActiveConsumer', q.single_active_consumer::text, p_single_active_consumer::text,
            p_strict AND q.settings_by = 'declaration' AND q.single_active_consumer <> p_single_active_consumer),
        ('expiresAfter', coalesce(q.expires_after::text, 'never'),
            CASE p_expires_after WHEN interval '0' THEN 'never' ELSE p_expires_after::text END,
            p_strict AND q.settings_by = 'declaration' AND coalesce(q.expires_after, interval '0') <> p_expires_after),
        ('fair', CASE WHEN q.ordered THEN 'false (it is ordered)' ELSE q.fair::text END, p_fair::text,
            p_fair AND q.ordered
            OR p_strict AND q.settings_by = 'declaration' AND q.fair <> p_fair)
    ) x (field, declared, given, differs)
    WHERE q.deleted_at IS NULL AND x.differs
$$;
COMMENT ON FUNCTION postroom.declaration_conflicts IS
    'Internal: what of a declaration is refused, with what the queue has instead; no row: it holds.';

-- Sequential scans are off here and where else one queue, exchange or limiter is looked for by name: the plan that a session keeps may be
-- from when the table was empty, and 10,000 declarations in one transaction would each read all that were made before.
-- Settings of an operator stay. Looks without a lock first: a repeat must not make others wait that declare in long transactions.
CREATE OR REPLACE FUNCTION postroom.declare_queue(
    queue         text,
    max_attempts  int DEFAULT NULL,
    retry_after   text DEFAULT NULL,
    crash_limit   int DEFAULT NULL,
    time_to_live  interval DEFAULT NULL,
    retention     interval DEFAULT NULL,
    kind          text DEFAULT NULL,
    strict        boolean DEFAULT false,
    dead_letter_exchange     text DEFAULT NULL,
    dead_letter_routing_key  text DEFAULT NULL,
    ordered         boolean DEFAULT NULL,
    on_dead_letter  text DEFAULT NULL,
    max_length      bigint DEFAULT NULL,
    overflow        text DEFAULT NULL,
    single_active_consumer  boolean DEFAULT NULL,
    expires_after           interval DEFAULT NULL,
    fair                    boolean DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    is_named     constant boolean := num_nonnulls(declare_queue.max_attempts, declare_queue.retry_after, declare_queue.crash_limit,
                                                  declare_queue.time_to_live, declare_queue.retention, declare_queue.kind,
                                                  declare_queue.dead_letter_exchange, declare_queue.ordered,
                                                  declare_queue.on_dead_letter, declare_queue.max_length, declare_queue.overflow,
                                                  declare_queue.single_active_consumer, declare_queue.expires_after,
                                                  declare_queue.fair) > 0;
    existing     postroom.queue;
    changed      postroom.queue;
    is_locked    boolean := false;
    is_first_use boolean := false;
    refused      record;
    broken_rule  text;
BEGIN
    PERFORM postroom.require_name('queue', declare_queue.queue);
    IF declare_queue.max_attempts NOT BETWEEN 1 AND 1000 THEN
        PERFORM postroom.refuse('attempts', '1 to 1000', declare_queue.max_attempts::text);
    ELSIF declare_queue.crash_limit NOT BETWEEN 1 AND 1000 THEN
        PERFORM postroom.refuse('crashLimit', '1 to 1000', declare_queue.crash_limit::text);
    ELSIF declare_queue.time_to_live NOT BETWEEN interval '1 millisecond' AND interval '400 days' THEN
        PERFORM postroom.refuse('timeToLive', 'PT0.001S to 400 days', declare_queue.time_to_live::text);
    ELSIF declare_queue.retention NOT BETWEEN interval '0' AND interval '400 days'
          AND declare_queue.retention <> interval '365000 days' THEN
        PERFORM postroom.refuse('retention', 'PT0S to 400 days, or 365000 days', declare_queue.retention::text);
    ELSIF declare_queue.on_dead_letter NOT IN ('block', 'release') THEN
        PERFORM postroom.refuse('onDeadLetter', 'block or release', declare_queue.on_dead_letter);
    ELSIF declare_queue.max_length NOT BETWEEN 0 AND 1000000000 THEN
        PERFORM postroom.refuse('maxLength', '1 to 1000000000, or 0 for none', declare_queue.max_length::text);
    ELSIF declare_queue.overflow NOT IN ('drop_head', 'reject', 'reject_to_dead_letter_exchange') THEN
        PERFORM postroom.refuse('overflow', 'drop_head, reject or reject_to_dead_letter_exchange', declare_queue.overflow);
    ELSIF declare_queue.expires_after NOT BETWEEN interval '1 millisecond' AND interval '400 days'
          AND declare_queue.expires_after <> interval '0' THEN
        PERFORM postroom.refuse('expiresAfter', '1 ms to 400 days, or 0 for never', declare_queue.expires_after::text);
    ELSIF declare_queue.kind = 'exclusive' THEN
        PERFORM postroom.refuse('kind', 'durable or auto_delete', declare_queue.kind,
            'An exclusive queue belongs to a process: declare it there, with Queues.declare');
    ELSIF declare_queue.kind NOT IN ('durable', 'auto_delete') THEN
        PERFORM postroom.refuse('kind', 'durable or auto_delete', declare_queue.kind);
    ELSIF declare_queue.dead_letter_routing_key IS NOT NULL THEN
        PERFORM postroom.require_routing_key(declare_queue.dead_letter_routing_key);
        IF coalesce(declare_queue.dead_letter_exchange, '') = '' THEN
            PERFORM postroom.refuse('deadLetterRoutingKey', 'given only with a dead letter exchange',
                declare_queue.dead_letter_routing_key);
        END IF;
    END IF;
    IF declare_queue.ordered AND declare_queue.fair THEN
        PERFORM postroom.refuse('fair', 'false for an ordered queue', 'true');
    END IF;
    IF declare_queue.dead_letter_exchange <> '' THEN
        PERFORM postroom.require_name('deadLetterExchange', declare_queue.dead_letter_exchange);
    END IF;
    LOOP
        IF is_locked THEN
            SELECT * INTO existing FROM postroom.queue q WHERE q.name = declare_queue.queue FOR NO KEY UPDATE;
        ELSE
            SELECT * INTO existing FROM postroom.queue q WHERE q.name = declare_queue.queue;
        END IF;
        -- The lock names a prepared transaction that makes the queue. One that comes back needs it, too: else create_message gets the
        -- lock at once, and then waits for the row. It is taken before the row, as there. The race: a queue that is deleted between the
        -- two looks has its row locked already; then both may wait for one another, and the server ends one (40P01).
        IF NOT is_first_use AND (existing.id IS NULL OR existing.deleted_at IS NOT NULL) THEN
            PERFORM postroom.lock_first_use(declare_queue.queue);
            is_first_use := true;
            CONTINUE;
        END IF;
        IF existing.id IS NULL THEN
            INSERT INTO postroom.queue (name, max_attempts, retry_after, crash_limit, time_to_live, retention, kind, settings_by,
                                        dead_letter_exchange, dead_letter_routing_key, ordered, on_dead_letter, max_length, overflow,
                                        single_active_consumer, expires_after, fair)
            VALUES (declare_queue.queue, coalesce(declare_queue.max_attempts, 20), coalesce(declare_queue.retry_after, '10s..6h'),
                    coalesce(declare_queue.crash_limit, 3), declare_queue.time_to_live,
                    coalesce(declare_queue.retention, interval '7 days'), coalesce(declare_queue.kind, 'durable'),
                    CASE WHEN is_named THEN 'declaration' ELSE 'default' END,
                    nullif(declare_queue.dead_letter_exchange, ''), declare_queue.dead_letter_routing_key,
                    coalesce(declare_queue.ordered, false), coalesce(declare_queue.on_dead_letter, 'release'),
                    nullif(declare_queue.max_length, 0), coalesce(declare_queue.overflow, 'drop_head'),
                    coalesce(declare_queue.single_active_consumer, false), nullif(declare_queue.expires_after, interval '0'),
                    coalesce(declare_queue.fair, false))
            ON CONFLICT DO NOTHING;
            IF FOUND THEN
                RETURN true;
            END IF;
            CONTINUE;
        END IF;
        SELECT string_agg(c.field, ', ') AS fields, string_agg(c.declared, ', ') AS declared, string_agg(c.given, ', ') AS given
        INTO refused
        FROM postroom.declaration_conflicts(existing, declare_queue.max_attempts, declare_queue.retry_after, declare_queue.crash_limit,
            declare_queue.time_to_live, declare_queue.retention, declare_queue.kind, declare_queue.ordered,
            declare_queue.on_dead_letter, declare_queue.max_length, declare_queue.overflow, declare_queue.single_active_consumer,
            declare_queue.expires_after, declare_queue.fair, coalesce(declare_queue.strict, true), NULL) c;
        IF refused.fields LIKE 'owner%' THEN
            RAISE EXCEPTION 'queue "%" is exclusive to %; nothing was changed', declare_queue.queue, refused.declared
                USING ERRCODE = '55006', COLUMN = 'queue', HINT = 'Publish to it, or use another name';
        ELSIF refused.fields IS NOT NULL THEN
            PERFORM postroom.refuse(refused.fields, refused.declared || ', as queue "' || declare_queue.queue || '" was declared',
                refused.given, 'Delete the queue first, or declare one with another name');
        END IF;
        changed := existing;
        changed.deleted_at := NULL;
        changed.kind := coalesce(declare_queue.kind, CASE WHEN existing.deleted_at IS NOT NULL AND existing.kind = 'exclusive'
                                                          THEN 'durable' ELSE existing.kind END);
        changed.owner := NULL;
        IF is_named AND (existing.settings_by <> 'operator' OR existing.deleted_at IS NOT NULL) THEN
            changed.max_attempts := coalesce(declare_queue.max_attempts, existing.max_attempts);
            changed.retry_after := coalesce(declare_queue.retry_after, existing.retry_after);
            changed.crash_limit := coalesce(declare_queue.crash_limit, existing.crash_limit);
            changed.time_to_live := coalesce(declare_queue.time_to_live, existing.time_to_live);
            changed.retention := coalesce(declare_queue.retention, existing.retention);
            changed.on_dead_letter := coalesce(declare_queue.on_dead_letter, existing.on_dead_letter);
            changed.max_length := CASE WHEN declare_queue.max_length IS NULL THEN existing.max_length
                                       ELSE nullif(declare_queue.max_length, 0) END;
            changed.overflow := coalesce(declare_queue.overflow, existing.overflow);
            changed.single_active_consumer := coalesce(declare_queue.single_active_consumer, existing.single_active_consumer);
            changed.expires_after := CASE WHEN declare_queue.expires_after IS NULL THEN existing.expires_after
                                          ELSE nullif(declare_queue.expires_after, interval '0') END;
            changed.fair := coalesce(declare_queue.fair, existing.fair);
            changed.settings_by := 'declaration';
            IF declare_queue.dead_letter_exchange IS NOT NULL THEN
                changed.dead_letter_exchange := nullif(declare_queue.dead_letter_exchange, '');
                changed.dead_letter_routing_key := declare_queue.dead_letter_routing_key;
            END IF;
        END IF;
        IF existing.ordered <> declare_queue.ordered AND (existing.settings_by <> 'operator' OR existing.deleted_at IS NOT NULL) THEN
            PERFORM postroom.set_ordered(declare_queue.queue, declare_queue.ordered, 'declaration');
            changed.ordered := declare_queue.ordered;
            existing.ordered := declare_queue.ordered;
        END IF;
        IF changed.expires_after IS NOT NULL OR existing.deleted_at IS NOT NULL THEN
            changed.used_at := clock_timestamp();
        END IF;
        IF changed IS NOT DISTINCT FROM existing THEN
            RETURN false;
        ELSIF is_locked THEN
            IF existing.fair AND NOT changed.fair THEN
                PERFORM postroom.require_no_group_limit(existing.id);
            END IF;
            UPDATE postroom.queue q
            SET max_attempts = changed.max_attempts, retry_after = changed.retry_after, crash_limit = changed.crash_limit,
                time_to_live = changed.time_to_live, retention = changed.retention, settings_by = changed.settings_by,
                kind = changed.kind, owner = changed.owner, deleted_at = changed.deleted_at,
                dead_letter_exchange = changed.dead_letter_exchange, dead_letter_routing_key = changed.dead_letter_routing_key,
                on_dead_letter = changed.on_dead_letter, max_length = changed.max_length, overflow = changed.overflow,
                single_active_consumer = changed.single_active_consumer, expires_after = changed.expires_after, used_at = changed.used_at,
                fair = changed.fair
            WHERE q.id = existing.id;
            RETURN existing.deleted_at IS NOT NULL;
        END IF;
        is_locked := true;
    END LOOP;
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS broken_rule = CONSTRAINT_NAME;
    IF broken_rule = 'queue_retry_after_readable' THEN
        PERFORM postroom.refuse('retryAfter', '10s, or 10s, 1m, 5m, or 1s..1h, each at most 400 days; or custom', declare_queue.retry_after,
            'Units are ms, s, m, h and d');
    ELSIF broken_rule = 'queue_fair_is_not_ordered' THEN
        PERFORM postroom.refuse('fair', 'false for an ordered queue', 'true');
    END IF;
    RAISE;
END
$$;
COMMENT ON FUNCTION postroom.declare_queue IS
    'Makes a queue, or sets what is named: SELECT postroom.declare_queue(''mail'', max_attempts => 5, retry_after => ''10s, 1m'').
kind is durable or auto_delete (it goes with its last consumer). dead_letter_exchange is where dead letters go on; an empty text: nowhere.
ordered: at most one message of each group is in progress, in the order in which they were sent; it changes only while the queue is empty.
max_length is the most READY messages, 0: as many as come; overflow is drop_head, reject or reject_to_dead_letter_exchange.
single_active_consumer: one process consumes at a time. expires_after: the queue is deleted when nobody has consumed or declared it for so
long; interval ''0'': never. fair: the groups of its messages take turns (see set_fair).
An operator''s values stay. true: it is new, or was deleted before.
A value that breaks a limit is refused (22023), and so is another kind than the queue has. strict refuses other settings, too.';

-- A consumer that registers, and a binding, hold a lock on the queue's row that this waits for; the statements after it see them. What an
-- open transaction has put into the queue and not committed is not seen: it becomes CANCELLED. up_to: what has a higher seq came later, to
-- a queue of that name which is there again. obstacle: exclusive (because names the owner), in_use or not_empty. No row: there is no such
-- queue.
CREATE OR REPLACE FUNCTION postroom.mark_deleted(p_queue text, p_if_empty boolean, p_if_unused boolean, p_owner uuid)
RETURNS TABLE (queue_id int, obstacle text, because text, up_to bigint)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    target  postroom.queue;
    users   text;
BEGIN
    IF NOT EXISTS (SELECT FROM postroom.queue q WHERE q.name = p_queue AND q.deleted_at IS NULL) THEN
        RETURN;
    END IF;
    PERFORM postroom.change_routing(); -- before the lock on the queue, as all that changes routing
    SELECT * INTO target FROM postroom.queue q WHERE q.name = p_queue AND q.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    queue_id := target.id;
    IF p_if_unused THEN
        SELECT string_agg(DISTINCT w.name, ', ') INTO users
        FROM postroom.consumer c
        JOIN postroom.worker w ON w.id = c.worker_id
        WHERE c.queue_id = target.id
          AND w.stopped_at IS NULL
          AND w.beat_at > statement_timestamp() - interval '1 minute';
    END IF;
    IF target.kind = 'exclusive' AND target.owner IS DISTINCT FROM p_owner THEN
        obstacle := 'exclusive';
        because := postroom.worker_text(target.owner);
    ELSIF users IS NOT NULL THEN
        obstacle := 'in_use';
        because := 'is consumed by ' || users;
    ELSIF p_if_empty THEN
        because := CASE
            WHEN EXISTS (SELECT FROM postroom.ready r WHERE r.queue_id = target.id)
              OR EXISTS (SELECT FROM postroom.grouped w WHERE w.queue_id = target.id)
              OR EXISTS (SELECT FROM postroom.delayed d WHERE d.queue_id = target.id) THEN 'is not empty: messages wait in it'
            WHEN EXISTS (SELECT FROM postroom.lease l WHERE l.queue_id = target.id) THEN 'is not empty: messages are in progress'
            WHEN EXISTS (SELECT FROM postroom.dead_letter d WHERE d.queue_id = target.id) THEN 'is not empty: it has dead letters'
        END;
        obstacle := CASE WHEN because IS NOT NULL THEN 'not_empty' END;
    END IF;
    IF obstacle IS NULL THEN
        DELETE FROM postroom.binding b WHERE b.queue_id = target.id;
        UPDATE postroom.queue q SET deleted_at = clock_timestamp(), had_consumer = false WHERE q.id = target.id;
        up_to := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION postroom.mark_deleted IS
    'Internal: deletes a queue and its bindings when the conditions hold; what waits in it is cancelled afterwards.';

CREATE OR REPLACE FUNCTION postroom.delete_queue(
    queue text, if_empty boolean DEFAULT false, if_unused boolean DEFAULT false, reason text DEFAULT NULL, actor text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    marked record;
BEGIN
    PERFORM postroom.require_reason_if_given(delete_queue.reason, delete_queue.actor);
    PERFORM postroom.require_name('queue', delete_queue.queue);
    SELECT m.queue_id, CASE m.obstacle WHEN 'exclusive' THEN 'is exclusive to ' ELSE '' END || m.because AS because INTO marked
    FROM postroom.mark_deleted(delete_queue.queue, coalesce(delete_queue.if_empty, true), coalesce(delete_queue.if_unused, true), NULL) m;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF marked.because IS NOT NULL THEN
        RAISE EXCEPTION 'queue "%" %; nothing was deleted', delete_queue.queue, marked.because USING ERRCODE = '55006', COLUMN = 'queue';
    END IF;
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason)
    VALUES (coalesce(delete_queue.actor, session_user), 'delete', marked.queue_id, clock_timestamp(), delete_queue.reason);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.delete_queue IS
    'Deletes a queue with its bindings: SELECT postroom.delete_queue(''mail'', if_empty => true, if_unused => true).
if_empty refuses (55006) while anything waits, is in progress or dead, if_unused while it has a live consumer.
What is READY becomes CANCELLED, reason queue_deleted, within a minute while a worker lives, what is DELAYED within a minute and a half;
a long queue takes longer. false: there was none.';

CREATE OR REPLACE FUNCTION postroom.set_paused(p_queue text, p_paused boolean, p_reason text, p_actor text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed int;
BEGIN
    PERFORM postroom.require_name('queue', p_queue);
    PERFORM postroom.require_reason_if_given(p_reason, p_actor);
    UPDATE postroom.queue q
    SET paused_at = CASE WHEN p_paused THEN clock_timestamp() END
    WHERE q.name = p_queue
      AND q.deleted_at IS NULL
      AND (q.paused_at IS NULL) = p_paused
    RETURNING q.id INTO changed;
    IF NOT FOUND THEN
        RETURN (SELECT false FROM postroom.queue q WHERE q.name = p_queue AND q.deleted_at IS NULL);
    END IF;
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason)
    VALUES (coalesce(p_actor, session_user), CASE WHEN p_paused THEN 'pause' ELSE 'resume' END, changed, clock_timestamp(), p_reason);
    RETURN true;
END
$$;
COMMENT ON FUNCTION postroom.set_paused IS
    'Internal: pauses or resumes a queue. A repeat changes nothing and leaves no line.';

CREATE OR REPLACE FUNCTION postroom.pause_queue(queue text, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT postroom.set_paused(pause_queue.queue, true, pause_queue.reason, pause_queue.actor)
$$;
COMMENT ON FUNCTION postroom.pause_queue IS
    'Pauses a queue, in the transaction of the caller: SELECT postroom.pause_queue(''mail'', reason => ''the mail server is down'').
No process claims a further message of it from its next poll on; what is in progress goes on. true: it was not paused; false: it was; null:
there is no such queue.';

CREATE OR REPLACE FUNCTION postroom.resume_queue(queue text, reason text DEFAULT NULL, actor text DEFAULT NULL) RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT postroom.set_paused(resume_queue.queue, false, resume_queue.reason, resume_queue.actor)
$$;
COMMENT ON FUNCTION postroom.resume_queue IS
    'Ends the pause of a queue, in the transaction of the caller: SELECT postroom.resume_queue(''mail'').
true: it was paused; false: it was not; null: there is no such queue.';

-- Whether a process consumes the queue. It counts while it has not stopped and its last heartbeat is not older than p_lease_time; null:
-- while it has not stopped.
CREATE OR REPLACE FUNCTION postroom.is_consumed(p_queue int, p_lease_time interval) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM postroom.consumer c
        JOIN postroom.worker w ON w.id = c.worker_id
        WHERE c.queue_id = p_queue
          AND w.stopped_at IS NULL
          AND (p_lease_time IS NULL OR w.beat_at > statement_timestamp() - p_lease_time))
$$;
COMMENT ON FUNCTION postroom.is_consumed IS
    'Internal: whether a process consumes a queue.';

-- The time in which the server was away does not count. used_at is renewed when it is older than what is added here.
CREATE OR REPLACE FUNCTION postroom.is_expired(q postroom.queue) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT q.expires_after IS NOT NULL
       AND greatest(q.used_at, pg_postmaster_start_time())
           < statement_timestamp() - q.expires_after - least(q.expires_after / 10, interval '1 minute')
$$;
COMMENT ON FUNCTION postroom.is_expired IS
    'Internal: whether nobody has declared or consumed a queue for as long as its expires_after; of a queue without a consumer.';

-- Who sets the time of a queue by hand does not mean to delete it at once.
CREATE OR REPLACE FUNCTION postroom.begin_expiry() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.used_at := clock_timestamp();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION postroom.begin_expiry IS
    'Internal: a trigger. Begins the time without use anew when expires_after changes.';

CREATE OR REPLACE TRIGGER begin_expiry BEFORE UPDATE OF expires_after ON postroom.queue
    FOR EACH ROW WHEN (NEW.expires_after IS DISTINCT FROM OLD.expires_after) EXECUTE FUNCTION postroom.begin_expiry();

-- Whether nobody is left for whom the queue q is there. p_lease_time: see is_consumed.
CREATE OR REPLACE FUNCTION postroom.is_abandoned(q postroom.queue, p_lease_time interval) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE q.kind
        WHEN 'exclusive' THEN NOT EXISTS (
            SELECT FROM postroom.worker w
            WHERE w.instance = q.owner
              AND w.stopped_at IS NULL
              AND (p_lease_time IS NULL OR w.beat_at > statement_timestamp() - p_lease_time))
        WHEN 'auto_delete' THEN (q.had_consumer OR postroom.is_expired(q)) AND NOT postroom.is_consumed(q.id, p_lease_time)
        ELSE postroom.is_expired(q) AND NOT postroom.is_consumed(q.id, p_lease_time)
    END
$$;
COMMENT ON FUNCTION postroom.is_abandoned IS
    'Internal: whether a queue has lost its owner or its last consumer, or is not used any more.';

-- Deletes exclusive queues whose owner is gone, auto-delete queues whose last consumer left, and queues that were not used for their
-- expires_after. p_left: queues whose consumers the caller
-- has just removed, in this transaction: such a queue had a consumer. Their rows are locked before anybody is looked for. Otherwise two
-- processes that leave at once would each see the other one, and the queue would stay. Locks go by name, as those of declarations and
-- announcements: nobody waits in a circle. After a restart of the server no heartbeat is fresh, so none counts as missing for one lease
-- time. A queue that came back under a consumer that was there all the time is noted here as one that had a consumer. Rows of dead
-- consumers do not count for that, and stay: such a process may only have stood still.
CREATE OR REPLACE FUNCTION postroom.delete_abandoned(p_lease_time interval, p_left int[])
RETURNS TABLE (queue_id int, queue text, because text, up_to bigint)
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    longest  constant interval := CASE
        WHEN postroom.has_just_started(p_lease_time) THEN NULL
        ELSE p_lease_time END;
    ids      int[];
BEGIN
    -- Where all queues are durable for good there is nothing to plan the statements below for.
    IF NOT EXISTS (SELECT
                   FROM postroom.queue q
                   WHERE (q.kind <> 'durable' OR q.expires_after IS NOT NULL)
                     AND q.deleted_at IS NULL) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT
               FROM postroom.queue q
               JOIN postroom.binding b ON b.queue_id = q.id
               WHERE (q.kind <> 'durable' OR q.expires_after IS NOT NULL)
                 AND q.deleted_at IS NULL
                 AND (q.id = ANY (p_left) OR postroom.is_abandoned(q, longest))) THEN
        PERFORM postroom.change_routing(); -- before the locks on queues, as all that changes routing
    END IF;
    SELECT array_agg(x.id) INTO ids
    FROM (SELECT q.id
          FROM postroom.queue q
          WHERE (q.kind <> 'durable' OR q.expires_after IS NOT NULL)
            AND q.deleted_at IS NULL
            AND (q.id = ANY (p_left)
                 OR postroom.is_abandoned(q, longest)
                 OR (q.kind = 'auto_delete' AND NOT q.had_consumer
                     OR q.expires_after IS NOT NULL
                        AND q.used_at < statement_timestamp() - least(q.expires_after / 10, interval '1 minute'))
                    AND EXISTS (SELECT FROM postroom.consumer c JOIN postroom.worker w ON w.id = c.worker_id
                                WHERE c.queue_id = q.id AND w.stopped_at IS NULL
                                  AND w.beat_at > statement_timestamp() - longest))
          ORDER BY q.name
          FOR UPDATE OF q) x;
    IF ids IS NULL THEN
        RETURN;
    END IF;
    UPDATE postroom.queue q
    SET had_consumer = q.kind = 'auto_delete',
        used_at = clock_timestamp()
    WHERE q.id = ANY (ids)
      AND (q.kind = 'auto_delete' AND NOT q.had_consumer OR q.expires_after IS NOT NULL)
      AND q.deleted_at IS NULL
      AND (q.id = ANY (p_left)
           OR EXISTS (SELECT FROM postroom.consumer c JOIN postroom.worker w ON w.id = c.worker_id
                      WHERE c.queue_id = q.id AND w.stopped_at IS NULL
                        AND w.beat_at > statement_timestamp() - longest));
    RETURN QUERY
    WITH gone AS (
        UPDATE postroom.queue q
        SET deleted_at = clock_timestamp(), had_consumer = false
        WHERE q.id = ANY (ids)
          AND q.deleted_at IS NULL
          AND postroom.is_abandoned(q, longest)
        RETURNING q.id, q.name, q.kind, q.owner, q.expires_after
    ), unbound AS (
        DELETE FROM postroom.binding b USING gone g WHERE b.queue_id = g.id
    )
    SELECT g.id, g.name,
           CASE g.kind WHEN 'exclusive' THEN 'it was exclusive to ' || postroom.worker_text(g.owner) || ', which is gone'
                       WHEN 'auto_delete' THEN 'its last consumer left' || coalesce(' or it was not used for ' || g.expires_after, '')
                       ELSE 'it was not used for ' || g.expires_after END,
           coalesce(pg_sequence_last_value('postroom.ready_seq'), 0)
    FROM gone g;
END
$$;
COMMENT ON FUNCTION postroom.delete_abandoned IS
    'Internal: called by workers. Deletes queues that have lost their owner or their last consumer, or are not used any more.';
