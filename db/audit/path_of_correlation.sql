-- Question: which way did a business process take, message by message, in the order of time?
-- Parameters: :'correlation_id'.
-- Run: psql -v correlation_id=order-42 -f db/audit/path_of_correlation.sql
WITH messages AS (
    SELECT c.message_id, c.queue, c.type, c.created_at, c.created_by
    FROM postroom.message_content c
    WHERE c.correlation_id = :'correlation_id'
)
SELECT m.created_at AS at,
       m.message_id,
       m.queue,
       m.type,
       'created' AS event,
       m.created_by AS who,
       NULL AS error,
       NULL AS note
FROM messages m
UNION ALL
SELECT h.finished_at,
       m.message_id,
       h.queue,
       m.type,
       h.outcome,
       nullif(h.worker, ''),
       h.error,
       h.note
FROM messages m
JOIN postroom.message_history h ON h.message_id = m.message_id
ORDER BY at, message_id;
