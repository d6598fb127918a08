package io.postroom.internal.postgres.connection;

import io.postroom.api.StoreException;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import javax.sql.DataSource;

/**
 * A quick look at {@code postroom.schema_history}, which spares nearly every start two connections and the loading of Flyway. It only finds
 * that nothing is to be done. In each other case, also in doubt, Flyway looks and decides.
 */
final class SchemaHistory {
    /** The number of the newest migration; they are numbered without gaps from 1. */
    static final int NEWEST = 40;

    private static final String FOLDER = "/io/postroom/db/migration/";

    private static final Sql IS_READABLE = Sql.of("""
            -- name: is_history_readable
            SELECT EXISTS (
                SELECT FROM pg_class c
                WHERE c.relnamespace = to_regnamespace('postroom')
                  AND c.relname = 'schema_history'
                  AND has_schema_privilege(c.relnamespace, 'USAGE')
                  AND has_table_privilege(c.oid, 'SELECT'))
            """);

    private static final Sql READ = Sql.of("""
            -- name: read_history
            SELECT h.version, h.script, h.checksum, h.success AND h.type = 'SQL'
            FROM postroom.schema_history h
            WHERE h.version IS NOT NULL
            ORDER BY h.installed_rank
            """);

    /** What has been computed by script: a host's tests start the engine many times, and the texts never change within a process. */
    private static final Map<String, Integer> CHECKSUMS = new ConcurrentHashMap<>();

    private SchemaHistory() {}

    /** Answers true if exactly the migrations of this version have run, in their order and with their texts. */
    static boolean isComplete(DataSource source) {
        try {
            List<Line> lines =
                    new StoreTransactions(source).several("read postroom.schema_history", SchemaHistory::read);
            return lines.size() == NEWEST
                    && IntStream.range(0, NEWEST).allMatch(i -> lines.get(i).isMigration(i + 1));
        } catch (StoreException unreadable) {
            return false; // Flyway meets the same, and its caller has the text for it
        }
    }

    private static List<Line> read(Connection connection) throws SQLException {
        try (Sql.Call call = IS_READABLE.on(connection)) {
            if (!call.one(row -> row.getBoolean(1))) {
                return List.of();
            }
        }
        try (Sql.Call call = READ.on(connection)) {
            return call.list(row -> new Line(row.getString(1), row.getString(2), row.getInt(3), row.getBoolean(4)));
        }
    }

    private record Line(String version, String script, int checksum, boolean hasRun) {
        boolean isMigration(int number) {
            return hasRun
                    && version.equals("%03d".formatted(number))
                    && checksum == CHECKSUMS.computeIfAbsent(script, SchemaHistory::checksumOf);
        }
    }

    /** Computes what Flyway stores: a CRC-32 over the lines in UTF-8, without their ends. 0 if this jar has no such file. */
    private static int checksumOf(String script) {
        try (InputStream file = SchemaHistory.class.getResourceAsStream(FOLDER + script)) {
            if (file == null) {
                return 0;
            }
            CRC32 checksum = new CRC32();
            new BufferedReader(new InputStreamReader(file, StandardCharsets.UTF_8))
                    .lines()
                    .forEach(line -> checksum.update(line.getBytes(StandardCharsets.UTF_8)));
            return (int) checksum.getValue();
        } catch (IOException e) {
            throw new UncheckedIOException("read " + FOLDER + script, e);
        }
    }
}
