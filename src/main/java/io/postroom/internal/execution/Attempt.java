package io.postroom.internal.execution;

import java.time.Duration;
import java.time.Instant;

/**
 * A handler's call under way, as its thread and the one that watches the time see it. The lock makes sure that an interrupt meant for this call never
 * hits the thread's next one.
 */
final class Attempt {
    private final Thread thread = Thread.currentThread();
    private final long startedNanos = System.nanoTime();
    private final Duration limit;
    private State state = State.RUNNING;
    private boolean wasCalledOff;

    enum State {
        RUNNING,
        /** Interrupted for running too long; still given time to stop. */
        OVERTIME,
        /** Interrupted because the leases of this process cannot be trusted any more, or it stops. */
        CALLED_OFF,
        /** It did not stop: the message goes on without it, and what it answers later counts for nothing. */
        ABANDONED,
        FINISHED
    }

    Attempt(Duration limit) {
        this.limit = limit;
    }

    long startedNanos() {
        return startedNanos;
    }

    Instant deadline() {
        return Instant.now().plus(limit).minusNanos(System.nanoTime() - startedNanos);
    }

    Thread thread() {
        return thread;
    }

    synchronized State state() {
        return state;
    }

    /** Interrupts the call if it runs longer than its limit. */
    synchronized boolean interruptIfOvertime(long nowNanos) {
        if (state != State.RUNNING || nowNanos - startedNanos < limit.toNanos()) {
            return false;
        }
        state = State.OVERTIME;
        thread.interrupt();
        return true;
    }

    /** Gives the call up if it has not stopped {@code grace} after its time limit, whatever it was interrupted for. */
    synchronized boolean abandonIfStuck(long nowNanos, Duration grace) {
        boolean interrupted = state == State.OVERTIME || state == State.CALLED_OFF;
        if (!interrupted || nowNanos - startedNanos < limit.toNanos() + grace.toNanos()) {
            return false;
        }
        wasCalledOff = state == State.CALLED_OFF;
        state = State.ABANDONED;
        return true;
    }

    /** Whether the call that was given up had been called off: not its fault. */
    synchronized boolean wasCalledOff() {
        return wasCalledOff;
    }

    synchronized void callOff() {
        if (state == State.RUNNING) {
            state = State.CALLED_OFF;
            thread.interrupt();
        }
    }

    /** The call came back. Returns how it stood; a pending interrupt of ours is taken away. */
    synchronized State finish() {
        State was = state;
        if (was != State.ABANDONED) {
            state = State.FINISHED;
        }
        Thread.interrupted();
        return was;
    }
}
