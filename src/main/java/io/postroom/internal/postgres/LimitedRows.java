package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.LimitedClaim;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Turns the rows of {@link ClaimSql#CLAIM_LIMITED} into what the claim brought. */
final class LimitedRows {
    private LimitedRows() {}

    /**
     * A message, or the last row, which says what the limiters allow.
     *
     * @param startWithin how long after it was sent the claim's messages may start; null: any time
     */
    record LimitedRow(
            @Nullable ClaimedMessage message,
            @Nullable Duration startWithin,
            boolean heldBack,
            @Nullable Duration nextStart) {}

    static LimitedRow of(ResultSet row, ClaimRequest request) throws SQLException {
        row.getLong(1);
        return row.wasNull()
                ? new LimitedRow(null, Rows.duration(row, 24), row.getBoolean(25), Rows.duration(row, 26))
                : new LimitedRow(ClaimedRows.claimed(row, request), null, false, null);
    }

    /**
     * Puts a claim together. A message has half of the time that its start was counted for. The other half is for what passes between the
     * last look at the clock and the first line of the handler.
     *
     * @param sentNanos {@code System.nanoTime()} before the claim
     */
    static LimitedClaim claim(List<LimitedRow> rows, long sentNanos, Comparator<ClaimedMessage> order) {
        LimitedRow limits = rows.stream()
                .filter(row -> row.message == null)
                .findFirst()
                .orElse(new LimitedRow(null, null, false, null));
        Long startBy = limits.startWithin == null ? null : sentNanos + limits.startWithin.toNanos() / 2;
        List<ClaimedMessage> messages = rows.stream()
                .map(LimitedRow::message)
                .filter(Objects::nonNull)
                .map(message -> message.startingBy(startBy))
                .sorted(order)
                .toList();
        return new LimitedClaim(messages, limits.heldBack, limits.nextStart);
    }
}
