package io.postroom.testing;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.awaitility.Awaitility;
import org.postgresql.PGConnection;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Waits until sessions are blocked by others: the step of a race after which the next one may follow. */
public final class BlockedSessions {
    private static final int LONGEST_SECONDS = 60;

    private BlockedSessions() {}

    /** Waits until at least so many sessions of this database wait for others, whoever these are. */
    public static void await(DataSource pool, int count) {
        until(pool, count, """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'
                """, 0);
    }

    /** Waits until at least so many sessions wait for this one, directly or behind another that does. */
    public static void awaitBehind(Connection holder, DataSource pool, int count) throws SQLException {
        until(pool, count, """
                WITH RECURSIVE waiting AS (
                    SELECT pid FROM pg_stat_activity WHERE :pid = ANY (pg_blocking_pids(pid))
                    UNION
                    SELECT a.pid FROM waiting w JOIN pg_stat_activity a ON w.pid = ANY (pg_blocking_pids(a.pid))
                )
                SELECT count(*) FROM waiting
                """, pid(holder));
    }

    /** Waits until this session waits for another one; behind a pooler, until any session does. */
    public static void awaitBlocked(Connection waiting, DataSource pool) throws SQLException {
        if (TestServer.isPooled()) {
            await(pool, 1);
            return;
        }
        until(
                pool,
                1,
                "SELECT count(*) FROM pg_stat_activity WHERE pid = :pid AND wait_event_type = 'Lock'",
                pid(waiting));
    }

    private static int pid(Connection session) throws SQLException {
        if (!TestServer.isPooled()) {
            return session.unwrap(PGConnection.class).getBackendPID();
        }
        try (Statement statement = session.createStatement();
                ResultSet row = statement.executeQuery("SELECT pg_backend_pid()")) {
            row.next();
            return row.getInt(1);
        }
    }

    private static void until(DataSource pool, int count, String counted, int pid) {
        JdbcClient sql = JdbcClient.create(pool);
        Awaitility.await()
                .atMost(LONGEST_SECONDS, TimeUnit.SECONDS)
                .until(() ->
                        sql.sql(counted).param("pid", pid).query(Integer.class).single() >= count);
    }
}
