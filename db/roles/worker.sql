-- Role postroom_worker: what a process with workers needs, with postroom.schema.mode=validate. It cannot change the schema, truncate,
-- rewrite the history of migrations, or change lines of the ledger of purges or of the history of settings. Days are freed by the owner of
-- the tables: let one process with workers connect as the owner.
-- Run again after an upgrade: it covers the tables and functions that are there.
-- Run: psql -d the_database -f db/roles/worker.sql as the owner of the schema, who needs CREATEROLE.
-- Then: GRANT postroom_worker TO app.
DO $$ BEGIN
    CREATE ROLE postroom_worker NOLOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL; -- another database of this server has it, too
END $$;
GRANT USAGE ON SCHEMA postroom TO postroom_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA postroom TO postroom_worker;
REVOKE INSERT, UPDATE, DELETE ON postroom.schema_history FROM postroom_worker;
REVOKE UPDATE, DELETE ON postroom.purge_ledger, postroom.settings_change FROM postroom_worker;
-- Tokens are made and ended by functions with the rights of their owner: nobody takes a revocation back.
REVOKE INSERT, UPDATE, DELETE ON postroom.access_token, postroom.access_token_version FROM postroom_worker;
GRANT UPDATE (last_used_at) ON postroom.access_token TO postroom_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA postroom TO postroom_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom TO postroom_worker;
