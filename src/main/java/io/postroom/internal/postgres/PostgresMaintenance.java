package io.postroom.internal.postgres;

import io.postroom.internal.storage.MaintenanceStore;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Purge and partitions in PostgreSQL; the tables' owner has to run it. Thread-safe.
 *
 * <p>A day of messages is freed in one transaction: SHARE on the partition (it is read on, but not written), a look at all of it in parts, ACCESS
 * EXCLUSIVE for TRUNCATE and putting back, commit. The decision about each message is made after the lock, in one statement over all places. Claims
 * read all partitions, so what counts is how long the last step takes, not the look.
 *
 * <p>Looking costs 6 us a message ({@link PurgeThrottle} spreads it out); each message looked up by itself in all days of history took 20. The lines of history to
 * keep are found from the messages that are left, and only when those are many by a look at each line, 9 us.
 *
 * <p>Measured on two shared cores, PostgreSQL 18: a day of 400,000 messages (104 MB), 200 of them put back, is freed in 15 ms
 * plus the commit; the history of it (36 MB) in 2 ms. Moving the tail by seven days takes 20 to 65 ms, less than half of it with the table locked. Two
 * clients that enqueued without pause (560/s, durable) never waited longer than 57 ms, and that was for a lock tried in vain behind an open dump.
 *
 * <p>Order between the tables: keys of deduplication leave before or with their message, messages before or with their history. So no snapshot shows
 * a message without an end, or a key without a message.
 */
public final class PostgresMaintenance implements MaintenanceStore {
    private static final UUID FIRST = new UUID(0, 0);
    /** Far below the engine's statement timeout: 5,000 take 30 ms, a fifth of it for the plan. */
    private static final int LOOKED_AT_ONCE = 5_000;
    /** Messages still stored among those that a day of history tells of, up to which their lines are looked for one by one. */
    public static final int MOST_STORED_BETWEEN = 5_000;

    private static final int KEYS_AT_ONCE = 500;

    private final StoreTransactions engine;

    /** @param engine where the transactions run; any pool, auto-commit on or off */
    public PostgresMaintenance(DataSource engine) {
        this.engine = new StoreTransactions(engine);
    }

    @Override
    public List<Day> days(Kind kind) {
        return engine.single("list partitions", connection -> {
            try (Sql.Call call = MaintenanceSql.DAYS.on(connection)) {
                return call.set("parent", parent(kind)).list(PostgresMaintenance::day);
            }
        });
    }

    // ---- purge

    @Override
    public Need needAtTheEnd(Day day, int rows) {
        return engine.several("look at " + day.name(), connection -> {
            try (Sql.Call call = MaintenanceSql.NEED_AT_THE_END.on(connection)) {
                return call.set("leaf", day.name())
                        .set("rows", rows)
                        .one(row -> new Need(row.getInt(1), row.getInt(2), row.getInt(3)));
            }
        });
    }

    @Override
    public Freed freeMessages(Day day, int mostKept) {
        removeKeys(day);
        if (!isFree(day)) {
            return Freed.BUSY;
        }
        PurgeThrottle pacing = new PurgeThrottle();
        return engine.several("free " + day.name(), connection -> {
            if (!closed(day, connection)) {
                return Freed.BUSY;
            }
            List<UUID> kept = new ArrayList<>();
            PurgeLedger ledger = new PurgeLedger();
            int lasting = 0;
            Look look = look(day, FIRST, connection);
            while (look.looked > 0) {
                kept.addAll(look.kept);
                lasting += look.lasting;
                if (kept.size() > mostKept) {
                    return lasting > mostKept ? Freed.LASTING : Freed.NEEDED;
                }
                ledger.add(look.removed);
                pacing.rest();
                look = look(day, Objects.requireNonNull(look.last), connection);
            }
            return free(day, kept, ledger, connection);
        });
    }

    private void removeKeys(Day day) {
        UUID from = engine.single("begin with the keys of " + day.name(), connection -> {
            try (Sql.Call call = MaintenanceSql.BEGINNING.on(connection)) {
                return call.set("leaf", day.name()).one(row -> row.getObject(1, UUID.class));
            }
        });
        for (UUID after = from; after != null; ) {
            UUID start = after;
            after = engine.single("remove keys of " + day.name(), connection -> {
                try (Sql.Call call = MaintenanceSql.PURGE_KEYS.on(connection)) {
                    return call.set("leaf", day.name())
                            .set("after", start)
                            .set("limit", KEYS_AT_ONCE)
                            .one(row -> row.getInt(1) < KEYS_AT_ONCE
                                    ? Optional.<UUID>empty()
                                    : Optional.of(row.getObject(2, UUID.class)))
                            .orElse(null);
                }
            });
        }
    }

