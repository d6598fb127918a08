-- Question: what do all migrations together make? The answer is kept in db/schema.sql, which a test compares.
-- Run: psql -At -d a_migrated_database -f db/describe.sql > db/schema.sql (PostgreSQL 18: others word views differently)
-- Partitions are left out, as their names carry dates; so is the table of Flyway.
WITH relation AS (
    SELECT c.oid, c.relname, c.relkind, c.reloptions
    FROM pg_class c
    WHERE c.relnamespace = 'postroom'::regnamespace
      AND c.relkind IN ('r', 'p', 'v', 'S')
      AND NOT c.relispartition
      AND c.relname <> 'schema_history'
), listing (part, name, place, line) AS (
    SELECT 0, '', 0, '-- The result of all migrations, for reading. Made by db/describe.sql; a test compares it.'

    UNION ALL
    SELECT 1, s.relname, 0,
           format(E'\nCREATE SEQUENCE postroom.%I AS %s START %s INCREMENT %s CACHE %s;',
               s.relname, p.seqtypid::regtype, p.seqstart, p.seqincrement, p.seqcache)
    FROM relation s
    JOIN pg_sequence p ON p.seqrelid = s.oid
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = s.oid AND d.deptype = 'i')  -- those of identity columns

    UNION ALL
    SELECT 2, t.relname, 0,
           format(E'\nCREATE TABLE postroom.%I (\n%s\n)%s%s;', t.relname,
               (SELECT string_agg(line, E',\n' ORDER BY place)
                FROM (
                    SELECT a.attnum AS place,
                           format('    %I %s%s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                               CASE WHEN a.attcollation <> ty.typcollation THEN ' COLLATE ' || quote_ident(co.collname) ELSE '' END,
                               CASE WHEN a.attidentity = 'a' THEN ' GENERATED ALWAYS AS IDENTITY' ELSE '' END,
                               CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
                               coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')) AS line
                    FROM pg_attribute a
                    JOIN pg_type ty ON ty.oid = a.atttypid
                    LEFT JOIN pg_collation co ON co.oid = a.attcollation
                    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                    WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
                    UNION ALL
                    SELECT 1000 + row_number() OVER (ORDER BY k.contype = 'c', k.conname),
                           format('    CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid, true))
                    FROM pg_constraint k
                    WHERE k.conrelid = t.oid AND k.contype IN ('p', 'u', 'c', 'f', 'x')
                ) x),
               CASE t.relkind WHEN 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(t.oid) ELSE '' END,
               coalesce(' WITH (' || array_to_string(t.reloptions, ', ') || ')', ''))
    FROM relation t
    WHERE t.relkind IN ('r', 'p')

    UNION ALL
    SELECT 2, t.relname, 1,
           string_agg(regexp_replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') || ';', E'\n'
               ORDER BY i.indexrelid::regclass::text COLLATE "C")
    FROM relation t
    JOIN pg_index i ON i.indrelid = t.oid
    WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
    GROUP BY t.relname

    UNION ALL
    SELECT 3, v.relname, 0, format(E'\nCREATE VIEW postroom.%I AS\n%s', v.relname, pg_get_viewdef(v.oid, true))
    FROM relation v
    WHERE v.relkind = 'v'

    UNION ALL
    SELECT CASE WHEN r.relkind = 'v' THEN 3 ELSE 2 END, r.relname, 2 + d.objsubid,
           format('COMMENT ON %s IS %L;',
               CASE WHEN d.objsubid > 0 THEN format('COLUMN postroom.%I.%I', r.relname, a.attname)
                    WHEN r.relkind = 'v' THEN format('VIEW postroom.%I', r.relname)
                    ELSE format('TABLE postroom.%I', r.relname) END,
               d.description)
    FROM relation r
    JOIN pg_description d ON d.objoid = r.oid AND d.classoid = 'pg_class'::regclass
    LEFT JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = d.objsubid

    UNION ALL
    SELECT 4, f.proname || pg_get_function_identity_arguments(f.oid), 0, E'\n' || pg_get_functiondef(f.oid) || ';'
    FROM pg_proc f
    WHERE f.pronamespace = 'postroom'::regnamespace

    UNION ALL
    SELECT 4, f.proname || pg_get_function_identity_arguments(f.oid), 1,
           format('COMMENT ON FUNCTION postroom.%I IS %L;', f.proname, obj_description(f.oid, 'pg_proc'))
    FROM pg_proc f
    WHERE f.pronamespace = 'postroom'::regnamespace
)
SELECT l.line
FROM listing l
ORDER BY l.part, l.name COLLATE "C", l.place;
