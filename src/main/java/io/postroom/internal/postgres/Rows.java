package io.postroom.internal.postgres;

import io.postroom.api.Direction;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.WatermarkSample;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Rows to records, columns by their place in the statement. */
final class Rows {
    private static final int LANES = 10;

    private Rows() {}

    static @Nullable Instant instant(ResultSet row, int column) throws SQLException {
        OffsetDateTime time = row.getObject(column, OffsetDateTime.class);
        return time == null ? null : time.toInstant();
    }

    static @Nullable Duration duration(ResultSet row, int microsColumn) throws SQLException {
        long micros = row.getLong(microsColumn);
        return row.wasNull() ? null : ofMicros(micros);
    }

    static Duration ofMicros(long micros) {
        return Duration.ofSeconds(Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1000);
    }

    static long micros(Duration duration) {
        return duration.toSeconds() * 1_000_000L + (duration.toNanosPart() + 999) / 1000;
    }

    static QueueRow queue(ResultSet row) throws SQLException {
        return new QueueRow(row.getInt(1), row.getString(2), duration(row, 3), row.getBoolean(4));
    }

    static ClaimedMessage claimed(ResultSet row, ClaimRequest request) throws SQLException {
        return new ClaimedMessage(
                row.getLong(1),
                row.getInt(2),
                row.getInt(3),
                request.queueId(),
                row.getInt(4),
                row.getLong(5),
                row.getObject(6, UUID.class),
                row.getInt(7),
                row.getInt(8),
                row.getInt(9),
                row.getBoolean(10),
                row.getBoolean(11),
                instant(row, 12),
                row.getString(13),
                row.getInt(14),
                direction(row, 15),
                row.getString(16),
                row.getString(17),
                row.getString(18),
                row.getString(19),
                row.getBytes(20));
    }

    /** The held message with the payload that this row brings. */
    static ClaimedMessage reloaded(ResultSet row, ClaimedMessage held) throws SQLException {
        return new ClaimedMessage(
                held.leaseId(),
                held.leaseCount(),
                held.ordinal(),
                held.queueId(),
                held.priority(),
                held.laneSeq(),
                held.id(),
                held.failures(),
                held.crashes(),
                held.deliveries(),
                true,
                row.getBoolean(1),
                instant(row, 2),
                row.getString(3),
                row.getInt(4),
                direction(row, 5),
                row.getString(6),
                row.getString(7),
                row.getString(8),
                row.getString(9),
                row.getBytes(10));
    }

    /** What slipped in with another code must not stop a claim. */
    private static Direction direction(ResultSet row, int column) throws SQLException {
        return row.getInt(column) == 0 ? Direction.OUTGOING : Direction.INCOMING;
    }

    /** A row of a poll. What is not of its queue is the same in all rows. */
    record PolledRow(
            QueueReport queue, boolean stillEmpty, @Nullable Duration nextDue, Instant serverStartedAt) {
        static PolledRow of(ResultSet row) throws SQLException {
            Array lowest = row.getArray(9);
            QueueReport queue = new QueueReport(
                    row.getInt(1),
                    row.getBoolean(2),
                    row.getBoolean(3),
                    row.getInt(4),
                    row.getString(5),
                    "operator".equals(row.getString(6)),
                    row.getBoolean(7),
                    row.getBoolean(8),
                    lowest(lowest));
            return new PolledRow(
                    queue, lowest == null, duration(row, 10), java.util.Objects.requireNonNull(instant(row, 11)));
        }
    }

    static PollResult polled(List<PolledRow> rows) {
        List<QueueReport> queues = rows.stream().map(PolledRow::queue).toList();
        return rows.isEmpty()
                ? new PollResult(queues, false, null, null)
                : new PollResult(queues, rows.get(0).stillEmpty, rows.get(0).nextDue, rows.get(0).serverStartedAt);
    }

    /** NULL where a poll had no need to look: nothing is there. */
    private static long[] lowest(@Nullable Array array) throws SQLException {
        long[] lowest = new long[LANES];
        if (array == null) {
            Arrays.fill(lowest, -1);
            return lowest;
        }
        Long[] values = (Long[]) array.getArray();
        for (int lane = 0; lane < LANES; lane++) {
            lowest[lane] = values[lane] == null ? -1 : values[lane];
        }
        return lowest;
    }

    static WatermarkSample sample(ResultSet row) throws SQLException {
        Array writers = row.getArray(3);
        return new WatermarkSample(
                row.getLong(1),
                row.getString(2),
                writers == null ? null : List.of((String[]) writers.getArray()),
                java.util.Objects.requireNonNull(instant(row, 4)));
    }

    /** From {@code bit varying} as text. */
    static BitSet bits(String text) {
        BitSet bits = new BitSet(text.length());
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) == '1') {
                bits.set(i);
            }
        }
        return bits;
    }
}
