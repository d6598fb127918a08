package io.postroom.test;

import io.postroom.DefaultPostroom;
import io.postroom.Postroom;
import io.postroom.api.Message;
import io.postroom.api.MessageState;
import io.postroom.api.WrongTransactionException;
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
     * Of a queue with a {@link io.postroom.api.Limiter} it runs no more than may start now: {@link #advance} by the period lets the next
     * ones start.
     *
     * @throws WrongTransactionException a transaction is open on this thread: messages created in it cannot be seen before its commit
     */
    int drain(String... queues);

    /**
     * Lets time pass at once: waiting messages become due, times to live end, and starts that limiters count grow old.
     * Heartbeats stay as they are.
     *
     * @throws WrongTransactionException as {@link #drain}
     */
    void advance(Duration time);

    /**
     * Waits up to 30 seconds for the state. Throws {@link AssertionError} with what is known about the message otherwise.
     *
     * @throws WrongTransactionException a transaction is open on this thread, and the message cannot be seen
     */
    Message await(UUID id, MessageState state);

    /**
     * Removes all messages of all queues with their history and their deduplication keys, resumes paused queues, and forgets which starts
     * limiters have counted, so that the next test finds an empty database. Queues, their settings and limits, handlers, workers and the
     * lines of {@code operator_log} stay; sequences go on. Waits up to 35 seconds for running handlers of this process. A future of
     * {@code sendMessageAsync} that is still open fails. Never call it on a database whose messages somebody needs.
     *
     * @throws WrongTransactionException a transaction is open on this thread
     */
    void reset();
}

/** The kit on a running Postroom. */
record DefaultKit(DefaultPostroom postroom) implements PostroomKit {
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
    private static final Duration LOOK_EVERY = Duration.ofMillis(20);

    @Override
    public int drain(String... queues) {
        refuseTransaction("drain");
        return postroom.drain(List.of(queues));
    }

    @Override
    public void advance(Duration time) {
        refuseTransaction("advance");
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
            if (message.isEmpty()) {
                refuseTransaction("await");
            }
            if (System.nanoTime() > end) {
                throw new AssertionError("message " + id + " is not " + state + " after " + LONGEST_WAIT + ": "
                        + message.map(found -> found.entries().toString()).orElse("unknown") + " "
                        + postroom.queueMessages().explain(id));
            }
            LockSupport.parkNanos(LOOK_EVERY.toNanos());
        }
    }

    @Override
    public void reset() {
        refuseTransaction("reset");
        postroom.reset();
    }

    private void refuseTransaction(String method) {
        if (postroom.isTransactionOpen()) {
            throw new WrongTransactionException(method + "() was called with a transaction open on this thread."
                    + " Messages created in it are seen by nobody before its commit, and nothing of them can run. Commit first"
                    + " (TestTransaction.flagForCommit() and end(), or a TransactionTemplate), or let the test run without a transaction"
                    + " (@Transactional(propagation = Propagation.NOT_SUPPORTED)) and call reset() between tests");
        }
    }
}
