-- Question: how many messages came and went per hour and queue, and how long did they wait from creation to the end?
-- Parameters: :'since', how far to look back.
-- Run: psql -v since='1 day' -f db/audit/throughput_per_hour.sql
WITH created AS (
    SELECT date_trunc('hour', c.created_at) AS hour, c.queue, count(*) AS created
    FROM postroom.message_content c
    WHERE c.created_at >= statement_timestamp() - (:'since')::interval
    GROUP BY hour, c.queue
), finished AS (
    SELECT date_trunc('hour', h.finished_at) AS hour,
           h.queue,
           count(*) AS finished,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM h.finished_at - c.created_at)) AS median_seconds
    FROM postroom.message_history h
    JOIN postroom.message_content c ON c.message_id = h.message_id
    WHERE h.finished_at >= statement_timestamp() - (:'since')::interval
      AND h.outcome = 'done'
    GROUP BY hour, h.queue
)
SELECT hour,
       queue,
       coalesce(c.created, 0) AS created,
       coalesce(f.finished, 0) AS finished,
       round(f.median_seconds::numeric, 3) AS median_seconds
FROM created c
FULL JOIN finished f USING (hour, queue)
ORDER BY hour DESC, queue;
