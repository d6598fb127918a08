package io.postroom.server.demo;

import java.sql.Timestamp;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
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
            );
            ALTER TABLE postroom_demo.demo_progress
                ADD COLUMN IF NOT EXISTS order_files int,  -- null: not written yet
                ADD COLUMN IF NOT EXISTS batch uuid        -- null: not created yet
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

    private static final String RUN = """
            SELECT to_char(started_at AT TIME ZONE 'UTC', 'YYYYMMDD-HH24MISS')
            FROM postroom_demo.demo_progress
            WHERE file = :file
            """;

    private static final String ORDER_FILES_WRITTEN = """
            UPDATE postroom_demo.demo_progress
            SET order_files = :files
            WHERE file = :file
            """;

    private static final String ORDER_FILES = """
            SELECT order_files
            FROM postroom_demo.demo_progress
            WHERE file = :file
              AND order_files IS NOT NULL
            """;

    private static final String FILES_LEFT = """
            SELECT p.order_files - count(DISTINCT i.file)
            FROM postroom_demo.demo_progress p
            LEFT JOIN postroom.file_imports i
                   ON i.import_name = :import AND i.state = 'DONE' AND i.file LIKE '%-run-' || :run || '.ndjson'
            WHERE p.file = :file
            GROUP BY p.order_files
            """;

    private static final String IS_IMPORTING = """
            SELECT EXISTS (SELECT
                           FROM postroom.file_imports
                           WHERE import_name = :import AND state = 'RUNNING' AND file LIKE 'orders-%-run-%')
            """;

    private static final String BATCH_CREATED = """
            UPDATE postroom_demo.demo_progress
            SET batch = :batch
            WHERE file = :file
            """;

    private static final String BATCH = """
            SELECT batch
            FROM postroom_demo.demo_progress
            WHERE file = :file
              AND batch IS NOT NULL
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

    /** Names this run among those of this file. */
    String run() {
        return database.sql(RUN).param("file", file).query(String.class).single();
    }

    void orderFilesWritten(int files) {
        database.sql(ORDER_FILES_WRITTEN)
                .param("file", file)
                .param("files", files)
                .update();
    }

    boolean areOrderFilesWritten() {
        return database.sql(ORDER_FILES)
                .param("file", file)
                .query(Integer.class)
                .optional()
                .isPresent();
    }

    /** Whether the import has come to the end of each file of orders. */
    boolean areOrderFilesImported() {
        return database.sql(FILES_LEFT)
                        .param("file", file)
                        .param("import", Accounting.IMPORT)
                        .param("run", run())
                        .query(Integer.class)
                        .single()
                <= 0;
    }

    /** Whether the import is at a file of orders, of whatever run. */
    boolean isImporting() {
        return database.sql(IS_IMPORTING)
                .param("import", Accounting.IMPORT)
                .query(Boolean.class)
                .single();
    }

    void batchCreated(UUID batch) {
        database.sql(BATCH_CREATED).param("file", file).param("batch", batch).update();
    }

    Optional<UUID> batch() {
        return database.sql(BATCH).param("file", file).query(UUID.class).optional();
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
     * Counts the messages of this run in a queue by state; states without a message are left out. Foreign messages are left out, too: they
     * may wait for ever for a handler that the demo does not have.
     */
    Map<String, Long> countByState(String queue, String type) {
        return counts(database.sql(COUNT_BY_STATE)
                .param("file", file)
                .param("queue", queue)
                .param("type", type));
    }

    /** Counts all messages of the queue of mails by state, those of earlier runs and foreign ones, too. */
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
