package io.postroom.internal.producer;

import io.postroom.api.Batch;
import io.postroom.api.Batches;
import io.postroom.api.CreateBatch;
import io.postroom.api.Limits;
import io.postroom.api.Reason;
import io.postroom.api.Transactions;
import io.postroom.internal.storage.BatchStore;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Creates, seals, cancels and finds batches in the store. Thread-safe. */
public final class DefaultBatches implements Batches {
    private static final int MOST_LISTED = 1000;

    private final BatchStore store;
    private final Transactions transactions;
    private final ScheduleMessages messages;
    private final Runnable settleSoon;

    /**
     * @param messages writes completion messages as JSON
     * @param settleSoon asks the job that completes batches to look for new ones
     */
    public DefaultBatches(BatchStore store, Transactions transactions, ScheduleMessages messages, Runnable settleSoon) {
        this.store = store;
        this.transactions = transactions;
        this.messages = messages;
        this.settleSoon = settleSoon;
    }

    @Override
    public UUID create(CreateBatch batch) {
        String completion = batch.completion().map(messages::interceptedToJson).orElse(null);
        return transactions.join(transaction -> {
            UUID id = store.create(batch.name(), batch.parent().orElse(null), completion, transaction.connection());
            transaction.afterCommit(settleSoon);
            return id;
        });
    }

    @Override
    public boolean seal(UUID batch) {
        return transactions.join(transaction -> {
            transaction.afterCommit(settleSoon);
            return store.seal(batch, transaction.connection());
        });
    }

    @Override
    public boolean cancel(UUID batch) {
        return cancelled(batch, null);
    }

    @Override
    public boolean cancel(UUID batch, Reason reason) {
        return cancelled(batch, reason);
    }

    private boolean cancelled(UUID batch, @Nullable Reason reason) {
        return transactions.join(transaction -> {
            transaction.afterCommit(settleSoon);
            return store.cancel(batch, reason, transaction.connection());
        });
    }

    @Override
    public Optional<Batch> find(UUID batch) {
        return store.find(batch);
    }

    @Override
    public List<Batch> list(boolean withCompleted, Optional<UUID> before, int limit) {
        return store.list(withCompleted, before.orElse(null), Limits.requireRange("limit", limit, 1, MOST_LISTED));
    }
}
