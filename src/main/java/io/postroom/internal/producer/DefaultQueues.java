package io.postroom.internal.producer;

import io.postroom.api.QueueSettings;
import io.postroom.api.QueueStats;
import io.postroom.api.Queues;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.worker.EngineParts;
import java.util.List;
import java.util.Optional;

/**
 * Declares, pauses and deletes queues in the store. This process follows its own changes at once; other processes follow with a poll.
 * Thread-safe.
 */
public final class DefaultQueues implements Queues {
    private final Stores stores;
    private final QueueCache cache;
    private final EngineParts worker;

    public DefaultQueues(Stores stores, QueueCache cache, EngineParts worker) {
        this.stores = stores;
        this.cache = cache;
        this.worker = worker;
    }

    @Override
    public void declare(QueueSettings settings) {
        stores.queues().declare(settings);
        cache.forget(settings.queue());
    }

    @Override
    public Optional<QueueStats> stats(String queue) {
        return stores.operator().stats(queue).stream().findFirst();
    }

    @Override
    public List<QueueStats> stats() {
        return stores.operator().stats(null);
    }

    @Override
    public void pause(String queue) {
        stores.operator().pause(queue, true);
        worker.poller().holdQueue(queue);
    }

    @Override
    public void resume(String queue) {
        stores.operator().pause(queue, false);
        worker.poller().pollNow();
    }

    @Override
    public long purge(String queue) {
        return stores.operator().purge(queue);
    }

    @Override
    public void delete(String queue, boolean ifEmpty, boolean ifUnused) {
        stores.operator().delete(queue, ifEmpty, ifUnused);
        cache.forget(queue);
        worker.poller().holdQueue(queue);
    }
}
