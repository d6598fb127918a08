package io.postroom;

import io.postroom.api.QueueSettings;
import io.postroom.api.QueueStats;
import io.postroom.api.Queues;
import io.postroom.engine.Engine;
import io.postroom.storage.MessageStore;
import java.util.List;
import java.util.Optional;

/** The queues, straight from the store; this process notices its own changes at once. */
final class QueueDoor implements Queues {
    private final MessageStore store;
    private final QueueDirectory directory;
    private final Engine engine;

    QueueDoor(MessageStore store, QueueDirectory directory, Engine engine) {
        this.store = store;
        this.directory = directory;
        this.engine = engine;
    }

    @Override
    public void declare(QueueSettings settings) {
        store.declare(settings);
        directory.forget(settings.queue());
    }

    @Override
    public Optional<QueueStats> stats(String queue) {
        return store.stats(queue).stream().findFirst();
    }

    @Override
    public List<QueueStats> stats() {
        return store.stats(null);
    }

    @Override
    public void pause(String queue) {
        store.pause(queue, true);
        engine.takeNoMore(queue);
    }

    @Override
    public void resume(String queue) {
        store.pause(queue, false);
        engine.pollNow();
    }

    @Override
    public long purge(String queue) {
        return store.purge(queue);
    }

    @Override
    public void delete(String queue, boolean ifEmpty, boolean ifUnused) {
        store.delete(queue, ifEmpty, ifUnused);
        directory.forget(queue);
        engine.takeNoMore(queue);
    }
}
