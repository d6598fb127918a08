#!/bin/sh
# Moves a database to another server, such as one of the next major version, by logical replication, while Postroom works. The old server
# needs wal_level = logical and is 15 or newer. The new database exists and is empty.
#     db/upgrade/replicate.sh begin  OLD NEW    copies the tables, and follows from then on
#     db/upgrade/replicate.sh finish OLD NEW    waits for the last row, sets the sequences, ends the replication
# OLD and NEW are connection strings, such as 'host=old dbname=app user=postgres'; the new server connects to OLD.
# Roles first: grants fail where a role is missing, such as those of db/roles. Make them on the new server before, with
#     pg_dumpall --roles-only -d 'host=old user=postgres' | psql 'host=new user=postgres'
# It says of roles that are there already that they exist, which does no harm.
# All tables of the database are replicated, the host's, too. "begin" refuses where one has no replica identity, such as a primary key:
# its UPDATE and DELETE would fail from then on.
# Stop all processes of Postroom, and whoever creates messages by SQL, before "finish"; start them with the new address after it. Begin and
# finish on one day (UTC): partitions of days that are made in between are not replicated. "finish" says so and stops where some are missing.
set -eu
step=$1
old=$2
new=$3
partitions="SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c
            WHERE c.relnamespace = 'postroom'::regnamespace AND c.relkind IN ('r', 'p')"
case $step in
begin)
    # Published without an identity, a table refuses UPDATE and DELETE: the application would fail.
    bare=$(psql -XAtq -v ON_ERROR_STOP=1 -d "$old" -c "
        SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ' ORDER BY n.nspname, c.relname)
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence = 'p'
          AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
          AND (c.relreplident = 'n'
               OR c.relreplident IN ('d', 'i') AND NOT EXISTS (
                   SELECT FROM pg_index i
                   WHERE i.indrelid = c.oid AND i.indisvalid
                     AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END))")
    if [ -n "$bare" ]; then
        echo "tables without a primary key: $bare. Give each one, or ALTER TABLE ... REPLICA IDENTITY FULL" >&2
        exit 1
    fi
    pg_dump --schema-only --no-owner --no-publications --no-subscriptions --dbname="$old" | psql -Xq -v ON_ERROR_STOP=1 -d "$new" > /dev/null
    psql -Xq -v ON_ERROR_STOP=1 -d "$old" -c 'CREATE PUBLICATION postroom_upgrade FOR ALL TABLES'
    psql -Xq -v ON_ERROR_STOP=1 -d "$new" -v old="$old" <<'SQL'
CREATE SUBSCRIPTION postroom_upgrade CONNECTION :'old' PUBLICATION postroom_upgrade;
SQL
    ;;
finish)
    busy=$(psql -XAtq -d "$old" -c "SELECT count(*) FROM postroom.worker w WHERE w.beat_at > clock_timestamp() - interval '10 seconds'")
    if [ "$busy" != 0 ]; then
        echo "$busy process(es) of Postroom sent heartbeats in the last 10 seconds: stop them first" >&2
        exit 1
    fi
    if [ "$(psql -XAtq -d "$old" -c "$partitions")" != "$(psql -XAtq -d "$new" -c "$partitions")" ]; then
        echo 'the tables of the two servers differ, such as a day that was made since: drop the new database and begin again' >&2
        exit 1
    fi
    copying="SELECT count(*) FROM pg_subscription_rel r WHERE r.srsubstate <> 'r'"
    until [ "$(psql -XAtq -d "$new" -c "$copying")" = 0 ]; do sleep 0.2; done
    end=$(psql -XAtq -d "$old" -c 'SELECT pg_current_wal_lsn()')
    behind="SELECT count(*) FROM pg_replication_slots s WHERE s.slot_name = 'postroom_upgrade' AND s.confirmed_flush_lsn >= '$end'"
    until [ "$(psql -XAtq -d "$old" -c "$behind")" = 1 ]; do sleep 0.2; done
    # Replication leaves sequences as they were: the numbers of queues, leases and places in a queue go on where they ended.
    psql -XAtq -d "$old" -c "SELECT format('SELECT setval(%L, %s);', format('%I.%I', s.schemaname, s.sequencename), s.last_value)
                             FROM pg_sequences s WHERE s.last_value IS NOT NULL" |
        psql -XAtq -v ON_ERROR_STOP=1 -d "$new" > /dev/null
    psql -Xq -v ON_ERROR_STOP=1 -d "$new" -c 'DROP SUBSCRIPTION postroom_upgrade'
    psql -Xq -v ON_ERROR_STOP=1 -d "$old" -c 'DROP PUBLICATION postroom_upgrade'
    psql -Xq -d "$new" -c ANALYZE
    ;;
*)
    echo 'begin or finish' >&2
    exit 1
    ;;
esac
