-- Question: what was sent to this customer in the last week, and did it arrive? The customer is in the header "customer".
-- Parameters: :'customer'.
-- Run: psql -v customer=ACME -f db/audit/sent_to_customer.sql
SELECT e.created_at,
       e.message_id,
       e.queue,
       e.type,
       e.state,
       e.finished_at,
       e.error
FROM postroom.queue_messages e
WHERE e.message_id = ANY (ARRAY(
    SELECT c.message_id
    FROM postroom.message_content c
    WHERE c.message_id >= postroom.lowest_id(statement_timestamp() - interval '8 days')  -- reads those days only; ids may be a day old
      AND c.created_at >= statement_timestamp() - interval '7 days'
      AND c.headers ->> 'customer' = :'customer'
      AND c.direction = 'OUTGOING'))
ORDER BY e.created_at DESC, e.message_id;
