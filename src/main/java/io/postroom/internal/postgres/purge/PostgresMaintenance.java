package io.postroom.internal.postgres.purge;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.MaintenanceStore;
import java.sql.Array;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import javax.sql.DataSource;

/**
 * Frees past days and makes days ahead. The role that runs this must own the tables. Thread-safe. Statements: {@link MaintenanceSql}; how a
 * day is freed and what it costs: see the package.
 */
public final class PostgresMaintenance implements MaintenanceStore {
    private static final UUID BEFORE_ALL = new UUID(0, 0);
    /** Rows of a part. 5,000 take 30 ms, far below the engine's statement timeout; a fifth of the time goes into the plan. */
    private static final int ROWS_OF_A_PART = 5_000;
    /** Up to this many messages of a day of history that are still stored, their lines are looked up one by one. */
    public static final int MOST_STORED_BETWEEN = 5_000;

    private static final int KEYS_OF_A_STEP = 500;
    /** Days are made when the tail begins earlier than so many days after today. */
    private static final int FEWEST_DAYS_AHEAD = 3;
    /** Days are made until the tail begins at least so many days after today. */
    private static final int DAYS_AHEAD = 7;

    private final StoreTransactions transactions;
    private final TailDetachment detachment;

    /** @param source for the transactions; any pool, auto-commit on or off */
    public PostgresMaintenance(DataSource source) {
        this(source, TailDetachment.PATIENCE);
    }

    /**
     * @param source for the transactions; any pool, auto-commit on or off
     * @param tailPatience longest wait for the transactions that use a table before its tail is detached, and again while it is detached
     */
    public PostgresMaintenance(DataSource source, Duration tailPatience) {
        this.transactions = new StoreTransactions(source);
        this.detachment = new TailDetachment(source, tailPatience);
    }

    @Override
    public List<Day> days(Kind kind) {
        return transactions.single("list partitions", connection -> {
            try (Sql.Call call = MaintenanceSql.DAYS.on(connection)) {
                return call.set("parent", parent(kind)).list(DayRows::day);
            }
        });
    }

    // ---- purge

    @Override
    public Need needAtTheEnd(Day day, int rows) {
        return transactions.several("look at " + day.name(), connection -> {
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
        PurgeThrottle throttle = new PurgeThrottle();
        return transactions.several("free " + day.name(), connection -> {
            String retentions = close(day, connection).orElse(null);
            if (retentions == null) {
                return Freed.BUSY;
            }
            List<UUID> kept = new ArrayList<>();
            PurgeLedger ledger = new PurgeLedger();
            int lasting = 0;
            DayRows.DayPart part = read(day, BEFORE_ALL, connection);
            while (part.looked > 0) {
                kept.addAll(part.kept);
                lasting += part.lasting;
                if (kept.size() > mostKept) {
                    return lasting > mostKept ? Freed.LASTING : Freed.NEEDED;
                }
                ledger.add(part.removed);
                throttle.rest();
                part = read(day, Objects.requireNonNull(part.last), connection);
            }
            return free(day, retentions, kept, ledger, connection);
        });
    }

    private void removeKeys(Day day) {
        UUID from = transactions.single("begin with the keys of " + day.name(), connection -> {
            try (Sql.Call call = MaintenanceSql.BEGINNING.on(connection)) {
                return call.set("leaf", day.name()).one(row -> row.getObject(1, UUID.class));
            }
        });
        for (UUID after = from; after != null; ) {
            UUID start = after;
            after = transactions.single("remove keys of " + day.name(), connection -> {
                try (Sql.Call call = MaintenanceSql.PURGE_KEYS.on(connection)) {
                    return call.set("leaf", day.name())
                            .set("after", start)
                            .set("limit", KEYS_OF_A_STEP)
                            .one(row -> row.getInt(1) < KEYS_OF_A_STEP
                                    ? Optional.<UUID>empty()
                                    : Optional.of(row.getObject(2, UUID.class)))
                            .orElse(null);
                }
            });
        }
    }

    private boolean isFree(Day day) {
        return transactions.several("see whether " + day.name() + " is in use", connection -> {
            try (Sql.Call call = MaintenanceSql.IS_DAY_FREE.on(connection)) {
                return call.set("leaf", day.name()).one(row -> row.getBoolean(1));
            }
        });
    }

    /** Returns the retentions that hold from now on; empty when the lock was not free. */
    private static Optional<String> close(Day day, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.CLOSE_DAY.on(connection)) {
            return call.set("leaf", day.name()).one(row -> Optional.ofNullable(row.getString(1)));
        }
    }

    private static DayRows.DayPart read(Day day, UUID after, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.PURGE_LOOK.on(connection)) {
            return call.set("leaf", day.name())
                    .set("after", after)
                    .set("limit", ROWS_OF_A_PART)
                    .one(DayRows.DayPart::new);
        }
    }

