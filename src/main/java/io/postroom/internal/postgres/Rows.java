package io.postroom.internal.postgres;

import io.postroom.api.Direction;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.Content;
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

    static @Nullable Long nullableMicros(@Nullable Duration duration) {
        return duration == null ? null : micros(duration);
    }

    static QueueRow queue(ResultSet row) throws SQLException {
        return new QueueRow(row.getInt(1), row.getString(2), duration(row, 3), row.getBoolean(4));
    }

    static ClaimedMessage claimed(ResultSet row, ClaimRequest request) throws SQLException {
        return new ClaimedMessage(
                row.getObject(6, UUID.class),
                request.queueId(),
                row.getInt(4),
                row.getLong(5),
                new ClaimedMessage.Lease(row.getLong(1), row.getInt(2), row.getInt(3)),
                new ClaimedMessage.Counters(row.getInt(7), row.getInt(8), row.getInt(9)),
                row.getBoolean(10),
                row.getBoolean(11),
                instant(row, 12),
                content(row, 13));
    }

    /** The held message with the payload that this row brings. */
    static ClaimedMessage reloaded(ResultSet row, ClaimedMessage held) throws SQLException {
        return held.withContent(content(row, 3), row.getBoolean(1), instant(row, 2));
    }

    /** From eight columns: type, version, direction, correlation id, content type, headers, payload, body. */
    private static Content content(ResultSet row, int first) throws SQLException {
        return new Content(
                direction(row, first + 2),
                row.getString(first),
                row.getInt(first + 1),
                row.getString(first + 6),
                row.getBytes(first + 7),
                row.getString(first + 4),
                row.getString(first + 5),
                row.getString(first + 3));
    }

    /** Any other code, which only a hand-written row can have, must not stop a claim. */
    private static Direction direction(ResultSet row, int column) throws SQLException {
        return row.getInt(column) == Direction.OUTGOING.code() ? Direction.OUTGOING : Direction.INCOMING;
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
