-- Question: how big are the tables, and does vacuum keep up?
-- Parameters: none.
-- Run: psql -f db/audit/bloat.sql
SELECT regexp_replace(t.relname, '_(\d{8}|old|tail)$', '') AS "table",
       count(*) AS partitions,
       sum(t.n_live_tup) AS live_rows,
       sum(t.n_dead_tup) AS dead_rows,
       pg_size_pretty(sum(pg_total_relation_size(t.relid))) AS size_on_disk,
       max(greatest(t.last_vacuum, t.last_autovacuum)) AS last_vacuum
FROM pg_stat_user_tables t
WHERE t.schemaname = 'postroom'
GROUP BY "table"
ORDER BY sum(pg_total_relation_size(t.relid)) DESC, "table";