    private boolean isFree(Day day) {
        return engine.several("see whether " + day.name() + " is in use", connection -> {
            try (Sql.Call call = MaintenanceSql.IS_DAY_FREE.on(connection)) {
                return call.set("leaf", day.name()).one(row -> row.getBoolean(1));
            }
        });
    }

    private static boolean closed(Day day, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.CLOSE_DAY.on(connection)) {
            return call.set("leaf", day.name()).one(row -> row.getBoolean(1));
        }
    }

    private static Look look(Day day, UUID after, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.PURGE_LOOK.on(connection)) {
            return call.set("leaf", day.name())
                    .set("after", after)
                    .set("limit", LOOKED_AT_ONCE)
                    .one(Look::new);
        }
    }

    private static Freed free(Day day, List<UUID> kept, PurgeLedger ledger, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.FREE_DAY.on(connection)) {
            String how = call.set("leaf", day.name())
                    .set("kept", kept.toArray(UUID[]::new))
                    .set("queues", ledger.queues())
                    .set("outcomes", ledger.outcomes())
                    .set("messages", ledger.messages())
                    .set("firstIds", ledger.firstIds())
                    .set("lastIds", ledger.lastIds())
                    .one(row -> row.getString(1));
            return switch (how) {
                case "freed" -> Freed.DONE;
                case "busy" -> Freed.BUSY;
                default -> Freed.LASTING;
            };
        }
    }

    @Override
    public Freed freeHistory(Day day, int mostKept) {
        if (!isFree(day)) {
            return Freed.BUSY;
        }
        return engine.several("free " + day.name(), connection -> {
            if (!closed(day, connection)) {
                return Freed.BUSY;
            }
            List<String> kept = keptOf(day, mostKept, connection);
            if (kept.size() > mostKept) {
                return Freed.NEEDED;
            }
            try (Sql.Call call = MaintenanceSql.FREE_HISTORY_DAY.on(connection)) {
                boolean freed = call.set("leaf", day.name())
                        .set("kept", kept.toArray(String[]::new))
                        .one(row -> row.getBoolean(1));
                return freed ? Freed.DONE : Freed.BUSY;
            }
        });
    }

    /** The places of the lines whose message is still stored; if there are more than mostKept, one more than that or some more. */
    private static List<String> keptOf(Day day, int mostKept, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.HISTORY_KEPT.on(connection)) {
            List<String> few = call.set("leaf", day.name())
                    .set("most", MOST_STORED_BETWEEN)
                    .set("mostLines", mostKept + 1)
                    .one(row -> {
                        Array found = row.getArray(1);
                        return found == null ? null : list(found, String[].class);
                    });
            return few == null ? lookedThrough(day, mostKept, connection) : few;
        }
    }

    private static List<String> lookedThrough(Day day, int mostKept, Connection connection) throws SQLException {
        PurgeThrottle pacing = new PurgeThrottle();
        List<String> kept = new ArrayList<>();
        HistoryLook look = historyLook(day, Batch.START, connection);
        while (look.looked > 0 && kept.size() <= mostKept) {
            kept.addAll(look.kept);
            pacing.rest();
            look = historyLook(day, look.last, connection);
        }
        return kept;
    }

    private static HistoryLook historyLook(Day day, String after, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.HISTORY_LOOK.on(connection)) {
            return call.set("leaf", day.name())
                    .set("after", after)
                    .set("limit", LOOKED_AT_ONCE)
                    .one(row -> new HistoryLook(
                            row.getInt(1), String.valueOf(row.getString(2)), list(row.getArray(3), String[].class)));
        }
    }

    @Override
    public Batch removeBatch(Day history, String after, int limit, List<Day> spared) {
        return engine.several("remove messages that ended in " + history.name(), connection -> {
            try (Sql.Call call = MaintenanceSql.PURGE_BATCH.on(connection)) {
                return call.set("leaf", history.name())
                        .set("after", after)
                        .set("limit", limit)
                        .set("spared", spared.stream().map(Day::name).toArray(String[]::new))
                        .one(row -> new Batch(row.getInt(1), row.getString(2), row.getInt(3)));
            }
        });
    }

    @Override
    public boolean truncateReady(long bytes) {
        return engine.several("truncate ready", connection -> {
            try (Sql.Call call = MaintenanceSql.TRUNCATE_READY.on(connection)) {
                return call.set("bytes", bytes).one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public int removeLeftovers(Day history, int limit) {
        return engine.several("remove leftovers of " + history.name(), connection -> {
            takeTime(connection);
            try (Sql.Call call = MaintenanceSql.REMOVE_LEFTOVERS.on(connection)) {
                return call.set("leaf", history.name()).set("limit", limit).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int forgetWorkers(Duration endedBefore) {
        return engine.several("forget workers", connection -> {
            takeTime(connection);
            try (Sql.Call call = MaintenanceSql.FORGET_WORKERS.on(connection)) {
                return call.set("endedBefore", Rows.micros(endedBefore)).one(row -> row.getInt(1));
            }
        });
    }

    // ---- partitions

    /** Three transactions: the promise where a filled tail ends, the look whether it is kept, the move. The first two do nothing for an empty tail. */
    @Override
    public int makeDaysAhead(Kind kind) {
        String parent = parent(kind);
        engine.several("bound the tail of " + parent, connection -> run(MaintenanceSql.BOUND_TAIL, parent, connection));
        engine.several("validate the tail of " + parent, connection -> {
            takeTime(connection);
            return run(MaintenanceSql.VALIDATE_TAIL, parent, connection);
        });
        return engine.several("move the tail of " + parent, connection -> {
            try (Sql.Call call = MaintenanceSql.MOVE_TAIL.on(connection)) {
                return call.set("parent", parent).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int foldPastDays(Kind kind, int most, int rows) {
        String parent = parent(kind);
        String until = engine.several("bound the past of " + parent, connection -> {
            try (Sql.Call call = MaintenanceSql.BOUND_OLD.on(connection)) {
                return call.set("parent", parent)
                        .set("most", most)
                        .set("rows", rows)
                        .one(row -> Optional.ofNullable(row.getString(1)))
                        .orElse(null);
            }
        });
        if (until == null) {
            return 0;
        }
        engine.several("validate the past of " + parent, connection -> {
            takeTime(connection);
            return run(MaintenanceSql.VALIDATE_OLD, parent, connection);
        });
        return engine.several("fold the past of " + parent, connection -> {
            try (Sql.Call call = MaintenanceSql.FOLD_OLD.on(connection)) {
                return call.set("parent", parent).set("until", until).one(row -> row.getInt(1));
            }
        });
    }

    // ---- rows

    private static void takeTime(Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.TAKE_TIME.on(connection)) {
            call.update();
        }
    }

    private static boolean run(Sql sql, String parent, Connection connection) throws SQLException {
        try (Sql.Call call = sql.on(connection)) {
            return call.set("parent", parent).one(row -> true);
        }
    }

    private static String parent(Kind kind) {
        return switch (kind) {
            case MESSAGES -> "message";
            case HISTORY -> "attempt";
        };
    }

    private static Day day(ResultSet row) throws SQLException {
        Instant from = Rows.instant(row, 2);
        Instant to = Rows.instant(row, 3);
        return new Day(
                row.getString(1),
                from == null ? Instant.MIN : from,
                to == null ? Instant.MAX : to,
                row.getLong(4),
                row.getBoolean(5));
    }

    private static <T> List<T> list(@Nullable Array array, Class<T[]> type) throws SQLException {
        return array == null ? List.of() : List.of(type.cast(array.getArray()));
    }

    /** A part of a day: how many were looked at, where that ended, what is needed, and what the rest were. */
    private static final class Look {
        final int looked;
        final @Nullable UUID last;
        final List<UUID> kept;
        final int lasting;
        final List<PurgeLedger.Line> removed = new ArrayList<>();

        Look(ResultSet row) throws SQLException {
            looked = row.getInt(1);
            last = row.getObject(2, UUID.class);
            kept = list(row.getArray(3), UUID[].class);
            lasting = row.getInt(4);
            List<Integer> queues = list(row.getArray(5), Integer[].class);
            List<Short> outcomes = list(row.getArray(6), Short[].class);
            List<Long> messages = list(row.getArray(7), Long[].class);
            List<UUID> firstIds = list(row.getArray(8), UUID[].class);
            List<UUID> lastIds = list(row.getArray(9), UUID[].class);
            for (int i = 0; i < queues.size(); i++) {
                removed.add(new PurgeLedger.Line(
                        queues.get(i), outcomes.get(i), messages.get(i), firstIds.get(i), lastIds.get(i)));
            }
        }
    }

    private record HistoryLook(int looked, String last, List<String> kept) {}
}
