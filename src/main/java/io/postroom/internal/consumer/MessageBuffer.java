package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The buffer between the claims and the handler threads of one queue. It can be closed once, and then stays closed. Nobody waits here: a
 * put asks for a thread, and each take that leaves messages behind asks for the next. Thread-safe.
 *
 * <p>Each message that is put comes out exactly once: a handler thread takes it, or it is given back. Three threads race at a stop: a claim
 * whose answer comes late puts, a handler thread takes, and the stop closes. A message that was put after the close would never be taken,
 * because this process's heartbeats keep its lease. A message that a thread took and the close gave back as well would run twice. So one
 * lock guards the queue and the mark that it is closed:
 *
 * <ul>
 *   <li>put before close: the message waits, and the close finds it unless a thread was faster;
 *   <li>put after close: the caller of {@link #put} gives the message back itself;
 *   <li>take before close: the message is out of the queue, so the close does not find it;
 *   <li>take after close: the answer is empty.
 * </ul>
 */
final class MessageBuffer {
    private static final Logger log = LoggerFactory.getLogger(MessageBuffer.class);

    private final Consumer<List<ClaimedMessage>> giveBack;
    private final Runnable onFilled;
    private final ReentrantLock lock = new ReentrantLock();
    private final ArrayDeque<ClaimedMessage> waiting = new ArrayDeque<>(0);
    private volatile boolean filled;
    private volatile boolean closed;

    /**
     * @param giveBack gets what no thread will take; called without the lock, by the thread that closes or puts
     * @param onFilled asks for a thread; called without the lock, after messages were put or left behind
     */
    MessageBuffer(Consumer<List<ClaimedMessage>> giveBack, Runnable onFilled) {
        this.giveBack = giveBack;
        this.onFilled = onFilled;
    }

    /** Adds messages in their order. Gives them back at once when the buffer is closed. */
    void put(List<ClaimedMessage> messages) {
        if (messages.isEmpty()) {
            return;
        }
        if (addUnlessClosed(messages, false)) {
            onFilled.run();
        } else {
            giveBack.accept(messages);
        }
    }

    /** Puts a suspect before all others. Gives it back at once when the buffer is closed. */
    void putFirst(ClaimedMessage suspect) {
        if (addUnlessClosed(List.of(suspect), true)) {
            onFilled.run();
        } else {
            giveBack.accept(List.of(suspect));
        }
    }

    private boolean addUnlessClosed(List<ClaimedMessage> messages, boolean first) {
        lock.lock();
        try {
            if (closed) {
                return false;
            }
            if (first) {
                messages.forEach(waiting::addFirst);
            } else {
                waiting.addAll(messages);
            }
            filled = true;
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Whether the next message is a suspect. */
    boolean startsWithSuspect() {
        lock.lock();
        try {
            return !waiting.isEmpty() && waiting.peek().isSuspect();
        } finally {
            lock.unlock();
        }
    }

    /** Whether a message waits for a thread. */
    boolean isFilled() {
        return filled;
    }

    /**
     * Takes the oldest messages. A suspect is taken alone: the thread's other messages would wait for it.
     *
     * @param most how many to take at once; asked when there is something to take
     * @return a new list; empty: nothing waits now
     */
    List<ClaimedMessage> take(IntSupplier most) {
        List<ClaimedMessage> taken = new ArrayList<>(1);
        boolean left;
        lock.lock();
        try {
            for (int room = waiting.isEmpty() ? 0 : most.getAsInt(); room > 0 && !waiting.isEmpty(); room--) {
                if (!taken.isEmpty()
                        && (taken.get(0).isSuspect() || waiting.peek().isSuspect())) {
                    break;
                }
                taken.add(waiting.poll());
            }
            left = !waiting.isEmpty();
            filled = left;
        } finally {
            lock.unlock();
        }
        if (left) {
            askForThread();
        }
        return taken;
    }

    /** Each thread asks for the next one, so that none is woken for nothing. What was taken must run, whatever becomes of that. */
    private void askForThread() {
        try {
            onFilled.run();
        } catch (Throwable refused) {
            log.debug("no further thread for {} messages that wait; this one takes them", waiting.size(), refused);
        }
    }

    /** Takes all messages that wait, without running any. */
    List<ClaimedMessage> takeAll() {
        lock.lock();
        try {
            List<ClaimedMessage> all = List.copyOf(waiting);
            waiting.clear();
            filled = false;
            return all;
        } finally {
            lock.unlock();
        }
    }

    /** Gives back what waits, and accepts nothing from here on. Repeating it does nothing. */
    void close() {
        List<ClaimedMessage> rest;
        lock.lock();
        try {
            closed = true;
            rest = takeAll();
        } finally {
            lock.unlock();
        }
        if (!rest.isEmpty()) {
            giveBack.accept(rest);
        }
    }

    boolean isClosed() {
        return closed;
    }
}
