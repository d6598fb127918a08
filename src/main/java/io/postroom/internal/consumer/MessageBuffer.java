package io.postroom.internal.consumer;

import io.postroom.internal.storage.ClaimedMessage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.IntSupplier;

/**
 * The buffer between the claimer and the handler threads of one queue. It can be closed once, and then stays closed. Thread-safe.
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
 *   <li>take after close: the answer is empty, and the thread ends.
 * </ul>
 */
final class MessageBuffer {
    private final Consumer<List<ClaimedMessage>> giveBack;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition filled = lock.newCondition();
    private final ArrayDeque<ClaimedMessage> waiting = new ArrayDeque<>();
    private volatile boolean closed;

    /** @param giveBack gets what no thread will take; called without the lock, by the thread that closes or puts */
    MessageBuffer(Consumer<List<ClaimedMessage>> giveBack) {
        this.giveBack = giveBack;
    }

    /** Adds messages in their order. Gives them back at once when the buffer is closed. */
    void put(List<ClaimedMessage> messages) {
        if (messages.isEmpty()) {
            return;
        }
        lock.lock();
        try {
            if (!closed) {
                waiting.addAll(messages);
                filled.signal();
                return;
            }
        } finally {
            lock.unlock();
        }
        giveBack.accept(messages);
    }

    /** Puts a suspect before all others. Gives it back at once when the buffer is closed. */
    void putFirst(ClaimedMessage suspect) {
        lock.lock();
        try {
            if (!closed) {
                waiting.addFirst(suspect);
                filled.signal();
                return;
            }
        } finally {
            lock.unlock();
        }
        giveBack.accept(List.of(suspect));
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

    /**
     * Waits for messages and takes the oldest. A suspect is taken alone: the thread's other messages would wait for it. An interrupt that
     * hits a waiting thread is left over from a call before: it is cleared, and the wait goes on.
     *
     * @param most how many to take at once; asked when there is something to take, because the wait may be long
     * @return a new list; empty when the buffer is closed: there will be no more
     */
    List<ClaimedMessage> take(IntSupplier most) {
        lock.lock();
        try {
            while (waiting.isEmpty() && !closed) {
                filled.awaitUninterruptibly();
            }
            List<ClaimedMessage> taken = new ArrayList<>(1);
            for (int left = waiting.isEmpty() ? 0 : most.getAsInt(); left > 0 && !waiting.isEmpty(); left--) {
                if (!taken.isEmpty()
                        && (taken.get(0).isSuspect() || waiting.peek().isSuspect())) {
                    break;
                }
                taken.add(waiting.poll());
            }
            if (!waiting.isEmpty()) {
                filled.signal(); // each thread wakes the next one, so that none is woken for nothing
            }
            return taken;
        } finally {
            lock.unlock();
            Thread.interrupted();
        }
    }

    /** Gives back what waits, wakes all waiting threads, and accepts nothing from here on. Repeating it does nothing. */
    void close() {
        List<ClaimedMessage> rest;
        lock.lock();
        try {
            closed = true;
            rest = List.copyOf(waiting);
            waiting.clear();
            filled.signalAll();
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
