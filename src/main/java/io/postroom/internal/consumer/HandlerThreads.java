package io.postroom.internal.consumer;

import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.storage.ClaimedMessage;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads that run the handlers of one queue: each takes messages from the buffer, runs them, and takes the next. They end when the
 * buffer is closed.
 *
 * <p>A call that ignores its interrupt is given up. Its thread is lost until the call returns, and then ends; a new thread takes its place
 * at once. A thread that a handler left unclean is replaced, too; its call has returned, so nothing leaks.
 */
final class HandlerThreads {
    private static final Logger log = LoggerFactory.getLogger(HandlerThreads.class);

    private final HandledQueue queue;
    private final HeldMessages held;
    private final Runner runner;
    private final AtomicInteger started = new AtomicInteger();
    private final AtomicInteger leaked = new AtomicInteger();

    /** One call: a single message, or all of a batch. */
    interface Runner {
        /**
         * Runs the messages and gives their results to the completer.
         *
         * @param onGivenUp run at once, by another thread, when the call is given up
         * @return false when the call was given up, so that this thread must not be used again
         */
        boolean run(List<ClaimedMessage> messages, Runnable onGivenUp);
    }

    HandlerThreads(HandledQueue queue, HeldMessages held, Runner runner) {
        this.queue = queue;
        this.held = held;
        this.runner = runner;
    }

    void start() {
        for (int i = 0; i < queue.concurrency(); i++) {
            startThread();
        }
    }

    /** Returns how many calls were given up since the start. */
    int leaked() {
        return leaked.get();
    }

    private void startThread() {
        Thread thread = new Thread(this::work, "postroom-" + queue.name() + "-" + started.incrementAndGet());
        thread.setDaemon(true);
        thread.start();
    }

    private void work() {
        for (HandlerBatch batch = held.take(); !batch.isEmpty(); batch = held.take()) {
            if (!runAll(batch)) {
                return; // a call was given up, and another thread has taken this one's place
            }
        }
    }

    /** Returns false when a call was given up. */
    private boolean runAll(HandlerBatch batch) {
        Thread own = Thread.currentThread();
        long before = System.nanoTime();
        int atOnce = queue.largestBatch() > 1 ? Integer.MAX_VALUE : 1;
        try {
            for (List<ClaimedMessage> next = batch.begin(atOnce); !next.isEmpty(); next = batch.begin(atOnce)) {
                if (!runner.run(next, () -> replaceThreadOf(batch, own))) {
                    return false;
                }
                if (held.isClosed()) {
                    held.putBack(batch.takeRest()); // a stop waits for the message that runs, not for those behind it
                }
            }
        } catch (Throwable unexpected) {
            log.error(
                    "a message of queue {} could not be run; it stays under its lease until this process stops",
                    queue.name(),
                    unexpected);
            held.putBack(batch.takeRest());
        }
        held.ran(batch.begun(), System.nanoTime() - before);
        return true;
    }

    /**
     * Runs on the thread that gave the call up: what the lost thread had not begun goes to the others. Runs on the lost thread itself when
     * that ends, and then nothing has leaked.
     */
    private void replaceThreadOf(HandlerBatch batch, Thread lost) {
        if (lost != Thread.currentThread()) {
            leaked.incrementAndGet();
        }
        int begun = batch.begun();
        held.putBack(batch.takeRest());
        startThread();
        held.letGo(begun);
    }
}
