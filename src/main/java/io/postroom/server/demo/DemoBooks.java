package io.postroom.server.demo;

import io.postroom.api.BatchCompleted;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.ZoneOffset;
import java.util.List;
import java.util.UUID;
import javax.sql.DataSource;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Stores what the demo's accounting system, schedule and batch do, in tables beside {@link DemoProgress}. */
final class DemoBooks {
    private static final String CREATE_TABLES = """
            CREATE TABLE IF NOT EXISTS postroom_demo.booking_request (
                message_id    uuid,
                requested_at  timestamptz,
                order_number  text NOT NULL,
                show          text NOT NULL,
                amount        numeric NOT NULL,
                CONSTRAINT booking_request_pk PRIMARY KEY (message_id, requested_at)
            );
            CREATE TABLE IF NOT EXISTS postroom_demo.takings (
                message_id  uuid CONSTRAINT takings_pk PRIMARY KEY,
                at          timestamptz NOT NULL DEFAULT clock_timestamp(),
                orders      bigint NOT NULL,
                amount      numeric NOT NULL
            );
            CREATE TABLE IF NOT EXISTS postroom_demo.settlement (
                show    text CONSTRAINT settlement_pk PRIMARY KEY,
                orders  bigint NOT NULL,
                amount  numeric NOT NULL
            );
            CREATE TABLE IF NOT EXISTS postroom_demo.settlement_total (
                batch   uuid CONSTRAINT settlement_total_pk PRIMARY KEY,
                shows   bigint NOT NULL,
                amount  numeric NOT NULL
            )
            """;

    private static final String EMPTY = """
            TRUNCATE postroom_demo.booking_request, postroom_demo.takings, postroom_demo.settlement, postroom_demo.settlement_total
            """;

    private static final String BOOK = """
            INSERT INTO postroom_demo.booking_request (message_id, requested_at, order_number, show, amount)
            VALUES (:key, :at, :order, :show, :amount)
            ON CONFLICT DO NOTHING
            """;

    private static final String ORDERS = """
            SELECT count(DISTINCT message_id)
            FROM postroom_demo.booking_request
            """;

    private static final String SHOWS = """
            SELECT DISTINCT show
            FROM postroom_demo.booking_request
            ORDER BY show
            """;

    // An order that was asked for twice is one order.
    private static final String TAKINGS = """
            INSERT INTO postroom_demo.takings (message_id, orders, amount)
            SELECT ?, count(*), coalesce(sum(b.amount), 0)
            FROM (SELECT DISTINCT message_id, amount FROM postroom_demo.booking_request) b
            """;

    // A member of an earlier run that was in progress may have come first.
    private static final String SETTLE = """
            INSERT INTO postroom_demo.settlement (show, orders, amount)
            SELECT b.show, count(*), sum(b.amount)
            FROM (SELECT DISTINCT message_id, show, amount FROM postroom_demo.booking_request) b
            WHERE b.show = ?
            GROUP BY b.show
            ON CONFLICT (show) DO UPDATE SET orders = excluded.orders, amount = excluded.amount
            """;

    private static final String SETTLE_TOTAL = """
            INSERT INTO postroom_demo.settlement_total (batch, shows, amount)
            SELECT ?, count(*), coalesce(sum(amount), 0)
            FROM postroom_demo.settlement
            """;

    private static final String IS_SETTLED = """
            SELECT EXISTS (SELECT FROM postroom_demo.settlement_total WHERE batch = :batch)
            """;

    // Any second: from each request on.
    private static final String RESULTS = """
            SELECT f.files, f.lines, f.bad_lines, r.requests, r.orders, r.most, s.runs, b.total, b.done, b.dead
            FROM postroom_demo.demo_progress p
            CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE i.state = 'DONE') AS files,
                       coalesce(sum(i.messages), 0) AS lines,
                       coalesce(sum(i.bad_lines), 0) AS bad_lines
                FROM postroom.file_imports i
                WHERE i.import_name = :import AND i.started_at >= p.started_at) f
            CROSS JOIN (
                SELECT count(*) AS requests, count(DISTINCT n.message_id) AS orders, coalesce(max(n.within), 0) AS most
                FROM (SELECT q.message_id,
                             count(*) OVER (ORDER BY q.requested_at
                                            RANGE BETWEEN CURRENT ROW AND interval '999999 microseconds' FOLLOWING) AS within
                      FROM postroom_demo.booking_request q) n) r
            CROSS JOIN LATERAL (
                SELECT count(*) AS runs
                FROM postroom.queue_messages m
                WHERE m.queue = :takings
                  AND m.headers ->> 'postroom-schedule' = :schedule
                  AND m.created_at >= p.started_at) s
            LEFT JOIN postroom.batches b ON b.batch = p.batch
            WHERE p.file = :file
            """;

    private final JdbcClient database;

    DemoBooks(DataSource dataSource) {
        this.database = JdbcClient.create(dataSource);
    }

    /**
     * What the parts have done, as the database says.
     *
     * @param files imported to their ends
     * @param lines of them that are messages
     * @param badLines of them that are not
     * @param requests that reached the accounting system
     * @param orders that it knows of
     * @param mostInASecond requests in any span of a second
     * @param runs of the schedule that were fired
     * @param members of the batch
     * @param done of the members
     * @param dead of the members
     */
    record Results(
            long files,
            long lines,
            long badLines,
            long requests,
            long orders,
            long mostInASecond,
            long runs,
            long members,
            long done,
            long dead) {}

    /** Makes the tables where they are missing. */
    void create() {
        database.sql(CREATE_TABLES).update();
    }

    /** Forgets what was booked and settled. */
    void forget() {
        database.sql(EMPTY).update();
    }

    /** Writes a request down. A repeat of the very request adds nothing. */
    void book(UUID key, Booking booking) {
        database.sql(BOOK)
                .param("key", key)
                .param("at", booking.requestedAt().atOffset(ZoneOffset.UTC))
                .param("order", booking.order())
                .param("show", booking.show())
                .param("amount", booking.amount())
                .update();
    }

    /** Counts the orders that the accounting system knows of. */
    long orders() {
        return database.sql(ORDERS).query(Long.class).single();
    }

    List<String> shows() {
        return database.sql(SHOWS).query(String.class).list();
    }

    boolean isSettled(UUID batch) {
        return database.sql(IS_SETTLED)
                .param("batch", batch)
                .query(Boolean.class)
                .single();
    }

    Results results(String file) {
        return database.sql(RESULTS)
                .param("file", file)
                .param("import", Accounting.IMPORT)
                .param("takings", Takings.QUEUE)
                .param("schedule", Takings.SCHEDULE)
                .query((row, number) -> new Results(
                        row.getLong("files"),
                        row.getLong("lines"),
                        row.getLong("bad_lines"),
                        row.getLong("requests"),
                        row.getLong("orders"),
                        row.getLong("most"),
                        row.getLong("runs"),
                        row.getLong("total"),
                        row.getLong("done"),
                        row.getLong("dead")))
                .single();
    }

    // --- on the connections of handlers

    static void noteTakings(Connection connection, UUID message) throws SQLException {
        execute(connection, TAKINGS, message);
    }

    static void settle(Connection connection, String show) throws SQLException {
        execute(connection, SETTLE, show);
    }

    static void settleTotal(Connection connection, BatchCompleted end) throws SQLException {
        execute(connection, SETTLE_TOTAL, end.batch());
    }

    private static void execute(Connection connection, String sql, Object value) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setObject(1, value);
            statement.executeUpdate();
        }
    }
}
