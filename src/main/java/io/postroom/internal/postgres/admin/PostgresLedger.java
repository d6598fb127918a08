package io.postroom.internal.postgres.admin;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.Ledger;
import io.postroom.api.LedgerCheck;
import io.postroom.api.LedgerFilter;
import io.postroom.api.LedgerLine;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Reads what people did. Thread-safe. Statements: {@link LedgerSql}. */
public final class PostgresLedger implements Ledger {
    private static final Pattern HASH = Pattern.compile("[0-9a-fA-F]{64}");

    private final StoreTransactions transactions;

    /** @param source the engine's connections */
    public PostgresLedger(DataSource source) {
        transactions = new StoreTransactions(source);
    }

    @Override
    public List<LedgerLine> lines(LedgerFilter filter) {
        filter.before().ifPresent(this::requireLine);
        return transactions.read("read the ledger", connection -> lines(filter, connection));
    }

    /** The same in a transaction of the caller. Behind a line that does not exist there is none. */
    public static List<LedgerLine> lines(LedgerFilter filter, Connection connection) throws SQLException {
        try (Sql.Call call = LedgerSql.LINES.on(connection)) {
            return call.set("actor", filter.actor().orElse(null))
                    .set("action", filter.action().orElse(null))
                    .set("queue", filter.queue().orElse(null))
                    .set("message", text(filter.message()))
                    .set("operation", text(filter.operation()))
                    .set("before", text(filter.before()))
                    .set("limit", filter.limit())
                    .list(PostgresLedger::line);
        }
    }

    @Override
    public LedgerCheck check() {
        return transactions.read("check the ledger", connection -> check(null, null, connection));
    }

    @Override
    public LedgerCheck check(long knownNumber, String knownHash) {
        if (knownNumber < 1) {
            throw new InvalidMessageException("knownNumber", "the number of a line, 1 or more", knownNumber + "");
        }
        if (!HASH.matcher(knownHash).matches()) {
            throw new InvalidMessageException("knownHash", "64 hexadecimal digits", knownHash);
        }
        return transactions.read("check the ledger", connection -> check(knownNumber, knownHash, connection));
    }

    /** The same in a transaction of the caller. Both arguments are null, or none is. */
    public static LedgerCheck check(@Nullable Long knownNumber, @Nullable String knownHash, Connection connection)
            throws SQLException {
        try (Sql.Call call = LedgerSql.CHECK.on(connection)) {
            return call.set("number", knownNumber)
                    .set("hash", knownHash)
                    .one(row -> new LedgerCheck(
                            row.getLong(1),
                            row.getLong(2),
                            Optional.ofNullable(Rows.instant(row, 3)),
                            Optional.ofNullable(row.getObject(4, Long.class)),
                            Optional.ofNullable(row.getString(5)),
                            Optional.ofNullable(row.getString(6)),
                            Optional.ofNullable(row.getObject(7, Long.class)),
                            Optional.ofNullable(row.getObject(8, UUID.class))));
        }
    }

    /** A page behind a line that does not exist would be empty, as if it were the last one. */
    private void requireLine(UUID id) {
        boolean exists = transactions.read("read the ledger", connection -> {
            try (Sql.Call call = LedgerSql.EXISTS.on(connection)) {
                return call.set("id", id).one(row -> row.getBoolean(1));
            }
        });
        if (!exists) {
            throw new InvalidMessageException("before", "the id of a line of the ledger", id.toString());
        }
    }

    private static @Nullable String text(Optional<UUID> id) {
        return id.map(UUID::toString).orElse(null);
    }

    private static LedgerLine line(ResultSet row) throws SQLException {
        long planned = row.getLong(10);
        Optional<Long> isPlanned = row.wasNull() ? Optional.empty() : Optional.of(planned);
        return new LedgerLine(
                row.getObject(1, UUID.class),
                Objects.requireNonNull(Rows.instant(row, 2)),
                row.getString(3),
                Optional.ofNullable(row.getString(4)),
                row.getString(5),
                Optional.ofNullable(row.getString(6)),
                Optional.ofNullable(row.getObject(7, UUID.class)),
                Optional.ofNullable(row.getObject(8, UUID.class)),
                Optional.ofNullable(row.getString(9)),
                isPlanned,
                row.getLong(11),
                Optional.ofNullable(row.getString(12)),
                Optional.ofNullable(row.getString(13)));
    }
}
