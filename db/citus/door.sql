-- Schema postroom_citus: creates messages from any node of a Citus cluster, in the transaction of the caller, where the nodes are homes of
-- queues (docs/scale.md). Optional: Postroom needs no Citus, and its own tables stay plain tables of each node.
-- Tried with Citus 13.0.5 on PostgreSQL 15; docs/citus.md says what was tried and what was not.
--
-- Run, after the homes have been started once: psql -d the_database -f db/citus/door.sql on the coordinator, as a superuser. Run it again
-- after each upgrade of Postroom.
-- Then: GRANT postroom_citus TO shop. Then: SELECT id FROM postroom_citus.create_message('mail', '{"to": "ann"}').
-- After nodes or shards were added, moved or removed: SELECT * FROM postroom_citus.find_homes() on the coordinator.
\set ON_ERROR_STOP on

SET citus.enable_ddl_propagation = on;
SET citus.enable_schema_based_sharding = off;
SET citus.shard_replication_factor = 1;

CREATE SCHEMA IF NOT EXISTS postroom_citus;

DO $$ BEGIN
    CREATE ROLE postroom_citus NOLOGIN;
EXCEPTION WHEN duplicate_object THEN
    NULL; -- another database of this cluster has it, too
END $$;

CREATE TABLE IF NOT EXISTS postroom_citus.slot (
    slot int CONSTRAINT slot_pk PRIMARY KEY
);
COMMENT ON TABLE postroom_citus.slot IS
    'Internal: always empty. A slot leads to the node that has its shard. See write_on_home for its second use.';

CREATE TABLE IF NOT EXISTS postroom_citus.home_slot (
    home text COLLATE "C" CONSTRAINT home_slot_pk PRIMARY KEY,
    slot int NOT NULL
);
COMMENT ON TABLE postroom_citus.home_slot IS
    'Internal: the slot that leads to the node of each home. See find_homes.';

SELECT create_distributed_table('postroom_citus.slot', 'slot', shard_count => 32, colocate_with => 'none')
WHERE NOT EXISTS (SELECT FROM pg_dist_partition p WHERE p.logicalrelid = 'postroom_citus.slot'::regclass);

SELECT create_reference_table('postroom_citus.home_slot')
WHERE NOT EXISTS (SELECT FROM pg_dist_partition p WHERE p.logicalrelid = 'postroom_citus.home_slot'::regclass);

-- Functions for the arguments that create_message had before an upgrade would make each call ambiguous.
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT f.oid::regprocedure AS name
        FROM pg_proc f
        JOIN pg_proc m ON m.oid = 'postroom.create_message'::regproc
        WHERE f.pronamespace = 'postroom_citus'::regnamespace
          AND f.pronargs <> CASE f.proname WHEN 'create_message' THEN m.pronargs
                                           WHEN 'create_on_home' THEN m.pronargs + 2
                                           ELSE f.pronargs END
    LOOP
        EXECUTE 'DROP FUNCTION ' || old.name;
    END LOOP;
END $$;

-- Runs on each node. Gives the role what the functions below use of schema postroom: Citus does not know that schema, so it hands on no
-- rights.
CREATE OR REPLACE FUNCTION postroom_citus.prepare_node() RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('postroom.home') IS NULL THEN
        RETURN '';
    END IF;
    GRANT USAGE ON SCHEMA postroom TO postroom_citus;
    GRANT SELECT ON postroom.homes TO postroom_citus;
    GRANT EXECUTE ON FUNCTION postroom.create_message, postroom.homes_by_rules, postroom.refuse, postroom.require_name,
        postroom.topic_matches TO postroom_citus;
    RETURN coalesce((SELECT h.name FROM postroom.home h WHERE h.is_here), '');
END
$$;
COMMENT ON FUNCTION postroom_citus.prepare_node IS
    'Internal: gives role postroom_citus its rights on this node. Answers the name of the home; empty: it is none.';

-- First each home gets a shard, then the slots are noted, because a shard that moves takes its slots along. A node without a shard gets one
-- also where Citus keeps shards away from it, as usually from the coordinator: the property is changed for the moment of the move. The
-- table is empty, so nothing is copied.
CREATE OR REPLACE FUNCTION postroom_citus.find_homes() RETURNS TABLE (home text, node text, slot int)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    places  jsonb := '[]';
    place   record;
    shard   record;
