-- active: which process consumes a queue with a single active consumer. All need READ COMMITTED.
-- Source of these functions: db/function. A change goes there and, with the same text, into a new migration: see db/README.md.

-- Whether this process may claim from such a queue; makes it the active one where there is none. Each claim holds the row until it ends, so
-- that release_active either waits for its leases or comes first and is seen here. Never waits for release_active, which tries again.
-- Leases of others are from the time before the queue had a single active consumer. No process has the number 0: see
-- begin_single_active_change.
CREATE OR REPLACE FUNCTION postroom.take_active(p_worker int, p_queue int) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder int;
BEGIN
    SELECT a.worker_id INTO holder FROM postroom.active_consumer a WHERE a.queue_id = p_queue;
    IF NOT FOUND THEN
        INSERT INTO postroom.active_consumer (queue_id, worker_id)
        SELECT p_queue, p_worker
        WHERE NOT EXISTS (SELECT FROM postroom.lease l WHERE l.queue_id = p_queue AND l.worker_id <> p_worker)
        ON CONFLICT DO NOTHING;
        RETURN FOUND;
    ELSIF holder <> p_worker THEN
        RETURN false;
    END IF;
    PERFORM FROM postroom.active_consumer a WHERE a.queue_id = p_queue AND a.worker_id = p_worker FOR KEY SHARE SKIP LOCKED;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION postroom.take_active IS
    'Internal: called by claims. Whether this process is the single active consumer of a queue.';

-- Claims that read the queue before it got a single active consumer do not ask. What they take is seen after their commit. So the change
-- puts a row in the place of the active process, under which nobody claims. Each claim has a lock on lease before it reads the queue. So
-- whoever has none when the row is seen reads the queue after the change. release_active notes a second later who has one, and takes the
-- row away when these transactions have ended. Those that begin later are not waited for: on a busy server there is always one.
CREATE OR REPLACE FUNCTION postroom.begin_single_active_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO postroom.active_consumer AS a (queue_id, worker_id) VALUES (NEW.id, 0)
    ON CONFLICT (queue_id) DO UPDATE SET worker_id = 0, active_at = clock_timestamp(), waits_for = NULL;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION postroom.begin_single_active_change IS
    'Internal: a trigger. Lets nobody claim while claims may be under way from before a queue had a single active consumer.';

CREATE OR REPLACE TRIGGER begin_single_active_change AFTER UPDATE OF single_active_consumer ON postroom.queue
    FOR EACH ROW WHEN (NEW.single_active_consumer AND NOT OLD.single_active_consumer)
    EXECUTE FUNCTION postroom.begin_single_active_change();

CREATE OR REPLACE FUNCTION postroom.end_single_active_change() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    change postroom.active_consumer;
BEGIN
    FOR change IN
        SELECT *
        FROM postroom.active_consumer a
        WHERE a.worker_id = 0
          AND clock_timestamp() NOT BETWEEN a.active_at AND a.active_at + interval '1 second' -- the clock may have been set back
        ORDER BY a.queue_id
        FOR UPDATE SKIP LOCKED
    LOOP
        IF change.waits_for IS NULL THEN
            UPDATE postroom.active_consumer a
            SET waits_for = ARRAY(SELECT l.virtualtransaction
                                  FROM pg_locks l
                                  WHERE l.relation = 'postroom.lease'::regclass
                                    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                                    AND l.mode = 'RowExclusiveLock'
                                    AND l.pid IS DISTINCT FROM pg_backend_pid())
            WHERE a.queue_id = change.queue_id
            RETURNING * INTO change;
        END IF;
        DELETE FROM postroom.active_consumer a
        WHERE a.queue_id = change.queue_id
          AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.virtualtransaction = ANY (change.waits_for));
    END LOOP;
END
$$;
COMMENT ON FUNCTION postroom.end_single_active_change IS
    'Internal: lets a process become the single active consumer when no claim is under way from before the queue had one.';

-- Lets others consume where the active process has stopped, has sent no heartbeat for p_lease_time, consumes the queue no more, or was told
-- to stop and has answered; and where the queue needs none any more. p_lease_time null: only what needs no heartbeat to be known. A process
-- that still has leases stays until they are finished or rescued: two never have messages of the queue in progress at once. The leases are
-- looked for in a statement after the lock, which sees what every claim has committed that had the row before. Answers how many queues have
-- an active process, those that lost it here included.
CREATE OR REPLACE FUNCTION postroom.release_active(p_lease_time interval) RETURNS int
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    longest    constant interval := CASE
        WHEN postroom.has_just_started(p_lease_time) THEN NULL
        ELSE p_lease_time END;
    all_of_it  constant int := (SELECT count(*) FROM postroom.active_consumer a);
    left_by    record;
BEGIN
    PERFORM postroom.end_single_active_change();
    FOR left_by IN
        SELECT a.queue_id, a.worker_id
        FROM postroom.active_consumer a
        WHERE a.worker_id <> 0
          AND NOT EXISTS (
            SELECT
            FROM postroom.queue q
            JOIN postroom.consumer c ON c.queue_id = q.id AND c.worker_id = a.worker_id
            JOIN postroom.worker w ON w.id = c.worker_id
            WHERE q.id = a.queue_id
              AND q.single_active_consumer
              AND q.deleted_at IS NULL
              AND w.stopped_at IS NULL
              AND (longest IS NULL OR w.beat_at > statement_timestamp() - longest)
              AND NOT EXISTS (SELECT FROM postroom.consumer_stop s
                              WHERE s.worker_id = w.id AND s.queue_id = q.id AND s.stopped_at IS NOT NULL))
        ORDER BY a.queue_id
        FOR UPDATE SKIP LOCKED
    LOOP
        DELETE FROM postroom.active_consumer a
        WHERE a.queue_id = left_by.queue_id
          AND NOT EXISTS (SELECT FROM postroom.lease l WHERE l.queue_id = left_by.queue_id AND l.worker_id = left_by.worker_id);
    END LOOP;
    RETURN all_of_it;
END
$$;
COMMENT ON FUNCTION postroom.release_active IS
    'Internal: called by a job. Lets others consume where the single active consumer of a queue has left.';
