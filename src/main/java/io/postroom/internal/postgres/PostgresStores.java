package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.StoreTransactions;
import io.postroom.internal.storage.Stores;
import javax.sql.DataSource;

/** Makes the port's roles in PostgreSQL. */
public final class PostgresStores {
    private PostgresStores() {}

    /**
     * All roles on one pool.
     *
     * @param source for the store's own transactions; any pool, auto-commit on or off
     */
    public static Stores on(DataSource source) {
        StoreTransactions transactions = new StoreTransactions(source);
        PostgresQueueStore queues = new PostgresQueueStore(transactions);
        return new Stores(
                queues,
                new PostgresRoutingStore(transactions),
                new PostgresTopologyStore(transactions),
                new PostgresEnqueueStore(transactions),
                new PostgresLeaseStore(transactions),
                new PostgresWorkerStore(transactions),
                new PostgresJobStore(transactions),
                new PostgresMessageQueries(transactions),
                new PostgresOperatorStore(transactions, queues),
                new PostgresConsumerStore(transactions, queues),
                new PostgresScheduleStore(transactions),
                new PostgresSettingsStore(transactions),
                new PostgresLimiterStore(transactions, queues),
                new PostgresBatchStore(transactions),
                new PostgresFileImportStore(transactions),
                new PostgresMailboxStore(transactions),
                new PostgresDeadLetterStore(transactions));
    }
}
