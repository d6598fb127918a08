package io.postroom.server.demo;

import java.sql.Timestamp;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/**
 * Stores how far the demo has come, in a table of its own beside Postroom's. Joins the Spring transaction open on the thread: so a line of
 * the file and its message are committed together.
 */
final class DemoProgress {
    private static final String CREATE_SCHEMA = """
            CREATE SCHEMA IF NOT EXISTS postroom_demo
            """;

    private static final String CREATE_TABLE = """
            CREATE TABLE IF NOT EXISTS postroom_demo.demo_progress (
                file         text CONSTRAINT demo_progress_pk PRIMARY KEY,
                lines_read   int NOT NULL DEFAULT 0,
                started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
                finished_at  timestamptz
            )
            """;

    private static final String BEGIN = """
            INSERT INTO postroom_demo.demo_progress (file)
            VALUES (:file)
            ON CONFLICT (file) DO NOTHING
            """;

    private static final String FORGET = """
            DELETE FROM postroom_demo.demo_progress
            WHERE file = :file
            """;

    // The lock makes a second demo on the same database wait, and then go on behind this one's lines.
    private static final String LOCK_LINES_READ = """
            SELECT lines_read
            FROM postroom_demo.demo_progress
            WHERE file = :file
            FOR UPDATE
            """;

    private static final String ADVANCE = """
            UPDATE postroom_demo.demo_progress
            SET lines_read = :line
            WHERE file = :file
            """;

    private static final String LINES_READ = """
            SELECT lines_read
            FROM postroom_demo.demo_progress
            WHERE file = :file
            """;

    private static final String FINISH = """
            UPDATE postroom_demo.demo_progress
            SET finished_at = clock_timestamp()
            WHERE file = :file
            """;

    private static final String FINISHED_AT = """
            SELECT finished_at
            FROM postroom_demo.demo_progress
            WHERE file = :file
              AND finished_at IS NOT NULL
            """;

    private static final String COUNT_BY_STATE = """
            SELECT m.state, count(*) AS messages
            FROM postroom.queue_messages m
            JOIN postroom_demo.demo_progress p ON p.file = :file
            WHERE m.queue = :queue
              AND m.type = :type
              AND m.created_at >= p.started_at
            GROUP BY m.state
            ORDER BY m.state
            """;

    /** Shown to the user as it stands. */
    static final String COUNT_ALL_BY_STATE =
            "SELECT state, count(*) AS messages FROM postroom.queue_messages WHERE queue = '"
                    + TicketNotifications.QUEUE + "' GROUP BY state ORDER BY state";

    private final JdbcClient database;
    private final String file;

    DemoProgress(DataSource dataSource, String file) {
        this.database = JdbcClient.create(dataSource);
        this.file = file;
    }

    /** Makes the table and the file's row where they are missing. */
    void begin() {
        database.sql(CREATE_SCHEMA).update();
        database.sql(CREATE_TABLE).update();
        database.sql(BEGIN).param("file", file).update();
    }

    /** Forgets that the file was read. The messages stay. */
    void forget() {
        database.sql(FORGET).param("file", file).update();
    }

    /** Returns how many lines have their messages, and locks the row until the transaction ends. */
    int lockLinesRead() {
        return database.sql(LOCK_LINES_READ)
                .param("file", file)
                .query(Integer.class)
                .single();
    }

    int linesRead() {
        return database.sql(LINES_READ).param("file", file).query(Integer.class).single();
    }

    void advance(int line) {
        database.sql(ADVANCE).param("file", file).param("line", line).update();
    }

    void finish() {
        database.sql(FINISH).param("file", file).update();
    }

    Optional<Instant> finishedAt() {
        return database.sql(FINISHED_AT)
                .param("file", file)
                .query(Timestamp.class)
                .optional()
                .map(Timestamp::toInstant);
    }

    /**
     * Counts the events of this run by state; states without an event are left out. Foreign messages are left out, too: they may wait for
     * ever for a handler that the demo does not have.
     */
    Map<String, Long> countByState() {
        return counts(database.sql(COUNT_BY_STATE)
                .param("file", file)
                .param("queue", TicketNotifications.QUEUE)
                .param("type", TicketEvent.TYPE));
    }

    /** Counts all messages of the queue by state, those of earlier runs and foreign ones, too. */
    Map<String, Long> countAllByState() {
        return counts(database.sql(COUNT_ALL_BY_STATE));
    }

    private static Map<String, Long> counts(JdbcClient.StatementSpec statement) {
        Map<String, Long> counts = new LinkedHashMap<>();
        statement
                .query((row, number) -> counts.put(row.getString("state"), row.getLong("messages")))
                .list();
        return counts;
    }
}
