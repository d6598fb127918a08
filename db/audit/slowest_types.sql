-- Question: which types take their handlers longest?
-- Parameters: :'since', how far to look back.
-- Run: psql -v since='1 day' -f db/audit/slowest_types.sql
SELECT h.queue,
       coalesce(c.type, '') AS type,
       count(*) AS attempts,
       round(avg(x.seconds), 3) AS average_seconds,
       round(percentile_cont(0.95) WITHIN GROUP (ORDER BY x.seconds)::numeric, 3) AS seconds_of_95_percent,
       max(x.seconds) AS longest_seconds
FROM postroom.message_history h
JOIN postroom.message_content c ON c.message_id = h.message_id
CROSS JOIN LATERAL (SELECT round(extract(epoch FROM h.finished_at - h.started_at), 3) AS seconds) x
WHERE h.finished_at >= statement_timestamp() - (:'since')::interval
  AND h.number > 0            -- a handler ran
  AND h.outcome NOT IN ('crashed', 'undecodable')  -- the end is that of the lease, or nothing was run
GROUP BY h.queue, coalesce(c.type, '')
ORDER BY seconds_of_95_percent DESC, h.queue, type
LIMIT 50;
