package io.postroom.internal.postgres.connection;

import io.postroom.api.PostroomException;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rights that a role lacks, and row security that applies to it. PostgreSQL refuses single statements for a missing right; under row
 * security it answers as if the table were empty.
 *
 * @param obstacles sentences: with one of these nothing, or not all, is handled
 * @param warnings sentences: messages may be hidden from this process
 */
public record AccessCheck(List<String> obstacles, List<String> warnings) {
    private static final Logger log = LoggerFactory.getLogger(AccessCheck.class);

    private static final String HISTORY = "schema_history";

    private static final Sql SCHEMA = Sql.of("""
            -- name: schema_access
            SELECT current_user::text, quote_ident(current_user), current_database()::text, n.oid IS NOT NULL,
                   coalesce(has_schema_privilege(n.oid, 'USAGE'), false)
            FROM (VALUES (1)) always (row)
            LEFT JOIN pg_namespace n ON n.nspname = 'postroom'
            """);

    private static final Sql MISSING = Sql.of("""
            -- name: missing_rights
            SELECT format('EXECUTE on function postroom.%s', f.proname)
            FROM pg_proc f
            WHERE f.pronamespace = 'postroom'::regnamespace
              AND f.proname::text = ANY (:functions)
              AND NOT has_function_privilege(f.oid, 'EXECUTE')
            UNION
            SELECT format('%s on table postroom.%s', r.name, c.relname)
            FROM pg_class c
            CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) r (name)
            WHERE c.relnamespace = 'postroom'::regnamespace
              AND c.relname::text = ANY (:tables)
              AND NOT has_table_privilege(c.oid, r.name)
            UNION
            SELECT format('SELECT on view postroom.%s', c.relname)
            FROM pg_class c
            WHERE c.relnamespace = 'postroom'::regnamespace
              AND c.relname::text = ANY (:views)
              AND NOT has_table_privilege(c.oid, 'SELECT')
            UNION
            SELECT 'USAGE on sequence postroom.ready_seq'
            FROM pg_class c
            WHERE c.relnamespace = 'postroom'::regnamespace
              AND c.relname = 'ready_seq'
              AND NOT has_sequence_privilege(c.oid, 'USAGE')
            ORDER BY 1
            """);

    /**
     * Tables with row security that applies to this role: the name, whether any policy lets it see rows, and whether policies without a
     * condition let it do everything.
     */
    private static final Sql ROW_SECURITY = Sql.of("""
            -- name: row_security
            WITH policies AS (
                SELECT p.polrelid, p.polcmd::text AS command, p.polpermissive AS permits,
                       coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') = 'true'
                           AND coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true' AS is_open
                FROM pg_policy p
                WHERE 0 = ANY (p.polroles)
                   OR EXISTS (SELECT FROM unnest(p.polroles) r (role) WHERE pg_has_role(r.role, 'USAGE'))
            )
            SELECT c.relname::text,
                   EXISTS (SELECT FROM policies p WHERE p.polrelid = c.oid AND p.permits AND p.command IN ('*', 'r')),
                   NOT EXISTS (SELECT FROM policies p WHERE p.polrelid = c.oid AND NOT p.permits)
                       AND NOT EXISTS (
                           SELECT FROM unnest(CASE WHEN c.relname = 'schema_history' THEN ARRAY['r'] ELSE ARRAY['r', 'a', 'w', 'd'] END)
                               needed (command)
                           WHERE NOT EXISTS (
                               SELECT FROM policies p
                               WHERE p.polrelid = c.oid AND p.permits AND p.is_open AND p.command IN ('*', needed.command)))
            FROM pg_class c
            WHERE c.relnamespace = 'postroom'::regnamespace
              AND c.relname::text = ANY (:tables)
              AND row_security_active(c.oid)
            ORDER BY 1
            """);

    public AccessCheck {
        obstacles = List.copyOf(obstacles);
        warnings = List.copyOf(warnings);
    }

