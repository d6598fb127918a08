package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.storage.PollResult;
import io.postroom.internal.storage.PollSummary;
import io.postroom.internal.storage.QueueReport;
import io.postroom.internal.storage.StoreIdentity;
import io.postroom.internal.storage.Upkeep;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Turns rows of {@link ClaimSql#POLL_SUMMARY} and {@link ClaimSql#POLL} into what polls answer. */
final class PollRows {
    private static final int LANES = 10;

    private PollRows() {}

    static PollSummary summary(ResultSet row) throws SQLException {
        long digest = row.getLong(5);
        Long others = row.wasNull() ? null : (Long) digest;
        return new PollSummary(
                identity(row),
                row.getLong(3),
                row.getString(4),
                others,
                row.getLong(6),
                Rows.duration(row, 7),
                List.of((UUID[]) row.getArray(8).getArray()),
                row.getLong(9),
                row.getBoolean(10),
                Rows.duration(row, 11),
                new Upkeep(row.getBoolean(12), row.getBoolean(13), row.getBoolean(14)),
                Objects.requireNonNull(Rows.instant(row, 15)));
    }

    static PollResult result(List<PollRow> rows) {
        return new PollResult(
                rows.stream().map(PollRow::queue).filter(Objects::nonNull).toList(),
                rows.stream().filter(row -> row.isGone).map(row -> row.queueId).toList(),
                rows.get(0).answeredBy);
    }

    /**
     * A row of a poll.
     *
     * @param queue null: the queue is gone, or the row is about no queue
     */
    record PollRow(int queueId, boolean isGone, @Nullable QueueReport queue, StoreIdentity answeredBy) {
        static PollRow of(ResultSet row) throws SQLException {
            int queueId = row.getInt(3);
            boolean isAboutQueue = !row.wasNull();
            String name = row.getString(4);
            return new PollRow(
                    queueId,
                    isAboutQueue && name == null,
                    name == null ? null : report(queueId, name, row),
                    identity(row));
        }

        private static QueueReport report(int queueId, String name, ResultSet row) throws SQLException {
            return new QueueReport(
                    queueId,
                    name,
                    row.getBoolean(5),
                    row.getBoolean(6),
                    row.getInt(7),
                    row.getString(8),
                    "operator".equals(row.getString(9)),
                    row.getBoolean(10),
                    row.getBoolean(11),
                    stopOf(row),
                    lowestOf(row.getArray(12)),
                    row.getBoolean(13),
                    row.getBoolean(15),
                    row.getBoolean(16));
        }

        private static QueueReport.Stop stopOf(ResultSet row) throws SQLException {
            boolean confirmed = row.getBoolean(14);
            if (row.wasNull()) {
                return QueueReport.Stop.NONE;
            }
            return confirmed ? QueueReport.Stop.CONFIRMED : QueueReport.Stop.ORDERED;
        }
    }

    private static StoreIdentity identity(ResultSet row) throws SQLException {
        return new StoreIdentity(Objects.requireNonNull(Rows.instant(row, 1)), row.getLong(2));
    }

    /** Reads the lowest seq of each lane; -1 for an empty lane. The array is NULL when all lanes are empty. */
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
