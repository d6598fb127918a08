package io.postroom.internal.postgres;

import io.postroom.api.Reason;
import io.postroom.internal.postgres.statement.Sql;
import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.DeadLetterStore;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Discards dead letters. Statements: {@link DeadLetterSql}. */
final class PostgresDeadLetterStore implements DeadLetterStore {
    private final StoreTransactions transactions;

    PostgresDeadLetterStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public int discard(UUID id, @Nullable String queue, Reason reason) {
        return FunctionRefusals.translated(() -> transactions.change("discard message " + id, connection -> {
            try (Sql.Call call = DeadLetterSql.DISCARD.on(connection)) {
                return call.set("id", id)
                        .set("reason", reason.text())
                        .set("queue", queue)
                        .set("actor", reason.actor().orElse(null))
                        .one(row -> row.getInt(1));
            }
        }));
    }
}
