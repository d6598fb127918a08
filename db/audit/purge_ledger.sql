-- Question: what was removed, when, and which ids?
-- Parameters: :'since', how far to look back.
-- Run: psql -v since='30 days' -f db/audit/purge_ledger.sql
SELECT (l.purged_at AT TIME ZONE 'UTC')::date AS day,
       l.queue,
       l.outcome,
       sum(l.messages) AS messages,
       count(*) AS purges,
       min(l.first_id::text) AS first_id,
       max(l.last_id::text) AS last_id
FROM postroom.purge_log l
WHERE l.purged_at >= statement_timestamp() - (:'since')::interval
GROUP BY day, l.queue, l.outcome
ORDER BY day DESC, l.queue, l.outcome;
