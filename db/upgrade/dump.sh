#!/bin/sh
# Moves a database to another server, such as one of the next major version, by pg_dump: the shortest recipe, for databases whose dump takes
# no longer than Postroom may stand still. Use the pg_dump and pg_restore of the newer version where both are installed.
#     db/upgrade/dump.sh 'host=old dbname=app user=postgres' 'host=new dbname=app user=postgres'
# Roles first: grants of the dump fail where a role is missing, such as those of db/roles. Make them on the new server before, with
#     pg_dumpall --roles-only -d 'host=old user=postgres' | psql 'host=new user=postgres'
# It says of roles that are there already that they exist, which does no harm.
# Before: stop all processes of Postroom and whoever creates messages by SQL. The new database exists and is empty.
# After: start them with the new address. Nothing else is needed: the dump has rows and sequences of one moment.
set -eu
old=$1
new=$2
busy=$(psql -XAtq -d "$old" -c "SELECT count(*) FROM postroom.worker w WHERE w.beat_at > clock_timestamp() - interval '10 seconds'")
if [ "$busy" != 0 ]; then
    echo "$busy process(es) of Postroom sent heartbeats in the last 10 seconds: stop them first" >&2
    exit 1
fi
dump=$(mktemp)
trap 'rm -f "$dump"' EXIT
pg_dump --format=custom --compress=1 --dbname="$old" --file="$dump"
pg_restore --dbname="$new" --exit-on-error --no-owner "$dump"
psql -Xq -d "$new" -c ANALYZE
