package io.postroom.internal.postgres.connection;

import io.postroom.api.PostroomException;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.jdbc.PreferQueryMode;

/**
 * The check of the database at start.
 *
 * @param warnings sentences for the log: settings that weaken what Postroom promises
 */
public record StartCheck(List<String> warnings) {
    private static final int OLDEST_VERSION = 140000;

    private static final Sql LOOK = Sql.of("""
            -- name: start_check
            SELECT current_setting('server_version_num')::int,
                   current_setting('server_version'),
                   pg_encoding_to_char(d.encoding),
                   pg_is_in_recovery(),
                   current_setting('fsync'),
                   current_setting('synchronous_commit'),
                   current_setting('full_page_writes'),
                   (SELECT s.seqcache
                    FROM pg_sequence s
                    JOIN pg_class c ON c.oid = s.seqrelid
                    JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'postroom' AND c.relname = 'ready_seq'),
                   to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL
            FROM pg_database d
            WHERE d.datname = current_database()
            """);

    private static final Sql DISTRIBUTED = Sql.of("""
            -- name: distributed_tables
            SELECT coalesce(string_agg('postroom.' || c.relname, ', ' ORDER BY c.relname), '')
            FROM pg_catalog.pg_dist_partition d
            JOIN pg_class c ON c.oid = d.logicalrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'postroom'
            """);

    public StartCheck {
        warnings = List.copyOf(warnings);
    }

    /**
     * Looks at the driver, the server's version, its settings, the encoding and whether Citus has taken the tables.
     *
     * @throws PostroomException Postroom cannot work with this database; says what to change
     */
    public static StartCheck of(DataSource engine) {
        try (Connection connection = engine.getConnection()) {
            requireDriver(connection);
            boolean autoCommit = connection.getAutoCommit();
            try (Sql.Call call = LOOK.on(connection)) {
                return call.one(row -> {
                    require(
                            row.getInt(1) >= OLDEST_VERSION,
                            "PostgreSQL " + row.getString(2) + " is too old: Postroom needs 14 or newer");
                    require(
                            "UTF8".equals(row.getString(3)),
                            "the database's encoding is " + row.getString(3)
                                    + ", and texts could not be stored: Postroom needs a database created with ENCODING 'UTF8'");
                    long cache = row.getLong(8);
                    require(
                            row.wasNull() || cache == 1,
                            "the sequence postroom.ready_seq has CACHE " + cache
                                    + ", and messages could be overlooked for a time: run ALTER SEQUENCE postroom.ready_seq CACHE 1");
                    if (row.getBoolean(9)) {
                        requirePlainTables(connection);
                    }
                    List<String> warnings = new ArrayList<>();
                    warn(
                            warnings,
                            row.getBoolean(4),
                            "The database is a standby: nothing can be stored or handled until it is promoted.");
                    warn(
                            warnings,
                            "off".equals(row.getString(5)),
                            "fsync is off: a power cut can destroy the database and every message in it.");
                    warn(
                            warnings,
                            "off".equals(row.getString(6)),
                            "synchronous_commit is off: a crash of the server loses the last moments' messages"
                                    + " although they were acknowledged.");
                    warn(
                            warnings,
                            "off".equals(row.getString(7)),
                            "full_page_writes is off: a power cut can damage the database unless its disks write whole pages.");
                    return new StartCheck(warnings);
                });
            } finally {
                if (!autoCommit) {
                    connection.rollback();
                }
            }
        } catch (SQLException e) {
            throw StoreErrors.translate("check the database at the start", e);
        }
    }

    private static void requireDriver(Connection connection) throws SQLException {
        require(
                connection.isWrapperFor(PGConnection.class),
                "Postroom needs PostgreSQL and its JDBC driver, got "
                        + connection.getMetaData().getDatabaseProductName() + " through "
                        + connection.getMetaData().getDriverName());
        require(
                connection.unwrap(PGConnection.class).getPreferQueryMode() != PreferQueryMode.SIMPLE,
                "preferQueryMode=simple in the JDBC URL is refused: it sends values inside the statement's text (CVE-2024-1597). "
                        + "Remove it; behind PgBouncer in transaction mode set prepareThreshold=0");
    }

    /** Citus has no plan for the statements that claim and complete messages, once it has distributed their tables. */
    private static void requirePlainTables(Connection connection) throws SQLException {
        try (Sql.Call call = DISTRIBUTED.on(connection)) {
            String tables = call.one(row -> row.getString(1));
            require(
                    tables.isEmpty(),
                    "Citus has taken tables of schema postroom, and no process could claim a message from them: "
                            + tables
                            + ". Give each node a whole schema of its own, as docs/citus.md says. Undo it with SELECT"
                            + " undistribute_table('postroom.ready') and so on, for a whole schema with"
                            + " citus_schema_undistribute('postroom')");
        }
    }

    private static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new PostroomException(otherwise);
        }
    }

    private static void warn(List<String> warnings, boolean weak, String sentence) {
        if (weak) {
            warnings.add(sentence);
        }
    }
}
