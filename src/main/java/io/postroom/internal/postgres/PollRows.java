package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.StoreIdentity;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Turns rows of {@link ClaimSql#POLL}, one per queue, into the result of a poll. */
final class PollRows {
    private static final int LANES = 10;

    private PollRows() {}

    static PollResult result(List<PollRow> rows) {
        List<QueueReport> queues = rows.stream().map(PollRow::queue).toList();
        return rows.isEmpty()
                ? new PollResult(queues, false, null, null)
                : new PollResult(queues, rows.get(0).stillEmpty, rows.get(0).nextDue, rows.get(0).answeredBy);
    }

    /** A row of a poll. The columns beside the queue's are the same in all rows. */
    record PollRow(
            QueueReport queue, boolean stillEmpty, @Nullable Duration nextDue, StoreIdentity answeredBy) {
        static PollRow of(ResultSet row) throws SQLException {
            Array lowest = row.getArray(10);
            QueueReport queue = new QueueReport(
                    row.getInt(1),
                    row.getString(2),
                    row.getBoolean(3),
                    row.getBoolean(4),
                    row.getInt(5),
                    row.getString(6),
                    "operator".equals(row.getString(7)),
                    row.getBoolean(8),
                    row.getBoolean(9),
                    lowestOf(lowest));
            return new PollRow(
                    queue,
                    lowest == null,
                    Rows.duration(row, 11),
                    new StoreIdentity(Objects.requireNonNull(Rows.instant(row, 12)), row.getLong(13)));
        }
    }

    /**
     * Reads the lowest seq of each lane; -1 for an empty lane. The array is NULL when the poll did not look, because all lanes were still
     * empty.
     */
    private static long[] lowestOf(@Nullable Array array) throws SQLException {
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
}
