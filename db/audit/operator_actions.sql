-- Question: what did this person do, and is it finished?
-- Parameters: :'actor'; % stands for anything. :'since', how far to look back.
-- Run: psql -v actor=% -v since='7 days' -f db/audit/operator_actions.sql
SELECT o.at,
       o.actor,
       o.action,
       o.queue,
       o.message_id,
       o.filter,
       o.done || ' of ' || coalesce(o.planned::text, '?') AS progress,
       CASE WHEN o.finished_at IS NULL THEN 'running' ELSE 'finished' END AS status,
       o.note,
       o.reason,
       o.db_user
FROM postroom.operator_log o
WHERE o.actor LIKE :'actor'
  AND o.at >= statement_timestamp() - (:'since')::interval
ORDER BY o.at DESC, o.id;
