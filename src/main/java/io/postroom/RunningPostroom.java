package io.postroom;

import io.postroom.api.QueueMessages;
import io.postroom.api.Queues;
import io.postroom.engine.Engine;
import io.postroom.handler.Handler;
import io.postroom.postgres.EnginePool;
import io.postroom.storage.MessageStore;
import java.time.Duration;
import java.util.Collection;
import java.util.List;

/** What {@link PostroomBuilder} put together. Public for the packages of the outer ring only; hosts use {@link Postroom}. */
public final class RunningPostroom implements Postroom {
    private final MessageDoor door;
    private final QueueDoor queues;
    private final Machine machine;
    private final MessageStore store;
    private final EnginePool pool;
    private boolean closed;

    RunningPostroom(MessageDoor door, QueueDoor queues, Machine machine, MessageStore store, EnginePool pool) {
        this.door = door;
        this.queues = queues;
        this.machine = machine;
        this.store = store;
        this.pool = pool;
    }

    @Override
    public QueueMessages queueMessages() {
        return door;
    }

    @Override
    public Queues queues() {
        return queues;
    }

    @Override
    public List<String> troubles() {
        return machine.engine().troubles();
    }

    /**
     * The second half of a start: takes these handlers beside those of the builder and begins to work. Close after an error.
     *
     * @param more none when it begins again after {@link #stopWorkers}
     * @throws IllegalArgumentException two handlers would take the same messages, or have the same id
     */
    public void startWorkers(Collection<Handler> more) {
        machine.start(more);
    }

    /** {@link #stop} of the workers alone: {@link #startWorkers} may follow. */
    public void stopWorkers(Duration drain) {
        machine.rest(drain);
    }

    public Engine engine() {
        return machine.engine();
    }

    public MessageStore store() {
        return store;
    }

    @Override
    public void stop(Duration drain) {
        machine.stop(drain);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            door.close();
            stop(DEFAULT_DRAIN);
            pool.close();
        }
    }
}
