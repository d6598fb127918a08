package io.postroom.internal.postgres.statement;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * Converts between columns and Java's types for times and bits. A duration travels as a {@code bigint} of microseconds, PostgreSQL's
 * precision.
 */
public final class Rows {
    private static final long MICROS_PER_SECOND = 1_000_000L;

    private Rows() {}

    /** Reads a {@code timestamptz}; null for NULL. */
    public static @Nullable Instant instant(ResultSet row, int column) throws SQLException {
        OffsetDateTime time = row.getObject(column, OffsetDateTime.class);
        return time == null ? null : time.toInstant();
    }

    /** Reads a duration from a column of microseconds; null for NULL. */
    public static @Nullable Duration duration(ResultSet row, int microsColumn) throws SQLException {
        long micros = row.getLong(microsColumn);
        return row.wasNull() ? null : ofMicros(micros);
    }

    /** The duration of this many microseconds, which may be negative. */
    public static Duration ofMicros(long micros) {
        return Duration.ofSeconds(
                Math.floorDiv(micros, MICROS_PER_SECOND), Math.floorMod(micros, MICROS_PER_SECOND) * 1000);
    }

    /** The microseconds of a duration, rounded up so that nothing is due early. */
    public static long micros(Duration duration) {
        return duration.toSeconds() * MICROS_PER_SECOND + (duration.toNanosPart() + 999) / 1000;
    }

    /** The microseconds of a duration, as {@link #micros}; null for null. */
    public static @Nullable Long nullableMicros(@Nullable Duration duration) {
        return duration == null ? null : micros(duration);
    }

    /** Reads the text of a {@code bit varying}; the first character is bit 0. */
    public static BitSet bits(String text) {
        BitSet bits = new BitSet(text.length());
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) == '1') {
                bits.set(i);
            }
        }
        return bits;
    }
}
