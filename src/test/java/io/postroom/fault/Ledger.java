package io.postroom.fault;

import io.postroom.testing.JvmProcess;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * What handlers say they did, beside what the database says of the messages; and the invariant checker, run while waiting and at the end.
 */
final class Ledger {
    private static final Path CONSERVATION = Path.of("db/checks/conservation.sql");

    private final TestDatabase database;

    Ledger(TestDatabase database) {
        this.database = database;
    }

    void create() {
        execute("""
                DROP TABLE IF EXISTS public.effect, public.run;
                CREATE TABLE public.effect (message_id uuid NOT NULL, pid bigint NOT NULL, lease_valid boolean NOT NULL,
                    at timestamptz NOT NULL DEFAULT clock_timestamp());
                CREATE TABLE public.run (LIKE public.effect INCLUDING DEFAULTS);
                TRUNCATE postroom.message, postroom.ready, postroom.grouped, postroom.message_group, postroom.delayed, postroom.lease,
                    postroom.attempt, postroom.dead_letter;
                """);
    }

    /** Adds the table in which limited handlers write down their starts, empty. */
    void createStarts() {
        execute("DROP TABLE IF EXISTS public.start");
        execute("CREATE TABLE public.start (message_id uuid, pid bigint, at timestamptz NOT NULL)");
    }

    /** Ends the lease time of a killed worker at once, so that the test need not wait for it. */
    void endLeaseTime(JvmProcess dead) {
        execute("UPDATE postroom.worker SET beat_at = beat_at - interval '1 hour' WHERE name = 'fault-worker-"
                + dead.pid() + "' AND beat_at > now() - interval '30 minutes'");
    }

    long count(String table) {
        return number("SELECT count(*) FROM public." + table);
    }

    long count(String table, String condition) {
        return number("SELECT count(*) FROM " + table + condition);
    }

    long twiceIn(String table) {
        return number(
                "SELECT count(*) FROM (SELECT FROM public." + table + " GROUP BY message_id HAVING count(*) > 1) x");
    }

    long runsBy(long pid) {
        return number("SELECT count(*) FROM public.run WHERE pid = " + pid);
    }

    /** Whether the process has registered a consumer of the queue. */
    boolean consumes(JvmProcess worker, String queue) {
        return number("SELECT count(*) FROM postroom.consumer c JOIN postroom.worker w ON w.id = c.worker_id"
                        + " JOIN postroom.queue q ON q.id = c.queue_id WHERE w.name = 'fault-worker-" + worker.pid()
                        + "' AND q.name = '" + queue + "'")
                > 0;
    }

    /** The most starts that were written down for any second, wherever it begins. */
    long mostStartsInASecond() {
        return number("""
                SELECT max((SELECT count(*) FROM public.start y WHERE y.at >= x.at AND y.at < x.at + interval '1 second'))
                FROM public.start x
                """);
    }

    long finished(String queue, String state) {
        return number("SELECT count(*) FROM postroom.queue_messages WHERE queue = '" + queue + "' AND state = '" + state
                + "'");
    }

    long waitingOrHeld() {
        return number("SELECT (SELECT count(*) FROM postroom.ready) + (SELECT count(*) FROM postroom.delayed)"
                + " + (SELECT coalesce(sum(bit_count(open)), 0) FROM postroom.lease)");
    }

    /** Checks the invariants over and over until so many messages are done or dead. */
    void awaitAllFinished(long messages, Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        String finished =
                "SELECT (SELECT count(*) FROM postroom.attempt WHERE outcome <= 2) + (SELECT count(*) FROM postroom.dead_letter)";
        while (number(finished) < messages) {
            if (System.nanoTime() > end) {
                throw new AssertionError(number(finished) + " of " + messages + " finished after " + longest + ", "
                        + waitingOrHeld() + " wait or are held; " + rows("SELECT * FROM postroom.lease LIMIT 5"));
            }
            List<String> violations = violations();
            if (!violations.isEmpty()) {
                throw new AssertionError("while running: " + violations);
            }
            LockSupport.parkNanos(Duration.ofMillis(300).toNanos());
        }
    }

    /** Rows of {@code db/checks/conservation.sql}; none when all is well. */
    List<String> violations() {
        try {
            return rows(Files.readString(CONSERVATION));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    long number(String sql) {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    private List<String> rows(String sql) {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            ResultSetMetaData columns = rows.getMetaData();
            List<String> texts = new ArrayList<>();
            while (rows.next()) {
                List<String> values = new ArrayList<>();
                for (int i = 1; i <= columns.getColumnCount(); i++) {
                    values.add(columns.getColumnName(i) + "=" + rows.getString(i));
                }
                texts.add(values.toString());
            }
            return texts;
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    void execute(String sql) {
        try (Connection connection = database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }
}
