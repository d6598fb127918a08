package io.postroom.internal.postgres;

import io.postroom.api.MissedRuns;
import io.postroom.api.Overlap;
import io.postroom.api.Reason;
import io.postroom.api.Schedule;
import io.postroom.api.Schedule.Timing;
import io.postroom.api.ScheduleInfo;
import io.postroom.api.ScheduleRun;
import io.postroom.api.ScheduleState;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.DueSchedule;
import io.postroom.internal.storage.ScheduleStep;
import io.postroom.internal.storage.ScheduleStore;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** Stores schedules and moves them on. Statements: {@link ScheduleSql}. */
final class PostgresScheduleStore implements ScheduleStore {
    private static final JsonMapper JSON = JsonMapper.shared();
    /** Runs that are kept of each schedule. */
    private static final int SLOTS = 20;
    /** Columns of the timing, which stand first in each row. */
    private static final int TIMING = 8;

    private static final String OPERATOR = "operator";

    private final StoreTransactions transactions;

    PostgresScheduleStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    // ---- change

    @Override
    public boolean write(Schedule schedule, String message, boolean byOperator) {
        Timing timing = schedule.timing();
        return FunctionRefusals.translated(() ->
                transactions.several("write schedule " + schedule.name(), connection -> {
                    try (Sql.Call call = ScheduleSql.DECLARE.on(connection)) {
                        return call.set("name", schedule.name())
                                .setUntyped("message", message)
                                .set("cron", timing instanceof Timing.Cron cron ? cron.expression() : null)
                                .set("zone", timing instanceof Timing.Cron cron ? cron.zone() : null)
                                .set("every", timing instanceof Timing.Every every ? Rows.micros(every.period()) : null)
                                .set(
                                        "afterEnd",
                                        timing instanceof Timing.AfterEnd end ? Rows.micros(end.pause()) : null)
                                .set("at", timing instanceof Timing.At at ? at.instant() : null)
                                .set("missed", schedule.missed().name())
                                .set("missedLimit", schedule.missed() == MissedRuns.ALL ? schedule.missedLimit() : null)
                                .set("overlap", schedule.overlap().name())
                                .set("setBy", byOperator ? OPERATOR : "declaration")
                                .one(row -> row.getBoolean(1));
                    }
                }));
    }

    @Override
    public boolean delete(String name, @Nullable Reason reason) {
        return call(ScheduleSql.DELETE, name, reason).orElse(false);
    }

    @Override
    public Optional<Boolean> pause(String name, @Nullable Reason reason) {
        return call(ScheduleSql.PAUSE, name, reason);
    }

    @Override
    public Optional<Boolean> resume(String name, @Nullable Reason reason) {
        return call(ScheduleSql.RESUME, name, reason);
    }

    @Override
    public boolean runNow(String name, @Nullable Reason reason) {
        return call(ScheduleSql.RUN, name, reason).orElse(false);
    }

    private Optional<Boolean> call(Sql sql, String name, @Nullable Reason reason) {
        return transactions.several(sql.name() + " " + name, connection -> {
            try (Sql.Call call = sql.on(connection)) {
                return Reasons.because(reason, call.set("name", name)).one(row -> {
                    boolean answer = row.getBoolean(1);
                    return row.wasNull() ? Optional.empty() : Optional.of(answer);
                });
            }
        });
    }

    // ---- look

    @Override
    public List<ScheduleInfo> list(String after, int limit) {
        return transactions.read("list schedules", connection -> {
            try (Sql.Call call = ScheduleSql.LIST.on(connection)) {
                return call.set("after", after).set("limit", limit).list(PostgresScheduleStore::info);
            }
        });
    }

    @Override
    public Optional<ScheduleInfo> find(String name) {
        return transactions.read("find schedule " + name, connection -> {
            try (Sql.Call call = ScheduleSql.FIND.on(connection)) {
                return call.set("name", name).first(PostgresScheduleStore::info);
            }
        });
    }

    @Override
    public List<ScheduleRun> runs(String name) {
        return transactions.read("list runs of schedule " + name, connection -> {
            try (Sql.Call call = ScheduleSql.RUNS.on(connection)) {
                return call.set("name", name)
                        .list(row -> new ScheduleRun(
                                Objects.requireNonNull(Rows.instant(row, 1)),
                                Objects.requireNonNull(Rows.instant(row, 2)),
                                ScheduleRun.Outcome.valueOf(row.getString(3)),
                                Optional.ofNullable(row.getObject(4, UUID.class))));
            }
        });
    }

