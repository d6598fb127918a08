package io.postroom.internal.producer;

import io.postroom.api.Operation;
import io.postroom.api.PurgePreview;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueStats;
import io.postroom.api.Queues;
import io.postroom.api.Reason;
import io.postroom.internal.storage.Stores;
import io.postroom.internal.worker.EngineParts;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Declares, pauses and deletes queues in the store. This process follows its own changes at once; other processes follow with a poll.
 * Thread-safe.
 */
public final class DefaultQueues implements Queues {
    private static final String TEMPORARY = "tmp.";

    private final Stores stores;
    private final QueueCache cache;
    private final EngineParts worker;
    private final OwnerCheck ownerCheck;
    private final Runnable operateSoon;

    /** @param operateSoon asks the job that carries operations on to run */
    public DefaultQueues(
            Stores stores, QueueCache cache, EngineParts worker, OwnerCheck ownerCheck, Runnable operateSoon) {
        this.operateSoon = operateSoon;
        this.stores = stores;
        this.cache = cache;
        this.worker = worker;
        this.ownerCheck = ownerCheck;
    }

    @Override
    public void declare(QueueSettings settings) {
        declared(settings, null);
    }

    @Override
    public void declare(QueueSettings settings, Reason reason) {
        declared(settings, reason);
    }

    private void declared(QueueSettings settings, @Nullable Reason reason) {
        worker.declare(settings, reason);
        cache.forget(settings.queue());
        worker.poller().pollNow(); // for handlers whose pattern matches it
    }

    /** Forgets what this process remembers of queues that were declared together, and looks at their settings at once. */
    public void declared(List<QueueSettings> queues) {
        queues.forEach(queue -> cache.forget(queue.queue()));
        worker.poller().pollNow();
    }

    @Override
    public String declareTemporary() {
        String name = TEMPORARY + UUID.randomUUID().toString().replace("-", "");
        declare(QueueSettings.of(name).kind(QueueKind.EXCLUSIVE));
        return name;
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
        paused(queue, null);
    }

    @Override
    public void pause(String queue, Reason reason) {
        paused(queue, reason);
    }

    private void paused(String queue, @Nullable Reason reason) {
        ownerCheck.require(queue);
        stores.operator().pause(queue, true, reason);
        worker.poller().holdQueue(queue);
    }

    @Override
    public void resume(String queue) {
        resumed(queue, null);
    }

    @Override
    public void resume(String queue, Reason reason) {
        resumed(queue, reason);
    }

    private void resumed(String queue, @Nullable Reason reason) {
        ownerCheck.require(queue);
        stores.operator().pause(queue, false, reason);
        worker.poller().pollNow();
    }

    @Override
    public long purge(String queue) {
        ownerCheck.require(queue);
        return stores.operator().purge(queue, null);
    }

    @Override
    public long purge(String queue, Reason reason) {
        ownerCheck.require(queue);
        return stores.operator().purge(queue, reason);
    }

    @Override
    public Operation purge(String queue, Reason reason, int perSecond) {
        ownerCheck.require(queue);
        UUID operation = stores.deadLetters().purge(queue, reason, perSecond);
        operateSoon.run();
        return new RecordedOperation(stores.deadLetters(), operation);
    }

    @Override
    public PurgePreview previewPurge(String queue) {
        return stores.deadLetters().previewPurge(queue);
    }

    @Override
    public boolean delete(String queue, boolean ifEmpty, boolean ifUnused) {
        return deleted(queue, ifEmpty, ifUnused, null);
    }

    @Override
    public boolean delete(String queue, boolean ifEmpty, boolean ifUnused, Reason reason) {
        return deleted(queue, ifEmpty, ifUnused, reason);
    }

    private boolean deleted(String queue, boolean ifEmpty, boolean ifUnused, @Nullable Reason reason) {
        boolean deleted = stores.operator().delete(queue, ifEmpty, ifUnused, worker.ownerIfRegistered(), reason);
        cache.forget(queue);
        worker.poller().holdQueue(queue);
        return deleted;
    }
}