BEGIN
    FOR place IN
        SELECT r.success, r.result, n.groupid, n.nodename, n.nodeport, n.shouldhaveshards
        FROM run_command_on_all_nodes('SELECT postroom_citus.prepare_node()') r
        LEFT JOIN pg_dist_node n ON n.nodeid = r.nodeid
    LOOP
        IF NOT place.success THEN
            RAISE EXCEPTION 'node %:% cannot be asked for its home: %', place.nodename, place.nodeport, place.result;
        ELSIF place.groupid IS NULL THEN
            RAISE EXCEPTION 'the coordinator is no node of its own cluster yet'
                USING HINT = 'Run citus_set_coordinator_host with its address first';
        ELSIF place.result = '' THEN
            RAISE NOTICE 'node %:% is no home of queues', place.nodename, place.nodeport;
            CONTINUE;
        END IF;
        places := places || to_jsonb(place);
        CONTINUE WHEN EXISTS (SELECT FROM pg_dist_shard s
                              JOIN pg_dist_placement p ON p.shardid = s.shardid
                              WHERE s.logicalrelid = 'postroom_citus.slot'::regclass AND p.groupid = place.groupid);
        SELECT s.shardid, n.nodename, n.nodeport, count(*) OVER (PARTITION BY p.groupid) AS shards INTO STRICT shard
        FROM pg_dist_shard s
        JOIN pg_dist_placement p ON p.shardid = s.shardid
        JOIN pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary'
        WHERE s.logicalrelid = 'postroom_citus.slot'::regclass
        ORDER BY shards DESC, s.shardid
        LIMIT 1;
        IF shard.shards = 1 THEN
            RAISE EXCEPTION 'postroom_citus.slot has fewer shards than there are homes'
                USING HINT = 'Drop schema postroom_citus, and run db/citus/door.sql with a higher shard_count';
        END IF;
        PERFORM citus_set_node_property(place.nodename, place.nodeport, 'shouldhaveshards', true);
        PERFORM citus_move_shard_placement(
            shard.shardid, shard.nodename, shard.nodeport, place.nodename, place.nodeport, 'block_writes');
        PERFORM citus_set_node_property(place.nodename, place.nodeport, 'shouldhaveshards', place.shouldhaveshards);
    END LOOP;
    FOR place IN
        SELECT x.result AS home, x.groupid, x.nodename || ':' || x.nodeport AS node
        FROM jsonb_to_recordset(places) x (result text, groupid int, nodename text, nodeport int)
        ORDER BY x.result
    LOOP
        home := place.home;
        node := place.node;
        SELECT min(x.number) INTO STRICT slot
        FROM generate_series(1, 4096) x (number)
        JOIN pg_dist_placement p ON p.shardid = get_shard_id_for_distribution_column('postroom_citus.slot', x.number)
        WHERE p.groupid = place.groupid;
        INSERT INTO postroom_citus.home_slot (home, slot)
        VALUES (find_homes.home, find_homes.slot)
        ON CONFLICT ON CONSTRAINT home_slot_pk DO UPDATE SET slot = excluded.slot;
        RETURN NEXT;
    END LOOP;
    DELETE FROM postroom_citus.home_slot s
    WHERE s.home <> ALL (ARRAY(SELECT x.result FROM jsonb_to_recordset(places) x (result text)));
END
$$;
COMMENT ON FUNCTION postroom_citus.find_homes IS
    'Finds the node of each home, and a slot that leads there. Run it on the coordinator after nodes or shards were added, moved or removed:
SELECT * FROM postroom_citus.find_homes().';

