-- Question: what waits that no live process would take: its queue has no consumer, or none for its type and version?
-- Parameters: none.
-- Run: psql -f db/audit/unhandled_types.sql
SELECT w.queue,
       w.type,
       w.type_version,
       w.messages,
       w.oldest,
       (SELECT count(*) FROM postroom.consumers c WHERE c.queue = w.queue AND c.live) AS live_consumers
FROM (
    SELECT e.queue, e.type, e.type_version, count(*) AS messages, min(e.created_at) AS oldest
    FROM postroom.queue_messages e
    WHERE e.state IN ('READY', 'DELAYED')
    GROUP BY e.queue, e.type, e.type_version
) w
WHERE NOT EXISTS (
    SELECT
    FROM postroom.consumers c
    WHERE c.queue = w.queue
      AND c.live
      AND postroom.takes(c.types, w.type, w.type_version))
ORDER BY w.messages DESC, w.queue, w.type, w.type_version;
