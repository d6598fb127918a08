package io.postroom.internal.execution;

import io.postroom.handler.Handler;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.UUID;

/**
 * The state of a handler's call under way, shared by the thread that runs it and the thread that watches the time. Thread-safe. Every
 * change and every interrupt is made under one lock, so that an interrupt meant for this call never hits the thread's next one.
 *
 * <pre>
 * RUNNING ──► FINISHED                       the call came back in time
 * RUNNING ──► OVERTIME ──► FINISHED          it came back after its interrupt
 * RUNNING ──► CALLED_OFF ──► FINISHED        likewise
 *             OVERTIME or CALLED_OFF ──► ABANDONED, for good
 * </pre>
 */
final class Attempt {
    private final Thread thread = Thread.currentThread();
    private final long startedNanos = System.nanoTime();
    private final Handler handler;
    private final UUID message;
    private final boolean isAlone;
    private final Duration limit;
    private State state = State.RUNNING;
    private boolean wasCalledOff;
    private boolean threadSpoilt;

    enum State {
        RUNNING,
        /** Interrupted for running too long; still given time to stop. */
        OVERTIME,
        /** Interrupted because this process stops, its leases cannot be trusted any more, or its message was cancelled. */
        CALLED_OFF,
        /** Ignored its interrupt. Its messages go on without the call; what it answers later counts for nothing. */
        ABANDONED,
        FINISHED
    }

    /**
     * Starts the clock, for a call on the current thread.
     *
     * @param message the call's first message
     */
    Attempt(Handler handler, UUID message) {
        this(handler, message, true);
    }

    /** @param isAlone whether the call has no other message */
    Attempt(Handler handler, UUID message, boolean isAlone) {
        this.handler = handler;
        this.message = message;
        this.isAlone = isAlone;
        this.limit = handler.timeLimit();
    }

    /** Whether all that the call runs is one of these messages. */
    boolean runsOnly(Collection<UUID> messages) {
        return isAlone && messages.contains(message);
    }

    /** Says for people what runs and for how long. */
    String describe() {
        long seconds = Duration.ofNanos(System.nanoTime() - startedNanos).toSeconds();
        return handler.id() + " for " + seconds + " s (message " + message + ")";
    }

    /** {@code System.nanoTime()} of the beginning. */
    long startedNanos() {
        return startedNanos;
    }

    Handler handler() {
        return handler;
    }

    /** When the call is interrupted, by this machine's clock. */
    Instant deadline() {
        return Instant.now().plus(limit).minusNanos(System.nanoTime() - startedNanos);
    }

    Thread thread() {
        return thread;
    }

    synchronized State state() {
        return state;
    }

    /** Interrupts the call if it runs longer than its limit. Answers whether it did so now. */
    synchronized boolean interruptIfOvertime(long nowNanos) {
        if (state != State.RUNNING || nowNanos - startedNanos < limit.toNanos()) {
            return false;
        }
        state = State.OVERTIME;
        thread.interrupt();
        return true;
    }

    /**
     * Gives the call up if it still runs {@code grace} after its time limit, whatever it was interrupted for. Answers whether it did so
     * now: whoever gets true gives the messages their ends.
     */
    synchronized boolean abandonIfStuck(long nowNanos, Duration grace) {
        boolean interrupted = state == State.OVERTIME || state == State.CALLED_OFF;
        if (!interrupted || nowNanos - startedNanos < limit.toNanos() + grace.toNanos()) {
            return false;
        }
        wasCalledOff = state == State.CALLED_OFF;
        state = State.ABANDONED;
        return true;
    }

    /** Whether the call that was given up had been called off before: then its messages spend nothing. */
    synchronized boolean wasCalledOff() {
        return wasCalledOff;
    }

    /** Interrupts the call because the process stops or lost its leases. Does nothing to a call that was interrupted before. */
    synchronized void callOff() {
        if (state == State.RUNNING) {
            state = State.CALLED_OFF;
            thread.interrupt();
        }
    }

    /** Says, on the call's own thread, that the user's code left something on it that could not be undone. */
    void threadIsSpoilt() {
        threadSpoilt = true;
    }

    /** Whether nothing else may run on the call's thread. To be asked on that thread. */
    boolean isThreadSpoilt() {
        return threadSpoilt;
    }

    /** Says that the call came back, on its own thread. Answers the state before, and clears an interrupt that is pending. */
    synchronized State finish() {
        State was = state;
        if (was != State.ABANDONED) {
            state = State.FINISHED;
        }
        Thread.interrupted();
        return was;
    }
}
