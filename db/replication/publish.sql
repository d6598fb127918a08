-- The history of messages for another PostgreSQL, by logical replication: each message, each attempt with its end, each dead letter.
-- Run on Postroom's database, which needs wal_level = logical, as its owner with CREATE on the database:
--     psql -d app -f db/replication/publish.sql
-- Then db/replication/subscribe.sql on the other side.
--
-- Messages and attempts are published as they are inserted, and nothing else of them: what the purge removes stays on the other side. Days
-- are published as rows of the parent, so a day that is made later is part of it.
CREATE PUBLICATION postroom_history FOR TABLE postroom.message, postroom.attempt
    WITH (publish = 'insert', publish_via_partition_root = true);
-- The names of queues and what is dead now, as they are at any moment.
CREATE PUBLICATION postroom_state FOR TABLE postroom.queue, postroom.dead_letter
    WITH (publish = 'insert, update, delete');