    private static Freed free(Day day, String retentions, List<UUID> kept, PurgeLedger ledger, Connection connection)
            throws SQLException {
        try (Sql.Call call = MaintenanceSql.FREE_DAY.on(connection)) {
            String how = call.set("leaf", day.name())
                    .set("retentions", retentions)
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
        return transactions.several("free " + day.name(), connection -> {
            if (close(day, connection).isEmpty()) {
                return Freed.BUSY;
            }
            List<String> kept = linesToKeep(day, mostKept, connection);
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

    /** Finds the places of the lines whose message is still stored. Stops soon after mostKept, so a longer list may be incomplete. */
    private static List<String> linesToKeep(Day day, int mostKept, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.HISTORY_KEPT.on(connection)) {
            List<String> few = call.set("leaf", day.name())
                    .set("most", MOST_STORED_BETWEEN)
                    .set("mostLines", mostKept + 1)
                    .one(row -> {
                        Array found = row.getArray(1);
                        return found == null ? null : DayRows.list(found, String[].class);
                    });
            return few == null ? linesToKeepOfEachPart(day, mostKept, connection) : few;
        }
    }

    private static List<String> linesToKeepOfEachPart(Day day, int mostKept, Connection connection)
            throws SQLException {
        PurgeThrottle throttle = new PurgeThrottle();
        List<String> kept = new ArrayList<>();
        DayRows.HistoryPart part = readHistory(day, Batch.START, connection);
        while (part.looked() > 0 && kept.size() <= mostKept) {
            kept.addAll(part.kept());
            throttle.rest();
            part = readHistory(day, part.last(), connection);
        }
        return kept;
    }

    private static DayRows.HistoryPart readHistory(Day day, String after, Connection connection) throws SQLException {
        try (Sql.Call call = MaintenanceSql.HISTORY_LOOK.on(connection)) {
            return call.set("leaf", day.name())
                    .set("after", after)
                    .set("limit", ROWS_OF_A_PART)
                    .one(row -> new DayRows.HistoryPart(
                            row.getInt(1),
                            String.valueOf(row.getString(2)),
                            DayRows.list(row.getArray(3), String[].class)));
        }
    }

    @Override
    public Batch removeBatch(Day history, String after, int limit, List<Day> spared, Duration overdue) {
        return transactions.several("remove messages that ended in " + history.name(), connection -> {
            try (Sql.Call call = MaintenanceSql.PURGE_BATCH.on(connection)) {
                return call.set("leaf", history.name())
                        .set("after", after)
                        .set("limit", limit)
                        .set("spared", spared.stream().map(Day::name).toArray(String[]::new))
                        .set("overdue", Rows.micros(overdue))
                        .one(row -> new Batch(row.getString(1), row.getInt(2)));
            }
        });
    }

    @Override
    public boolean truncateReady(long bytes) {
        return transactions.several("truncate ready", connection -> {
            try (Sql.Call call = MaintenanceSql.TRUNCATE_READY.on(connection)) {
                return call.set("bytes", bytes).one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public int removeLeftovers(Day history, int limit) {
        return transactions.several("remove leftovers of " + history.name(), connection -> {
            raiseTimeLimit(connection);
            try (Sql.Call call = MaintenanceSql.REMOVE_LEFTOVERS.on(connection)) {
                return call.set("leaf", history.name()).set("limit", limit).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int removeLostKeys(int limit) {
        return transactions.several("remove keys of messages that are gone", connection -> {
            raiseTimeLimit(connection);
            try (Sql.Call call = MaintenanceSql.REMOVE_LOST_KEYS.on(connection)) {
                return call.set("limit", limit).update();
            }
        });
    }

    @Override
    public int forgetWorkers(Duration endedBefore) {
        return transactions.several("forget workers", connection -> {
            raiseTimeLimit(connection);
            try (Sql.Call call = MaintenanceSql.FORGET_WORKERS.on(connection)) {
                return call.set("endedBefore", Rows.micros(endedBefore)).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public int forgetDropped(Duration droppedBefore) {
        return transactions.several("forget dropped messages", connection -> {
            raiseTimeLimit(connection);
            try (Sql.Call call = MaintenanceSql.FORGET_DROPPED.on(connection)) {
                return call.set("droppedBefore", Rows.micros(droppedBefore)).update();
            }
        });
    }

    @Override
    public int forgetBatches(Duration completedBefore) {
        return transactions.several("forget batches", connection -> {
            raiseTimeLimit(connection);
            try (Sql.Call call = MaintenanceSql.FORGET_BATCHES.on(connection)) {
                return call.set("completedBefore", Rows.micros(completedBefore)).update();
            }
        });
    }

    // ---- partitions

    /**
     * Runs three transactions. The first adds a constraint that says where a filled tail ends, the second validates it, the third moves the
     * tail. The first two do nothing for an empty tail. On a busy machine the third moves the tail in small steps, and is repeated.
     */
    @Override
    public int makeDaysAhead(Kind kind) {
        String parent = parent(kind);
        detachment.finish(parent);
        transactions.several(
                "bound the tail of " + parent, connection -> run(MaintenanceSql.BOUND_TAIL, parent, connection));
        transactions.several("validate the tail of " + parent, connection -> {
            raiseTimeLimit(connection);
            return run(MaintenanceSql.VALIDATE_TAIL, parent, connection);
        });
        int made = moveTail(parent, FEWEST_DAYS_AHEAD);
        for (int more = made; more > 0; made += more) {
            more = moveTail(parent, DAYS_AHEAD);
        }
        return made;
    }

    /** Moves by a week at once, or by fewer days where that would keep others waiting for too long. 0: enough days lie ahead. */
    private int moveTail(String parent, int enough) {
        return transactions.several("move the tail of " + parent, connection -> {
            try (Sql.Call call = MaintenanceSql.MOVE_TAIL.on(connection)) {
                return call.set("parent", parent).set("enough", enough).one(row -> row.getInt(1));
            }
        });
    }

    @Override
    public boolean detachEmptyEnd(Kind kind) {
        return detachment.begin(parent(kind));
    }

    @Override
    public int foldPastDays(Kind kind, int most, int rows) {
        String parent = parent(kind);
        String until = transactions.several("bound the past of " + parent, connection -> {
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
        transactions.several("validate the past of " + parent, connection -> {
            raiseTimeLimit(connection);
            return run(MaintenanceSql.VALIDATE_OLD, parent, connection);
        });
        return transactions.several("fold the past of " + parent, connection -> {
            try (Sql.Call call = MaintenanceSql.FOLD_OLD.on(connection)) {
                return call.set("parent", parent).set("until", until).one(row -> row.getInt(1));
            }
        });
    }

    // ---- rows

    private static void raiseTimeLimit(Connection connection) throws SQLException {
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
}
