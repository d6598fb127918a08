-- The other side of db/replication/publish.sql: plain tables for a reporting database, which needs no Postroom.
-- Run as a superuser, or on PostgreSQL 16 and newer as a member of pg_create_subscription:
--     psql -d reports -v source='host=db.example dbname=app user=replicator' -f db/replication/subscribe.sql
--
-- A purged day is emptied, and the messages in it that are still needed are put back: they are published once more. The triggers keep the
-- row that is there, else the key would stop the subscription. They are ALWAYS triggers because ordinary ones rest during replication.
CREATE SCHEMA postroom;
CREATE TABLE postroom.queue (
    id int PRIMARY KEY, name text NOT NULL, max_attempts int, retry_after text, crash_limit int, time_to_live interval, retention interval,
    ordered boolean, on_dead_letter text, settings_by text, paused_at timestamptz, consumers_stopped_at timestamptz, created_at timestamptz,
    deleted_at timestamptz, dead_letter_exchange text, dead_letter_routing_key text, kind text, owner uuid, had_consumer boolean,
    max_length bigint, overflow text, single_active_consumer boolean, fair boolean, expires_after interval, used_at timestamptz,
    group_weights jsonb, weights_by text, has_limiter boolean, destination text, destination_by text, moved_to text
);
CREATE TABLE postroom.message (
    id uuid PRIMARY KEY, seq bigint, created_at timestamptz NOT NULL, expires_at timestamptz, queue_id int, type_version smallint,
    priority smallint, direction smallint, type text, correlation_id text, group_key text, content_type text, created_by text,
    exchange text, routing_key text, queue_ids int[], headers jsonb, payload jsonb, body bytea
);
CREATE TABLE postroom.attempt (
    message_id uuid NOT NULL, started_at timestamptz, finished_at timestamptz NOT NULL, lease_id bigint, queue_id int, worker_id int,
    number smallint, outcome smallint NOT NULL, error_class text, error text
);
CREATE INDEX attempt_by_message ON postroom.attempt (message_id);
CREATE TABLE postroom.dead_letter (
    dead_at timestamptz NOT NULL, queue_id int NOT NULL, priority smallint, failures smallint, crashes smallint, deliveries smallint,
    message_id uuid NOT NULL, reason text NOT NULL, error_class text, error text, fingerprint text, PRIMARY KEY (message_id, queue_id)
);

CREATE FUNCTION postroom.keep_message() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN EXISTS (SELECT FROM postroom.message m WHERE m.id = NEW.id) THEN NULL ELSE NEW END;
END
$$;
CREATE TRIGGER keep_message BEFORE INSERT ON postroom.message FOR EACH ROW EXECUTE FUNCTION postroom.keep_message();
ALTER TABLE postroom.message ENABLE ALWAYS TRIGGER keep_message;

CREATE FUNCTION postroom.keep_attempt() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN EXISTS (SELECT FROM postroom.attempt a WHERE a.message_id = NEW.message_id AND a IS NOT DISTINCT FROM NEW)
                THEN NULL ELSE NEW END;
END
$$;
CREATE TRIGGER keep_attempt BEFORE INSERT ON postroom.attempt FOR EACH ROW EXECUTE FUNCTION postroom.keep_attempt();
ALTER TABLE postroom.attempt ENABLE ALWAYS TRIGGER keep_attempt;

-- How each message ended in each queue; null: it has not, as far as is known here. Dead letters may go on after a redrive.
CREATE VIEW postroom.history AS
SELECT m.id, m.created_at, q.name AS queue, m.type, m.correlation_id, m.payload,
       coalesce(
           (SELECT CASE a.outcome WHEN 0 THEN 'DONE' WHEN 1 THEN 'CANCELLED' ELSE 'EXPIRED' END
            FROM postroom.attempt a
            WHERE a.message_id = m.id AND a.queue_id = e.queue_id AND a.outcome <= 2
            LIMIT 1),
           (SELECT 'DEAD' FROM postroom.dead_letter d WHERE d.message_id = m.id AND d.queue_id = e.queue_id)) AS ended
FROM postroom.message m
CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
LEFT JOIN postroom.queue q ON q.id = e.queue_id;

CREATE SUBSCRIPTION postroom_history CONNECTION :'source' PUBLICATION postroom_history, postroom_state;
