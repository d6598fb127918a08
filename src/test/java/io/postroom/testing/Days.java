package io.postroom.testing;

import java.time.Duration;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The partitions of an emptied database as an installation of some days ago would have them. */
public final class Days {
    private Days() {}

    /** Empties everything and lays the days out as V002 did that long ago; days made since are missing. */
    public static void installedAgo(JdbcClient sql, Duration ago) {
        sql.sql("""
                        TRUNCATE postroom.message, postroom.ready, postroom.delayed, postroom.lease, postroom.dead_letter, postroom.attempt,
                            postroom.queue, postroom.worker, postroom.consumer, postroom.dedup, postroom.purge_ledger,
                            postroom.operator_action
                        """).update();
        for (String parent : new String[] {"message", "attempt"}) {
            for (String name : sql.sql("SELECT name FROM postroom.partitions(?)")
                    .param(parent)
                    .query(String.class)
                    .list()) {
                sql.sql("DROP TABLE postroom." + name).update();
            }
            int days = (int) ago.toDays() + 1;
            create(sql, parent, "'_old'", "MINVALUE", bound(parent, -days));
            for (int day = -days; day < -days + 8; day++) {
                create(
                        sql,
                        parent,
                        "'_' || to_char((now() AT TIME ZONE 'UTC')::date + " + day + ", 'YYYYMMDD')",
                        bound(parent, day),
                        bound(parent, day + 1));
            }
            create(sql, parent, "'_tail'", bound(parent, -days + 8), "MAXVALUE");
        }
    }

    private static String bound(String parent, int day) {
        return "' || postroom.day_bound('" + parent + "', (now() AT TIME ZONE 'UTC')::date + " + day + ") || '";
    }

    private static void create(JdbcClient sql, String parent, String suffix, String from, String to) {
        String statement = sql.sql("SELECT 'CREATE TABLE postroom.' || '" + parent + "' || " + suffix
                        + " || ' PARTITION OF postroom." + parent + " FOR VALUES FROM (" + from + ") TO (" + to + ")'")
                .query(String.class)
                .single();
        sql.sql(statement).update();
    }
}
