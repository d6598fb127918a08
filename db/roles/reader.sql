-- Role postroom_reader: reads where messages are and what happened to them, and changes nothing. Payloads and headers are in the view
-- message_content alone, which is left out. Who may read them, too: GRANT SELECT ON postroom.message_content TO auditor.
-- Run: psql -d the_database -f db/roles/reader.sql as the owner of the schema, who needs CREATEROLE.
-- Then: GRANT postroom_reader TO auditor.
DO $$ BEGIN
    CREATE ROLE postroom_reader NOLOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL; -- another database of this server has it, too
END $$;
GRANT USAGE ON SCHEMA postroom TO postroom_reader;
GRANT SELECT ON
    postroom.bindings,
    postroom.consumer_stops,
    postroom.consumers,
    postroom.dead_letters,
    postroom.dropped_messages,
    postroom.exchanges,
    postroom.message_history,
    postroom.operator_log,
    postroom.purge_log,
    postroom.queue_messages,
    postroom.queue_stats
TO postroom_reader;
