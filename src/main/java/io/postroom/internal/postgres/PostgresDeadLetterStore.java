package io.postroom.internal.postgres;

import io.postroom.api.BulkSettings;
import io.postroom.api.DeadLetterFilter;
import io.postroom.api.DeadLetterPreview;
import io.postroom.api.MessageState;
import io.postroom.api.OperationStatus;
import io.postroom.api.PurgePreview;
import io.postroom.api.Reason;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.DeadLetterStore;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Discards and redrives dead letters. Statements: {@link DeadLetterSql}. */
final class PostgresDeadLetterStore implements DeadLetterStore {
    private final StoreTransactions transactions;

    PostgresDeadLetterStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public int discard(UUID id, @Nullable String queue, Reason reason) {
        return FunctionRefusals.translated(() -> transactions.change("discard message " + id, connection -> {
            try (Sql.Call call = DeadLetterSql.DISCARD.on(connection)) {
                return Reasons.because(reason, call.set("id", id).set("queue", queue))
                        .one(row -> row.getInt(1));
            }
        }));
    }

    @Override
    public DeadLetterPreview preview(DeadLetterFilter filter) {
        return FunctionRefusals.translated(() -> transactions.read("preview dead letters", connection -> {
            long[] count = new long[1];
            boolean[] more = new boolean[1];
            List<DeadLetterPreview.Letter> letters = new ArrayList<>();
            List<DeadLetterPreview.Fingerprint> fingerprints = new ArrayList<>();
            try (Sql.Call call = DeadLetterSql.PREVIEW.on(connection)) {
                call.set("filter", filter.json()).list(row -> switch (row.getInt(1)) {
                    case 0 -> {
                        count[0] = row.getLong(3);
                        yield more[0] = row.getBoolean(4);
                    }
                    case 1 -> letters.add(letter(row));
                    default -> fingerprints.add(fingerprint(row));
                });
            }
            return new DeadLetterPreview(count[0], more[0], List.copyOf(letters), List.copyOf(fingerprints));
        }));
    }

    private static DeadLetterPreview.Letter letter(ResultSet row) throws SQLException {
        return new DeadLetterPreview.Letter(
                row.getObject(5, UUID.class),
                row.getString(6),
                instant(row, 7),
                row.getString(8),
                Optional.ofNullable(row.getString(9)),
                Optional.ofNullable(row.getString(10)),
                Optional.ofNullable(row.getString(11)),
                Optional.ofNullable(row.getString(12)));
    }

    private static DeadLetterPreview.Fingerprint fingerprint(ResultSet row) throws SQLException {
        return new DeadLetterPreview.Fingerprint(
                Optional.ofNullable(row.getString(11)),
                row.getLong(3),
                instant(row, 7),
                Optional.ofNullable(row.getString(10)));
    }

    @Override
    public UUID redrive(DeadLetterFilter filter, BulkSettings settings) {
        return FunctionRefusals.translated(() -> transactions.change("begin a redrive", connection -> {
            try (Sql.Call call = DeadLetterSql.REDRIVE_MANY.on(connection)) {
                return Reasons.because(settings.reason(), call)
                        .set("filter", filter.json())
                        .set("perSecond", settings.perSecond())
                        .set("canary", settings.canary())
                        .set("canaryThreshold", settings.canaryThreshold())
                        .one(row -> row.getObject(1, UUID.class));
            }
        }));
    }

    @Override
    public UUID discard(DeadLetterFilter filter, BulkSettings settings) {
        return FunctionRefusals.translated(() -> transactions.change("begin a discard", connection -> {
            try (Sql.Call call = DeadLetterSql.DISCARD_MANY.on(connection)) {
                return Reasons.because(settings.reason(), call)
                        .set("filter", filter.json())
                        .set("perSecond", settings.perSecond())
                        .one(row -> row.getObject(1, UUID.class));
            }
        }));
    }

    @Override
    public UUID purge(String queue, Reason reason, int perSecond) {
        return FunctionRefusals.translated(() -> transactions.change("begin a purge of queue " + queue, connection -> {
            try (Sql.Call call = DeadLetterSql.PURGE.on(connection)) {
                return Reasons.because(reason, call)
                        .set("queue", queue)
                        .set("perSecond", perSecond)
                        .one(row -> row.getObject(1, UUID.class));
            }
        }));
    }

    @Override
    public PurgePreview previewPurge(String queue) {
        return FunctionRefusals.translated(() -> transactions.read("preview a purge of queue " + queue, connection -> {
            long[] count = new long[1];
            boolean[] more = new boolean[1];
            List<PurgePreview.Waiting> first = new ArrayList<>();
            try (Sql.Call call = DeadLetterSql.PREVIEW_PURGE.on(connection)) {
                call.set("queue", queue).list(row -> {
                    if (row.getLong(1) > 0) {
                        return first.add(waiting(row));
                    }
                    count[0] = row.getLong(2);
                    return more[0] = row.getBoolean(3);
                });
            }
            return new PurgePreview(count[0], more[0], List.copyOf(first));
        }));
    }

    private static PurgePreview.Waiting waiting(ResultSet row) throws SQLException {
        return new PurgePreview.Waiting(
                row.getObject(4, UUID.class),
                MessageState.valueOf(row.getString(5)),
                Optional.ofNullable(row.getString(6)),
                Optional.ofNullable(Rows.instant(row, 7)));
    }

    @Override
    public Optional<OperationStatus> operation(UUID id) {
        return operations(id, 1).stream().findFirst();
    }

    @Override
    public List<OperationStatus> operations(int limit) {
        return operations(null, limit);
    }

    private List<OperationStatus> operations(@Nullable UUID id, int limit) {
        return transactions.read("look at operations", connection -> {
            try (Sql.Call call = DeadLetterSql.OPERATIONS.on(connection)) {
                return call.set("id", id == null ? null : id.toString())
                        .set("limit", limit)
                        .list(PostgresDeadLetterStore::status);
            }
        });
    }

    private static OperationStatus status(ResultSet row) throws SQLException {
        return new OperationStatus(
                row.getObject(1, UUID.class),
                row.getString(2),
                row.getString(3),
                row.getString(4),
                row.getString(5),
                row.getString(6),
                row.getLong(7),
                row.getLong(8),
                row.getLong(9),
                row.getInt(10),
                row.getInt(11),
                row.getInt(12),
                row.getBoolean(13),
                Optional.ofNullable(row.getString(14)),
                instant(row, 15),
                Optional.ofNullable(Rows.instant(row, 16)));
    }

    private static Instant instant(ResultSet row, int column) throws SQLException {
        return Objects.requireNonNull(Rows.instant(row, column));
    }

    @Override
    public boolean stop(UUID operation, Reason reason) {
        return FunctionRefusals.translated(() -> transactions.change("stop operation " + operation, connection -> {
            try (Sql.Call call = DeadLetterSql.STOP.on(connection)) {
                return Reasons.because(reason, call.set("id", operation)).one(row -> row.getBoolean(1));
            }
        }));
    }
}
