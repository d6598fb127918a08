package io.postroom.postgres;

import io.postroom.api.PostroomException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.jdbc.PreferQueryMode;

/**
 * What the server must be, and what it should be.
 *
 * @param warnings what weakens a promise; the engine runs all the same
 */
public record StartCheck(List<String> warnings) {
    private static final int OLDEST = 140000;

    private static final String LOOK = """
            -- name: start_check
            SELECT current_setting('server_version_num')::int AS version,
                   current_setting('server_version') AS version_text,
                   current_setting('server_encoding') AS encoding,
                   pg_is_in_recovery() AS standby,
                   current_setting('fsync') AS fsync,
                   current_setting('synchronous_commit') AS synchronous_commit,
                   current_setting('full_page_writes') AS full_page_writes,
                   (SELECT s.cache_size FROM pg_sequences s WHERE s.schemaname = 'postroom' AND s.sequencename = 'ready_seq') AS cache_size
            """;

    /** @throws PostroomException the server cannot be used, and what to do */
    public static StartCheck of(DataSource dataSource) {
        try (Connection connection = dataSource.getConnection()) {
            requirePostgres(connection);
            try (Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery(LOOK)) {
                row.next();
                StartCheck check = judge(row);
                if (!connection.getAutoCommit()) {
                    connection.rollback();
                }
                return check;
            }
        } catch (SQLException error) {
            throw StoreErrors.translate("check the database at start", error);
        }
    }

    private static void requirePostgres(Connection connection) throws SQLException {
        if (!connection.isWrapperFor(PGConnection.class)) {
            throw new PostroomException("Postroom needs PostgreSQL and its JDBC driver, got "
                    + connection.getMetaData().getDatabaseProductName() + " through "
                    + connection.getMetaData().getDriverName());
        }
        if (connection.unwrap(PGConnection.class).getPreferQueryMode() == PreferQueryMode.SIMPLE) {
            throw new PostroomException(
                    "preferQueryMode=simple in the JDBC URL is refused: it sends values inside the statement's text (CVE-2024-1597). Remove it");
        }
    }

    private static StartCheck judge(ResultSet row) throws SQLException {
        if (row.getInt("version") < OLDEST) {
            throw new PostroomException(
                    "Postroom needs PostgreSQL 14 or newer, this is " + row.getString("version_text"));
        }
        if (!row.getString("encoding").equals("UTF8")) {
            throw new PostroomException("Postroom needs a database with encoding UTF8, this one has "
                    + row.getString("encoding") + ". Create it with ENCODING 'UTF8'");
        }
        if (row.getObject("cache_size") != null && row.getLong("cache_size") != 1) {
            throw new PostroomException("the sequence postroom.ready_seq has CACHE " + row.getLong("cache_size")
                    + ", which lets messages be overlooked. Run ALTER SEQUENCE postroom.ready_seq CACHE 1");
        }
        List<String> warnings = new ArrayList<>();
        if (row.getBoolean("standby")) {
            warnings.add("this is a standby: nothing can be written until it is promoted or the URL names the primary");
        }
        for (String setting : List.of("fsync", "synchronous_commit", "full_page_writes")) {
            if (row.getString(setting).equals("off")) {
                warnings.add("durability reduced: " + setting
                        + " is off, a crash of the server may lose messages it has acknowledged");
            }
        }
        return new StartCheck(List.copyOf(warnings));
    }
}
