package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.storage.ClaimRequest;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.LimitedClaim;
import io.postroom.internal.storage.StartBooking;
import io.postroom.internal.storage.StartReports;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Parameters of {@link ClaimSql#CLAIM_LIMITED}, and what its rows say. */
final class LimitedRows {
    /** The clocks of the database and of this process may run at different speeds. */
    private static final long MARGIN_NANOS = 100_000;

    private LimitedRows() {}

    /** A message, or the last row, which says what the limiters allow. */
    record LimitedRow(
            @Nullable ClaimedMessage message, @Nullable Allowance allowance) {}

    /**
     * What the limiters allow.
     *
     * @param startWithin how long after it was sent the claim's messages may start, by the last look at the clock; null: any time
     * @param startGuard how much later their booking ends
     * @param bookedAt the database's time of the booking
     * @param limits which limits were met; null: the claim did not come so far
     * @param reported whether to report when its messages start
     * @param byGroup whether limits of groups alone kept the claim from more
     * @param byEnd whether the end of a message may let another start before {@code nextStart}
     * @param startFrom when each message may start, by {@code System.nanoTime()}, in the order of the claim; empty: all may at once
     */
    private record Allowance(
            @Nullable Duration startWithin,
            @Nullable Duration startGuard,
            boolean heldBack,
            @Nullable Duration nextStart,
            long bookedAt,
            @Nullable String limits,
            boolean reported,
            boolean byGroup,
            boolean byEnd,
            List<Long> startFrom) {}

    /** For a queue that is gone, or has another number by now. */
    private static final Allowance NOTHING =
            new Allowance(null, null, false, null, 0, null, false, false, false, List.of());

    static Sql.Call set(Sql.Call call, StartReports reports) throws SQLException {
        List<StartReports.Start> starts = List.copyOf(reports.counts().keySet());
        return call.set("limits", reports.limits())
                .set(
                        "deadlines",
                        starts.stream().mapToLong(StartReports.Start::deadline).toArray())
                .set("starts", starts.stream().map(StartReports.Start::started).toArray(Long[]::new))
                .set(
                        "counts",
                        starts.stream()
                                .mapToInt(start -> reports.counts().getOrDefault(start, 0))
                                .toArray());
    }

    static LimitedRow of(ResultSet row, ClaimRequest request) throws SQLException {
        row.getLong(1);
        return row.wasNull()
                ? new LimitedRow(
                        null,
                        new Allowance(
                                Rows.duration(row, 25),
                                Rows.duration(row, 26),
                                row.getBoolean(27),
                                Rows.duration(row, 28),
                                row.getLong(29),
                                row.getString(30),
                                row.getBoolean(31),
                                row.getBoolean(32),
                                row.getBoolean(33),
                                startFrom(row, System.nanoTime())))
                : new LimitedRow(ClaimedRows.claimed(row, request), null);
    }

    /** Reckons from now on, which is later than the database's last look at its clock: nothing may start too early. */
    private static List<Long> startFrom(ResultSet row, long now) throws SQLException {
        Array after = row.getArray(34);
        return after == null
                ? List.of()
                : Arrays.stream((Long[]) after.getArray())
                        .map(micros -> now + TimeUnit.MICROSECONDS.toNanos(micros) + MARGIN_NANOS)
                        .toList();
    }

    /**
     * Puts a claim together.
     *
     * @param sentNanos {@code System.nanoTime()} before the claim
     */
    static LimitedClaim claim(List<LimitedRow> rows, long sentNanos, Comparator<ClaimedMessage> order) {
        Allowance allowance = rows.stream()
                .map(LimitedRow::allowance)
                .filter(Objects::nonNull)
                .findFirst()
                .orElse(NOTHING);
        List<ClaimedMessage> claimed =
                rows.stream().map(LimitedRow::message).filter(Objects::nonNull).toList();
        Long startBy = allowance.startWithin == null ? null : sentNanos + allowance.startWithin.toNanos();
        StartBooking booking = booking(allowance, sentNanos, claimed);
        List<ClaimedMessage> sorted = claimed.stream().sorted(order).toList();
        List<ClaimedMessage> messages = IntStream.range(0, sorted.size())
                .mapToObj(i -> sorted.get(i)
                        .startingBetween(
                                i < allowance.startFrom.size() ? allowance.startFrom.get(i) : null, startBy, booking))
                .toList();
        return new LimitedClaim(
                messages,
                allowance.heldBack,
                allowance.nextStart,
                allowance.byGroup,
                allowance.byEnd,
                booking,
                allowance.limits == null);
    }

    /** Returns the booking of the messages that may start. An expired message has none. */
    private static @Nullable StartBooking booking(Allowance allowance, long sentNanos, List<ClaimedMessage> claimed) {
        if (!allowance.reported
                || allowance.limits == null
                || allowance.startWithin == null
                || allowance.startGuard == null) {
            return null;
        }
        int starts =
                (int) claimed.stream().filter(message -> !message.expired()).count();
        return starts == 0
                ? null
                : new StartBooking(
                        allowance.limits,
                        sentNanos,
                        allowance.bookedAt,
                        allowance.startWithin,
                        allowance.startGuard,
                        starts);
    }
}
