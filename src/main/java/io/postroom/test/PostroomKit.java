package io.postroom.test;

import io.postroom.DefaultPostroom;
import io.postroom.Postroom;
import io.postroom.api.Message;
import io.postroom.api.MessageState;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;

/** Drives a Postroom from a test. Not thread-safe. */
public interface PostroomKit {
    /** A kit on an engine that {@link Postroom.Builder} started. */
    static PostroomKit of(Postroom postroom) {
        return new DefaultKit((DefaultPostroom) postroom);
    }

    /**
     * Runs what is due and ready in these queues (none: all with a handler here) on this thread until nothing is. Returns how many runs.
     */
    int drain(String... queues);

    /** Lets time pass at once: waiting messages become due, times to live end, and last heartbeats of workers are that much older. */
    void advance(Duration time);

    /** Waits up to 30 seconds for the state. Throws {@link AssertionError} with what is known about the message otherwise. */
    Message await(UUID id, MessageState state);
}

/** The kit on a running Postroom. */
record DefaultKit(DefaultPostroom postroom) implements PostroomKit {
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
    private static final Duration LOOK_EVERY = Duration.ofMillis(20);

    @Override
    public int drain(String... queues) {
        return postroom.drain(List.of(queues));
    }

    @Override
    public void advance(Duration time) {
        postroom.advance(time);
    }

    @Override
    public Message await(UUID id, MessageState state) {
        long end = System.nanoTime() + LONGEST_WAIT.toNanos();
        while (true) {
            Optional<Message> message = postroom.queueMessages().find(id);
            if (message.isPresent() && message.get().state() == state) {
                return message.get();
            }
            if (System.nanoTime() > end) {
                throw new AssertionError("message " + id + " is not " + state + " after " + LONGEST_WAIT + ": "
                        + message.map(found -> found.entries().toString()).orElse("unknown") + " "
                        + postroom.queueMessages().explain(id));
            }
            LockSupport.parkNanos(LOOK_EVERY.toNanos());
        }
    }
}
