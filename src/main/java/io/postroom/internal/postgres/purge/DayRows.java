package io.postroom.internal.postgres.purge;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.storage.MaintenanceStore.Day;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Turns rows about days of messages and of history into values. */
final class DayRows {
    private DayRows() {}

    /** Reads a day that may be freed. */
    static Day day(ResultSet row) throws SQLException {
        Instant from = Rows.instant(row, 2);
        Instant to = Rows.instant(row, 3);
        double overdue = row.getDouble(6);
        boolean hasBeginning = !row.wasNull();
        return new Day(
                row.getString(1),
                from == null ? Instant.MIN : from,
                to == null ? Instant.MAX : to,
                row.getLong(4),
                row.getBoolean(5),
                hasBeginning ? Duration.ofMillis((long) (overdue * 1000)) : ChronoUnit.FOREVER.getDuration());
    }

    /** Reads an array; empty for NULL. */
    static <T> List<T> list(@Nullable Array array, Class<T[]> type) throws SQLException {
        return array == null ? List.of() : List.of(type.cast(array.getArray()));
    }

    /**
     * A part of a day: how many messages were read, the last one, the ids to keep, how many of those last, and the ledger's lines for the
     * others.
     */
    static final class DayPart {
        final int looked;
        final @Nullable UUID last;
        final List<UUID> kept;
        final int lasting;
        final List<PurgeLedger.Line> removed = new ArrayList<>();

        DayPart(ResultSet row) throws SQLException {
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

    /** A part of a day of history: how many lines were read, the place of the last one, the places to keep. */
    record HistoryPart(int looked, String last, List<String> kept) {}
}
