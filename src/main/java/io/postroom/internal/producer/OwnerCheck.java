package io.postroom.internal.producer;

import io.postroom.api.ExclusiveQueueException;
import io.postroom.internal.storage.QueueStore;
import io.postroom.internal.worker.EngineParts;

/**
 * Keeps this process from changing exclusive queues of others. An exclusive queue has the same owner for all its life, so nobody needs to
 * be kept from changing it meanwhile. Thread-safe.
 */
public final class OwnerCheck {
    private final QueueStore store;
    private final EngineParts worker;

    public OwnerCheck(QueueStore store, EngineParts worker) {
        this.store = store;
        this.worker = worker;
    }

    /** @throws ExclusiveQueueException the queue belongs to another process */
    void require(String queue) {
        store.otherOwner(queue, worker.ownerIfRegistered()).ifPresent(owner -> {
            throw new ExclusiveQueueException(queue, owner, true);
        });
    }
}
