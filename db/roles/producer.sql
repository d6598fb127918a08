-- Role postroom_producer: creates messages and batches by SQL, and nothing else. It has no right on any table: create_message,
-- create_messages, create_batch and seal_batch run with the rights of their owner. So it reads no message, not even its own, and it cannot
-- claim, cancel or declare. A first use makes a queue, as everywhere. Who created a message stands in message.created_by: the role of the
-- session.
-- Run: psql -d the_database -f db/roles/producer.sql as the owner of the schema, who needs CREATEROLE.
-- Then: GRANT postroom_producer TO shop.
DO $$ BEGIN
    CREATE ROLE postroom_producer NOLOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL; -- another database of this server has it, too
END $$;
GRANT USAGE ON SCHEMA postroom TO postroom_producer;
GRANT EXECUTE ON FUNCTION postroom.create_batch, postroom.create_message, postroom.create_messages, postroom.new_id, postroom.seal_batch
TO postroom_producer;
