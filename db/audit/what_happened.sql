-- Question: what became of everything with this tracking id?
-- Parameters: :'tracking_id', a correlation id or a message id.
-- Run: psql -v tracking_id=order-42 -f db/audit/what_happened.sql
SELECT e.message_id,
       e.queue,
       e.type,
       e.state,
       e.created_at,
       e.finished_at,
       e.deliveries,
       e.error,
       array_to_string(ARRAY(SELECT postroom.explain(e.message_id)), E'\n') AS explanation
FROM postroom.queue_messages e
WHERE e.message_id = ANY (ARRAY(
    SELECT c.message_id
    FROM postroom.message_content c
    WHERE c.correlation_id = :'tracking_id'
    UNION
    SELECT c.message_id
    FROM postroom.message_content c
    WHERE c.message_id = substring(:'tracking_id' FROM '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$')::uuid))  -- null if it is no id
ORDER BY e.created_at, e.message_id, e.queue;
