-- Question: how many attempts were there per day and queue, and how many of them were in vain?
-- Parameters: :'since', how far to look back; history goes as far as retention.
-- Run: psql -v since='30 days' -f db/audit/retries_per_day.sql
SELECT (h.finished_at AT TIME ZONE 'UTC')::date AS day,
       h.queue,
       count(*) FILTER (WHERE h.number > 0) AS attempts,
       count(*) FILTER (WHERE h.outcome = 'done') AS done,
       count(*) FILTER (WHERE h.outcome = 'retry') AS retries,
       count(*) FILTER (WHERE h.outcome IN ('failed', 'reject')) AS given_up,
       count(*) FILTER (WHERE h.outcome = 'crashed') AS crashes,
       count(*) FILTER (WHERE h.outcome IN ('snooze', 'not_now')) AS put_off
FROM postroom.message_history h
WHERE h.finished_at >= statement_timestamp() - (:'since')::interval
GROUP BY day, h.queue
ORDER BY day DESC, h.queue;