    @Override
    public Instant now() {
        return transactions.read("ask for the time", connection -> {
            try (Sql.Call call = ScheduleSql.NOW.on(connection)) {
                return call.one(row -> Objects.requireNonNull(Rows.instant(row, 1)));
            }
        });
    }

    private static ScheduleInfo info(ResultSet row) throws SQLException {
        return new ScheduleInfo(
                row.getString(TIMING + 1),
                ScheduleState.valueOf(row.getString(TIMING + 2)),
                timing(row),
                MissedRuns.valueOf(row.getString(6)),
                row.getInt(7),
                Overlap.valueOf(row.getString(8)),
                Optional.ofNullable(row.getString(TIMING + 3)),
                Optional.ofNullable(row.getString(TIMING + 4)),
                Optional.ofNullable(Rows.instant(row, TIMING + 5)),
                Optional.ofNullable(Rows.instant(row, TIMING + 6)),
                Optional.ofNullable(Rows.instant(row, TIMING + 7)),
                Optional.ofNullable(row.getObject(TIMING + 8, UUID.class)),
                Optional.ofNullable(row.getString(TIMING + 9)),
                OPERATOR.equals(row.getString(TIMING + 10)));
    }

    private static Timing timing(ResultSet row) throws SQLException {
        String cron = row.getString(1);
        Duration every = Rows.duration(row, 3);
        Duration afterEnd = Rows.duration(row, 4);
        if (cron != null) {
            return new Timing.Cron(cron, row.getString(2));
        } else if (every != null) {
            return new Timing.Every(every);
        }
        return afterEnd != null
                ? new Timing.AfterEnd(afterEnd)
                : new Timing.At(Objects.requireNonNull(Rows.instant(row, 5)));
    }

    // ---- fire

    @Override
    public Optional<Duration> untilNextDue() {
        return transactions.single("look for the next due schedule", connection -> {
            try (Sql.Call call = ScheduleSql.UNTIL_NEXT_DUE.on(connection)) {
                return call.one(row -> Optional.ofNullable(Rows.duration(row, 1)));
            }
        });
    }

    @Override
    public int fire(int limit, @Nullable Integer only, Firing firing) {
        return transactions.several("fire schedules", connection -> {
            Instant[] now = new Instant[1];
            List<DueSchedule> due;
            try (Sql.Call call = ScheduleSql.LOCK_DUE.on(connection)) {
                due = call.set("only", only).set("limit", limit).list(row -> {
                    now[0] = Rows.instant(row, TIMING + 14);
                    return due(row);
                });
            }
            if (!due.isEmpty()) {
                try (Sql.Call call = ScheduleSql.WAIT_FOR_NO_ROOM.on(connection)) {
                    call.one(row -> true);
                }
                List<ScheduleStep> steps = firing.fire(withLastMessages(due, connection), now[0], connection);
                cancel(steps, connection);
                write(steps, due, connection);
            }
            return due.size();
        });
    }

    private static DueSchedule due(ResultSet row) throws SQLException {
        return new DueSchedule(
                row.getInt(TIMING + 1),
                row.getString(TIMING + 2),
                timing(row),
                row.getString(TIMING + 3),
                row.getString(TIMING + 4),
                Rows.duration(row, TIMING + 5),
                Rows.duration(row, TIMING + 6),
                MissedRuns.valueOf(row.getString(6)),
                row.getInt(7),
                Overlap.valueOf(row.getString(8)),
                row.getBoolean(TIMING + 7),
                row.getBoolean(TIMING + 8),
                Objects.requireNonNull(Rows.instant(row, TIMING + 9)),
                Rows.instant(row, TIMING + 10),
                Rows.instant(row, TIMING + 11),
                row.getObject(TIMING + 12, UUID.class),
                false,
                null,
                row.getLong(TIMING + 13));
    }

    private static List<DueSchedule> withLastMessages(List<DueSchedule> due, Connection connection)
            throws SQLException {
        UUID[] ids = due.stream()
                .filter(DueSchedule::asksForLastMessage)
                .map(DueSchedule::lastMessageId)
                .toArray(UUID[]::new);
        if (ids.length == 0) {
            return due;
        }
        Map<UUID, LastMessage> last = new HashMap<>();
        try (Sql.Call call = ScheduleSql.LAST_MESSAGES.on(connection)) {
            call.set("ids", ids).list(row -> last.put(row.getObject(1, UUID.class), LastMessage.of(row)));
        }
        return due.stream()
                .map(each -> {
                    LastMessage found = each.asksForLastMessage() ? last.get(each.lastMessageId()) : null;
                    return found == null ? each : each.withLastMessage(found.unfinished, found.endedAt);
                })
                .toList();
    }