    /** Looks at all that a worker needs. Finds nothing where the schema does not exist. */
    public static AccessCheck of(DataSource source) {
        return new StoreTransactions(source).several("look at the rights of the role", connection -> {
            Role role = Role.of(connection);
            if (!role.schemaExists || !role.mayUseSchema) {
                return new AccessCheck(role.schemaExists ? List.of(role.withoutUsage()) : List.of(), List.of());
            }
            List<String> obstacles = new ArrayList<>();
            List<String> warnings = new ArrayList<>();
            List<String> missing = missing(connection);
            if (!missing.isEmpty()) {
                obstacles.add(role.lacks(missing));
            }
            rowSecurity(role, connection, NeededRights.TABLES, obstacles, warnings);
            return new AccessCheck(obstacles, warnings);
        });
    }

    /**
     * Checks that the history of migrations can be read, if there is one. Otherwise all of them would look as if they had not run.
     *
     * @throws PostroomException says what is hidden, and from which role
     */
    public static void requireHistory(DataSource source) {
        AccessCheck found = new StoreTransactions(source).several("look at the rights of the role", connection -> {
            Role role = Role.of(connection);
            List<String> obstacles = new ArrayList<>();
            List<String> warnings = new ArrayList<>();
            if (role.schemaExists && !role.mayUseSchema) {
                obstacles.add(role.withoutUsage());
            } else if (role.schemaExists) {
                rowSecurity(role, connection, new String[] {HISTORY}, obstacles, warnings);
            }
            return new AccessCheck(obstacles, warnings);
        });
        found.warnings.forEach(log::warn);
        found.requireNoObstacle();
    }

    /** @throws PostroomException there is an obstacle; the text is all of them */
    public void requireNoObstacle() {
        if (!obstacles.isEmpty()) {
            throw new PostroomException(String.join(". ", obstacles));
        }
    }

    private static List<String> missing(Connection connection) throws SQLException {
        try (Sql.Call call = MISSING.on(connection)) {
            return call.set("functions", NeededRights.FUNCTIONS)
                    .set("tables", NeededRights.TABLES)
                    .set("views", NeededRights.VIEWS)
                    .list(row -> row.getString(1));
        }
    }

    private static void rowSecurity(
            Role role, Connection connection, String[] tables, List<String> obstacles, List<String> warnings)
            throws SQLException {
        try (Sql.Call call = ROW_SECURITY.on(connection)) {
            call.set("tables", tables).list(row -> {
                String table = "postroom." + row.getString(1);
                if (!row.getBoolean(2)) {
                    obstacles.add("row security hides every row of " + table + " from " + role + role.whatToDo(table));
                } else if (!row.getBoolean(3)) {
                    warnings.add("row security on " + table + " may hide rows from " + role
                            + ", and what it hides counts as absent" + role.whatToDo(table));
                }
                return true;
            });
        }
    }

    /** The role of a connection, and what it may do with the schema as a whole. */
    private record Role(String name, String quoted, String database, boolean schemaExists, boolean mayUseSchema) {
        static Role of(Connection connection) throws SQLException {
            try (Sql.Call call = SCHEMA.on(connection)) {
                return call.one(row -> new Role(
                        row.getString(1), row.getString(2), row.getString(3), row.getBoolean(4), row.getBoolean(5)));
            }
        }

        String withoutUsage() {
            return this + " may not use schema postroom of database \"" + database
                    + "\", so nothing in it can be seen: let its owner run GRANT USAGE ON SCHEMA postroom TO " + quoted
                    + " and the other grants in docs/operations.md";
        }

        String lacks(List<String> missing) {
            return this + " lacks " + String.join(", ", missing) + ". Let the owner run"
                    + " GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA postroom TO " + quoted
                    + "; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA postroom TO " + quoted
                    + "; GRANT USAGE ON ALL SEQUENCES IN SCHEMA postroom TO " + quoted + " (see docs/operations.md)";
        }

        String whatToDo(String table) {
            return ": let the role bypass it (ALTER ROLE " + quoted
                    + " BYPASSRLS), add a policy without a condition for the role, or run" + " ALTER TABLE " + table
                    + " DISABLE ROW LEVEL SECURITY";
        }

        @Override
        public String toString() {
            return "role \"" + name + "\"";
        }
    }
}
