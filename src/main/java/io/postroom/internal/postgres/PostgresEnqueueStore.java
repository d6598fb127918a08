package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.ClaimedMessage;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.EnqueueStore;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.StoreErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/** Writes new messages through {@link EnqueueWriter}. Only {@link #enqueueLeased} has a transaction of its own. */
final class PostgresEnqueueStore implements EnqueueStore {
    private final StoreTransactions transactions;

    PostgresEnqueueStore(StoreTransactions transactions) {
        this.transactions = transactions;
    }

    @Override
    public EnqueueResult enqueue(NewMessage message, Connection connection) {
        try {
            return EnqueueWriter.one(message, connection);
        } catch (SQLException error) {
            throw StoreErrors.translate("enqueue message " + message.id(), error);
        }
    }

    @Override
    public EnqueueResult enqueueUnnumbered(NewMessage message, Connection connection) {
        try {
            return EnqueueWriter.oneUnnumbered(message, connection);
        } catch (SQLException error) {
            throw StoreErrors.translate("enqueue message " + message.id(), error);
        }
    }

    @Override
    public List<EnqueueResult> enqueue(List<NewMessage> messages, Connection connection) {
        return StoreTransactions.joined(
                "enqueue " + messages.size() + " messages", connection, own -> EnqueueWriter.many(messages, own));
    }

    @Override
    public List<EnqueueResult> enqueueLookedUp(List<NewMessage> messages, Connection connection) {
        return transactions.together(
                "enqueue " + messages.size() + " messages",
                connection,
                own -> LimitedWriter.writeLookedUp(messages, own));
    }

    @Override
    public List<EnqueueResult> enqueueLimited(List<NewMessage> messages, Connection connection) {
        return transactions.together(
                "enqueue " + messages.size() + " messages", connection, own -> LimitedWriter.write(messages, own));
    }

    @Override
    public Optional<EnqueueResult> repeated(NewMessage message, Connection connection) {
        return StoreTransactions.joined(
                "look for message " + message.id(), connection, own -> EnqueueWriter.repeated(message, own));
    }

    @Override
    public Optional<ClaimedMessage> enqueueLeased(NewMessage message, int workerId) {
        return transactions.several("enqueue message " + message.id() + " under a lease", connection -> {
            Optional<ClaimedMessage> leased = message.looksAtHolder()
                    ? leasedWithKey(message, workerId, connection)
                    : LeasedWriter.leased(message, workerId, connection);
            if (leased.isEmpty()) {
                connection.rollback(); // its deduplication key may be written although its id was there
            }
            return leased;
        });
    }

    private static Optional<ClaimedMessage> leasedWithKey(NewMessage message, int workerId, Connection connection)
            throws SQLException {
        TakenKeys keys = TakenKeys.of(List.of(message), connection);
        return keys.repeats().isEmpty()
                ? LeasedWriter.leased(message.withoutKey(), workerId, connection)
                : Optional.empty();
    }

    @Override
    public List<ClaimedMessage> enqueueDirect(
            List<NewMessage> messages, int workerId, int leaseSize, Connection connection) {
        return StoreTransactions.joined(
                "enqueue " + messages.size() + " messages for direct dispatch",
                connection,
                own -> LeasedWriter.direct(messages, workerId, leaseSize, own));
    }
}