    /** @param endedAt of a dead letter: the end of its last attempt */
    private record LastMessage(boolean unfinished, @Nullable Instant endedAt) {
        static LastMessage of(ResultSet row) throws SQLException {
            Instant finished = Rows.instant(row, 3);
            return new LastMessage(row.getBoolean(2), finished == null ? Rows.instant(row, 4) : finished);
        }
    }

    private static void cancel(List<ScheduleStep> steps, Connection connection) throws SQLException {
        for (ScheduleStep step : steps) {
            if (step.cancelled() != null) {
                try (Sql.Call call = ScheduleSql.CANCEL_OLDER.on(connection)) {
                    call.set("id", step.cancelled()).one(row -> row.getInt(1));
                }
            }
        }
    }

    private static void write(List<ScheduleStep> steps, List<DueSchedule> due, Connection connection)
            throws SQLException {
        Map<Integer, Long> runsBefore = due.stream().collect(Collectors.toMap(DueSchedule::id, DueSchedule::runs));
        List<Map<String, @Nullable Object>> runs = new ArrayList<>();
        List<Map<String, @Nullable Object>> moves = new ArrayList<>();
        for (ScheduleStep step : steps) {
            moves.add(move(step));
            long number = runsBefore.get(step.id());
            List<ScheduleStep.Run> kept = step.runs()
                    .subList(
                            Math.max(0, step.runs().size() - SLOTS), step.runs().size());
            number += step.runs().size() - kept.size();
            for (ScheduleStep.Run run : kept) {
                runs.add(run(step.id(), number++ % SLOTS, run));
            }
        }
        try (Sql.Call call = ScheduleSql.MOVE_ON.on(connection)) {
            call.setUntyped("steps", JSON.writeValueAsString(moves)).update();
        }
        if (!runs.isEmpty()) {
            try (Sql.Call call = ScheduleSql.ADD_RUNS.on(connection)) {
                call.setUntyped("runs", JSON.writeValueAsString(runs)).update();
            }
        }
    }

    private static Map<String, @Nullable Object> move(ScheduleStep step) {
        ScheduleStep.Run last =
                step.runs().isEmpty() ? null : step.runs().get(step.runs().size() - 1);
        UUID message = null;
        for (ScheduleStep.Run run : step.runs()) {
            message = run.messageId() == null ? message : run.messageId();
        }
        Map<String, @Nullable Object> move = new LinkedHashMap<>();
        move.put("id", step.id());
        move.put("due_at", text(step.dueAt()));
        move.put("planned_at", text(step.plannedAt()));
        move.put("after_at", text(step.afterAt()));
        move.put("ended", step.ended());
        move.put("zone_version", step.zoneVersion());
        move.put("last_planned_at", last == null ? null : text(last.plannedAt()));
        move.put("last_message_id", text(message));
        move.put("runs", step.runs().size());
        move.put("error", step.error());
        return move;
    }

    private static Map<String, @Nullable Object> run(int id, long slot, ScheduleStep.Run run) {
        Map<String, @Nullable Object> line = new LinkedHashMap<>();
        line.put("id", id);
        line.put("slot", slot);
        line.put("planned_at", text(run.plannedAt()));
        line.put("message_id", text(run.messageId()));
        line.put(
                "outcome",
                switch (run.outcome()) {
                    case FIRED -> 0;
                    case SKIPPED -> 1;
                    case MISSED -> 2;
                });
        return line;
    }

    private static @Nullable String text(@Nullable Object value) {
        return value == null ? null : value.toString();
    }

    @Override
    public List<Integer> due(int limit, boolean onlyFailed) {
        return transactions.single("list due schedules", connection -> {
            try (Sql.Call call = ScheduleSql.DUE.on(connection)) {
                return call.set("limit", limit).set("onlyFailed", onlyFailed).list(row -> row.getInt(1));
            }
        });
    }

    @Override
    public void failed(int id, String error) {
        transactions.single("note a failure of schedule " + id, connection -> {
            try (Sql.Call call = ScheduleSql.FAILED.on(connection)) {
                return call.set("id", id).set("error", error).update();
            }
        });
    }

    @Override
    public int replanOlderThan(String zoneVersion, int limit) {
        return transactions.single("plan schedules anew", connection -> {
            try (Sql.Call call = ScheduleSql.REPLAN.on(connection)) {
                return call.set("zoneVersion", zoneVersion).set("limit", limit).update();
            }
        });
    }
}
