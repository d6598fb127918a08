-- Question: who is working on what right now, since when, and are they well?
-- Parameters: none.
-- Run: psql -f db/audit/who_works_on_what.sql
SELECT e.worker,
       e.queue,
       coalesce(e.type, '') AS type,
       count(*) AS messages,
       min(e.claimed_at) AS oldest_claim,
       coalesce((SELECT bool_or(c.live) FROM postroom.consumers c WHERE c.worker = e.worker), false) AS live,
       array_to_string((array_agg(e.message_id ORDER BY e.claimed_at, e.message_id))[1:3], ', ') AS first_messages
FROM postroom.queue_messages e
WHERE e.state = 'IN_PROGRESS'
GROUP BY e.worker, e.queue, coalesce(e.type, '')
ORDER BY oldest_claim, e.worker, e.queue, type;
