package io.postroom.testing;

import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.stream.IntStream;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The partitions of an emptied database as an installation of some days ago would have them. */
public final class Days {
    private static final List<String> PARENTS = List.of("message", "attempt");

    private Days() {}

    /** Empties everything and lays the days out as V003 did that long ago; days made since are missing. */
    public static void installedAgo(JdbcClient sql, Duration ago) {
        installedAgo(sql, ago, 8);
    }

    /** The same with so many days. */
    public static void installedAgo(JdbcClient sql, Duration ago, int made) {
        int first = -(int) ago.toDays() - 1;
        List<Integer> bounds =
                IntStream.rangeClosed(first, first + made).boxed().toList();
        layOut(sql, bounds);
    }

    /** Empties everything and makes one partition that reaches from that long ago into the future, instead of days. */
    public static void oneWideDay(JdbcClient sql, Duration ago, Duration ahead) {
        layOut(sql, List.of((int) -ago.toDays(), (int) ahead.toDays()));
    }

    /** Drops the old partitions before it empties the rest: some 300 files less to make and remove. All of it is one statement. */
    private static void layOut(JdbcClient sql, List<Integer> bounds) {
        StringBuilder block = new StringBuilder("DO $lay_out$ DECLARE old text; BEGIN ");
        for (String parent : PARENTS) {
            block.append("FOR old IN SELECT name FROM postroom.partitions('")
                    .append(parent)
                    .append("') LOOP EXECUTE 'DROP TABLE postroom.' || old; END LOOP; ");
        }
        block.append("""
                TRUNCATE postroom.message, postroom.ready, postroom.delayed, postroom.lease, postroom.dead_letter, postroom.attempt,
                    postroom.queue, postroom.worker, postroom.consumer, postroom.dedup, postroom.purge_ledger;
                """);
        for (String parent : PARENTS) {
            create(block, parent, "_old", "MINVALUE", bound(parent, bounds.get(0)));
            for (int i = 1; i < bounds.size(); i++) {
                create(
                        block,
                        parent,
                        nameOf(bounds.get(i - 1)),
                        bound(parent, bounds.get(i - 1)),
                        bound(parent, bounds.get(i)));
            }
            create(block, parent, "_tail", bound(parent, bounds.get(bounds.size() - 1)), "MAXVALUE");
        }
        sql.sql(block.append("END $lay_out$").toString()).update();
        LedgerLines.removeAll(sql);
    }

    private static String nameOf(int day) {
        return "_" + LocalDate.now(ZoneOffset.UTC).plusDays(day).format(DateTimeFormatter.BASIC_ISO_DATE);
    }

    private static String bound(String parent, int day) {
        return "' || postroom.day_bound('" + parent + "', (now() AT TIME ZONE 'UTC')::date + " + day + ") || '";
    }

    private static void create(StringBuilder block, String parent, String suffix, String from, String to) {
        block.append(
                "EXECUTE 'CREATE TABLE postroom.%1$s%2$s PARTITION OF postroom.%1$s FOR VALUES FROM (%3$s) TO (%4$s)'; "
                        .formatted(parent, suffix, from, to));
        block.append("PERFORM postroom.take_after_parent('%1$s', '%1$s%2$s'); ".formatted(parent, suffix));
    }
}
