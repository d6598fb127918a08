package io.postroom.test;

import io.postroom.Postroom;
import io.postroom.RunningPostroom;
import io.postroom.api.Message;
import io.postroom.api.MessageState;
import io.postroom.engine.Engine;
import io.postroom.storage.MessageStore;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;

/** Drives a Postroom from a test. Not thread-safe. */
public interface PostroomKit {
    static PostroomKit of(Postroom postroom) {
        RunningPostroom running = (RunningPostroom) postroom;
        return new StoreKit(running.engine(), running.store());
    }

    /** Runs what is due and ready in these queues (none: all with a handler here) on this thread until nothing is. Returns how many runs. */
    int drain(String... queues);

    /** Lets time pass at once: what waits becomes due, lives end, workers fall silent as if so much later. */
    void advance(Duration time);

    /** Waits up to 30 seconds for the state. Throws {@link AssertionError} with what is known about the message otherwise. */
    Message await(UUID id, MessageState state);
}

/** The kit on a real store. */
record StoreKit(Engine engine, MessageStore store) implements PostroomKit {
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
    private static final Duration LOOK_EVERY = Duration.ofMillis(20);
    private static final int BATCH = 1000;

    @Override
    public int drain(String... queues) {
        Collection<String> names = List.of(queues);
        int runs = 0;
        while (true) {
            MessageStore.Expired expired = null;
            do {
                expired = store.expire(expired, BATCH);
            } while (expired != null);
            store.promote(null, BATCH);
            int now = engine.runAllReady(names);
            if (now == 0) {
                return runs;
            }
            runs += now;
        }
    }

    @Override
    public void advance(Duration time) {
        store.advance(time);
    }

    @Override
    public Message await(UUID id, MessageState state) {
        long end = System.nanoTime() + LONGEST_WAIT.toNanos();
        while (true) {
            Optional<Message> message = store.find(id);
            if (message.isPresent() && message.get().state() == state) {
                return message.get();
            }
            if (System.nanoTime() > end) {
                throw new AssertionError("message " + id + " is not " + state + " after " + LONGEST_WAIT + ": "
                        + message.map(found -> found.entries().toString()).orElse("unknown") + " " + store.explain(id));
            }
            LockSupport.parkNanos(LOOK_EVERY.toNanos());
        }
    }
}
