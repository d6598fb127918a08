-- Question: who keeps a transaction open for long? While one is, nothing deleted since can be cleaned away, in any table.
-- Parameters: :'longer_than'.
-- Run: psql -v longer_than='1 minute' -f db/audit/oldest_transactions.sql
SELECT a.pid,
       a.usename AS "user",
       a.application_name AS application,
       a.state,
       statement_timestamp() - a.xact_start AS open_for,
       age(a.backend_xmin) AS transactions_held_back,
       left(a.query, 100) AS last_statement
FROM pg_stat_activity a
WHERE a.datname = current_database()
  AND a.pid <> pg_backend_pid()
  AND a.xact_start < statement_timestamp() - (:'longer_than')::interval
ORDER BY a.xact_start;
