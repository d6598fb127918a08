package io.postroom.internal.postgres;

import io.postroom.api.Batch;
import io.postroom.api.BatchNotFoundException;
import io.postroom.api.BatchState;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Reason;
import io.postroom.internal.postgres.statement.Rows;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.BatchStore;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Batches of messages. Statements: {@link BatchSql}. */
final class PostgresBatchStore implements BatchStore {
    /** Most members in a row of {@code batch_part}, as in {@code count_parts}. */
    private static final int MEMBERS_OF_PART = 1000;

    private static final UUID AFTER_ALL = new UUID(-1, -1);

    private final StoreTransactions transactions;

    PostgresBatchStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public UUID create(String name, @Nullable UUID parent, @Nullable String completion, Connection connection) {
        return FunctionRefusals.translated(() ->
                StoreTransactions.joined("create batch \"" + name + "\"", connection, own -> {
                    try (Sql.Call call = BatchSql.CREATE.on(own)) {
                        return call.set("name", name)
                                .setUntyped("parent", parent == null ? null : parent.toString())
                                .setUntyped("completion", completion)
                                .one(row -> row.getObject(1, UUID.class));
                    }
                }));
    }

    @Override
    public boolean seal(UUID batch, Connection connection) {
        return change("seal", batch, connection, own -> {
            try (Sql.Call call = BatchSql.SEAL.on(own)) {
                return call.set("batch", batch).one(row -> row.getBoolean(1));
            }
        });
    }

    @Override
    public boolean cancel(UUID batch, @Nullable Reason reason, Connection connection) {
        return change("cancel", batch, connection, own -> {
            try (Sql.Call call = BatchSql.CANCEL.on(own)) {
                return Reasons.because(reason, call.set("batch", batch)).one(row -> row.getBoolean(1));
            }
        });
    }

    private static boolean change(
            String verb, UUID batch, Connection connection, StoreTransactions.Work<Boolean> statement) {
        try {
            return FunctionRefusals.translated(
                    () -> StoreTransactions.joined(verb + " batch " + batch, connection, statement));
        } catch (InvalidMessageException unknown) {
            throw new BatchNotFoundException(batch);
        }
    }

    @Override
    public Map<UUID, String> notOpen(Collection<UUID> batches, Connection connection) {
        return StoreTransactions.joined("lock batches of new messages", connection, own -> {
            Map<UUID, String> states = new HashMap<>();
            try (Sql.Call call = BatchSql.NOT_OPEN.on(own)) {
                call.set("batches", ArrayValues.uuids(List.copyOf(batches), batch -> batch))
                        .list(row -> states.put(row.getObject(1, UUID.class), row.getString(2)));
            }
            return states;
        });
    }

    @Override
    public void add(UUID batch, int entries, List<UUID> messages, Connection connection) {
        StoreTransactions.joined("add " + messages.size() + " messages to batch " + batch, connection, own -> {
            for (int from = 0; from < messages.size(); from += MEMBERS_OF_PART) {
                List<UUID> part = messages.subList(from, Math.min(from + MEMBERS_OF_PART, messages.size()));
                try (Sql.Call call = BatchSql.ADD.on(own)) {
                    call.set("batch", batch)
                            .set("first", part.get(0))
                            .set("last", part.get(part.size() - 1))
                            .set("size", part.size())
                            .set("entries", entries)
                            .set("members", ArrayValues.uuids(part, id -> id))
                            .update();
                }
            }
            return null;
        });
    }

    @Override
    public Optional<Batch> find(UUID batch) {
        return transactions.read("find batch " + batch, connection -> {
            try (Sql.Call call = BatchSql.FIND.on(connection)) {
                return call.set("batch", batch).first(PostgresBatchStore::batch);
            }
        });
    }

    @Override
    public List<Batch> list(boolean withCompleted, @Nullable UUID before, int limit) {
        return transactions.read("list batches", connection -> {
            try (Sql.Call call = BatchSql.LIST.on(connection)) {
                return call.set("withCompleted", withCompleted)
                        .set("before", before == null ? AFTER_ALL : before)
                        .set("limit", limit)
                        .list(PostgresBatchStore::batch);
            }
        });
    }

    @Override
    public List<Uncompleted> uncompleted(int limit) {
        return transactions.single("look for batches", connection -> {
            try (Sql.Call call = BatchSql.UNCOMPLETED.on(connection)) {
                return call.set("limit", limit)
                        .list(row -> new Uncompleted(row.getObject(1, UUID.class), row.getBoolean(2)));
            }
        });
    }

    @Override
    public Settled settle(UUID batch) {
        return transactions.single("count the members of batch " + batch, connection -> {
            try (Sql.Call call = BatchSql.SETTLE.on(connection)) {
                return call.set("batch", batch).one(row -> Settled.ofCode(row.getInt(1)));
            }
        });
    }

    private static Batch batch(ResultSet row) throws SQLException {
        long inProgress = row.getLong(6);
        return new Batch(
                row.getObject(1, UUID.class),
                row.getString(2),
                Optional.ofNullable(row.getObject(3, UUID.class)),
                BatchState.valueOf(row.getString(4)),
                row.getLong(5) - inProgress,
                inProgress,
                row.getLong(7),
                row.getLong(8),
                row.getLong(9),
                row.getLong(10),
                row.getLong(11),
                row.getLong(12),
                row.getLong(13),
                Objects.requireNonNull(Rows.instant(row, 14)),
                Optional.ofNullable(Rows.instant(row, 15)),
                Optional.ofNullable(Rows.instant(row, 16)),
                Optional.ofNullable(Rows.instant(row, 17)),
                Optional.ofNullable(row.getObject(18, UUID.class)),
                Objects.requireNonNull(Rows.instant(row, 19)),
                Optional.ofNullable(row.getString(20)));
    }
}
