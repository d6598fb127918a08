package io.postroom.testing;

import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The partitions of an emptied database as an installation of some days ago would have them. */
public final class Days {
    private Days() {}

    /** Empties everything and lays the days out as V003 did that long ago; days made since are missing. */
    public static void installedAgo(JdbcClient sql, Duration ago) {
        installedAgo(sql, ago, 8);
    }

    /** The same with so many days. */
    public static void installedAgo(JdbcClient sql, Duration ago, int made) {
        empty(sql);
        for (String parent : new String[] {"message", "attempt"}) {
            int days = (int) ago.toDays() + 1;
            create(sql, parent, "_old", "MINVALUE", bound(parent, -days));
            for (int day = -days; day < -days + made; day++) {
                create(sql, parent, nameOf(day), bound(parent, day), bound(parent, day + 1));
            }
            create(sql, parent, "_tail", bound(parent, -days + made), "MAXVALUE");
        }
    }

    /** Empties everything and makes one partition that reaches from that long ago into the future, instead of days. */
    public static void oneWideDay(JdbcClient sql, Duration ago, Duration ahead) {
        empty(sql);
        for (String parent : new String[] {"message", "attempt"}) {
            int from = (int) -ago.toDays();
            int to = (int) ahead.toDays();
            create(sql, parent, "_old", "MINVALUE", bound(parent, from));
            create(sql, parent, nameOf(from), bound(parent, from), bound(parent, to));
            create(sql, parent, "_tail", bound(parent, to), "MAXVALUE");
        }
    }

    private static void empty(JdbcClient sql) {
        sql.sql("""
                        TRUNCATE postroom.message, postroom.ready, postroom.delayed, postroom.lease, postroom.dead_letter, postroom.attempt,
                            postroom.queue, postroom.worker, postroom.consumer, postroom.dedup, postroom.purge_ledger
                        """).update();
        LedgerLines.removeAll(sql);
        for (String parent : new String[] {"message", "attempt"}) {
            for (String name : sql.sql("SELECT name FROM postroom.partitions(?)")
                    .param(parent)
                    .query(String.class)
                    .list()) {
                sql.sql("DROP TABLE postroom." + name).update();
            }
        }
    }

    private static String nameOf(int day) {
        return "_" + LocalDate.now(ZoneOffset.UTC).plusDays(day).format(DateTimeFormatter.BASIC_ISO_DATE);
    }

    private static String bound(String parent, int day) {
        return "' || postroom.day_bound('" + parent + "', (now() AT TIME ZONE 'UTC')::date + " + day + ") || '";
    }

    private static void create(JdbcClient sql, String parent, String suffix, String from, String to) {
        String statement = sql.sql("SELECT 'CREATE TABLE postroom." + parent + suffix + " PARTITION OF postroom."
                        + parent + " FOR VALUES FROM (" + from + ") TO (" + to + ")'")
                .query(String.class)
                .single();
        sql.sql(statement).update();
        sql.sql("SELECT postroom.take_after_parent(?, ?)")
                .params(parent, parent + suffix)
                .query()
                .listOfRows();
    }
}
