package io.postroom;

import io.postroom.api.QueueMessages;
import io.postroom.api.Queues;
import io.postroom.engine.Engine;
import io.postroom.jobs.JobTimer;
import io.postroom.postgres.EnginePool;
import io.postroom.storage.MessageStore;
import java.time.Duration;
import java.util.List;

/** What {@link PostroomBuilder} put together. Public for the packages of the outer ring only; hosts use {@link Postroom}. */
public final class RunningPostroom implements Postroom {
    private static final Duration DRAIN = Duration.ofSeconds(30);

    private final MessageDoor door;
    private final QueueDoor queues;
    private final Engine engine;
    private final JobTimer timer;
    private final MessageStore store;
    private final EnginePool pool;
    private boolean closed;

    RunningPostroom(
            MessageDoor door, QueueDoor queues, Engine engine, JobTimer timer, MessageStore store, EnginePool pool) {
        this.door = door;
        this.queues = queues;
        this.engine = engine;
        this.timer = timer;
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
        return engine.troubles();
    }

    public Engine engine() {
        return engine;
    }

    public MessageStore store() {
        return store;
    }

    @Override
    public void stop(Duration drain) {
        timer.stop();
        engine.stop(drain);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            door.close();
            stop(DRAIN);
            pool.close();
        }
    }
}
