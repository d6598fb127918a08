-- Question: what should have been started and still waits, and why?
-- Parameters: :'longer_than'.
-- Run: psql -v longer_than='5 minutes' -f db/audit/waiting_too_long.sql
SELECT e.queue,
       e.message_id,
       e.type,
       e.state,
       statement_timestamp() - coalesce(e.due_at, e.created_at) AS waits_for,
       e.deliveries,
       (SELECT x.cause FROM postroom.explain(e.message_id) WITH ORDINALITY x (cause, place) WHERE x.place = 1) AS cause
FROM (
    SELECT queue, message_id, type, state, due_at, created_at, deliveries
    FROM postroom.queue_messages
    WHERE state IN ('READY', 'DELAYED')
      AND coalesce(due_at, created_at) < statement_timestamp() - (:'longer_than')::interval
    ORDER BY coalesce(due_at, created_at), message_id
    LIMIT 100
) e
ORDER BY coalesce(e.due_at, e.created_at), e.message_id;
