package io.postroom.internal.postgres.console;

import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** Lists dead letters by their errors, see {@link ConsoleReads}. Statements: {@link OverviewReadsSql}. */
final class DeadLetterReads {
    private static final long MOST_ALIKE = 500;
    private static final int LOOKED = 10_000;

    private DeadLetterReads() {}

    static Slice<FingerprintLine> fingerprints(String after, int limit, Connection connection) throws SQLException {
        List<FingerprintLine> rows = new ArrayList<>();
        try (Sql.Call call = OverviewReadsSql.FINGERPRINTS.on(connection)) {
            rows.addAll(call.set("after", after)
                    .set("limit", limit)
                    .set("most", MOST_ALIKE)
                    .list(row -> line(row, MOST_ALIKE)));
        }
        Optional<String> last =
                rows.stream().flatMap(row -> row.fingerprint().stream()).max(String::compareTo);
        boolean isFull = rows.size() == limit;
        if (after.isEmpty()) {
            try (Sql.Call call = OverviewReadsSql.WITHOUT_FINGERPRINT.on(connection)) {
                rows.addAll(call.set("most", MOST_ALIKE).list(row -> line(row, MOST_ALIKE)));
            }
        }
        return new Slice<>(List.copyOf(rows), isFull ? last : Optional.empty());
    }

    static LettersByError errors(
            Optional<String> queue,
            Optional<String> fingerprint,
            Optional<String> reason,
            int limit,
            Connection connection)
            throws SQLException {
        Sql sql = queue.isPresent()
                ? OverviewReadsSql.ERRORS_OF_QUEUE
                : fingerprint.isPresent() ? OverviewReadsSql.ERRORS_ALIKE : OverviewReadsSql.ERRORS_OF_ALL;
        try (Sql.Call call = sql.on(connection)) {
            call.set("fingerprint", fingerprint.orElse(null))
                    .set("reason", reason.orElse(null))
                    .set("look", LOOKED)
                    .set("limit", limit);
            if (call.has("queue")) {
                call.set("queue", queue.orElseThrow());
            }
            return lettersByError(call, limit);
        }
    }

    private static LettersByError lettersByError(Sql.Call call, int limit) throws SQLException {
        long[] looked = new long[1];
        List<Optional<FingerprintLine>> rows = call.list(row -> {
            looked[0] = row.getLong(8);
            return row.getObject(2) == null ? Optional.empty() : Optional.of(line(row, LOOKED));
        });
        List<FingerprintLine> lines = rows.stream().flatMap(Optional::stream).toList();
        return new LettersByError(lines, looked[0] == LOOKED || lines.size() == limit);
    }

    private static FingerprintLine line(ResultSet row, long most) throws SQLException {
        return new FingerprintLine(
                Optional.ofNullable(row.getString(1)),
                row.getLong(2),
                most,
                String.valueOf(row.getString(3)),
                Objects.requireNonNull(Rows.instant(row, 4)),
                row.getString(5),
                Optional.ofNullable(row.getString(6)),
                Optional.ofNullable(row.getString(7)));
    }
}
