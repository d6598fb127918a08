-- Question: what goes wrong, how often, and since when?
-- Parameters: :'since', how far to look back.
-- Run: psql -v since='1 day' -f db/audit/failures_by_cause.sql
SELECT h.queue,
       coalesce(h.error_class, '') AS error_class,
       regexp_replace(left(split_part(h.error, E'\n', 1), 200), '\d+', '#', 'g') AS cause,  -- numbers left out: they differ each time
       count(*) AS failures,
       count(DISTINCT h.message_id) AS messages,
       min(h.finished_at) AS first_at,
       max(h.finished_at) AS last_at
FROM postroom.message_history h
WHERE h.finished_at >= statement_timestamp() - (:'since')::interval
  AND h.outcome IN ('retry', 'reject', 'failed', 'crashed')
GROUP BY h.queue, coalesce(h.error_class, ''), cause
ORDER BY failures DESC, h.queue, cause
LIMIT 100;
