package io.postroom.internal.consumer;

import io.postroom.internal.execution.HandledQueue;
import io.postroom.internal.storage.ClaimedMessage;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the messages of one queue on the handler threads of the process. As many threads run it at a time as it has permits. Each takes
 * messages from the buffer, runs them, and takes the next, until none waits. After {@link #SLICE} it lets others run that wait.
 *
 * <p>A call that ignores its interrupt is given up. Its thread is lost until the call returns, and then ends; its permit is given to
 * another thread at once. A thread that a handler left unclean is replaced, too; its call has returned, so nothing leaks.
 */
final class HandlerRunner implements HandlerPool.Slice {
    private static final Logger log = LoggerFactory.getLogger(HandlerRunner.class);

    /** A thread stays with one queue for this long while others wait. Long against a change of queues, and no user notices it. */
    static final Duration SLICE = Duration.ofMillis(3);

    private final HandledQueue queue;
    private final HeldMessages held;
    private final HandlerSet handlerSet;
    private final HandlerPool pool;
    private final Runner runner;
    private final AtomicInteger leaked = new AtomicInteger();
    /** Whether this queue stands in line for a permit; written under the monitor of its handler set. */
    volatile boolean inLine;

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

    HandlerRunner(HandledQueue queue, HeldMessages held, HandlerSet handlerSet, HandlerPool pool, Runner runner) {
        this.queue = queue;
        this.held = held;
        this.handlerSet = handlerSet;
        this.pool = pool;
        this.runner = runner;
    }

    /** Returns how many calls were given up since the start. */
    int leaked() {
        return leaked.get();
    }

    /** Asks for a thread: messages wait in the buffer. */
    void request() {
        handlerSet.requestPermit(this);
    }

    boolean hasMessages() {
        return held.hasWaiting();
    }

    /** Runs what waits, on a thread of the pool and with a permit. The permit is given back or passed on exactly once. */
    @Override
    public void run(HandlerPool.Worker worker) {
        boolean permit = true;
        try {
            long began = System.nanoTime();
            for (HandlerBatch batch = held.take(); !batch.isEmpty(); batch = held.take()) {
                if (!runAll(batch, worker)) {
                    permit = false;
                    worker.lose(); // the thread that gives the call up may do the same a moment later
                    return; // the permit goes to another thread
                }
                if (isSliceOver(began) && held.hasWaiting()) {
                    permit = false;
                    handlerSet.passOn(this);
                    return;
                }
            }
        } finally {
            if (permit) {
                handlerSet.releasePermit();
            }
        }
    }

    private boolean isSliceOver(long began) {
        return (pool.someWait() || handlerSet.othersWait()) && System.nanoTime() - began > SLICE.toNanos();
    }

    /** Returns false when a call was given up. */
    private boolean runAll(HandlerBatch batch, HandlerPool.Worker worker) {
        Thread own = Thread.currentThread();
        long before = System.nanoTime();
        worker.watch().callBegins(before);
        long waited = 0; // for a limit, which says nothing of how fast handlers are
        int atOnce = queue.largestBatch() > 1 ? Integer.MAX_VALUE : 1;
        try {
            for (List<ClaimedMessage> next = batch.begin(atOnce); !next.isEmpty(); next = batch.begin(atOnce)) {
                for (ClaimedMessage message : next) {
                    waited += message.lease().awaitStart();
                }
                if (!runner.run(next, () -> replaceThreadOf(batch, worker, own))) {
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
        long now = System.nanoTime();
        worker.watch().callEnds(now);
        held.ran(batch.begun(), batch.begunBytes(), now - before - waited);
        return true;
    }

    /**
     * Runs on the thread that gave the call up: what the lost thread had not begun goes to the others, and so does its permit. Runs on the
     * lost thread itself when that ends, and then nothing has leaked.
     */
    private void replaceThreadOf(HandlerBatch batch, HandlerPool.Worker worker, Thread lost) {
        if (lost != Thread.currentThread()) {
            leaked.incrementAndGet();
        }
        int begun = batch.begun();
        long bytes = batch.begunBytes();
        try {
            held.putBack(batch.takeRest());
        } finally {
            worker.lose();
            handlerSet.releasePermit();
            held.letGo(begun, bytes);
        }
    }
}