-- Two guards, each against a message that would be lost or misplaced without an error:
-- 1. Citus sends a call to the node of p_slot only when nothing else stands in SELECT or FROM, no WHERE does, and the statement is not part
--    of a call that it sent already. Otherwise the function runs where the statement does. So it looks whether it is on the home that was
--    meant.
-- 2. Citus prepares a transaction on its nodes only when it knows that more than one writes. It does not know the rows of plain tables,
--    such as those of Postroom. It commits the other node first. If the commit of this node fails then, the rows of the other node stay
--    without those of this one. A DELETE in a shard of this node tells Citus that it writes; it finds no row, so it locks none.
CREATE OR REPLACE FUNCTION postroom_citus.write_on_home(p_slot int, p_home text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here constant text := (SELECT h.name FROM postroom.homes h WHERE h.is_here);
BEGIN
    IF here IS DISTINCT FROM p_home THEN
        RAISE EXCEPTION 'the call for home "%" came to %; nothing was written',
            p_home, coalesce('home "' || here || '"', 'a node that is no home')
            USING ERRCODE = 'PR421', COLUMN = 'queue',
                  HINT = 'Shards may have moved: run postroom_citus.find_homes() on the coordinator. Or postroom_citus.create_message is '
                      'called inside a function that Citus has sent to a node: call it in the transaction, beside that function';
    END IF;
    DELETE FROM postroom_citus.slot s WHERE s.slot = p_slot;
END
$$;
COMMENT ON FUNCTION postroom_citus.write_on_home IS
    'Internal: tells Citus that the node of p_slot writes in this transaction, and refuses to run on another (PR421).';

CREATE OR REPLACE FUNCTION postroom_citus.create_on_home(
    p_slot int, p_home text,
    queue text, payload jsonb, type text, type_version int, message_id uuid, delay interval, at timestamptz, time_to_live interval,
    priority int, deduplication_key text, correlation_id text, headers jsonb, direction text, body bytea, content_type text,
    group_key text, exchange text, routing_key text, mandatory boolean, deduplicate_until text, on_duplicate text, batch uuid)
RETURNS TABLE (id uuid, is_new boolean, queues text[])
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM postroom_citus.write_on_home(p_slot, p_home);
    RETURN QUERY
    SELECT c.id, c.is_new, c.queues
    FROM postroom.create_message(
        queue => queue, payload => payload, type => type, type_version => type_version, message_id => message_id, delay => delay,
        at => at, time_to_live => time_to_live, priority => priority, deduplication_key => deduplication_key,
        correlation_id => correlation_id, headers => headers, direction => direction, body => body, content_type => content_type,
        group_key => group_key, exchange => exchange, routing_key => routing_key, mandatory => mandatory,
        deduplicate_until => deduplicate_until, on_duplicate => on_duplicate, batch => batch) c;
END
$$;
COMMENT ON FUNCTION postroom_citus.create_on_home IS
    'Internal: creates a message on the node of p_slot, and refuses to run on another (PR421). Called by anything else than create_message,
it does not make the rest of the transaction commit together with the message.';

SELECT create_distributed_function(f.name::regproc::oid::regprocedure, 'p_slot', colocate_with => 'postroom_citus.slot',
                                   force_delegation => true)
FROM (VALUES ('postroom_citus.write_on_home'), ('postroom_citus.create_on_home')) f (name);

-- Citus sends a call to another node only with a custom plan, and would send it outside of the transaction of one autocommitted statement
-- if the second setting were off.
CREATE OR REPLACE FUNCTION postroom_citus.commit_together() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan SET citus.function_opens_transaction_block = on
AS $$
DECLARE
    here  constant text := (SELECT h.name FROM postroom.homes h WHERE h.is_here);
    slot  constant int := (SELECT s.slot FROM postroom_citus.home_slot s WHERE s.home = here);
BEGIN
    IF slot IS NULL THEN
        RAISE EXCEPTION 'this node is no home that Citus knows; nothing was written'
            USING ERRCODE = 'PR404', HINT = 'Make it one of the homes of the application, also one without queues, then run '
                'postroom_citus.find_homes() on the coordinator: see docs/citus.md';
    END IF;
    PERFORM w FROM postroom_citus.write_on_home(slot, here) w;
END
$$;
COMMENT ON FUNCTION postroom_citus.commit_together IS
    'Makes what this transaction writes in plain tables of this node, such as messages of postroom.create_message, commit together with what
it writes in tables of Citus on other nodes: SELECT postroom_citus.commit_together(), at any time before the commit. create_message of this
schema does it by itself.';

-- The home of a message is found as HomeRules in Java finds it. Citus sends arguments as texts, so the styles of times are fixed; the other
-- settings are those of commit_together.
CREATE OR REPLACE FUNCTION postroom_citus.create_message(
    queue              text DEFAULT NULL,
    payload            jsonb DEFAULT NULL,
    type               text DEFAULT NULL,
    type_version       int DEFAULT 1,
    message_id         uuid DEFAULT NULL,
    delay              interval DEFAULT NULL,
    at                 timestamptz DEFAULT NULL,
    time_to_live       interval DEFAULT NULL,
    priority           int DEFAULT 4,
    deduplication_key  text DEFAULT NULL,
    correlation_id     text DEFAULT NULL,
    headers            jsonb DEFAULT NULL,
    direction          text DEFAULT 'OUTGOING',
    body               bytea DEFAULT NULL,
    content_type       text DEFAULT NULL,
    group_key          text DEFAULT NULL,
    exchange           text DEFAULT NULL,
    routing_key        text DEFAULT NULL,
    mandatory          boolean DEFAULT true,
    deduplicate_until  text DEFAULT 'purged',
    on_duplicate       text DEFAULT 'refuse',
    batch              uuid DEFAULT NULL)
RETURNS TABLE (id uuid, is_new boolean, queues text[])
LANGUAGE plpgsql VOLATILE ROWS 1
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan SET citus.function_opens_transaction_block = on
SET datestyle = 'ISO, YMD' SET intervalstyle = postgres
AS $$
#variable_conflict use_variable
DECLARE
    named   constant text := CASE WHEN exchange IS NULL THEN queue ELSE coalesce(nullif(exchange, ''), routing_key) END;
    key     constant text := coalesce(group_key, deduplication_key, message_id::text);
    homes   constant text[] := (SELECT r.homes
                                FROM postroom.homes h
                                CROSS JOIN LATERAL postroom.homes_by_rules(h.rules, named) r
                                WHERE h.is_here);
    part    int := 1;
    home    text;
    slot    int;
BEGIN
    PERFORM postroom_citus.commit_together();
    PERFORM postroom.require_name('queue', named);
    IF homes IS NULL THEN
        PERFORM postroom.refuse('queue', 'a name that the rules of the homes give a home', named,
            'Add a rule for it, or "# = home" for all others');
    ELSIF cardinality(homes) > 1 AND exchange IS NOT NULL THEN
        PERFORM postroom.refuse('queue', 'one without parts here', named);
    ELSIF cardinality(homes) > 1 THEN
        part := 1 + CASE WHEN key IS NULL THEN floor(random() * cardinality(homes))
                         ELSE ('x' || encode(substring(sha256(convert_to(key, 'UTF8')) FROM 1 FOR 4), 'hex'))::bit(32)::bigint
                             % cardinality(homes) END;
        queue := format('%s:%sof%s', queue, part, cardinality(homes));
    END IF;
    home := homes[part];
    SELECT s.slot INTO slot FROM postroom_citus.home_slot s WHERE s.home = home;
    IF slot IS NULL THEN
        RAISE EXCEPTION 'the node of home "%" is not known; nothing was written', home
            USING ERRCODE = 'PR404', COLUMN = 'queue', HINT = 'Run postroom_citus.find_homes() on the coordinator';
    END IF;
    RETURN QUERY
    SELECT c.id, c.is_new, c.queues
    FROM postroom_citus.create_on_home(
        p_slot => slot, p_home => home,
        queue => queue, payload => payload, type => type, type_version => type_version, message_id => message_id, delay => delay,
        at => at, time_to_live => time_to_live, priority => priority, deduplication_key => deduplication_key,
        correlation_id => correlation_id, headers => headers, direction => direction, body => body, content_type => content_type,
        group_key => group_key, exchange => exchange, routing_key => routing_key, mandatory => mandatory,
        deduplicate_until => deduplicate_until, on_duplicate => on_duplicate, batch => batch) c;
END
$$;
COMMENT ON FUNCTION postroom_citus.create_message IS
    'postroom.create_message on the home of the queue or exchange, in the transaction of the caller, which may write on other nodes:
SELECT id FROM postroom_citus.create_message(''mail'', ''{"to": "ann"}'', type => ''ticket'').
It has the same arguments and the same result. Citus commits all nodes of the transaction, or none.
A call that comes to another node than that of the home is an error (PR421), and so is a home that no node has (PR404).';

REVOKE EXECUTE ON FUNCTION postroom_citus.prepare_node, postroom_citus.find_homes, postroom_citus.write_on_home,
    postroom_citus.create_on_home, postroom_citus.commit_together, postroom_citus.create_message FROM PUBLIC;
GRANT USAGE ON SCHEMA postroom_citus TO postroom_citus;
GRANT SELECT ON postroom_citus.home_slot TO postroom_citus;
GRANT SELECT, DELETE ON postroom_citus.slot TO postroom_citus;
GRANT EXECUTE ON FUNCTION postroom_citus.write_on_home, postroom_citus.create_on_home, postroom_citus.commit_together,
    postroom_citus.create_message TO postroom_citus;

SELECT home, node FROM postroom_citus.find_homes();
